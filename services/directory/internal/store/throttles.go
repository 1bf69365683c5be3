package store

import (
	"errors"
	"time"

	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// LockAttempts reads what is remembered of a key's failures and keeps others from counting at
// the same time, until the transaction ends.
func LockAttempts(tx *sqldb.Tx, key string) (a people.Attempts, err error) {
	now := sqldb.Micros(tx.Now())
	_, err = tx.Exec(`insert into throttles (throttle_key, failures, last_at, blocked_until_at) values ($1, 0, $2, $2) on conflict do nothing`, key, now)
	if err != nil {
		return a, err
	}
	var last, until int64
	err = tx.QueryRow(`select failures, last_at, blocked_until_at from throttles where throttle_key = $1`+tx.ForUpdate(), key).Scan(&a.Failures, &last, &until)
	if errors.Is(err, sqldb.ErrNoRows) { // purged between the two statements
		return people.Attempts{LastAt: tx.Now(), BlockedUntil: tx.Now()}, nil
	}
	a.LastAt, a.BlockedUntil = sqldb.Time(last), sqldb.Time(until)
	return a, err
}

// SaveAttempts writes what LockAttempts read.
func SaveAttempts(tx *sqldb.Tx, key string, a people.Attempts) error {
	_, err := tx.Exec(`insert into throttles (throttle_key, failures, last_at, blocked_until_at) values ($1, $2, $3, $4)
		on conflict (throttle_key) do update set failures = excluded.failures, last_at = excluded.last_at, blocked_until_at = excluded.blocked_until_at`,
		key, a.Failures, sqldb.Micros(a.LastAt), sqldb.Micros(a.BlockedUntil))
	return err
}

// PurgeAttempts removes what was not counted since before, at most limit of it.
func PurgeAttempts(tx *sqldb.Tx, before time.Time, limit int) (int64, error) {
	return tx.Exec(`delete from throttles where throttle_key in
		(select throttle_key from throttles where last_at < $1 and blocked_until_at < $1 order by last_at limit $2)`, sqldb.Micros(before), limit)
}
