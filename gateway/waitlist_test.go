package gateway_test

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// waits is a small waitlist: one entry at a time, whose offer is for Wednesday at nine.
type waits struct {
	bookingv1.UnimplementedWaitlistServiceServer
	bookingv1.UnimplementedBookingPolicyServiceServer
	w       *world
	created []*bookingv1.CreateWaitlistEntryRequest
	entry   *bookingv1.WaitlistEntry
	offer   *bookingv1.WaitlistOffer
	policy  *bookingv1.BookingPolicy
	refuse  error
}

func (s *waits) register(r grpc.ServiceRegistrar) {
	bookingv1.RegisterWaitlistServiceServer(r, s)
	bookingv1.RegisterBookingPolicyServiceServer(r, s)
}

func (s *waits) CreateWaitlistEntry(_ context.Context, in *bookingv1.CreateWaitlistEntryRequest) (*bookingv1.CreateWaitlistEntryResponse, error) {
	s.created = append(s.created, in)
	if s.refuse != nil {
		return nil, s.refuse
	}
	s.entry = &bookingv1.WaitlistEntry{
		WaitlistEntryId: "wait_1", PatientId: in.GetPatientId(), AppointmentTypeId: in.GetAppointmentTypeId(), DurationMinutes: 30, Days: in.GetDays(),
		From: in.GetFrom(), To: in.GetTo(), StartDate: "2026-11-24", EndDate: "2026-12-22", Priority: in.GetPriority(), State: "WAITING", Etag: "1",
	}
	return &bookingv1.CreateWaitlistEntryResponse{WaitlistEntry: s.entry}, nil
}

func (s *waits) ListWaitlistEntries(context.Context, *bookingv1.ListWaitlistEntriesRequest) (*bookingv1.ListWaitlistEntriesResponse, error) {
	out := &bookingv1.ListWaitlistEntriesResponse{}
	if s.entry != nil && (s.entry.GetState() == "WAITING" || s.entry.GetState() == "OFFERED") {
		out.WaitlistEntries = append(out.WaitlistEntries, s.entry)
	}
	return out, nil
}

func (s *waits) UpdateWaitlistEntry(_ context.Context, in *bookingv1.UpdateWaitlistEntryRequest) (*bookingv1.UpdateWaitlistEntryResponse, error) {
	s.entry.Priority = in.GetPriority()
	return &bookingv1.UpdateWaitlistEntryResponse{WaitlistEntry: s.entry}, nil
}

func (s *waits) WithdrawWaitlistEntry(context.Context, *bookingv1.WithdrawWaitlistEntryRequest) (*bookingv1.WithdrawWaitlistEntryResponse, error) {
	s.entry.State, s.offer = "WITHDRAWN", nil
	return &bookingv1.WithdrawWaitlistEntryResponse{WaitlistEntry: s.entry}, nil
}

func (s *waits) OfferWaitlistTime(context.Context, *bookingv1.OfferWaitlistTimeRequest) (*bookingv1.OfferWaitlistTimeResponse, error) {
	start := time.Date(2026, 11, 25, 17, 0, 0, 0, time.UTC)
	s.offer = &bookingv1.WaitlistOffer{
		OfferId: "off_1", WaitlistEntryId: "wait_1", PatientId: s.entry.GetPatientId(), AppointmentTypeId: s.entry.GetAppointmentTypeId(),
		PractitionerId: "prac_2", StartTime: timestamppb.New(start), EndTime: timestamppb.New(start.Add(30 * time.Minute)), State: "OPEN",
		ExpireTime: timestamppb.New(noon.Add(2 * time.Hour)), LocalStart: "2026-11-25T09:00", TimeZone: "America/Vancouver",
	}
	s.entry.State, s.entry.OfferId = "OFFERED", "off_1"
	return &bookingv1.OfferWaitlistTimeResponse{Offer: s.offer}, nil
}

func (s *waits) ListWaitlistOffers(context.Context, *bookingv1.ListWaitlistOffersRequest) (*bookingv1.ListWaitlistOffersResponse, error) {
	out := &bookingv1.ListWaitlistOffersResponse{}
	if s.offer.GetState() == "OPEN" {
		out.Offers = append(out.Offers, s.offer)
	}
	return out, nil
}

