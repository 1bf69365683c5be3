package gateway_test

import (
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
)

// A patient answers what the plan asks for, and reads whom to call when the answers are dark.
func TestPatientAnswersMeasures(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser(patient)
	b.get("/me").wants(t, 200, "Tell us how you are doing", "/me/medicines?patient=pat_1")
	b.get("/me/measures").wants(t, 200, "How you feel", "since 20 November 2026", "instrument=PHQ4&amp;patient=pat_1&amp;plan=pln_1", "This is better than at the start.", "11 December 2026").
		lacks(t, "plan=pln_2", "ODI", "9 November")
	b.get("/me/measures/new?instrument=ODI").wants(t, 404)
	form := b.get("/me/measures/new?instrument=PHQ4&patient=pat_1&plan=pln_1").wants(t, 200, "Nobody reads this right away.", "988", "feeling nervous, anxious or on edge?",
		"Nearly every day", "developed by Drs Robert L. Spitzer").hidden(t, "/me/measures/new")
	answers := func(each string) url.Values {
		f := url.Values{"instrument": form["instrument"], "patient": form["patient"], "plan": form["plan"], "nonce": {each}}
		return with(f, "item_phq4_1", each, "item_phq4_2", each, "item_phq4_3", each)
	}
	b.post("/me/measures/new", answers("3")).wants(t, 422, "Choose an answer.", `href="#item_phq4_4"`, `value="3" checked`)
	b.post("/me/measures/new", with(answers("0"), "item_phq4_4", "0")).wants(t, 200, "Thank you", "Your answer is saved.").lacks(t, "988", "alone")
	b.post("/me/measures/new", with(answers("3"), "item_phq4_4", "0")).wants(t, 200, "You do not have to feel like this alone", "988")
	if b.path != "/me/measures/new" {
		t.Errorf("the address says how the patient is: %s", b.path)
	}
	want := &plansv1.RecordOutcomeRequest{PatientId: "pat_1", Instrument: "PHQ4", PlanId: "pln_1", Answers: map[string]int32{"phq4_1": 3, "phq4_2": 3, "phq4_3": 3, "phq4_4": 0}}
	if n := len(w.care.outcomes); n != 2 {
		t.Fatalf("%d answers, want 2", n)
	}
	if diff := cmp.Diff(want, w.care.outcomes[1], protocmp.Transform(), protocmp.IgnoreFields(want, "request_id")); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
	b.get("/me/measures/new?instrument=NAMED_ACTIVITY").wants(t, 200, "Activity 1, in your own words", "Name one to five things").lacks(t, "988")
	for _, path := range []string{"/me/measures?patient=pat_2", "/me/measures/new?instrument=PHQ4&patient=pat_2", "/me/medicines?patient=pat_2", "/me/doses/new?patient=pat_2"} {
		b.get(path).wants(t, 404)
	}
	b.post("/me/measures/new", with(answers("1"), "item_phq4_4", "0", "patient", "pat_2")) // the first of two counts
	other := with(url.Values{"patient": {"pat_2"}, "instrument": {"PHQ4"}}, "item_phq4_1", "1", "item_phq4_2", "1", "item_phq4_3", "1", "item_phq4_4", "1")
	b.post("/me/measures/new", other).wants(t, 404)
}

// A patient's own medicines: the list with what the rules say, a dose with its time, and what
// was written by mistake.
func TestPatientsMedicines(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser(patient)
	a := b.get("/me/medicines").wants(t, 200, "ibuprofen 400 mg", "you told us", "ask us before you take it", "do not take both.", "Take it with food.", "On an empty stomach", "taken back",
		"/me/doses/new?patient=pat_1&amp;medicine=med_1").lacks(t, "medicine=med_2", "/me/medicines/med_2/stop", "/me/doses/dos_2/void")
	b.post("/me/medicines/med_1/stop", a.hidden(t, "/me/medicines/med_1/stop")).wants(t, 200, "It is off your list.")
	b.post("/me/doses/dos_1/void", a.hidden(t, "/me/doses/dos_1/void")).wants(t, 200, "It is taken back.")

	b.get("/me/medicines/new?patient=pat_1").wants(t, 200, "Name of the medicine", `value="2026-11-24"`)
	add := url.Values{"patient": {"pat_1"}, "start_date": {"2026-11-20"}, "dose_mg": {"a few"}}
	b.post("/me/medicines/new", add).wants(t, 422, "Write the name of the medicine.", "Write how much as a number.", `value="a few"`)
	add.Set("dose_mg", "12,5")
	b.post("/me/medicines/new", with(add, "drug", "tizanidine", "taken_daily", "YES", "prescriber", "Dr. Ada", "directions", "at night")).wants(t, 200, "It is on your list.")

	b.get("/me/doses/new?patient=pat_1&medicine=med_1").wants(t, 200, `<option value="med_1" selected>`, `value="10:00"`)
	b.post("/me/doses/new", url.Values{"patient": {"pat_1"}, "date": {"soon"}, "time": {"10:00"}}).wants(t, 422, "Write the name of the medicine.", `href="#date"`)
	b.post("/me/doses/new", url.Values{"patient": {"pat_1"}, "date": {"2026-11-24"}, "time": {"25:00"}, "medication_id": {"med_1"}}).wants(t, 422, "Write a time such as 08:00.")
	b.post("/me/doses/new", url.Values{"patient": {"pat_1"}, "medication_id": {"med_1"}, "dose_mg": {"200"}, "date": {"2026-11-24"}, "time": {"08:30"}, "with_food": {"NO"}}).wants(t, 200, "It is noted.")
	b.post("/me/doses/new", url.Values{"patient": {"pat_1"}, "drug": {"naproxen"}, "date": {"2026-11-23"}, "time": {""}}).wants(t, 200, "It is noted.")

	empty := false
	want := []any{
		[]*plansv1.StopMedicationRequest{{PatientId: "pat_1", MedicationId: "med_1", Etag: "m1"}},
		[]*plansv1.VoidDoseRequest{{PatientId: "pat_1", DoseId: "dos_1"}},
		[]*plansv1.AddMedicationRequest{{PatientId: "pat_1", Drug: "tizanidine", DoseMg: 12.5, Prescriber: "Dr. Ada", Directions: "at night", StartDate: "2026-11-20", TakenDaily: true}},
		[]*plansv1.RecordDoseRequest{
			{PatientId: "pat_1", MedicationId: "med_1", DoseMg: 200, TakenTime: timestamppb.New(noon.Add(-90 * 60e9)), WithFood: &empty},
			{PatientId: "pat_1", Drug: "naproxen", LocalDate: "2026-11-23"},
		},
	}
	got := []any{w.care.stopped, w.care.taken, w.care.added, w.care.doses}
	if diff := cmp.Diff(want, got, protocmp.Transform(), protocmp.FilterField(&plansv1.StopMedicationRequest{}, "request_id", cmp.Ignore()),
		protocmp.FilterField(&plansv1.VoidDoseRequest{}, "request_id", cmp.Ignore()), protocmp.FilterField(&plansv1.AddMedicationRequest{}, "request_id", cmp.Ignore()),
		protocmp.FilterField(&plansv1.RecordDoseRequest{}, "request_id", cmp.Ignore())); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
}
