package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestBookingInABrowser goes the two journeys of booking on the invented clinic, with JavaScript off
// and on, on a wide screen and on a phone: reception books, moves, cancels and receives; a
// patient books in two taps from a link and changes it without signing in.
func TestBookingInABrowser(t *testing.T) {
	t.Parallel()
	p := invent(t).serve(t, unlimited...)
	me := patientOf(t, p)
	for _, scripts := range []bool{false, true} {
		name := map[bool]string{false: "scripts off", true: "scripts on"}[scripts]
		t.Run("ask 41 reception books, moves, cancels and receives, "+name, func(t *testing.T) { receptionJourney(t, p, me, scripts) })
		t.Run("the patient books in two taps, "+name, func(t *testing.T) { patientJourney(t, p, me, scripts) })
	}
	t.Run("by keyboard alone", func(t *testing.T) { keyboardJourney(t, p, me) })
}

// somebody is a patient of the demo.
type somebody struct{ ID, Name string }

// patientOf finds the demo's patient who has an account and a plan.
func patientOf(t *testing.T, p *program) somebody {
	t.Helper()
	var me struct {
		Patients []struct {
			ID   string `json:"patient_id"`
			Name string `json:"display_name"`
		}
	}
	signIn(t, p.Address, login(t, p, "patient")).must(http.MethodGet, "/v1/me", nil, &me)
	if len(me.Patients) == 0 {
		t.Fatal("the demo's patient has no record")
	}
	return somebody{me.Patients[0].ID, me.Patients[0].Name}
}

// text is what a page says.
func text(t *testing.T, ctx context.Context) (body string) {
	t.Helper()
	do(t, ctx, "read the page", chromedp.Text("body", &body, chromedp.ByQuery))
	return body
}

// says fails when the page does not say all of it.
func says(t *testing.T, ctx context.Context, wants ...string) {
	t.Helper()
	body := text(t, ctx)
	for _, want := range wants {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not say %q:\n%s", want, body)
		}
	}
}

// press clicks something that leads to another page, and waits for what that shows.
func press(selector, then string) chromedp.Tasks {
	return chromedp.Tasks{follow(chromedp.Click(selector)), chromedp.WaitVisible(then)}
}

// receptionJourney is the front desk's day on a wide screen, then on a phone.
func receptionJourney(t *testing.T, p *program, me somebody, scripts bool) {
	t.Helper()
	ctx := browse(t, scripts, 1280, 900)
	label := func(s string) string { return fmt.Sprintf("reception %s scripts %v", s, scripts) }
	do(t, ctx, "sign in", signInPage(p.Address, login(t, p, "reception")))
	do(t, ctx, "the day", chromedp.Navigate(p.Address+"/staff/day?date="+demoDay()), chromedp.WaitVisible(`//table`))
	accessible(t, ctx, label("day"))
	do(t, ctx, "the table", press(`//nav//a[contains(., "By practitioner")]`, `table.grid`))
	accessible(t, ctx, label("table"))
	do(t, ctx, "find a patient", follow(chromedp.SendKeys(`#query`, me.Name+"\r", chromedp.ByQuery)), chromedp.WaitVisible(`//h1[contains(., "Book")]`))
	if strings.Contains(text(t, ctx), "patients found") {
		do(t, ctx, "pick the patient", press(`//th/a`, `//h1[contains(., "Book for")]`))
	}
	says(t, ctx, "Next visit:")
	accessible(t, ctx, label("book"))
	do(t, ctx, "book the next free time", press(`.box .slots button`, `//*[@role="status"]`))
	says(t, ctx, "Your visit is booked.", "Undo the booking")
	accessible(t, ctx, label("booked"))
	do(t, ctx, "times to move to", press(`//a[contains(., "Change the time")]`, `//h1[contains(., "Choose a time")]`))
	accessible(t, ctx, label("times"))
	do(t, ctx, "move", press(`(//*[@id="slot"]//button)[3]`, `//*[@role="status"][contains(., "moved")]`))
	var was string // the page before says "moved" too: what is offered next tells them apart
	do(t, ctx, "where it was", chromedp.Value(`//input[@name="slot"]`, &was))
	do(t, ctx, "move back", press(`//button[contains(., "Move it back")]`, `//form[.//button[contains(., "Move it back")] and not(.//input[@value="`+was+`"])]`))
	do(t, ctx, "cancel", chromedp.Click(`//summary[contains(., "Cancel this visit")]`), press(`//button[contains(., "Yes, cancel it")]`, `//*[@role="status"][contains(., "cancelled")]`))
	accessible(t, ctx, label("cancelled"))
	do(t, ctx, "undo", press(`//button[contains(., "Undo the cancelling")]`, `//*[@role="status"][contains(., "booked again")]`))
	do(t, ctx, "cancel for good", chromedp.Click(`//summary[contains(., "Cancel this visit")]`), press(`//button[contains(., "Yes, cancel it")]`, `//*[@role="status"][contains(., "cancelled")]`))
	receive(t, ctx, p, label)
	do(t, ctx, "a phone", chromedp.EmulateViewport(360, 740), chromedp.Navigate(p.Address+"/staff/day?view=table&date="+demoDay()), chromedp.WaitVisible(`table.grid`))
	accessible(t, ctx, label("table on a phone"))
	do(t, ctx, "the list", press(`//nav//a[.="List"]`, `table.stack`))
	accessible(t, ctx, label("day on a phone"))
}

