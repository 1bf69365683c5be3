package plans_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

func (w *world) home() plansv1.HomeProgrammeServiceClient {
	return plansv1.NewHomeProgrammeServiceClient(w.served.Conn())
}

// issued issues a programme as a physiotherapist and must succeed.
func (w *world) issued(r *plansv1.CreateHomeProgrammeRequest) *plansv1.HomeProgramme {
	w.t.Helper()
	r.PatientId = patient
	got, err := w.home().CreateHomeProgramme(w.physio(), r)
	if err != nil {
		w.t.Fatalf("CreateHomeProgramme: %v %v", err, fault.From(err).Facts)
	}
	return got.GetProgramme()
}

func itemCodes(p *plansv1.HomeProgramme) string {
	var out []string
	for _, i := range p.GetItems() {
		out = append(out, i.GetSetting().GetCode())
	}
	return strings.Join(out, " ")
}

// F039, F045, F048, F055, F058, F059, ask 12: a programme is issued with a disclaimer, from
// what fits, and the patient reads it.
func TestHomeProgramme(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.intake.say(t, patient, "trigger", "heavy_lifting")
		w.intake.say(t, patient, "duration", "lt48h")
		r := &plansv1.CreateHomeProgrammeRequest{RequestId: "h1"}
		made := w.issued(r)
		if again := w.issued(r); again.GetProgrammeId() != made.GetProgrammeId() {
			t.Error("a retry issued another programme")
		}
		for _, code := range []string{"LIGHT_MOVEMENT", "REST_FROM_TRIGGER", "COLD", "KNEEL_REACH"} {
			if !strings.Contains(itemCodes(made), code) {
				t.Errorf("%s is missing in %s", code, itemCodes(made))
			}
		}
		got, err := w.home().GetHomeProgramme(w.patient(), &plansv1.GetHomeProgrammeRequest{ProgrammeId: made.GetProgrammeId()})
		if err != nil {
			t.Fatal(err)
		}
		p := got.GetProgramme()
		if p.GetDisclaimer().GetVersion() != 1 || p.GetDisclaimer().GetText() == "" || p.GetLibraryVersion() != 1 {
			t.Errorf("F039: %v", p.GetDisclaimer())
		}
		if p.GetCircumstances() != nil {
			t.Error("a patient reads the circumstances")
		}
		for _, i := range p.GetItems() {
			if i.GetItem().GetEvidenceNote() != "" {
				t.Errorf("a patient reads the evidence note of %s", i.GetSetting().GetCode())
			}
			switch i.GetSetting().GetCode() {
			case "REST_FROM_TRIGGER":
				if i.GetSetting().GetEndDate() != "2027-01-07" {
					t.Errorf("F045: rest until %s", i.GetSetting().GetEndDate())
				}
			case "COLD":
				if len(i.GetItem().GetLines()) != 2 || i.GetItem().GetSafety()[0].GetId() != "TOWEL" {
					t.Errorf("F058, F059: %v", i.GetItem())
				}
			}
		}
		for name, c := range map[string]struct {
			item   *plansv1.HomeSetting
			reason string
		}{
			"F048 bed rest":        {&plansv1.HomeSetting{Code: "BED_REST"}, "BED_REST_FORBIDDEN"},
			"F059 no towel":        {&plansv1.HomeSetting{Code: "COLD", Safety: []string{"X"}}, "SAFETY_LINE_REQUIRED"},
			"F061 45 minutes":      {&plansv1.HomeSetting{Code: "BATH", Minutes: 45}, "INVALID_ARGUMENT"},
			"F065 eight a day":     {&plansv1.HomeSetting{Code: "CAT_COW", PerDay: 8}, "INVALID_ARGUMENT"},
			"F155 rowing":          {&plansv1.HomeSetting{Code: "ROWING"}, "INJURY_NOT_RESOLVED"},
			"no such day":          {&plansv1.HomeSetting{Code: "HEAT", EndDate: "2027-02-30"}, "INVALID_ARGUMENT"},
			"no such time":         {&plansv1.HomeSetting{Code: "POSTURE", WorkFrom: "25:00"}, "INVALID_ARGUMENT"},
			"a negative hold":      {&plansv1.HomeSetting{Code: "CAT_COW", HoldSeconds: -1}, "INVALID_ARGUMENT"},
			"an item without name": {&plansv1.HomeSetting{}, "INVALID_ARGUMENT"},
		} {
			_, err := w.home().CreateHomeProgramme(w.physio(), &plansv1.CreateHomeProgrammeRequest{PatientId: patient, Items: []*plansv1.HomeSetting{c.item}})
			if !fault.Is(err, c.reason) {
				t.Errorf("%s: %v, want %s", name, err, c.reason)
			}
		}
		if n := w.rows(`SELECT count(*) FROM home_programmes`); n != 1 {
			t.Errorf("%d programmes, want 1", n)
		}
	})
}

