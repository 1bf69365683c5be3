package gateway_test

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"testing"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// RecordMiniScreen keeps the answers: chest pain is an emergency, anything else is for a
// clinician to look at.
func (s *intake) RecordMiniScreen(ctx context.Context, in *intakev1.RecordMiniScreenRequest) (*intakev1.RecordMiniScreenResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p, _ := authn.From(ctx); !p.SeesPatient(in.GetPatientId()) {
		return nil, fault.NotFoundf("patient")
	}
	if in.GetNotAskedBecause() != "" {
		s.screens = append(s.screens, in)
		return &intakev1.RecordMiniScreenResponse{NotAskedBecause: in.GetNotAskedBecause()}, nil
	}
	for _, m := range questionnaire().GetMiniScreen() {
		if _, ok := in.GetAnswers()[m.GetId()]; !ok {
			return nil, fault.Invalid("answers."+m.GetId(), "must be answered")
		}
	}
	s.screens = append(s.screens, in)
	out := &intakev1.RecordMiniScreenResponse{Clear: true}
	for id, yes := range in.GetAnswers() {
		if yes && out.GetLevel() != "EMERGENCY_NOW" {
			out = &intakev1.RecordMiniScreenResponse{Level: "CLINICIAN_REVIEW", TaskId: "tsk_9", Advice: &intakev1.Advice{Text: "A clinician will look."}}
			if id == "chest_pain" {
				out.Level, out.Advice.Text = "EMERGENCY_NOW", "Call the emergency number now."
			}
		}
	}
	return out, nil
}

// DeleteHold gives a time free.
func (b *booking) DeleteHold(_ context.Context, in *bookingv1.DeleteHoldRequest) (*bookingv1.DeleteHoldResponse, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.released = append(b.released, in.GetHoldId())
	return &bookingv1.DeleteHoldResponse{}, nil
}

// ticked is a form with answers to the six questions.
func ticked(form url.Values, items ...string) url.Values {
	out := with(form)
	out["mini_screen"] = items
	return out
}

// The front desk asks the six questions before it checks a patient in.
func TestArrivalAsksTheMiniScreen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser(reception)
	const arrive = "/staff/appointments/apt_1/arrive"
	first := b.get("/staff/day").hidden(t, arrive)
	a := b.post(arrive, first).wants(t, 200, "Six questions before the visit", "Pain or tightness in your chest", "Fever or shaking chills", "A question of &lt;b&gt; the clinic", "None of these")
	a.lacks(t, "I have seen the patient")
	form := a.hidden(t, arrive)
	state := func(want string, screens int) {
		t.Helper()
		w.book.mu.Lock()
		defer w.book.mu.Unlock()
		w.in.mu.Lock()
		defer w.in.mu.Unlock()
		if got := w.book.made["apt_1"].GetState(); got != want || len(w.in.screens) != screens {
			t.Fatalf("%s after %d mini-screens, want %s after %d", got, len(w.in.screens), want, screens)
		}
	}
	b.post(arrive, form).wants(t, 422, "Tick what applies", `href="#mini_screen"`)
	b.post(arrive, ticked(form, "fever", "none")).wants(t, 422, "only if nothing else is ticked")
	b.post(arrive, ticked(form, "gone", "none")).wants(t, 422, "Tick what applies")
	b.post(arrive, ticked(form, "gone")).wants(t, 422, "Tick what applies")
	b.post(arrive, with(form, "seen", "yes")).wants(t, 422, "Tick what applies") // for clinicians alone
	state("BOOKED", 0)

	a = b.post(arrive, ticked(form, "chest_pain")).wants(t, 200, "Not checked in", "Emergency", "The patient said yes to", "Pain or tightness in your chest", "Call the emergency number now.", "/staff/tasks", "/staff/book/times?move=apt_1")
	a.lacks(t, "Fever or shaking chills", "I have seen the patient")
	state("BOOKED", 1)
	if strings.Contains(b.path, "chest") {
		t.Errorf("an answer in %s", b.path)
	}
	b.post(arrive, ticked(form, "fever")).wants(t, 200, "Not checked in", "A clinician will look.").lacks(t, "Emergency service")
	state("BOOKED", 2)
	b.post(arrive, ticked(form, "none")).wants(t, 200, "Marked as arrived.")
	state("CHECKED_IN", 3)
	if !strings.HasPrefix(b.path, "/staff/day?") {
		t.Errorf("went to %s", b.path)
	}
	if got := w.in.screens[2]; got.GetPatientId() != "pat_1" || len(got.GetAnswers()) != 3 || got.GetAnswers()["fever"] || got.GetRequestId() == w.in.screens[1].GetRequestId() {
		t.Errorf("sent %v", got)
	}
	b.post(arrive, first).wants(t, 200, "Somebody changed this since you opened it")
}

