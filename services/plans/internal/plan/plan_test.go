package plan

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/upright-clinic/upright/services/plans/internal/injection"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// ids gives course ids in order.
func ids() func() string {
	n := 0
	return func() string { n++; return fmt.Sprintf("crs_%d", n) }
}

func decided() Decision {
	return Decision{OptionsShown: []string{"PHYSIOTHERAPY", "SELF_CARE"}, Chosen: "PHYSIOTHERAPY", StepUpReason: "nine months of exercise"}
}

// drafted makes a plan that can be put into force.
func drafted(t *testing.T, w Wish) Plan {
	t.Helper()
	if w.CauseCodes == nil {
		w.CauseCodes = []string{"FACET"}
	}
	w.Decision = decided()
	p, err := StandardCatalogue().Draft(w, ids())
	if err != nil {
		t.Fatalf("Draft: %v", err)
	}
	return p
}

func TestEveryTemplateMakesAPlan(t *testing.T) {
	t.Parallel()
	c := StandardCatalogue()
	for _, template := range c.Templates {
		t.Run(template.ID, func(t *testing.T) {
			t.Parallel()
			p := drafted(t, Wish{TemplateID: template.ID})
			err := c.Activate(&p, time.Unix(0, 0).UTC(), Circumstances{Today: civil.MustParse("2027-01-04"), Policy: injection.StandardPolicy()})
			if err != nil {
				t.Fatalf("Activate: %v", err)
			}
			if p.State != Active || p.StartDate.IsZero() || !p.ExpireDate.After(p.StartDate) || len(p.Goals) == 0 {
				t.Errorf("activated plan is %+v", p)
			}
		})
	}
}

// F152, F153: 2 to 3 sessions a week for 4 to 8 weeks; F143: 3 to 5 treatments, review
// after the third; F131: the first massage takes 30 minutes.
func TestSeedNumbersOfTemplates(t *testing.T) {
	t.Parallel()
	physio := drafted(t, Wish{TemplateID: "physiotherapy"}).Courses[0]
	want := Course{
		ID: "crs_1", TemplateCourseID: "physiotherapy", Discipline: "PHYSIOTHERAPY", Sessions: 16, PerWeekMin: 2, PerWeekMax: 3,
		Weeks: 8, MinGapHours: 12, ReviewAfter: []int{8}, ReviewAfterWeeks: []int{6},
	}
	if diff := cmp.Diff(want, physio); diff != "" {
		t.Errorf("physiotherapy (-want +got)\n%s", diff)
	}
	chiro := drafted(t, Wish{TemplateID: "chiropractic", CauseCodes: []string{"POSTURE"}}).Courses[0]
	if chiro.Sessions != 5 || !cmp.Equal(chiro.ReviewAfter, []int{3}) {
		t.Errorf("chiropractic: %d sessions, reviews after %v", chiro.Sessions, chiro.ReviewAfter)
	}
	if m := drafted(t, Wish{TemplateID: "massage"}).Courses[0]; m.FirstMinutes != 30 || !cmp.Equal(m.Minutes, []int{30, 45, 60}) {
		t.Errorf("massage: first %d, then %v", m.FirstMinutes, m.Minutes)
	}
}

