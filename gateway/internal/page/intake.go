package page

import (
	"slices"
	"strconv"

	"github.com/upright-clinic/upright/gateway/internal/route"
	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// intakeRoutes are the pages of the form that patients fill in, one topic a page.
func (s *Site) intakeRoutes() []route.Route {
	return []route.Route{
		s.row("GET /intake", patients, s.intakeList),
		s.row("POST /intake", patients, s.intakeStart),
		s.row("GET /intake/{intake_id}", filling, s.intakeResume),
		s.row("GET /intake/{intake_id}/page/{page}", filling, s.intakePage),
		s.row("POST /intake/{intake_id}/page/{page}", filling, s.intakeSave),
		s.row("GET /intake/{intake_id}/stop", filling, s.intakeStop),
		s.row("GET /intake/{intake_id}/check", filling, s.intakeCheck),
		s.row("POST /intake/{intake_id}/check", filling, s.intakeSubmit),
		s.row("GET /intake/{intake_id}/result", filling, s.intakeResult),
		s.row("POST /intake/{intake_id}/worse", patients, s.intakeWorse),
	}
}

// intakeListPage is where a form is started, or gone on with.
type intakeListPage struct {
	People  []person
	Several bool
	Numbers []*directoryv1.EmergencyNumber
	// Closed is true while the clinic has named no number to call in an emergency, or nobody
	// who answers for the safety of the form: then none can be started.
	Closed bool
	Phone  string
	// Writer asks who fills the form in, when it is not the patient.
	Writer []Field
}

// formOpen reports whether a clinic may ask its patients to fill in a form (clinical
// reference 4.8 and 5, decision 5). The service refuses as well; the page says it before
// anybody presses.
func formOpen(clinic *directoryv1.Clinic) bool {
	return clinic.GetClinicalSafetyOfficer().GetName() != "" &&
		slices.ContainsFunc(clinic.GetEmergencyNumbers(), func(n *directoryv1.EmergencyNumber) bool { return n.GetKind() == "EMERGENCY" })
}

// intakeList shows for whom a form can be filled in, and how far each one is.
func (s *Site) intakeList(c *call) error {
	d := intakeListPage{}
	for _, p := range c.actingFor() {
		got, err := s.clients.intakes.ListIntakes(c.ctx(), &intakev1.ListIntakesRequest{PatientId: p.GetPatientId(), PageSize: 1})
		if err != nil {
			return err
		}
		one := person{ID: p.GetPatientId(), Name: p.GetDisplayName()}
		if len(got.GetIntakes()) > 0 {
			one.Intake = got.GetIntakes()[0]
		}
		d.People = append(d.People, one)
	}
	d.Several = len(d.People) > 1
	clinic, err := c.clinic()
	if err != nil {
		return err
	}
	d.Numbers, d.Closed, d.Phone = numbers(clinic, "EMERGENCY"), !formOpen(clinic), clinic.GetPhone()
	d.Writer = c.writerFields(nil, nil)
	return c.show("intake_start", c.view(c.cat.T("intake.title"), d))
}

// intakeStart opens a form.
func (s *Site) intakeStart(c *call) error {
	clinic, err := c.clinic()
	if err != nil {
		return err
	}
	if !formOpen(clinic) {
		return c.redirect("/intake")
	}
	got, err := s.clients.intakes.CreateIntake(c.ctx(), &intakev1.CreateIntakeRequest{
		PatientId: c.form("patient"), LanguageCode: c.cat.Lang, RequestId: c.requestID(),
	})
	if err != nil {
		return err
	}
	if err := c.startWriter(got.GetIntake().GetIntakeId(), c.form("patient")); err != nil {
		return err
	}
	return c.redirect("/intake/" + got.GetIntake().GetIntakeId())
}

// form is a form with the answers so far.
type form struct {
	*intakev1.Intake
	Form *intakev1.Questionnaire
}

// intakeForm reads a form and its questions, in the reader's language. For a session that
// is for one form, every other is not there.
func (c *call) intakeForm() (*form, error) {
	if only := c.x.Session.Form; only != "" && only != c.path("intake_id") {
		return nil, fault.NotFoundf("intake")
	}
	got, err := c.clients.intakes.GetIntake(c.ctx(), &intakev1.GetIntakeRequest{IntakeId: c.path("intake_id")})
	if err != nil {
		return nil, err
	}
	in := got.GetIntake()
	q, err := c.questionnaire(in.GetQuestionnaireId(), in.GetQuestionnaireVersion())
	return &form{Intake: in, Form: q}, err
}

// questionnaire returns one version of a form. A version never changes, so it is kept; but
// not one in another language than wanted, which may open to patients any day.
func (c *call) questionnaire(id string, version int64) (*intakev1.Questionnaire, error) {
	key := c.who().ClinicID + "|" + id + "|" + strconv.FormatInt(version, 10) + "|" + c.cat.Lang + "|" + strconv.FormatBool(c.who().IsStaff())
	if had, ok := c.questionnaires.Load(key); ok {
		return had.(*intakev1.Questionnaire), nil //nolint:forcetypeassert // only questionnaires are stored
	}
	got, err := c.clients.questionnaires.GetQuestionnaire(c.ctx(), &intakev1.GetQuestionnaireRequest{
		QuestionnaireId: id, Version: version, LanguageCode: c.cat.Lang,
	})
	if err != nil {
		return nil, err
	}
	if version > 0 && got.GetQuestionnaire().GetLanguageCode() == c.cat.Lang {
		c.questionnaires.Store(key, got.GetQuestionnaire())
	}
	return got.GetQuestionnaire(), nil
}

// url is the address of a part of the form.
func (f *form) url(part string) string {
	if part == "" {
		return "/intake/" + f.GetIntakeId()
	}
	return "/intake/" + f.GetIntakeId() + "/" + part
}

// page returns a page of the form and its place, or NOT_FOUND.
func (f *form) page(id string) (*intakev1.QuestionnairePage, int, error) {
	for i, p := range f.Form.GetPages() {
		if p.GetId() == id {
			return p, i, nil
		}
	}
	return nil, 0, fault.NotFoundf("page")
}

// progress returns how far a page is; a page that the service does not mention is open.
func (f *form) progress(id string) *intakev1.PageProgress {
	for _, p := range f.GetPages() {
		if p.GetPageId() == id {
			return p
		}
	}
	return &intakev1.PageProgress{PageId: id, State: "OPEN"}
}

// question returns a question of the form by its id, or nil.
func (f *form) question(id string) *intakev1.Question {
	for _, q := range f.Form.GetItems() {
		if q.GetId() == id {
			return q
		}
	}
	return nil
}

// after is the address of what comes after a page: the next one that is asked, or the
// check of all answers.
func (f *form) after(at int) string {
	for _, p := range f.Form.GetPages()[at+1:] {
		if f.progress(p.GetId()).GetState() != "SKIPPED" {
			return f.url("page/" + p.GetId())
		}
	}
	return f.url("check")
}

// before is the address of the page before, or of the start.
func (f *form) before(at int) string {
	for i := at - 1; i >= 0; i-- {
		if id := f.Form.GetPages()[i].GetId(); f.progress(id).GetState() != "SKIPPED" {
			return f.url("page/" + id)
		}
	}
	return "/intake"
}

// resume is where the form goes on: its result, the first page that is open, or the check.
func (f *form) resume() string {
	switch {
	case f.GetState() == "SUBMITTED":
		return f.url("result")
	case f.GetNextPageId() != "":
		return f.url("page/" + f.GetNextPageId())
	}
	return f.url("check")
}

// intakeResume goes on where the form was left.
func (s *Site) intakeResume(c *call) error {
	f, err := c.intakeForm()
	if err != nil {
		return err
	}
	return c.redirect(f.resume())
}

// urgent reports whether a result must be seen before anything else.
func urgent(t *intakev1.TriageResult) bool {
	switch t.GetDisposition().GetValue() {
	case "EMERGENCY_NOW", "URGENT_SAME_DAY":
		return true
	}
	return false
}

// urgentNumbers are the numbers for a result: in an emergency the emergency number alone,
// so that nobody has to choose.
func urgentNumbers(clinic *directoryv1.Clinic, t *intakev1.TriageResult) []*directoryv1.EmergencyNumber {
	if t.GetDisposition().GetValue() == "EMERGENCY_NOW" {
		return numbers(clinic, "EMERGENCY")
	}
	return numbers(clinic, "OUT_OF_HOURS", "EMERGENCY")
}

// newlyUrgent reports whether the answers just saved added something urgent.
func newlyUrgent(before, after *intakev1.TriageResult) bool {
	if !urgent(after) {
		return false
	}
	level := after.GetDisposition().GetValue()
	if before.GetDisposition().GetValue() != level {
		return true
	}
	known := map[string]bool{}
	for _, r := range before.GetFiredRules() {
		known[r.GetRuleId()] = true
	}
	for _, r := range after.GetFiredRules() {
		if r.GetLevel() == level && !known[r.GetRuleId()] {
			return true
		}
	}
	return false
}

// alarm puts the numbers to call on a page of somebody whose answers so far are urgent.
func (c *call) alarm(v *view, t *intakev1.TriageResult) error {
	if !urgent(t) {
		return nil
	}
	clinic, err := c.clinic()
	if err != nil {
		return err
	}
	v.Alarm = urgentNumbers(clinic, t)
	return nil
}

// stopPage tells somebody to get help before anything else.
type stopPage struct {
	Advice    *intakev1.Advice
	Emergency bool
	Numbers   []*directoryv1.EmergencyNumber
	Change    string
	Continue  string
}

// intakeStop tells somebody whose answers are urgent what to do now. The clinic has been
// told already, when the answers were saved.
func (s *Site) intakeStop(c *call) error {
	f, err := c.intakeForm()
	if err != nil {
		return err
	}
	if !urgent(f.GetTriage()) {
		return c.redirect(f.resume())
	}
	clinic, err := c.clinic()
	if err != nil {
		return err
	}
	d := stopPage{
		Advice: f.GetTriage().GetAdvice(), Numbers: urgentNumbers(clinic, f.GetTriage()),
		Emergency: f.GetTriage().GetDisposition().GetValue() == "EMERGENCY_NOW", Continue: f.resume(),
	}
	if _, at, err := f.page(c.query("from")); err == nil && f.GetState() == "DRAFT" {
		d.Change, d.Continue = f.url("page/"+c.query("from")), f.after(at)
	}
	title := d.Advice.GetTitle()
	if title == "" {
		title = c.cat.T("stop.title")
	}
	return c.show("stop", c.view(title, d))
}

// intakeWorse says that it has become worse: the result stops being valid and a new form
// is opened.
func (s *Site) intakeWorse(c *call) error {
	got, err := s.clients.intakes.ReportWorsening(c.ctx(), &intakev1.ReportWorseningRequest{
		IntakeId: c.path("intake_id"), RequestId: c.requestID(),
	})
	if err != nil {
		return err
	}
	return c.redirect("/intake/" + got.GetIntake().GetIntakeId())
}
