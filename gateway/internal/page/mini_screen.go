package page

import (
	"log/slog"
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
		PatientId: patient, Answers: answers, LanguageCode: c.cat.Lang, RequestId: c.requestID(),
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
	// Moving is true when a visit was to be moved: it stays as it is.
	Moving bool
	// Staff is true for the front desk, which tells the caller; Yes is then what the caller
	// said yes to, and Advice what to tell.
	Staff  bool
	Yes    []string
	Advice *intakev1.Advice
}

// callerScreen are the six questions before a booking or a move; Screen is nil when the form
// asks none. Patients must answer them; the front desk may for a caller, or says why nobody
// was asked: NotAsked is nil for patients.
type callerScreen struct{ Screen, NotAsked *Field }

// askScreen are the six questions for whoever books.
func (c *call) askScreen(b *bookable, w *wrongs) (s callerScreen, err error) {
	items, err := c.miniScreenItems()
	if err != nil || len(items) == 0 {
		return s, err
	}
	if !b.Staff {
		s.Screen = c.miniScreen(w, items, "mini_screen.ask")
		return s, nil
	}
	s.Screen, s.NotAsked = c.miniScreen(w, items, "mini_screen.ask_caller"), c.notAsked(w)
	return s, nil
}

// screened asks the answers before a booking or a move: a patient's always, a caller's when
// the front desk has ticked any. It reports true when it has answered itself: with the
// questions again, or with what to do instead.
func (c *call) screened(b *bookable, start time.Time, practitioner string) (bool, error) {
	items, err := c.miniScreenItems()
	if err != nil {
		return true, err
	}
	if len(items) == 0 { // a form of the clinic's own, approved before it had to ask again
		return false, nil
	}
	if b.Staff && len(c.forms("mini_screen")) == 0 {
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
	d := miniScreenStop{Moving: b.Moving != nil}
	if !b.Staff {
		return true, c.showStop(b.clinic, d, got.GetLevel())
	}
	d.Staff, d.Advice = true, got.GetAdvice()
	for _, m := range items {
		if answers[m.GetId()] {
			d.Yes = append(d.Yes, c.miniScreenText(m))
		}
	}
	return true, c.showStoppedCaller(b, d, got.GetLevel())
}

// whyNotAsked are the reasons for which the front desk leaves the questions out, the usual
// one first.
var whyNotAsked = []string{"NOT_ASKED_YET", "CALLER_NOT_PATIENT", "PATIENT_DECLINED", "SEEN_BY_CLINICIAN"}

// notAsked is the question why the caller was not asked.
func (c *call) notAsked(w *wrongs) *Field {
	f := c.input(w, "select", "not_asked", "mini_screen.not_asked")
	for _, code := range whyNotAsked {
		f.Options = append(f.Options, Option{Value: code, Label: say(c.cat, "not_asked", code)})
	}
	return &f
}

// noteNotAsked keeps why a caller was not asked, once the visit is booked. The visit stands
// even if that cannot be kept: the questions are asked again before it.
func (c *call) noteNotAsked(b *bookable) {
	why := c.form("not_asked")
	if !b.Staff || why == "" || len(c.forms("mini_screen")) > 0 {
		return
	}
	_, err := c.clients.triage.RecordMiniScreen(c.ctx(), &intakev1.RecordMiniScreenRequest{
		PatientId: b.Wish.Patient, NotAskedBecause: why, RequestId: c.requestID(),
	})
	if err != nil {
		c.cfg.Log.WarnContext(c.ctx(), "why a caller was not asked is not kept", slog.Any("error", err))
	}
}

// showStoppedCaller says to the front desk what to tell a caller whose answers stop a booking.
func (c *call) showStoppedCaller(b *bookable, d miniScreenStop, level string) error {
	d.Numbers = miniScreenNumbers(b.clinic, level)
	d.Urgent = level == "EMERGENCY_NOW" || level == "URGENT_SAME_DAY"
	title := "mini_screen.staff_title"
	if d.Moving {
		title = "mini_screen.staff_title_move"
	}
	v := c.view(c.cat.T(title), d)
	v.Back = "/staff/patients/" + b.Wish.Patient
	return c.show("mini_screen_stop", v)
}

// showStopped says what to do instead of booking. It is the answer to the form itself: an
// address would tell whoever reads it how the patient is.
func (c *call) showStopped(clinic *directoryv1.Clinic, level string) error {
	return c.showStop(clinic, miniScreenStop{}, level)
}

// showStop is showStopped for what was to happen.
func (c *call) showStop(clinic *directoryv1.Clinic, d miniScreenStop, level string) error {
	d.Numbers, d.Urgent = miniScreenNumbers(clinic, level), level == "EMERGENCY_NOW" || level == "URGENT_SAME_DAY"
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