func TestDraftRefusals(t *testing.T) {
	t.Parallel()
	date := civil.MustParse
	for _, c := range []struct {
		name  string
		wish  Wish
		field string
	}{
		{"F153: ten weeks", Wish{Courses: []Spec{{Discipline: "PHYSIOTHERAPY", Weeks: 10}}}, "courses[0].weeks"},
		{"F153: 25 sessions", Wish{Courses: []Spec{{Discipline: "PHYSIOTHERAPY", Sessions: 25}}}, "courses[0].sessions"},
		{"F152: four a week", Wish{TemplateID: "physiotherapy", Courses: []Spec{{CourseID: "physiotherapy", PerWeekMax: 4}}}, "courses[0].per_week_max"},
		{"F143: six treatments", Wish{Courses: []Spec{{Discipline: "CHIROPRACTIC", Sessions: 6}}, Goals: []Goal{{Code: "MOBILITY"}}}, "courses[0].sessions"},
		{"F144: no goal", Wish{Courses: []Spec{{Discipline: "CHIROPRACTIC"}}}, "goals"},
		{"F145: tumour", Wish{TemplateID: "chiropractic", CauseCodes: []string{"TUMOUR"}}, "cause_codes"},
		{"F010: injection without facet", Wish{TemplateID: "facet_joint_injection"}, "cause_codes"},
		{"more than the weeks hold", Wish{Courses: []Spec{{Discipline: "PHYSIOTHERAPY", Sessions: 24, Weeks: 5}}}, "courses[0].sessions"},
		{"least above most", Wish{Courses: []Spec{{Discipline: "PHYSIOTHERAPY", PerWeekMin: 3, PerWeekMax: 2}}}, "courses[0].per_week_min"},
		{"review never reached", Wish{Courses: []Spec{{Discipline: "PHYSIOTHERAPY", ReviewAfter: []int{17}}}}, "courses[0].review_after_sessions"},
		{"unknown cause", Wish{TemplateID: "physiotherapy", CauseCodes: []string{"OA", "GHOST"}}, "cause_codes[1]"},
		{"unknown template", Wish{TemplateID: "reiki"}, "template_id"},
		{"unknown course", Wish{TemplateID: "physiotherapy", Courses: []Spec{{CourseID: "reiki"}}}, "courses[0].course_id"},
		{"other kind of care", Wish{TemplateID: "massage", Courses: []Spec{{CourseID: "massage", Discipline: "CBT"}}}, "courses[0].discipline"},
		{"no kind of care", Wish{Courses: []Spec{{Sessions: 3}}}, "courses[0].discipline"},
		{"nothing", Wish{}, "courses"},
		{"same course twice", Wish{Courses: []Spec{{CourseID: "a", Discipline: "MASSAGE"}, {CourseID: "a", Discipline: "CBT"}}}, "courses[1].course_id"},
		{"more dates than sessions", Wish{Courses: []Spec{{Discipline: "MASSAGE", Sessions: 1, PlannedDates: []civil.Date{date("2027-01-04"), date("2027-01-11")}}}}, "courses[0].planned_dates"},
		{"ends before it starts", Wish{TemplateID: "massage", StartDate: date("2027-02-01"), ExpireDate: date("2027-01-01")}, "expire_date"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := StandardCatalogue().Draft(c.wish, ids())
			var f *fault.Error
			if !errors.As(err, &f) || len(f.Fields) != 1 || f.Fields[0].Field != c.field {
				t.Errorf("error %v, want a violation of %s", err, c.field)
			}
		})
	}
}

func TestActivationRefusals(t *testing.T) {
	t.Parallel()
	date := civil.MustParse
	series := func(dates ...string) []Spec {
		s := Spec{CourseID: "injection", Sessions: 6, Weeks: 52}
		for _, d := range dates {
			s.PlannedDates = append(s.PlannedDates, date(d))
		}
		return []Spec{s}
	}
	for _, c := range []struct {
		name   string
		wish   Wish
		change func(*Plan)
		cs     Circumstances
		reason string
		facts  map[string]string
	}{
		{name: "F013: no cause", wish: Wish{TemplateID: "physiotherapy"}, change: func(p *Plan) { p.CauseCodes = nil }, reason: "CAUSE_REQUIRED"},
		{name: "F181: no decision", wish: Wish{TemplateID: "physiotherapy"}, change: func(p *Plan) { p.Decision = Decision{} }, reason: "DECISION_REQUIRED"},
		{name: "F180: nothing milder tried", wish: Wish{TemplateID: "facet_joint_injection"}, change: func(p *Plan) { p.Decision.StepUpReason = "" }, reason: "STEP_UP_REASON_REQUIRED"},
		{name: "hard block", wish: Wish{TemplateID: "physiotherapy_massage"}, cs: Circumstances{Blocks: Blocks{Hard: map[string][]string{"MASSAGE": {"X-MASS-1"}}}}, reason: "CONTRAINDICATED", facts: map[string]string{"blocking": "X-MASS-1", "discipline": "MASSAGE"}},
		{name: "waits for release", wish: Wish{TemplateID: "massage"}, cs: Circumstances{Blocks: Blocks{Soft: map[string][]string{"MASSAGE": {"X-MASS-2"}}}}, reason: "RELEASE_NEEDED", facts: map[string]string{"blocking": "X-MASS-2"}},
		{name: "closed", wish: Wish{TemplateID: "physiotherapy"}, change: func(p *Plan) { p.State = Closed }, reason: "PLAN_STATE", facts: map[string]string{"state": "CLOSED"}},
		{name: "over before it starts", wish: Wish{TemplateID: "physiotherapy", ExpireDate: date("2024-01-01")}, reason: "PLAN_EXPIRED"},
		{
			name: "P02: four monthly", wish: Wish{TemplateID: "facet_joint_injection", Courses: series("2024-01-10", "2024-02-10", "2024-03-10", "2024-04-10")}, reason: "INJECTION_LIMIT",
			facts: map[string]string{"date": "2024-04-10", "next_eligible_date": "2024-07-10", "rejected_index": "3", "window_start": "2024-01-10", "window_end": "2024-07-10"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := drafted(t, c.wish)
			if c.change != nil {
				c.change(&p)
			}
			c.cs.Today, c.cs.Policy = date("2024-01-05"), injection.StandardPolicy()
			err := StandardCatalogue().Activate(&p, time.Unix(0, 0), c.cs)
			if !fault.Is(err, c.reason) {
				t.Fatalf("error %v, want %s", err, c.reason)
			}
			for k, want := range c.facts {
				if got := fault.From(err).Facts[k]; got != want {
					t.Errorf("fact %s is %q, want %q", k, got, want)
				}
			}
		})
	}
}

