package page

import (
	"slices"
	"strings"
	"time"

	"github.com/upright-clinic/upright/gateway/internal/route"
	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// patientRoutes are a patient's own pages.
func (s *Site) patientRoutes() []route.Route {
	return []route.Route{
		s.row("GET /me", patients, s.me),
		s.row("GET /me/book", patients, s.meBook),
		s.row("GET /me/book/times", patients, s.meTimes),
		s.row("POST /me/book/confirm", patients, func(c *call) error { return c.confirm("/me/book", false) }),
		s.row("POST /me/book/done", patients, func(c *call) error { return c.book("/me/book", pageUnder("/me/appointments/"), false) }),
		s.row("GET /me/appointments/{appointment_id}", patients, s.meAppointment),
		s.row("POST /me/appointments/{appointment_id}/cancel", patients, s.meCancel),
		s.row("POST /me/appointments/{appointment_id}/undo", patients, s.meUndo),
		s.row("GET /me/appointments/{appointment_id}/visit.ics", patients, (*call).calendarFile),
	}
}

// pageUnder names the page of an appointment below a path.
func pageUnder(path string) func(*bookingv1.Appointment) string {
	return func(a *bookingv1.Appointment) string { return path + a.GetAppointmentId() }
}

// actingFor lists whom the person may act for, the own record first. It is empty when that
// cannot be asked: then nothing is offered.
func (c *call) actingFor() []*directoryv1.ActingFor {
	got, err := c.clients.accounts.GetMe(c.ctx(), &directoryv1.GetMeRequest{})
	if err != nil {
		return nil
	}
	return got.GetPatients()
}

// mePage is a patient's own page.
type mePage struct {
	People []person
	// Several is true for somebody who acts for others too: then names are shown.
	Several bool
}

// person is one patient on it.
type person struct {
	ID, Name string
	// Suggest is what to book next, with its next free times.
	Suggest []suggestion
	Next    []visit
	Past    []visit
	// Waits is what they wait for, with what is held for them.
	Waits   []waitLine
	Courses []courseCard
	Intake  *intakev1.Intake
	// Asked is true when a check-in after an injection waits for an answer, Measures when a
	// measure of a plan does.
	Asked, Measures bool
}

// courseCard is one course of a plan, and the way to book its next session.
type courseCard struct {
	*plansv1.Course
	Plan *plansv1.Plan
	// TypeID is the type of appointment that its next session would be.
	TypeID string
	// Book is the address of the free times for its next session; empty when none can be
	// booked now.
	Book string
}

// me shows what comes next: appointments, sessions to book, the form to fill in.
func (s *Site) me(c *call) error {
	got, err := s.clients.accounts.GetMe(c.ctx(), &directoryv1.GetMeRequest{})
	if err != nil {
		return err
	}
	d := mePage{Several: len(got.GetPatients()) > 1}
	_, order, err := c.types()
	if err != nil {
		return err
	}
	for _, p := range got.GetPatients() {
		one, err := c.person(p, order)
		if err != nil {
			return err
		}
		d.People = append(d.People, one)
	}
	return c.show("me", c.view(c.cat.T("me.title"), d))
}

// person collects what concerns one patient.
func (c *call) person(p *directoryv1.ActingFor, types []*bookingv1.AppointmentType) (one person, err error) {
	one = person{ID: p.GetPatientId(), Name: p.GetDisplayName()}
	list, err := c.appointments(&bookingv1.ListAppointmentsRequest{PatientId: one.ID})
	if err != nil {
		return one, err
	}
	all, err := c.visits(list, false)
	if err != nil {
		return one, err
	}
	one.Next, one.Past = c.nextAndPast(all)
	if one.Waits, err = c.waits(one.ID); err != nil {
		return one, err
	}
	plans, err := c.clients.plans.ListPlans(c.ctx(), &plansv1.ListPlansRequest{PatientId: one.ID, State: "ACTIVE"})
	if err != nil {
		return one, err
	}
	one.Courses = courseCards("/me/book/times", wish{Patient: one.ID}, plans.GetPlans(), types, true)
	if one.Suggest, err = c.suggest("/me/book", "/me/book/confirm", false, one.ID, one.Courses, all); err != nil {
		return one, err
	}
	intakes, err := c.clients.intakes.ListIntakes(c.ctx(), &intakev1.ListIntakesRequest{PatientId: one.ID, PageSize: 1})
	if err != nil {
		return one, err
	}
	if len(intakes.GetIntakes()) > 0 {
		one.Intake = intakes.GetIntakes()[0]
	}
	due, err := c.dueCheckIns(p)
	if err != nil {
		return one, err
	}
	one.Asked = len(due) > 0
	if len(one.Courses) == 0 { // only a plan asks for measures
		return one, nil
	}
	known, err := c.clients.outcomes.ListInstruments(c.ctx(), &plansv1.ListInstrumentsRequest{})
	if err != nil {
		return one, err
	}
	measures, _, err := c.dueMeasures(one.ID, known.GetInstruments())
	one.Measures = len(measures) > 0
	return one, err
}

// nextAndPast splits appointments: those to come in order, those that are over with the
// last first.
func (c *call) nextAndPast(all []visit) (next, past []visit) {
	now := c.cfg.Clock.Now()
	for _, v := range all {
		if v.Over() || v.GetEndTime().AsTime().Before(now) {
			past = append(past, v)
		} else {
			next = append(next, v)
		}
	}
	slices.Reverse(past)
	return next, past[:min(len(past), 20)]
}

// courseCards lists the courses of plans, each with the address of free times for its next
// session: the first type of appointment that gives its kind of care.
func courseCards(times string, base wish, plans []*plansv1.Plan, types []*bookingv1.AppointmentType, online bool) (cards []courseCard) {
	for _, plan := range plans {
		for _, course := range plan.GetCourses() {
			card := courseCard{Course: course, Plan: plan}
			for _, t := range types {
				fits := t.GetDiscipline() == course.GetDiscipline() && !t.GetInactive() && (t.GetPatientBookable() || !online) &&
					(t.GetKind() == "TREATMENT" || t.GetKind() == "INJECTION")
				if fits && course.GetSessions().GetLeft() > 0 && plan.GetState() == "ACTIVE" {
					next := base
					next.Type, next.Plan, next.Course = t.GetAppointmentTypeId(), plan.GetPlanId(), course.GetCourseId()
					card.Book, card.TypeID = next.To(times), next.Type
					break
				}
			}
			cards = append(cards, card)
		}
	}
	return cards
}

// bookPage is what can be booked.
type bookPage struct {
	People  []bookFor
	Several bool
}

// bookFor is what can be booked for one patient.
type bookFor struct {
	Name    string
	Courses []courseCard
	Types   []typeChoice
	Gate    *intakev1.BookingGate
	Closed  bool
}

// typeChoice is one type of appointment and its free times.
type typeChoice struct {
	*bookingv1.AppointmentType
	Href string
}

// meBook shows what a patient may book now: sessions of a plan first.
func (s *Site) meBook(c *call) error {
	_, types, err := c.types()
	if err != nil {
		return err
	}
	d := bookPage{}
	for _, p := range c.actingFor() {
		one := bookFor{Name: p.GetDisplayName()}
		plans, err := s.clients.plans.ListPlans(c.ctx(), &plansv1.ListPlansRequest{PatientId: p.GetPatientId(), State: "ACTIVE"})
		if err != nil {
			return err
		}
		one.Courses = courseCards("/me/book/times", wish{Patient: p.GetPatientId()}, plans.GetPlans(), types, true)
		gate, err := s.clients.triage.GetBookingGate(c.ctx(), &intakev1.GetBookingGateRequest{PatientId: p.GetPatientId()})
		if err != nil {
			return err
		}
		one.Gate = gate.GetGate()
		one.Types = openTypes("/me/book/times", p.GetPatientId(), one.Gate, types)
		one.Closed = one.Gate.GetState() == intakev1.BookingGate_STATE_SCREENED && len(one.Gate.GetAllowed()) == 0
		d.People = append(d.People, one)
	}
	d.Several = len(d.People) > 1
	return c.show("book", c.view(c.cat.T("book.title"), d))
}

// openTypes lists the types that a patient may book online and that the gate lets through.
// It only spares people a page that would say no: booking asks the gate again.
func openTypes(times, patient string, gate *intakev1.BookingGate, types []*bookingv1.AppointmentType) (open []typeChoice) {
	for _, t := range types {
		if t.GetInactive() || !t.GetPatientBookable() || t.GetPlanRequired() || !gateLets(gate, t) {
			continue
		}
		open = append(open, typeChoice{t, wish{Patient: patient, Type: t.GetAppointmentTypeId()}.To(times)})
	}
	return open
}

// gateLets reports whether the gate names a type of appointment.
func gateLets(gate *intakev1.BookingGate, t *bookingv1.AppointmentType) bool {
	if gate.GetState() != intakev1.BookingGate_STATE_SCREENED {
		return t.GetKind() == "INITIAL_ASSESSMENT"
	}
	for _, a := range gate.GetAllowed() {
		kind := a.GetKind() == typev1.VisitKind(typev1.VisitKind_value["VISIT_KIND_"+t.GetKind()])
		discipline := len(a.GetDisciplines()) == 0 ||
			slices.Contains(a.GetDisciplines(), typev1.Discipline(typev1.Discipline_value["DISCIPLINE_"+t.GetDiscipline()]))
		mode := len(a.GetModes()) == 0 || slices.ContainsFunc(t.GetModes(), func(m string) bool {
			return slices.Contains(a.GetModes(), typev1.VisitMode(typev1.VisitMode_value["VISIT_MODE_"+m]))
		})
		if kind && discipline && mode {
			return true
		}
	}
	return false
}

// meTimes shows the free times of a type of appointment.
func (s *Site) meTimes(c *call) error { return c.showTimes("/me/book", false) }

// showTimes shows free times.
func (c *call) showTimes(base string, staff bool) error {
	b, err := c.bookable(base, staff)
	if err != nil {
		return err
	}
	w := c.wrongs()
	v, err := c.times(b, w)
	if err != nil {
		return err
	}
	if w.any() {
		return c.again("times", v, w)
	}
	return c.show("times", v)
}

// appointmentPage shows one appointment and what can be done with it.
type appointmentPage struct {
	visit
	// Base is where its actions are.
	Base string
	// Change is the address of free times to move it to; empty when it cannot be moved.
	Change    string
	CanCancel bool
	// ChangeUntil is until when a patient may do either, in words; empty when only the start
	// ends that. TooLate says that it has passed: then Phone is whom to call.
	ChangeUntil string
	TooLate     bool
	Phone       string
	CanUndo     bool
	// Until is when undoing ends, on the clinic's clock.
	Until string
	// UndoBooking offers staff to take back what they have just booked.
	UndoBooking bool
	// Was is the time that a visit was just moved from, and Back sends it there again.
	Was     string
	Back    []pair
	MoveURL string
	Staff   bool
	Reasons []Option
	Flags   []string
	Actions []action
}

// appointmentView makes the page of one appointment. Its actions are below base, and free
// times to move it to below book.
func (c *call) appointmentView(id, base, book string, staff bool) (*view, error) {
	got, err := c.clients.appointments.GetAppointment(c.ctx(), &bookingv1.GetAppointmentRequest{AppointmentId: id})
	if err != nil {
		return nil, err
	}
	list, err := c.visits([]*bookingv1.Appointment{got.GetAppointment()}, staff)
	if err != nil {
		return nil, err
	}
	d := appointmentPage{visit: list[0], Base: base, Staff: staff}
	if d.GetState() == "BOOKED" {
		d.Change, d.CanCancel = wish{Move: d.GetAppointmentId()}.To(book+"/times"), true
		if c.grant != nil { // the link says which visit
			d.Change = book + "/times"
		}
	}
	if err := c.mayChange(&d); err != nil {
		return nil, err
	}
	until := d.GetUndoExpireTime()
	d.CanUndo = d.GetState() == "CANCELLED" && until != nil && until.AsTime().After(c.cfg.Clock.Now())
	if d.CanUndo {
		d.Until = c.cat.Clock(wallTime(until.AsTime(), c.zone(d.GetTimeZone())))
	}
	c.justDone(&d, book)
	for _, code := range []string{"PATIENT_REQUEST", "PATIENT_ILL", "PRACTITIONER_ILL", "CLINIC_REQUEST", "CLINICAL_REASON", "BOOKED_IN_ERROR", "OTHER"} {
		if staff || code == "PATIENT_REQUEST" || code == "PATIENT_ILL" {
			d.Reasons = append(d.Reasons, Option{Value: code, Label: say(c.cat, "cancel_reason", code)})
		}
	}
	if staff {
		d.Flags, d.Actions = d.GetFlags(), c.actions(d.Appointment)
	}
	return c.view(c.cat.T("appointment.title", "type", d.Type), d), nil
}

// mayChange says until when a patient may move or cancel a visit, and takes the ways to do so
// away once that has passed. Booking decides; this spares people a page that would say no.
func (c *call) mayChange(d *appointmentPage) error {
	until := d.GetChangeExpireTime()
	if until == nil || d.Staff {
		return nil
	}
	if !c.cfg.Clock.Now().After(until.AsTime()) {
		d.ChangeUntil = c.cat.When(wallTime(until.AsTime(), c.zone(d.GetTimeZone())), d.GetTimeZone())
		return nil
	}
	clinic, err := c.clinic()
	if err != nil {
		return err
	}
	d.TooLate, d.Phone, d.Change, d.CanCancel = true, clinic.GetPhone(), "", false
	return nil
}

// justDone offers to take back what was done a moment ago: a booking of the staff's, or a
// move. The address only says what was done; whether it can be taken back booking decides.
func (c *call) justDone(d *appointmentPage, book string) {
	if d.GetState() != "BOOKED" {
		return
	}
	d.UndoBooking = d.Staff && c.query("done") == "booked"
	was := c.query("was")
	at, practitioner, _ := strings.Cut(was, "|")
	start, err := time.Parse(time.RFC3339, at)
	if c.query("done") != "moved" || err != nil || practitioner == "" {
		return
	}
	d.Was, d.MoveURL = c.cat.When(wallTime(start, c.zone(d.GetTimeZone())), d.GetTimeZone()), book+"/confirm"
	if d.Staff { // a patient answers the six questions with every move
		d.MoveURL = book + "/done"
	}
	d.Back = []pair{{"move", d.GetAppointmentId()}, {"slot", was}, {"etag", d.GetEtag()}}
}

// meAppointment shows a patient's appointment.
func (s *Site) meAppointment(c *call) error {
	id := c.path("appointment_id")
	v, err := c.appointmentView(id, "/me/appointments/"+id, "/me/book", false)
	if err != nil {
		return err
	}
	v.Back = "/me"
	return c.show("appointment", v)
}

// meCancel cancels it.
func (s *Site) meCancel(c *call) error {
	return c.act("/me/appointments/"+c.path("appointment_id"), "cancelled", func() error {
		_, err := s.clients.appointments.CancelAppointment(c.ctx(), &bookingv1.CancelAppointmentRequest{
			RequestId: c.requestID(), AppointmentId: c.path("appointment_id"), ReasonCode: c.form("reason_code"), Etag: c.form("etag"),
		})
		return err
	})
}

// meUndo takes the cancelling back.
func (s *Site) meUndo(c *call) error {
	return c.act("/me/appointments/"+c.path("appointment_id"), "undone", func() error {
		_, err := s.clients.appointments.UndoCancelAppointment(c.ctx(), &bookingv1.UndoCancelAppointmentRequest{
			RequestId: c.requestID(), AppointmentId: c.path("appointment_id"), Etag: c.form("etag"),
		})
		return err
	})
}

// act does one thing and goes back to a page of this site, which says that it was done or
// why not: the reason travels as a code.
func (c *call) act(back, done string, do func() error) error {
	back = local(c.form("back"), back)
	err := do()
	if err == nil {
		return c.redirect(withParam(back, "done", done))
	}
	f := fault.From(err)
	switch f.Kind { //nolint:exhaustive // the others are for the error page
	case fault.FailedPrecondition, fault.Aborted, fault.AlreadyExists:
		return c.redirect(withParam(back, "problem", f.Reason))
	}
	return err
}
