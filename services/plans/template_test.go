package plans_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/plans"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/rpc/rpctest"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// ours is a template as a clinic might want it.
func ours() *plansv1.TemplateSpec {
	return &plansv1.TemplateSpec{
		Name: "Short physiotherapy", Purpose: "A first strain.", ValidityWeeks: 8, Source: "clinic meeting of 1 March",
		Courses:    []*plansv1.CourseSpec{{CourseId: "physio", Discipline: "PHYSIOTHERAPY", Sessions: 10, PerWeekMax: 3, Weeks: 4, ReviewAfterSessions: []int32{4}, Procedures: []string{"TRACTION"}}},
		CauseCodes: []string{"STRAIN"}, Goals: []*plansv1.Goal{{Code: "PAIN", Measure: "NPRS", Target: 2}},
	}
}

// F182, T21: a clinic makes templates of its own; a plan is a copy, and a later version or
// the end of its template changes nothing of it.
func TestClinicTemplates(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		create := &plansv1.CreatePlanTemplateRequest{Template: ours(), RequestId: "t1"}
		made, err := w.plans.CreatePlanTemplate(w.physio(), create)
		if err != nil {
			t.Fatal(err)
		}
		again, err := w.plans.CreatePlanTemplate(w.physio(), create)
		if err != nil || again.GetTemplate().GetTemplateId() != made.GetTemplate().GetTemplateId() {
			t.Errorf("a retry: %v, %v", again, err)
		}
		id := made.GetTemplate().GetTemplateId()
		if tpl := made.GetTemplate(); tpl.GetOrigin() != "CLINIC" || tpl.GetVersion() != 1 || tpl.GetCourses()[0].GetProcedures()[0].GetEvidenceNote() == "" {
			t.Errorf("made %v", tpl)
		}
		of := func() *plansv1.Plan {
			got, err := w.plans.CreatePlan(w.physio(), &plansv1.CreatePlanRequest{PatientId: patient, TemplateId: id, CauseCodes: []string{"STRAIN"}, Decision: decided()})
			if err != nil {
				t.Fatal(err)
			}
			return got.GetPlan()
		}
		first := of()
		next := ours()
		next.Courses[0].Sessions, next.Name = 12, "Physiotherapy, a little longer"
		update := &plansv1.UpdatePlanTemplateRequest{TemplateId: id, Etag: made.GetTemplate().GetEtag(), Template: next}
		got, err := w.plans.UpdatePlanTemplate(w.as(typev1.Role_ROLE_ADMIN), update)
		if err != nil || got.GetTemplate().GetVersion() != 2 {
			t.Fatalf("%v, %v", got, err)
		}
		_, err = w.plans.UpdatePlanTemplate(w.physio(), update)
		refused(t, err, "VERSION_MISMATCH")
		second := of()
		a, b := w.plan(first.GetPlanId()), w.plan(second.GetPlanId())
		if a.GetCourses()[0].GetSessions().GetPlanned() != 10 || a.GetTemplateVersion() != 1 || b.GetCourses()[0].GetSessions().GetPlanned() != 12 || b.GetTemplateVersion() != 2 {
			t.Errorf("F182: the first plan has %v, the second %v", a, b)
		}
		if diff := cmp.Diff([]int32{4}, a.GetCourses()[0].GetReviewAfterSessions()); diff != "" {
			t.Errorf("reviews (-want +got)\n%s", diff)
		}
		if _, err := w.plans.RetirePlanTemplate(w.physio(), &plansv1.RetirePlanTemplateRequest{TemplateId: id, Etag: "2"}); err != nil {
			t.Fatal(err)
		}
		_, err = w.plans.CreatePlan(w.physio(), &plansv1.CreatePlanRequest{PatientId: patient, TemplateId: id})
		if !fault.IsKind(err, fault.NotFound) {
			t.Errorf("a plan from a retired template: %v", err)
		}
		_, err = w.plans.UpdatePlanTemplate(w.physio(), &plansv1.UpdatePlanTemplateRequest{TemplateId: id, Etag: "3", Template: next})
		refused(t, err, "TEMPLATE_RETIRED")
		if left := w.plan(first.GetPlanId()); left.GetName() != "Short physiotherapy" {
			t.Errorf("F182: the old plan is now %v", left)
		}
		w.templatesOf(t, id)
	})
}