// F053: what a patient has answered keeps items out, and says by which rule.
func TestF053HomeSuggestionsAndContraindications(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.intake.say(t, patient, "cold_intolerance", "yes")
		got, err := w.home().GetHomeSuggestion(w.physio(), &plansv1.GetHomeSuggestionRequest{
			PatientId: patient, Circumstances: &plansv1.HomeCircumstances{Duration: "lt48h", Swelling: true},
		})
		if err != nil {
			t.Fatal(err)
		}
		left := map[string]string{}
		for _, x := range got.GetLeftOut() {
			left[x.GetCode()] = strings.Join(x.GetRules(), ",")
		}
		if left["COLD"] != "X-ICE-1" || left["COLD_AFTER_BATH"] != "X-ICE-1" {
			t.Errorf("left out %v", left)
		}
		_, err = w.home().CreateHomeProgramme(w.physio(), &plansv1.CreateHomeProgrammeRequest{PatientId: patient, Items: []*plansv1.HomeSetting{{Code: "COLD"}}})
		if f := refused(t, err, "CONTRAINDICATED"); f.Facts["rule"] != "X-ICE-1" || f.Facts["item"] != "COLD" {
			t.Errorf("%v", f.Facts)
		}
		items, err := w.home().ListHomeItems(w.physio(), &plansv1.ListHomeItemsRequest{Tag: "YOGA", PatientId: patient})
		if err != nil || len(items.GetItems()) != 2 {
			t.Errorf("F076: %v, %v", items, err)
		}
	})
}

// F045, F053, F055: ice or warmth, rest or not, by what the form says of the pain, which is as
// much older by now as the form is. What a clinician says comes first.
func TestF055SuggestionsTakeTheAgeOfThePainFromTheForm(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		suggested := func(patientID string, c *plansv1.HomeCircumstances) string {
			t.Helper()
			got, err := w.home().GetHomeSuggestion(w.physio(), &plansv1.GetHomeSuggestionRequest{PatientId: patientID, Circumstances: c})
			if err != nil {
				t.Fatal(err)
			}
			codes := " "
			for _, i := range got.GetItems() {
				codes += i.GetItem().GetCode() + " "
			}
			return codes
		}
		for _, c := range []struct {
			id, duration string
			days         int
			has, lack    string
		}{
			{"pat_fresh", "lt48h", 0, "COLD REST_FROM_TRIGGER", "HEAT"},
			{"pat_third_day", "lt48h", 2, "HEAT REST_FROM_TRIGGER", "COLD"},
			{"pat_weeks", "2to14d", 13, "HEAT", "COLD REST_FROM_TRIGGER"},
			{"pat_chronic", "gt12w", 0, "HEAT BREATHING", "COLD REST_FROM_TRIGGER"},
			{"pat_grown_chronic", "6to12w", 42, "HEAT BREATHING", "COLD"},
		} {
			w.intake.handedIn(c.id, w.clock.Now().Add(-time.Duration(c.days)*24*time.Hour), map[string]string{"duration": c.duration, "trigger": "heavy_lifting"})
			got := suggested(c.id, nil)
			for _, code := range strings.Fields(c.has) {
				if !strings.Contains(got, " "+code+" ") {
					t.Errorf("%s: %s is missing in%s", c.id, code, got)
				}
			}
			for _, code := range strings.Fields(c.lack) {
				if strings.Contains(got, " "+code+" ") {
					t.Errorf("%s: %s is in%s", c.id, code, got)
				}
			}
		}
		if got := suggested("pat_chronic", &plansv1.HomeCircumstances{Duration: "lt48h"}); !strings.Contains(got, " COLD ") {
			t.Errorf("the clinician says that it is new: %s", got)
		}
		made, err := w.home().CreateHomeProgramme(w.physio(), &plansv1.CreateHomeProgrammeRequest{PatientId: "pat_fresh"})
		if err != nil || made.GetProgramme().GetCircumstances().GetDuration() != "lt48h" {
			t.Errorf("issued for %v, %v", made.GetProgramme().GetCircumstances(), err)
		}
	})
}

