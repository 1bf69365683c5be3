package app

import (
	"context"
	"errors"
	"log/slog"

	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/failpoint"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// resolveBatch is the most claims that one round asks about.
const resolveBatch = 100

// ResolveHeld asks booking about claims that have waited too long for their outcome, and
// applies what it has recorded (architecture section 6, step 5). The clock only decides
// when to ask: a claim that booking does not answer for keeps counting. It returns how many
// were resolved, and the first error; the others are asked about all the same.
func (a *App) ResolveHeld(ctx context.Context) (int, error) {
	var held []store.Entry
	err := a.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		held, err = store.HeldBefore(tx, a.clock.Now().Add(-a.cfg.ResolveAfter), resolveBatch)
		return err
	})
	resolved := 0
	for _, e := range held {
		if ctx.Err() != nil {
			break
		}
		one := a.resolve(ctx, e)
		if one == nil {
			resolved++
			continue
		}
		a.log.LogAttrs(ctx, slog.LevelWarn, "a claim waits for its outcome",
			slog.String("clinic_id", e.ClinicID), slog.String("entitlement_id", e.ID), slog.Any("error", one))
		err = errors.Join(err, one)
	}
	return resolved, err
}

func (a *App) resolve(ctx context.Context, e store.Entry) error {
	failpoint.Hit("plans.resolve_asking")
	o, err := a.asks.Resolve(ctx, e.ClinicID, e.ID)
	if err != nil {
		return err
	}
	failpoint.Hit("plans.resolve_answered")
	o.ClinicID, o.EntitlementID = e.ClinicID, e.ID
	return a.db.Write(ctx, func(tx *sqldb.Tx) error { return a.applyOutcome(ctx, tx, o) })
}
