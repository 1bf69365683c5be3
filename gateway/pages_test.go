package gateway_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/upright-clinic/upright/gateway"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// with adds fields to a form.
func with(form url.Values, pairs ...string) url.Values {
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return form
}

func TestSignInPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser("")
	b.get("/staff/day?date=2026-11-24").wants(t, 200, "Sign in", `autocomplete="username"`, `autocomplete="current-password"`)
	if b.path != "/sign-in?next=%2Fstaff%2Fday%3Fdate%3D2026-11-24" {
		t.Errorf("went to %s", b.path)
	}
	form := url.Values{"next": {"/staff/day?date=2026-11-24"}, "email": {"reception@demo.clinic"}, "password": {""}}
	b.post("/sign-in", form).wants(t, 422, "Enter your password", `href="#password"`, "Error:", `value="reception@demo.clinic"`)
	form.Set("password", "wrong")
	b.post("/sign-in", form).wants(t, 401, "wrong").lacks(t, `value="wrong"`)
	form.Set("password", "correct horse")
	b.post("/sign-in", form).wants(t, 200, "Tuesday 24 November 2026")
	if b.path != "/staff/day?date=2026-11-24" {
		t.Errorf("went to %s", b.path)
	}
	b.post("/sign-out", nil).wants(t, 200, "You are signed out.")
	b.get("/staff/day").wants(t, 200, "Sign in")
}

func TestSignInLeadsNowhereElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, next := range []string{"https://evil.example/", "//evil.example", `/\evil.example`, "javascript:alert(1)", "/\tevil", "evil"} {
		b := w.browser("")
		b.post("/sign-in", url.Values{"next": {next}, "email": {"patient@demo.clinic"}, "password": {"correct horse"}}).wants(t, 200, "My visits")
		if b.path != "/me" {
			t.Errorf("%s led to %s", next, b.path)
		}
	}
}

// TestFormSurvivesTheEndOfASession answers a page after the session ended, signs in again
// and finds the answer stored.
func TestFormSurvivesTheEndOfASession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser(patient)
	b.post("/intake", url.Values{"patient": {"pat_1"}})
	page := b.get("/intake/int_1/page/bad")
	form := with(page.hidden(t, "/intake/int_1/page/bad"), "a.nrs", "7", "a.where", "neck", "a.where", "low_back")
	w.dir.end(patient)
	w.clock.Advance(2 * time.Second)
	a := b.post("/intake/int_1/page/bad", form)
	a.wants(t, 401, "You were signed out", "What you typed is kept")
	kept := a.hidden(t, "/sign-in")
	a = b.post("/sign-in", with(kept, "email", "patient@demo.clinic", "password", "correct horse"))
	a.wants(t, 200, "You are signed in again").lacks(t, "correct horse")
	w.clock.Advance(time.Second) // the small directory gives the same token again
	b.post("/intake/int_1/page/bad", a.hidden(t, "/intake/int_1/page/bad")).wants(t, 200, "Hard thoughts")
	answers := w.in.intakes["int_1"].GetAnswers()
	if answers["nrs"].GetNumberValue() != 7 || len(answers["where"].GetListValue().GetValues()) != 2 {
		t.Errorf("stored %v", answers)
	}
}

func TestPasswordsAreNotKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.browser("").post("/staff/patients/new", url.Values{"given_name": {"Sam"}, "password": {"Secretpass"}})
	a.wants(t, 401, `name="keep.given_name" value="Sam"`).lacks(t, "Secretpass")
}

func TestPublicPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser("")
	b.get("/").wants(t, 200, "Upright")
	b.get("/c/spine").wants(t, 200, "Spine &amp; Joint", "Call for help now", `href="tel:911"`, "Vancouver time", "/c/spine/register")
	b.get("/c/nowhere").wants(t, 404, "Page not found")
	b.get("/c/No%20where").wants(t, 404, "Page not found")
	form := url.Values{"given_name": {"Ana"}, "family_name": {""}, "birth_date_day": {"31"}, "birth_date_month": {"2"}, "birth_date_year": {"1980"}, "email": {"patient@demo.clinic"}, "password": {"correct horse"}}
	b.post("/c/spine/register", form).wants(t, 422, "Enter the last name", "Enter a date that exists", `href="#birth_date"`, `value="31"`, `value="Ana"`).lacks(t, "correct horse")
	form.Set("family_name", "Rivera")
	form.Set("birth_date_day", "7")
	form.Set("password", "short")
	b.post("/c/spine/register", form).wants(t, 400, "Choose a longer password")
	form.Set("password", "correct horse")
	b.post("/c/spine/register", form).wants(t, 200, "You are registered.", "The form before your visit")
	if strings.Contains(b.path, "Rivera") || w.dir.registered != 2 {
		t.Errorf("at %s after %d registrations", b.path, w.dir.registered)
	}
}

func TestErrorPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser(reception)
	b.get("/nowhere").wants(t, 404, "Page not found")
	b.get("/staff/appointments/apt_99").wants(t, 404, "Page not found")
	b.get("/me").wants(t, 403, "You may not see this")
	b.post("/staff/patients/pat_1", nil).wants(t, 405)
	b.post("/staff/appointments/apt_1/explode", nil).wants(t, 404)
	b.post("/staff/patients", url.Values{"query": {strings.Repeat("a", 2<<20)}}).wants(t, 413, "That is too much")
	w.dir.mu.Lock()
	w.dir.down = fault.New(fault.Unavailable, "UNAVAILABLE", "down")
	w.dir.mu.Unlock()
	w.clock.Advance(2 * time.Second)
	b.get("/staff/day").wants(t, 503, "Not available at the moment")
}

func TestDayList(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser(reception)
	a := b.get("/staff/day").wants(t, 200, "Tuesday 24 November 2026", "2 visits", "Ca&lt;b&gt;nary&#34;&#39;&amp; Rivera", "Noor Haddad", "Dr Ana Lee", "12:00 pm", "First visit")
	a.lacks(t, "Ca<b>")
	if !strings.Contains(a.body, `<tr class="now">`) {
		t.Error("what goes on now is not marked")
	}
	form := a.hidden(t, "/staff/appointments/apt_1/arrive")
	asked := b.post("/staff/appointments/apt_1/arrive", form).hidden(t, "/staff/appointments/apt_1/arrive")
	b.post("/staff/appointments/apt_1/arrive", ticked(asked, "none")).wants(t, 200, "Marked as arrived.", "arrived")
	if !strings.HasPrefix(b.path, "/staff/day?") {
		t.Errorf("went to %s", b.path)
	}
	b.post("/staff/appointments/apt_1/arrive", form).wants(t, 200, "Somebody changed this since you opened it")
	arrived := b.get("/staff/day").wants(t, 200, "Not arrived")
	b.post("/staff/appointments/apt_1/undo-arrive", arrived.hidden(t, "/staff/appointments/apt_1/undo-arrive")).wants(t, 200, "The arrival is taken back.", "booked").lacks(t, "Not arrived")
	b.get("/staff/day?date=2026-11-23").wants(t, 200, "Nothing is booked on this day.")
	b.get("/staff/day?date=<script>").wants(t, 200, "Tuesday 24 November 2026")
	b.get("/staff/appointments/apt_2").wants(t, 200, "Noor Haddad", "Physiotherapy", "Vancouver time", "Cancel this visit")
	b.post("/staff/appointments/apt_2/cancel", url.Values{"reason_code": {"PATIENT_ILL"}}).wants(t, 200, "The visit is cancelled.")
}

