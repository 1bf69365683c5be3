package injection

import (
	"testing"

	"github.com/upright-clinic/upright/services/platform/civil"
)

// FuzzInjectionLimit reads bytes as a person's sessions, tried one after the other. In
// whatever order sessions are accepted, no window of any start holds four; each single
// decision is what trying every window says; and a refusal names the first date allowed.
func FuzzInjectionLimit(f *testing.F) {
	f.Add([]byte{0, 0, 31, 0, 62, 0, 93, 0})             // monthly
	f.Add([]byte{243, 0, 244, 0, 245, 0, 59, 1, 60, 1})  // 31 August and the end of February
	f.Add([]byte{200, 0, 100, 0, 150, 0, 120, 0, 10, 0}) // inserts before and between
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 40 {
			return
		}
		p := StandardPolicy()
		origin := civil.MustParse("2023-01-01")
		var accepted []civil.Date
		for ; len(data) >= 2; data = data[2:] {
			c := origin.AddDays((int(data[0]) + int(data[1])*256) % 1100)
			v := p.Check(given(accepted), c, "")
			if want := bruteAllows(accepted, c, p.Caps[0]); v.Allowed != want {
				t.Fatalf("beside %v, %s: allowed %v, every window says %v", accepted, c, v.Allowed, want)
			}
			for d := c; d.Before(v.Next); d = d.AddDays(1) {
				if bruteAllows(accepted, d, p.Caps[0]) {
					t.Fatalf("beside %v, %s: next %s, but %s is allowed", accepted, c, v.Next, d)
				}
			}
			if !bruteAllows(accepted, v.Next, p.Caps[0]) {
				t.Fatalf("beside %v, %s: next %s is not allowed", accepted, c, v.Next)
			}
			if v.Allowed {
				accepted = append(accepted, c)
			}
			if !bruteHolds(accepted, p.Caps[0]) {
				t.Fatalf("a window of %v holds four", accepted)
			}
		}
	})
}
