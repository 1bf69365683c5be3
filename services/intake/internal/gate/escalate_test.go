package gate

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/upright-clinic/upright/services/intake/internal/triage"
)

// Whoever owns a task, it comes to everybody of the chain at most once and ends with the last.
func TestEveryChainEnds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		people := []string{"a", "b", "c", "d"}
		d := Duty{Owners: rapid.Permutation(people).Draw(t, "owners")[:rapid.IntRange(0, 4).Draw(t, "n")]}
		d.SafetyOfficer = rapid.SampledFrom([]string{"", "a", "s"}).Draw(t, "officer")
		owner := rapid.SampledFrom([]string{"", "a", "b", "x"}).Draw(t, "owner")
		seen := map[string]bool{}
		for n := 0; ; n++ {
			next, last := d.Next(owner, n)
			if n > 6 || seen[next] && !last {
				t.Fatalf("%v goes round: %s after %s", d, next, owner)
			}
			seen[next], owner = true, next
			if last {
				break
			}
		}
		if chain := d.Chain(); len(chain) > 0 && owner != chain[len(chain)-1] {
			t.Fatalf("%v ends with %q", d, owner)
		}
	})
}

func TestWhenATaskGoesOn(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 27, 8, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		level triage.Level
		due   time.Duration
		want  time.Duration
	}{
		"an emergency, due now":             {triage.EmergencyNow, 0, 10 * time.Minute},
		"urgent, due at the end of the day": {triage.UrgentSameDay, 15 * time.Hour, time.Hour},
		"urgent, due in half an hour":       {triage.UrgentSameDay, 30 * time.Minute, 30 * time.Minute},
		"urgent, overdue":                   {triage.UrgentSameDay, -time.Hour, time.Hour},
		"a review, due in two days":         {triage.ClinicianReview, 48 * time.Hour, 48 * time.Hour},
		"a review, overdue: a day for each": {triage.ClinicianReview, -time.Hour, 24 * time.Hour},
		"a referral, due in two weeks":      {triage.MedicalReferral, 336 * time.Hour, 336 * time.Hour},
	} {
		if got := (Duty{}).Escalates(tc.level, at.Add(tc.due), at); !got.Equal(at.Add(tc.want)) {
			t.Errorf("%s: %v", name, got.Sub(at))
		}
	}
}
