package gateway_test

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/upright-clinic/upright/services/platform/daemon"
	"github.com/upright-clinic/upright/services/platform/fault"
)

var checks = []daemon.Check{
	{Name: "directory", Required: true, Probe: func(context.Context) error { return nil }},
	{Name: "booking", Required: true, Probe: func(context.Context) error {
		return fault.New(fault.Unavailable, "CATCHING_UP", "reading the log")
	}},
	{Name: "nats", Probe: func(context.Context) error { return fault.New(fault.Unavailable, "NOT_CONNECTED", "gone") }},
}

// topic answers one page of the form and returns what comes next.
func (b *browser) topic(page string, pairs ...string) answer {
	b.w.t.Helper()
	path := "/intake/int_1/page/" + page
	return b.post(path, with(b.get(path).hidden(b.w.t, path), pairs...))
}

func TestIntakeFromStartToResult(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser(patient)
	a := b.get("/intake").wants(t, 200, "7 minutes", "Call for help now", "Start")
	b.post("/intake", a.hidden(t, "/intake")).wants(t, 200, "How you are right now", "Step 1 of 4", "None of these", "Chest pain &lt;b&gt;?", "I am not sure about one of these")
	b.topic("now", "none", "1").wants(t, 200, "Injuries", "Were you hurt?").lacks(t, "How many days ago?")
	a = b.topic("injury", "a.trauma", "minor")
	a.wants(t, 200, "Injuries", "How many days ago?", "(optional)")
	b.topic("injury", "a.trauma", "minor", "a.trauma_days", "4").wants(t, 200, "How bad it is", "Worst pain")
	b.topic("bad", "a.nrs", "6", "a.where", "neck").wants(t, 200, "Hard thoughts", "988", "If this is hard to think about")
	b.topic("hard", "a.self_harm", "no").wants(t, 200, "Check your answers", "4 days", "A little", "Neck", "Send the form")
	a = b.get("/intake/int_1/check")
	b.post("/intake/int_1/check", a.hidden(t, "/intake/int_1/check")).wants(t, 200, "Treatment at our clinic suits you", "Keep moving gently", "First visit, 45 minutes", "8 December 2026")
	b.get("/intake/int_1/page/now").wants(t, 200, "Treatment at our clinic suits you")
	want := map[string]any{"chest_pain": "no", "breathing": "no", "trauma": "minor", "trauma_days": 4.0, "nrs": 6.0, "where": []any{"neck"}, "self_harm": "no"}
	got := map[string]any{}
	for id, v := range w.in.intakes["int_1"].GetAnswers() {
		got[id] = v.AsInterface()
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestUntickedIsNoAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser(patient)
	b.post("/intake", url.Values{"patient": {"pat_1"}})
	b.topic("now").wants(t, 422, "Tick what you have, or tick", `href="#tick"`, "Error:")
	b.topic("bad", "a.nrs", "6").wants(t, 422, "Tick what you have", `href="#a.where"`, `value="6" checked`)
	b.topic("bad", "a.nrs", "6", "a.where", "-none-", "a.where", "neck").wants(t, 422, "only when you have none of them")
	b.topic("injury").wants(t, 422, "Choose an answer", `href="#a.trauma"`)
	b.topic("injury", "a.trauma", "made_up").wants(t, 422, "Choose an answer")
	answers := w.in.intakes["int_1"].GetAnswers()
	if answers["nrs"].GetNumberValue() != 6 || answers["where"] != nil || answers["chest_pain"] != nil {
		t.Errorf("stored %v: what was answered is kept, what was not is not made up", answers)
	}
}

func TestNumbersOfTheForm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser(patient)
	b.post("/intake", url.Values{"patient": {"pat_1"}})
	b.topic("injury", "a.trauma", "minor")
	b.topic("injury", "a.trauma", "minor", "a.trauma_days", "many").wants(t, 422, "Enter a whole number from 0 to 36500", `value="many"`)
	b.topic("injury", "a.trauma", "minor", "a.trauma_days", "40000").wants(t, 422, "Enter a whole number")
	b.topic("injury", "a.trauma", "minor", "a.trauma_days", "").wants(t, 200, "How bad it is")
	b.topic("injury", "a.trauma", "minor", "a.trauma_days", "9").wants(t, 200, "How bad it is")
	b.topic("injury", "a.trauma", "minor", "a.trauma_days", "").wants(t, 200, "How bad it is")
	if v := w.in.intakes["int_1"].GetAnswers()["trauma_days"]; v.AsInterface() != nil {
		t.Errorf("an answer that was taken away is still %v", v)
	}
}

