package intake_test

import (
	"fmt"
	"sync"
	"testing"

	"google.golang.org/protobuf/types/known/structpb"

	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Devices, clinicians and the front desk work on one patient at once: nobody is refused but
// because the task is decided, no answer is lost, and every version of the gate has
// exactly its event.
func TestManyAtOnceOnOnePatient(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		i := w.start(w.patient())
		task := w.answer(w.patient(), i, map[string]any{"fever": "yes"}).GetTaskId()
		saved := []string{"bone_risk", "infection_risk", "pe_risk", "aortic_risk", "visceral", "implant", "organ", "allergies"}
		var group sync.WaitGroup
		allow := func(err error) {
			if err != nil && !fault.Is(err, "TASK_CLOSED") {
				t.Error(err)
			}
		}
		for n, question := range saved {
			group.Go(func() { // a device each, all from the same page
				_, err := w.intakes.UpdateIntake(w.patient(), &intakev1.UpdateIntakeRequest{
					IntakeId: i.GetIntakeId(), Etag: "1", Answers: values(t, map[string]any{question: []any{}}),
				})
				if err != nil {
					t.Errorf("%s: %v", question, err)
				}
			})
			group.Go(func() {
				_, err := w.triage.RecordClinicalFact(w.clinician(), &intakev1.RecordClinicalFactRequest{
					PatientId: patient, QuestionId: "nrs", Value: structpb.NewNumberValue(float64(n)), SaidBy: "CLINICIAN",
				})
				allow(err)
			})
			group.Go(func() {
				_, err := w.triage.AcknowledgeTriageTask(w.clinician(), &intakev1.AcknowledgeTriageTaskRequest{TaskId: task})
				allow(err)
			})
			group.Go(func() {
				_, err := w.triage.DecideTriageTask(w.clinician(), &intakev1.DecideTriageTaskRequest{TaskId: task, Level: "CLINICIAN_REVIEW", Reason: "x"})
				allow(err)
			})
		}
		group.Wait()
		got := w.get(i.GetIntakeId())
		for _, question := range append(saved, "fever") {
			if got.GetAnswers()[question] == nil {
				t.Errorf("the answer to %s is lost", question)
			}
		}
		versions := w.gateVersions()
		for n, v := range versions {
			if v != int64(n+1) {
				t.Fatalf("gate events have versions %v", versions)
			}
		}
		if g := w.gate(patient); g.GetVersion() != int64(len(versions)) {
			t.Errorf("gate at %d, %d events", g.GetVersion(), len(versions))
		}
	})
}

// gateVersions are the versions of the gate's events in the order of the log.
func (w *world) gateVersions() (out []int64) {
	w.t.Helper()
	err := w.db.Read(w.t.Context(), func(tx *sqldb.Tx) error {
		rows, err := tx.Query(`SELECT aggregate_version FROM event_log WHERE aggregate_type = 'booking_gate' AND aggregate_id = $1 ORDER BY aggregate_version`, patient)
		if err != nil {
			return err
		}
		defer rows.Close() //nolint:errcheck // rows.Err tells
		for rows.Next() {
			var v int64
			if err := rows.Scan(&v); err != nil {
				return err
			}
			out = append(out, v)
		}
		return rows.Err()
	})
	if err != nil {
		w.t.Fatal(fmt.Errorf("events: %w", err))
	}
	return out
}
