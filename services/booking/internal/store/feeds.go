package store

import (
	"errors"
	"fmt"
	"time"

	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Feed is a secret address at which calendar programs read appointments.
type Feed struct {
	ClinicID, ID           string
	SubjectKind, SubjectID string
	ShowNames              bool
	SecretHash             string
	AccountID              string
	CreatedAt              time.Time
	// RevokedAt is zero for a feed that can be read.
	RevokedAt time.Time
}

const feedColumns = `clinic_id, calendar_feed_id, subject_kind, subject_id, show_names, secret_hash, account_id, created_at, revoked_at`

// InsertFeed adds the row.
func InsertFeed(tx *sqldb.Tx, f *Feed) error {
	_, err := tx.Exec(`insert into calendar_feeds (`+feedColumns+`) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		f.ClinicID, f.ID, f.SubjectKind, f.SubjectID, f.ShowNames, f.SecretHash, f.AccountID, sqldb.Micros(f.CreatedAt), optional(f.RevokedAt))
	if err != nil {
		return fmt.Errorf("store: insert a calendar feed: %w", err)
	}
	return nil
}

// RevokeFeed ends a feed, if it has not ended.
func RevokeFeed(tx *sqldb.Tx, clinicID, id string, at time.Time) error {
	_, err := tx.Exec(`update calendar_feeds set revoked_at = $3 where clinic_id = $1 and calendar_feed_id = $2 and revoked_at = 0`,
		clinicID, id, sqldb.Micros(at))
	if err != nil {
		return fmt.Errorf("store: revoke a calendar feed: %w", err)
	}
	return nil
}

// GetFeed returns a feed, revoked or not; nil when there is none.
func GetFeed(tx *sqldb.Tx, clinicID, id string) (*Feed, error) {
	return getFeed(tx, `select `+feedColumns+` from calendar_feeds where clinic_id = $1 and calendar_feed_id = $2`, clinicID, id)
}

// FeedBySecret returns the feed that can be read with a secret, nil when there is none.
func FeedBySecret(tx *sqldb.Tx, hash string) (*Feed, error) {
	return getFeed(tx, `select `+feedColumns+` from calendar_feeds where secret_hash = $1 and revoked_at = 0`, hash)
}

func getFeed(tx *sqldb.Tx, query string, args ...any) (*Feed, error) {
	f, err := scanFeed(tx.QueryRow(query, args...))
	if errors.Is(err, sqldb.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("store: read a calendar feed: %w", err)
	}
	return f, nil
}

func scanFeed(row scanner) (*Feed, error) {
	f := &Feed{}
	var created, revoked int64
	err := row.Scan(&f.ClinicID, &f.ID, &f.SubjectKind, &f.SubjectID, &f.ShowNames, &f.SecretHash, &f.AccountID, &created, &revoked)
	f.CreatedAt, f.RevokedAt = sqldb.Time(created), fromOptional(revoked)
	return f, err
}

// ListFeeds returns the clinic's feeds that can be read, the newest first; of one subject, or
// with an empty one of all.
func ListFeeds(tx *sqldb.Tx, clinicID, subjectID string) (list []*Feed, err error) {
	rows, err := tx.Query(`select `+feedColumns+` from calendar_feeds
		where clinic_id = $1 and revoked_at = 0 and (subject_id = $2 or $2 = '') order by created_at desc, calendar_feed_id`, clinicID, subjectID)
	if err != nil {
		return nil, fmt.Errorf("store: list calendar feeds: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		f, err := scanFeed(rows)
		if err != nil {
			return nil, fmt.Errorf("store: read a calendar feed: %w", err)
		}
		list = append(list, f)
	}
	return list, rows.Err()
}

// ListResource returns the appointments of a practitioner or a room over a run of civil dates,
// by start: what has claims is found by them, what was cancelled by its date.
func ListResource(tx *sqldb.Tx, clinicID, resourceID string, from, to civil.Date) ([]*Appointment, error) {
	// Wide enough for any zone; each appointment is then asked for its own date.
	first, last := sqldb.Micros(from.AddDays(-2).At(0, 0, time.UTC)), sqldb.Micros(to.AddDays(2).At(0, 0, time.UTC))
	return listAppointments(tx, `select `+appointmentColumns+` from appointments
		where clinic_id = $1 and local_date >= $3 and local_date <= $4 and (practitioner_id = $2 or room_id = $2)
		  and appointment_id in (
			select holder_id from claims where clinic_id = $1 and resource_id = $2 and starts_at >= $5 and starts_at < $6
			union all
			select s.holder_id from claims c join group_seats s on s.clinic_id = c.clinic_id and s.group_session_id = c.holder_id
			where c.clinic_id = $1 and c.resource_id = $2 and c.starts_at >= $5 and c.starts_at < $6)
		union all
		select `+appointmentColumns+` from appointments
		where clinic_id = $1 and state = 'CANCELLED' and local_date >= $3 and local_date <= $4 and (practitioner_id = $2 or room_id = $2)
		order by starts_at, appointment_id`, clinicID, resourceID, from.String(), to.String(), first, last)
}