// templatesOf checks the lists that a retired template of two versions is in.
func (w *world) templatesOf(t *testing.T, id string) {
	t.Helper()
	has := func(retired bool) bool {
		list, err := w.plans.ListPlanTemplates(w.reception(), &plansv1.ListPlanTemplatesRequest{IncludeRetired: retired})
		if err != nil {
			t.Fatal(err)
		}
		for _, tpl := range list.GetTemplates() {
			if tpl.GetTemplateId() == id {
				return true
			}
		}
		return false
	}
	if has(false) || !has(true) {
		t.Errorf("a retired template is listed %v, and when asked for %v", has(false), has(true))
	}
	versions, err := w.plans.ListPlanTemplateVersions(w.physio(), &plansv1.ListPlanTemplateVersionsRequest{TemplateId: id})
	if err != nil || len(versions.GetVersions()) != 3 || versions.GetVersions()[2].GetTemplate().GetCourses()[0].GetSessions() != 10 {
		t.Errorf("%v, %v", versions, err)
	}
	foreign := authn.With(t.Context(), rpctest.Person(clinicB, typev1.Role_ROLE_CLINICIAN))
	for name, err := range map[string]error{
		"another clinic's": errOf(w.plans.GetPlanTemplate(foreign, &plansv1.GetPlanTemplateRequest{TemplateId: id})),
		"none":             errOf(w.plans.GetPlanTemplate(w.physio(), &plansv1.GetPlanTemplateRequest{TemplateId: "tpl_x"})),
		"one that ships":   errOf(w.plans.RetirePlanTemplate(w.physio(), &plansv1.RetirePlanTemplateRequest{TemplateId: "massage", Etag: "1"})),
		"versions of none": errOf(w.plans.ListPlanTemplateVersions(w.physio(), &plansv1.ListPlanTemplateVersionsRequest{TemplateId: "tpl_x"})),
	} {
		if !fault.IsKind(err, fault.NotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func errOf[T any](_ T, err error) error { return err }

// A template with each kind of defect is refused with its place.
func TestBadTemplates(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqldb.SQLite, start, plans.Config{})
	w.run()
	for name, c := range map[string]struct {
		change func(*plansv1.TemplateSpec)
		field  string
	}{
		"no name":            {func(s *plansv1.TemplateSpec) { s.Name = "" }, "name"},
		"no purpose":         {func(s *plansv1.TemplateSpec) { s.Purpose = "" }, "purpose"},
		"no source":          {func(s *plansv1.TemplateSpec) { s.Source = "" }, "source"},
		"no end":             {func(s *plansv1.TemplateSpec) { s.ValidityWeeks = 0 }, "validity_weeks"},
		"no course":          {func(s *plansv1.TemplateSpec) { s.Courses = nil }, "courses"},
		"no kind of care":    {func(s *plansv1.TemplateSpec) { s.Courses[0].Discipline = "" }, "courses[0].discipline"},
		"too many sessions":  {func(s *plansv1.TemplateSpec) { s.Courses[0].Sessions = 30 }, "courses[0].sessions"},
		"too many a week":    {func(s *plansv1.TemplateSpec) { s.Courses[0].PerWeekMax = 4 }, "courses[0].per_week_max"},
		"too long":           {func(s *plansv1.TemplateSpec) { s.Courses[0].Weeks = 9 }, "courses[0].weeks"},
		"longer than valid":  {func(s *plansv1.TemplateSpec) { s.ValidityWeeks = 3 }, "courses[0].weeks"},
		"gap":                {func(s *plansv1.TemplateSpec) { s.Courses[0].MinGapHours = 400 }, "courses[0].min_gap_hours"},
		"review":             {func(s *plansv1.TemplateSpec) { s.Courses[0].ReviewAfterSessions = []int32{11} }, "courses[0].review_after_sessions"},
		"procedure":          {func(s *plansv1.TemplateSpec) { s.Courses[0].Procedures = []string{"GHOST"} }, "courses[0].procedures[0]"},
		"dates":              {func(s *plansv1.TemplateSpec) { s.Courses[0].PlannedDates = []string{"2027-01-04"} }, "courses[0].planned_dates"},
		"course twice":       {func(s *plansv1.TemplateSpec) { s.Courses = append(s.Courses, s.Courses[0]) }, "courses[1].course_id"},
		"cause":              {func(s *plansv1.TemplateSpec) { s.CauseCodes = []string{"GHOST"} }, "cause_codes"},
		"target, no measure": {func(s *plansv1.TemplateSpec) { s.Goals[0].Measure = "" }, "goals[0].measure"},
		"goal with a date":   {func(s *plansv1.TemplateSpec) { s.Goals[0].DueDate = "2027-01-04" }, "goals[0].due_date"},
		"no goal (F144)": {func(s *plansv1.TemplateSpec) {
			s.Courses[0] = &plansv1.CourseSpec{CourseId: "c", Discipline: "CHIROPRACTIC"}
			s.Goals, s.CauseCodes = nil, nil
		}, "goals"},
	} {
		s := ours()
		c.change(s)
		_, err := w.plans.CreatePlanTemplate(w.physio(), &plansv1.CreatePlanTemplateRequest{Template: s})
		f := refused(t, err, "INVALID_ARGUMENT")
		if len(f.Fields) == 0 || f.Fields[0].Field != c.field {
			t.Errorf("%s: fields %v, want %s", name, f.Fields, c.field)
		}
	}
	_, err := w.plans.CreatePlanTemplate(w.physio(), &plansv1.CreatePlanTemplateRequest{})
	refused(t, err, "INVALID_ARGUMENT")
	if n := w.rows(`SELECT count(*) FROM plan_templates`); n != 0 {
		t.Errorf("%d templates after refusals", n)
	}
}

// A template that is only checked is refused as it would be when kept, and nothing is kept.
func TestTemplateThatIsOnlyChecked(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		count := func() int {
			list, err := w.plans.ListPlanTemplates(w.physio(), &plansv1.ListPlanTemplatesRequest{IncludeRetired: true})
			if err != nil {
				t.Fatal(err)
			}
			return len(list.GetTemplates())
		}
		before := count()
		got, err := w.plans.CreatePlanTemplate(w.physio(), &plansv1.CreatePlanTemplateRequest{Template: ours(), ValidateOnly: true})
		if err != nil || got.GetTemplate().GetCourses()[0].GetSessions() != 10 || count() != before {
			t.Errorf("%v, %v; %d templates, want %d", got, err, count(), before)
		}
		bad := ours()
		bad.Courses[0].Sessions = 30
		_, err = w.plans.CreatePlanTemplate(w.physio(), &plansv1.CreatePlanTemplateRequest{Template: bad, ValidateOnly: true})
		if f := fault.From(err); len(f.Fields) == 0 || f.Fields[0].Field != "courses[0].sessions" {
			t.Errorf("a defect: %v", err)
		}
		made, err := w.plans.CreatePlanTemplate(w.physio(), &plansv1.CreatePlanTemplateRequest{Template: ours()})
		if err != nil {
			t.Fatal(err)
		}
		next := ours()
		next.Courses[0].Sessions = 12
		update := &plansv1.UpdatePlanTemplateRequest{TemplateId: made.GetTemplate().GetTemplateId(), Etag: made.GetTemplate().GetEtag(), Template: next, ValidateOnly: true}
		if _, err := w.plans.UpdatePlanTemplate(w.physio(), update); err != nil {
			t.Error(err)
		}
		now, err := w.plans.GetPlanTemplate(w.physio(), &plansv1.GetPlanTemplateRequest{TemplateId: made.GetTemplate().GetTemplateId()})
		if err != nil || now.GetTemplate().GetVersion() != 1 || now.GetTemplate().GetCourses()[0].GetSessions() != 10 {
			t.Errorf("after a check: %v, %v", now, err)
		}
		update.Etag = `"9"`
		_, err = w.plans.UpdatePlanTemplate(w.physio(), update)
		refused(t, err, "VERSION_MISMATCH")
	})
}
