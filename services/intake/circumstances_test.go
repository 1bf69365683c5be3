package intake_test

import (
	"slices"
	"testing"
	"time"

	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	"github.com/upright-clinic/upright/services/platform/authn"
)

// Plans asks how the pain came and how old it is: of the newest form that was handed in, by
// options alone, and nothing else of it.
func TestCircumstances(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		plans := authn.WithService(t.Context(), "plans", "")
		ask := func(clinicID string) (*intakev1.ListCircumstancesResponse, map[string][]string) {
			t.Helper()
			got, err := w.triage.ListCircumstances(plans, &intakev1.ListCircumstancesRequest{ClinicId: clinicID, PatientId: patient})
			if err != nil {
				t.Fatal(err)
			}
			by := map[string][]string{}
			for _, c := range got.GetCircumstances() {
				by[c.GetQuestionId()] = c.GetOptions()
			}
			return got, by
		}
		if got, by := ask(clinic); got.GetIntakeId() != "" || len(by) != 0 {
			t.Errorf("without a form: %v", got)
		}
		first := w.triaged(map[string]any{"duration": "gt12w", "trigger": "sport"})
		w.clock.Advance(time.Hour)
		second := w.triaged(map[string]any{"duration": "lt48h", "trigger": "heavy_lifting", "aggravators": []any{"lifting", "twisting"}})
		w.clock.Advance(time.Hour)
		w.answer(w.patient(), w.start(w.patient()), map[string]any{"duration": "6to12w"}) // a draft says nothing yet
		got, by := ask(clinic)
		if got.GetIntakeId() != second.GetIntakeId() || got.GetIntakeId() == first.GetIntakeId() || got.GetSubmitTime().AsTime().IsZero() {
			t.Errorf("form %v", got)
		}
		if by["duration"][0] != "lt48h" || by["trigger"][0] != "heavy_lifting" || !slices.Equal(by["aggravators"], []string{"lifting", "twisting"}) {
			t.Errorf("answers %v", by)
		}
		for _, hidden := range []string{"chest_pain", "nrs", "cancer"} {
			if _, there := by[hidden]; there {
				t.Errorf("%s is told", hidden)
			}
		}
		if other, by := ask("cln_other"); other.GetIntakeId() != "" || len(by) != 0 {
			t.Errorf("another clinic's: %v", other)
		}
	})
}
