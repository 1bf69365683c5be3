package main

import (
	"fmt"
	"io"

	"github.com/upright-clinic/upright/tools/bench/runner"
)

// Goals of this program, each a ratio within one run but for the footprint.
const (
	goalBookShare = 0.35 // of the floor's bookings a second, at 8 and 32 clients
	goalBookCPU   = 3.0  // times the floor's server CPU a booking, at 8 and 32 clients
	goalSearchCPU = 3.0  // times the floor's server CPU a search
	goalIdleMB    = 60.0
	goalStartMs   = 500.0
)

// report prints the table and the goals, and counts those missed.
func report(w io.Writer, t *table, f footprint) (missed int) {
	fmt.Fprintf(w, "%-9s %3s | %9s %9s %7s | %9s %9s %7s | %15s | %6s %6s\n",
		"op", "c", "floor/s", "upright/s", "share", "floor ms", "ours ms", "cpu", "p99 floor/ours", "taken", "errors")
	for _, k := range t.keys {
		fl, up := t.floor[k], t.upright[k]
		if k.op == "bookplan" {
			fl = t.floor[key{"book", k.workers}]
		}
		fmt.Fprintf(w, "%-9s %3d | %9.0f %9.0f %6.0f%% | %9.3f %9.3f %6.2fx | %6.1f / %6.1f | %6d %6d\n", k.op, k.workers,
			of(fl, perSecond), of(up, perSecond), 100*share(fl, up, perSecond),
			of(fl, cpu), of(up, cpu), share(fl, up, cpu), of(fl, p99), of(up, p99), sum(up, taken), sum(up, failed))
	}
	goal := func(name string, got, limit float64, ok bool) {
		verdict := "reached"
		if !ok {
			verdict = "MISSED"
			missed++
		}
		fmt.Fprintf(w, "%-44s %10.2f   goal %8.2f   %s\n", name, got, limit, verdict)
	}
	fmt.Fprintln(w)
	for _, k := range t.keys {
		s, c := share(t.floor[k], t.upright[k], perSecond), share(t.floor[k], t.upright[k], cpu)
		switch {
		case k.op == "book" && k.workers >= 8:
			goal(fmt.Sprintf("book c=%d, share of the floor", k.workers), s, goalBookShare, s >= goalBookShare)
			goal(fmt.Sprintf("book c=%d, CPU against the floor", k.workers), c, goalBookCPU, c <= goalBookCPU)
		case k.op == "search" && k.workers >= 8:
			goal(fmt.Sprintf("search c=%d, CPU against the floor", k.workers), c, goalSearchCPU, c <= goalSearchCPU)
		case k.op == "bookhot":
			n := float64(sum(t.upright[k], taken) + sum(t.upright[k], failed))
			goal(fmt.Sprintf("bookhot c=%d, false refusals", k.workers), n, 0, n == 0)
		}
	}
	wrong := 0
	for _, r := range t.races {
		if r.OK != 1 || r.Left != 1 || r.Errors != 0 {
			wrong++
			fmt.Fprintf(w, "race: booked %d, left %d, errors %d %s\n", r.OK, r.Left, r.Errors, r.FirstError)
		}
	}
	goal(fmt.Sprintf("race, rounds of %d not ending in one booking", len(t.races)), float64(wrong), 0, wrong == 0)
	goal("idle memory, MB resident", f.RSSMB, goalIdleMB, f.RSSMB <= goalIdleMB)
	ms := f.Start.Seconds() * 1000
	goal("start on an empty folder, ms", ms, goalStartMs, ms <= goalStartMs)
	return missed
}

func perSecond(r runner.Result) float64 { return r.PerSecond }
func cpu(r runner.Result) float64       { return r.CPUPerOKms }
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

// share is the median of the rounds' ratios, ours to the floor's of the same round.
func share(fl, up []runner.Result, f func(runner.Result) float64) float64 {
	var v []float64
	for i := range min(len(fl), len(up)) {
		if base := f(fl[i]); base > 0 {
			v = append(v, f(up[i])/base)
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
