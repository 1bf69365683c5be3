package page

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/upright-clinic/upright/gateway/internal/route"
	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// waitlistRoutes are how people wait for a time that suits them, and answer when one is held for
// them: signed in, or by a link.
func (s *Site) waitlistRoutes() []route.Route {
	rows := []route.Route{
		s.row("POST /me/wait/{waitlist_entry_id}/withdraw", patients, (*call).stopWaiting),
		s.row("GET /me/offers/{offer_id}", patients, func(c *call) error { return c.showOffer(c.path("offer_id"), c.r.URL.Path, nil) }),
		s.row("POST /me/offers/{offer_id}/accept", patients, func(c *call) error {
			return c.acceptOffer(c.path("offer_id"), "/me/offers/"+c.path("offer_id"), pageUnder("/me/appointments/"))
		}),
		s.row("POST /me/offers/{offer_id}/decline", patients, func(c *call) error { return c.declineOffer(c.path("offer_id"), "/me") }),
		s.row("POST /l/{link}/accept", anybody, s.byLink(func(c *call) error { return c.acceptOffer(c.grant.OfferID, c.linkBase(), c.linkTo) })),
		s.row("POST /l/{link}/decline", anybody, s.byLink(func(c *call) error { return c.declineOffer(c.grant.OfferID, c.linkBase()) })),
	}
	for _, area := range []struct {
		base, done string
		access     route.Access
		staff      bool
	}{{"/me/book", "/me", patients, false}, {"/staff/book", "/staff/waitlist", desk, true}} {
		rows = append(rows,
			s.row("GET "+area.base+"/wait", area.access, func(c *call) error { return c.waitForm(area.base, area.staff, c.wrongs()) }),
			s.row("POST "+area.base+"/wait", area.access, func(c *call) error { return c.wait(area.base, area.done, area.staff) }))
	}
	return append(rows,
		s.row("GET /l/{link}/wait", anybody, s.byLink(func(c *call) error { return c.waitForm(c.linkBase(), false, c.wrongs()) })),
		s.row("POST /l/{link}/wait", anybody, s.byLink(func(c *call) error { return c.wait(c.linkBase(), c.linkBase(), false) })))
}

// waitPage asks for the wishes of somebody whom none of the free times suits.
type waitPage struct {
	*bookable
	Fields []Field
	Hidden []pair
}

// waitable looks up what somebody would wait for. NOT_FOUND for a visit that is to be moved:
// whoever waits waits for another one.
func (c *call) waitable(base string, staff bool) (*bookable, error) {
	b, err := c.bookable(base, staff)
	if err == nil && b.Moving != nil {
		return nil, fault.NotFoundf("page")
	}
	return b, err
}

// waitForm shows the form.
func (c *call) waitForm(base string, staff bool, w *wrongs) error {
	b, err := c.waitable(base, staff)
	if err != nil {
		return err
	}
	days := c.input(w, "checks", "days", "wait.days")
	for i := range 7 {
		n := (i + 1) % 7 // from Monday on
		days.Options = append(days.Options, Option{Value: weekdayCodes[n], Label: c.cat.T("weekday." + strconv.Itoa(n))})
	}
	who := c.input(w, "select", "practitioner", "times.with")
	who.Value = b.Wish.Practitioner
	who.Options = append([]Option{{Value: "", Label: c.cat.T("times.anyone")}}, practitionerOptions(b.practitioners)...)
	from, to := c.input(w, "time", "earliest", "wait.from"), c.input(w, "time", "latest", "wait.to")
	until := c.input(w, "date", "until", "wait.until")
	days.Optional, from.Optional, to.Optional, until.Optional = true, true, true, true
	d := waitPage{bookable: b, Fields: []Field{days, from, to, who, until}, Hidden: b.Wish.Hidden()}
	if staff {
		d.Fields = append(d.Fields, Field{Kind: "checks", Name: "urgent", Label: c.cat.T("waitlist.priority"), Values: c.forms("urgent"), Options: []Option{
			{Value: "yes", Label: c.cat.T("waitlist.urgent")},
		}})
	}
	v := c.view(c.cat.T("wait.title"), d)
	v.Back = b.Wish.To(b.Base + "/times")
	if w.any() {
		return c.again("wait", v, w)
	}
	return c.show("wait", v)
}

