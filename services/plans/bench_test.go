package plans_test

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/plans"
	"github.com/upright-clinic/upright/services/platform/clock"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// BenchmarkClaimSessions claims sessions over the in-process channel, with every rule of the
// plan: one session at a time, one at a time of many patients at once, and a whole course of
// 24 in one call. `make bench-claims` prints it; p50 and p99 are of one call.
func BenchmarkClaimSessions(b *testing.B) {
	for _, d := range []sqldb.Dialect{sqldb.SQLite, sqldb.Postgres} {
		for _, c := range []struct {
			name         string
			sessions, at int // in a call, and callers at once
		}{{"1", 1, 1}, {"1-from-32", 1, 32}, {"24", 24, 1}} {
			b.Run(fmt.Sprintf("%s/%s", d, c.name), func(b *testing.B) {
				w := newWorld(b, d, start, plans.Config{})
				w.run()
				requests := w.courses(b.N, c.sessions)
				b.ResetTimer()
				took := w.claimAll(b, requests, c.at)
				b.StopTimer()
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
				b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
				b.ReportMetric(float64(len(took)*c.sessions)/b.Elapsed().Seconds(), "sessions/s")
			})
		}
	}
}

// courses are claims for so many sessions each, of plans of 24 sessions.
func (w *world) courses(calls, sessions int) []*plansv1.ClaimSessionsRequest {
	var out []*plansv1.ClaimSessionsRequest
	var p *plansv1.Plan
	next := 24
	for i := range calls {
		if next+sessions > 24 {
			p = w.active(fmt.Sprintf("pat_%d", i), "physiotherapy", &plansv1.CourseSpec{CourseId: "physiotherapy", Sessions: 24})
			next = 0
		}
		r := claimOf(p)
		for s := next; s < next+sessions; s++ {
			c := session(s, daysAfter("2027-01-04", s/3*7+s%3*2))
			c.EntitlementId, c.AppointmentId = ident.New("ent"), ident.New("apt")
			r.Sessions = append(r.Sessions, c)
		}
		next += sessions
		out = append(out, r)
	}
	return out
}

// claimAll claims from so many callers at once and gives how long each call took.
func (w *world) claimAll(b *testing.B, requests []*plansv1.ClaimSessionsRequest, callers int) []time.Duration {
	b.Helper()
	took := make([]time.Duration, len(requests))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(requests); i = int(next.Add(1)) - 1 {
				begin := clock.System.Now()
				if _, err := w.claim(requests[i]); err != nil {
					b.Error(err)
				}
				took[i] = clock.System.Now().Sub(begin)
			}
		})
	}
	wg.Wait()
	return took
}
