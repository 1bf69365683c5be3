package intake_test

import (
	"slices"
	"testing"

	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// Plans asks which rules fired on a form, and nobody else does.
func TestFiredRules(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		i := w.triaged(map[string]any{"joint_swelling": "yes"})
		plans := authn.WithService(t.Context(), "plans", "")
		got, err := w.triage.ListFiredRules(plans, &intakev1.ListFiredRulesRequest{ClinicId: clinic, IntakeId: i.GetIntakeId()})
		if err != nil || !slices.Contains(got.GetRuleIds(), "R07") {
			t.Errorf("%v, %v", got, err)
		}
		draft := w.start(w.patient())
		got, err = w.triage.ListFiredRules(plans, &intakev1.ListFiredRulesRequest{ClinicId: clinic, IntakeId: draft.GetIntakeId()})
		if err != nil || len(got.GetRuleIds()) != 0 {
			t.Errorf("a form without a result: %v, %v", got, err)
		}
		_, err = w.triage.ListFiredRules(plans, &intakev1.ListFiredRulesRequest{ClinicId: "cln_other", IntakeId: i.GetIntakeId()})
		if !fault.IsKind(err, fault.NotFound) {
			t.Errorf("another clinic: %v", err)
		}
	})
}