// wait puts a patient on the waitlist.
func (c *call) wait(base, done string, staff bool) error {
	b, err := c.waitable(base, staff)
	if err != nil {
		return err
	}
	w := c.wrongs()
	if until := c.form("until"); until != "" {
		if _, err := civil.Parse(until); err != nil {
			w.field("until", c.cat.T("error.date"))
		}
	}
	priority := "NORMAL"
	if staff && c.form("urgent") != "" {
		priority = "URGENT"
	}
	if !w.any() {
		_, err = c.clients.waits.CreateWaitlistEntry(c.ctx(), &bookingv1.CreateWaitlistEntryRequest{
			RequestId: c.requestID(), PatientId: b.Wish.Patient, AppointmentTypeId: b.Wish.Type, DurationMinutes: b.Wish.minutes(), Mode: b.Wish.Mode,
			PractitionerId: c.form("practitioner"), PlanId: b.Wish.Plan, CourseId: b.Wish.Course, Days: c.forms("days"),
			From: c.form("earliest"), To: c.form("latest"), EndDate: c.form("until"), Priority: priority,
		})
		if err == nil {
			return c.redirect(withParam(done, "done", "waiting"))
		}
		if !w.refused(err, map[string]string{"from": "earliest", "to": "latest", "end_date": "until", "practitioner_id": "practitioner"}) {
			return err
		}
	}
	return c.waitForm(base, staff, w)
}

// stopWaiting takes a patient off the list.
func (c *call) stopWaiting() error {
	return c.act("/me", "not_waiting", func() error {
		_, err := c.clients.waits.WithdrawWaitlistEntry(c.ctx(), &bookingv1.WithdrawWaitlistEntryRequest{
			RequestId: c.requestID(), WaitlistEntryId: c.path("waitlist_entry_id"),
		})
		return err
	})
}

// waitLine is somebody who waits, in words.
type waitLine struct {
	*bookingv1.WaitlistEntry
	Type, Wishes string
	// Patient is the name; for staff.
	Patient string
	// Offer is the time that is held for them, nil when none is.
	Offer *offerLine
}

// offerLine is a time that is held for somebody, in words.
type offerLine struct {
	*bookingv1.WaitlistOffer
	Type, When, With, Until string
}

// waits are a patient's waitlist entries.
func (c *call) waits(patient string) ([]waitLine, error) {
	got, err := c.clients.waits.ListWaitlistEntries(c.ctx(), &bookingv1.ListWaitlistEntriesRequest{PatientId: patient})
	if err != nil || len(got.GetWaitlistEntries()) == 0 {
		return nil, err
	}
	offers, err := c.clients.waits.ListWaitlistOffers(c.ctx(), &bookingv1.ListWaitlistOffersRequest{PatientId: patient})
	if err != nil {
		return nil, err
	}
	return c.waitLines(got.GetWaitlistEntries(), offers.GetOffers())
}

// waitLines says entries and their offers in words, in the order given.
func (c *call) waitLines(entries []*bookingv1.WaitlistEntry, offers []*bookingv1.WaitlistOffer) (lines []waitLine, err error) {
	types, _, err := c.types()
	if err != nil {
		return nil, err
	}
	practitioners, err := c.practitioners()
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		line := waitLine{WaitlistEntry: e, Type: types[e.GetAppointmentTypeId()].GetDisplayName()}
		line.Wishes = c.wishes(e, practitioners[e.GetPractitionerId()].GetDisplayName())
		for _, o := range offers {
			if o.GetOfferId() == e.GetOfferId() {
				if line.Offer, err = c.offerLine(o); err != nil {
					return nil, err
				}
			}
		}
		lines = append(lines, line)
	}
	return lines, nil
}

// wishes are what somebody waits for, in a few words.
func (c *call) wishes(e *bookingv1.WaitlistEntry, with string) string {
	var parts []string
	for _, code := range e.GetDays() {
		parts = append(parts, c.cat.T("weekday."+strconv.Itoa(slices.Index(weekdayCodes[:], code))))
	}
	if e.GetFrom() != "" || e.GetTo() != "" {
		clock := func(wall string) string { return c.cat.Clock(e.GetStartDate() + "T" + wall) }
		parts = append(parts, c.cat.T("wait.between", "from", clock(cmp.Or(e.GetFrom(), "00:00")), "to", clock(cmp.Or(e.GetTo(), "24:00"))))
	}
	if with != "" {
		parts = append(parts, with)
	}
	return strings.Join(append(parts, c.cat.T("wait.up_to", "date", c.cat.DateText(e.GetEndDate()))), ", ")
}