func TestActivationOfTheSeries(t *testing.T) {
	t.Parallel()
	p := drafted(t, Wish{TemplateID: "facet_joint_injection", Courses: []Spec{{CourseID: "injection", Sessions: 6, Weeks: 52, PlannedDates: []civil.Date{
		civil.MustParse("2024-01-10"), civil.MustParse("2024-03-10"), civil.MustParse("2024-05-10"), civil.MustParse("2024-07-10"),
	}}}})
	if err := StandardCatalogue().Activate(&p, time.Unix(0, 0), Circumstances{Today: civil.MustParse("2024-01-05"), Policy: injection.StandardPolicy()}); err != nil {
		t.Errorf("P03: the fourth is on the anniversary: %v", err)
	}
}

func TestOnlyAPhysicianOrdersInjections(t *testing.T) {
	t.Parallel()
	c, p := StandardCatalogue(), drafted(t, Wish{TemplateID: "injection_physiotherapy"})
	if err := c.Orderer(p, "PHYSIOTHERAPIST"); !fault.Is(err, "PROFESSION_REQUIRED") || !fault.IsKind(err, fault.PermissionDenied) {
		t.Errorf("a physiotherapist's order: %v (F120)", err)
	}
	if err := c.Orderer(p, "PHYSICIAN"); err != nil {
		t.Errorf("a physician's order: %v", err)
	}
}

func TestTransitions(t *testing.T) {
	t.Parallel()
	at := time.Unix(0, 0).UTC()
	do := map[string]func(*Plan) error{
		"pause":  func(p *Plan) error { return p.Pause() },
		"resume": func(p *Plan) error { return p.Resume() },
		"close":  func(p *Plan) error { return p.Close("DISCHARGED", at) },
	}
	allowed := map[State]string{Draft: "close", Active: "pause close", Paused: "resume close", Closed: ""}
	for state, may := range allowed {
		for name, f := range do {
			p := Plan{State: state}
			err := f(&p)
			if want := strings.Contains(may, name); (err == nil) != want {
				t.Errorf("%s of a plan that is %s: %v", name, state, err)
			}
			if err != nil && (!fault.Is(err, "PLAN_STATE") || p.State != state) {
				t.Errorf("%s of a plan that is %s: %v, state now %s", name, state, err, p.State)
			}
		}
	}
}

