package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/upright-clinic/upright/services/booking/internal/peer"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/failpoint"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// orphanAge is how old an open attempt must be before another process may end it: longer than
// any request runs. Ending one that still runs is safe, and only makes its caller try again.
const orphanAge = 20 * time.Second

// recoverBatch bounds how many attempts one round ends.
const recoverBatch = 200

// RecoverAttempts ends open attempts VOID whose process has gone, and returns how many. A
// client that asks again with the same request id gets the next attempt; nobody is given an
// appointment that they were told had failed. At a start with a database of its own (SQLite)
// every attempt from before it is such a one.
func (a *App) RecoverAttempts(ctx context.Context, start bool) (int, error) {
	before := a.Clock.Now().Add(-orphanAge)
	if start && a.DB.Dialect() == sqldb.SQLite {
		before = a.started
	}
	var open []store.AttemptKey
	err := a.DB.Read(ctx, func(tx *sqldb.Tx) (err error) {
		open, err = store.OpenAttempts(tx, before, recoverBatch)
		return err
	})
	if err != nil {
		return 0, err
	}
	for i, key := range open {
		failpoint.Hit("booking.recovering")
		ctx := authn.WithService(ctx, peer.Service, key.ClinicID)
		if _, _, err := a.voidAttempt(ctx, key.ClinicID, key.ID, errVoided); err != nil {
			return i, err
		}
		a.Log.LogAttrs(ctx, slog.LevelInfo, "attempt ended by recovery", slog.String("attempt_id", key.ID))
	}
	return len(open), nil
}
