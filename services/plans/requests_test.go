package plans_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// Each field wrong in turn: INVALID_ARGUMENT names it, and nothing is stored.
func TestBadPlanRequests(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		long := strings.Repeat("x", 9000)
		for name, c := range map[string]struct {
			change func(*plansv1.CreatePlanRequest)
			field  string
		}{
			"no patient":       {func(r *plansv1.CreatePlanRequest) { r.PatientId = "" }, "patient_id"},
			"long patient":     {func(r *plansv1.CreatePlanRequest) { r.PatientId = long }, "patient_id"},
			"long template":    {func(r *plansv1.CreatePlanRequest) { r.TemplateId = long }, "template_id"},
			"long note":        {func(r *plansv1.CreatePlanRequest) { r.Note = long }, "note"},
			"start no date":    {func(r *plansv1.CreatePlanRequest) { r.StartDate = "soon" }, "start_date"},
			"start no day":     {func(r *plansv1.CreatePlanRequest) { r.StartDate = "2027-02-29" }, "start_date"},
			"expiry no day":    {func(r *plansv1.CreatePlanRequest) { r.ExpireDate = "2027-13-01" }, "expire_date"},
			"unknown cause":    {func(r *plansv1.CreatePlanRequest) { r.CauseCodes = []string{"GHOST"} }, "cause_codes[0]"},
			"empty cause":      {func(r *plansv1.CreatePlanRequest) { r.CauseCodes = []string{""} }, "cause_codes[0]"},
			"goal code":        {func(r *plansv1.CreatePlanRequest) { r.Goals[0].Code = "WIN" }, "goals[0].code"},
			"goal measure":     {func(r *plansv1.CreatePlanRequest) { r.Goals[0].Measure = "ODI" }, "goals[0].measure"},
			"goal target":      {func(r *plansv1.CreatePlanRequest) { r.Goals[0].Target = -1 }, "goals[0].target"},
			"goal date":        {func(r *plansv1.CreatePlanRequest) { r.Goals[0].DueDate = "2027-02-30" }, "goals[0].due_date"},
			"who decided":      {func(r *plansv1.CreatePlanRequest) { r.Decision.DecidedBy = "NOBODY" }, "decision.decided_by"},
			"empty option":     {func(r *plansv1.CreatePlanRequest) { r.Decision.OptionsShown = []string{""} }, "decision.options_shown[0]"},
			"course id":        {func(r *plansv1.CreatePlanRequest) { r.Courses[0].CourseId = "a b" }, "courses[0].course_id"},
			"kind of care":     {func(r *plansv1.CreatePlanRequest) { r.Courses[0].Discipline = "REIKI" }, "courses[0].discipline"},
			"sessions":         {func(r *plansv1.CreatePlanRequest) { r.Courses[0].Sessions = -1 }, "courses[0].sessions"},
			"too many":         {func(r *plansv1.CreatePlanRequest) { r.Courses[0].Sessions = 25 }, "courses[0].sessions"},
			"a week":           {func(r *plansv1.CreatePlanRequest) { r.Courses[0].PerWeekMax = 4 }, "courses[0].per_week_max"},
			"weeks":            {func(r *plansv1.CreatePlanRequest) { r.Courses[0].Weeks = 10 }, "courses[0].weeks"},
			"gap":              {func(r *plansv1.CreatePlanRequest) { r.Courses[0].MinGapHours = 400 }, "courses[0].min_gap_hours"},
			"planned date":     {func(r *plansv1.CreatePlanRequest) { r.Courses[0].PlannedDates = []string{"2027-02-30"} }, "courses[0].planned_dates[0]"},
			"review":           {func(r *plansv1.CreatePlanRequest) { r.Courses[0].ReviewAfterSessions = []int32{0} }, "courses[0].review_after_sessions[0]"},
			"long responsible": {func(r *plansv1.CreatePlanRequest) { r.ResponsiblePractitionerId = long }, "responsible_practitioner_id"},
		} {
			r := &plansv1.CreatePlanRequest{
				PatientId: patient, TemplateId: "physiotherapy", Courses: []*plansv1.CourseSpec{{CourseId: "physiotherapy"}},
				Goals: []*plansv1.Goal{{Code: "PAIN"}}, Decision: decided(), CauseCodes: []string{"OA"},
			}
			c.change(r)
			_, err := w.plans.CreatePlan(w.physician(), r)
			f := refused(t, err, "INVALID_ARGUMENT")
			if len(f.Fields) == 0 || f.Fields[0].Field != c.field {
				t.Errorf("%s: fields %v, want %s", name, f.Fields, c.field)
			}
		}
		if n := w.rows(`SELECT count(*) FROM plans`); n != 0 {
			t.Errorf("%d plans after refusals", n)
		}
	})
}

