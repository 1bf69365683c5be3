package page

import (
	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// checkPage shows every answer before the form is handed in.
type checkPage struct {
	*form
	Topics []topicAnswers
	// Open is the address of the first page with a question still to answer.
	Open string
	// Consent is the address of the texts to agree to, while one is not signed.
	Consent string
	// Pictures is how many pictures there are.
	Pictures int
}

// topicAnswers are the answers of one page.
type topicAnswers struct {
	Title   string
	Open    bool
	Change  string
	Answers []answered
}

// answered is one question with its answer in words.
type answered struct{ Question, Answer, Change string }

// intakeCheck shows every answer with a way to change it.
func (s *Site) intakeCheck(c *call) error {
	f, err := c.intakeForm()
	if err != nil {
		return err
	}
	if f.GetState() == "SUBMITTED" {
		return c.redirect(f.url("result"))
	}
	d := checkPage{form: f, Topics: c.topics(f)}
	if f.GetNextPageId() != "" {
		d.Open = address(f.url("page/"+f.GetNextPageId()), "return", "check")
	}
	_, unsigned, err := c.consentsOf(f)
	if err != nil {
		return err
	}
	if unsigned {
		d.Consent = f.url("consent")
	}
	v := c.view(c.cat.T("check.title"), d)
	v.Back = f.before(len(f.Form.GetPages()))
	if err := c.alarm(v, f.GetTriage()); err != nil {
		return err
	}
	return c.show("check", v)
}

// topics lists the pages that are asked, with their answers.
func (c *call) topics(f *form) (topics []topicAnswers) {
	for _, p := range f.Form.GetPages() {
		progress := f.progress(p.GetId())
		if progress.GetState() == "SKIPPED" {
			continue
		}
		change := address(f.url("page/"+p.GetId()), "return", "check")
		t := topicAnswers{Title: p.GetTitle(), Open: progress.GetState() == "OPEN", Change: change}
		for _, q := range f.asked(p) {
			a := answered{Question: q.GetText(), Change: change + "#a." + q.GetId()}
			if v, ok := f.GetAnswers()[q.GetId()]; ok {
				a.Answer = c.answerText(q, v)
			}
			t.Answers = append(t.Answers, a)
		}
		if m := f.mapOf(p.GetId()); m != nil && f.useMap(m) && f.GetAnswers()[m.GetId()] != nil {
			list, _ := texts(f.GetAnswers()[m.GetId()])
			t.Answers = append(t.Answers, c.painIn(m, list, change)...)
		}
		topics = append(topics, t)
	}
	return topics
}

// painIn are the places of a body map with the pain in each.
func (c *call) painIn(m *intakev1.BodyMap, marks []string, change string) (all []answered) {
	for _, p := range c.bodyMap(m, marksOf(marks)).Marks() {
		if p.Pain != "" {
			all = append(all, answered{Question: p.Label, Answer: c.cat.T("map.pain_of", "pain", p.Pain), Change: change + "#" + p.ID})
		}
	}
	return all
}

// intakeSubmit hands the form in. One that is not complete goes on where it is open, and so
// does one with an open follow-up that could raise the level, which the service would take.
func (s *Site) intakeSubmit(c *call) error {
	before, err := c.intakeForm()
	if err != nil {
		return err
	}
	if _, unsigned, err := c.consentsOf(before); err != nil || unsigned && before.GetState() == "DRAFT" {
		if err != nil {
			return err
		}
		return c.redirect(before.url("consent"))
	}
	if before.GetState() == "DRAFT" && before.GetNextPageId() != "" {
		return c.redirect(withParam(before.url("check"), "problem", "INCOMPLETE"))
	}
	got, err := s.clients.intakes.SubmitIntake(c.ctx(), &intakev1.SubmitIntakeRequest{
		IntakeId: c.path("intake_id"), RequestId: c.requestID(), ConsentRequired: true,
	})
	if fault.Is(err, "CONSENT_REQUIRED") { // a text changed since it was signed
		return c.redirect(before.url("consent"))
	}
	if err != nil {
		return c.act("/intake/"+c.path("intake_id")+"/check", "", func() error { return err })
	}
	f := &form{Intake: got.GetIntake()}
	if f.GetState() != "SUBMITTED" {
		return c.redirect(withParam(f.url("check"), "problem", "INCOMPLETE"))
	}
	return c.redirect(f.url("result"))
}

// resultPage says what follows from the form.
type resultPage struct {
	*form
	Advice    *intakev1.Advice
	Emergency bool
	Numbers   []*directoryv1.EmergencyNumber
	Types     []typeChoice
	Patient   string
	// Alone is true for a session that is for this form alone: it leads nowhere else.
	Alone bool
}

// intakeResult shows what the patient is to do, and what may be booked.
func (s *Site) intakeResult(c *call) error {
	f, err := c.intakeForm()
	if err != nil {
		return err
	}
	if f.GetState() != "SUBMITTED" {
		return c.redirect(f.resume())
	}
	gate, err := s.clients.triage.GetBookingGate(c.ctx(), &intakev1.GetBookingGateRequest{PatientId: f.GetPatientId()})
	if err != nil {
		return err
	}
	_, types, err := c.types()
	if err != nil {
		return err
	}
	clinic, err := c.clinic()
	if err != nil {
		return err
	}
	advice := f.GetTriage().GetAdvice()
	d := resultPage{
		form: f, Advice: advice, Numbers: urgentNumbers(clinic, f.GetTriage()), Emergency: urgent(f.GetTriage()),
		Types: openTypes("/me/book/times", f.GetPatientId(), gate.GetGate(), types),
	}
	if c.x.Session.Form != "" { // it opens no other page
		d.Types, d.Alone = nil, true
	}
	title := advice.GetTitle()
	if title == "" {
		title = c.cat.T("result.title")
	}
	return c.show("result", c.view(title, d))
}
