package main

import (
	"cmp"
	"context"
	"fmt"
	"log"
	"os"
	"slices"

	"github.com/upright-clinic/upright/tools/bench/procstat"
	"github.com/upright-clinic/upright/tools/bench/runner"
	"github.com/upright-clinic/upright/tools/bench/workload"
)

const warmup = 20

// key is one line of the report.
type key struct {
	op      string
	workers int
}

// table holds every measured phase, by line and system, in rounds' order.
type table struct {
	keys    []key
	floor   map[key][]runner.Result
	upright map[key][]runner.Result
	races   []runner.RaceResult
}

func (t *table) add(k key, ours bool, r runner.Result) {
	if t.floor == nil {
		t.floor, t.upright = map[key][]runner.Result{}, map[key][]runner.Result{}
	}
	if !slices.Contains(t.keys, k) {
		t.keys = append(t.keys, k)
	}
	if ours {
		t.upright[k] = append(t.upright[k], r)
	} else {
		t.floor[k] = append(t.floor[k], r)
	}
}

// round measures one operation at every concurrency on both servers; which goes first
// alternates, so that neither always has the warmer machine.
func (p *pair) round(ctx context.Context, o options, t *table, round int, op string) error {
	if op == "race" {
		return p.race(ctx, t)
	}
	for _, workers := range o.workers {
		base := p.handOut(op, o.maxOps)
		systems := []bool{false, true}
		if round%2 == 1 {
			slices.Reverse(systems)
		}
		for _, ours := range systems {
			if op == "bookplan" && !ours {
				continue // the floor has no plans; its "book" is what bookplan is held against
			}
			if err := p.phase(ctx, o, t, key{op, workers}, ours, base); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *pair) phase(ctx context.Context, o options, t *table, k key, ours bool, base int) error {
	var target workload.Target = p.floor
	srv := p.floorSrv
	if ours {
		target, srv = p.upright, p.uprightSrv
	}
	limits := runner.Limits{Workers: k.workers, Duration: o.phase, MaxOps: o.maxOps, Warmup: warmup}
	if k.op == "bookhot" {
		limits.MaxOps = hotOps
	}
	if k.op == "bookplan" {
		limits.MaxOps = planOps
		if err := p.upright.PreparePlans(ctx, limits.MaxOps+warmup); err != nil {
			return fmt.Errorf("prepare plans: %w", err)
		}
	}
	groups := []procstat.Group{srv.group, {Name: "client", Pids: []int{os.Getpid()}}}
	r := runner.Run(ctx, target.Name(), k.op, limits, groups, p.operation(target, k.op, base))
	t.add(k, ours, r)
	if o.verbose || r.Errors > 0 {
		log.Printf("%-8s %-9s c=%-3d %8.0f/s cpu/op %.3f ms p99 %.2f ms taken %d errors %d %s",
			target.Name(), k.op, k.workers, r.PerSecond, r.CPUPerOKms, r.P99ms, r.Taken, r.Errors, r.FirstError)
	}
	return nil
}

const (
	hotOps  = 2300 // a phase's slots of one calendar
	planOps = 1800 // a phase's sessions under plans
)

// handOut gives a phase a stretch of the calendar that nobody has booked; both servers
// get the same one.
func (p *pair) handOut(op string, maxOps int) (base int) {
	switch op {
	case "book":
		base = p.next
		p.next += maxOps + warmup
	case "bookhot":
		base = p.hot
		p.hot++
	}
	return base
}

// operation gives one request of the phase; n is unique within it. Every answer is
// checked: a fast wrong answer is an error.
func (p *pair) operation(t workload.Target, op string, base int) runner.Op {
	d := p.data
	switch op {
	case "search":
		return func(ctx context.Context, _ int) error {
			got, err := t.SearchSlots(ctx, d.Start, d.WindowEnd())
			if err == nil && got != d.FreeInWindow() {
				err = fmt.Errorf("search found %d slots, want %d", got, d.FreeInWindow())
			}
			return err
		}
	case "daysheet":
		return func(ctx context.Context, n int) error {
			got, err := t.DaySheet(ctx, d.Start.AddDate(0, 0, n%d.WindowDays))
			if err == nil && got != d.BookedOnDay() {
				err = fmt.Errorf("day sheet has %d appointments, want %d", got, d.BookedOnDay())
			}
			return err
		}
	case "book": // distinct slots, spread over the clinicians
		return func(ctx context.Context, n int) error {
			return t.Book(ctx, workload.Booking{Slot: d.HorizonSlot(base + n), Patient: n})
		}
	case "bookhot": // distinct slots of one calendar: any refusal is false
		return func(ctx context.Context, n int) error {
			s := d.HotSlot(n)
			s.Clinician = base % d.Clinicians
			s.Day += hotStart + base/d.Clinicians*hotDays
			return t.Book(ctx, workload.Booking{Slot: s, Patient: n + 17*base}) // nobody twice at one time
		}
	case "bookplan":
		return func(ctx context.Context, _ int) error { return p.upright.BookPlanned(ctx) }
	}
	return func(context.Context, int) error { return fmt.Errorf("unknown operation %q", op) }
}

// Stretches of the calendar, in days after the window. Staff book three years ahead at
// most: book has the first 460 days, each bookhot phase the next 145 of one clinician, then
// come the races, and from upright.PlansStart on the bookings under plans.
const (
	hotStart  = 460
	hotDays   = (hotOps + warmup + 15) / 16
	raceStart = hotStart + 2*hotDays
)

// race releases 64 requests for one slot at once, on Upright alone, and counts what is
// left in the calendar.
func (p *pair) race(ctx context.Context, t *table) error {
	const racers = 64
	for range 5 {
		slot := workload.Slot{Clinician: p.races % p.data.Clinicians, Day: p.data.WindowDays + raceStart + p.races/p.data.Clinicians}
		p.races++
		t.races = append(t.races, runner.Race(ctx, racers, func(ctx context.Context, n int) error {
			return p.upright.Book(ctx, workload.Booking{Slot: slot, Patient: n})
		}, func(ctx context.Context) (int, error) { return p.upright.CountAt(ctx, slot) }))
	}
	return ctx.Err()
}

// median of at least one value.
func median[T cmp.Ordered](v []T) T {
	s := slices.Sorted(slices.Values(v))
	return s[len(s)/2]
}
