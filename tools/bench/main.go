// Command bench measures Upright beside the floor server: the same generator, the same
// machine, the same run, phases interleaved. Only the ratios mean something; it prints
// them with the goals they are held to, and ends with 1 when one is missed.
//
// The floor is the least a server can do and still be right and durable (cmd/limits,
// floor-serve). Upright runs with authentication, access rules, audit rows, request ids
// and the event log on. Everything stays on loopback and is bounded in count and time.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strings"
	"time"
)

// options says what is run and how long.
type options struct {
	upright, limits string
	rounds          int
	phase           time.Duration
	maxOps          int
	ops             []string
	workers         []int
	dir             string
	profile         string // file for a CPU profile of Upright; "" for none
	verbose         bool
}

func main() {
	log.SetFlags(log.Ltime)
	var o options
	var ops, conc string
	flag.StringVar(&o.upright, "upright", ".bin/upright", "the program under test")
	flag.StringVar(&o.limits, "limits", ".bin/limits", "the program with the floor server")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds of floor and Upright, in alternating order")
	flag.DurationVar(&o.phase, "time", 2*time.Second, "longest a phase is measured")
	flag.IntVar(&o.maxOps, "max", 8000, "most requests in a phase")
	flag.StringVar(&ops, "ops", "search,book,bookhot,bookplan,daysheet,race", "operations")
	flag.StringVar(&conc, "conc", "1,8,32", "concurrencies")
	flag.StringVar(&o.profile, "profile", "", "write a CPU profile of Upright to this file")
	flag.BoolVar(&o.verbose, "v", false, "print every phase")
	flag.Parse()
	o.ops = strings.Split(ops, ",")
	for _, c := range strings.Split(conc, ",") {
		var n int
		if _, err := fmt.Sscan(c, &n); err != nil || n < 1 {
			log.Fatalf("-conc %q: want numbers", conc)
		}
		o.workers = append(o.workers, n)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	missed, err := run(ctx, o)
	if err != nil {
		log.Fatal(err)
	}
	if missed > 0 {
		log.Fatalf("%d goals missed", missed)
	}
}

// run starts both servers, measures, and prints the report. It leaves nothing behind.
func run(ctx context.Context, o options) (missed int, err error) {
	if o.dir, err = os.MkdirTemp("", "upright-bench-"); err != nil {
		return 0, err
	}
	defer os.RemoveAll(o.dir)
	idle, err := measureStart(ctx, o)
	if err != nil {
		return 0, fmt.Errorf("start and idle memory: %w", err)
	}
	pair, err := startPair(ctx, o)
	if err != nil {
		return 0, err
	}
	defer pair.stop()
	t := &table{}
	for round := range o.rounds {
		for _, op := range o.ops {
			if err := pair.round(ctx, o, t, round, op); err != nil {
				return 0, err
			}
		}
		log.Printf("round %d of %d done", round+1, o.rounds)
	}
	return report(os.Stdout, t, idle), nil
}
