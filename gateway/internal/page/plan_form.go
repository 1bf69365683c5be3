package page

import (
	"cmp"
	"slices"
	"strings"

	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
)

// planFormPage is the one form that assigns a plan.
type planFormPage struct {
	Patient, Name string
	Templates     []templateChoice
	Wrong         string // about the template
	Fields        []Field
	Clinical      *clinical
}

// templateChoice is one template to pick.
type templateChoice struct {
	*plansv1.PlanTemplate
	Checked bool
}

// planView makes the form. Causes that the answers hint at are ticked to begin with.
func (c *call) planView(w *wrongs) (*view, error) {
	id := c.path("patient_id")
	p, err := c.patient(id)
	if err != nil {
		return nil, err
	}
	templates, err := c.clients.plans.ListPlanTemplates(c.ctx(), &plansv1.ListPlanTemplatesRequest{})
	if err != nil {
		return nil, err
	}
	intakes, err := c.clients.intakes.ListIntakes(c.ctx(), &intakev1.ListIntakesRequest{PatientId: id, PageSize: 10})
	if err != nil {
		return nil, err
	}
	d := planFormPage{Patient: id, Name: patientName(p), Wrong: w.of("template_id")}
	if d.Clinical, err = c.clinical(id, intakes.GetIntakes()); err != nil {
		return nil, err
	}
	for _, t := range templates.GetTemplates() {
		d.Templates = append(d.Templates, templateChoice{t, t.GetTemplateId() == c.either("template_id")})
	}
	d.Fields = c.planFields(w, templates.GetTemplates(), d.Clinical)
	v := c.view(c.cat.T("plan_form.title", "name", d.Name), d)
	v.Back, v.Wide = "/staff/patients/"+id, true
	return v, nil
}

// planFields are the fields below the choice of template.
func (c *call) planFields(w *wrongs, templates []*plansv1.PlanTemplate, known *clinical) []Field {
	causes := c.input(w, "checks", "cause_codes", "plan_form.causes")
	hinted := c.hints(known)
	if w == nil {
		causes.Values = hinted
	}
	for _, code := range c.causeCodes(templates, hinted) {
		causes.Options = append(causes.Options, Option{Value: code, Label: say(c.cat, "cause", code)})
	}
	goal := c.input(w, "select", "goal_code", "plan_form.goal")
	goal.Value = cmp.Or(goal.Value, "PAIN")
	for _, code := range []string{"PAIN", "FUNCTION", "MOBILITY", "STRAIN", "STRENGTH", "RETURN_TO_WORK", "SLEEP", "STRESS", "OTHER"} {
		goal.Options = append(goal.Options, Option{Value: code, Label: say(c.cat, "goal", code)})
	}
	words := c.input(w, "text", "goal_text", "plan_form.goal_text")
	words.Optional = true
	shown := c.input(w, "checks", "options_shown", "plan_form.options_shown")
	for _, code := range decisionOptions {
		shown.Options = append(shown.Options, Option{Value: code, Label: say(c.cat, "discipline", code)})
	}
	decided := c.input(w, "select", "decided_by", "plan_form.decided_by")
	for _, code := range []string{"TOGETHER", "PATIENT", "CARER"} {
		decided.Options = append(decided.Options, Option{Value: code, Label: say(c.cat, "decided_by", code)})
	}
	start := c.input(w, "date", "start_date", "plan_form.start")
	start.Value = cmp.Or(start.Value, known.Today)
	fields := []Field{causes, goal, words, shown, decided, start}
	for _, name := range []string{"step_up_reason", "note"} {
		f := c.input(w, "textarea", name, "plan_form."+name)
		f.Optional = true
		fields = append(fields, f)
	}
	return fields
}

// decisionOptions are what can be talked over with a patient.
var decisionOptions = []string{
	"SELF_CARE", "PHYSIOTHERAPY", "MASSAGE", "CHIROPRACTIC", "ACUPUNCTURE", "MEDICATION", "FACET_JOINT_INJECTION", "CBT", "SURGERY", "NO_TREATMENT",
}

// hints are the causes that the newest answers hint at.
func (c *call) hints(known *clinical) (codes []string) {
	for _, h := range known.Triage.GetCauseHints() {
		codes = append(codes, h.GetCause())
	}
	return codes
}

// causeCodes lists the causes that have a text, those that templates name and those
// hinted at.
func (c *call) causeCodes(templates []*plansv1.PlanTemplate, hinted []string) []string {
	codes := append(c.cat.Codes("cause"), hinted...)
	for _, t := range templates {
		codes = append(codes, t.GetCauseCodes()...)
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}

// planForm shows the form.
func (s *Site) planForm(c *call) error {
	v, err := c.planView(nil)
	if err != nil {
		return err
	}
	return c.show("plan_form", v)
}

// planAssign makes the plan and puts it into force. A plan that may not start yet stays a
// draft, and its page says why.
func (s *Site) planAssign(c *call) error {
	w := c.wrongs()
	w.need("template_id", c.form("template_id"), "plan_form.need_template")
	if w.any() {
		return c.planAgain(w)
	}
	templates, err := s.clients.plans.ListPlanTemplates(c.ctx(), &plansv1.ListPlanTemplatesRequest{})
	if err != nil {
		return err
	}
	created, err := s.clients.plans.CreatePlan(c.ctx(), &plansv1.CreatePlanRequest{
		RequestId: c.requestID(), PatientId: c.path("patient_id"), TemplateId: c.form("template_id"),
		CauseCodes: c.forms("cause_codes"), StartDate: c.form("start_date"), Note: c.form("note"),
		Goals: []*plansv1.Goal{{Code: c.form("goal_code"), Text: c.form("goal_text")}},
		Decision: &plansv1.Decision{
			OptionsShown: c.forms("options_shown"), Chosen: chosenCare(templates.GetTemplates(), c.form("template_id")),
			DecidedBy: c.form("decided_by"), StepUpReason: c.form("step_up_reason"),
		},
	})
	if err != nil {
		if w.refused(err, nil) {
			return c.planAgain(w)
		}
		return err
	}
	plan := created.GetPlan()
	page := "/staff/plans/" + plan.GetPlanId()
	return c.act(page, "plan_assigned", func() error {
		_, err := s.clients.plans.ActivatePlan(c.ctx(), &plansv1.ActivatePlanRequest{
			PlanId: plan.GetPlanId(), Etag: plan.GetEtag(), RequestId: c.requestID(),
		})
		return err
	})
}

// chosenCare is the kind of care that a template gives: that of its first course.
func chosenCare(templates []*plansv1.PlanTemplate, id string) string {
	for _, t := range templates {
		if t.GetTemplateId() == id && len(t.GetCourses()) > 0 {
			return t.GetCourses()[0].GetDiscipline()
		}
	}
	return strings.ToUpper(id)
}

// planAgain shows the form with what is wrong.
func (c *call) planAgain(w *wrongs) error {
	v, err := c.planView(w)
	if err != nil {
		return err
	}
	return c.again("plan_form", v, w)
}