// F056, F057, F084: the schedule follows the diary; F049, F068: adherence counts what was done.
func TestHomeScheduleFollowsTheDiary(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		made := w.issued(&plansv1.CreateHomeProgrammeRequest{
			Items: []*plansv1.HomeSetting{{Code: "COLD"}, {Code: "STAND_ROTATE"}, {Code: "BALL_ROLL"}}, WakeFrom: "08:00", WakeTo: "22:00",
		})
		ice := func(date string) string {
			got, err := w.home().GetHomeSchedule(w.patient(), &plansv1.GetHomeScheduleRequest{ProgrammeId: made.GetProgrammeId(), Date: date})
			if err != nil {
				t.Fatal(err)
			}
			var out []string
			for _, s := range got.GetSlots() {
				if s.GetCode() == "COLD" {
					out = append(out, s.GetAt())
				}
			}
			return strings.Join(out, " ")
		}
		if got := ice("2027-01-04"); got != "08:00 11:00 14:00 17:00 20:00" {
			t.Errorf("F056 day 1: %s", got)
		}
		w.clock.Set(time.Date(2027, 1, 6, 20, 0, 0, 0, time.UTC))
		for i, pain := range []int32{6, 5, 3} {
			r := note(daysAfter("2027-01-04", i), pain)
			r.Tags = []string{"WALKED"}
			r.Done = []*plansv1.DoneItem{{Code: "STAND_ROTATE", Side: "LEFT"}}
			if i == 0 {
				r.Done = append(r.Done, &plansv1.DoneItem{Code: "STAND_ROTATE", Side: "RIGHT"})
			}
			entry := w.noted(r)
			if other := len(entry.GetFindings()) == 1 && entry.GetFindings()[0].GetCode() == "OTHER_SIDE"; other != (i > 0) {
				t.Errorf("F068 day %d: %v", i+1, entry.GetFindings())
			}
		}
		if got := ice("2027-01-06"); got != "08:00 14:00 20:00" {
			t.Errorf("F057 day 3: %s", got)
		}
		trend, err := w.diary().GetDiaryTrend(w.physio(), &plansv1.GetDiaryTrendRequest{PatientId: patient})
		if err != nil {
			t.Fatal(err)
		}
		adherence := map[string]string{}
		for _, a := range trend.GetAdherence() {
			adherence[a.GetCode()] = fmt.Sprint(a.GetDone(), "/", a.GetPlanned(), " ", a.GetPercent(), "%")
		}
		if adherence["LIGHT_MOVEMENT"] != "3/3 100%" || adherence["STAND_ROTATE"] != "1/9 11%" {
			t.Errorf("F049 adherence %v", adherence)
		}
		w.clock.Set(time.Date(2027, 1, 8, 20, 0, 0, 0, time.UTC))
		w.noted(note("2027-01-07", 1))
		w.noted(note("2027-01-08", 1))
		list, err := w.home().ListHomeProgrammes(w.patient(), &plansv1.ListHomeProgrammesRequest{PatientId: patient, State: "ACTIVE"})
		if err != nil || len(list.GetProgrammes()) != 1 {
			t.Fatalf("%v, %v", list, err)
		}
		for _, i := range list.GetProgrammes()[0].GetItems() {
			if i.GetComplete() != (i.GetSetting().GetCode() == "BALL_ROLL") {
				t.Errorf("F084 %s complete: %v", i.GetSetting().GetCode(), i.GetComplete())
			}
		}
	})
}

