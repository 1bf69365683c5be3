package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver

	"github.com/upright-clinic/upright/tools/bench/fill"
	"github.com/upright-clinic/upright/tools/bench/procstat"
	"github.com/upright-clinic/upright/tools/bench/runner"
	"github.com/upright-clinic/upright/tools/bench/target/upright"
	"github.com/upright-clinic/upright/tools/bench/workload"
)

// goalPostgresShare is the share of what pgbench books with one function that writes the same
// rows.
const goalPostgresShare = 0.40

// twin is an Upright on PostgreSQL and, in the same database, tables like booking's with a
// function that books: the least that PostgreSQL has to do for a booking.
type twin struct {
	address, pgbench string
	srv              *server
	upright          *upright.Target
	data             *workload.Dataset
	db               *sql.DB
	next             int
}

// onPostgres is the part that compares with pgbench.
func onPostgres(ctx context.Context, o options, card *scorecard) (err error) {
	if o.postgres == "" {
		return errors.New("no server: run it under tools/testenv --postgres, or say -postgres")
	}
	address, drop, err := makeDatabase(ctx, o.postgres)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, drop()) }()
	t := &twin{address: address, data: workload.New(workload.DefaultConfig(bookingWindow))}
	if t.pgbench, err = findPgbench(o.pgbench); err != nil {
		return err
	}
	if t.db, err = sql.Open("pgx", address); err != nil {
		return err
	}
	defer t.db.Close()
	if err := t.start(ctx, o); err != nil {
		return err
	}
	defer t.srv.stop()
	return t.compare(ctx, o, card)
}

// makeDatabase makes a database of this run's own.
func makeDatabase(ctx context.Context, server string) (address string, drop func() error, err error) {
	u, err := url.Parse(server)
	if err != nil {
		return "", nil, errors.New("the PostgreSQL address cannot be read") // it may hold a password
	}
	db, err := sql.Open("pgx", server)
	if err != nil {
		return "", nil, err
	}
	name := "upright_bench_" + strconv.Itoa(os.Getpid())
	if _, err := db.ExecContext(ctx, "create database "+name); err != nil {
		return "", nil, errors.Join(err, db.Close())
	}
	u.Path = "/" + name
	return u.String(), func() error {
		_, err := db.ExecContext(context.WithoutCancel(ctx), "drop database "+name+" with (force)")
		return errors.Join(err, db.Close())
	}, nil
}

// findPgbench looks where Debian and others put it.
func findPgbench(named string) (string, error) {
	if named != "" {
		return named, nil
	}
	if path, err := exec.LookPath("pgbench"); err == nil {
		return path, nil
	}
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin/pgbench", "/usr/pgsql-*/bin/pgbench", "/opt/homebrew/opt/postgresql*/bin/pgbench"} {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return found[len(found)-1], nil
		}
	}
	return "", errors.New("pgbench is not installed: say -pgbench")
}

// start starts Upright on the database, seeds it, and makes the function from what its first
// booking wrote.
func (t *twin) start(ctx context.Context, o options) (err error) {
	o.database = t.address
	dir := filepath.Join(o.dir, "data")
	if t.srv, err = startUpright(ctx, o, dir); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			t.srv.stop()
		}
	}()
	admin, err := addAdmin(ctx, o, dir)
	if err != nil {
		return err
	}
	if t.upright, err = upright.New(t.srv.base, maxConns, admin.Email, admin.Password); err != nil {
		return err
	}
	if err := t.upright.Seed(ctx, t.data, func(string, ...any) {}); err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	return t.makeFunction(ctx)
}

