package plans_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/upright-clinic/upright/services/plans"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// TestStackedCapsThroughTheService sets the caps by a policy file.
func TestStackedCapsThroughTheService(t *testing.T) {
	t.Parallel()
	for _, d := range []sqldb.Dialect{sqldb.SQLite, sqldb.Postgres} {
		for _, c := range loadVectors(t).Stacked {
			t.Run(string(d)+"/"+c.ID, func(t *testing.T) {
				t.Parallel()
				for _, limit := range c.Caps {
					limit["source"] = "vector"
				}
				text, err := json.Marshal(map[string]any{
					"version": 7, "caps": c.Caps, "scope": "patient", "counted_kinds": []string{"FACET_JOINT_INJECTION"}, "min_interval_days": 0,
					"sources": map[string]string{"scope": "vector", "counted_kinds": "vector", "min_interval_days": "vector"},
				})
				if err != nil {
					t.Fatal(err)
				}
				file := filepath.Join(t.TempDir(), "policy.json")
				if err := os.WriteFile(file, text, 0o600); err != nil {
					t.Fatal(err)
				}
				w := vectorWorld(t, d, plans.Config{PolicyFile: file})
				_, p := w.having(c.ID, c.Existing)
				if check := w.judged(p, c.Candidate, c.Allowed, c.NextEligible); check.GetPolicyVersion() != 7 {
					t.Errorf("policy version %d", check.GetPolicyVersion())
				}
			})
		}
	}
}