// A clinician who has seen the patient checks in without the questions.
func TestClinicianChecksInWhomTheySaw(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser(clinician)
	const arrive = "/staff/appointments/apt_1/arrive"
	form := b.get("/staff/appointments/apt_1").hidden(t, arrive)
	a := b.post(arrive, form).wants(t, 200, "I have seen the patient")
	b.post(arrive, ticked(a.hidden(t, arrive), "fever")).wants(t, 200, "Not checked in", "I have seen the patient")
	b.post(arrive, with(form, "seen", "yes")).wants(t, 200, "Marked as arrived.")
	if n := len(w.in.screens); n != 1 {
		t.Errorf("%d mini-screens", n)
	}
}

// A patient answers the six questions with a booking: a yes books nothing.
func TestBookingAsksTheMiniScreen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	link := w.linkFor(t, "/staff/book/link", url.Values{"patient": {"pat_1"}, "type": {"atype_physio"}, "plan": {"pln_1"}, "course": {"c1"}})
	for _, c := range []struct{ name, token, base, times string }{
		{"signed in", patient, "/me/book", "/me/book/times?patient=pat_1&type=atype_first"},
		{"by link", "", link, link},
	} {
		b := w.browser(c.token)
		a := b.get(c.times)
		pick := with(a.hidden(t, c.base+"/confirm"), "slot", "2026-11-25T17:00:00Z|prac_2")
		a = b.post(c.base+"/confirm", pick).wants(t, 200, "Has any of these begun", "Pain or tightness in your chest", "None of these")
		form := a.hidden(t, c.base+"/done")
		made, screens := len(w.book.made), len(w.in.screens)
		a = b.post(c.base+"/done", form).wants(t, 422, "Tick what applies", `href="#mini_screen"`, "We hold this time for you for 5 minutes.")
		if again := a.hidden(t, c.base+"/done"); again.Get("hold") != "hold_1" || again.Get("owner") != "owner-secret" || again.Get("slot") != form.Get("slot") {
			t.Errorf("%s: the form lost the hold: %v", c.name, again)
		}
		b.post(c.base+"/done", ticked(form, "none", "fever")).wants(t, 422, "only if nothing else is ticked")
		b.post(c.base+"/done", ticked(form, "fever")).wants(t, 200, "Please call us first", "The visit is not booked.", "We have told the clinic.").lacks(t, "Fever")
		b.post(c.base+"/done", ticked(form, "fever", "chest_pain")).wants(t, 200, "Get help now", "Call for help now.", "tel:")
		if len(w.book.made) != made || len(w.in.screens) != screens+2 {
			t.Fatalf("%s: %d appointments and %d mini-screens after a yes", c.name, len(w.book.made)-made, len(w.in.screens)-screens)
		}
		b.post(c.base+"/done", ticked(form, "none")).wants(t, 200, "Your visit is booked.")
		if len(w.book.made) != made+1 || w.in.screens[len(w.in.screens)-1].GetPatientId() != "pat_1" {
			t.Errorf("%s: %d appointments", c.name, len(w.book.made)-made)
		}
	}
	if !slices.Contains(w.book.released, "hold_1") {
		t.Error("the time stays held")
	}
}

