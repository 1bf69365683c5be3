package plans_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/plans"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// answerOf is a patient who is better and has noticed nothing.
func answerOf(i *plansv1.Injection, code string) *plansv1.AnswerInjectionCheckInRequest {
	return &plansv1.AnswerInjectionCheckInRequest{
		PatientId: i.GetPatientId(), InjectionId: i.GetInjectionId(), Code: code, Pain: proto.Int32(2), Course: "BETTER",
	}
}

// states are an injection's check-ins by code.
func states(i *plansv1.Injection) map[string]string {
	out := map[string]string{}
	for _, f := range i.GetFollowUps() {
		out[f.GetCode()] = f.GetState()
	}
	return out
}

func (w *world) waitingMessages() int {
	return w.rows(`SELECT count(*) FROM outgoing WHERE kind = 'INJECTION_CHECK_IN' AND state = 'WAITING'`)
}

// A check-in goes from scheduled to due, overdue and answered; its message waits until then.
func TestCheckIns(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		made := w.recorded(complete(patient, "2027-01-04"))
		if n := w.waitingMessages(); n != 6 {
			t.Errorf("%d messages wait, want 6", n)
		}
		_, err := w.injections.AnswerInjectionCheckIn(w.patient(), answerOf(made, "HOURS_24"))
		refused(t, err, "CHECK_IN_NOT_DUE")

		w.clock.Set(time.Date(2027, 1, 6, 12, 0, 0, 0, time.UTC))
		list, err := w.injections.ListInjectionCheckIns(w.reception(), &plansv1.ListInjectionCheckInsRequest{State: "OVERDUE"})
		if err != nil || len(list.GetCheckIns()) != 1 || list.GetCheckIns()[0].GetCheckIn().GetCode() != "HOURS_24" || list.GetCheckIns()[0].GetPatientId() != patient {
			t.Fatalf("overdue %v, %v", list, err)
		}
		worse := answerOf(made, "HOURS_24")
		worse.Course, worse.Pain, worse.RequestId = "WORSE", proto.Int32(9), "a"
		for range 2 { // the second is a retry
			got, err := w.injections.AnswerInjectionCheckIn(w.patient(), worse)
			if err != nil || got.GetAdvice() != "WAIT" || got.GetInjection().GetNote() != "" {
				t.Fatalf("F127 day 2, worse: %v, %v", got, err)
			}
		}
		if open := w.open(patient); len(open) != 0 {
			t.Errorf("F126, F127: issues %v", open)
		}
		worse.RequestId = "b"
		_, err = w.injections.AnswerInjectionCheckIn(w.patient(), worse)
		refused(t, err, "CHECK_IN_ANSWERED")
		if n := w.waitingMessages(); n != 5 {
			t.Errorf("%d messages wait, want 5", n)
		}

		w.clock.Set(time.Date(2027, 1, 8, 12, 0, 0, 0, time.UTC))
		late := answerOf(made, "HOURS_72")
		late.Course, late.Signs = "WORSE", []string{"FEVER"}
		got, err := w.injections.AnswerInjectionCheckIn(w.physio(), late)
		if err != nil || got.GetAdvice() != "SAME_DAY" {
			t.Fatalf("F127 day 4: %v, %v", got, err)
		}
		open := w.open(patient)
		if len(open) != 1 || open[0].GetRule() != "INJECTION_CHECK_IN" || open[0].GetSeverity() != "HIGH" {
			t.Fatalf("issues %v", open)
		}
		if diff := cmp.Diff([]string{"FEVER", "WORSE_AFTER_DAY_3"}, open[0].GetCodes()); diff != "" {
			t.Errorf("codes (-want +got)\n%s", diff)
		}
		want := map[string]string{
			"HOURS_24": "ANSWERED", "HOURS_72": "ANSWERED", "DAY_3": "SKIPPED", "WEEKS_2": "SCHEDULED", "WEEKS_6": "SCHEDULED", "WEEKS_12": "SCHEDULED",
		}
		if diff := cmp.Diff(want, states(got.GetInjection())); diff != "" {
			t.Errorf("states (-want +got)\n%s", diff)
		}
	})
}

// A check-in that is due is listed as due, and page by page.
func TestCheckInWorkList(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		for _, id := range []string{"pat_one", "pat_two", "pat_three"} {
			w.recorded(complete(id, "2027-01-04"))
		}
		w.clock.Set(time.Date(2027, 1, 5, 9, 0, 0, 0, time.UTC))
		seen := map[string]bool{}
		token := ""
		for range 3 {
			got, err := w.injections.ListInjectionCheckIns(w.physio(), &plansv1.ListInjectionCheckInsRequest{PageSize: 1, PageToken: token})
			if err != nil || len(got.GetCheckIns()) != 1 || got.GetCheckIns()[0].GetCheckIn().GetState() != "DUE" {
				t.Fatalf("%v, %v", got, err)
			}
			seen[got.GetCheckIns()[0].GetPatientId()] = true
			token = got.GetNextPageToken()
		}
		if len(seen) != 3 || token != "" {
			t.Errorf("pages have %v, then %q", seen, token)
		}
		_, err := w.injections.ListInjectionCheckIns(w.physio(), &plansv1.ListInjectionCheckInsRequest{PageToken: "x"})
		refused(t, err, "INVALID_ARGUMENT")
	})
}

