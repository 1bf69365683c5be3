// Command bench measures Upright: beside the floor server, with a large clinic, with a clinic
// that grows, and on PostgreSQL beside pgbench. The contenders of a part run in one process
// after another, on the same machine, in the same run, phases interleaved. Only the ratios
// mean something; it prints them with the goals they are held to, PASS or MISSED, and with
// -check it ends with 1 when one is missed.
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
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// options says what is run and how long.
type options struct {
	upright, limits string
	parts           []string
	rounds          int
	phase           time.Duration
	maxOps          int
	ops             []string
	workers, sizes  []int
	postgres        string
	database        string // of Upright; "" for files in its folder
	pgbench         string
	dir             string
	profile         string // file for a CPU profile of Upright; "" for none
	verbose, check  bool
}

func main() {
	log.SetFlags(log.Ltime)
	o := parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	missed, err := run(ctx, o)
	switch {
	case err != nil:
		log.Fatal(err)
	case missed > 0 && o.check:
		log.Fatalf("%d goals missed", missed)
	case missed > 0:
		log.Printf("%d goals missed", missed)
	}
}

func parse() (o options) {
	var parts, ops, conc, sizes string
	flag.StringVar(&o.upright, "upright", ".bin/upright", "the program under test")
	flag.StringVar(&o.limits, "limits", ".bin/limits", "the program with the floor server")
	flag.StringVar(&parts, "parts", "floor,clinic,growth,postgres", "what is measured")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds of the contenders, in alternating order")
	flag.DurationVar(&o.phase, "time", 2*time.Second, "longest a phase is measured")
	flag.IntVar(&o.maxOps, "max", 8000, "most requests in a phase beside the floor")
	flag.StringVar(&ops, "ops", "search,book,bookhot,bookplan,daysheet,race", "operations beside the floor")
	flag.StringVar(&conc, "conc", "1,8,32", "concurrencies beside the floor")
	flag.StringVar(&sizes, "sizes", "1000,10000,100000", "appointments of the clinics that are compared; 1000000 takes a minute more")
	flag.StringVar(&o.postgres, "postgres", os.Getenv("UPRIGHT_TEST_POSTGRES"), "address of a PostgreSQL server in which databases may be made; tools/testenv starts one")
	flag.StringVar(&o.pgbench, "pgbench", "", "the pgbench program; empty looks where PostgreSQL is usually installed")
	flag.StringVar(&o.profile, "profile", "", "write a CPU profile of Upright to this file; of the last one that was started")
	flag.BoolVar(&o.verbose, "v", false, "print every phase")
	flag.BoolVar(&o.check, "check", false, "end with 1 when a goal is missed")
	flag.Parse()
	o.parts, o.ops = strings.Split(parts, ","), strings.Split(ops, ",")
	o.workers, o.sizes = numbers("conc", conc), numbers("sizes", sizes)
	return o
}

func numbers(name, list string) (all []int) {
	for c := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(c)
		if err != nil || n < 1 {
			log.Fatalf("-%s %q: want numbers", name, list)
		}
		all = append(all, n)
	}
	return all
}

// run measures every part that is asked for. It leaves nothing behind.
func run(ctx context.Context, o options) (missed int, err error) {
	if o.dir, err = os.MkdirTemp("", "upright-bench-"); err != nil {
		return 0, err
	}
	defer os.RemoveAll(o.dir)
	card := &scorecard{w: os.Stdout}
	for _, part := range o.parts {
		measure, known := map[string]func(context.Context, options, *scorecard) error{
			"floor": besideFloor, "clinic": largeOne, "growth": growing, "postgres": onPostgres,
		}[part]
		if !known {
			return 0, fmt.Errorf("-parts: there is no part %q", part)
		}
		own := o
		own.dir = filepath.Join(o.dir, part)
		if err := os.Mkdir(own.dir, 0o700); err != nil {
			return 0, err
		}
		if err := measure(ctx, own, card); err != nil {
			return 0, fmt.Errorf("%s: %w", part, err)
		}
		if err := os.RemoveAll(own.dir); err != nil {
			return 0, err
		}
	}
	return card.missed, nil
}

// besideFloor is the part that compares with the floor server.
func besideFloor(ctx context.Context, o options, card *scorecard) error {
	idle, err := measureStart(ctx, o)
	if err != nil {
		return fmt.Errorf("start and idle memory: %w", err)
	}
	pair, err := startPair(ctx, o)
	if err != nil {
		return err
	}
	defer pair.stop()
	t := &table{}
	for round := range o.rounds {
		for _, op := range o.ops {
			if err := pair.round(ctx, o, t, round, op); err != nil {
				return err
			}
		}
		log.Printf("round %d of %d done", round+1, o.rounds)
	}
	reportFloor(card, t, idle)
	return nil
}

// largeOne is the part with the clinic of the scale goals.
func largeOne(ctx context.Context, o options, card *scorecard) error {
	all, err := startClinics(ctx, o, []int{largeClinic})
	if err != nil {
		return err
	}
	defer all.stop()
	return all[0].large(ctx, o, card)
}

// growing is the part that compares the sizes.
func growing(ctx context.Context, o options, card *scorecard) error {
	all, err := startClinics(ctx, o, slices.Sorted(slices.Values(o.sizes)))
	if err != nil {
		return err
	}
	defer all.stop()
	return all.grow(ctx, o, card)
}
