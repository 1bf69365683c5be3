package main

import (
	"context"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"slices"

	"github.com/upright-clinic/upright/tools/bench/fill"
	"github.com/upright-clinic/upright/tools/bench/procstat"
	"github.com/upright-clinic/upright/tools/bench/runner"
	"github.com/upright-clinic/upright/tools/bench/target/upright"
	"github.com/upright-clinic/upright/tools/bench/workload"
)

// Goals of a large clinic, and of a clinic that grows.
const (
	goalOpeningsMs   = 150.0 // p95 of all openings of eight weeks
	goalGrowthShare  = 0.85  // of the smallest clinic's throughput
	goalGrowthP99    = 1.5   // times its p99
	goalGrowthCPU    = 1.15  // times its server CPU an operation
	largeClinic      = 100_000
	clinicsBaseName  = "base"
	growthWarmup     = 200
	growthMaxOps     = 3000
	openingsMaxOps   = 400
	openingsWarmup   = 5
	contendedWorkers = 64
)

// sized is an Upright whose clinic has so many appointments.
type sized struct {
	appointments int
	srv          *server
	clinic       *upright.Clinic
	booked       int // visits handed out so far
}

// clinics are the same clinic at several sizes, each served by a program of its own, so that
// their phases can alternate: two runs of one program differ more than growth does.
type clinics []*sized

func (c clinics) stop() {
	for _, s := range c {
		s.srv.stop()
	}
}

// startClinics makes the clinic once over HTTP, copies its folder for each size, and fills
// the copies.
func startClinics(ctx context.Context, o options, sizes []int) (all clinics, err error) {
	base := filepath.Join(o.dir, clinicsBaseName)
	first, id, err := makeBase(ctx, o, base)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			all.stop()
		}
	}()
	for _, n := range sizes {
		dir := filepath.Join(o.dir, fmt.Sprint("clinic-", n))
		if err := copyFolder(base, dir); err != nil {
			return all, err
		}
		w := workload.NewClinic(bookingWindow, n)
		if err := fill.Folder(ctx, dir, id, w, first.People()); err != nil {
			return all, err
		}
		srv, err := startUpright(ctx, o, dir)
		if err != nil {
			return all, err
		}
		s := &sized{appointments: n, srv: srv}
		all = append(all, s)
		if s.clinic, err = first.At(ctx, srv.base, maxConns, w); err != nil {
			return all, err
		}
		if err := s.verify(ctx); err != nil {
			return all, fmt.Errorf("clinic of %d appointments: %w", n, err)
		}
		log.Printf("a clinic of %d appointments is there", n)
	}
	return all, nil
}

// copyFolder copies the files with their modes: keys must stay unreadable to others.
func copyFolder(from, to string) error {
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return err
	}
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		return os.Chmod(filepath.Join(to, rel), info.Mode().Perm())
	})
}

func makeBase(ctx context.Context, o options, dir string) (c *upright.Clinic, appointmentID string, err error) {
	srv, err := startUpright(ctx, o, dir)
	if err != nil {
		return nil, "", err
	}
	defer srv.stop()
	admin, err := addAdmin(ctx, o, dir)
	if err != nil {
		return nil, "", err
	}
	return upright.NewClinic(ctx, srv.base, maxConns, admin.Email, admin.Password, workload.NewClinic(bookingWindow, 0))
}

// verify asks each question once: what was filled in must be seen as if it had been booked.
func (s *sized) verify(ctx context.Context) error {
	for _, op := range []string{"openings", "firstpage", "search", "daysheet"} {
		if err := s.operation(op)(ctx, 0); err != nil {
			return fmt.Errorf("%s: %w", op, err)
		}
	}
	return nil
}

func (s *sized) operation(op string) runner.Op {
	switch op {
	case "openings":
		return s.clinic.Openings
	case "firstpage":
		return s.clinic.FirstPage
	case "search":
		return s.clinic.Search
	case "daysheet":
		return s.clinic.Sheet
	}
	base := s.booked // book
	return func(ctx context.Context, n int) error { return s.clinic.BookFree(ctx, base+n) }
}

