package injection

import (
	"strings"
	"testing"
)

func TestPolicyDefectsAreNamed(t *testing.T) {
	t.Parallel()
	good := string(standardPolicy)
	for _, c := range []struct{ name, old, new, want string }{
		{"no version", `"version": 1`, `"version": 0`, "version"},
		{"no cap", `"max": 3`, `"max": 0`, "caps[0]"},
		{"window too short", `"months": 6`, `"months": 1`, "caps[0]"},
		{"unknown scope", `"scope": "patient"`, `"scope": "house"`, "scope"},
		{"no kind", `["FACET_JOINT_INJECTION"]`, `[]`, "counted_kinds"},
		{"negative interval", `"min_interval_days": 0`, `"min_interval_days": -1`, "min_interval_days"},
		{"follow-up without source", `"source": "clinic default: first check-in"`, `"source": ""`, "follow_ups[0]"},
		{"unknown field", `"version": 1`, `"version": 1, "override": true`, "override"},
		{"number without source", `"min_interval_days": "S4`, `"other": "S4`, "min_interval_days"},
		{"trailing text", "}\n}\n", "}\n}\n{}", "more than one"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(good, c.old) {
				t.Fatalf("the policy has no %q", c.old)
			}
			_, err := ParsePolicy([]byte(strings.Replace(good, c.old, c.new, 1)))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one that names %q", err, c.want)
			}
		})
	}
}