func TestCatalogueDefectsAreNamed(t *testing.T) {
	t.Parallel()
	good := string(standardCatalogue)
	for _, c := range []struct{ name, old, new, want string }{
		{"version", `"version": 1`, `"version": 0`, "version"},
		{"unknown field", `"version": 1`, `"version": 1, "extra": 1`, "extra"},
		{"unknown kind of care", `"discipline": "CBT",`, `"discipline": "REIKI",`, "disciplines[6].discipline"},
		{"kind of care twice", `"discipline": "CBT",`, `"discipline": "MEDICAL",`, "disciplines[6].discipline"},
		{"unknown profession", `["CHIROPRACTOR"]`, `["BONESETTER"]`, "disciplines[1].professions"},
		{"bounds", `"default": 16, "min": 8`, `"default": 6, "min": 8`, "disciplines[0].sessions"},
		{"source", `"source": "S4 (F153): four to eight weeks"`, `"source": ""`, "disciplines[0].weeks.source"},
		{"review source", `"review_source": "S4 (F143)`, `"minutes_source": "S4 (F143)`, "disciplines[1].review_source"},
		{"review never reached", `"review_after_sessions": [3]`, `"review_after_sessions": [6]`, "disciplines[1].review_after_sessions"},
		{"unknown cause", `"causes_required": ["FACET"]`, `"causes_required": ["FACETT"]`, "disciplines[4].causes"},
		{"template twice", `"template_id": "massage"`, `"template_id": "acupuncture"`, "templates[3].template_id"},
		{"template's course", `[{"course_id": "cbt", "discipline": "CBT"}]`, `[{"course_id": "cbt", "discipline": "REIKI"}]`, "templates[5].courses[0].discipline"},
		{"template's number", `"sessions": 1}`, `"sessions": 7}`, "templates[7].courses[0].sessions"},
		{"template without courses", `[{"course_id": "massage", "discipline": "MASSAGE"}]`, `[]`, "templates[3].courses"},
		{"template too short", `"value": 8, "source"`, `"value": 2, "source"`, "templates[2].courses[0].weeks"},
		{"template's name", `"name": "Physiotherapy course"`, `"name": ""`, "templates[0]"},
		{"no ladder", `"ladder": ["SELF_CARE", "CONSERVATIVE", "MEDICATION", "INJECTION", "SURGERY"]`, `"ladder": []`, "ladder"},
		{"step not on the ladder", `"step": "INJECTION"`, `"step": "MAGIC"`, "disciplines[4].step"},
		{"no session", `"default": 4, "min": 1, "max": 12`, `"default": 4, "min": 0, "max": 12`, "disciplines[3].sessions.min"},
		{"review after weeks never", `"review_after_weeks": [6]`, `"review_after_weeks": [9]`, "disciplines[0].review_after_weeks"},
		{"minutes without source", `"minutes_source": "S4 (F131)`, `"information": [], "review_source": "S4 (F131)`, "disciplines[3].minutes_source"},
		{"causes without source", `"causes_source": "S0 (F145)`, `"step_up_source": "S0 (F145)`, "disciplines[1].causes_source"},
		{"step up without source", `"step_up_source": "S0 (F180)`, `"credential_source": "S0 (F180)`, "disciplines[4].step_up_source"},
		{"credential without source", `"credential_source": "S4 (F162)`, `"step_up_source": "S4 (F162)`, "disciplines[2].credential_source"},
		{"indication without source", `"indication_source": "S4, S0 (F120)`, `"credential_source": "S4, S0 (F120)`, "disciplines[4].indication_source"},
		{"unknown indication", `["pain_score", "duration_weeks"]`, `["mood"]`, "disciplines[4].indication"},
		{"information without text", `"text": "Very thin`, `"text": "", "label": "Very thin`, "disciplines[2].information[0]"},
		{"procedure twice", `"code": "TRACTION"`, `"code": "STRETCHING"`, "procedures[1].code"},
		{"procedure without source", `"source": "S4 (F142)"}`, `"source": ""}`, "procedures[0].source"},
		{"procedure of no care", `"disciplines": ["ACUPUNCTURE"]`, `"disciplines": []`, "procedures[4].disciplines"},
		{"procedure of unknown care", `"disciplines": ["ACUPUNCTURE"]`, `"disciplines": ["REIKI"]`, "procedures[4].disciplines"},
		{"no cause codes", `"cause_codes": ["POSTURE"`, `"cause_codes": [], "x": ["POSTURE"`, "x"},
		{"policy without source", `"no_show_counts": {"value": false, "source": "clinic default: a session that was not given is not used up; S4 names none"}`, `"no_show_counts": {"value": false, "source": ""}`, "no_show_counts"},
		{"template without id", `"template_id": "massage"`, `"template_id": ""`, "templates[3].template_id"},
		{"template's purpose", `"purpose": "Pain of up to six weeks."`, `"purpose": ""`, "templates[2].purpose"},
		{"template without end", `"validity_weeks": {"value": 16,`, `"validity_weeks": {"value": 0,`, "templates[5].validity_weeks.value"},
		{"template's end without source", `"validity_weeks": {"value": 8, "source": "clinic default"}`, `"validity_weeks": {"value": 8, "source": ""}`, "templates[2].validity_weeks.source"},
		{"course twice", `{"course_id": "massage", "discipline": "MASSAGE"}
      ]`, `{"course_id": "physiotherapy", "discipline": "MASSAGE"}
      ]`, "templates[6].courses[1].course_id"},
		{"template's goal", `{"code": "STRESS",`, `{"code": "JOY",`, "templates[5].goals[0].code"},
		{"template's measure", `"measure": "PHQ4"`, `"measure": "ODI"`, "templates[5].goals[0].measure"},
		{"target without measure", `{"code": "STRAIN",`, `{"target": 3, "code": "STRAIN",`, "templates[3].goals[0].measure"},
		{"template without the goal that is needed", `"goals": [{"code": "MOBILITY", "text": "Move the upper back freely"}]`, `"goals": []`, "templates[1].goals"},
		{"template with a cause that is refused", `"purpose": "Stiffness,`, `"cause_codes": ["TUMOUR"], "purpose": "Stiffness,`, "templates[1].cause_codes"},
		{"template without the cause that is needed", `"cause_codes": ["FACET"],
      "courses": [{"course_id": "injection"`, `"cause_codes": ["OA"],
      "courses": [{"course_id": "injection"`, "templates[4].cause_codes"},
		{"template with an unknown cause", `"purpose": "Stress that`, `"cause_codes": ["GHOST"], "purpose": "Stress that`, "templates[5].cause_codes"},
		{"template's procedure", `{"course_id": "cbt", "discipline": "CBT"}`, `{"course_id": "cbt", "discipline": "CBT", "procedures": ["EMS"]}`, "templates[5].courses[0].procedures[0]"},
		{"template's review never reached", `{"course_id": "cbt", "discipline": "CBT"}`, `{"course_id": "cbt", "discipline": "CBT", "review_after_sessions": [9]}`, "templates[5].courses[0].review_after_sessions"},
		{"trailing text", "S4 names none\"}\n}\n", "S4 names none\"}\n}\n[]", "catalogue"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			changed := strings.Replace(good, c.old, c.new, 1)
			if c.name != "trailing text" && changed == good {
				t.Fatalf("the catalogue has no %s", c.old)
			}
			if c.name == "trailing text" {
				changed = good + "[]"
			}
			if _, err := ParseCatalogue([]byte(changed)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one that names %s", err, c.want)
			}
		})
	}
}