func (s *waits) GetWaitlistOffer(_ context.Context, in *bookingv1.GetWaitlistOfferRequest) (*bookingv1.GetWaitlistOfferResponse, error) {
	if s.offer == nil || in.GetOfferId() != s.offer.GetOfferId() {
		return nil, fault.NotFoundf("offer")
	}
	return &bookingv1.GetWaitlistOfferResponse{Offer: s.offer}, nil
}

func (s *waits) AcceptWaitlistOffer(ctx context.Context, _ *bookingv1.AcceptWaitlistOfferRequest) (*bookingv1.AcceptWaitlistOfferResponse, error) {
	if s.refuse != nil {
		return nil, s.refuse
	}
	got, err := s.w.book.CreateAppointment(ctx, &bookingv1.CreateAppointmentRequest{
		RequestId: "accept", AppointmentTypeId: s.offer.GetAppointmentTypeId(), PatientId: s.offer.GetPatientId(),
		PractitionerId: s.offer.GetPractitionerId(), StartTime: s.offer.GetStartTime(),
	})
	s.offer.State, s.entry.State = "ACCEPTED", "BOOKED"
	return &bookingv1.AcceptWaitlistOfferResponse{Offer: s.offer, Appointment: got.GetAppointment()}, err
}

func (s *waits) DeclineWaitlistOffer(context.Context, *bookingv1.DeclineWaitlistOfferRequest) (*bookingv1.DeclineWaitlistOfferResponse, error) {
	s.offer.State, s.entry.State, s.entry.OfferId = "DECLINED", "WAITING", ""
	return &bookingv1.DeclineWaitlistOfferResponse{Offer: s.offer}, nil
}

func (s *waits) GetBookingPolicy(context.Context, *bookingv1.GetBookingPolicyRequest) (*bookingv1.GetBookingPolicyResponse, error) {
	return &bookingv1.GetBookingPolicyResponse{BookingPolicy: s.policy}, nil
}

func (s *waits) UpdateBookingPolicy(_ context.Context, in *bookingv1.UpdateBookingPolicyRequest) (*bookingv1.UpdateBookingPolicyResponse, error) {
	p := in.GetBookingPolicy()
	s.policy.LateChange, s.policy.OfferMinutes = p.GetLateChange(), p.GetOfferMinutes()
	if len(p.GetWaitlistOrder()) > 0 {
		s.policy.WaitlistOrder = p.GetWaitlistOrder()
	}
	return &bookingv1.UpdateBookingPolicyResponse{BookingPolicy: s.policy}, nil
}

func newWaits(w *world) *waits {
	return &waits{w: w, policy: &bookingv1.BookingPolicy{
		LateChange: "REFUSE", WaitlistOrder: []string{"PRIORITY", "MISSED", "IN_COURSE", "JOINED"}, OfferMinutes: 120, OfferNoticeMinutes: 60, MostMissedOffers: 3, Etag: "1",
	}}
}

