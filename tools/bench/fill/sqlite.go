package fill

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the driver

	"github.com/upright-clinic/upright/tools/bench/workload"
)

// People are the ids of those who can be booked, in the workload's order.
type People struct{ Practitioners, Rooms, Patients []string }

// keptRequests is how many request ids a clinic keeps: they are forgotten after a day.
const keptRequests = 10_000

// Folder writes the clinic's appointments into the data folder of an Upright that does not
// run, in which the appointment with the id is the only one.
func Folder(ctx context.Context, dir, appointmentID string, c workload.Clinic, who People) (err error) {
	db, err := sql.Open("sqlite", filepath.Join(dir, "booking.db")+"?_pragma=synchronous(OFF)&_pragma=cache_size(-524288)&_pragma=temp_store(MEMORY)")
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	defer func() { err = errors.Join(err, db.Close()) }()
	p, err := Learn(ctx, db, SQLite, appointmentID)
	if err != nil {
		return err
	}
	if err := describe(ctx, db, c, who); err != nil {
		return fmt.Errorf("fill: list the appointments: %w", err)
	}
	names := Names{
		Number: "n", Appointment: "appointment_id", Practitioner: "practitioner_id", Room: "room_id", Patient: "patient_id",
		Starts: "starts_at", Ends: "ends_at", Date: "local_date", Event: "'evt_' || substr(appointment_id, 5)", Request: "'filled-' || n",
	}
	for _, in := range p.Inserts(names, "from filling") {
		if in.Table == "request_ids" {
			in.SQL += fmt.Sprintf(" where n > %d", c.Appointments-keptRequests)
		} else {
			in.SQL += " order by n"
		}
		if _, err := db.ExecContext(ctx, in.SQL); err != nil {
			return fmt.Errorf("fill: %s: %w", in.Table, err)
		}
	}
	return moveOn(ctx, db, dir)
}

// describe lists the appointments in a temporary table, from which the rows are made.
func describe(ctx context.Context, db *sql.DB, c workload.Clinic, who People) error {
	_, err := db.ExecContext(ctx, `create temp table filling (n integer primary key, appointment_id text, practitioner_id text, room_id text,
		patient_id text, starts_at integer, ends_at integer, local_date text)`)
	if err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // done when it was committed
	add, err := tx.PrepareContext(ctx, `insert into filling values ($1, $2, $3, $4, $5, $6, $7, $8)`)
	if err != nil {
		return err
	}
	defer add.Close()
	for i := range c.Appointments {
		v := c.Visit(i)
		start, end := c.Times(v)
		_, err := add.ExecContext(ctx, i+1, id("apt", c.Start, i), who.Practitioners[v.Practitioner], who.Rooms[v.Room], who.Patients[v.Patient],
			start.UnixMicro(), end.UnixMicro(), start.Format(time.DateOnly))
		if err != nil {
			return err
		}
	}
	return tx.Commit()
}

// id is the n-th id in the form of Upright's own: a UUIDv7 of years ago, one a millisecond,
// so that they sort before those that the program makes.
func id(prefix string, start time.Time, n int) string {
	ms := start.AddDate(-5, 0, 0).UnixMilli() + int64(n)
	return fmt.Sprintf("%s_%012x7000%04x%012x", prefix, ms, 0x8000|n&0x3fff, uint64(n)*0x9e3779b97f4a7c15>>16)
}

// moveOn tells the log and everybody who reads it that the events are old: published, and
// heard of long ago.
func moveOn(ctx context.Context, db *sql.DB, dir string) (err error) {
	var last int64
	var event string
	if err := db.QueryRowContext(ctx, `select pub_seq, event_id from event_log order by pub_seq desc limit 1`).Scan(&last, &event); err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, `update log_head set last_pub_seq = $1, acked_pub_seq = $1, last_event_id = $2`, last, event); err != nil {
		return err
	}
	for _, service := range []string{"directory", "intake", "plans", "booking"} {
		if err := moveCursor(ctx, filepath.Join(dir, service+".db"), last, event); err != nil {
			return fmt.Errorf("fill: cursor of %s: %w", service, err)
		}
	}
	_, err = db.ExecContext(ctx, `pragma wal_checkpoint(truncate)`)
	return err
}

func moveCursor(ctx context.Context, file string, last int64, event string) (err error) {
	db, err := sql.Open("sqlite", file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	_, err = db.ExecContext(ctx, `update cursors set pos = $1, last_event_id = $2 where producer = 'booking'`, last, event)
	return err
}