// F155, F046, F051, F052: what is unlocked, the letter, sleep, and what is taken along.
func TestHomeProgrammeChanges(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		made := w.issued(&plansv1.CreateHomeProgrammeRequest{Circumstances: &plansv1.HomeCircumstances{Onset: "repetitive_work"}})
		letter, err := w.home().GetEmployerLetter(w.patient(), &plansv1.GetEmployerLetterRequest{ProgrammeId: made.GetProgrammeId()})
		if err != nil || len(letter.GetLines()) < 3 || strings.Contains(strings.ToLower(fmt.Sprint(letter)), "pain") {
			t.Errorf("F046: %v, %v", letter, err)
		}
		sleep, err := w.home().CheckSleep(w.patient(), &plansv1.CheckSleepRequest{ProgrammeId: made.GetProgrammeId(), StomachSleeper: true})
		if err != nil || len(sleep.GetAdvice()) != 1 || sleep.GetAdvice()[0].GetCode() != "NOT_ON_STOMACH" {
			t.Errorf("F051: %v, %v", sleep, err)
		}
		change := &plansv1.UpdateHomeProgrammeRequest{ProgrammeId: made.GetProgrammeId(), Etag: made.GetEtag(), Items: []*plansv1.HomeSetting{{Code: "ROWING"}}}
		_, err = w.home().UpdateHomeProgramme(w.physio(), change)
		refused(t, err, "INJURY_NOT_RESOLVED")
		change.InjuryResolved = proto.Bool(true)
		got, err := w.home().UpdateHomeProgramme(w.physio(), change)
		if err != nil || itemCodes(got.GetProgramme()) != "LIGHT_MOVEMENT ROWING" {
			t.Fatalf("F155: %v, %v", got, err)
		}
		_, err = w.home().UpdateHomeProgramme(w.physio(), change)
		refused(t, err, "VERSION_MISMATCH")
		_, err = w.home().GetEmployerLetter(w.patient(), &plansv1.GetEmployerLetterRequest{ProgrammeId: made.GetProgrammeId()})
		refused(t, err, "NO_LETTER")
		end := &plansv1.EndHomeProgrammeRequest{ProgrammeId: made.GetProgrammeId(), Etag: got.GetProgramme().GetEtag()}
		if ended, err := w.home().EndHomeProgramme(w.physio(), end); err != nil || ended.GetProgramme().GetState() != "ENDED" {
			t.Errorf("%v, %v", ended, err)
		}
		end.Etag = "3"
		_, err = w.home().EndHomeProgramme(w.physio(), end)
		refused(t, err, "PROGRAMME_ENDED")

		p := w.active(patient, "physiotherapy")
		_, err = w.home().GetClosingSummary(w.patient(), &plansv1.GetClosingSummaryRequest{PlanId: p.GetPlanId()})
		refused(t, err, "PLAN_STATE")
		if _, err := w.plans.ClosePlan(w.physician(), &plansv1.ClosePlanRequest{PlanId: p.GetPlanId(), ReasonCode: "COMPLETED"}); err != nil {
			t.Fatal(err)
		}
		summary, err := w.home().GetClosingSummary(w.patient(), &plansv1.GetClosingSummaryRequest{PlanId: p.GetPlanId()})
		if err != nil || len(summary.GetAdvice()) != 1 || summary.GetAdvice()[0].GetCode() != "LIFESTYLE" {
			t.Errorf("F052: %v, %v", summary, err)
		}
	})
}