// TestPatientWaits: none of the times suits, so the patient says when they can come; a time is
// kept for them, which they pass on, and the next they take, once the six questions are clear.
func TestPatientWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser(patient)
	times := b.get("/me/book/times?patient=pat_1&type=atype_physio").wants(t, 200, "None of these times suit me", "/me/book/wait?patient=pat_1&amp;type=atype_physio")
	times.lacks(t, "Not before")
	page := b.get("/me/book/wait?patient=pat_1&type=atype_physio").wants(t, 200, "Tell us when you can come.", "Monday", "Not before").lacks(t, "Priority")
	form := func(fields ...string) url.Values { return with(page.hidden(t, "/me/book/wait"), fields...) }
	w.waits.refuse = fault.Invalid("to", "must leave time for the visit after from")
	b.post("/me/book/wait", form("days", "TUESDAY", "earliest", "14:00", "latest", "14:10")).wants(t, 400, "Must leave time for the visit after from.", `href="#latest"`, `value="14:10"`)
	w.waits.refuse = fault.New(fault.FailedPrecondition, "ALREADY_WAITING", "x")
	b.post("/me/book/wait", form("days", "TUESDAY")).wants(t, 409, "You are on the list for this already.")
	w.waits.refuse = nil
	b.post("/me/book/wait", form("until", "2026-13-01")).wants(t, 422, `href="#until"`)
	b.post("/me/book/wait", form("days", "TUESDAY", "earliest", "14:00", "latest", "18:00")).
		wants(t, 200, "You are on the list.", "Waiting for", "Tuesday, 2:00 pm to 6:00 pm, until 22 December 2026")
	last := w.waits.created[len(w.waits.created)-1]
	if last.GetPatientId() != "pat_1" || last.GetAppointmentTypeId() != "atype_physio" || last.GetFrom() != "14:00" || last.GetPriority() != "NORMAL" || last.GetRequestId() == "" {
		t.Errorf("asked for %v", last)
	}

	offer := func() {
		if _, err := w.waits.OfferWaitlistTime(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	}
	offer()
	b.get("/me").wants(t, 200, "A time is kept for you", "Wednesday 25 November 2026, 9:00 am (Vancouver time)", "It is yours until Tuesday 24 November 2026, 12:00 pm (Vancouver time).")
	page = b.get("/me/offers/off_1").wants(t, 200, "Yes, book it", "No, keep me on the list", "Has any of these begun")
	b.post("/me/offers/off_1/decline", page.hidden(t, "/me/offers/off_1/decline")).wants(t, 200, "The time goes to the next person.", "Waiting for")
	b.get("/me/offers/off_1").wants(t, 200, "no longer kept for you").lacks(t, "Yes, book it")
	offer()
	page = b.get("/me/offers/off_1")
	b.post("/me/offers/off_1/accept", page.hidden(t, "/me/offers/off_1/accept")).wants(t, 422, "Tick what applies")
	b.post("/me/offers/off_1/accept", ticked(page.hidden(t, "/me/offers/off_1/accept"), "none")).wants(t, 200, "Your visit is booked.", "Wednesday 25 November 2026, 9:00 am")
	b.get("/me").wants(t, 200).lacks(t, "Waiting for", "A time is kept for you")
	b.get("/me/offers/off_1").wants(t, 200, "You have booked this time.")
	b.get("/me/offers/off_9").wants(t, 404)
}

// TestOfferStoppedByAnswers: a yes to one of the six questions books nothing and passes the
// time on.
func TestOfferStoppedByAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser(patient)
	b.post("/me/book/wait", with(b.get("/me/book/wait?patient=pat_1&type=atype_physio").hidden(t, "/me/book/wait")))
	if _, err := w.waits.OfferWaitlistTime(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	page := b.get("/me/offers/off_1")
	b.post("/me/offers/off_1/accept", ticked(page.hidden(t, "/me/offers/off_1/accept"), "chest_pain")).wants(t, 200, "The visit is not booked.")
	if w.waits.offer.GetState() != "DECLINED" || len(w.book.requests) != 0 {
		t.Errorf("the offer is %v, booked %v", w.waits.offer.GetState(), w.book.requests)
	}
}

// TestReceptionWaitlist: reception puts a caller on the list, marks them urgent, offers a time,
// sends the link, books for who calls, and takes off; the link answers without signing in.
func TestReceptionWaitlist(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser(reception)
	b.get("/staff/waitlist").wants(t, 200, "Nobody waits.", "what is urgent, who lets fewer offers pass")
	form := b.get("/staff/book/wait?patient=pat_1&type=atype_physio&plan=pln_1&course=c1").wants(t, 200, "Priority").hidden(t, "/staff/book/wait")
	b.post("/staff/book/wait", with(form, "urgent", "yes")).wants(t, 200, "You are on the list.", "urgent", "Offer the next free time", "until 22 December 2026")
	if got := w.waits.created[0]; got.GetPlanId() != "pln_1" || got.GetCourseId() != "c1" || got.GetPriority() != "URGENT" {
		t.Errorf("asked for %v", got)
	}
	list := b.get("/staff/waitlist")
	b.post("/staff/waitlist/wait_1/normal", list.hidden(t, "/staff/waitlist/wait_1/normal")).wants(t, 200, "The priority is changed.", "Make urgent")
	b.post("/staff/waitlist/wait_1/offer", list.hidden(t, "/staff/waitlist/wait_1/offer")).wants(t, 200, "The time is kept for them.", "Wednesday 25 November 2026, 9:00 am", "until Tuesday 24 November 2026, 12:00 pm")
	link := w.linkFor(t, "/staff/offers/off_1/link", nil)
	if strings.Contains(link, "pat_1") || strings.Contains(link, "off_1") {
		t.Errorf("%s shows the patient or the offer", link)
	}
	b.post("/staff/offers/off_1/accept", b.get("/staff/waitlist").hidden(t, "/staff/offers/off_1/accept")).wants(t, 200, "booked", "Wednesday 25 November 2026, 9:00 am")
	b.post("/staff/waitlist/wait_1/shout", nil).wants(t, 404)
	for _, token := range []string{patient, ""} {
		if got := w.browser(token).get("/staff/waitlist"); got.status == 200 && strings.Contains(got.body, "Offer the next free time") {
			t.Errorf("%q sees the waitlist", token)
		}
	}
}

