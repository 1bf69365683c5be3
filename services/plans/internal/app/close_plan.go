package app

import (
	"cmp"
	"context"
	"slices"

	"google.golang.org/protobuf/proto"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/plans/internal/plan"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/failpoint"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// ClosePlan ends a plan for good. Sessions that are booked become an issue; one that is only
// claimed now and booked after becomes one then. When that is confirmed they are cancelled.
// PLAN_STATE when the plan is closed.
func (a *App) ClosePlan(ctx context.Context, ref PlanRef, reason string, withdraw bool) (PlanView, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return PlanView{}, err
	}
	return a.changePlan(ctx, p, "PlanService.ClosePlan", "plan.close", ref,
		func(tx *sqldb.Tx, head store.Head, pl *plan.Plan) (proto.Message, error) {
			if err := pl.Close(cmp.Or(reason, "COMPLETED"), tx.Now()); err != nil {
				return nil, err
			}
			if err := ended(ctx, tx, &head, RulePlanClosed, pl, withdraw); err != nil {
				return nil, err
			}
			failpoint.Hit("plans.close_before_commit")
			return &plansv1.PlanClosed{ClinicId: clinicID, PlanId: pl.ID, PatientId: head.PatientID, Version: pl.Version + 1}, nil
		})
}

// PausePlan stops new sessions until the plan is resumed; booked ones become an issue and,
// when that is confirmed, are cancelled. PLAN_STATE unless the plan is active.
func (a *App) PausePlan(ctx context.Context, ref PlanRef, withdraw bool) (PlanView, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return PlanView{}, err
	}
	return a.changePlan(ctx, p, "PlanService.PausePlan", "plan.pause", ref,
		func(tx *sqldb.Tx, head store.Head, pl *plan.Plan) (proto.Message, error) {
			if err := pl.Pause(); err != nil {
				return nil, err
			}
			if err := ended(ctx, tx, &head, RulePlanPaused, pl, withdraw); err != nil {
				return nil, err
			}
			return &plansv1.PlanChanged{ClinicId: clinicID, PlanId: pl.ID, PatientId: head.PatientID, Version: pl.Version + 1}, nil
		})
}

// ResumePlan lets a paused plan grant sessions again, and settles the issue of its pause.
// PLAN_STATE unless the plan is paused.
func (a *App) ResumePlan(ctx context.Context, ref PlanRef) (PlanView, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return PlanView{}, err
	}
	return a.changePlan(ctx, p, "PlanService.ResumePlan", "plan.resume", ref,
		func(tx *sqldb.Tx, head store.Head, pl *plan.Plan) (proto.Message, error) {
			if err := pl.Resume(); err != nil {
				return nil, err
			}
			if err := settleIssues(ctx, tx, head, p.Subject, "NOT_AN_ISSUE", func(i store.Issue) bool { return i.Rule == RulePlanPaused && i.PlanID == pl.ID }); err != nil {
				return nil, err
			}
			return &plansv1.PlanChanged{ClinicId: clinicID, PlanId: pl.ID, PatientId: head.PatientID, Version: pl.Version + 1}, nil
		})
}

// CancelSessions confirms that the sessions to come of a plan that is paused or closed are
// cancelled. PLAN_STATE otherwise.
func (a *App) CancelSessions(ctx context.Context, ref PlanRef) (PlanView, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return PlanView{}, err
	}
	return a.changePlan(ctx, p, "PlanService.CancelPlanSessions", "plan.cancel_sessions", ref,
		func(tx *sqldb.Tx, head store.Head, pl *plan.Plan) (proto.Message, error) {
			if err := withdraw(ctx, tx, &head, pl); err != nil {
				return nil, err
			}
			return &plansv1.PlanChanged{ClinicId: clinicID, PlanId: pl.ID, PatientId: head.PatientID, Version: pl.Version + 1}, nil
		})
}

// ended raises the issue of a plan's sessions that are booked and have not begun, and has
// them cancelled when that is confirmed.
func ended(ctx context.Context, tx *sqldb.Tx, head *store.Head, rule string, pl *plan.Plan, confirmed bool) error {
	if err := raiseBooked(ctx, tx, *head, rule, pl.ID); err != nil || !confirmed {
		return err
	}
	return withdraw(ctx, tx, head, pl)
}

// withdraw tells booking to cancel a plan's sessions to come. One that is only claimed now is
// withdrawn when its booking is heard of.
func withdraw(ctx context.Context, tx *sqldb.Tx, head *store.Head, pl *plan.Plan) error {
	if err := pl.Withdraw(); err != nil {
		return err
	}
	entries, err := store.EntriesOfPlan(tx, head.ClinicID, pl.ID)
	if err != nil {
		return err
	}
	return tellWithdrawn(ctx, tx, head, pl.ID, booked(toCome(entries, tx)))
}

// booked are the entries that are booked.
func booked(entries []store.Entry) []store.Entry {
	return slices.DeleteFunc(entries, func(e store.Entry) bool { return e.State != Confirmed })
}

func tellWithdrawn(ctx context.Context, tx *sqldb.Tx, head *store.Head, planID string, entries []store.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	version, err := head.Next(tx)
	if err != nil {
		return err
	}
	m := &plansv1.SessionsWithdrawn{ClinicId: head.ClinicID, PatientId: head.PatientID, PlanId: planID}
	for _, e := range entries {
		m.AppointmentIds = append(m.AppointmentIds, e.AppointmentID)
	}
	return eventlog.Append(ctx, tx, eventlog.Event{AggregateType: "ledger", AggregateID: head.PatientID, AggregateVersion: version, Message: m})
}

// raiseBooked raises the issue of a plan's sessions that are booked and have not begun.
func raiseBooked(ctx context.Context, tx *sqldb.Tx, head store.Head, rule, planID string) error {
	entries, err := store.EntriesOfPlan(tx, head.ClinicID, planID)
	if err != nil {
		return err
	}
	return raisePlan(ctx, tx, head, rule, planID, booked(toCome(entries, tx)))
}
