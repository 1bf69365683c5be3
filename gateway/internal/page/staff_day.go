package page

import (
	"cmp"
	"slices"
	"time"

	"github.com/upright-clinic/upright/gateway/internal/route"
	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// staffRoutes are the pages of the front desk, which clinicians use too.
func (s *Site) staffRoutes() []route.Route {
	return []route.Route{
		s.row("GET /staff/day", desk, s.dayList),
		s.row("GET /staff/appointments/{appointment_id}", desk, s.staffAppointment),
		s.row("GET /staff/appointments/{appointment_id}/visit.ics", desk, (*call).calendarFile),
		s.row("POST /staff/appointments/{appointment_id}/{action}", desk, s.staffAct),
		s.row("GET /staff/book", desk, s.staffBook),
		s.row("POST /staff/book", desk, s.staffBook),
		s.row("GET /staff/book/times", desk, func(c *call) error { return c.showTimes("/staff/book", true) }),
		s.row("POST /staff/book/confirm", desk, func(c *call) error { return c.confirm("/staff/book", true) }),
		s.row("POST /staff/book/done", desk, func(c *call) error { return c.book("/staff/book", pageUnder("/staff/appointments/"), true) }),
		s.row("GET /staff/patients", desk, s.patientSearch),
		s.row("POST /staff/patients", desk, s.patientSearch),
		s.row("GET /staff/patients/new", desk, s.patientNewForm),
		s.row("POST /staff/patients/new", desk, s.patientNew),
		s.row("GET /staff/patients/{patient_id}", desk, s.staffPatient),
		s.row("GET /staff/tasks", desk, s.tasks),
	}
}

// dayPage is the list of a day's appointments.
type dayPage struct {
	Date, Today, Previous, Next string
	Heading                     string
	IsToday                     bool
	Visits                      []dayVisit
	Cancelled                   []dayVisit
	// NextVisits leads from an empty day to the next one with visits; nil when there is none soon.
	NextVisits *link
	// Waiting are those who have arrived, the longest wait first; today only.
	Waiting      []waiting
	Holds        []heldTime
	Filter       Field
	Practitioner string
	Here         string
	Book         string
	// Views are the forms in which the day can be seen, the present one first of all current.
	Views []link
	// Table is the day by practitioner, when that form was asked for.
	Table *dayTable
}

// dayVisit is one line of it.
type dayVisit struct {
	visit
	// Actions that go with its state.
	Actions []action
	// Here is the address of the list, to come back to.
	Here string
	// Running is true for what goes on at this moment.
	Running bool
}

// action is one button.
type action struct{ Path, Label, Class string }

// dayList shows a day by time or by practitioner, of everybody or of one practitioner. It is
// the diary as a table: it prints, and works without JavaScript.
func (s *Site) dayList(c *call) error {
	clinic, err := c.clinic()
	if err != nil {
		return err
	}
	today := c.today(clinic)
	on := date(c.query("date"), today)
	who := c.query("practitioner")
	if c.query("mine") != "" {
		who = c.who().PractitionerID
	}
	practitioners, err := c.practitioners()
	if err != nil {
		return err
	}
	view := dayView(c.query("view"))
	here := func(d civil.Date) string {
		return address("/staff/day", "date", d.String(), "practitioner", who, "view", view)
	}
	p := dayPage{
		Date: on.String(), Heading: c.cat.Date(on), IsToday: on == today, Practitioner: practitioners[who].GetDisplayName(),
		Here: here(on), Today: here(today), Previous: here(on.AddDays(-1)), Next: here(on.AddDays(1)),
		Book: address("/staff/book", "from", on.String(), "practitioner", who),
		Filter: Field{
			Kind: "select", Name: "practitioner", Label: c.cat.T("day.with"), Value: who,
			Options: append([]Option{{Label: c.cat.T("times.anyone")}}, practitionerOptions(practitioners)...),
		},
	}
	for _, name := range []string{"", "table"} {
		to := address("/staff/day", "date", on.String(), "practitioner", who, "view", name)
		p.Views = append(p.Views, link{Href: to, Text: c.cat.T("desk.view_" + cmp.Or(name, "list")), Current: name == view})
	}
	if err := c.dayVisits(&p, on, who); err != nil {
		return err
	}
	if p.Holds, err = c.heldTimes(on, who, practitioners); err != nil {
		return err
	}
	if view == "table" {
		if p.Table, err = c.dayTable(on, who, practitioners, p.Visits, p.Holds); err != nil {
			return err
		}
	}
	v := c.view(p.Heading, p)
	v.Wide = true
	return c.show("day", v)
}

// dayVisits fills in the appointments of the day, and who of them waits.
func (c *call) dayVisits(p *dayPage, on civil.Date, who string) error {
	list, err := c.appointments(&bookingv1.ListAppointmentsRequest{Date: on.String(), PractitionerId: who})
	if err != nil {
		return err
	}
	all, err := c.visits(list, true)
	if err != nil {
		return err
	}
	now := c.cfg.Clock.Now()
	for _, v := range all {
		line := dayVisit{visit: v, Actions: c.actions(v.Appointment), Here: p.Here, Running: running(v, now)}
		if v.GetState() == "CANCELLED" {
			p.Cancelled = append(p.Cancelled, line)
		} else {
			p.Visits = append(p.Visits, line)
		}
	}
	slices.SortStableFunc(p.Visits, func(a, b dayVisit) int {
		return cmp.Or(cmp.Compare(a.GetLocalStart(), b.GetLocalStart()), cmp.Compare(a.Practitioner, b.Practitioner))
	})
	if p.IsToday {
		p.Waiting = waitingRoom(p.Visits, now)
	}
	if len(p.Visits) == 0 {
		return c.nextVisitDay(p, on, who)
	}
	return nil
}

// nextVisitDay leads from an empty day to the next one that has visits, of those that one
// question can see.
func (c *call) nextVisitDay(p *dayPage, on civil.Date, who string) error {
	got, err := c.clients.appointments.ListAppointments(c.ctx(), &bookingv1.ListAppointmentsRequest{
		StartDate: on.AddDays(1).String(), EndDate: on.AddDays(92).String(), PractitionerId: who, PageSize: 50,
	})
	if err != nil {
		return err
	}
	for _, a := range got.GetAppointments() {
		if a.GetState() != "CANCELLED" {
			p.NextVisits = &link{Href: withParam(p.Here, "date", a.GetLocalDate()), Text: c.cat.DateText(a.GetLocalDate())}
			break
		}
	}
	return nil
}

// running reports whether an appointment goes on at this moment.
func running(v visit, now time.Time) bool {
	return !v.Over() && !now.Before(v.GetStartTime().AsTime()) && now.Before(v.GetEndTime().AsTime())
}

// actions lists the buttons that a visit can take now. The service decides whether one of them
// may be pressed.
func (c *call) actions(a *bookingv1.Appointment) []action {
	button := func(path, class string) action { return action{path, c.cat.T("action." + path), class} }
	now := c.cfg.Clock.Now()
	today, missed := civil.Of(now, c.zone(a.GetTimeZone())).String(), now.After(a.GetStartTime().AsTime())
	switch a.GetState() {
	case "BOOKED":
		switch {
		case a.GetLocalDate() < today:
			return []action{button("complete", ""), button("no-show", "second")}
		case a.GetLocalDate() > today:
			return nil
		case missed:
			return []action{button("arrive", ""), button("no-show", "second")}
		}
		return []action{button("arrive", "")}
	case "CHECKED_IN":
		return []action{button("start", ""), button("complete", "second"), button("undo-arrive", "second")}
	case "IN_PROGRESS":
		return []action{button("complete", "")}
	}
	return nil
}

// staffAppointment shows one appointment.
func (s *Site) staffAppointment(c *call) error {
	id := c.path("appointment_id")
	v, err := c.appointmentView(id, "/staff/appointments/"+id, "/staff/book", true)
	if err != nil {
		return err
	}
	d, ok := v.D.(appointmentPage)
	if !ok {
		return fault.From(nil)
	}
	v.Back = address("/staff/day", "date", d.GetLocalDate())
	return c.show("appointment", v)
}

// staffAct presses one of an appointment's buttons.
func (s *Site) staffAct(c *call) error {
	id, etag, request := c.path("appointment_id"), c.form("etag"), c.requestID()
	do := map[string]func() error{
		"undo-arrive": func() error {
			_, err := s.clients.appointments.UndoCheckInAppointment(c.ctx(), &bookingv1.UndoCheckInAppointmentRequest{RequestId: request, AppointmentId: id, Etag: etag})
			return err
		},
		"start": func() error {
			_, err := s.clients.appointments.StartAppointment(c.ctx(), &bookingv1.StartAppointmentRequest{RequestId: request, AppointmentId: id, Etag: etag})
			return err
		},
		"complete": func() error {
			_, err := s.clients.appointments.CompleteAppointment(c.ctx(), &bookingv1.CompleteAppointmentRequest{RequestId: request, AppointmentId: id, Etag: etag})
			return err
		},
		"no-show": func() error {
			_, err := s.clients.appointments.MarkNoShow(c.ctx(), &bookingv1.MarkNoShowRequest{RequestId: request, AppointmentId: id, Etag: etag})
			return err
		},
		"cancel": func() error {
			_, err := s.clients.appointments.CancelAppointment(c.ctx(), &bookingv1.CancelAppointmentRequest{
				RequestId: request, AppointmentId: id, Etag: etag, ReasonCode: c.form("reason_code"),
			})
			return err
		},
		"undo": func() error {
			_, err := s.clients.appointments.UndoCancelAppointment(c.ctx(), &bookingv1.UndoCancelAppointmentRequest{RequestId: request, AppointmentId: id, Etag: etag})
			return err
		},
	}[c.path("action")]
	if do == nil {
		return fault.NotFoundf("action")
	}
	return c.act("/staff/appointments/"+id, c.path("action"), do)
}
