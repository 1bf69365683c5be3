package sqldb

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// openBooking opens a database with the tables that a booking touches: appointments with
// three indexes, claims that must not overlap, a request id, an audit row, an event.
func openBooking(b *testing.B) *DB {
	b.Helper()
	db, err := Open(b.Context(), Config{URL: "sqlite:" + filepath.Join(b.TempDir(), "bench.db")})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	for _, ddl := range []string{
		`CREATE TABLE patients (clinic_id text NOT NULL, id text NOT NULL, name text NOT NULL, PRIMARY KEY (clinic_id, id)) WITHOUT ROWID`,
		`CREATE TABLE appointments (clinic_id text NOT NULL, id text NOT NULL, patient_id text NOT NULL, start_at bigint NOT NULL,
			end_at bigint NOT NULL, state text NOT NULL, PRIMARY KEY (clinic_id, id)) WITHOUT ROWID`,
		`CREATE INDEX appointments_day ON appointments (clinic_id, start_at)`,
		`CREATE INDEX appointments_patient ON appointments (clinic_id, patient_id, start_at)`,
		`CREATE TABLE claims (clinic_id text NOT NULL, resource_id text NOT NULL, start_at bigint NOT NULL, end_at bigint NOT NULL,
			appointment_id text NOT NULL, PRIMARY KEY (clinic_id, resource_id, start_at)) WITHOUT ROWID`,
		`CREATE TRIGGER claims_overlap BEFORE INSERT ON claims WHEN EXISTS (SELECT 1 FROM claims c WHERE c.clinic_id = new.clinic_id
			AND c.resource_id = new.resource_id AND c.start_at < new.end_at AND c.start_at > new.start_at - 86400000000 AND c.end_at > new.start_at)
			BEGIN SELECT RAISE(ABORT, 'overlap'); END`,
		`CREATE TABLE request_ids (clinic_id text NOT NULL, subject text NOT NULL, method text NOT NULL, request_id text NOT NULL,
			fingerprint text NOT NULL, resource_id text NOT NULL, at bigint NOT NULL, PRIMARY KEY (clinic_id, subject, method, request_id)) WITHOUT ROWID`,
		`CREATE TABLE audit_log (id integer PRIMARY KEY, clinic_id text NOT NULL, at bigint NOT NULL, actor text NOT NULL, action text NOT NULL)`,
		`CREATE TABLE event_log (id integer PRIMARY KEY, event_id text NOT NULL UNIQUE, type text NOT NULL, payload blob NOT NULL, at bigint NOT NULL)`,
		`INSERT INTO patients VALUES ('c', 'p', 'name')`,
	} {
		if err := db.Write(b.Context(), func(tx *Tx) error { _, err := tx.Exec(ddl); return err }); err != nil {
			b.Fatal(err)
		}
	}
	return db
}

var payload = make([]byte, 256)

// book is a booking of ten statements.
func book(n int64) func(tx *Tx) error {
	id, start := fmt.Sprintf("apt_%032x", n), n*1_800_000_000
	return func(tx *Tx) error {
		var name string
		if err := tx.QueryRow(`SELECT name FROM patients WHERE clinic_id = $1 AND id = $2`, "c", "p").Scan(&name); err != nil {
			return err
		}
		var busy bool
		if err := tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM appointments WHERE clinic_id = $1 AND patient_id = $2 AND start_at < $3 AND start_at > $4)`,
			"c", "p", start+1800_000_000, start).Scan(&busy); err != nil {
			return err
		}
		at := Micros(tx.Now())
		for _, s := range []struct {
			query string
			args  []any
		}{
			{
				`INSERT INTO request_ids (clinic_id, subject, method, request_id, fingerprint, resource_id, at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
				[]any{"c", "acc_1", "/upright.booking.v1.AppointmentService/Create", id, "0123456789abcdef", id, at},
			},
			{
				`INSERT INTO appointments (clinic_id, id, patient_id, start_at, end_at, state) VALUES ($1, $2, $3, $4, $5, $6)`,
				[]any{"c", id, "p", start, start + 1_800_000_000, "BOOKED"},
			},
			{`INSERT INTO claims (clinic_id, resource_id, start_at, end_at, appointment_id) VALUES ($1, $2, $3, $4, $5)`, []any{"c", "eqp", start, start + 1_800_000_000, id}},
			{`INSERT INTO claims (clinic_id, resource_id, start_at, end_at, appointment_id) VALUES ($1, $2, $3, $4, $5)`, []any{"c", "pat", start, start + 1_800_000_000, id}},
			{`INSERT INTO claims (clinic_id, resource_id, start_at, end_at, appointment_id) VALUES ($1, $2, $3, $4, $5)`, []any{"c", "prac", start, start + 1_800_000_000, id}},
			{`INSERT INTO claims (clinic_id, resource_id, start_at, end_at, appointment_id) VALUES ($1, $2, $3, $4, $5)`, []any{"c", "room", start, start + 1_800_000_000, id}},
			{`INSERT INTO audit_log (clinic_id, at, actor, action) VALUES ($1, $2, $3, $4)`, []any{"c", at, "acc_1", "BOOK"}},
			{`INSERT INTO event_log (event_id, type, payload, at) VALUES ($1, $2, $3, $4)`, []any{id, "upright.booking.v1.AppointmentBooked", payload, at}},
		} {
			if _, err := tx.Exec(s.query, s.args...); err != nil {
				return err
			}
		}
		return nil
	}
}

// BenchmarkBooking puts group commit beside one commit a write, in one run:
//
//	go test -bench Booking -run '^$' ./sqldb
func BenchmarkBooking(b *testing.B) {
	for _, clients := range []int{1, 8, 32} {
		for _, way := range []string{"each", "group"} {
			b.Run(fmt.Sprintf("%s-%d", way, clients), func(b *testing.B) { benchmarkBooking(b, clients, way == "each") })
		}
	}
}

func benchmarkBooking(b *testing.B, clients int, each bool) {
	db := openBooking(b)
	var n atomic.Int64
	var alone sync.Mutex // one commit each: nobody waits with you
	cpu, before := cpuTime(b), db.Stats()
	b.ResetTimer()
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for {
				i := n.Add(1)
				if i > int64(b.N) {
					return
				}
				if each {
					alone.Lock()
				}
				err := db.Write(context.Background(), book(i))
				if each {
					alone.Unlock()
				}
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	after := db.Stats()
	b.ReportMetric(float64(cpuTime(b)-cpu)/float64(time.Microsecond)/float64(b.N), "cpu-µs/op")
	b.ReportMetric(float64(after.Writes-before.Writes)/float64(after.Commits-before.Commits), "writes/commit")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
}

func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
