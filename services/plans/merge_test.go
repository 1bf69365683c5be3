package plans_test

import (
	"slices"
	"testing"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
)

// joined makes the twin's record the patient's, and parted takes that back.
func (w *world) joined(twin string) {
	w.t.Helper()
	w.dir.tell(w.t, &directoryv1.PatientMerged{ClinicId: clinic, SurvivingPatientId: patient, MergedPatientId: twin})
	w.heard(w.dir.producer)
}

func (w *world) parted(twin string) {
	w.t.Helper()
	w.dir.tell(w.t, &directoryv1.PatientUnmerged{ClinicId: clinic, SurvivingPatientId: patient, RestoredPatientId: twin})
	w.heard(w.dir.producer)
}

// rules are the rules of the patient's open issues, in order.
func (w *world) openRules(patientID string) []string {
	out := []string{}
	for _, i := range w.open(patientID) {
		out = append(out, i.GetRule())
	}
	slices.Sort(out)
	return out
}

// F095, F091: what two charts together make of medicines is a task at the merge, though each
// list was in order.
func TestMergeJudgesMedicinesTogether(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.add(w.physio(), &plansv1.AddMedicationRequest{PatientId: patient, Drug: "ibuprofen"})
		w.add(w.physio(), &plansv1.AddMedicationRequest{PatientId: "pat_list", Drug: "acetaminophen"})
		w.joined("pat_list")
		if task := w.task(patient, "MED-01"); task == nil {
			t.Errorf("NSAID and acetaminophen on one person's list: issues %v", w.openRules(patient))
		}
		w.parted("pat_list")
		before := len(w.open(patient))
		w.joined("pat_list")
		if after := len(w.open(patient)); after != before {
			t.Errorf("the same merge again raised what was raised: %d issues, %d before", after, before)
		}
	})
}

// F091: days in a row are counted over the doses of both charts.
func TestMergeCountsTheDaysOfBoth(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		for ago := 15; ago >= 0; ago-- {
			who, drug := patient, "ibuprofen"
			if ago%2 == 0 {
				who, drug = "pat_doses", "naproxen"
			}
			w.took(w.physio(), &plansv1.RecordDoseRequest{PatientId: who, Drug: drug, LocalDate: daysAgo(ago)})
		}
		if w.task(patient, "MED-02") != nil || w.task("pat_doses", "MED-02") != nil {
			t.Fatal("a task before the merge")
		}
		w.joined("pat_doses")
		if task := w.task(patient, "MED-02"); task.GetSeverity() != "HIGH" {
			t.Errorf("sixteen days in a row over two charts: issues %v", w.openRules(patient))
		}
		w.parted("pat_doses")
		list, err := w.meds().ListMedications(w.physio(), &plansv1.ListMedicationsRequest{PatientId: patient})
		if err != nil || list.GetNsaidDays() != 1 {
			t.Errorf("after the merge was undone: %d days, %v", list.GetNsaidDays(), err)
		}
	})
}

// Clinical reference 2.4: corticosteroid of two charts is added up at the merge.
func TestMergeAddsUpSteroid(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		give := func(who, date string) {
			q := complete(who, date)
			q.Drugs[0].DoseMg = 60
			w.recorded(q)
		}
		give(patient, "2026-03-01")
		give(patient, "2026-06-01")
		give("pat_steroid", "2026-10-01")
		give("pat_steroid", "2027-01-02")
		if n := len(w.open(patient)) + len(w.open("pat_steroid")); n != 0 {
			t.Fatalf("%d issues before the merge", n)
		}
		w.joined("pat_steroid")
		if got := w.openRules(patient); !slices.Equal(got, []string{"STEROID_TOTAL"}) {
			t.Errorf("240 mg in a year: issues %v", got)
		}
		w.parted("pat_steroid")
		got, err := w.injections.GetSteroidLedger(w.physician(), &plansv1.GetSteroidLedgerRequest{PatientId: patient})
		if err != nil || got.GetTotals()[0].GetMethylprednisoloneMg() != 120 {
			t.Errorf("after the merge was undone: %v, %v", got.GetTotals(), err)
		}
	})
}

// F108: the twin's abnormal examination flags what is booked on the other record, and stops
// holding for it when the merge is undone.
func TestMergeCarriesAnExamination(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		p := w.active(patient, "massage")
		booked := claimOf(p, session(1, "2027-01-08"))
		w.granted(p, booked.GetSessions()[0])
		w.booking.book(fact(booked, booked.GetSessions()[0]))
		w.heard(w.booking.producer)
		exam := neuro("ABNORMAL", "NORMAL", "NORMAL")
		exam.PatientId = "pat_exam"
		if _, err := w.exams().RecordExamination(w.physio(), exam); err != nil {
			t.Fatal(err)
		}
		w.joined("pat_exam")
		if got := w.openRules(patient); !slices.Equal(got, []string{"CONTRAINDICATED", "NEURO_ABNORMAL"}) {
			t.Errorf("issues %v", got)
		}
		_, err := w.claim(claimOf(p, session(2, "2027-01-12")))
		refused(t, err, "CONTRAINDICATED")
		w.parted("pat_exam")
		w.granted(p, session(2, "2027-01-12"))
		if got := w.openRules("pat_exam"); !slices.Equal(got, []string{"NEURO_ABNORMAL"}) {
			t.Errorf("issues of the twin: %v", got)
		}
	})
}

// Two charts that hold the same session count it once when a person links them; when they turn
// out to be two people's, each has its own again (G04).
func TestUnmergeTakesBackLinksBetweenTheCharts(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		first := w.external(patient, "2026-12-01")
		for _, d := range []string{"2026-10-01", "2026-11-01", "2026-12-01"} {
			w.external("pat_linked", d)
		}
		counting := func(id string) int { return len(w.injectionsOf(id)) }
		w.joined("pat_linked")
		if n := counting(patient); n != 4 {
			t.Fatalf("%d count before a person links them, want 4", n)
		}
		var twin *plansv1.Injection
		for _, i := range w.injectionsOf(patient) {
			if i.GetLocalDate() == "2026-12-01" && i.GetInjectionId() != first.GetInjectionId() {
				twin = i
			}
		}
		_, err := w.injections.AmendInjection(w.physician(), &plansv1.AmendInjectionRequest{
			PatientId: patient, InjectionId: twin.GetInjectionId(), Etag: twin.GetEtag(), Action: "LINK_DUPLICATE", DuplicateOf: first.GetInjectionId(), Reason: "one session",
		})
		if err != nil || counting(patient) != 3 {
			t.Fatalf("linked: %d count, %v", counting(patient), err)
		}
		w.parted("pat_linked")
		if a, b := counting(patient), counting("pat_linked"); a != 1 || b != 3 {
			t.Errorf("parted: %d and %d count, want 1 and 3", a, b)
		}
		check, err := w.injections.CheckInjection(w.reception(), &plansv1.CheckInjectionRequest{PatientId: "pat_linked", Date: "2027-01-10"})
		if err != nil || check.GetAllowed() || check.GetNextEligibleDate() != "2027-04-01" {
			t.Errorf("the twin's fourth: %v, %v", check, err)
		}
	})
}