// TestOfferByLink: who has the link takes the offer or passes it on, and nothing else; an edited
// one is bad, and a link for something else answers no offer.
func TestOfferByLink(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	desk := w.browser(reception)
	desk.post("/staff/book/wait", desk.get("/staff/book/wait?patient=pat_1&type=atype_physio").hidden(t, "/staff/book/wait"))
	if _, err := w.waits.OfferWaitlistTime(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	link := w.linkFor(t, "/staff/offers/off_1/link", nil)
	b := w.browser("")
	page := b.get(link).wants(t, 200, "A time is kept for you", "Physiotherapy", "Yes, book it").lacks(t, "Rivera", "Sign out")
	for _, path := range []string{"/times", "/visit.ics", "/wait"} {
		b.get(link+path).wants(t, 404, "This link does not work")
	}
	b.get(link[:len(link)-2]+"xx").wants(t, 404, "This link does not work")
	visit := w.linkFor(t, "/staff/appointments/apt_1/link", nil)
	b.post(visit+"/accept", page.hidden(t, link+"/accept")).wants(t, 404, "This link does not work")
	b.post(link+"/decline", page.hidden(t, link+"/decline")).wants(t, 200, "The time goes to the next person.", "no longer kept for you")
	if _, err := w.waits.OfferWaitlistTime(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	form := ticked(b.get(link).hidden(t, link+"/accept"), "none")
	w.waits.refuse = fault.New(fault.FailedPrecondition, "OFFER_GONE", "x")
	b.post(link+"/accept", form).wants(t, 409, "This time is no longer kept for you.")
	w.waits.refuse = nil
	b.post(link+"/accept", form).wants(t, 200, "Your visit is booked.", "Add to calendar")
	if !strings.HasPrefix(b.path, "/l/") || strings.HasPrefix(b.path, link) {
		t.Errorf("at %s: the visit needs a link of its own", b.path)
	}
}

// TestWaitByLink: a patient with a link to book, whom no time suits, waits without signing in.
func TestWaitByLink(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	link := w.linkFor(t, "/staff/book/link", map[string][]string{"patient": {"pat_1"}, "type": {"atype_physio"}, "plan": {"pln_1"}, "course": {"c1"}})
	b := w.browser("")
	b.get(link+"/times").wants(t, 200, link+"/wait")
	form := with(b.get(link+"/wait").wants(t, 200, "Tell us when you can come.").hidden(t, link+"/wait"), "days", "FRIDAY")
	form.Set("patient", "pat_2") // what a form says does not matter: the link does
	b.post(link+"/wait", form).wants(t, 200, "You are on the list.")
	if got := w.waits.created[0]; got.GetPatientId() != "pat_1" || got.GetPlanId() != "pln_1" || got.GetDays()[0] != "FRIDAY" {
		t.Errorf("asked for %v", got)
	}
	b.get(w.linkFor(t, "/staff/appointments/apt_1/link", nil)+"/wait").wants(t, 404) // a move waits for nothing
}

// TestPolicyPage: an administrator sees and changes the clinic's rules; wrong numbers are said at
// their fields; nobody else gets there.
func TestPolicyPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser(admin)
	page := b.get("/admin/booking-rules").wants(t, 200, "They are told to call", "Who has waited longer", `value="120"`)
	form := with(page.hidden(t, "/admin/booking-rules"), "late_change", "FLAG", "order", "joined", "offer_minutes", "soon", "offer_notice_minutes", "60", "most_missed_offers", "3")
	b.post("/admin/booking-rules", form).wants(t, 422, "Enter a number, such as 120", `href="#offer_minutes"`, `value="soon"`)
	form.Set("offer_minutes", "45")
	b.post("/admin/booking-rules", form).wants(t, 200, "The rules are changed.", `value="45"`)
	if p := w.waits.policy; p.GetLateChange() != "FLAG" || len(p.GetWaitlistOrder()) != 1 {
		t.Errorf("policy %v", p)
	}
	w.waits.policy.WaitlistOrder = []string{"MISSED"} // set over the API
	form.Set("order", "own")
	b.get("/admin/booking-rules").wants(t, 200, "As it is now")
	b.post("/admin/booking-rules", form).wants(t, 200, "The rules are changed.")
	if got := w.waits.policy.GetWaitlistOrder(); len(got) != 1 || got[0] != "MISSED" {
		t.Errorf("order %v", got)
	}
	for _, token := range []string{reception, clinician, patient} {
		w.browser(token).get("/admin/booking-rules").wants(t, 403)
	}
}

func (d *directory) ListLocations(context.Context, *directoryv1.ListLocationsRequest) (*directoryv1.ListLocationsResponse, error) {
	return &directoryv1.ListLocationsResponse{Locations: []*directoryv1.Location{{LocationId: "loc_1", DisplayName: "Harbour"}}}, nil
}

// ImportHolidays takes one day off of any file that has a calendar in it.
func (b *booking) ImportHolidays(_ context.Context, in *bookingv1.ImportHolidaysRequest) (*bookingv1.ImportHolidaysResponse, error) {
	if !strings.Contains(in.GetContent(), "BEGIN:VCALENDAR") {
		return nil, fault.Invalid("content", "is no calendar")
	}
	b.holidays = append(b.holidays, in)
	return &bookingv1.ImportHolidaysResponse{Created: 1, Skipped: 1, Entries: []*bookingv1.HolidayEntry{
		{Uid: "xmas", Summary: "Christmas", StartLocal: "2026-12-25T00:00", EndLocal: "2026-12-26T00:00", Action: "CREATED", AppointmentsHit: 2},
		{Uid: "odd", Action: "SKIPPED", Reason: "BAD_TIME"},
	}}, nil
}

// TestHolidaysPage: a file shows what would happen first, every entry accounted for, and the same
// file is applied on one press.
func TestHolidaysPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const file = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:xmas\r\nSUMMARY:Christmas\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
	for _, token := range []string{reception, admin} {
		b := w.browser(token)
		b.get("/staff/days-off").wants(t, 200, "Days off from a calendar file", "The whole clinic")
		b.uploadCSV(t, "/staff/days-off", "").wants(t, 422, "Choose a calendar file", `href="#file"`)
		b.uploadCSV(t, "/staff/days-off", "a,b\n").wants(t, 400, "Is no calendar.")
		dry := b.uploadCSV(t, "/staff/days-off", file).wants(t, 200, "Nothing was changed.", "1 new, 0 moved, 0 taken back, 0 there already, 1 left out", "Christmas", "25 December 2026", "BAD_TIME", "Do it")
		b.post("/staff/days-off", dry.hidden(t, "/staff/days-off")).wants(t, 200, "This is what was done.", "Christmas").lacks(t, "Do it")
		n := len(w.book.holidays)
		if first, then := w.book.holidays[n-2], w.book.holidays[n-1]; !first.GetDryRun() || then.GetDryRun() || then.GetContent() != strings.TrimSpace(file) || then.GetRequestId() == "" {
			t.Errorf("asked %v, then %v", first, then)
		}
	}
	for _, token := range []string{clinician, patient} {
		w.browser(token).get("/staff/days-off").wants(t, 403)
	}
}
