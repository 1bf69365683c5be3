// Package runner drives an operation in a closed loop: a fixed number of workers, each
// sending its next request when the last one is answered, bounded both in time and in
// count.
package runner

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/upright-clinic/upright/tools/bench/procstat"
	"github.com/upright-clinic/upright/tools/bench/workload"
)

// Limits bounds one phase.
type Limits struct {
	Workers  int
	Duration time.Duration // of the measured part
	MaxOps   int           // of the measured part
	Warmup   int           // requests sent first and not counted

	// On a machine others use too: a phase waits, at most Patience, until processes outside
	// the groups take less than MaxOther of the cores, and is measured again, at most Tries
	// times, while they took more. The least disturbed try is the result.
	MaxOther float64
	Tries    int
	Patience time.Duration
}

// Result is one measured phase.
type Result struct {
	Target, Op string
	Workers    int
	OK         int                `json:"ok"`
	Taken      int                `json:"taken"`  // refused because the slot is taken
	Errors     int                `json:"errors"` // anything else
	FirstError string             `json:"first_error,omitempty"`
	Seconds    float64            `json:"seconds"`
	PerSecond  float64            `json:"ok_per_second"`
	P50ms      float64            `json:"p50_ms"` // of the answered requests: ok and taken
	P95ms      float64            `json:"p95_ms"`
	P99ms      float64            `json:"p99_ms"`
	MaxMs      float64            `json:"max_ms"`
	CPU        map[string]float64 `json:"cpu_seconds"` // by process group
	CPUPerOKms float64            `json:"server_cpu_ms_per_ok"`
	PSSMB      map[string]float64 `json:"pss_mb"` // by process group, after the phase
	RSSMB      map[string]float64 `json:"rss_mb"`
	OtherCPU   float64            `json:"other_cpu_seconds"` // by processes in no group: disturbance
	StolenCPU  float64            `json:"stolen_cpu_seconds"`
	Other      float64            `json:"other_share"` // OtherCPU as a share of all cores
	Tries      int                `json:"tries"`
}

// Op is one request; n is unique to it within the phase.
type Op func(ctx context.Context, n int) error

// Run measures one phase.
func Run(ctx context.Context, target, name string, l Limits, groups []procstat.Group, op Op) Result {
	var next atomic.Int64
	var best Result
	for try := 1; ; try++ {
		if l.MaxOther > 0 {
			AwaitQuiet(ctx, l, groups)
		}
		r := run(ctx, target, name, l, groups, &next, op)
		if try == 1 || r.Other < best.Other {
			best = r
		}
		best.Tries = try
		if l.MaxOther <= 0 || best.Other <= l.MaxOther || try >= l.Tries || ctx.Err() != nil {
			return best
		}
	}
}

// AwaitQuiet returns true when processes outside the groups have used less than l.MaxOther
// of the cores for a second, false when l.Patience is over first.
func AwaitQuiet(ctx context.Context, l Limits, groups []procstat.Group) bool {
	used := func() float64 {
		t, _ := procstat.MachineBusy()
		for _, g := range groups {
			t -= procstat.Read(g).CPU
		}
		return t
	}
	for end := time.Now().Add(l.Patience); time.Now().Before(end) && ctx.Err() == nil; {
		before := used()
		time.Sleep(time.Second)
		if used()-before < l.MaxOther*float64(runtime.NumCPU()) {
			return true
		}
	}
	return false
}

func run(ctx context.Context, target, name string, l Limits, groups []procstat.Group, next *atomic.Int64, op Op) Result {
	drive := func(max int, until time.Time) ([]time.Duration, Result) {
		var (
			mu  sync.Mutex
			all []time.Duration
			r   Result
			wg  sync.WaitGroup
			cnt atomic.Int64
		)
		for range l.Workers {
			wg.Go(func() {
				var lat []time.Duration
				var ok, taken, failed int
				var first error
				for ctx.Err() == nil && int(cnt.Add(1)) <= max && time.Now().Before(until) {
					n := int(next.Add(1) - 1)
					t := time.Now()
					err := op(ctx, n)
					d := time.Since(t)
					switch {
					case err == nil:
						ok++
						lat = append(lat, d)
					case errors.Is(err, workload.ErrTaken):
						taken++
						lat = append(lat, d)
					default:
						failed++
						if first == nil {
							first = err
						}
					}
				}
				mu.Lock()
				defer mu.Unlock()
				all = append(all, lat...)
				r.OK, r.Taken, r.Errors = r.OK+ok, r.Taken+taken, r.Errors+failed
				if first != nil && r.FirstError == "" {
					r.FirstError = first.Error()
				}
			})
		}
		wg.Wait()
		return all, r
	}
	if l.Warmup > 0 {
		drive(l.Warmup, time.Now().Add(l.Duration))
	}
	before := map[string]float64{}
	for _, g := range groups {
		before[g.Name] = procstat.Read(g).CPU
	}
	busy0, stolen0 := procstat.MachineBusy()
	start := time.Now()
	lat, r := drive(l.MaxOps, start.Add(l.Duration))
	r.Seconds = time.Since(start).Seconds()
	r.Target, r.Op, r.Workers = target, name, l.Workers
	r.PerSecond = float64(r.OK) / r.Seconds
	r.CPU, r.PSSMB, r.RSSMB = map[string]float64{}, map[string]float64{}, map[string]float64{}
	busy, stolen := procstat.MachineBusy()
	r.OtherCPU, r.StolenCPU = busy-busy0, stolen-stolen0
	var server float64
	for _, g := range groups {
		u := procstat.Read(g)
		r.CPU[g.Name] = u.CPU - before[g.Name]
		r.PSSMB[g.Name], r.RSSMB[g.Name] = u.PSSMB, u.RSSMB
		r.OtherCPU -= r.CPU[g.Name]
		if g.Name != "client" {
			server += r.CPU[g.Name]
		}
	}
	r.Other = r.OtherCPU / (r.Seconds * float64(runtime.NumCPU()))
	if r.OK > 0 {
		r.CPUPerOKms = server * 1000 / float64(r.OK)
	}
	slices.Sort(lat)
	r.P50ms, r.P95ms, r.P99ms = quantile(lat, .50), quantile(lat, .95), quantile(lat, .99)
	r.MaxMs = quantile(lat, 1)
	return r
}

func quantile(sorted []time.Duration, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	i := int(q*float64(len(sorted))+.5) - 1
	i = min(max(i, 0), len(sorted)-1)
	return float64(sorted[i]) / float64(time.Millisecond)
}

// RaceResult is one round of many simultaneous requests for the same slot.
type RaceResult struct {
	OK, Taken, Errors int
	FirstError        string
	Left              int // appointments that occupy the slot afterwards
	Took              time.Duration
}

// Race releases n requests at once and waits for all.
func Race(ctx context.Context, n int, book func(ctx context.Context, i int) error, left func(ctx context.Context) (int, error)) RaceResult {
	var r RaceResult
	var mu sync.Mutex
	var wg sync.WaitGroup
	gate := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-gate
			err := book(ctx, i)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				r.OK++
			case errors.Is(err, workload.ErrTaken):
				r.Taken++
			default:
				r.Errors++
				if r.FirstError == "" {
					r.FirstError = err.Error()
				}
			}
		})
	}
	start := time.Now()
	close(gate)
	wg.Wait()
	r.Took = time.Since(start)
	var err error
	if r.Left, err = left(ctx); err != nil {
		r.Left, r.FirstError = -1, err.Error()
	}
	return r
}
