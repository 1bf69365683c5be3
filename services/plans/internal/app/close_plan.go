package app

import (
	"cmp"
	"context"
	"slices"

	"google.golang.org/protobuf/proto"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/plans/internal/plan"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/failpoint"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// ClosePlan ends a plan for good. Sessions that are booked become an issue; one that is only
// claimed now and booked after becomes one then. PLAN_STATE when the plan is closed.
func (a *App) ClosePlan(ctx context.Context, ref PlanRef, reason string) (PlanView, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return PlanView{}, err
	}
	return a.changePlan(ctx, p, "PlanService.ClosePlan", "plan.close", ref,
		func(tx *sqldb.Tx, head store.Head, pl *plan.Plan) (proto.Message, error) {
			if err := pl.Close(cmp.Or(reason, "COMPLETED"), tx.Now()); err != nil {
				return nil, err
			}
			if err := raiseBooked(ctx, tx, head, RulePlanClosed, pl.ID); err != nil {
				return nil, err
			}
			failpoint.Hit("plans.close_before_commit")
			return &plansv1.PlanClosed{ClinicId: clinicID, PlanId: pl.ID, PatientId: head.PatientID, Version: pl.Version + 1}, nil
		})
}

// PausePlan stops new sessions until the plan is resumed; booked ones become an issue.
// PLAN_STATE unless the plan is active.
func (a *App) PausePlan(ctx context.Context, ref PlanRef) (PlanView, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return PlanView{}, err
	}
	return a.changePlan(ctx, p, "PlanService.PausePlan", "plan.pause", ref,
		func(tx *sqldb.Tx, head store.Head, pl *plan.Plan) (proto.Message, error) {
			if err := pl.Pause(); err != nil {
				return nil, err
			}
			if err := raiseBooked(ctx, tx, head, RulePlanPaused, pl.ID); err != nil {
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
			if err := settleIssues(tx, head, p.Subject, func(i store.Issue) bool { return i.Rule == RulePlanPaused && i.PlanID == pl.ID }); err != nil {
				return nil, err
			}
			return &plansv1.PlanChanged{ClinicId: clinicID, PlanId: pl.ID, PatientId: head.PatientID, Version: pl.Version + 1}, nil
		})
}

// raiseBooked raises the issue of a plan's sessions that are booked and have not begun.
func raiseBooked(ctx context.Context, tx *sqldb.Tx, head store.Head, rule, planID string) error {
	entries, err := store.EntriesOfPlan(tx, head.ClinicID, planID)
	if err != nil {
		return err
	}
	booked := slices.DeleteFunc(toCome(entries, tx), func(e store.Entry) bool { return e.State != Confirmed })
	return raisePlan(ctx, tx, head, rule, planID, booked)
}

// settleIssues decides open issues of a person whose cause is gone, in the name of whoever
// removed it.
func settleIssues(tx *sqldb.Tx, head store.Head, by string, which func(store.Issue) bool) error {
	open, err := store.OpenIssues(tx, head.ClinicID, head.PatientID)
	if err != nil {
		return err
	}
	for _, i := range open {
		if !which(i) {
			continue
		}
		i.State, i.Resolution, i.ResolvedBy, i.ResolvedAt = Resolved, "NOT_AN_ISSUE", by, tx.Now()
		if err := store.UpdateIssue(tx, head.ClinicID, &i); err != nil {
			return err
		}
	}
	return nil
}