func TestBadClaims(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		good := claimOf(w.active(patient, "physiotherapy"), session(1, "2027-01-05"))
		long := strings.Repeat("x", 70)
		for name, c := range map[string]struct {
			change func(*plansv1.ClaimSessionsRequest)
			field  string
		}{
			"no clinic":       {func(r *plansv1.ClaimSessionsRequest) { r.ClinicId = "" }, "clinic_id"},
			"no patient":      {func(r *plansv1.ClaimSessionsRequest) { r.PatientId = "" }, "patient_id"},
			"no plan":         {func(r *plansv1.ClaimSessionsRequest) { r.PlanId = "" }, "plan_id"},
			"long course":     {func(r *plansv1.ClaimSessionsRequest) { r.CourseId = long }, "course_id"},
			"no discipline":   {func(r *plansv1.ClaimSessionsRequest) { r.Discipline = typev1.Discipline_DISCIPLINE_UNSPECIFIED }, "discipline"},
			"no session":      {func(r *plansv1.ClaimSessionsRequest) { r.Sessions = nil }, "sessions"},
			"short id":        {func(r *plansv1.ClaimSessionsRequest) { r.Sessions[0].EntitlementId = "e" }, "sessions[0].entitlement_id"},
			"no appointment":  {func(r *plansv1.ClaimSessionsRequest) { r.Sessions[0].AppointmentId = "" }, "sessions[0].appointment_id"},
			"no start":        {func(r *plansv1.ClaimSessionsRequest) { r.Sessions[0].StartTime = nil }, "sessions[0].start_time"},
			"start of no day": {func(r *plansv1.ClaimSessionsRequest) { r.Sessions[0].LocalDate = "2027-02-30" }, "sessions[0].local_date"},
			"date":            {func(r *plansv1.ClaimSessionsRequest) { r.Sessions[0].LocalDate = "5.1." }, "sessions[0].local_date"},
			"minutes":         {func(r *plansv1.ClaimSessionsRequest) { r.Sessions[0].DurationMinutes = -5 }, "sessions[0].duration_minutes"},
			"replaces itself": {func(r *plansv1.ClaimSessionsRequest) { r.Sessions[0].ReplacesEntitlementId = "ent_1" }, "sessions.replaces_entitlement_id"},
			"practitioner":    {func(r *plansv1.ClaimSessionsRequest) { r.PractitionerId = long }, "practitioner_id"},
		} {
			r := proto.CloneOf(good)
			c.change(r)
			_, err := w.claim(r)
			f := refused(t, err, "INVALID_ARGUMENT")
			if len(f.Fields) == 0 || f.Fields[0].Field != c.field {
				t.Errorf("%s: fields %v, want %s", name, f.Fields, c.field)
			}
		}
		if n := w.rows(`SELECT count(*) FROM ledger`); n != 0 {
			t.Errorf("%d rows after refusals", n)
		}
		missing := proto.CloneOf(good)
		missing.PlanId = "pln_missing"
		if _, err := w.claim(missing); !fault.IsKind(err, fault.NotFound) {
			t.Errorf("an unknown plan: %v", err)
		}
		wrong := proto.CloneOf(good)
		wrong.CourseId = "crs_missing"
		_, err := w.claim(wrong)
		refused(t, err, "WRONG_DISCIPLINE")
	})
}

func TestBadQuestionsAndAmendments(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		at := timestamppb.New(start)
		for name, c := range map[string]struct {
			r     *plansv1.CheckInjectionRequest
			field string
		}{
			"no date":      {&plansv1.CheckInjectionRequest{PatientId: patient}, "date"},
			"no day":       {&plansv1.CheckInjectionRequest{PatientId: patient, Date: "2026-02-29"}, "date"},
			"no such zone": {&plansv1.CheckInjectionRequest{PatientId: patient, StartTime: at, TimeZone: "Mars/Olympus"}, "time_zone"},
			"local zone":   {&plansv1.CheckInjectionRequest{PatientId: patient, StartTime: at, TimeZone: "Local"}, "time_zone"},
		} {
			_, err := w.injections.CheckInjection(w.reception(), c.r)
			if f := refused(t, err, "INVALID_ARGUMENT"); f.Fields[0].Field != c.field {
				t.Errorf("%s: fields %v", name, f.Fields)
			}
		}
		got, err := w.injections.CheckInjection(w.reception(), &plansv1.CheckInjectionRequest{PatientId: patient, StartTime: timestamppb.New(start.Add(15 * 60 * 60 * 1e9))})
		if err != nil || got.GetDate() != "2027-01-05" { // 23:00 UTC is the next day in Berlin
			t.Errorf("%v, %v", got, err)
		}
		for name, c := range map[string]struct {
			r     *plansv1.AmendInjectionRequest
			field string
		}{
			"no etag":   {&plansv1.AmendInjectionRequest{PatientId: patient, InjectionId: "inj_x", Action: "RESTORE", Reason: "r"}, "etag"},
			"no action": {&plansv1.AmendInjectionRequest{PatientId: patient, InjectionId: "inj_x", Etag: "1", Reason: "r"}, "action"},
			"no reason": {&plansv1.AmendInjectionRequest{PatientId: patient, InjectionId: "inj_x", Etag: "1", Action: "RESTORE"}, "reason"},
		} {
			_, err := w.injections.AmendInjection(w.physician(), c.r)
			if f := refused(t, err, "INVALID_ARGUMENT"); f.Fields[0].Field != c.field {
				t.Errorf("%s: fields %v", name, f.Fields)
			}
		}
		_, err = w.issues.ResolveIssue(w.physio(), &plansv1.ResolveIssueRequest{IssueId: "iss_x", Resolution: "IGNORED", Reason: "r"})
		refused(t, err, "INVALID_ARGUMENT")
	})
}