// F151: a programme of a course of physiotherapy has an exercise.
func TestF151PhysiotherapyHasAnExercise(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		p := w.active(patient, "physiotherapy")
		course := p.GetCourses()[0].GetCourseId()
		_, err := w.home().CreateHomeProgramme(w.physio(), &plansv1.CreateHomeProgrammeRequest{
			PatientId: patient, PlanId: p.GetPlanId(), CourseId: course, Items: []*plansv1.HomeSetting{{Code: "HEAT"}},
		})
		refused(t, err, "EXERCISE_NEEDED")
		made := w.issued(&plansv1.CreateHomeProgrammeRequest{PlanId: p.GetPlanId(), CourseId: course})
		exercises := 0
		for _, i := range made.GetItems() {
			if i.GetItem().GetKind() == "EXERCISE" {
				exercises++
			}
		}
		if exercises == 0 {
			t.Errorf("%s", itemCodes(made))
		}
		other := w.active("pat_other", "physiotherapy")
		for name, r := range map[string]*plansv1.CreateHomeProgrammeRequest{
			"another patient's plan": {PatientId: patient, PlanId: other.GetPlanId()},
			"no plan":                {PatientId: patient, PlanId: "pln_x"},
			"no course":              {PatientId: patient, PlanId: p.GetPlanId(), CourseId: "crs_x"},
			"no patient":             {PatientId: "pat_unknown"},
		} {
			if _, err := w.home().CreateHomeProgramme(w.physio(), r); !fault.IsKind(err, fault.NotFound) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// F133: after a massage the patient is told to drink, from the moment it is marked as given.
func TestF133Aftercare(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		p := w.active(patient, "massage")
		told := func() string {
			got, err := w.home().ListAftercare(w.patient(), &plansv1.ListAftercareRequest{PatientId: patient})
			if err != nil {
				t.Fatal(err)
			}
			var out []string
			for _, m := range got.GetMessages() {
				out = append(out, m.GetCode()+" "+m.GetLocalDate())
			}
			return strings.Join(out, ",")
		}
		r := claimOf(p, session(1, "2027-01-04"))
		if _, err := w.claim(r); err != nil {
			t.Fatal(err)
		}
		if got := told(); got != "" {
			t.Errorf("before the session: %s", got)
		}
		w.booking.complete(fact(r, r.GetSessions()[0]))
		w.heard(w.booking.producer)
		if got := told(); got != "DRINK_WATER 2027-01-04" {
			t.Errorf("after the session: %q", got)
		}
		w.clock.Set(start.Add(3 * 24 * time.Hour))
		if got := told(); got != "" {
			t.Errorf("three days on: %s", got)
		}
	})
}

// Clinical reference 2.4: with diabetes the patient is asked to check the blood sugar on the day
// of an injection and the three days after.
func TestGlucoseIsCheckedAfterAnInjection(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.intake.say(t, patient, "diabetes", "controlled")
		w.recorded(complete(patient, "2027-01-04"))
		told := func() string {
			t.Helper()
			got, err := w.home().ListAftercare(w.patient(), &plansv1.ListAftercareRequest{PatientId: patient})
			if err != nil {
				t.Fatal(err)
			}
			codes := ""
			for _, m := range got.GetMessages() {
				codes += m.GetCode() + " "
			}
			return codes
		}
		for _, c := range []struct {
			days int
			want string
		}{{0, "TWO_KINDS_OF_RELIEF GLUCOSE_CHECK "}, {2, "TWO_KINDS_OF_RELIEF GLUCOSE_CHECK "}, {3, "GLUCOSE_CHECK "}, {4, ""}} {
			w.clock.Set(start.Add(time.Duration(c.days) * 24 * time.Hour))
			if got := told(); got != c.want {
				t.Errorf("%d days after: %q, want %q", c.days, got, c.want)
			}
		}
		w.clock.Set(start)
		w.intake.say(t, patient, "diabetes", "none")
		if got := told(); got != "TWO_KINDS_OF_RELIEF " {
			t.Errorf("without diabetes: %q", got)
		}
	})
}

// A programme is the patient's own; reception sees none.
func TestHomeProgrammesAreThePatients(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		got, err := w.home().CreateHomeProgramme(w.physio(), &plansv1.CreateHomeProgrammeRequest{PatientId: "pat_other"})
		if err != nil {
			t.Fatal(err)
		}
		id := got.GetProgramme().GetProgrammeId()
		_, err = w.home().GetHomeProgramme(w.patient(), &plansv1.GetHomeProgrammeRequest{ProgrammeId: id})
		refused(t, err, "NOT_FOUND")
		_, err = w.home().GetHomeSchedule(w.patient(), &plansv1.GetHomeScheduleRequest{ProgrammeId: id})
		refused(t, err, "NOT_FOUND")
		_, err = w.home().ListHomeProgrammes(w.patient(), &plansv1.ListHomeProgrammesRequest{PatientId: "pat_other"})
		refused(t, err, "NOT_FOUND")
		_, err = w.home().GetHomeProgramme(w.reception(), &plansv1.GetHomeProgrammeRequest{ProgrammeId: id})
		if !fault.IsKind(err, fault.PermissionDenied) {
			t.Errorf("reception: %v", err)
		}
		_, err = w.home().CreateHomeProgramme(w.patient(), &plansv1.CreateHomeProgrammeRequest{PatientId: patient})
		if !fault.IsKind(err, fault.PermissionDenied) {
			t.Errorf("a patient issues a programme: %v", err)
		}
	})
}
