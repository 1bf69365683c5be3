package main

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// reader looks at pages in a browser, without JavaScript on a narrow screen.
type reader struct {
	t    *testing.T
	ctx  context.Context
	body string
}

// look opens a page, checks how it is made, and reads it.
func (r *reader) look(what, path string) {
	r.t.Helper()
	do(r.t, r.ctx, what, chromedp.Navigate(path), chromedp.WaitVisible("h1", chromedp.ByQuery))
	r.read(what)
}

// read checks and reads the page that is open.
func (r *reader) read(what string) {
	r.t.Helper()
	var wrong []string
	do(r.t, r.ctx, what, chromedp.Evaluate(structure, &wrong), chromedp.Text("body", &r.body, chromedp.ByQuery))
	if len(wrong) > 0 {
		r.t.Errorf("%s: %v", what, wrong)
	}
}

// press fills nothing in: it presses a button and reads the page that follows.
func (r *reader) press(what, button, wait string) {
	r.t.Helper()
	do(r.t, r.ctx, what, follow(chromedp.Click(button, chromedp.ByQuery)), chromedp.WaitVisible(wait, chromedp.ByQuery))
	r.read(what)
}

// says looks for words on the page.
func (r *reader) says(what string, words ...string) {
	r.t.Helper()
	for _, word := range words {
		if !strings.Contains(r.body, word) {
			r.t.Errorf("%s does not say %q:\n%s", what, word, r.body)
		}
	}
}

const done = `.box.good[role="status"]`

// careNotes: a note is begun, saved, signed and added to, and the next one begins with its words.
func careNotes(t *testing.T, s *stack, h *house) {
	id := h.patient("Note")
	patient := s.base + "/staff/patients/" + id
	h.plan(h.physio, id, "physiotherapy")
	r := &reader{t: t, ctx: browse(t, false, 360, 740)}
	do(t, r.ctx, "sign in", signInPage(s.base, account{Email: strings.ToLower("CLINICIAN" + h.physicianID + "@test.clinic"), Password: "seven-grey-herons-at-noon"}))
	r.look("the patient's page", patient)
	r.says("the patient's page", "Session notes", "No notes yet.", "Write a note")
	r.look("a new note", patient+"/notes/new")
	r.says("a new note", "Physiotherapy, under the plan")
	r.press("begin it", `main form button`, `form[action$="/save"]`)
	do(t, r.ctx, "write", chromedp.SendKeys("#subjective", "slept through", chromedp.ByQuery), chromedp.SendKeys("#objective", "rotation 30 degrees", chromedp.ByQuery),
		chromedp.Click(`input[value="EXERCISE_TEACHING"]`, chromedp.ByQuery), chromedp.SetValue("#pressure_tolerance", "8", chromedp.ByQuery))
	r.press("save it", `main form button:not([formaction], [name])`, done)
	var draft string
	do(t, r.ctx, "where", chromedp.Location(&draft))
	draft, _, _ = strings.Cut(draft, "?")
	noteID := draft[strings.LastIndexByte(draft, '/')+1:]
	if err := h.physio.call(t.Context(), http.MethodGet, "/v1/notes/"+noteID, nil, nil); err == nil {
		t.Error("a colleague reads a draft")
	}
	// Another window saves in between: what is typed is not lost, and not written over unseen.
	do(t, r.ctx, "type", chromedp.SendKeys("#assessment", "mechanical", chromedp.ByQuery))
	var saved struct {
		Etag string `json:"etag"`
	}
	h.physician.must(http.MethodGet, "/v1/notes/"+noteID, nil, &saved)
	h.physician.must(http.MethodPatch, "/v1/notes/"+noteID, m{"etag": saved.Etag, "subjective": "slept badly", "objective": "rotation 30 degrees"}, nil)
	r.press("sign too late", `button[formaction]`, `.errors`)
	r.says("too late", "Somebody changed this", "What is saved now", "slept badly")
	var typed string
	do(t, r.ctx, "what was typed", chromedp.Value("#assessment", &typed, chromedp.ByQuery))
	if typed != "mechanical" {
		t.Errorf("what was typed is lost: %q", typed)
	}
	r.press("sign it", `button[formaction]`, done)
	r.says("signed", "The note is signed.", "slept through", "mechanical", "Teaching of exercises")
	r.look("the note", draft)
	r.press("add nothing", `form[action$="/addendum"] button`, `.errors`)
	r.says("nothing added", "Write what is to be added.")
	do(t, r.ctx, "addendum", chromedp.SendKeys("#text", "the left side, not the right", chromedp.ByQuery))
	r.press("add", `form[action$="/addendum"] button`, done)
	r.says("added", "the left side, not the right", "slept through", "Addendum")
	r.look("the next note", patient+"/notes/new")
	r.press("begin the next", `main form button`, `form[action$="/save"]`)
	r.says("the next note", "The words are those of the last signed note.", "Begin more lightly.")
	do(t, r.ctx, "carried", chromedp.Value("#assessment", &typed, chromedp.ByQuery))
	if typed != "mechanical" {
		t.Errorf("the next note begins with %q", typed)
	}
	// To look at something else is one press that keeps what was typed.
	do(t, r.ctx, "type", chromedp.SendKeys("#subjective", " and again", chromedp.ByQuery))
	r.press("look at the patient's page", `button[name="then"]`, `#notes`)
	r.says("the patient's page", "The draft is saved.", "Go on writing", "the left side, not the right")
	r.press("go on", `#notes ~ ul a.button`, `form[action$="/save"]`)
	do(t, r.ctx, "kept", chromedp.Value("#subjective", &typed, chromedp.ByQuery))
	if !strings.Contains(typed, "and again") || !strings.Contains(typed, "slept through") {
		t.Errorf("what was typed is lost: %q", typed)
	}
	r.look("all notes", patient+"/notes")
	r.says("all notes", "slept through", "Go on writing")
}

