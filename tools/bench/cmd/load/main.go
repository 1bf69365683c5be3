// Clinicload drives a clinic system over HTTP on the loopback interface with a closed-loop,
// bounded load and reports throughput, latency, and what the server's processes cost.
//
//	go run . -target floor -base http://127.0.0.1:58103 -groups "floor=123" -conc 1,8,32 -time 10s -out floor.json
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"time"

	"github.com/upright-clinic/upright/tools/bench/procstat"
	"github.com/upright-clinic/upright/tools/bench/runner"
	"github.com/upright-clinic/upright/tools/bench/target/floor"
	"github.com/upright-clinic/upright/tools/bench/workload"
)

func main() {
	log.SetFlags(log.Ltime)
	var (
		target = flag.String("target", "floor", "system under test: floor")
		base   = flag.String("base", "http://127.0.0.1:58103", "base address, loopback only")
		conc   = flag.String("conc", "1,8,32", "concurrencies")
		ops    = flag.String("ops", "intake,search,book,bookhot,bookcontended,daysheet,plan,race", "operations")
		dur    = flag.Duration("time", 10*time.Second, "longest a phase is measured")
		maxOps = flag.Int("max", 20000, "most requests in a phase")
		warmup = flag.Int("warmup", 20, "requests before each phase that are not counted")
		groups = flag.String("groups", "", `server processes, "name=pid[,pid] ..."`)
		start  = flag.String("start", "2027-01-04", "first day of the search window")
		seed   = flag.Uint64("seed", 1, "dataset seed; another seed is another clinic")
		offset = flag.Int("offset", 0, "first horizon slot to book, for repeated runs on one clinic")
		rounds = flag.Int("rounds", 20, "rounds of the double-booking race")
		racers = flag.Int("racers", 64, "simultaneous requests in a round of the race")
		out    = flag.String("out", "", "write the results here as JSON")
		quiet  = flag.Float64("quiet", 0, "share of the cores others may use in a phase; 0 measures at once")
		tries  = flag.Int("tries", 3, "times a disturbed phase is measured")
		wait   = flag.Duration("patience", time.Minute, "longest wait for a quiet machine before a try")
		only   = flag.Bool("seedonly", false, "seed and stop")
	)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	first, err := time.Parse(time.DateOnly, *start)
	check(err)
	cfg := workload.DefaultConfig(first)
	cfg.Seed = *seed
	d := workload.New(cfg)
	gs, err := procstat.ParseGroups(*groups)
	check(err)
	gs = append(gs, procstat.Group{Name: "client", Pids: []int{os.Getpid()}})
	t, err := newTarget(*target, *base, max(*racers, 64))
	check(err)

	v, err := t.Version(ctx)
	check(err)
	log.Printf("%s: %s", t.Name(), v)
	check(t.Seed(ctx, d, log.Printf))
	if *only {
		return
	}
	checkAnswers(ctx, t, d)

	report := Report{Target: t.Name(), Version: v, Mapping: t.Mapping(), Started: time.Now()}
	form, plan := workload.IntakeForm(), workload.StandardPlan()
	// Slots beyond the window are handed out once; the three kinds of booking each have a
	// stretch of the calendar of their own.
	next, hot := *offset, *offset
	handOut := func(from *int) (base int) {
		base = *from
		*from += (*maxOps + *warmup) * *tries
		return base
	}
	for _, name := range strings.Split(*ops, ",") {
		if name == "race" {
			for i := range *rounds {
				slot := workload.Slot{Clinician: i % d.Clinicians, Day: d.WindowDays + 4*d.HorizonDays + 400 + *offset%300 + i/d.Clinicians, Index: i % d.SlotsPerDay}
				r := runner.Race(ctx, *racers, func(ctx context.Context, n int) error {
					return t.Book(ctx, workload.Booking{Slot: slot, Patient: n})
				}, func(ctx context.Context) (int, error) { return t.CountAt(ctx, slot) })
				report.Races = append(report.Races, r)
				log.Printf("race %2d: ok %d taken %d errors %d left %d in %v %s", i, r.OK, r.Taken, r.Errors, r.Left, r.Took.Round(time.Millisecond), r.FirstError)
			}
			continue
		}
		for _, cs := range strings.Split(*conc, ",") {
			workers, err := strconv.Atoi(cs)
			check(err)
			var op runner.Op
			switch name {
			case "intake":
				op = func(ctx context.Context, n int) error {
					return t.SubmitIntake(ctx, n, workload.FillIntake(form, n))
				}
			case "search":
				op = func(ctx context.Context, n int) error {
					got, err := t.SearchSlots(ctx, d.Start, d.WindowEnd())
					if err == nil && got != d.FreeInWindow() {
						return fmt.Errorf("search found %d slots, want %d", got, d.FreeInWindow())
					}
					return err
				}
			case "daysheet":
				op = func(ctx context.Context, n int) error {
					got, err := t.DaySheet(ctx, d.Start.AddDate(0, 0, n%d.WindowDays))
					if err == nil && got != d.BookedOnDay() {
						return fmt.Errorf("day sheet has %d appointments, want %d", got, d.BookedOnDay())
					}
					return err
				}
			case "plan":
				op = func(ctx context.Context, n int) error { return t.AssignPlan(ctx, n, plan) }
			case "book": // distinct slots, spread over the clinicians
				base := handOut(&next)
				op = func(ctx context.Context, n int) error {
					return t.Book(ctx, workload.Booking{Slot: d.HorizonSlot(base + n), Patient: n})
				}
			case "bookhot": // distinct slots of one clinician's calendar
				base := handOut(&hot)
				op = func(ctx context.Context, n int) error {
					s := d.HotSlot(base + n)
					s.Day += 2 * d.HorizonDays
					return t.Book(ctx, workload.Booking{Slot: s, Patient: n})
				}
			case "bookcontended": // every slot is asked for four times, nearly at once
				base := handOut(&hot)
				op = func(ctx context.Context, n int) error {
					s := d.HorizonSlot(base + n/4)
					s.Day += 4 * d.HorizonDays
					return t.Book(ctx, workload.Booking{Slot: s, Patient: n})
				}
			default:
				log.Fatalf("unknown operation %q", name)
			}
			r := runner.Run(ctx, t.Name(), name, runner.Limits{Workers: workers, Duration: *dur, MaxOps: *maxOps, Warmup: *warmup, MaxOther: *quiet, Tries: *tries, Patience: *wait}, gs, op)
			report.Results = append(report.Results, r)
			fmt.Printf("%-14s c=%-3d %9.1f/s  ok %6d taken %5d err %4d  p50 %8.2f  p95 %8.2f  p99 %8.2f ms  cpu/op %7.3f ms  %sother %2.0f%% (%d tries) %.160s\n",
				name, workers, r.PerSecond, r.OK, r.Taken, r.Errors, r.P50ms, r.P95ms, r.P99ms, r.CPUPerOKms, memLine(r), r.Other*100, r.Tries, r.FirstError)
			if r.OK == 0 && strings.Contains(r.FirstError, workload.ErrUnsupported.Error()) {
				break
			}
		}
	}
	if *out != "" {
		f, err := os.Create(*out)
		check(err)
		enc := json.NewEncoder(f)
		enc.SetIndent("", " ")
		check(enc.Encode(report))
		check(f.Close())
	}
}

