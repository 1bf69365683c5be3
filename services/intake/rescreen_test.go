package intake_test

import (
	"slices"
	"testing"
	"time"

	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

func (w *world) rescreen(id, outcome, request string) (*intakev1.RecordRescreenResponse, error) {
	return w.intakes.RecordRescreen(w.patient(), &intakev1.RecordRescreenRequest{IntakeId: id, Outcome: outcome, RequestId: request})
}

// A mild result carries home measures, a safety net and the day to look again; on that day
// the patient says how it is.
func TestRescreen(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		i := w.triaged(nil)
		advice := i.GetTriage().GetAdvice()
		if advice.GetRescreenDate() != "2026-04-10" || advice.GetSafetyNet() == "" || !slices.Contains(advice.GetHomeMeasures(), "LIGHT_MOVEMENT") {
			t.Errorf("advice %v", advice)
		}
		w.clock.Advance(14 * 24 * time.Hour)
		t.Run("F184 not better on the day: a visit is offered", func(t *testing.T) {
			got, err := w.rescreen(i.GetIntakeId(), "NOT_BETTER", "")
			if err != nil || !slices.Equal(got.GetOfferedKinds(), []string{"INITIAL_ASSESSMENT"}) || got.GetNewIntakeId() != "" {
				t.Errorf("%v, %v", got, err)
			}
		})
		t.Run("better: nothing more", func(t *testing.T) {
			got, err := w.rescreen(i.GetIntakeId(), "BETTER", "")
			if err != nil || len(got.GetOfferedKinds()) != 0 || got.GetNewIntakeId() != "" {
				t.Errorf("%v, %v", got, err)
			}
		})
		t.Run("F031 worse: a new form, with that answered already, once", func(t *testing.T) {
			got, err := w.rescreen(i.GetIntakeId(), "WORSE", "once")
			if err != nil || got.GetNewIntakeId() == "" {
				t.Fatalf("%v, %v", got, err)
			}
			again, err := w.rescreen(i.GetIntakeId(), "WORSE", "once")
			if err != nil || again.GetNewIntakeId() != got.GetNewIntakeId() {
				t.Errorf("%v, %v", again, err)
			}
			fresh := w.get(got.GetNewIntakeId())
			if fresh.GetAnswers()["course"].GetStringValue() != "worsening" || w.gate(patient).GetState() != intakev1.BookingGate_STATE_EXPIRED {
				t.Errorf("%v", fresh)
			}
			_, err = w.rescreen(fresh.GetIntakeId(), "BETTER", "")
			refused(t, err, fault.FailedPrecondition, "NOT_SUBMITTED")
		})
		review := w.triaged(map[string]any{"nrs": 8, "nrs_worst": 9})
		_, err := w.rescreen(review.GetIntakeId(), "BETTER", "")
		refused(t, err, fault.FailedPrecondition, "NO_RESCREEN")
		_, err = w.rescreen(i.GetIntakeId(), "FINE", "")
		refused(t, err, fault.InvalidArgument, "INVALID_ARGUMENT")
		_, err = w.intakes.RecordRescreen(w.as(typev1.Role_ROLE_PATIENT, clinicB), &intakev1.RecordRescreenRequest{IntakeId: i.GetIntakeId(), Outcome: "BETTER"})
		refused(t, err, fault.NotFound, "NOT_FOUND")
	})
}