func TestEmergencyStopsTheForm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser(patient)
	b.post("/intake", url.Values{"patient": {"pat_1"}})
	a := b.topic("now", "tick", "chest_pain")
	a.wants(t, 200, "Get emergency help now", `href="tel:911"`, "We have told the clinic", "I made a mistake", "/intake/int_1/page/injury")
	if !strings.HasPrefix(b.path, "/intake/int_1/stop") {
		t.Errorf("went to %s", b.path)
	}
	b.get("/intake/int_1/page/injury").wants(t, 200, "Your answers say that you need help now", "911", "Injuries")
	b.topic("injury", "a.trauma", "none").wants(t, 200, "How bad it is")
	b.get("/intake/int_1/page/now").wants(t, 200, `value="chest_pain" checked`)
	b.topic("now", "tick", "chest_pain", "tick", "breathing").wants(t, 200, "Get emergency help now")
	b.topic("now", "none", "1").wants(t, 200, "Injuries").lacks(t, "Your answers say that you need help now")
	b.get("/intake/int_1/stop").wants(t, 200).lacks(t, "Get emergency help now")
}

func TestUnsureIsAskedOneByOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser(patient)
	b.post("/intake", url.Values{"patient": {"pat_1"}})
	a := b.get("/intake/int_1/page/now?list=1").wants(t, 200, "I am not sure", `name="a.chest_pain"`)
	b.post("/intake/int_1/page/now", with(a.hidden(t, "/intake/int_1/page/now"), "a.chest_pain", "unsure", "a.breathing", "no")).wants(t, 200, "Injuries")
	b.get("/intake/int_1/page/now").wants(t, 200, `value="unsure" checked`)
}

func TestChangingAnAnswerReturnsToTheCheck(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser(patient)
	b.post("/intake", url.Values{"patient": {"pat_1"}})
	b.topic("injury", "a.trauma", "none")
	b.get("/intake/int_1/check").wants(t, 200, "still open", "not answered", "Answer what is still open", "/intake/int_1/page/injury?return=check#a.trauma").lacks(t, "Send the form")
	a := b.get("/intake/int_1/page/injury?return=check").wants(t, 200, `name="return" value="check"`)
	b.post("/intake/int_1/page/injury", with(a.hidden(t, "/intake/int_1/page/injury"), "a.trauma", "none")).wants(t, 200, "Check your answers")
	b.post("/intake/int_1/check", nil).wants(t, 200, "Some questions are still open")
	b.get("/intake/int_1").wants(t, 200, "How you are right now")
	b.get("/me").wants(t, 200, "Your form is not finished", "/intake/int_1")
}

func TestSavingForLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser(patient)
	b.post("/intake", url.Values{"patient": {"pat_1"}})
	b.topic("bad", "a.nrs", "6", "later", "1").wants(t, 200, "Your answers are saved.", "Your form is not finished")
	b.topic("bad", "later", "1").wants(t, 200, "Your answers are saved.")
	b.get("/intake/int_1/page/bad").wants(t, 200, `value="6" checked`)
}

// TestTwoDevices answers the same page on a phone and a computer: the second one is shown
// what it sent, and can send it again.
func TestTwoDevices(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	phone, computer := w.browser(patient), w.browser(patient)
	phone.post("/intake", url.Values{"patient": {"pat_1"}})
	old := computer.get("/intake/int_1/page/injury")
	phone.topic("injury", "a.trauma", "minor")
	form := with(old.hidden(t, "/intake/int_1/page/injury"), "a.trauma", "none")
	a := computer.post("/intake/int_1/page/injury", form).wants(t, 412, "Somebody changed this since you opened it", `value="none" checked`)
	computer.post("/intake/int_1/page/injury", with(a.hidden(t, "/intake/int_1/page/injury"), "a.trauma", "none")).wants(t, 200, "How bad it is")
	if got := w.in.intakes["int_1"].GetAnswers()["trauma"].GetStringValue(); got != "none" {
		t.Errorf("stored %s", got)
	}
}

func TestAnothersFormIsNotThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser(patient)
	b.post("/intake", url.Values{"patient": {"pat_2"}}).wants(t, 404)
	b.post("/intake", url.Values{"patient": {"pat_1"}})
	w.in.intakes["int_1"].PatientId = "pat_2"
	for _, part := range []string{"", "/page/now", "/check", "/result", "/stop"} {
		b.get("/intake/int_1"+part).wants(t, 404, "Page not found")
	}
}
