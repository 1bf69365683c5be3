package main

import (
	"fmt"

	"github.com/upright-clinic/upright/tools/bench/runner"
)

// Goals beside the floor, each a ratio within one run but for the footprint.
const (
	goalBookShare  = 0.45 // of the floor's bookings a second, at 8 and 32 clients
	goalBookCPU    = 2.3  // times the floor's server CPU a booking, at 8 and 32 clients
	goalSearchCPU  = 2.3  // times the floor's server CPU a search
	goalSheetShare = 0.70 // of the floor's day sheets a second
	goalIdleMB     = 60.0
	goalStartMs    = 500.0
)

// reportFloor prints the table of Upright beside the floor and judges its goals.
func reportFloor(s *scorecard, t *table, f footprint) {
	fmt.Fprintf(s.w, "\nBeside the floor\n%-9s %3s | %9s %9s %7s | %9s %9s %7s | %15s | %6s %6s\n",
		"op", "c", "floor/s", "upright/s", "share", "floor ms", "ours ms", "cpu", "p99 floor/ours", "taken", "errors")
	for _, k := range t.keys {
		fl, up := t.floor[k], t.upright[k]
		if k.op == "bookplan" {
			fl = t.floor[key{"book", k.workers}]
		}
		fmt.Fprintf(s.w, "%-9s %3d | %9.0f %9.0f %6.0f%% | %9.3f %9.3f %6.2fx | %6.1f / %6.1f | %6d %6d\n", k.op, k.workers,
			of(fl, perSecond), of(up, perSecond), 100*share(fl, up, perSecond),
			of(fl, cpu), of(up, cpu), share(fl, up, cpu), of(fl, p99), of(up, p99), sum(up, taken), sum(up, failed))
	}
	fmt.Fprintln(s.w)
	for _, k := range t.keys {
		s.judgeLine(k, t.floor[k], t.upright[k])
	}
	wrong := 0
	for _, r := range t.races {
		if r.OK != 1 || r.Left != 1 || r.Errors != 0 {
			wrong++
			fmt.Fprintf(s.w, "race: booked %d, left %d, errors %d %s\n", r.OK, r.Left, r.Errors, r.FirstError)
		}
	}
	if len(t.races) > 0 {
		s.atMost(fmt.Sprintf("race, rounds of %d not ending in one booking", len(t.races)), float64(wrong), 0)
	}
	s.atMost("idle memory, MB resident", f.RSSMB, goalIdleMB)
	s.atMost("start on an empty folder, ms", f.Start.Seconds()*1000, goalStartMs)
}

// judgeLine judges the goals of one line of the table. A single client is shown and not
// judged: there the wake-ups of an idle machine blur what an operation costs.
func (s *scorecard) judgeLine(k key, fl, up []runner.Result) {
	name := func(what string) string { return fmt.Sprintf("%s c=%d, %s", k.op, k.workers, what) }
	if k.op == "book" || k.op == "bookhot" || k.op == "bookplan" {
		s.atMost(name("false refusals and errors"), float64(sum(up, taken)+sum(up, failed)), 0)
	}
	if k.workers < 8 {
		return
	}
	switch k.op {
	case "book":
		s.atLeast(name("share of the floor"), share(fl, up, perSecond), goalBookShare)
		s.atMost(name("CPU against the floor"), share(fl, up, cpu), goalBookCPU)
	case "search":
		s.atMost(name("CPU against the floor"), share(fl, up, cpu), goalSearchCPU)
	case "daysheet":
		s.atLeast(name("share of the floor"), share(fl, up, perSecond), goalSheetShare)
	}
}

func perSecond(r runner.Result) float64 { return r.PerSecond }
func cpu(r runner.Result) float64       { return r.CPUPerOKms }
func p95(r runner.Result) float64       { return r.P95ms }
func p99(r runner.Result) float64       { return r.P99ms }
func taken(r runner.Result) int         { return r.Taken }
func failed(r runner.Result) int        { return r.Errors }

// of is the median over the rounds.
func of(rs []runner.Result, f func(runner.Result) float64) float64 {
	if len(rs) == 0 {
		return 0
	}
	var v []float64
	for _, r := range rs {
		v = append(v, f(r))
	}
	return median(v)
}

// share is the median of the rounds' ratios, ours to the base's of the same round.
func share(base, ours []runner.Result, f func(runner.Result) float64) float64 {
	var v []float64
	for i := range min(len(base), len(ours)) {
		if b := f(base[i]); b > 0 {
			v = append(v, f(ours[i])/b)
		}
	}
	if len(v) == 0 {
		return 0
	}
	return median(v)
}

func sum(rs []runner.Result, f func(runner.Result) int) (n int) {
	for _, r := range rs {
		n += f(r)
	}
	return n
}