func TestReceptionBooks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser(reception)
	b.get("/staff/book?from=2026-11-25").wants(t, 200, "Who is it for?", `action="/staff/book"`)
	b.post("/staff/book", url.Values{"query": {"haddad"}, "from": {"2026-11-25"}}).wants(t, 200, "Book for Noor Haddad") // the only one
	if strings.Contains(b.path, "haddad") {
		t.Errorf("a name in %s", b.path)
	}
	b.get("/staff/book?patient=pat_2&from=2026-11-25").wants(t, 200, "Book for Noor Haddad", "First visit", "8 left to book", "not done")
	times := "/staff/book/times?from=2026-11-25&patient=pat_2&type=atype_physio"
	a := b.get(times).wants(t, 200, "Wednesday 25 November 2026", "9:00 am", "Ben &lt;Okafor&gt;", "60 minutes", "Another time")
	form := with(a.hidden(t, "/staff/book/confirm"))
	b.post("/staff/book/confirm", form).wants(t, 422, "Choose a time", "9:00 am")
	a = b.post("/staff/book/confirm", with(form, "slot", "2026-11-25T17:00:00Z|prac_2"))
	a.wants(t, 200, "Book this visit?", "Wednesday 25 November 2026, 9:00 am (Vancouver time)", "We hold this time for you for 5 minutes.", "Noor Haddad").lacks(t, "?owner")
	form = a.hidden(t, "/staff/book/done")
	b.post("/staff/book/done", form).wants(t, 200, "Your visit is booked.", "Physiotherapy")
	b.post("/staff/book/done", form).wants(t, 200, "Your visit is booked.")
	if len(w.book.made) != 3 || b.path != "/staff/appointments/apt_3?done=booked" {
		t.Errorf("%d appointments, at %s", len(w.book.made), b.path)
	}
	if got := w.book.requests[0]; got.GetHoldId() != "hold_1" || got.GetOwnerToken() != "owner-secret" || got.GetPatientId() != "pat_2" {
		t.Errorf("%v", got)
	}
}

func TestBookingThatIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser(reception)
	b.get("/staff/book/times?patient=pat_2&type=atype_injection").wants(t, 200, "The limit of three injections in six months is reached.", "14 February 2027")
	form := url.Values{"patient": {"pat_2"}, "type": {"atype_physio"}, "manual_date": {"2026-11-25"}, "manual_time": {"21:00"}, "manual_practitioner": {"prac_1"}}
	w.book.refuse = fault.New(fault.Aborted, "OUTSIDE_SHIFT", "not at work")
	a := b.post("/staff/book/confirm", form).wants(t, 200, "Something speaks against this time", "does not work at that time", "9:00 pm", "Book all the same")
	form = a.hidden(t, "/staff/book/done")
	b.post("/staff/book/done", with(form, "override_reason", "x")).wants(t, 422, "Give a reason")
	form.Set("override_reason", "agreed by phone")
	b.post("/staff/book/done", form).wants(t, 200, "Your visit is booked.")
	if got := w.book.requests[0].GetOverride().GetReason(); got != "agreed by phone" {
		t.Errorf("override %q", got)
	}
	if got := w.book.requests[0].GetStartTime().AsTime(); !got.Equal(time.Date(2026, 11, 26, 5, 0, 0, 0, time.UTC)) {
		t.Errorf("21:00 in Vancouver is %s", got)
	}
	w.book.refuse = fault.New(fault.Aborted, "SLOT_TAKEN", "taken")
	done := url.Values{"patient": {"pat_2"}, "type": {"atype_physio"}, "slot": {"2026-11-25T17:00:00Z|prac_2"}}
	b.post("/staff/book/done", done).wants(t, 409, "That time has just been taken", "9:30 am")
}

func TestNewPatient(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser(reception)
	b.get("/staff/patients").wants(t, 200, "Find a patient", "New patient")
	b.post("/staff/patients", url.Values{"query": {"rivera"}}).wants(t, 200, "1 patient found", "/staff/patients/pat_1", "7 March 1980")
	b.post("/staff/patients", url.Values{"query": {"nobody"}}).wants(t, 200, "0 patients found")
	a := b.get("/staff/patients/new?then=book&from=2026-11-25").wants(t, 200, "New patient")
	form := with(a.hidden(t, "/staff/patients/new"), "given_name", "Sam", "family_name", "Okoye", "birth_date_day", "1", "birth_date_month", "2", "birth_date_year", "2030")
	b.post("/staff/patients/new", form).wants(t, 400, "Is after today.", `href="#birth_date"`, `value="2030"`)
	form.Set("birth_date_year", "1990")
	b.post("/staff/patients/new", form).wants(t, 200, "Book for Sam Okoye")
	if ids := w.dir.requestIDs; len(ids) != 2 || ids[0] == ids[1] || !strings.HasPrefix(ids[0], "page-") {
		t.Errorf("request ids %q: another content is another request", ids)
	}
}

func TestPatientsOwnPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser(patient)
	b.get("/me").wants(t, 200, "My visits", "Tuesday 24 November 2026, 12:00 pm (Vancouver time)", "First visit", "3 of 12 done, 1 booked, 8 left to book", "Fill in the form before your first visit")
	b.get("/me/book").wants(t, 200, "First visit, 45 minutes", "Book the next session").lacks(t, "Injection,")
	a := b.get("/me/book/times?patient=pat_1&type=atype_first").wants(t, 200, "Wednesday 25 November 2026", "2:00 pm").lacks(t, "Another time")
	a = b.post("/me/book/confirm", with(a.hidden(t, "/me/book/confirm"), "slot", "2026-11-25T17:00:00Z|prac_2"))
	a = b.post("/me/book/done", ticked(a.hidden(t, "/me/book/done"), "none")).wants(t, 200, "Your visit is booked.", "Change the time")
	a = b.post("/me/appointments/apt_3/cancel", with(a.hidden(t, "/me/appointments/apt_3/cancel"), "reason_code", "PATIENT_REQUEST"))
	a.wants(t, 200, "The visit is cancelled.")
	b.get("/me/appointments/apt_2").wants(t, 404)
}

func TestChart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser(patient)
	b.post("/intake", url.Values{"patient": {"pat_1"}})
	page := b.get("/intake/int_1/page/now")
	b.post("/intake/int_1/page/now", with(page.hidden(t, "/intake/int_1/page/now"), "tick", "chest_pain"))
	w.in.intakes["int_1"].State = "SUBMITTED"
	w.in.intakes["int_1"].Level = "EMERGENCY_NOW"
	w.browser(reception).get("/staff/patients/pat_1").wants(t, 200, "Emergency", "7 March 1980", "Physiotherapy course").lacks(t, "why &lt;i&gt;", "Chest pain", "T4-5", "X-MANIP-1")
	c := w.browser(clinician)
	c.get("/staff/patients/pat_1").wants(t, 200, "None is allowed today. 3 count towards the limit.", "Next possible on 14 February 2027.", "why &lt;i&gt;chest_pain", "Chest pain &lt;b&gt;?", "clinical reference", "X-MANIP-1", "T4-5", "said by the patient")
	c.get("/staff/intakes/int_1").wants(t, 200, "Findings", "E-chest_pain", "Yes")
	c.get("/staff/tasks").wants(t, 200, "Noor Haddad", "Clinician looks first", "I take it")
	c.post("/staff/tasks/tsk_1/acknowledge", nil).wants(t, 200, "The task is yours.", "yours")
}

func TestAssigningAPlan(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.browser(clinician)
	a := c.get("/staff/patients/pat_1/plans/new").wants(t, 200, "Physiotherapy course", "12 sessions, 2 to 3 a week, 6 weeks", "None is allowed today", "X-MANIP-1", `value="2026-11-24"`)
	form := with(a.hidden(t, "/staff/patients/pat_1/plans/new"), "cause_codes", "POSTURE", "goal_code", "PAIN", "decided_by", "TOGETHER", "start_date", "2026-11-24", "options_shown", "PHYSIOTHERAPY")
	c.post("/staff/patients/pat_1/plans/new", form).wants(t, 422, "Choose a plan", `href="#template_id"`, `value="POSTURE" checked`)
	c.post("/staff/patients/pat_1/plans/new", with(form, "template_id", "physiotherapy")).wants(t, 200, "The plan is in force.")
	got := w.plans.created[0]
	if diff := cmp.Diff([]string{"POSTURE"}, got.GetCauseCodes()); diff != "" || got.GetDecision().GetChosen() != "PHYSIOTHERAPY" || got.GetTemplateId() != "physiotherapy" {
		t.Errorf("%v", got)
	}
	w.plans.refuse = fault.New(fault.FailedPrecondition, "CONTRAINDICATED", "no")
	form.Set("nonce", "another")
	c.post("/staff/patients/pat_1/plans/new", form).wants(t, 200, "Something in the answers speaks against this treatment.")
}

