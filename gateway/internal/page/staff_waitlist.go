package page

import (
	"github.com/upright-clinic/upright/gateway/internal/pass"
	"github.com/upright-clinic/upright/gateway/internal/route"
	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

const waitlistPath = "/staff/waitlist"

// staffWaitlistRoutes are the front desk's view of who waits.
func (s *Site) staffWaitlistRoutes() []route.Route {
	return []route.Route{
		s.row("GET "+waitlistPath, desk, s.waitlist),
		s.row("POST "+waitlistPath+"/{waitlist_entry_id}/{action}", desk, s.waitlistAct),
		s.row("POST /staff/offers/{offer_id}/accept", desk, s.staffAccept),
		s.row("POST /staff/offers/{offer_id}/decline", desk, func(c *call) error { return c.declineOffer(c.path("offer_id"), waitlistPath) }),
		s.row("POST /staff/offers/{offer_id}/link", desk, s.staffOfferLink),
	}
}

// waitlistPage is the line, the next to be offered a time first.
type waitlistPage struct {
	Lines []waitLine
	// Order are the keys of the clinic's rule, the strongest first.
	Order []string
}

// waitlist shows who waits, in the order in which times are offered.
func (s *Site) waitlist(c *call) error {
	got, err := s.clients.waits.ListWaitlistEntries(c.ctx(), &bookingv1.ListWaitlistEntriesRequest{})
	if err != nil {
		return err
	}
	offers, err := s.clients.waits.ListWaitlistOffers(c.ctx(), &bookingv1.ListWaitlistOffersRequest{})
	if err != nil {
		return err
	}
	policy, err := s.clients.policies.GetBookingPolicy(c.ctx(), &bookingv1.GetBookingPolicyRequest{})
	if err != nil {
		return err
	}
	d := waitlistPage{Order: policy.GetBookingPolicy().GetWaitlistOrder()}
	if d.Lines, err = c.waitLines(got.GetWaitlistEntries(), offers.GetOffers()); err != nil {
		return err
	}
	ids := make([]string, len(d.Lines))
	for i, line := range d.Lines {
		ids[i] = line.GetPatientId()
	}
	names, err := c.patientNames(ids)
	if err != nil {
		return err
	}
	for i := range d.Lines {
		d.Lines[i].Patient = patientName(names[d.Lines[i].GetPatientId()])
	}
	v := c.view(c.cat.T("waitlist.title"), d)
	v.Wide, v.Back = true, "/staff/day"
	return c.show("waitlist", v)
}

// waitlistAct does one thing to an entry: offers a time, changes the priority, or takes it off.
func (s *Site) waitlistAct(c *call) error {
	id, request := c.path("waitlist_entry_id"), c.requestID()
	switch c.path("action") {
	case "offer":
		return c.act(waitlistPath, "offered", func() error {
			_, err := s.clients.waits.OfferWaitlistTime(c.ctx(), &bookingv1.OfferWaitlistTimeRequest{RequestId: request, WaitlistEntryId: id})
			return err
		})
	case "urgent", "normal":
		priority := "NORMAL"
		if c.path("action") == "urgent" {
			priority = "URGENT"
		}
		return c.act(waitlistPath, "prioritized", func() error {
			_, err := s.clients.waits.UpdateWaitlistEntry(c.ctx(), &bookingv1.UpdateWaitlistEntryRequest{
				RequestId: request, WaitlistEntryId: id, Priority: priority, Etag: c.form("etag"),
			})
			return err
		})
	case "withdraw":
		return c.act(waitlistPath, "not_waiting", func() error {
			_, err := s.clients.waits.WithdrawWaitlistEntry(c.ctx(), &bookingv1.WithdrawWaitlistEntryRequest{RequestId: request, WaitlistEntryId: id})
			return err
		})
	}
	return fault.NotFoundf("action")
}

// staffAccept books an offer for a patient who has called.
func (s *Site) staffAccept(c *call) error {
	got, err := s.clients.waits.AcceptWaitlistOffer(c.ctx(), &bookingv1.AcceptWaitlistOfferRequest{RequestId: c.requestID(), OfferId: c.path("offer_id")})
	if err != nil {
		return c.act(waitlistPath, "", func() error { return err })
	}
	return c.redirect("/staff/appointments/" + got.GetAppointment().GetAppointmentId() + "?done=booked")
}

// staffOfferLink makes a link by which a patient answers an offer.
func (s *Site) staffOfferLink(c *call) error {
	got, err := s.clients.waits.GetWaitlistOffer(c.ctx(), &bookingv1.GetWaitlistOfferRequest{OfferId: c.path("offer_id")})
	if err != nil {
		return err
	}
	o := got.GetOffer()
	return c.showLink(c.offerLink(o), waitlistPath, "links.offer", o.GetExpireTime().AsTime(), o.GetTimeZone())
}

// offerLink is a link for an offer; it still shows what became of it until the visit.
func (c *call) offerLink(o *bookingv1.WaitlistOffer) string {
	return c.seal(pass.Grant{
		ClinicID: c.who().ClinicID, PatientID: o.GetPatientId(), OfferID: o.GetOfferId(), ExpireTime: o.GetEndTime().AsTime(),
	})
}
