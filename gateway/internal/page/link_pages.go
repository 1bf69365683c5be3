package page

import (
	"net/http"
	"time"

	"github.com/upright-clinic/upright/gateway/internal/pass"
	"github.com/upright-clinic/upright/gateway/internal/route"
	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/fault"
)

const (
	// bookLinkTime is how long a link to book a session works.
	bookLinkTime = 14 * 24 * time.Hour
	// visitLinkTime is how long after the visit its link still shows it.
	visitLinkTime = 24 * time.Hour
)

// linkRoutes are the pages that a link opens without signing in, and the staff's pages that
// make links. What is behind a link is done as the patient, for one visit, one course or one
// offer of the waitlist only.
func (s *Site) linkRoutes() []route.Route {
	return []route.Route{
		s.row("GET /l/{link}", anybody, s.byLink((*call).linkPage)),
		s.row("GET /l/{link}/times", anybody, s.byLink(func(c *call) error { return c.showTimes(c.linkBase(), false) })),
		s.row("POST /l/{link}/confirm", anybody, s.byLink(func(c *call) error { return c.confirm(c.linkBase(), false) })),
		s.row("POST /l/{link}/done", anybody, s.byLink(func(c *call) error { return c.book(c.linkBase(), c.linkTo, false) })),
		s.row("POST /l/{link}/cancel", anybody, s.byLink((*call).linkCancel)),
		s.row("POST /l/{link}/undo", anybody, s.byLink((*call).linkUndo)),
		s.row("GET /l/{link}/visit.ics", anybody, s.byLink((*call).linkCalendar)),
		s.row("POST /staff/appointments/{appointment_id}/link", desk, s.staffVisitLink),
		s.row("POST /staff/book/link", desk, s.staffBookLink),
	}
}

// byLink opens the link of the address and answers as the patient whom it was made for,
// whoever is signed in at this browser. Every link that does not work gets the same page:
// changed, made up, expired, or of something that is not there any more.
func (s *Site) byLink(h handler) handler {
	return func(c *call) error {
		g, err := s.links.Open(c.path("link"), c.cfg.Clock.Now())
		if err == nil {
			c.grant = &g
			c.acting = authn.Principal{
				Subject: g.Subject(), ClinicID: g.ClinicID, Roles: []typev1.Role{typev1.Role_ROLE_PATIENT}, PatientIDs: []string{g.PatientID},
			}
			c.r = c.r.WithContext(authn.With(c.r.Context(), c.acting))
			err = h(c)
			if !fault.IsKind(err, fault.NotFound) && !fault.IsKind(err, fault.PermissionDenied) {
				return err
			}
			c.grant = nil
		}
		v := c.view(c.cat.T("link.bad_title"), nil)
		v.Errors = nil
		return c.showStatus(http.StatusNotFound, "link_bad", v)
	}
}

// linkBase is the address of the link that opened this page.
func (c *call) linkBase() string { return "/l/" + c.path("link") }

// seal makes the address of a link.
func (c *call) seal(g pass.Grant) string { return "/l/" + c.links.Seal(g) }

// visitLink is a link for a visit of the caller's clinic.
func (c *call) visitLink(a *bookingv1.Appointment) string {
	return c.seal(pass.Grant{
		ClinicID: c.who().ClinicID, PatientID: a.GetPatientId(), AppointmentID: a.GetAppointmentId(),
		ExpireTime: a.GetEndTime().AsTime().Add(visitLinkTime).Truncate(time.Second),
	})
}

// linkTo is the page of what was just booked or moved by a link. A visit that was moved gets
// a new link, since the old one may end before it.
func (c *call) linkTo(a *bookingv1.Appointment) string { return c.visitLink(a) }

// linkPage shows what the link is for, as it is now.
func (c *call) linkPage() error {
	if c.grant.OfferID != "" {
		return c.showOffer(c.grant.OfferID, c.linkBase(), nil)
	}
	if c.grant.Books() {
		return c.linkBook()
	}
	v, err := c.appointmentView(c.grant.AppointmentID, c.linkBase(), c.linkBase(), false)
	if err != nil {
		return err
	}
	return c.show("appointment", v)
}

// linkBookPage is what a link to book shows: the next free times.
type linkBookPage struct{ Suggest []suggestion }