func TestRecordingAnInjection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.browser(clinician)
	a := c.get("/staff/patients/pat_1/injections/new").wants(t, 200, "None is allowed today", "Levels")
	form := with(a.hidden(t, "/staff/patients/pat_1/injections/new"), "local_date", "2026-11-24", "state", "ADMINISTERED", "region", "THORACIC", "side", "LEFT", "guidance", "FLUOROSCOPY", "source", "CLINIC", "drug", "methylprednisolone", "dose_mg", "x", "lot", "L1", "pain_before", "11")
	c.post("/staff/patients/pat_1/injections/new", form).wants(t, 422, "Enter the dose as a number", "Enter a whole number from 0 to 10")
	form.Set("dose_mg", "40,5")
	form.Set("pain_before", "7")
	c.post("/staff/patients/pat_1/injections/new", form).wants(t, 400, "Must be given.", `href="#levels"`)
	form.Set("levels", "t4-5, t5-6")
	c.post("/staff/patients/pat_1/injections/new", form).wants(t, 200, "The injection is recorded.")
	got := w.plans.recorded[0]
	if !slices.Equal(got.GetLevels(), []string{"T4-5", "T5-6"}) || got.GetDrugs()[0].GetDoseMg() != 40.5 || got.GetPainBefore() != 7 || got.PainAfter != nil {
		t.Errorf("%v", got)
	}
}

func TestDocs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser("")
	b.get("/docs").wants(t, 200, "AppointmentService", "POST /v1/appointments", "/openapi.json")
	b.get("/docs/AppointmentService").wants(t, 200, "appointment_type_id", "PATIENT, RECEPTIONIST, CLINICIAN")
	b.get("/docs/Nothing").wants(t, 404)
	a := w.do("GET", "/openapi.json", "", "")
	a.wants(t, 200, `"openapi": "3.1.0"`, `"application/problem+json"`, `"/v1/events:watch"`)
}

// TestPagesAreSmall keeps the pages of patients light: a page and the style sheet.
func TestPagesAreSmall(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser(patient)
	b.post("/intake", url.Values{"patient": {"pat_1"}})
	css := 0
	for _, path := range []string{"/me", "/me/book", "/intake", "/intake/int_1/page/now", "/intake/int_1/check", "/c/spine", "/sign-out"} {
		a := b.get(path)
		if len(a.body) > 12<<10 {
			t.Errorf("%s has %d bytes", path, len(a.body))
		}
		for _, l := range parseHTML(t, a.body).all("link") {
			if l.attr("rel") == "stylesheet" {
				css = len(w.do("GET", l.attr("href"), "", "").body)
			}
		}
	}
	if css == 0 || css > 15<<10 {
		t.Errorf("the style sheet has %d bytes", css)
	}
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(_ *gateway.Config, k *gateway.Kit) { k.Checks = checks })
	w.do("GET", "/readyz", "", "").wants(t, 503, `"name":"booking","ready":false,"required":true,"reason":"CATCHING_UP`, `"name":"directory","ready":true`, `"name":"nats","ready":false,"required":false`)
	w.do("GET", "/healthz", "", "").wants(t, 200, `"alive":true`)
	if err := w.gw.Ready(t.Context()); !fault.Is(err, "CATCHING_UP") {
		t.Errorf("Ready: %v", err)
	}
	ready := newWorld(t, func(_ *gateway.Config, k *gateway.Kit) { k.Checks = checks[:1] })
	ready.do("GET", "/readyz", "", "").wants(t, 200, `"ready":true`)
	if err := ready.gw.Ready(t.Context()); err != nil {
		t.Error(err)
	}
}
