package app

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"google.golang.org/protobuf/proto"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/plans/internal/plan"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// expireBatch is the most plans that one round closes.
const expireBatch = 100

// CloseExpired closes plans whose last day is over at their clinic, as EXPIRED. It takes
// nothing away: no session of theirs was granted any more. It returns how many were closed,
// and the first error; the others are tried all the same.
func (a *App) CloseExpired(ctx context.Context) (int, error) {
	var due []store.PlanKey
	err := a.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		// A clinic may be a day ahead of UTC; whether its day is over is looked at again below.
		due, err = store.ExpiredBefore(tx, civil.Of(a.clock.Now(), time.UTC).AddDays(1), expireBatch)
		return err
	})
	closed := 0
	for _, k := range due {
		if ctx.Err() != nil {
			break
		}
		done, one := a.expire(ctx, k)
		if one != nil {
			a.log.LogAttrs(ctx, slog.LevelWarn, "a plan that is over stays open",
				slog.String("clinic_id", k.ClinicID), slog.String("plan_id", k.PlanID), slog.Any("error", one))
			err = errors.Join(err, one)
		}
		if done {
			closed++
		}
	}
	return closed, err
}

func (a *App) expire(ctx context.Context, k store.PlanKey) (bool, error) {
	today, err := a.today(ctx, k.ClinicID)
	if err != nil {
		return false, err
	}
	closed := false
	ctx = authn.WithService(ctx, Service, k.ClinicID)
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		closed = false
		head, pl, err := lockPlan(tx, k.ClinicID, k.PlanID)
		if err != nil {
			return err
		}
		if !pl.Over(today) {
			return nil
		}
		closed = true
		return applyChange(ctx, tx, head, &pl, "plan.expire", Service, func(tx *sqldb.Tx, head store.Head, pl *plan.Plan) (proto.Message, error) {
			if err := pl.Close("EXPIRED", tx.Now()); err != nil {
				return nil, err
			}
			if err := raiseBooked(ctx, tx, head, RulePlanClosed, pl.ID); err != nil {
				return nil, err
			}
			return &plansv1.PlanClosed{ClinicId: k.ClinicID, PlanId: pl.ID, PatientId: head.PatientID, Version: pl.Version + 1}, nil
		})
	})
	return closed && err == nil, err
}
