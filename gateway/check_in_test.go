package gateway_test

import (
	"net/url"
	"testing"
)

// A patient says how it went after an injection, without JavaScript, and is told what to do.
func TestCheckInAfterAnInjection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser(patient)
	b.get("/me").wants(t, 200, "Tell us how you are after your injection")
	a := b.get("/me/check-in").wants(t, 200, "Your injection on 14 August 2026", "Have you noticed any of these?", "Fever or chills")
	form := func() url.Values { return a.hidden(t, "/me/check-in") }
	if form().Get("code") != "DAY_3" {
		t.Errorf("asked about %q, want the newest that is due", form().Get("code"))
	}
	b.post("/me/check-in", form()).wants(t, 422, "Choose one", "Enter a whole number from 0 to 10", `href="#course"`)
	b.post("/me/check-in", with(form(), "course", "WORSE", "pain", "11")).wants(t, 422, "Enter a whole number from 0 to 10", `value="11"`)
	b.post("/me/check-in", with(form(), "course", "WORSE", "pain", "6")).wants(t, 200, "This can be normal in the first days.").lacks(t, "Emergency")
	sick := with(form(), "course", "BETTER", "pain", "2")
	sick["signs"] = []string{"FEVER", "BLEEDING"}
	b.post("/me/check-in", sick).wants(t, 200, "Call the clinic today.", "Emergency")
	if n := len(w.plans.answered); n != 2 {
		t.Fatalf("%d answers, want 2", n)
	}
	if got := w.plans.answered[1]; got.GetPain() != 2 || len(got.GetSigns()) != 2 || got.GetInjectionId() != "inj_1" || got.GetRequestId() == "" {
		t.Errorf("sent %v", got)
	}
	w.browser(reception).get("/me/check-in").wants(t, 403)
	b.post("/me/check-in", url.Values{"injection": {"inj_9"}, "code": {"DAY_3"}}).wants(t, 200, "There is nothing to answer now.")
}

// A clinician who ends a plan is asked whether its booked sessions are cancelled too.
func TestClosingAPlanAsksAboutItsSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser(clinician)
	a := b.get("/staff/plans/pln_1").wants(t, 200, "Cancel the booked sessions too")
	b.post("/staff/plans/pln_1/close", with(a.hidden(t, "/staff/plans/pln_1/close"), "reason_code", "DISCHARGED", "cancel", "yes"))
	b.post("/staff/plans/pln_1/close", with(a.hidden(t, "/staff/plans/pln_1/close"), "reason_code", "COMPLETED"))
	if n := len(w.plans.closed); n != 2 || !w.plans.closed[0].GetCancelFutureSessions() || w.plans.closed[1].GetCancelFutureSessions() {
		t.Errorf("closed %v", w.plans.closed)
	}
	b.post("/staff/plans/pln_1/cancel", a.hidden(t, "/staff/plans/pln_1/close")).wants(t, 200, "The booked sessions are being cancelled.")
}