// linkBook shows the next free times for a session of the plan.
func (c *call) linkBook() error {
	types, _, err := c.types()
	if err != nil {
		return err
	}
	t := types[c.grant.TypeID]
	if t == nil {
		return fault.NotFoundf("appointment type")
	}
	list, err := c.appointments(&bookingv1.ListAppointmentsRequest{PatientId: c.grant.PatientID})
	if err != nil {
		return err
	}
	before, err := c.visits(list, false)
	if err != nil {
		return err
	}
	s, err := c.suggestOne(c.linkBase(), c.linkBase()+"/confirm", c.wish(), t, lastVisit(before, t.GetDiscipline()))
	if err != nil {
		return err
	}
	return c.show("link_book", c.view(c.cat.T("book.title"), linkBookPage{[]suggestion{s}}))
}

// linkedVisit is the visit of the link, as it is now.
func (c *call) linkedVisit() (*bookingv1.Appointment, error) {
	if c.grant.AppointmentID == "" {
		return nil, fault.NotFoundf("appointment")
	}
	got, err := c.clients.appointments.GetAppointment(c.ctx(), &bookingv1.GetAppointmentRequest{AppointmentId: c.grant.AppointmentID})
	return got.GetAppointment(), err
}

// linkCancel cancels the visit. A form that is sent again finds it cancelled and says so.
func (c *call) linkCancel() error {
	a, err := c.linkedVisit()
	if err != nil {
		return err
	}
	if a.GetState() == "CANCELLED" {
		return c.redirect(c.linkBase())
	}
	return c.act(c.linkBase(), "cancelled", func() error {
		_, err := c.clients.appointments.CancelAppointment(c.ctx(), &bookingv1.CancelAppointmentRequest{
			RequestId: c.requestID(), AppointmentId: c.grant.AppointmentID, ReasonCode: c.form("reason_code"), Etag: c.form("etag"),
		})
		return err
	})
}

// linkUndo takes the cancelling back.
func (c *call) linkUndo() error {
	a, err := c.linkedVisit()
	if err != nil {
		return err
	}
	if a.GetState() == "BOOKED" {
		return c.redirect(c.linkBase())
	}
	return c.act(c.linkBase(), "undone", func() error {
		_, err := c.clients.appointments.UndoCancelAppointment(c.ctx(), &bookingv1.UndoCancelAppointmentRequest{
			RequestId: c.requestID(), AppointmentId: c.grant.AppointmentID, Etag: c.form("etag"),
		})
		return err
	})
}

// linkCalendar sends the visit as a file.
func (c *call) linkCalendar() error {
	if c.grant.AppointmentID == "" {
		return fault.NotFoundf("appointment")
	}
	return c.sendCalendar(c.grant.AppointmentID)
}

// madeLink is a link for a patient, for staff to send.
type madeLink struct {
	Link Field
	// Text says what it is good for, and until when.
	Text   string
	Return string
}

// showLink shows a link in full: with the host that the staff's own browser has asked.
func (c *call) showLink(to, back, key string, until time.Time, zone string) error {
	scheme := "http://"
	if c.cfg.Cookies.Secure {
		scheme = "https://"
	}
	field := Field{Kind: "text", Name: "link", Label: c.cat.T("links.label"), Value: scheme + c.r.Host + to}
	v := c.view(c.cat.T("links.title"), madeLink{Link: field, Return: back, Text: c.cat.T(key, "time", c.cat.When(wallTime(until, c.zone(zone)), zone))})
	v.Back = back
	return c.show("link_made", v)
}

// staffVisitLink makes a link for a visit.
func (s *Site) staffVisitLink(c *call) error {
	got, err := s.clients.appointments.GetAppointment(c.ctx(), &bookingv1.GetAppointmentRequest{AppointmentId: c.path("appointment_id")})
	if err != nil {
		return err
	}
	a := got.GetAppointment()
	return c.showLink(c.visitLink(a), "/staff/appointments/"+a.GetAppointmentId(), "links.visit", a.GetEndTime().AsTime().Add(visitLinkTime), a.GetTimeZone())
}

// staffBookLink makes a link by which a patient books a session of a plan.
func (s *Site) staffBookLink(c *call) error {
	clinic, err := c.clinic()
	if err != nil {
		return err
	}
	if _, err := c.patient(c.form("patient")); err != nil { // only for a patient of the clinic
		return err
	}
	until := c.cfg.Clock.Now().Add(bookLinkTime).Truncate(time.Second)
	to := c.seal(pass.Grant{
		ClinicID: c.who().ClinicID, PatientID: c.form("patient"), TypeID: c.form("type"), PlanID: c.form("plan"), CourseID: c.form("course"),
		ExpireTime: until,
	})
	return c.showLink(to, address("/staff/book", "patient", c.form("patient")), "links.book", until, clinic.GetTimeZone())
}
