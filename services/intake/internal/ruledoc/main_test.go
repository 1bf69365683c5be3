package main

import (
	"strings"
	"testing"
)

// The page has every rule with its condition in words.
func TestPageHasEverything(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := run(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| E10 | EMERGENCY_NOW | trauma = major AND trauma_days <= 7 AND trauma_assessed != yes |",
		"| R13 | MEDICAL_REFERRAL | phq4_1 + phq4_2 + phq4_3 + phq4_4 >= 9 |",
		"| R06 | MEDICAL_REFERRAL | onset_age < 45 AND duration = gt12w AND count(inflammatory) = 3 |",
		"| X-INJ-3 | FACET_INJECTION | HARD | allergies has any of {local_anaesthetic, corticosteroid, contrast} |",
		"| trauma_days | How many days ago were you hurt? | 0 to 36500 (days) | trauma != none |",
		"| PHYSIOTHERAPY | always |",
		"No clinician has reviewed these rules yet",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if n := strings.Count(out.String(), "\n| "); n < 80+76+29+8+6 {
		t.Errorf("%d rows", n)
	}
}
