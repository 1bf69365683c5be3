package page

import (
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// noneOfThese is the explicit answer that nothing of a list applies: an unticked box is not
// a no.
const noneOfThese = "none"

// miniScreenItems are the questions that are asked again before a booking and before a
// visit, of the form that is in force at the clinic.
func (c *call) miniScreenItems() ([]*intakev1.MiniScreenItem, error) {
	got, err := c.clients.questionnaires.ListQuestionnaires(c.ctx(), &intakev1.ListQuestionnairesRequest{LanguageCode: c.cat.Lang})
	if err != nil {
		return nil, err
	}
	if len(got.GetQuestionnaires()) == 0 {
		return nil, fault.NotFoundf("questionnaire")
	}
	return got.GetQuestionnaires()[0].GetMiniScreen(), nil
}

// miniScreenText is a question in the words of the page's language; the form's own when it
// asks something that the pages do not know.
func (c *call) miniScreenText(m *intakev1.MiniScreenItem) string {
	return c.cat.Or("mini_screen_item."+m.GetId(), m.GetText())
}

// miniScreen is the questions as one list.
func (c *call) miniScreen(w *wrongs, items []*intakev1.MiniScreenItem, ask string) *Field {
	f := c.input(w, "checks", "mini_screen", ask)
	for _, m := range items {
		f.Options = append(f.Options, Option{Value: m.GetId(), Label: c.miniScreenText(m)})
	}
	f.Options = append(f.Options, Option{Value: noneOfThese, Label: c.cat.T("mini_screen.none")})
	return &f
}

// miniScreenAnswers reads the answers, and notes when they say nothing or contradict
// themselves.
func (c *call) miniScreenAnswers(w *wrongs, items []*intakev1.MiniScreenItem) map[string]bool {
	ticked := c.forms("mini_screen")
	none := slices.Contains(ticked, noneOfThese)
	answers, yes := map[string]bool{}, 0
	for _, m := range items {
		answers[m.GetId()] = slices.Contains(ticked, m.GetId())
		if answers[m.GetId()] {
			yes++
		}
	}
	given := yes
	if none {
		given++
	}
	switch {
	case none && yes > 0:
		w.field("mini_screen", c.cat.T("mini_screen.both"))
	case given == 0, given < len(ticked): // the latter ticks a question that has gone meanwhile
		w.field("mini_screen", c.cat.T("mini_screen.need"))
	}
	return answers
}

// recordMiniScreen tells intake the answers. The same form sent twice is recorded once.
func (c *call) recordMiniScreen(patient string, answers map[string]bool) (*intakev1.RecordMiniScreenResponse, error) {
	return c.clients.triage.RecordMiniScreen(c.ctx(), &intakev1.RecordMiniScreenRequest{
		PatientId: patient, Answers: answers, RequestId: c.requestID(),
	})
}

// miniScreenNumbers are whom to call for a level; none when it can wait for a clinician.
func miniScreenNumbers(clinic *directoryv1.Clinic, level string) []*directoryv1.EmergencyNumber {
	switch level {
	case "EMERGENCY_NOW":
		return numbers(clinic, "EMERGENCY")
	case "URGENT_SAME_DAY":
		return numbers(clinic, "OUT_OF_HOURS", "EMERGENCY")
	}
	return nil
}

// miniScreenStop is what a patient is told whose answers stop a booking. It shows no answer.
type miniScreenStop struct {
	Urgent  bool
	Text    string
	Numbers []*directoryv1.EmergencyNumber
}

// asksPatient reports whether the six questions are part of it: a patient answers them with
// every booking. Moving a visit asks nothing, since the front desk asks again before it.
func (b *bookable) asksPatient() bool { return !b.Staff && b.Moving == nil }

// screened asks a patient's answers before a booking. It reports true when it has answered
// itself: with the questions again, or with what to do instead of booking.
func (c *call) screened(b *bookable, start time.Time, practitioner string) (bool, error) {
	items, err := c.miniScreenItems()
	if err != nil {
		return true, err
	}
	if len(items) == 0 { // a form of the clinic's own that asks nothing again
		return false, nil
	}
	w := c.wrongs()
	answers := c.miniScreenAnswers(w, items)
	if w.any() {
		return true, c.showConfirm(b, start, practitioner, c.sentHold(), nil, w)
	}
	got, err := c.recordMiniScreen(b.Wish.Patient, answers)
	if err != nil {
		return true, err
	}
	if got.GetClear() {
		return false, nil
	}
	if hold := c.form("hold"); hold != "" { // somebody else may have the time; else it runs out by itself
		_, _ = c.clients.holds.DeleteHold(c.ctx(), &bookingv1.DeleteHoldRequest{RequestId: c.requestID(), HoldId: hold})
	}
	return true, c.showStopped(b.clinic, got.GetLevel())
}

// showStopped says what to do instead of booking. It is the answer to the form itself: an
// address would tell whoever reads it how the patient is.
func (c *call) showStopped(clinic *directoryv1.Clinic, level string) error {
	list := miniScreenNumbers(clinic, level)
	d := miniScreenStop{Numbers: list, Urgent: level == "EMERGENCY_NOW" || level == "URGENT_SAME_DAY"}
	title := "mini_screen.title_stop"
	switch level {
	case "EMERGENCY_NOW":
		title, d.Text = "stop.title", c.cat.T("mini_screen.emergency")
	case "URGENT_SAME_DAY":
		title, d.Text = "stop.title", c.cat.T("mini_screen.urgent")
	default:
		d.Text = c.cat.T("mini_screen.look")
	}
	v := c.view(c.cat.T(title), d)
	if c.grant == nil {
		v.Back = "/me"
	}
	return c.show("mini_screen_stop", v)
}

// sentHold is the hold that a form carries, to show the form again; nil without one.
func (c *call) sentHold() *bookingv1.Hold {
	if c.form("hold") == "" {
		return nil
	}
	h := &bookingv1.Hold{HoldId: c.form("hold"), OwnerToken: c.form("owner")}
	if until, err := time.Parse(time.RFC3339, c.form("held_until")); err == nil {
		h.ExpireTime = timestamppb.New(until)
	}
	return h
}
