package app

import (
	"context"
	"slices"

	"google.golang.org/protobuf/proto"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/plans/internal/plan"
	"github.com/upright-clinic/upright/services/plans/internal/referral"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/civil"
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
			first := r.Date
			for _, e := range entries {
				if e.CourseID == course.ID && delivered(e) {
					r.AtSessions++
					if e.LocalDate.Before(first) {
						first = e.LocalDate
					}
				}
			}
			if err := pl.Record(r); err != nil {
				return nil, err
			}
			if err := a.referFailed(ctx, tx, head, *pl, r, first); err != nil {
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

// referFailed proposes a specialist when a course has gone on for weeks without change
// (F102).
func (a *App) referFailed(ctx context.Context, tx *sqldb.Tx, head store.Head, pl plan.Plan, r plan.Review, first civil.Date) error {
	failed := r.Response == "NO_CHANGE" || r.Response == "WORSE"
	if !failed || first.DaysUntil(r.Date) < 7*a.cfg.Referrals.FailedAfterWeeks.Value {
		return nil
	}
	origin := referral.Referral{Trigger: "REVIEW", PlanID: pl.ID, OriginPatientID: pl.OriginPatientID}
	return a.proposeReferrals(ctx, tx, head, origin, []string{"WEEK_6_REVIEW"})
}