// F152: a week with fewer sessions than two is named; the last one may be thin.
func TestThinWeeks(t *testing.T) {
	t.Parallel()
	s := situation(t, "physiotherapy").having(ask("a", 0, 9), ask("b", 2, 9), ask("c", 8, 9), ask("d", 21, 9))
	if diff := cmp.Diff([]string{"2027-W02", "2027-W03"}, ThinWeeks(s.Course, s.Sessions)); diff != "" {
		t.Errorf("thin weeks (-want +got)\n%s", diff)
	}
	s.Course.PerWeekMin = 0
	if got := ThinWeeks(s.Course, s.Sessions); got != nil {
		t.Errorf("no least number, and %v", got)
	}
}

// F120: what an order should name and does not.
func TestMissingOfAnOrder(t *testing.T) {
	t.Parallel()
	p := drafted(t, Wish{TemplateID: "injection_physiotherapy"})
	if diff := cmp.Diff([]string{"indication.pain_score", "indication.duration_weeks"}, StandardCatalogue().Missing(p)); diff != "" {
		t.Errorf("missing (-want +got)\n%s", diff)
	}
	p.Indication = Indication{PainScore: 8, DurationWeeks: 20}
	if got := StandardCatalogue().Missing(p); got != nil {
		t.Errorf("missing %v", got)
	}
}
