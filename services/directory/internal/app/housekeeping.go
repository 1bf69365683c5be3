package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/upright-clinic/upright/services/directory/internal/store"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

const (
	// trimEvery is how soon after a crowd of sign-ins the memory of their hashes goes back.
	trimEvery = 15 * time.Second
	// purgeEvery is how often rows that nobody needs any more are removed.
	purgeEvery = 10 * time.Minute
	// purgeBatch bounds how many of each kind at once, so that no write is long.
	purgeBatch = 2000
	// forgetAttempts is long after every failure has been forgiven.
	forgetAttempts = 48 * time.Hour
)

// Housekeeping removes ended sessions, forgiven failures and old request ids, and gives
// memory back, until the context ends.
func (a *App) Housekeeping(ctx context.Context) {
	trim, purge := time.NewTicker(trimEvery), time.NewTicker(purgeEvery)
	defer trim.Stop()
	defer purge.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-trim.C:
			a.passwords.trim()
		case <-purge.C:
			if err := a.Purge(ctx); err != nil && ctx.Err() == nil {
				a.log.WarnContext(ctx, "rows that nobody needs were not removed", slog.Any("error", err)) // the next round tries again
			}
		}
	}
}

// Purge removes what housekeeping removes, once. None of it can be seen any more, so nothing
// depends on when it runs.
func (a *App) Purge(ctx context.Context) error {
	now := a.clock.Now()
	for _, purge := range []func(tx *sqldb.Tx) (int64, error){
		func(tx *sqldb.Tx) (int64, error) { return store.PurgeSessions(tx, now, purgeBatch) },
		func(tx *sqldb.Tx) (int64, error) {
			return store.PurgeAttempts(tx, now.Add(-forgetAttempts), purgeBatch)
		},
		func(tx *sqldb.Tx) (int64, error) { return requestid.Purge(tx, now, purgeBatch) },
	} {
		for more := true; more; {
			err := a.db.Write(ctx, func(tx *sqldb.Tx) error {
				n, err := purge(tx)
				more = n == purgeBatch
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}
