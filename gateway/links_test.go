package gateway_test

import (
	"context"
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/upright-clinic/upright/gateway"
	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// RescheduleAppointment moves an appointment.
func (b *booking) RescheduleAppointment(ctx context.Context, in *bookingv1.RescheduleAppointmentRequest) (*bookingv1.RescheduleAppointmentResponse, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a, err := b.find(ctx, in.GetAppointmentId())
	if err != nil {
		return nil, err
	}
	if b.refuse != nil {
		return nil, b.refuse
	}
	moved := appointment(a.GetAppointmentId(), a.GetPatientId(), a.GetAppointmentTypeId(), in.GetStartTime().AsTime())
	moved.Etag, moved.PractitionerId = a.GetEtag()+"1", in.GetPractitionerId()
	b.made[a.GetAppointmentId()] = moved
	return &bookingv1.RescheduleAppointmentResponse{Appointment: clone(moved)}, nil
}

// UndoCancelAppointment books it again.
func (b *booking) UndoCancelAppointment(ctx context.Context, in *bookingv1.UndoCancelAppointmentRequest) (*bookingv1.UndoCancelAppointmentResponse, error) {
	a, err := b.move(ctx, in.GetAppointmentId(), in.GetEtag(), "BOOKED")
	return &bookingv1.UndoCancelAppointmentResponse{Appointment: a}, err
}

var linkInPage = regexp.MustCompile(`http://[^<"]*(/l/[A-Za-z0-9_-]+)<`)

// linkFor lets reception make a link for a visit, or with a form for a session of a plan.
func (w *world) linkFor(t *testing.T, path string, form url.Values) string {
	t.Helper()
	a := w.browser(reception).post(path, form).wants(t, 200, "Link for the patient", "Send it to the patient alone.", "Vancouver time")
	m := linkInPage.FindStringSubmatch(html.UnescapeString(a.body))
	if m == nil {
		t.Fatalf("no link in %s", a.body)
	}
	return m[1]
}

func TestVisitByLink(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	link := w.linkFor(t, "/staff/appointments/apt_1/link", nil)
	if strings.Contains(link, "pat_1") || strings.Contains(link, "apt_1") {
		t.Errorf("%s shows the patient or the visit", link)
	}
	b := w.browser("")
	a := b.get(link).wants(t, 200, "First visit", "Tuesday 24 November 2026, 12:00 pm (Vancouver time)", "Spine &amp; Joint", "Change the time", "Add to calendar", link+"/cancel")
	a.lacks(t, "Rivera", "Sign out", "/staff/", "/me")
	ics := w.do("GET", link+"/visit.ics", "", "", "Accept", "text/html")
	if ics.body != calendarOf("apt_1") || !strings.HasPrefix(ics.header.Get("Content-Type"), "text/calendar") || ics.status != 200 {
		t.Errorf("%d %v %s", ics.status, ics.header, ics.body)
	}

	// Moved in two presses; the page that follows has a link of its own.
	a = b.get(link+"/times").wants(t, 200, "9:00 am", "All times are Vancouver time.", "You are moving this visit:").lacks(t, "Another time")
	a = b.post(link+"/confirm", with(a.hidden(t, link+"/confirm"), "slot", "2026-11-25T17:00:00Z|prac_2")).wants(t, 200, "Move the visit?", "It is yours until 10:05 am (Vancouver time).")
	b.post(link+"/done", ticked(a.hidden(t, link+"/done"), "none")).wants(t, 200, "The visit is moved.", "Wednesday 25 November 2026, 9:00 am (Vancouver time)", "Move it back")
	b.get(link).wants(t, 200, "Wednesday 25 November 2026")

	// Cancelled; the same form once more finds it so, and undoing it twice too.
	form := with(b.get(link).hidden(t, link+"/cancel"), "reason_code", "PATIENT_ILL")
	b.post(link+"/cancel", form).wants(t, 200, "The visit is cancelled.")
	b.post(link+"/cancel", form).wants(t, 200, "cancelled").lacks(t, "There is a problem")
	w.book.made["apt_1"].UndoExpireTime = timestamppb.New(noon.Add(3 * time.Minute))
	undo := b.get(link).wants(t, 200, "You can do this until 10:03 am.").hidden(t, link+"/undo")
	b.post(link+"/undo", undo).wants(t, 200, "The visit is booked again.")
	b.post(link+"/undo", undo).wants(t, 200, "booked").lacks(t, "There is a problem")
	if w.book.made["apt_1"].GetState() != "BOOKED" {
		t.Error("the visit is not booked")
	}
}

// TestTooLateByLink: before the clinic's deadline the page says until when, after it whom to
// call, and offers neither change nor cancel.
func TestTooLateByLink(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	link := w.linkFor(t, "/staff/appointments/apt_1/link", nil)
	b := w.browser("")
	w.book.made["apt_1"].ChangeExpireTime = timestamppb.New(noon.Add(time.Hour))
	b.get(link).wants(t, 200, "You can change or cancel it here until Tuesday 24 November 2026, 11:00 am (Vancouver time).", "Change the time", link+"/cancel")
	w.clock.Advance(time.Hour + time.Second)
	b.get(link).wants(t, 200, "It is too late to change or cancel this visit here. Please call us.", "tel:", "Add to calendar").
		lacks(t, "Change the time", link+"/cancel")
}

func TestSessionByLink(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	link := w.linkFor(t, "/staff/book/link", url.Values{"patient": {"pat_1"}, "type": {"atype_physio"}, "plan": {"pln_1"}, "course": {"c1"}})
	b := w.browser("")
	a := b.get(link).wants(t, 200, "Your next visit: Physiotherapy, 30 minutes", "9:00 am</strong> (Vancouver time)", "See all times").lacks(t, "Rivera")
	a = b.post(link+"/confirm", with(a.hidden(t, link+"/confirm"), "slot", "2026-11-25T17:00:00Z|prac_2")).wants(t, 200, "Book this visit?", "Wednesday 25 November 2026, 9:00 am (Vancouver time)")
	form := ticked(a.hidden(t, link+"/done"), "none")
	form.Set("patient", "pat_2") // what a form says does not matter: the link does
	form.Set("plan", "pln_9")
	b.post(link+"/done", form).wants(t, 200, "Your visit is booked.", "Add to calendar", "Change the time", "Cancel this visit")
	got := w.book.requests[0]
	if got.GetPatientId() != "pat_1" || got.GetPlanId() != "pln_1" || got.GetCourseId() != "c1" || got.GetHoldId() != "hold_1" {
		t.Errorf("booked %v", got)
	}
	if !strings.HasPrefix(b.path, "/l/") || strings.HasPrefix(b.path, link) {
		t.Errorf("at %s: the visit needs a link of its own", b.path)
	}
	b.post(link+"/done", form).wants(t, 200, "Your visit is booked.") // sent twice, booked once
	if len(w.book.made) != 3 {
		t.Errorf("%d appointments", len(w.book.made))
	}
	// A link for booking neither shows nor cancels anything.
	b.post(link+"/cancel", url.Values{"reason_code": {"PATIENT_ILL"}}).wants(t, 404, "This link does not work")
	b.get(link+"/visit.ics").wants(t, 404)
}

// TestLinksThatDoNotWork tries everything that is no link of the visit: every answer is the
// same page, so that nobody learns which part was right.
func TestLinksThatDoNotWork(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	link := w.linkFor(t, "/staff/appointments/apt_1/link", nil)
	b := w.browser("")
	strip := regexp.MustCompile(`[0-9a-f]{32}`)
	want := ""
	try := func(name, path string, post bool) {
		t.Helper()
		a := b.get(path)
		if post {
			a = b.post(path, url.Values{"reason_code": {"PATIENT_ILL"}})
		}
		a.wants(t, 404, "This link does not work")
		body := strip.ReplaceAllString(a.body, "")
		if want == "" {
			want = body
		}
		if body != want {
			t.Errorf("%s: another page: %s", name, a.body)
		}
	}
	for i := len("/l/"); i < len(link); i += 7 {
		other := byte('A')
		if link[i] == 'A' {
			other = 'B'
		}
		try("edited", link[:i]+string(other)+link[i+1:], false)
	}
	try("short", "/l/x", false)
	try("cut", link[:len(link)-1], false)
	try("edited and posted", link[:len(link)-4]+"AAAA/cancel", true)
	foreign := newWorld(t).linkFor(t, "/staff/appointments/apt_1/link", nil) // sealed with another key
	try("foreign key", foreign, false)
	gone := w.linkFor(t, "/staff/appointments/apt_2/link", nil)
	w.book.mu.Lock()
	delete(w.book.made, "apt_2")
	w.book.mu.Unlock()
	try("gone", gone, false)
	w.clock.Advance(27 * time.Hour)
	try("expired", link, false)
	if w.book.made["apt_1"].GetState() != "BOOKED" {
		t.Error("the visit was changed")
	}
}

// TestLinkIsNotASession: a link lets nobody into any other page, and does as the patient even
// at a browser where staff is signed in.
func TestLinkIsNotASession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	link := w.linkFor(t, "/staff/appointments/apt_1/link", nil)
	b := w.browser("")
	b.get(link).wants(t, 200)
	b.get("/me").wants(t, 200, "Sign in")
	staff := w.browser(reception)
	staff.get(link).wants(t, 200).lacks(t, "Did not come", "Patients", canary)
	form := url.Values{"slot": {"2026-11-25T05:00:00Z|prac_2"}, "override_reason": {"because"}, "mini_screen": {"none"}}
	w.book.refuse = fault.New(fault.Aborted, "OUTSIDE_SHIFT", "not at work")
	staff.post(link+"/done", form).wants(t, 409, "The practitioner does not work at that time.", "The nearest free times").lacks(t, "Book all the same")
	w.browser(patient).post("/staff/appointments/apt_1/link", nil).wants(t, 403)
	w.browser(patient).post("/staff/book/link", url.Values{"patient": {"pat_1"}}).wants(t, 403)
}

// TestLinksOutliveAGateway opens a link at another gateway that has the same key.
func TestLinksOutliveAGateway(t *testing.T) {
	t.Parallel()
	key := func(_ *gateway.Config, k *gateway.Kit) { k.LinkKey = []byte("0123456789abcdef0123456789abcdef") }
	link := newWorld(t, key).linkFor(t, "/staff/appointments/apt_1/link", nil)
	newWorld(t, key).browser("").get(link).wants(t, 200, "First visit")
}
