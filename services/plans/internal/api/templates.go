package api

import (
	"context"
	"fmt"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/plans/internal/app"
	"github.com/upright-clinic/upright/services/plans/internal/plan"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/requestid"
)

func (s planServer) ListPlanTemplates(ctx context.Context, r *plansv1.ListPlanTemplatesRequest) (*plansv1.ListPlanTemplatesResponse, error) {
	c, err := s.app.ListTemplates(ctx, r.GetIncludeRetired())
	if err != nil {
		return nil, err
	}
	out := &plansv1.ListPlanTemplatesResponse{}
	for _, t := range c.Templates {
		out.Templates = append(out.Templates, encodeTemplate(c, t))
	}
	return out, nil
}

func (s planServer) GetPlanTemplate(ctx context.Context, r *plansv1.GetPlanTemplateRequest) (*plansv1.GetPlanTemplateResponse, error) {
	c, t, err := s.app.GetTemplate(ctx, r.GetTemplateId())
	if err != nil {
		return nil, err
	}
	return &plansv1.GetPlanTemplateResponse{Template: encodeTemplate(c, t)}, nil
}

func (s planServer) ListPlanTemplateVersions(ctx context.Context, r *plansv1.ListPlanTemplateVersionsRequest) (*plansv1.ListPlanTemplateVersionsResponse, error) {
	c, versions, err := s.app.ListTemplateVersions(ctx, r.GetTemplateId())
	if err != nil {
		return nil, err
	}
	out := &plansv1.ListPlanTemplateVersionsResponse{}
	for _, v := range versions {
		out.Versions = append(out.Versions, &plansv1.PlanTemplateVersion{
			Template: encodeTemplate(c, v.Template), ChangedBy: v.By, ChangeTime: stamp(v.At),
		})
	}
	return out, nil
}

func (s planServer) CreatePlanTemplate(ctx context.Context, r *plansv1.CreatePlanTemplateRequest) (*plansv1.CreatePlanTemplateResponse, error) {
	t, err := template(r.GetTemplate())
	if err != nil {
		return nil, err
	}
	c, made, err := s.app.CreateTemplate(ctx, app.TemplateChange{Template: t, CheckOnly: r.GetValidateOnly(), Fingerprint: requestid.Fingerprint(r)})
	if err != nil {
		return nil, err
	}
	return &plansv1.CreatePlanTemplateResponse{Template: encodeTemplate(c, made)}, nil
}

func (s planServer) UpdatePlanTemplate(ctx context.Context, r *plansv1.UpdatePlanTemplateRequest) (*plansv1.UpdatePlanTemplateResponse, error) {
	t, err := template(r.GetTemplate())
	if err != nil {
		return nil, err
	}
	c, made, err := s.app.UpdateTemplate(ctx, app.TemplateChange{
		ID: r.GetTemplateId(), Etag: r.GetEtag(), Template: t, CheckOnly: r.GetValidateOnly(), Fingerprint: requestid.Fingerprint(r),
	})
	if err != nil {
		return nil, err
	}
	return &plansv1.UpdatePlanTemplateResponse{Template: encodeTemplate(c, made)}, nil
}

func (s planServer) RetirePlanTemplate(ctx context.Context, r *plansv1.RetirePlanTemplateRequest) (*plansv1.RetirePlanTemplateResponse, error) {
	c, t, err := s.app.RetireTemplate(ctx, app.TemplateChange{ID: r.GetTemplateId(), Etag: r.GetEtag(), Fingerprint: requestid.Fingerprint(r)})
	if err != nil {
		return nil, err
	}
	return &plansv1.RetirePlanTemplateResponse{Template: encodeTemplate(c, t)}, nil
}

// template reads a template. INVALID_ARGUMENT names a date, of which a template has none. A
// course without an id gets one from its place.
func template(r *plansv1.TemplateSpec) (plan.Template, error) {
	t := plan.Template{
		Name: r.GetName(), Purpose: r.GetPurpose(), CauseCodes: r.GetCauseCodes(),
		ValidityWeeks: plan.SourcedInt{Value: int(r.GetValidityWeeks()), Source: r.GetSource()},
	}
	var err error
	if t.Goals, err = goals(r.GetGoals()); err != nil {
		return t, err
	}
	for i, c := range r.GetCourses() {
		if len(c.GetPlannedDates()) > 0 {
			return t, fault.Invalid(fmt.Sprintf("courses[%d].planned_dates", i), "a template has no dates")
		}
		tc := plan.TemplateCourse{
			ID: c.GetCourseId(), Discipline: c.GetDiscipline(), Sessions: int(c.GetSessions()), PerWeekMin: int(c.GetPerWeekMin()),
			PerWeekMax: int(c.GetPerWeekMax()), Weeks: int(c.GetWeeks()), MinGap: int(c.GetMinGapHours()),
			ReviewAfter: ints(c.GetReviewAfterSessions()), Procedures: c.GetProcedures(),
		}
		if tc.ID == "" {
			tc.ID = fmt.Sprintf("course_%d", i+1)
		}
		t.Courses = append(t.Courses, tc)
	}
	return t, nil
}

func encodeTemplate(c plan.Catalogue, t plan.Template) *plansv1.PlanTemplate {
	out := &plansv1.PlanTemplate{
		TemplateId: t.ID, Version: c.Version, Name: t.Name, Purpose: t.Purpose, Origin: "UPRIGHT", Retired: t.Retired,
		ValidityWeeks: int32(t.ValidityWeeks.Value), Source: t.ValidityWeeks.Source, CauseCodes: t.CauseCodes, Goals: each(t.Goals, encodeGoal),
	}
	if t.Own() {
		out.Version, out.Origin, out.Etag = t.Version, "CLINIC", etag(t.Version)
	}
	for _, tc := range t.Courses {
		d, _ := c.Discipline(tc.Discipline)
		course := encodeTemplateCourse(d, d.Course(tc))
		if len(tc.Procedures) > 0 {
			course.Procedures = each(c.ProceduresOf(d.Code, tc.Procedures...), encodeProcedure)
		}
		course.ProceduresOffered = each(c.ProceduresOf(d.Code), encodeProcedure)
		out.Courses = append(out.Courses, course)
	}
	return out
}

func encodeProcedure(p plan.Procedure) *plansv1.Procedure {
	return &plansv1.Procedure{Code: p.Code, Modality: p.Modality, Source: p.Source, EvidenceNote: p.EvidenceNote}
}