// Report is what -out writes.
type Report struct {
	Target, Version string
	Mapping         map[string]string
	Started         time.Time
	Results         []runner.Result
	Races           []runner.RaceResult
}

func newTarget(name, base string, maxConns int) (workload.Target, error) {
	switch name {
	case "floor":
		return floor.New(base, maxConns)
	}
	return nil, fmt.Errorf("unknown target %q", name)
}

// checkAnswers makes sure the target gives right answers before its speed is measured.
func checkAnswers(ctx context.Context, t workload.Target, d *workload.Dataset) {
	n, err := t.SearchSlots(ctx, d.Start, d.WindowEnd())
	log.Printf("check: search finds %d free slots, want %d (%v)", n, d.FreeInWindow(), err)
	if err != nil && !errors.Is(err, workload.ErrUnsupported) {
		log.Fatal(err)
	}
	n, err = t.DaySheet(ctx, d.Start)
	log.Printf("check: day sheet has %d appointments, want %d (%v)", n, d.BookedOnDay(), err)
	if err != nil && !errors.Is(err, workload.ErrUnsupported) {
		log.Fatal(err)
	}
}

func memLine(r runner.Result) string {
	var s strings.Builder
	for k, v := range r.PSSMB {
		if k != "client" {
			fmt.Fprintf(&s, "%s %.0fMB ", k, v)
		}
	}
	return s.String()
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
