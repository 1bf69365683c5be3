package app

import (
	"time"

	"github.com/upright-clinic/upright/services/plans/internal/outcome"
	"github.com/upright-clinic/upright/services/plans/internal/plan"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// baselineDays is how long before a plan's first day a first answer may lie, and how long
// after its end a last one.
const baselineDays = 28

// reviewDue reports whether a review of the course is due: a review point was reached, or the
// outcomes show that the sessions since the last review have changed nothing.
func (a *App) reviewDue(tx *sqldb.Tx, clinicID string, p plan.Plan, c plan.Course, sessions []plan.Session, today civil.Date) (bool, error) {
	if _, due := plan.DueReview(c, p.ReviewsOf(c.ID), sessions, today); due {
		return true, nil
	}
	return a.stalled(tx, clinicID, p, c, sessions)
}

// stalled applies the stop rule to a course. Outcomes are read only when enough sessions were
// delivered, so that most claims cost nothing more.
func (a *App) stalled(tx *sqldb.Tx, clinicID string, p plan.Plan, c plan.Course, sessions []plan.Session) (bool, error) {
	set := a.cfg.Outcomes
	since := plan.SinceReview(p.ReviewsOf(c.ID), sessions)
	if set.Stop.Mode != "enforce" || since < set.Stop.AfterSessions {
		return false, nil
	}
	rows, err := store.Outcomes(tx, clinicID, p.PatientID, "", "")
	if err != nil {
		return false, err
	}
	return set.Stalled(since, pointsOf(rows, p)), nil
}

// pointsOf are the outcomes, by instrument and oldest first, that tell what a plan has changed:
// from shortly before its start until shortly after its end.
func pointsOf(rows []store.Outcome, p plan.Plan) map[string][]outcome.Point {
	points := map[string][]outcome.Point{}
	for _, o := range rows {
		over := !p.ClosedAt.IsZero() && o.Date.After(civil.Of(p.ClosedAt, time.UTC).AddDays(baselineDays))
		if !o.InError && !over && !o.Date.Before(p.StartDate.AddDays(-baselineDays)) {
			points[o.Instrument] = append(points[o.Instrument], o.Point())
		}
	}
	return points
}
