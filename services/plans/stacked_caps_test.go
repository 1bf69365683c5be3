package plans_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/upright-clinic/upright/services/plans"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// policyFile writes a policy of version 7 with the caps.
func policyFile(t *testing.T, caps []map[string]any) string {
	t.Helper()
	for _, limit := range caps {
		limit["source"] = "vector"
	}
	text, err := json.Marshal(map[string]any{
		"version": 7, "caps": caps, "scope": "patient", "counted_kinds": []string{"FACET_JOINT_INJECTION"}, "min_interval_days": 0,
		"sources": map[string]string{"scope": "vector", "counted_kinds": "vector", "min_interval_days": "vector"},
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "policy.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestStackedCapsThroughTheService sets the caps by a policy file.
func TestStackedCapsThroughTheService(t *testing.T) {
	t.Parallel()
	for _, d := range []sqldb.Dialect{sqldb.SQLite, sqldb.Postgres} {
		for _, c := range loadVectors(t).Stacked {
			t.Run(string(d)+"/"+c.ID, func(t *testing.T) {
				t.Parallel()
				w := vectorWorld(t, d, plans.Config{PolicyFile: policyFile(t, c.Caps)})
				_, p := w.having(c.ID, c.Existing)
				if check := w.judged(p, c.Candidate, c.Allowed, c.NextEligible); check.GetPolicyVersion() != 7 {
					t.Errorf("policy version %d", check.GetPolicyVersion())
				}
			})
		}
	}
}

// A stricter policy, set while the service is down, flags at the next start what is booked
// and now too much, and cancels nothing.
func TestAStricterPolicyFlagsBookings(t *testing.T) {
	t.Parallel()
	for _, d := range []sqldb.Dialect{sqldb.SQLite, sqldb.Postgres} {
		t.Run(string(d), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, d, start, plans.Config{})
			stop := w.run()
			for _, date := range []string{"2026-02-01", "2026-04-01", "2026-06-01", "2026-11-01"} {
				w.external(patient, date)
			}
			w.bookedInjection(patient, 1, "2027-01-20")
			w.until("the first policy is kept", func() bool { return w.rows(`SELECT count(*) FROM policy_applied WHERE version = 1`) == 1 })
			stop()
			w.cfg.PolicyFile = policyFile(t, []map[string]any{{"max": 3, "months": 6}, {"max": 4, "months": 12}})
			w.start()
			w.run()
			w.until("the new policy is kept", func() bool { return w.rows(`SELECT count(*) FROM policy_applied WHERE version = 7`) == 1 })
			open := w.open(patient)
			if len(open) != 1 || open[0].GetAppointments()[0].GetAppointmentId() != "apt_1" || open[0].GetAppointments()[0].GetNextEligibleDate() != "2027-02-01" {
				t.Errorf("issues %v", open)
			}
			if got := w.state(patient, "ent_1"); got != confirmed {
				t.Errorf("the booking is %s", got)
			}
		})
	}
}