// A patient who moves a visit is asked as well, and a yes leaves it where it is.
func TestMoveAsksTheMiniScreen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	link := w.linkFor(t, "/staff/appointments/apt_1/link", nil)
	b := w.browser("")
	a := b.get(link + "/times")
	a = b.post(link+"/confirm", with(a.hidden(t, link+"/confirm"), "slot", "2026-11-25T17:00:00Z|prac_2")).wants(t, 200, "Move the visit?", "Has any of these begun")
	form := a.hidden(t, link+"/done")
	b.post(link+"/done", form).wants(t, 422, "Tick what applies")
	b.post(link+"/done", ticked(form, "fever")).wants(t, 200, "Please call us first", "The visit is not moved. It stays at its old time.").lacks(t, "Fever")
	b.get(link).wants(t, 200, "Tuesday 24 November 2026")
	b.post(link+"/done", ticked(form, "none")).wants(t, 200, "The visit is moved.")
	if n := len(w.in.screens); n != 2 {
		t.Errorf("%d mini-screens", n)
	}
}

// The front desk may ask a caller with a booking: a yes books nothing and says what to tell.
// When nobody was asked the booking goes on in one press, and why is kept.
func TestStaffMayAskTheCaller(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	staff := w.browser(reception)
	wish := url.Values{"patient": {"pat_2"}, "type": {"atype_physio"}, "slot": {"2026-11-25T17:00:00Z|prac_2"}}
	made := len(w.book.made)
	staff.get("/staff/book/times?patient=pat_2&type=atype_physio").wants(t, 200, "Ask the caller the six questions", `name="not_asked"`)
	a := staff.post("/staff/book/confirm", wish).wants(t, 200, "Ask the caller the six questions", "They are asked before the visit")
	form := a.hidden(t, "/staff/book/done")
	staff.post("/staff/book/done", ticked(form, "none", "fever")).wants(t, 422, "only if nothing else is ticked")
	staff.post("/staff/book/done", ticked(form, "chest_pain")).wants(t, 200, "Not booked", "The patient said yes to", "Pain or tightness in your chest", "Call the emergency number now.", "tel:")
	if len(w.book.made) != made || len(w.in.screens) != 1 {
		t.Fatalf("%d appointments, %d mini-screens", len(w.book.made)-made, len(w.in.screens))
	}
	form = staff.post("/staff/book/confirm", wish).hidden(t, "/staff/book/done")
	form = with(form, "not_asked", "CALLER_NOT_PATIENT")
	staff.post("/staff/book/done", form).wants(t, 200, "Your visit is booked.")
	if last := w.in.screens[len(w.in.screens)-1]; last.GetNotAskedBecause() != "CALLER_NOT_PATIENT" || len(last.GetAnswers()) != 0 || last.GetPatientId() != "pat_2" {
		t.Errorf("%v", last)
	}
	// A press that shows no questions keeps no reason.
	screens := len(w.in.screens)
	staff.post("/staff/book/done", url.Values{"patient": {"pat_2"}, "type": {"atype_physio"}, "slot": {"2026-11-25T17:30:00Z|prac_2"}}).wants(t, 200, "Your visit is booked.")
	if len(w.in.screens) != screens {
		t.Errorf("%d mini-screens more", len(w.in.screens)-screens)
	}
}

// A clinic whose own form has no such questions books and receives without them.
func TestFormWithoutAMiniScreen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.in.unasked = true
	b := w.browser(reception)
	const arrive = "/staff/appointments/apt_1/arrive"
	b.post(arrive, b.get("/staff/day").hidden(t, arrive)).wants(t, 200, "Marked as arrived.")
	p := w.browser(patient)
	a := p.post("/me/book/confirm", url.Values{"patient": {"pat_1"}, "type": {"atype_first"}, "slot": {"2026-11-25T17:00:00Z|prac_2"}}).wants(t, 200, "Book this visit?").lacks(t, "None of these")
	p.post("/me/book/done", a.hidden(t, "/me/book/done")).wants(t, 200, "Your visit is booked.")
	if len(w.in.screens) != 0 {
		t.Errorf("%d mini-screens", len(w.in.screens))
	}
}
