package plans_test

import (
	"testing"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
)

// What overflowed on one person's chart while it was merged with another is an issue of the
// chart that has it after the merge was undone.
func TestUnmergeKeepsTheIssueWithItsRecords(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.external("pat_main", "2020-01-01")
		for _, d := range []string{"2026-10-01", "2026-11-01", "2026-12-01"} {
			w.external("pat_twin", d)
		}
		w.dir.tell(t, &directoryv1.PatientMerged{ClinicId: clinic, SurvivingPatientId: "pat_main", MergedPatientId: "pat_twin"})
		w.heard(w.dir.producer)
		w.external("pat_twin", "2026-12-15") // the fourth, entered on the twin's chart
		if n := len(w.open("pat_main")); n != 1 {
			t.Fatalf("%d issues while they are one, want 1", n)
		}
		w.dir.tell(t, &directoryv1.PatientUnmerged{ClinicId: clinic, SurvivingPatientId: "pat_main", RestoredPatientId: "pat_twin"})
		w.heard(w.dir.producer)
		if open := w.open("pat_twin"); len(open) != 1 || open[0].GetRule() != "INJECTION_LIMIT" || len(open[0].GetInjectionIds()) != 4 {
			t.Errorf("issues of the twin: %v", open)
		}
	})
}

// Striking out what was given on another day puts the session back on the day that was
// booked, which others may have taken by then.
func TestStruckOutRecordMayOverflowItsBookedDay(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.bookedInjection(patient, 1, "2027-01-04")
		q := complete(patient, "2026-02-01") // on the true date, long before
		q.AppointmentId = "apt_1"
		given := w.recorded(q)
		for _, d := range []string{"2026-11-01", "2026-12-01", "2026-12-20"} {
			w.external(patient, d)
		}
		if open := w.open(patient); len(open) != 0 {
			t.Fatalf("issues %v", open)
		}
		_, err := w.injections.AmendInjection(w.physician(), &plansv1.AmendInjectionRequest{
			PatientId: patient, InjectionId: given.GetInjectionId(), Etag: given.GetEtag(), Action: "MARK_ENTERED_IN_ERROR", Reason: "another patient's",
		})
		if err != nil {
			t.Fatal(err)
		}
		if open := w.open(patient); len(open) != 1 || open[0].GetRule() != "INJECTION_LIMIT" || open[0].GetAppointments()[0].GetAppointmentId() != "apt_1" {
			t.Errorf("issues %v", open)
		}
	})
}
