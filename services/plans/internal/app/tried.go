package app

import (
	"cmp"
	"slices"

	"github.com/upright-clinic/upright/services/plans/internal/outcome"
	"github.com/upright-clinic/upright/services/plans/internal/plan"
	"github.com/upright-clinic/upright/services/plans/internal/referral"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// trialsOf gives what became of conservative care, as the surgery gate asks for it: what was
// recorded by hand, oldest first, and of what was not, what delivered sessions show.
func (a *App) trialsOf(tx *sqldb.Tx, clinicID, patientID string) ([]referral.Trial, error) {
	rows, err := store.Trials(tx, clinicID, patientID)
	if err != nil {
		return nil, err
	}
	var out []referral.Trial
	for _, t := range rows {
		out = append(out, referral.Trial{Modality: t.Modality, Outcome: t.Outcome, Reason: t.Reason, PlanID: t.PlanID})
	}
	courses, err := a.coursesTried(tx, clinicID, patientID)
	if err != nil {
		return nil, err
	}
	return append(out, a.cfg.Referrals.Surgery.Computed(courses, a.cfg.Outcomes.Stop.AfterSessions, out)...), nil
}

// allPlans bounds how many plans of a person are looked at for what was tried.
const allPlans = 200

// coursesTried gives the courses of a person's plans of which a session was delivered, the
// oldest plan first, with what the measures around the plan say.
func (a *App) coursesTried(tx *sqldb.Tx, clinicID, patientID string) ([]referral.Tried, error) {
	plans, err := store.Plans(tx, clinicID, patientID, "", 0, "", allPlans)
	if err != nil || len(plans) == 0 {
		return nil, err
	}
	entries, err := store.EntriesOfPatient(tx, clinicID, patientID)
	if err != nil {
		return nil, err
	}
	rows, err := store.Outcomes(tx, clinicID, patientID, "", "")
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(plans, func(x, y plan.Plan) int {
		return cmp.Or(x.StartDate.Compare(y.StartDate), cmp.Compare(x.ID, y.ID))
	})
	effects := map[string]referral.Effect{outcome.Better: referral.Improved, outcome.NoChange: referral.Unchanged}
	var out []referral.Tried
	for _, p := range plans {
		effect := effects[a.cfg.Outcomes.Verdict(pointsOf(rows, p))]
		for _, c := range p.Courses {
			n := 0
			for _, s := range sessionsOf(entries, p.ID, c.ID) {
				if s.Delivered {
					n++
				}
			}
			if n > 0 {
				out = append(out, referral.Tried{Modality: c.Discipline, PlanID: p.ID, Planned: c.Sessions, Delivered: n, Effect: effect})
			}
		}
	}
	return out, nil
}
