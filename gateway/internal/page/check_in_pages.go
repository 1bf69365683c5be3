package page

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/upright-clinic/upright/gateway/internal/route"
	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
)

// checkInRoutes are the pages on which a patient says how it went after an injection.
func (s *Site) checkInRoutes() []route.Route {
	return []route.Route{
		s.row("GET /me/check-in", patients, s.checkInForm),
		s.row("POST /me/check-in", patients, s.checkInAnswer),
	}
}

// checkInPage asks one check-in, or says what to do after its answer.
type checkInPage struct {
	// Due is the check-in that waits for an answer; nil when none does.
	Due *dueCheckIn
	// Several is true for somebody who acts for others too: then the name is shown.
	Several bool
	Fields  []Field
	// Advice is what to do, after an answer.
	Advice, Text string
	// Urgent: it must not wait. Numbers are then whom to call.
	Urgent  bool
	Numbers []*directoryv1.EmergencyNumber
}

// dueCheckIn is a check-in that waits for the answer of somebody whom the person acts for.
type dueCheckIn struct {
	Patient, Name string
	Injection     *plansv1.Injection
	Code          string
	At            int64
}

// dueCheckIns are the check-ins that wait, the oldest first. Of one injection only the
// newest is asked: what was due before is answered by it as well.
func (c *call) dueCheckIns(people ...*directoryv1.ActingFor) (due []dueCheckIn, err error) {
	for _, p := range people {
		list, err := c.clients.injections.ListInjections(c.ctx(), &plansv1.ListInjectionsRequest{PatientId: p.GetPatientId()})
		if err != nil {
			return nil, err
		}
		for _, i := range list.GetInjections() {
			d := dueCheckIn{Patient: p.GetPatientId(), Name: p.GetDisplayName(), Injection: i}
			for _, f := range i.GetFollowUps() {
				if at := f.GetDueTime().GetSeconds(); (f.GetState() == "DUE" || f.GetState() == "OVERDUE") && at >= d.At {
					d.Code, d.At = f.GetCode(), at
				}
			}
			if d.Code != "" {
				due = append(due, d)
			}
		}
	}
	slices.SortFunc(due, func(a, b dueCheckIn) int { return cmp.Compare(a.At, b.At) })
	return due, nil
}

// checkInForm asks the check-in that has waited longest.
func (s *Site) checkInForm(c *call) error {
	v, _, err := c.checkInView(nil)
	if err != nil {
		return err
	}
	return c.show("check_in", v)
}

// checkInView is the form, and whether there is something to answer; a form that was sent
// keeps what it was about.
func (c *call) checkInView(w *wrongs) (*view, bool, error) {
	people := c.actingFor()
	due, err := c.dueCheckIns(people...)
	if err != nil {
		return nil, false, err
	}
	if w != nil {
		due = slices.DeleteFunc(due, func(d dueCheckIn) bool {
			return d.Injection.GetInjectionId() != c.form("injection") || d.Code != c.form("code")
		})
	}
	d := checkInPage{Several: len(people) > 1}
	if len(due) > 0 {
		d.Due = &due[0]
		if d.Fields, err = c.checkInFields(w); err != nil {
			return nil, false, err
		}
	}
	v := c.view(c.cat.T("check_in.title"), d)
	v.Back = "/me"
	return v, d.Due != nil, nil
}

// checkInFields are the questions: how it is now, how it is beside before, what was noticed.
func (c *call) checkInFields(w *wrongs) ([]Field, error) {
	texts, err := c.clients.injections.ListInjectionConsents(c.ctx(), &plansv1.ListInjectionConsentsRequest{})
	if err != nil {
		return nil, err
	}
	course := c.input(w, "radio", "course", "check_in.course")
	for _, code := range []string{"BETTER", "SAME", "WORSE"} {
		course.Options = append(course.Options, Option{Value: code, Label: say(c.cat, "check_in", code)})
	}
	pain := c.input(w, "text", "pain", "check_in.pain")
	pain.InputMode, pain.Short = "numeric", true
	signs := c.input(w, "checks", "signs", "check_in.signs")
	signs.Optional = true
	for _, g := range texts.GetSigns() {
		signs.Options = append(signs.Options, Option{Value: g.GetCode(), Label: c.cat.Or("sign."+g.GetCode(), g.GetText())})
	}
	note := c.input(w, "textarea", "note", "check_in.note")
	note.Optional = true
	return []Field{course, pain, signs, note}, nil
}

// checkInAnswer sends an answer, and says what to do.
func (s *Site) checkInAnswer(c *call) error {
	w := c.wrongs()
	w.need("course", c.form("course"), "check_in.need_course")
	r := &plansv1.AnswerInjectionCheckInRequest{
		RequestId: c.requestID(), PatientId: c.form("patient"), InjectionId: c.form("injection"), Code: c.form("code"),
		Course: c.form("course"), Signs: c.forms("signs"), Note: c.form("note"),
	}
	if r.Pain = c.pain(w, "pain"); r.Pain == nil {
		w.field("pain", c.cat.T("intake.number_range", "min", strconv.Itoa(0), "max", strconv.Itoa(10)))
	}
	if !w.any() {
		got, err := s.clients.injections.AnswerInjectionCheckIn(c.ctx(), r)
		if err == nil {
			return c.checkInAdvice(got.GetAdvice())
		}
		if !w.refused(err, nil) {
			return err
		}
	}
	v, open, err := c.checkInView(w)
	if err != nil {
		return err
	}
	if !open { // it was answered elsewhere meanwhile, or never was there
		return c.show("check_in", v)
	}
	return c.again("check_in", v, w)
}

// checkInAdvice says what to do. It is the answer to the form itself: an address would tell
// whoever reads it how the patient is.
func (c *call) checkInAdvice(advice string) error {
	clinic, err := c.clinic()
	if err != nil {
		return err
	}
	d := checkInPage{Advice: advice, Text: say(c.cat, "advice", advice), Urgent: advice == "EMERGENCY" || advice == "SAME_DAY"}
	if d.Urgent {
		d.Numbers = numbers(clinic, "EMERGENCY")
	}
	v := c.view(c.cat.T("check_in.thanks"), d)
	v.Back = "/me"
	return c.show("check_in", v)
}