// careProgramme: what fits is suggested, what must not be is left out, and strengthening waits.
func careProgramme(t *testing.T, s *stack, h *house) {
	id := h.patient("Programme")
	patient := s.base + "/staff/patients/" + id
	submitIntake(t, h.physio, id, m{"cold_intolerance": "yes"})
	s.quiet()
	h.plan(h.physio, id, "physiotherapy")
	r := &reader{t: t, ctx: browse(t, false, 360, 740)}
	do(t, r.ctx, "sign in", signInPage(s.base, account{Email: strings.ToLower("CLINICIAN" + h.physioID + "@test.clinic"), Password: "seven-grey-herons-at-noon"}))
	r.look("the patient's page", patient)
	r.says("the patient's page", "Home programme", "No programme in force.")
	r.look("the form", patient+"/programmes/new")
	r.says("the form", "Swimming", "test the water with your elbow", "Physiotherapy, ")
	do(t, r.ctx, "swelling", chromedp.Click(`input[value="SWELLING"]`, chromedp.ByQuery))
	do(t, r.ctx, "since when", chromedp.SetValue("#duration", "lt48h", chromedp.ByQuery))
	r.press("suggest again", `button[name="again"]`, `input[value="BATH"]:checked`)
	r.says("suggested", "Left out, with the rules against it", "Ice X-ICE-1")
	do(t, r.ctx, "swimming", chromedp.Click(`input[value="SWIMMING"]`, chromedp.ByQuery))
	r.press("issue it", `main form button:not([name])`, `.errors`)
	r.says("too early", "Strengthening waits until you say that the injury is resolved.")
	do(t, r.ctx, "resolved", chromedp.Click(`input[name="injury_resolved"]`, chromedp.ByQuery))
	r.press("issue it", `main form button:not([name])`, done)
	r.says("issued", "Walk and move gently", "Swimming", "injury resolved", "Do not stay longer than 30 minutes", "hold 30 seconds")
	r.look("another", patient+"/programmes/new")
	r.press("replace it", `main form button:not([name])`, done)
	var list struct {
		Programmes []struct {
			State string `json:"state"`
		} `json:"programmes"`
	}
	h.physio.must(http.MethodGet, "/v1/patients/"+id+"/home-programmes", nil, &list)
	if len(list.Programmes) != 2 || list.Programmes[0].State != "ACTIVE" || list.Programmes[1].State != "ENDED" {
		t.Errorf("one programme replaces the other: %+v", list)
	}
	// By mouse.
	do(t, r.ctx, "open", chromedp.Click(`//summary[contains(., "End the programme")]`, chromedp.BySearch))
	do(t, r.ctx, "end it", chromedp.WaitVisible(`form[action$="/end"] button`, chromedp.ByQuery), follow(chromedp.Click(`form[action$="/end"] button`, chromedp.ByQuery)), chromedp.WaitVisible(done, chromedp.ByQuery))
	r.read("ended")
	r.says("ended", "No programme in force.")
}

