package api

import (
	"context"
	"fmt"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/plans/internal/app"
	"github.com/upright-clinic/upright/services/plans/internal/plan"
	"github.com/upright-clinic/upright/services/platform/requestid"
)

// planServer serves PlanService.
type planServer struct {
	plansv1.UnimplementedPlanServiceServer
	app *app.App
}

func (s planServer) CreatePlan(ctx context.Context, r *plansv1.CreatePlanRequest) (*plansv1.CreatePlanResponse, error) {
	w, err := wish(r)
	if err != nil {
		return nil, err
	}
	w.TemplateID = r.GetTemplateId()
	v, err := s.app.CreatePlan(ctx, app.NewPlan{
		PatientID: r.GetPatientId(), ResponsibleID: r.GetResponsiblePractitionerId(), Wish: w, Fingerprint: requestid.Fingerprint(r),
	})
	if err != nil {
		return nil, err
	}
	return &plansv1.CreatePlanResponse{Plan: encodePlan(v)}, nil
}

func (s planServer) GetPlan(ctx context.Context, r *plansv1.GetPlanRequest) (*plansv1.GetPlanResponse, error) {
	v, err := s.app.GetPlan(ctx, r.GetClinicId(), r.GetPlanId())
	if err != nil {
		return nil, err
	}
	return &plansv1.GetPlanResponse{Plan: encodePlan(v)}, nil
}

func (s planServer) ListPlans(ctx context.Context, r *plansv1.ListPlansRequest) (*plansv1.ListPlansResponse, error) {
	views, next, err := s.app.ListPlans(ctx, r.GetClinicId(), r.GetPatientId(), r.GetState(), app.Page{Size: int(r.GetPageSize()), Token: r.GetPageToken()})
	if err != nil {
		return nil, err
	}
	return &plansv1.ListPlansResponse{Plans: each(views, encodePlan), NextPageToken: next}, nil
}

func (s planServer) UpdatePlan(ctx context.Context, r *plansv1.UpdatePlanRequest) (*plansv1.UpdatePlanResponse, error) {
	w, err := wish(r)
	if err != nil {
		return nil, err
	}
	v, err := s.app.UpdatePlan(ctx, ref(r), w, r.GetResponsiblePractitionerId())
	if err != nil {
		return nil, err
	}
	return &plansv1.UpdatePlanResponse{Plan: encodePlan(v)}, nil
}

func (s planServer) ActivatePlan(ctx context.Context, r *plansv1.ActivatePlanRequest) (*plansv1.ActivatePlanResponse, error) {
	v, err := s.app.ActivatePlan(ctx, ref(r))
	if err != nil {
		return nil, err
	}
	return &plansv1.ActivatePlanResponse{Plan: encodePlan(v)}, nil
}

func (s planServer) PausePlan(ctx context.Context, r *plansv1.PausePlanRequest) (*plansv1.PausePlanResponse, error) {
	v, err := s.app.PausePlan(ctx, ref(r), r.GetCancelFutureSessions())
	if err != nil {
		return nil, err
	}
	return &plansv1.PausePlanResponse{Plan: encodePlan(v)}, nil
}

func (s planServer) ResumePlan(ctx context.Context, r *plansv1.ResumePlanRequest) (*plansv1.ResumePlanResponse, error) {
	v, err := s.app.ResumePlan(ctx, ref(r))
	if err != nil {
		return nil, err
	}
	return &plansv1.ResumePlanResponse{Plan: encodePlan(v)}, nil
}

func (s planServer) ClosePlan(ctx context.Context, r *plansv1.ClosePlanRequest) (*plansv1.ClosePlanResponse, error) {
	v, err := s.app.ClosePlan(ctx, ref(r), r.GetReasonCode(), r.GetCancelFutureSessions())
	if err != nil {
		return nil, err
	}
	return &plansv1.ClosePlanResponse{Plan: encodePlan(v)}, nil
}

func (s planServer) CancelPlanSessions(ctx context.Context, r *plansv1.CancelPlanSessionsRequest) (*plansv1.CancelPlanSessionsResponse, error) {
	v, err := s.app.CancelSessions(ctx, ref(r))
	if err != nil {
		return nil, err
	}
	return &plansv1.CancelPlanSessionsResponse{Plan: encodePlan(v)}, nil
}