// A record that is struck out asks nobody; taken back, it asks again. A late record skips
// what is over. Neither asks about an injection elsewhere.
func TestCheckInsFollowTheRecord(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		made := w.recorded(complete(patient, "2027-01-04"))
		amend := func(action string, i *plansv1.Injection) *plansv1.Injection {
			got, err := w.injections.AmendInjection(w.physician(), &plansv1.AmendInjectionRequest{
				PatientId: patient, InjectionId: i.GetInjectionId(), Etag: i.GetEtag(), Action: action, Reason: "typed twice",
			})
			if err != nil {
				t.Fatal(err)
			}
			return got.GetInjection()
		}
		struck := amend("MARK_ENTERED_IN_ERROR", made)
		if states(struck)["WEEKS_2"] != "CANCELLED" || w.waitingMessages() != 0 {
			t.Errorf("struck out: %v, %d messages", states(struck), w.waitingMessages())
		}
		w.clock.Set(time.Date(2027, 1, 5, 12, 0, 0, 0, time.UTC))
		_, err := w.injections.AnswerInjectionCheckIn(w.patient(), answerOf(made, "HOURS_24"))
		refused(t, err, "CHECK_IN_CANCELLED")
		if back := amend("RESTORE", struck); states(back)["WEEKS_2"] != "SCHEDULED" || w.waitingMessages() != 6 {
			t.Errorf("restored: %v, %d messages", states(back), w.waitingMessages())
		}
		late := w.recorded(complete(patient, "2026-12-20"))
		if got := states(late); got["DAY_3"] != "SKIPPED" || got["WEEKS_6"] != "SCHEDULED" {
			t.Errorf("recorded late: %v", got)
		}
		if other := w.external(patient, "2027-01-03"); len(other.GetFollowUps()) != 0 {
			t.Errorf("elsewhere: %v", other.GetFollowUps())
		}
	})
}

// The check-in at 24 hours is 24 hours after the needle where the start is known.
func TestCheckInTimes(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		p := w.active(patient, "facet_joint_injection")
		r := claimOf(p, session(1, "2027-01-04"))
		w.granted(p, r.GetSessions()[0])
		w.booking.book(fact(r, r.GetSessions()[0]))
		w.heard(w.booking.producer)
		with := complete(patient, "2027-01-04")
		with.AppointmentId = "apt_1"
		made := w.recorded(with)
		want := r.GetSessions()[0].GetStartTime().AsTime().Add(24 * time.Hour)
		if got := made.GetFollowUps()[0].GetDueTime().AsTime(); !got.Equal(want) {
			t.Errorf("due %v, want %v", got, want)
		}
	})
}

// F124, F129: relief is computed from the scores; day 0 is the anaesthetic's.
func TestReliefThroughTheService(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		q := complete(patient, "2027-01-04")
		q.PainBefore, q.PainAfter = proto.Int32(8), proto.Int32(2)
		made := w.recorded(q)
		answer := func(at time.Time, code string, pain int32) {
			w.clock.Set(at)
			r := answerOf(made, code)
			r.Pain = proto.Int32(pain)
			if _, err := w.injections.AnswerInjectionCheckIn(w.patient(), r); err != nil {
				t.Fatal(err)
			}
		}
		answer(time.Date(2027, 1, 5, 12, 0, 0, 0, time.UTC), "HOURS_24", 7)
		answer(time.Date(2027, 1, 8, 12, 0, 0, 0, time.UTC), "DAY_3", 3)
		got, err := w.injections.GetInjectionRelief(w.patient(), &plansv1.GetInjectionReliefRequest{PatientId: patient, InjectionId: made.GetInjectionId()})
		want := &plansv1.GetInjectionReliefResponse{
			PainBefore: proto.Int32(8), ReliefDays: 1, FirstReliefDate: "2027-01-08", FirstReliefDay: 4, LastReliefDate: "2027-01-08",
			Ongoing: true, AnaestheticRelief: true, RecordedDays: 2,
		}
		if err != nil || !proto.Equal(got, want) {
			t.Errorf("%v, %v", got, err)
		}
		elsewhere := w.recorded(&plansv1.RecordInjectionRequest{PatientId: patient, Month: "2026-05", Source: "EXTERNAL_PATIENT_REPORTED"})
		_, err = w.injections.GetInjectionRelief(w.physio(), &plansv1.GetInjectionReliefRequest{PatientId: patient, InjectionId: elsewhere.GetInjectionId()})
		refused(t, err, "NOT_GIVEN")
	})
}

