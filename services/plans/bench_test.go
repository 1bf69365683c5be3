package plans_test

import (
	"fmt"
	"testing"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/plans"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// BenchmarkClaimSessions claims one session of a fresh course at a time, and whole courses
// of 24, over the in-process channel.
func BenchmarkClaimSessions(b *testing.B) {
	for _, d := range []sqldb.Dialect{sqldb.SQLite, sqldb.Postgres} {
		for _, n := range []int{1, 24} {
			b.Run(fmt.Sprintf("%s/%d", d, n), func(b *testing.B) {
				w := newWorld(b, d, start, plans.Config{})
				w.run()
				var requests []*plansv1.ClaimSessionsRequest
				for i := range b.N {
					p := w.active(fmt.Sprintf("pat_%d", i), "physiotherapy", &plansv1.CourseSpec{CourseId: "physiotherapy", Sessions: 24})
					r := claimOf(p)
					for s := range n {
						c := session(s, daysAfter("2027-01-04", s/3*7+s%3*2))
						c.EntitlementId, c.AppointmentId = ident.New("ent"), ident.New("apt")
						r.Sessions = append(r.Sessions, c)
					}
					requests = append(requests, r)
				}
				b.ResetTimer()
				for _, r := range requests {
					if _, err := w.claim(r); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
