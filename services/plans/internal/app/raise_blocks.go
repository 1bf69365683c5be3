package app

import (
	"context"
	"slices"
	"strings"

	"github.com/upright-clinic/upright/services/plans/internal/plan"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// raiseBlocks raises the issues of sessions that what is known of the patient now forbids,
// or that now wait for a release: because of their kind of care or of something that is done
// within them. There is one issue for each kind of care and set of contraindications.
func raiseBlocks(ctx context.Context, tx *sqldb.Tx, head store.Head, b plan.Blocks, entries []store.Entry) error {
	var issues []store.Issue
	courses := map[string]plan.Plan{}
	for _, e := range entries {
		course, err := courseOf(tx, courses, e)
		if err != nil {
			return err
		}
		rule, severity := RuleBlocked, "HIGH"
		codes, soft := b.Against(course)
		if len(codes) == 0 {
			rule, severity, codes = RuleRelease, "MODERATE", soft
		}
		if len(codes) == 0 {
			continue
		}
		i := slices.IndexFunc(issues, func(i store.Issue) bool {
			return i.Rule == rule && i.Discipline == e.Discipline && slices.Equal(i.Codes, codes)
		})
		if i < 0 {
			issues = append(issues, store.Issue{Rule: rule, Severity: severity, Discipline: e.Discipline, Codes: codes})
			i = len(issues) - 1
		}
		issues[i].Appointments = append(issues[i].Appointments, concerned(e)...)
	}
	slices.SortStableFunc(issues, func(a, b store.Issue) int { return strings.Compare(a.Discipline, b.Discipline) })
	for _, i := range issues {
		if _, err := raise(ctx, tx, head, i); err != nil {
			return err
		}
	}
	return nil
}

// courseOf gives the course of a session, reading each plan once; of a session without a
// plan here only the kind of care is known.
func courseOf(tx *sqldb.Tx, plans map[string]plan.Plan, e store.Entry) (plan.Course, error) {
	bare := plan.Course{Discipline: e.Discipline}
	if e.PlanID == "" {
		return bare, nil
	}
	p, read := plans[e.PlanID]
	if !read {
		var err error
		if p, err = store.PlanByID(tx, e.ClinicID, e.PlanID); err != nil && !fault.Is(err, "NOT_FOUND") {
			return bare, err
		}
		plans[e.PlanID] = p
	}
	if c, ok := p.Course(e.CourseID, e.Discipline); ok {
		return c, nil
	}
	return bare, nil
}