// makeFunction makes tables like booking's, with the same keys, indexes, constraints and
// trigger, and the function. They are not booking's own: the events of appointments that were
// never booked must not reach the other services.
func (t *twin) makeFunction(ctx context.Context) error {
	tx, err := t.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // done when it was committed
	for _, statement := range []string{"set local search_path = booking, public", "create schema bench", "create sequence bench.n minvalue 0"} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	var id string
	if err := tx.QueryRowContext(ctx, "select appointment_id from appointments order by appointment_id limit 1").Scan(&id); err != nil {
		return err
	}
	p, err := fill.Learn(ctx, tx, fill.Postgres, id)
	if err != nil {
		return err
	}
	var body strings.Builder
	for _, in := range p.Inserts(fill.Names{
		Number: "n", Appointment: "v_appointment", Practitioner: "v_practitioner", Room: "v_room", Patient: "v_patient",
		Starts: "v_starts", Ends: "v_starts + 1800000000", Date: "v_date", Event: "'evt_' || v_id", Request: "'bench-' || n", Serial: true,
	}, "") {
		fmt.Fprintf(&body, "\t%s;\n", strings.Replace(in.SQL, "insert into ", "insert into bench.", 1))
		_, err := tx.ExecContext(ctx, fmt.Sprintf("create table if not exists bench.%[1]s (like %[1]s including all)", in.Table))
		if err != nil {
			return err
		}
	}
	people := t.upright.People()
	for _, statement := range []string{
		`create trigger claims_insert_overlap before insert on bench.claims for each row when (not new.is_override) execute function claims_refuse()`,
		fmt.Sprintf(bookFunction, array(people.Practitioners), array(people.Rooms), array(people.Patients), bookingWindow.UnixMicro(), body.String()),
	} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// bookFunction books the next free half hour: the practitioners side by side, sixteen times a
// day, from nine o'clock, each with a room of their own.
const bookFunction = `create function bench.book() returns text language plpgsql as $book$
declare
	n bigint := nextval('bench.n');
	v_id text := replace(gen_random_uuid()::text, '-', '');
	v_appointment text := 'apt_' || lpad(to_hex(n), 12, '0') || substr(v_id, 13);
	v_practitioner text := (%[1]s)[1 + n %% 10];
	v_room text := (%[2]s)[1 + n %% 10];
	v_patient text := (%[3]s)[1 + n %% 200];
	v_starts bigint := %[4]d + (n / 160) * 86400000000 + 32400000000 + (n / 10 %% 16) * 1800000000;
	v_date text := to_char(to_timestamp(v_starts / 1000000) at time zone 'UTC', 'YYYY-MM-DD');
begin
%[5]s	return v_appointment;
end $book$`

func array(ids []string) string { return "array['" + strings.Join(ids, "','") + "']" }

// compare runs both at 8 and 32 clients, in alternating order.
func (t *twin) compare(ctx context.Context, o options, card *scorecard) error {
	fmt.Fprintf(card.w, "\nBookings on PostgreSQL\n%3s | %10s %10s %7s | %9s %9s | %6s %6s\n", "c", "pgbench/s", "upright/s", "share", "p99 ms", "CPU ms", "taken", "errors")
	type line struct{ base, ours []runner.Result }
	lines := map[int]*line{8: {}, 32: {}}
	workers := []int{8, 32}
	for round := range o.rounds {
		for _, c := range workers {
			l := lines[c]
			both := []func() error{
				func() error {
					r, err := t.runPgbench(ctx, o, c)
					l.base = append(l.base, r)
					return err
				},
				func() error { l.ours = append(l.ours, t.bookings(ctx, o, c)); return ctx.Err() },
			}
			if round%2 == 1 {
				slices.Reverse(both)
			}
			for _, measure := range both {
				if err := measure(); err != nil {
					return err
				}
			}
		}
		log.Printf("postgres: round %d of %d done", round+1, o.rounds)
	}
	for _, c := range workers {
		l := lines[c]
		fmt.Fprintf(card.w, "%3d | %10.0f %10.0f %6.0f%% | %9.2f %9.3f | %6d %6d\n", c, of(l.base, perSecond), of(l.ours, perSecond),
			100*share(l.base, l.ours, perSecond), of(l.ours, p99), of(l.ours, cpu), sum(l.ours, taken), sum(l.ours, failed))
	}
	for _, c := range workers {
		l := lines[c]
		card.atLeast(fmt.Sprintf("book on PostgreSQL c=%d, share of one function in pgbench", c), share(l.base, l.ours, perSecond), goalPostgresShare)
		card.atMost(fmt.Sprintf("book on PostgreSQL c=%d, false refusals and errors", c), float64(sum(l.ours, taken)+sum(l.ours, failed)), 0)
	}
	return nil
}

func (t *twin) bookings(ctx context.Context, o options, workers int) runner.Result {
	base := t.next
	t.next += o.maxOps + warmup
	groups := []procstat.Group{t.srv.group, {Name: "client", Pids: []int{os.Getpid()}}}
	r := runner.Run(ctx, "postgres", "book", runner.Limits{Workers: workers, Duration: o.phase, MaxOps: o.maxOps, Warmup: warmup}, groups,
		func(ctx context.Context, n int) error {
			return t.upright.Book(ctx, workload.Booking{Slot: t.data.HorizonSlot(base + n), Patient: n})
		})
	if o.verbose || r.Errors > 0 {
		log.Printf("upright  c=%-3d %8.0f/s cpu/op %.3f ms p99 %.2f ms taken %d errors %d %s", workers, r.PerSecond, r.CPUPerOKms, r.P99ms, r.Taken, r.Errors, r.FirstError)
	}
	return r
}

var tps = regexp.MustCompile(`tps = ([0-9.]+)`)

// runPgbench books with the function for as long as a phase lasts.
func (t *twin) runPgbench(ctx context.Context, o options, clients int) (r runner.Result, err error) {
	script := filepath.Join(o.dir, "book.sql")
	if err := os.WriteFile(script, []byte("select bench.book();\n"), 0o600); err != nil {
		return r, err
	}
	seconds := max(1, int(o.phase.Seconds()))
	cmd := exec.CommandContext(ctx, t.pgbench, "--no-vacuum", "--protocol=prepared", "--client="+strconv.Itoa(clients), "--jobs=2",
		"--time="+strconv.Itoa(seconds), "--file="+script, t.address)
	cmd.Env = append(os.Environ(), "PGOPTIONS=-c search_path=bench,booking,public -c synchronous_commit=on")
	out, err := cmd.CombinedOutput()
	found := tps.FindSubmatch(out)
	if err != nil || found == nil {
		return r, fmt.Errorf("pgbench: %w\n%s", err, out)
	}
	if r.PerSecond, err = strconv.ParseFloat(string(found[1]), 64); o.verbose {
		log.Printf("pgbench  c=%-3d %8.0f/s", clients, r.PerSecond)
	}
	return r, err
}