// receive books somebody for a few minutes from now against what speaks against it, says why,
// and receives the patient: waiting room, session, done.
func receive(t *testing.T, ctx context.Context, p *program, label func(string) string) {
	t.Helper()
	id, day := visitToday(t, p)
	do(t, ctx, "today", chromedp.Navigate(p.Address+"/staff/day?date="+day), chromedp.WaitVisible(`//form[@action="/staff/appointments/`+id+`/arrive"]`),
		press(`//form[@action="/staff/appointments/`+id+`/arrive"]//button`, `//h1[contains(., "Six questions before the visit")]`))
	accessible(t, ctx, label("six questions"))
	do(t, ctx, "no answer", press(`main form button`, `//a[@href="#mini_screen"]`))
	do(t, ctx, "a fever", chromedp.Click(`//input[@name="mini_screen"][@value="fever"]`), press(`main form button`, `//h1[contains(., "Not checked in")]`))
	says(t, ctx, "Fever or shaking chills", "A task for a clinician is raised", "What you can do")
	accessible(t, ctx, label("not checked in"))
	do(t, ctx, "asked again", press(`//main//a[.="Go back"]`, `//form[@action="/staff/appointments/`+id+`/arrive"]`),
		press(`//form[@action="/staff/appointments/`+id+`/arrive"]//button`, `//h1[contains(., "Six questions before the visit")]`))
	do(t, ctx, "none of these", chromedp.Click(`//input[@name="mini_screen"][@value="none"]`), press(`main form button`, `//*[@id="waiting"]`))
	says(t, ctx, "Marked as arrived.", "waits 0 minutes", "booked all the same")
	accessible(t, ctx, label("waiting room"))
	do(t, ctx, "the wrong patient", press(`//section//form[@action="/staff/appointments/`+id+`/undo-arrive"]//button`, `//*[@role="status"][contains(., "The arrival is taken back.")]`),
		press(`//form[@action="/staff/appointments/`+id+`/arrive"]//button`, `//h1[contains(., "Six questions before the visit")]`),
		chromedp.Click(`//input[@name="mini_screen"][@value="none"]`), press(`main form button`, `//*[@id="waiting"]`))
	do(t, ctx, "start", press(`//section//form[@action="/staff/appointments/`+id+`/start"]//button`, `//*[@role="status"][contains(., "Session started.")]`))
	do(t, ctx, "done", press(`//form[@action="/staff/appointments/`+id+`/complete"]//button`, `//*[@role="status"][contains(., "Marked as done.")]`))
}

// visitToday books a new patient for the next whole five minutes with an override, through the
// API, and gives the appointment and its day.
func visitToday(t *testing.T, p *program) (id, day string) {
	t.Helper()
	reception := signIn(t, p.Address, login(t, p, "reception"))
	var patient struct {
		ID string `json:"patient_id"`
	}
	reception.must(http.MethodPost, "/v1/patients", m{"given_name": "Walk", "family_name": "In" + time.Now().Format("150405.000"), "birth_date": "1980-02-29"}, &patient)
	var types struct {
		AppointmentTypes []struct {
			ID   string `json:"appointment_type_id"`
			Kind string
		} `json:"appointment_types"`
	}
	reception.must(http.MethodGet, "/v1/appointment-types", nil, &types)
	var practitioners struct {
		Practitioners []struct {
			ID string `json:"practitioner_id"`
		}
	}
	reception.must(http.MethodGet, "/v1/practitioners", nil, &practitioners)
	at := time.Now().UTC().Truncate(5 * time.Minute).Add(5 * time.Minute)
	var booked struct {
		ID   string `json:"appointment_id"`
		Date string `json:"local_date"`
	}
	for _, kind := range types.AppointmentTypes {
		if kind.Kind != "INITIAL_ASSESSMENT" {
			continue
		}
		for _, who := range practitioners.Practitioners {
			err := reception.call(t.Context(), http.MethodPost, "/v1/appointments", m{
				"appointment_type_id": kind.ID, "patient_id": patient.ID, "practitioner_id": who.ID, "start_time": at.Format(time.RFC3339), "override": m{"reason": "walked in"},
			}, &booked)
			if err == nil {
				return booked.ID, booked.Date
			}
			t.Logf("%v", err)
		}
	}
	t.Fatal("nobody can see a patient now")
	return "", ""
}

