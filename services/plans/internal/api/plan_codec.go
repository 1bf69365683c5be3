package api

import (
	"slices"

	"google.golang.org/protobuf/proto"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/plans/internal/app"
	"github.com/upright-clinic/upright/services/plans/internal/plan"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/requestid"
)

// planRequest is a request that changes a plan.
type planRequest interface {
	proto.Message
	GetPlanId() string
	GetEtag() string
}

func ref(r planRequest) app.PlanRef {
	return app.PlanRef{PlanID: r.GetPlanId(), Etag: r.GetEtag(), Fingerprint: requestid.Fingerprint(r)}
}

func encodePlan(v app.PlanView) *plansv1.Plan {
	p := v.Plan
	out := &plansv1.Plan{
		PlanId: p.ID, PatientId: p.PatientID, TemplateId: p.TemplateID, TemplateVersion: p.TemplateVersion, Name: p.Name,
		State: string(p.State), CauseCodes: p.CauseCodes, ResponsiblePractitionerId: p.ResponsibleID,
		StartDate: p.StartDate.String(), ExpireDate: p.ExpireDate.String(), CloseReason: p.CloseReason, Note: p.Note,
		OpenIssueIds: v.OpenIssues, Missing: v.Missing, SessionsWithdrawn: p.Withdrawn, Etag: etag(p.Version),
		CreateTime: stamp(p.CreatedAt), ActivateTime: stamp(p.ActivatedAt), CloseTime: stamp(p.ClosedAt),
	}
	for _, c := range p.Courses {
		out.Courses = append(out.Courses, encodeCourse(c, v))
	}
	if v.View == app.FrontDesk {
		return out
	}
	if p.Indication != (plan.Indication{}) {
		out.Indication = &plansv1.Indication{PainScore: int32(p.Indication.PainScore), DurationWeeks: int32(p.Indication.DurationWeeks)}
	}
	out.Goals = each(p.Goals, encodeGoal)
	out.Reviews = each(p.Reviews, encodeReview)
	out.Decision = &plansv1.Decision{
		OptionsShown: p.Decision.OptionsShown, Chosen: p.Decision.Chosen, DecidedBy: p.Decision.DecidedBy,
		Note: p.Decision.Note, StepUpReason: p.Decision.StepUpReason,
	}
	return out
}

func encodeCourse(c plan.Course, v app.PlanView) *plansv1.Course {
	n := v.Counts[c.ID]
	return &plansv1.Course{
		CourseId: c.ID, TemplateCourseId: c.TemplateCourseID, Discipline: c.Discipline,
		Sessions: &plansv1.SessionCounts{
			Planned: int32(n.Planned), Booked: int32(n.Booked), Used: int32(n.Used), Left: int32(n.Left),
		},
		PerWeekMin: int32(c.PerWeekMin), PerWeekMax: int32(c.PerWeekMax), Weeks: int32(c.Weeks), MinGapHours: int32(c.MinGapHours),
		ReviewAfterSessions: int32s(c.ReviewAfter), ReviewDue: slices.Contains(v.ReviewDue, c.ID),
		FirstSessionMinutes: int32(c.FirstMinutes), SessionMinutes: int32s(c.Minutes),
		PlannedDates: each(c.PlannedDates, civil.Date.String), ReviewAfterWeeks: int32s(c.ReviewAfterWeeks),
		Procedures: each(c.Procedures, encodeProcedure), ThinWeeks: v.Thin[c.ID],
		Information: each(v.Information[c.ID], encodeInformation),
	}
}

func encodeInformation(i plan.Information) *plansv1.CourseInformation {
	return &plansv1.CourseInformation{Code: i.Code, Text: i.Text, Label: i.Label, Source: i.Source}
}

func encodeVersion(v store.PlanVersion) *plansv1.PlanVersion {
	p := encodePlan(app.PlanView{Plan: v.Plan, View: app.Clinicians})
	for _, c := range p.GetCourses() {
		c.Sessions = &plansv1.SessionCounts{Planned: plannedOf(v.Plan, c.GetCourseId())}
	}
	return &plansv1.PlanVersion{Plan: p, Action: v.Action, ChangedBy: v.By, ChangeTime: stamp(v.At)}
}

func plannedOf(p plan.Plan, courseID string) int32 {
	c, _ := p.Course(courseID, "")
	return int32(c.Sessions)
}

func encodeGoal(g plan.Goal) *plansv1.Goal {
	return &plansv1.Goal{
		Code: g.Code, Text: g.Text, Measure: g.Measure, Baseline: g.Baseline, Target: g.Target, DueDate: g.DueDate.String(),
	}
}

func encodeReview(r plan.Review) *plansv1.Review {
	return &plansv1.Review{
		CourseId: r.CourseID, AtSessions: int32(r.AtSessions), Outcome: r.Outcome, AdditionalSessions: int32(r.Additional),
		PractitionerId: r.Practitioner, ReviewTime: stamp(r.At), Note: r.Note, Response: r.Response,
	}
}

func encodeTemplateCourse(d plan.Discipline, c plan.Course) *plansv1.TemplateCourse {
	out := &plansv1.TemplateCourse{
		CourseId: c.TemplateCourseID, Discipline: c.Discipline,
		Sessions: int32(c.Sessions), SessionsMin: int32(d.Sessions.Min), SessionsMax: int32(d.Sessions.Max),
		PerWeekMin: int32(c.PerWeekMin), PerWeekMax: int32(c.PerWeekMax),
		Weeks: int32(c.Weeks), WeeksMin: int32(d.Weeks.Min), WeeksMax: int32(d.Weeks.Max),
		MinGapHours: int32(c.MinGapHours), ReviewAfterSessions: int32s(c.ReviewAfter),
		FirstSessionMinutes: int32(c.FirstMinutes), SessionMinutes: int32s(c.Minutes), Professions: d.Professions,
		ReviewAfterWeeks: int32s(c.ReviewAfterWeeks),
	}
	for _, s := range d.Sources() {
		out.Sources = append(out.Sources, &plansv1.NumberSource{Field: s.Field, Source: s.Source, EvidenceNote: s.EvidenceNote})
	}
	return out
}
