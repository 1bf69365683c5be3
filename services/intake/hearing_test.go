package intake_test

import (
	"testing"
	"time"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Patients and zones that directory told of need not be asked for, so that forms go on
// while directory is away; an emergency waits for nobody.
func TestFormsGoOnWithoutDirectory(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.dir.mu.Lock()
		w.dir.down = true
		w.dir.mu.Unlock()
		_, err := w.intakes.CreateIntake(w.patient(), &intakev1.CreateIntakeRequest{PatientId: patient})
		refused(t, err, fault.Unavailable, "DOWN")

		w.run()
		w.dir.tell(t, patient, 1, &directoryv1.PatientRegistered{ClinicId: clinic, PatientId: patient})
		var got *intakev1.CreateIntakeResponse
		eventually(t, func() bool {
			got, err = w.intakes.CreateIntake(w.patient(), &intakev1.CreateIntakeRequest{PatientId: patient, RequestId: "again"})
			return err == nil
		})
		i := w.answer(w.patient(), got.GetIntake(), map[string]any{"chest_pain": "yes"})
		if i.GetLevel() != "EMERGENCY_NOW" || len(w.tasks()) != 1 {
			t.Errorf("%v", i)
		}
	})
}

// The clinic's day follows the clinic: its zone is asked for when it changed.
func TestClinicsZoneIsHeard(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.run()
		w.triaged(map[string]any{"fever": "yes"})
		if g := w.gate(patient); g.GetTriageDate() != "2026-03-27" {
			t.Errorf("in Berlin it is %s", g.GetTriageDate())
		}
		w.dir.mu.Lock()
		w.dir.zones[clinic] = "Pacific/Kiritimati" // UTC+14
		w.dir.mu.Unlock()
		w.dir.tell(t, clinic, 1, &directoryv1.ClinicChanged{ClinicId: clinic})
		eventually(t, func() bool {
			var zone string
			err := w.db.Read(t.Context(), func(tx *sqldb.Tx) error {
				return tx.QueryRow(`SELECT time_zone FROM clinics WHERE clinic_id = $1`, clinic).Scan(&zone)
			})
			return err == nil && zone == "Pacific/Kiritimati"
		})
		w.clock.Advance(3 * time.Hour) // 11:00 UTC
		w.triaged(map[string]any{"fever": "yes"})
		if g := w.gate(patient); g.GetTriageDate() != "2026-03-28" {
			t.Errorf("on Kiritimati it is %s", g.GetTriageDate())
		}
		tasks := w.tasks()
		if len(tasks) != 2 || !tasks[1].GetDueTime().AsTime().Equal(time.Date(2026, 3, 28, 10, 0, 0, 0, time.UTC)) {
			t.Errorf("tasks %v", tasks)
		}
		if err := w.svc.Ready(t.Context()); err != nil {
			t.Errorf("not ready: %v", err)
		}
	})
}