// patientJourney opens a link on a phone: two taps and one tick book, no field is typed in; the page that
// follows changes and cancels.
func patientJourney(t *testing.T, p *program, me somebody, scripts bool) {
	t.Helper()
	desk := browse(t, scripts, 1280, 900)
	label := func(s string) string { return fmt.Sprintf("patient %s scripts %v", s, scripts) }
	var link string
	do(t, desk, "sign in", signInPage(p.Address, login(t, p, "reception")))
	do(t, desk, "make a link", chromedp.Navigate(p.Address+"/staff/book?patient="+me.ID), chromedp.WaitVisible(`.box .slots`),
		press(`//button[contains(., "Link for the patient to book it")]`, `#link`), chromedp.Value(`#link`, &link))
	accessible(t, desk, label("link"))
	to, err := url.Parse(link)
	if err != nil || !strings.HasPrefix(to.Path, "/l/") {
		t.Fatalf("the link is %q: %v", link, err)
	}
	ctx := browse(t, scripts, 360, 740)
	do(t, ctx, "open the link", chromedp.Navigate(p.Address+to.Path), chromedp.WaitVisible(`.slots button`))
	says(t, ctx, "Your next visit:", ourTime())
	accessible(t, ctx, label("opens the link"))
	do(t, ctx, "first tap", press(`.slots button`, `//h1[contains(., "Book this visit?")]`))
	says(t, ctx, "It is yours until", ourTime())
	accessible(t, ctx, label("confirms"))
	do(t, ctx, "second tap", chromedp.Click(`//input[@name="mini_screen"][@value="none"]`), press(`main form button`, `//*[@role="status"][contains(., "Your visit is booked.")]`))
	says(t, ctx, "Add to calendar", "Change the time", "Cancel this visit", ourTime())
	accessible(t, ctx, label("booked"))
	do(t, ctx, "change", press(`//a[contains(., "Change the time")]`, `//h1[contains(., "Choose a time")]`))
	accessible(t, ctx, label("times"))
	do(t, ctx, "another time", press(`(//*[@id="slot"]//button)[2]`, `//h1[contains(., "Move the visit?")]`),
		chromedp.Click(`//input[@name="mini_screen"][@value="none"]`), press(`main form button`, `//*[@role="status"][contains(., "moved")]`))
	do(t, ctx, "cancel", chromedp.Click(`//summary[contains(., "Cancel this visit")]`), press(`//button[contains(., "Yes, cancel it")]`, `//*[@role="status"][contains(., "cancelled")]`))
	accessible(t, ctx, label("cancelled"))
	do(t, ctx, "an edited link", chromedp.Navigate(p.Address+to.Path+"x"), chromedp.WaitVisible(`//h1[contains(., "This link does not work")]`))
	accessible(t, ctx, label("bad link"))
}

// keyboardJourney books with keys alone: the skip link, the search, Enter, Tab to the first
// time, Enter.
func keyboardJourney(t *testing.T, p *program, me somebody) {
	t.Helper()
	ctx := browse(t, false, 1280, 900)
	do(t, ctx, "sign in", signInPage(p.Address, login(t, p, "reception")))
	var first string
	do(t, ctx, "the first Tab", chromedp.Navigate(p.Address+"/staff/book"), chromedp.WaitVisible(`#search, [name="query"]`, chromedp.ByQuery),
		chromedp.KeyEvent(kb.Tab), chromedp.Evaluate(`document.activeElement.getAttribute("href")`, &first))
	if first != "#main" {
		t.Errorf("the first Tab goes to %q, not to the skip link", first)
	}
	do(t, ctx, "skip", chromedp.KeyEvent(kb.Enter))
	tabTo(t, ctx, `document.activeElement.name === "query"`)
	do(t, ctx, "search", chromedp.KeyEvent(me.Name), follow(chromedp.KeyEvent(kb.Enter)), chromedp.WaitVisible(`//h1[contains(., "Book for")] | //h2[@id="found"]`))
	if strings.Contains(text(t, ctx), "patients found") {
		tabTo(t, ctx, `document.activeElement.closest("th") !== null`)
		do(t, ctx, "pick", follow(chromedp.KeyEvent(kb.Enter)), chromedp.WaitVisible(`//h1[contains(., "Book for")]`))
	}
	tabTo(t, ctx, `document.activeElement.name === "slot"`)
	do(t, ctx, "book", follow(chromedp.KeyEvent(kb.Enter)), chromedp.WaitVisible(`//*[@role="status"][contains(., "booked")]`))
	tabTo(t, ctx, `document.activeElement.textContent === "Undo the booking"`)
	do(t, ctx, "undo", follow(chromedp.KeyEvent(kb.Enter)), chromedp.WaitVisible(`//*[@role="status"][contains(., "cancelled")]`))
}

// tabTo presses Tab until the focus is where it should be.
func tabTo(t *testing.T, ctx context.Context, there string) {
	t.Helper()
	for range 80 {
		var ok bool
		do(t, ctx, "Tab", chromedp.KeyEvent(kb.Tab), chromedp.Evaluate(there, &ok))
		if ok {
			return
		}
	}
	t.Fatalf("Tab never comes to %s", there)
}