func (s planServer) RecordReview(ctx context.Context, r *plansv1.RecordReviewRequest) (*plansv1.RecordReviewResponse, error) {
	v, err := s.app.RecordReview(ctx, ref(r), plan.Review{
		CourseID: r.GetCourseId(), Outcome: r.GetOutcome(), Additional: int(r.GetAdditionalSessions()), Note: r.GetNote(),
		Response: r.GetResponse(),
	})
	if err != nil {
		return nil, err
	}
	return &plansv1.RecordReviewResponse{Plan: encodePlan(v)}, nil
}

func (s planServer) ListPlanVersions(ctx context.Context, r *plansv1.ListPlanVersionsRequest) (*plansv1.ListPlanVersionsResponse, error) {
	versions, err := s.app.ListPlanVersions(ctx, r.GetPlanId())
	if err != nil {
		return nil, err
	}
	return &plansv1.ListPlanVersionsResponse{Versions: each(versions, encodeVersion)}, nil
}

// wishes is what creating and updating have in common.
type wishes interface {
	GetCourses() []*plansv1.CourseSpec
	GetCauseCodes() []string
	GetGoals() []*plansv1.Goal
	GetDecision() *plansv1.Decision
	GetStartDate() string
	GetExpireDate() string
	GetNote() string
	GetIndication() *plansv1.Indication
}

// wish reads what a clinician wants. INVALID_ARGUMENT names a date that does not exist.
func wish(r wishes) (plan.Wish, error) {
	d := r.GetDecision()
	w := plan.Wish{
		CauseCodes: r.GetCauseCodes(), Note: r.GetNote(),
		Decision: plan.Decision{
			OptionsShown: d.GetOptionsShown(), Chosen: d.GetChosen(), DecidedBy: d.GetDecidedBy(), Note: d.GetNote(), StepUpReason: d.GetStepUpReason(),
		},
		Indication: plan.Indication{
			PainScore: int(r.GetIndication().GetPainScore()), DurationWeeks: int(r.GetIndication().GetDurationWeeks()),
		},
	}
	var err error
	if w.StartDate, err = date("start_date", r.GetStartDate()); err != nil {
		return w, err
	}
	if w.ExpireDate, err = date("expire_date", r.GetExpireDate()); err != nil {
		return w, err
	}
	if w.Goals, err = goals(r.GetGoals()); err != nil {
		return w, err
	}
	for i, c := range r.GetCourses() {
		spec, err := spec(i, c)
		if err != nil {
			return w, err
		}
		w.Courses = append(w.Courses, spec)
	}
	return w, nil
}

// goals reads goals. INVALID_ARGUMENT names a date that does not exist.
func goals(list []*plansv1.Goal) ([]plan.Goal, error) {
	var out []plan.Goal
	for i, g := range list {
		goal := plan.Goal{Code: g.GetCode(), Text: g.GetText(), Measure: g.GetMeasure(), Baseline: g.GetBaseline(), Target: g.GetTarget()}
		var err error
		if goal.DueDate, err = date(fmt.Sprintf("goals[%d].due_date", i), g.GetDueDate()); err != nil {
			return nil, err
		}
		out = append(out, goal)
	}
	return out, nil
}

func spec(i int, c *plansv1.CourseSpec) (plan.Spec, error) {
	s := plan.Spec{
		CourseID: c.GetCourseId(), Discipline: c.GetDiscipline(), Sessions: int(c.GetSessions()), PerWeekMin: int(c.GetPerWeekMin()),
		PerWeekMax: int(c.GetPerWeekMax()), Weeks: int(c.GetWeeks()), MinGapHours: int(c.GetMinGapHours()), ReviewAfter: ints(c.GetReviewAfterSessions()),
		Procedures: c.GetProcedures(),
	}
	for j, text := range c.GetPlannedDates() {
		d, err := date(fmt.Sprintf("courses[%d].planned_dates[%d]", i, j), text)
		if err != nil {
			return s, err
		}
		s.PlannedDates = append(s.PlannedDates, d)
	}
	return s, nil
}
