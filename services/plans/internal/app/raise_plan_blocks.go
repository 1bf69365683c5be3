package app

import (
	"context"
	"slices"

	"github.com/upright-clinic/upright/services/plans/internal/plan"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// openPlans bounds how many plans of a person are looked at: nobody has so many in force.
const openPlans = 50

// raisePlanBlocks raises the issues of open plans: those in force or paused that have a
// course which what is known of the patient now forbids, or that now waits for a release,
// and no session to come that says so already.
func raisePlanBlocks(ctx context.Context, tx *sqldb.Tx, head store.Head, b plan.Blocks, coming []store.Entry) error {
	if len(b.Hard) == 0 && len(b.Soft) == 0 {
		return nil
	}
	for _, state := range []plan.State{plan.Active, plan.Paused} {
		plans, err := store.Plans(tx, head.ClinicID, head.PatientID, string(state), 0, "", openPlans)
		if err != nil {
			return err
		}
		for i := range plans {
			for _, c := range plans[i].Courses {
				if err := raiseCourseBlock(ctx, tx, head, b, plans[i].ID, c, coming); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func raiseCourseBlock(ctx context.Context, tx *sqldb.Tx, head store.Head, b plan.Blocks, planID string, c plan.Course, coming []store.Entry) error {
	said := func(e store.Entry) bool { return e.PlanID == planID && e.Discipline == c.Discipline }
	if slices.ContainsFunc(coming, said) {
		return nil
	}
	rule, severity := RuleBlocked, "HIGH"
	codes, soft := b.Against(c)
	if len(codes) == 0 {
		rule, severity, codes = RuleRelease, "MODERATE", soft
	}
	if len(codes) == 0 {
		return nil
	}
	_, err := raise(ctx, tx, head, store.Issue{Rule: rule, Severity: severity, PlanID: planID, Discipline: c.Discipline, Codes: codes})
	return err
}
