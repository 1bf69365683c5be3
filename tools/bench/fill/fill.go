// Package fill gives a clinic a past: it writes appointments straight into the tables of
// booking, as many in a second as would take a minute over HTTP.
//
// It knows nothing of what a booking means. Upright itself books one appointment over HTTP,
// and everything that booking wrote for it — the row, the claims, the event, the audit row,
// the request id — is the pattern: each further appointment has the same rows, with its own
// ids, people, room and times. The database's own constraints and triggers stay on.
package fill

import (
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Pattern is what one real booking wrote.
type Pattern struct {
	// AppointmentID is that of the booking; the others are who and what it claimed.
	AppointmentID, PractitionerID, RoomID, PatientID string
	rows                                             []row
}

// row is one row of the pattern: its values as SQL literals, by column.
type row struct {
	table   string
	columns []string
	values  map[string]string
}

// Dialect is how literals are written.
type Dialect int

// The two databases.
const (
	SQLite Dialect = iota
	Postgres
)

// Queryer is a database or a transaction.
type Queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// tables are those that a booking without a plan writes, with the column that holds the
// appointment's id.
var tables = [...]struct{ name, by string }{
	{"request_ids", "resource_id"}, {"claims", "holder_id"}, {"appointments", "appointment_id"},
	{"audit_log", "resource_id"}, {"event_log", "aggregate_id"},
}

// Learn reads what a booking wrote. It fails when a table has nothing of it, since then the
// pattern would not be the whole of a booking.
func Learn(ctx context.Context, db Queryer, d Dialect, appointmentID string) (*Pattern, error) {
	p := &Pattern{AppointmentID: appointmentID}
	for _, t := range tables {
		if err := p.learn(ctx, db, d, t.name, t.by); err != nil {
			return nil, fmt.Errorf("fill: read %s of the first booking: %w", t.name, err)
		}
	}
	claims := slices.IndexFunc(p.rows, func(r row) bool { return r.table == "appointments" })
	unquote := func(column string) string { return strings.Trim(p.rows[claims].values[column], "'") }
	p.PractitionerID, p.RoomID, p.PatientID = unquote("practitioner_id"), unquote("room_id"), unquote("patient_id")
	return p, nil
}

func (p *Pattern) learn(ctx context.Context, db Queryer, d Dialect, table, by string) error {
	rows, err := db.QueryContext(ctx, "select * from "+table+" where "+by+" = $1", p.AppointmentID)
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	found := false
	for rows.Next() {
		found = true
		into := make([]any, len(columns))
		for i := range into {
			into[i] = new(any)
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		r := row{table: table, columns: columns, values: map[string]string{}}
		for i, c := range columns {
			if r.values[c], err = literal(d, *into[i].(*any)); err != nil {
				return fmt.Errorf("column %s: %w", c, err)
			}
		}
		p.rows = append(p.rows, r)
	}
	if err := rows.Err(); err != nil || found {
		return err
	}
	return sql.ErrNoRows
}

// literal writes a value as SQL.
func literal(d Dialect, v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "null", nil
	case string:
		return "'" + strings.ReplaceAll(v, "'", "''") + "'", nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case bool:
		return strconv.FormatBool(v), nil
	case []byte:
		if d == Postgres {
			return `'\x` + hex.EncodeToString(v) + `'::bytea`, nil
		}
		return "x'" + hex.EncodeToString(v) + "'", nil
	}
	return "", fmt.Errorf("a %T cannot be copied", v)
}

// Names are the SQL expressions that stand for the parts of a further appointment.
type Names struct {
	Number                                   string // counts from 1
	Appointment, Practitioner, Room, Patient string
	Starts, Ends                             string // microseconds
	Date                                     string // YYYY-MM-DD
	Event, Request                           string // ids of its event and of its request
	// Serial says that the columns event_log.id and audit_log.audit_id are given by the
	// database, and the event's number by the relay.
	Serial bool
}

// Inserts are the statements that write a further appointment. from is appended to each: a
// FROM clause when the names are columns.
func (p *Pattern) Inserts(n Names, from string) (statements []Insert) {
	for _, r := range p.rows {
		own := p.overrides(r, n)
		var columns, values []string
		for _, c := range r.columns {
			v, changed := own[c]
			if !changed {
				v = r.values[c]
			}
			if v == "" { // left to the database
				continue
			}
			columns, values = append(columns, c), append(values, v)
		}
		statements = append(statements, Insert{r.table, "insert into " + r.table + " (" + strings.Join(columns, ", ") + ")\nselect " + strings.Join(values, ", ") + " " + from})
	}
	return statements
}

// Insert is a statement and the table that it writes.
type Insert struct{ Table, SQL string }

// overrides are the columns of a row that are not the pattern's; an empty one is left out.
func (p *Pattern) overrides(r row, n Names) map[string]string {
	after := func(column string) string {
		if n.Serial {
			return ""
		}
		return r.values[column] + " + " + n.Number
	}
	switch r.table {
	case "request_ids":
		return map[string]string{"request_id": n.Request, "resource_id": n.Appointment}
	case "claims":
		resource := map[string]string{p.PractitionerID: n.Practitioner, p.RoomID: n.Room, p.PatientID: n.Patient}[strings.Trim(r.values["resource_id"], "'")]
		return map[string]string{"resource_id": resource, "holder_id": n.Appointment, "starts_at": n.Starts, "ends_at": n.Ends}
	case "appointments":
		return map[string]string{
			"appointment_id": n.Appointment, "practitioner_id": n.Practitioner, "room_id": n.Room, "patient_id": n.Patient, "claimed_patient_id": n.Patient,
			"starts_at": n.Starts, "ends_at": n.Ends, "claims_start_at": n.Starts, "claims_end_at": n.Ends, "local_date": n.Date,
		}
	case "audit_log":
		return map[string]string{"audit_id": after("audit_id"), "resource_id": n.Appointment, "patient_id": n.Patient}
	case "event_log":
		return map[string]string{"id": after("id"), "event_id": n.Event, "aggregate_id": n.Appointment, "pub_seq": after("pub_seq")}
	}
	return nil
}