// offerLine says an offer in words.
func (c *call) offerLine(o *bookingv1.WaitlistOffer) (*offerLine, error) {
	types, _, err := c.types()
	if err != nil {
		return nil, err
	}
	practitioners, err := c.practitioners()
	if err != nil {
		return nil, err
	}
	zone := o.GetTimeZone()
	return &offerLine{
		WaitlistOffer: o, Type: types[o.GetAppointmentTypeId()].GetDisplayName(), When: c.cat.When(o.GetLocalStart(), zone),
		With: practitioners[o.GetPractitionerId()].GetDisplayName(), Until: c.cat.When(wallTime(o.GetExpireTime().AsTime(), c.zone(zone)), zone),
	}, nil
}

// offerPage is a time that is held for the patient: they take it or pass it on.
type offerPage struct {
	*offerLine
	Base string
	// Open is false for an offer that was answered or has run out.
	Open bool
	// Screen are the six questions before a booking.
	Screen *Field
}

// showOffer shows an offer as it stands.
func (c *call) showOffer(id, base string, w *wrongs) error {
	got, err := c.clients.waits.GetWaitlistOffer(c.ctx(), &bookingv1.GetWaitlistOfferRequest{OfferId: id})
	if err != nil {
		return err
	}
	o := got.GetOffer()
	d := offerPage{Base: base, Open: o.GetState() == "OPEN" && c.cfg.Clock.Now().Before(o.GetExpireTime().AsTime())}
	if d.offerLine, err = c.offerLine(o); err != nil {
		return err
	}
	if d.Open {
		items, err := c.miniScreenItems()
		if err != nil {
			return err
		}
		if len(items) > 0 {
			d.Screen = c.miniScreen(w, items, "mini_screen.ask")
		}
	}
	v := c.view(c.cat.T("offer.title"), d)
	if c.grant == nil {
		v.Back = "/me"
	}
	if w.any() {
		return c.again("offer", v, w)
	}
	return c.show("offer", v)
}

// acceptOffer books the time of an offer, once the six questions are answered, and shows the
// visit on the page that done names.
func (c *call) acceptOffer(id, base string, done func(*bookingv1.Appointment) string) error {
	if id == "" { // a link for something else
		return fault.NotFoundf("offer")
	}
	got, err := c.clients.waits.GetWaitlistOffer(c.ctx(), &bookingv1.GetWaitlistOfferRequest{OfferId: id})
	if err != nil {
		return err
	}
	w := c.wrongs()
	if got.GetOffer().GetState() == "OPEN" {
		stopped, err := c.screenedForOffer(got.GetOffer(), base, w)
		if stopped || err != nil {
			return err
		}
	}
	booked, err := c.clients.waits.AcceptWaitlistOffer(c.ctx(), &bookingv1.AcceptWaitlistOfferRequest{RequestId: c.requestID(), OfferId: id})
	if err != nil {
		if !w.refused(err, nil) {
			return err
		}
		return c.showOffer(id, base, w)
	}
	return c.redirect(address(done(booked.GetAppointment()), "done", "booked"))
}

// screenedForOffer asks the patient's answers before an offer is taken. It reports true when it
// has answered itself; answers that stop a booking pass the time on.
func (c *call) screenedForOffer(o *bookingv1.WaitlistOffer, base string, w *wrongs) (bool, error) {
	items, err := c.miniScreenItems()
	if err != nil || len(items) == 0 {
		return false, err
	}
	answers := c.miniScreenAnswers(w, items)
	if w.any() {
		return true, c.showOffer(o.GetOfferId(), base, w)
	}
	got, err := c.recordMiniScreen(o.GetPatientId(), answers)
	if err != nil || got.GetClear() {
		return false, err
	}
	// Should it fail, the offer runs out by itself.
	_, _ = c.clients.waits.DeclineWaitlistOffer(c.ctx(), &bookingv1.DeclineWaitlistOfferRequest{RequestId: c.requestID(), OfferId: o.GetOfferId()})
	clinic, err := c.clinic()
	if err != nil {
		return true, err
	}
	return true, c.showStopped(clinic, got.GetLevel())
}

// declineOffer passes an offer on; the patient waits on.
func (c *call) declineOffer(id, back string) error {
	if id == "" { // a link for something else
		return fault.NotFoundf("offer")
	}
	return c.act(back, "declined", func() error {
		_, err := c.clients.waits.DeclineWaitlistOffer(c.ctx(), &bookingv1.DeclineWaitlistOfferRequest{RequestId: c.requestID(), OfferId: id})
		return err
	})
}