// careOutcomes: measures are entered on pages, with the change that matters.
func careOutcomes(t *testing.T, s *stack, h *house) {
	id := h.patient("Outcome")
	patient := s.base + "/staff/patients/" + id
	h.physio.must(http.MethodPost, "/v1/patients/"+id+"/outcomes", m{"instrument": "NPRS", "score": 7}, nil)
	r := &reader{t: t, ctx: browse(t, false, 360, 740)}
	do(t, r.ctx, "sign in", signInPage(s.base, account{Email: strings.ToLower("CLINICIAN" + h.physioID + "@test.clinic"), Password: "seven-grey-herons-at-noon"}))
	r.look("the patient's page", patient)
	r.says("the patient's page", "Record a measure", "Oswestry Disability Index")
	r.look("pain", patient+"/outcomes/new?instrument=NPRS")
	r.says("pain", "A change of 2 points or 30 % matters to patients.", "How strong was your pain")
	do(t, r.ctx, "three", chromedp.Click(`input[name="item_pain"][value="3"]`, chromedp.ByQuery))
	r.press("record it", `main form button`, done)
	r.says("recorded", "better", "Improved by 4 points from 7")
	r.look("PHQ-4", patient+"/outcomes/new?instrument=PHQ4")
	r.press("without answers", `main form button`, `.errors`)
	r.says("without answers", "Choose an answer.", "No permission required")
	do(t, r.ctx, "answer", chromedp.Click(`input[name="item_phq4_1"][value="3"]`, chromedp.ByQuery), chromedp.Click(`input[name="item_phq4_2"][value="1"]`, chromedp.ByQuery),
		chromedp.Click(`input[name="item_phq4_3"][value="0"]`, chromedp.ByQuery), chromedp.Click(`input[name="item_phq4_4"][value="1"]`, chromedp.ByQuery))
	r.press("record it", `main form button`, done)
	r.says("recorded", "PHQ-4", "mild", "anxiety")
	r.look("a score", patient+"/outcomes/new?instrument=ODI")
	do(t, r.ctx, "too much", chromedp.SendKeys("#score", "101", chromedp.ByQuery))
	r.press("record it", `main form button`, `.errors`)
	r.says("too much", "A number from 0 to 100.", "Its wording is not here.")
	r.look("activities", patient+"/outcomes/new?instrument=NAMED_ACTIVITY")
	do(t, r.ctx, "name one", chromedp.SendKeys("#activity_1", "lift my child", chromedp.ByQuery), chromedp.SetValue("#activity_score_1", "4", chromedp.ByQuery))
	r.press("record it", `main form button`, done)
	r.says("recorded", "lift my child: 4")
	var named string
	r.look("activities again", patient+"/outcomes/new?instrument=NAMED_ACTIVITY")
	do(t, r.ctx, "the activity of the last time", chromedp.Value("#activity_1", &named, chromedp.ByQuery))
	if named != "lift my child" {
		t.Errorf("the form does not remember the activity: %q", named)
	}
}
