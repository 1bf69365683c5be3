package page

import (
	"github.com/upright-clinic/upright/gateway/internal/route"
	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
)

// arriveRoutes are where the front desk receives a patient.
func (s *Site) arriveRoutes() []route.Route {
	return []route.Route{s.row("POST /staff/appointments/{appointment_id}/arrive", desk, s.arrive)}
}

// arrivePage asks the six questions before a check-in, or says why there is none.
type arrivePage struct {
	visit
	Here, Return string
	Form         *Field
	// Seen offers a clinician to check in without the questions.
	Seen bool
	// Stopped is what the answers ask for; nil while they are asked.
	Stopped *stoppedArrival
}

// stoppedArrival is for staff alone.
type stoppedArrival struct {
	Level   string
	Urgent  bool
	Yes     []string
	Advice  *intakev1.Advice
	Numbers []*directoryv1.EmergencyNumber
	// Move is the address of other times.
	Move string
}

// arrive checks a patient in: first it asks the six questions, and only when none of them is
// answered yes, or when a clinician has seen the patient, the visit begins.
func (s *Site) arrive(c *call) error {
	got, err := s.clients.appointments.GetAppointment(c.ctx(), &bookingv1.GetAppointmentRequest{AppointmentId: c.path("appointment_id")})
	if err != nil {
		return err
	}
	a := got.GetAppointment()
	seen := c.form("seen") != "" && c.clinician()
	switch {
	case a.GetPatientId() == "" || seen:
		return c.checkIn(a)
	case c.form("asked") == "" && a.GetState() != "BOOKED", c.form("asked") == "" && c.form("etag") != "" && c.form("etag") != a.GetEtag():
		return c.redirect(withParam(local(c.form("back"), "/staff/appointments/"+a.GetAppointmentId()), "problem", "VERSION_MISMATCH"))
	}
	items, err := c.miniScreenItems()
	if err != nil {
		return err
	}
	if len(items) == 0 { // a form of the clinic's own that asks nothing again
		return c.checkIn(a)
	}
	w := c.wrongs()
	if c.form("asked") == "" {
		return c.showArrive(a, items, nil, nil)
	}
	answers := c.miniScreenAnswers(w, items)
	if w.any() {
		return c.showArrive(a, items, nil, w)
	}
	screen, err := c.recordMiniScreen(a.GetPatientId(), answers)
	if err != nil {
		return err
	}
	if screen.GetClear() {
		return c.checkIn(a)
	}
	stopped := &stoppedArrival{
		Level: screen.GetLevel(), Advice: screen.GetAdvice(), Urgent: screen.GetLevel() == "EMERGENCY_NOW" || screen.GetLevel() == "URGENT_SAME_DAY",
		Move: wish{Move: a.GetAppointmentId()}.To("/staff/book/times"),
	}
	for _, m := range items {
		if answers[m.GetId()] {
			stopped.Yes = append(stopped.Yes, c.miniScreenText(m))
		}
	}
	return c.showArrive(a, items, stopped, nil)
}

// checkIn begins the visit.
func (c *call) checkIn(a *bookingv1.Appointment) error {
	return c.act("/staff/appointments/"+a.GetAppointmentId(), "arrive", func() error {
		_, err := c.clients.appointments.CheckInAppointment(c.ctx(), &bookingv1.CheckInAppointmentRequest{
			RequestId: c.requestID(), AppointmentId: a.GetAppointmentId(), Etag: c.form("etag"),
		})
		return err
	})
}

// showArrive shows the questions, or what stopped the check-in.
func (c *call) showArrive(a *bookingv1.Appointment, items []*intakev1.MiniScreenItem, stopped *stoppedArrival, w *wrongs) error {
	list, err := c.visits([]*bookingv1.Appointment{a}, true)
	if err != nil {
		return err
	}
	id := a.GetAppointmentId()
	d := arrivePage{
		visit: list[0], Here: "/staff/appointments/" + id + "/arrive", Return: local(c.form("back"), "/staff/appointments/"+id),
		Seen: c.clinician(), Stopped: stopped,
	}
	title := "arrive.title"
	if stopped != nil {
		title = "arrive.title_stop"
		clinic, err := c.clinic()
		if err != nil {
			return err
		}
		stopped.Numbers = miniScreenNumbers(clinic, stopped.Level)
	} else {
		d.Form = c.miniScreen(w, items, "arrive.ask")
	}
	v := c.view(c.cat.T(title), d)
	v.Back = d.Return
	if w.any() {
		return c.again("arrive", v, w)
	}
	return c.show("arrive", v)
}
