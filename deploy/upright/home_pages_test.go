package main

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestBetweenVisits is a programme that a physiotherapist issues, a patient reads and notes
// about on a phone without JavaScript, and the diary that the clinician then sees.
func TestBetweenVisits(t *testing.T) {
	t.Parallel()
	p := invent(t).serve(t)
	patient, physio, desk := signIn(t, p.Address, login(t, p, "patient")), signIn(t, p.Address, login(t, p, "physio")), signIn(t, p.Address, login(t, p, "reception"))
	var me struct {
		Patients []struct {
			ID string `json:"patient_id"`
		} `json:"patients"`
	}
	patient.must(http.MethodGet, "/v1/me", nil, &me)
	id := me.Patients[0].ID
	base := "/v1/patients/" + id
	physio.must(http.MethodPost, base+"/home-programmes", m{"items": []m{{"code": "COLD"}, {"code": "STAND_ROTATE"}, {"code": "ERGONOMICS"}}}, nil)
	overHTTP(t, patient, physio, desk, base)

	ctx := browse(t, false, 360, 740)
	var body, letter, saved string
	do(t, ctx, "sign in", signInPage(p.Address, login(t, p, "patient")))
	do(t, ctx, "the programme", chromedp.Navigate(p.Address+"/me"), chromedp.WaitVisible(`main a[href^="/me/programme"]`, chromedp.ByQuery),
		follow(chromedp.Click(`main a[href^="/me/programme"]`, chromedp.ByQuery)), chromedp.WaitVisible(`main a[href$="/letter"]`, chromedp.ByQuery),
		chromedp.Text("main", &body, chromedp.ByQuery), follow(chromedp.Click(`main a[href$="/letter"]`, chromedp.ByQuery)),
		chromedp.WaitVisible("h1", chromedp.ByQuery), chromedp.Text("main", &letter, chromedp.ByQuery))
	for _, want := range []string{"does not replace advice", "thin towel", "Walk and move gently", "each side", "a few seconds", "Today at"} {
		if !strings.Contains(body, want) {
			t.Errorf("the programme does not say %q:\n%s", want, body)
		}
	}
	if !strings.Contains(letter, "Screen at eye height") || strings.Contains(strings.ToLower(letter), "pain") {
		t.Errorf("the letter:\n%s", letter)
	}
	do(t, ctx, "a note", chromedp.Navigate(p.Address+"/me/diary"), chromedp.WaitVisible(`select[name="pain"]`, chromedp.ByQuery),
		chromedp.SetValue(`select[name="pain"]`, "7", chromedp.ByQuery), chromedp.Click(`input[value="NUMBNESS"]`, chromedp.ByQuery),
		chromedp.Click(`input[value="STAND_ROTATE-LEFT"]`, chromedp.ByQuery), chromedp.SendKeys(`textarea[name="note"]`, "after the garden", chromedp.ByQuery),
		follow(chromedp.Click(`main form button`, chromedp.ByQuery)), chromedp.WaitVisible(`.box.stop`, chromedp.ByQuery), chromedp.Text("body", &saved, chromedp.ByQuery))
	for _, want := range []string{"Your note is saved", "Call us today", "after the garden", "Numbness"} {
		if !strings.Contains(saved, want) {
			t.Errorf("after the note the patient does not read %q:\n%s", want, saved)
		}
	}

	staff := browse(t, false, 1200, 900)
	do(t, staff, "sign in", signInPage(p.Address, login(t, p, "physio")))
	do(t, staff, "the diary", chromedp.Navigate(p.Address+"/staff/patients/"+id+"/diary"), chromedp.WaitVisible("table", chromedp.ByQuery), chromedp.Text("main", &body, chromedp.ByQuery))
	for _, want := range []string{"A red flag was noted", "after the garden", "Stand and turn"} {
		if !strings.Contains(body, want) {
			t.Errorf("the clinician does not read %q:\n%s", want, body)
		}
	}
	reception := browse(t, false, 1200, 900)
	do(t, reception, "sign in", signInPage(p.Address, login(t, p, "reception")))
	do(t, reception, "the diary", chromedp.Navigate(p.Address+"/staff/patients/"+id+"/diary"), chromedp.WaitVisible("h1", chromedp.ByQuery), chromedp.Text("body", &body, chromedp.ByQuery))
	if strings.Contains(body, "after the garden") {
		t.Errorf("reception reads the diary:\n%s", body)
	}
}

// overHTTP uses the public paths of diary, outcomes, notes and examinations.
func overHTTP(t *testing.T, patient, physio, desk *client, base string) {
	t.Helper()
	var outcome struct {
		Score  float64 `json:"score"`
		Band   string  `json:"band"`
		Change struct {
			Verdict string `json:"verdict"`
		} `json:"change"`
	}
	patient.must(http.MethodPost, base+"/outcomes", m{"instrument": "PHQ4", "answers": m{"phq4_1": 2, "phq4_2": 1, "phq4_3": 1, "phq4_4": 2}}, &outcome)
	if outcome.Score != 6 || outcome.Band != "MODERATE" {
		t.Errorf("PHQ-4: %+v", outcome)
	}
	var list struct {
		Outcomes []m `json:"outcomes"`
		Entries  []m `json:"entries"`
		Notes    []m `json:"notes"`
	}
	physio.must(http.MethodGet, base+"/outcomes?instrument=PHQ4", nil, &list)
	patient.must(http.MethodPost, base+"/diary-entries", m{"pain": 5, "activity": "walked", "tags": []string{"WALKED"}}, nil)
	physio.must(http.MethodGet, base+"/diary-entries", nil, &list)
	var note struct {
		ID   string `json:"note_id"`
		Etag string `json:"etag"`
	}
	physio.must(http.MethodPost, base+"/notes", m{"discipline": "PHYSIOTHERAPY"}, &note)
	physio.must(http.MethodPatch, "/v1/notes/"+note.ID, m{"etag": note.Etag, "subjective": "better", "procedures": []string{"EXERCISE_TEACHING"}}, &note)
	physio.must(http.MethodPost, "/v1/notes/"+note.ID+":sign", m{"etag": note.Etag}, &note)
	physio.must(http.MethodGet, base+"/notes", nil, &list)
	if len(list.Outcomes) != 1 || len(list.Entries) != 1 || len(list.Notes) != 1 {
		t.Errorf("%d outcomes, %d entries, %d notes; want one of each", len(list.Outcomes), len(list.Entries), len(list.Notes))
	}
	for _, path := range []string{"/outcomes", "/diary-entries", "/notes", "/examinations", "/home-programmes"} {
		if status := desk.status(http.MethodGet, base+path); status != http.StatusForbidden {
			t.Errorf("reception asks for %s and gets %d", path, status)
		}
	}
	for _, path := range []string{"/notes", "/examinations"} {
		if status := patient.status(http.MethodGet, base+path); status != http.StatusForbidden {
			t.Errorf("a patient asks for %s and gets %d", path, status)
		}
	}
}

// status is how a request ends.
func (c *client) status(method, path string) int {
	c.t.Helper()
	err := c.call(c.t.Context(), method, path, nil, nil)
	var p *problem
	switch {
	case err == nil:
		return http.StatusOK
	case errors.As(err, &p):
		return p.Status
	}
	c.t.Fatalf("%s %s: %v", method, path, err)
	return 0
}