// The complete record: what is missing is named, the consent is explained, an expired vial
// is an issue.
func TestTheCompleteRecord(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		bare := w.recorded(complete(patient, "2027-01-04"))
		if len(bare.GetMissing()) == 0 {
			t.Error("nothing is missing in a bare record")
		}
		whole := complete(patient, "2026-10-01")
		whole.ConsentVersion, whole.PainBefore, whole.PainAfter = "facet-joint-injection-1", proto.Int32(8), proto.Int32(3)
		whole.Drugs = []*plansv1.InjectedDrug{
			{Drug: "lidocaine 1 %", DoseMg: 10, Lot: "L1", ExpireDate: "2027-06-30"},
			{Drug: "methylprednisolone acetate", DoseMg: 40, Lot: "M1", ExpireDate: "2026-09-30"},
		}
		made := w.recorded(whole)
		if diff := cmp.Diff([]string{"INFECTION", "BLEEDING", "MUSCLE_ATROPHY", "NERVE_INJURY"}, made.GetConsentComplications()); diff != "" || len(made.GetMissing()) != 0 {
			t.Errorf("missing %v, complications (-want +got)\n%s", made.GetMissing(), diff)
		}
		if open := w.open(patient); len(open) != 1 || open[0].GetRule() != "DRUG_EXPIRED" {
			t.Errorf("issues %v", open)
		}
		mine, err := w.injections.ListInjections(w.patient(), &plansv1.ListInjectionsRequest{PatientId: patient})
		if err != nil || len(mine.GetInjections()[0].GetMissing()) != 0 {
			t.Errorf("the patient sees %v, %v", mine, err)
		}
		texts, err := w.injections.ListInjectionConsents(w.patient(), &plansv1.ListInjectionConsentsRequest{})
		if err != nil || len(texts.GetConsents()) != 1 || len(texts.GetConsents()[0].GetComplications()) != 4 || len(texts.GetSigns()) == 0 {
			t.Errorf("%v, %v", texts, err)
		}
	})
}

// Each field of an answer wrong in turn.
func TestBadCheckInAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqldb.SQLite, start, plans.Config{})
	w.run()
	made := w.recorded(complete(patient, "2027-01-04"))
	w.clock.Set(time.Date(2027, 1, 5, 12, 0, 0, 0, time.UTC))
	for name, c := range map[string]struct {
		change func(*plansv1.AnswerInjectionCheckInRequest)
		field  string
	}{
		"no pain":      {func(r *plansv1.AnswerInjectionCheckInRequest) { r.Pain = nil }, "pain"},
		"too much":     {func(r *plansv1.AnswerInjectionCheckInRequest) { r.Pain = proto.Int32(11) }, "pain"},
		"no course":    {func(r *plansv1.AnswerInjectionCheckInRequest) { r.Course = "" }, "course"},
		"sign":         {func(r *plansv1.AnswerInjectionCheckInRequest) { r.Signs = []string{"GHOST"} }, "signs"},
		"empty sign":   {func(r *plansv1.AnswerInjectionCheckInRequest) { r.Signs = []string{""} }, "signs[0]"},
		"code":         {func(r *plansv1.AnswerInjectionCheckInRequest) { r.Code = "soon" }, "code"},
		"no patient":   {func(r *plansv1.AnswerInjectionCheckInRequest) { r.PatientId = "" }, "patient_id"},
		"no injection": {func(r *plansv1.AnswerInjectionCheckInRequest) { r.InjectionId = "" }, "injection_id"},
	} {
		r := answerOf(made, "HOURS_24")
		c.change(r)
		_, err := w.injections.AnswerInjectionCheckIn(w.patient(), r)
		if f := refused(t, err, "INVALID_ARGUMENT"); f.Fields[0].Field != c.field {
			t.Errorf("%s: fields %v, want %s", name, f.Fields, c.field)
		}
	}
	for name, change := range map[string]func(*plansv1.AnswerInjectionCheckInRequest){
		"another patient's injection": func(r *plansv1.AnswerInjectionCheckInRequest) { r.PatientId = "pat_other" },
		"no such injection":           func(r *plansv1.AnswerInjectionCheckInRequest) { r.InjectionId = "inj_missing" },
		"no such check-in":            func(r *plansv1.AnswerInjectionCheckInRequest) { r.Code = "DAY_9" },
	} {
		r := answerOf(made, "HOURS_24")
		change(r)
		if _, err := w.injections.AnswerInjectionCheckIn(w.physio(), r); !fault.IsKind(err, fault.NotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
