package eventlog

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/upright-clinic/upright/services/platform/sqldb"
)

const (
	// takeOver is how often a process that stands by tries to become the active one.
	takeOver = time.Second
	// lockCheck is how often the active one makes sure that its lock is still there.
	lockCheck = 5 * time.Second
)

// runActive runs work while this process holds the database's lock of the name, again
// whenever it ends with an error or the lock is lost, until ctx ends. While another
// process holds it, standBy runs now and then; it may be nil.
func runActive(
	ctx context.Context, db *sqldb.DB, name string, log *slog.Logger,
	work func(context.Context) error, standBy func(context.Context),
) {
	for failures := 0; ctx.Err() == nil; {
		held, err := exclusively(ctx, db, name, work)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			failures++
			log.LogAttrs(ctx, slog.LevelWarn, "event work starts over",
				slog.String("lock", name), slog.Int("failures", failures), slog.Any("error", err))
			pause(ctx, backoff(failures))
			continue
		case !held:
			if standBy != nil {
				standBy(ctx)
			}
			pause(ctx, takeOver)
		}
		failures = 0
	}
}

// held are the locks of this process on SQLite, whose file no other process has.
var held sync.Map // of heldLock

type heldLock struct {
	db   *sqldb.DB
	name string
}

// exclusively runs work while it holds the lock, or reports false when somebody else
// does. The context of work ends when the lock is lost.
func exclusively(ctx context.Context, db *sqldb.DB, name string, work func(context.Context) error) (got bool, err error) {
	if db.Dialect() == sqldb.SQLite {
		if _, taken := held.LoadOrStore(heldLock{db, name}, true); taken {
			return false, nil
		}
		defer held.Delete(heldLock{db, name})
		return true, work(ctx)
	}
	// The lock goes with the session, however that ends. This transaction holds nothing
	// else: at READ COMMITTED it has no snapshot while it waits, so it is in nobody's way.
	var workErr error
	err = db.Write(ctx, func(tx *sqldb.Tx) error {
		err := tx.QueryRow(`select pg_try_advisory_xact_lock(hashtextextended(current_schema() || '.' || $1, 0))`, name).Scan(&got)
		if err != nil || !got {
			return err
		}
		work, done := start(ctx, work)
		check := time.NewTicker(lockCheck)
		defer check.Stop()
		for {
			select {
			case workErr = <-done:
				return nil
			case <-check.C:
				var one int
				if err := tx.QueryRow(`select 1`).Scan(&one); err != nil {
					work()
					workErr = <-done
					return err
				}
			}
		}
	})
	if workErr != nil {
		return got, workErr
	}
	return got, err
}

// start runs f beside the caller, who may cancel it and receives its error.
func start(ctx context.Context, f func(context.Context) error) (context.CancelFunc, <-chan error) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() {
		defer cancel()
		done <- f(ctx)
	}()
	return cancel, done
}

// longestRetry is the longest pause after failures.
const longestRetry = 5 * time.Second

// backoff is the pause after so many failures in a row.
func backoff(failures int) time.Duration {
	return jitter(min(50*time.Millisecond<<min(failures, 10), longestRetry))
}

// jitter makes a pause up to a quarter longer, so that processes do not march in step.
func jitter(d time.Duration) time.Duration {
	return d + rand.N(d/4+1) //nolint:gosec // jitter, not a secret
}

// pause waits and reports true, or false as soon as ctx ends.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// await waits for a bell, at most as long as d.
func await(ctx context.Context, d time.Duration, bell <-chan struct{}) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-bell:
	case <-t.C:
	}
}