// phase measures one operation. Every booking is of a visit of its own, with a free room.
func (s *sized) phase(ctx context.Context, o options, op string, limits runner.Limits) runner.Result {
	groups := []procstat.Group{s.srv.group, {Name: "client", Pids: []int{os.Getpid()}}}
	r := runner.Run(ctx, fmt.Sprint(s.appointments), op, limits, groups, s.operation(op))
	if op == "book" {
		s.booked += limits.MaxOps + limits.Warmup
	}
	if o.verbose || r.Errors > 0 {
		log.Printf("%8d %-9s c=%-3d %8.0f/s cpu/op %.3f ms p50 %.2f p95 %.2f p99 %.2f ms taken %d errors %d %s",
			s.appointments, op, limits.Workers, r.PerSecond, r.CPUPerOKms, r.P50ms, r.P95ms, r.P99ms, r.Taken, r.Errors, r.FirstError)
	}
	return r
}

// large measures the clinic of the scale goals.
func (s *sized) large(ctx context.Context, o options, card *scorecard) error {
	fmt.Fprintf(card.w, "\nA clinic of 50 practitioners, 20 rooms and %d appointments\n", s.appointments)
	for _, op := range []string{"openings", "firstpage"} {
		for _, workers := range []int{1, 8} {
			limits := runner.Limits{Workers: workers, Duration: o.phase, MaxOps: openingsMaxOps, Warmup: openingsWarmup}
			r := s.phase(ctx, o, op, limits)
			fmt.Fprintf(card.w, "%-9s c=%-2d %8.1f/s   p50 %7.2f  p95 %7.2f  p99 %7.2f ms   server CPU %7.3f ms   errors %d\n",
				op, workers, r.PerSecond, r.P50ms, r.P95ms, r.P99ms, r.CPUPerOKms, r.Errors)
			card.atMost(fmt.Sprintf("%s of eight weeks c=%d, p95 ms", op, workers), r.P95ms, goalOpeningsMs)
		}
	}
	for _, workers := range []int{1, 8, 32, contendedWorkers} {
		r := s.phase(ctx, o, "book", runner.Limits{Workers: workers, Duration: o.phase, MaxOps: growthMaxOps, Warmup: warmup})
		card.atMost(fmt.Sprintf("book the last free room c=%d, false refusals and errors of %d", workers, r.OK+r.Taken+r.Errors), float64(r.Taken+r.Errors), 0)
	}
	return ctx.Err()
}

// grow compares the sizes, in alternating order.
func (c clinics) grow(ctx context.Context, o options, card *scorecard) error {
	measured := map[key]map[int][]runner.Result{}
	var keys []key
	for round := range o.rounds {
		for _, op := range []string{"book", "search", "daysheet"} {
			for _, workers := range []int{8, 32} {
				k := key{op, workers}
				if measured[k] == nil {
					measured[k] = map[int][]runner.Result{}
					keys = append(keys, k)
				}
				order := slices.Clone(c)
				if round%2 == 1 {
					slices.Reverse(order)
				}
				for _, s := range order {
					limits := runner.Limits{Workers: workers, Duration: o.phase, MaxOps: growthMaxOps, Warmup: growthWarmup}
					measured[k][s.appointments] = append(measured[k][s.appointments], s.phase(ctx, o, op, limits))
				}
			}
		}
		log.Printf("growth: round %d of %d done", round+1, o.rounds)
	}
	c.reportGrowth(card, keys, measured)
	return ctx.Err()
}

func (c clinics) reportGrowth(card *scorecard, keys []key, measured map[key]map[int][]runner.Result) {
	fmt.Fprintf(card.w, "\nThe same clinic as it grows\n%-9s %3s %9s | %9s %9s %9s | %6s %6s\n", "op", "c", "appts", "ok/s", "p99 ms", "CPU ms", "taken", "errors")
	for _, k := range keys {
		for _, s := range c {
			r := measured[k][s.appointments]
			fmt.Fprintf(card.w, "%-9s %3d %9d | %9.0f %9.2f %9.3f | %6d %6d\n",
				k.op, k.workers, s.appointments, of(r, perSecond), of(r, p99), of(r, cpu), sum(r, taken), sum(r, failed))
		}
	}
	fmt.Fprintln(card.w)
	for _, k := range keys {
		base := measured[k][c[0].appointments]
		for _, s := range c[1:] {
			r := measured[k][s.appointments]
			name := func(what string) string {
				return fmt.Sprintf("%s c=%d, %d to %d appointments, %s", k.op, k.workers, c[0].appointments, s.appointments, what)
			}
			card.atLeast(name("throughput"), share(base, r, perSecond), goalGrowthShare)
			card.atMost(name("p99"), share(base, r, p99), goalGrowthP99)
			card.atMost(name("CPU"), share(base, r, cpu), goalGrowthCPU)
		}
	}
}
