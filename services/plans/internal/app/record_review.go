package app

import (
	"context"
	"slices"

	"google.golang.org/protobuf/proto"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/plans/internal/plan"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// RecordReview records a clinician's review of a course, which lets the course go on past a
// review point and may add sessions. It fails with PROFESSION_REQUIRED unless the clinician
// gives the care or is a physician, NOT_FOUND for an unknown course, PLAN_STATE unless the
// plan is active or paused.
func (a *App) RecordReview(ctx context.Context, ref PlanRef, r plan.Review) (PlanView, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return PlanView{}, err
	}
	return a.changePlan(ctx, p, "PlanService.RecordReview", "plan.review", ref,
		func(tx *sqldb.Tx, head store.Head, pl *plan.Plan) (proto.Message, error) {
			course, ok := pl.Course(r.CourseID, "")
			if !ok {
				return nil, fault.NotFoundf("course")
			}
			limits, _ := a.cfg.Catalogue.Discipline(course.Discipline)
			if word := profession(p); len(limits.Professions) > 0 && word != "PHYSICIAN" && !slices.Contains(limits.Professions, word) {
				return nil, fault.New(fault.PermissionDenied, "PROFESSION_REQUIRED", "A review is made by somebody who gives the care, or a physician.").
					With("discipline", course.Discipline)
			}
			entries, err := store.EntriesOfPlan(tx, clinicID, pl.ID)
			if err != nil {
				return nil, err
			}
			if r.Date, err = todayIn(tx, clinicID); err != nil {
				return nil, err
			}
			r.CourseID, r.Practitioner, r.At, r.AtSessions = course.ID, p.PractitionerID, tx.Now(), 0
			for _, e := range entries {
				if e.CourseID == course.ID && delivered(e) {
					r.AtSessions++
				}
			}
			if err := pl.Record(r); err != nil {
				return nil, err
			}
			due := func(i store.Issue) bool {
				return i.Rule == RuleReviewDue && i.PlanID == pl.ID && slices.Contains(i.Codes, course.ID)
			}
			if err := settleIssues(ctx, tx, head, p.Subject, "NOT_AN_ISSUE", due); err != nil {
				return nil, err
			}
			return &plansv1.PlanChanged{ClinicId: clinicID, PlanId: pl.ID, PatientId: head.PatientID, Version: pl.Version + 1}, nil
		})
}
