package store

import (
	"errors"
	"strings"
	"time"

	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Entry is a row of the ledger: a claimed session of a plan, an injection, or both.
type Entry struct {
	ClinicID        string
	ID              string // "ent_…" of a claim, else the injection's id
	InjectionID     string // empty but for injections
	PatientID       string // the record that lives on
	OriginPatientID string // the record it was entered under
	AppointmentID   string
	PlanID          string
	CourseID        string
	Discipline      string
	Kind            string // empty but for injections
	PractitionerID  string
	State           string      // HELD, CONFIRMED, RELEASED, USED, NO_SHOW, or an injection's state
	Outcome         string      // the newest that booking has recorded; empty when none is known
	Counts          bool        // uses one of the course's sessions
	RecordMissing   bool        // delivered, and what was given is not recorded
	LocalDate       civil.Date  // the true one once it was given
	BookedDate      civil.Date  // of a claim: the one that was claimed
	Month           civil.Month // not zero: no more than the month is known
	Start           time.Time   // zero when not known
	Minutes         int
	Replaces        string
	Region          string
	Source          string
	DuplicateOf     string
	PolicyVersion   int64
	CreatedAt       time.Time
	Version         int64
}

const entryColumns = `clinic_id, entry_id, injection_id, patient_id, origin_patient_id, appointment_id, plan_id, course_id, discipline,
	kind, practitioner_id, state, outcome, counts, record_missing, local_date, booked_date, month, start_at, duration_minutes, replaces,
	region, source, duplicate_of, policy_version, created_at, version`

// entryFields is how many columns that is.
const entryFields = 27

// values are the row's columns in the order of entryColumns.
func (e Entry) values() []any {
	return []any{
		e.ClinicID, e.ID, e.InjectionID, e.PatientID, e.OriginPatientID, e.AppointmentID, e.PlanID, e.CourseID, e.Discipline,
		e.Kind, e.PractitionerID, e.State, e.Outcome, e.Counts, e.RecordMissing, e.LocalDate.String(), e.BookedDate.String(), monthText(e.Month),
		micros(e.Start), e.Minutes, e.Replaces, e.Region, e.Source, e.DuplicateOf, e.PolicyVersion, micros(e.CreatedAt), e.Version,
	}
}

// scanner is a row of one or of many.
type scanner interface{ Scan(dest ...any) error }

func scanEntry(row scanner) (Entry, error) {
	var e Entry
	var month string
	var start, created int64
	err := row.Scan(&e.ClinicID, &e.ID, &e.InjectionID, &e.PatientID, &e.OriginPatientID, &e.AppointmentID, &e.PlanID, &e.CourseID,
		&e.Discipline, &e.Kind, &e.PractitionerID, &e.State, &e.Outcome, &e.Counts, &e.RecordMissing, &e.LocalDate, &e.BookedDate, &month,
		&start, &e.Minutes, &e.Replaces, &e.Region, &e.Source, &e.DuplicateOf, &e.PolicyVersion, &created, &e.Version)
	if err != nil {
		return Entry{}, err
	}
	e.Start, e.CreatedAt = instant(start), instant(created)
	if month != "" {
		e.Month, err = civil.ParseMonth(month)
	}
	return e, err
}

// micros stores an instant, 0 for none.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return sqldb.Micros(t)
}

func instant(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return sqldb.Time(micros)
}

func monthText(m civil.Month) string {
	if m.IsZero() {
		return ""
	}
	return m.String()
}

// insertSizes are the rows that one statement takes; a course of 24 goes in as 16 and 8.
var insertSizes = []int{16, 8, 4, 2, 1}

// insertStatements are their texts, made once: statements are kept by their text.
var insertStatements = func() map[int]string {
	out := map[int]string{}
	for _, n := range insertSizes {
		var b strings.Builder
		b.WriteString("INSERT INTO ledger (" + entryColumns + ") VALUES ")
		for i := range n {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(placeholders(i*entryFields, entryFields))
		}
		b.WriteString(" ON CONFLICT DO NOTHING")
		out[n] = b.String()
	}
	return out
}()

// InsertEntries adds rows and tells how many were new: an id that is taken, or a claim that
// is replaced by another live one already, adds nothing.
func InsertEntries(tx *sqldb.Tx, entries ...Entry) (int, error) {
	added := 0
	for _, size := range insertSizes {
		for len(entries) >= size {
			var args []any
			for _, e := range entries[:size] {
				args = append(args, e.values()...)
			}
			n, err := tx.Exec(insertStatements[size], args...)
			if err != nil {
				return added, err
			}
			added += int(n)
			entries = entries[size:]
		}
	}
	return added, nil
}

// UpdateEntry writes what of a row may change, and fails with VERSION_MISMATCH when it has
// changed since it was read. The caller's entry has the new version afterwards.
func UpdateEntry(tx *sqldb.Tx, e *Entry) error {
	n, err := tx.Exec(`UPDATE ledger SET injection_id = $4, appointment_id = $5, practitioner_id = $6, state = $7, outcome = $8, counts = $9,
		record_missing = $10, local_date = $11, month = $12, region = $13, source = $14, duplicate_of = $15, kind = $16, version = version + 1
		WHERE clinic_id = $1 AND entry_id = $2 AND version = $3`,
		e.ClinicID, e.ID, e.Version, e.InjectionID, e.AppointmentID, e.PractitionerID, e.State, e.Outcome, e.Counts,
		e.RecordMissing, e.LocalDate.String(), monthText(e.Month), e.Region, e.Source, e.DuplicateOf, e.Kind)
	if err != nil {
		return err
	}
	if n == 0 {
		return errChanged()
	}
	e.Version++
	return nil
}

// EntryByID gives a row; false when there is none.
func EntryByID(tx *sqldb.Tx, clinicID, id string) (Entry, bool, error) {
	return found(scanEntry(tx.QueryRow(`SELECT `+entryColumns+` FROM ledger WHERE clinic_id = $1 AND entry_id = $2`, clinicID, id)))
}

// EntryByInjection gives the row of an injection; false when there is none.
func EntryByInjection(tx *sqldb.Tx, clinicID, injectionID string) (Entry, bool, error) {
	return found(scanEntry(tx.QueryRow(`SELECT `+entryColumns+` FROM ledger WHERE clinic_id = $1 AND injection_id = $2 AND injection_id <> ''`,
		clinicID, injectionID)))
}

func found(e Entry, err error) (Entry, bool, error) {
	if errors.Is(err, sqldb.ErrNoRows) {
		return Entry{}, false, nil
	}
	return e, err == nil, err
}

// EntriesForClaim gives what bears on sessions of a plan: the plan's own rows, the person's
// injections, and one row by its id, which may be an outcome that came before its claim.
// The head must be locked.
func EntriesForClaim(tx *sqldb.Tx, clinicID, patientID, planID, entryID string) ([]Entry, error) {
	return entries(tx, `SELECT `+entryColumns+` FROM ledger WHERE clinic_id = $1 AND patient_id = $2
		AND (plan_id = $3 OR kind <> '' OR entry_id = $4) ORDER BY local_date, start_at, entry_id`, clinicID, patientID, planID, entryID)
}

// Injections gives the person's injections, those not known to the day on the first of
// their month.
func Injections(tx *sqldb.Tx, clinicID, patientID string) ([]Entry, error) {
	return entries(tx, `SELECT `+entryColumns+` FROM ledger WHERE clinic_id = $1 AND patient_id = $2 AND kind <> ''
		ORDER BY local_date, entry_id`, clinicID, patientID)
}

// EntriesOfPatient gives every row of the person by date.
func EntriesOfPatient(tx *sqldb.Tx, clinicID, patientID string) ([]Entry, error) {
	return entries(tx, `SELECT `+entryColumns+` FROM ledger WHERE clinic_id = $1 AND patient_id = $2
		ORDER BY local_date, start_at, entry_id`, clinicID, patientID)
}

// EntriesOfPlan gives the sessions of a plan by date.
func EntriesOfPlan(tx *sqldb.Tx, clinicID, planID string) ([]Entry, error) {
	return entries(tx, `SELECT `+entryColumns+` FROM ledger WHERE clinic_id = $1 AND plan_id = $2 AND plan_id <> ''
		ORDER BY local_date, start_at, entry_id`, clinicID, planID)
}

// EntriesOfAppointment gives the claims that an appointment has had, oldest first.
func EntriesOfAppointment(tx *sqldb.Tx, clinicID, appointmentID string) ([]Entry, error) {
	return entries(tx, `SELECT `+entryColumns+` FROM ledger WHERE clinic_id = $1 AND appointment_id = $2 AND appointment_id <> ''
		ORDER BY created_at, entry_id`, clinicID, appointmentID)
}

// HeldBefore gives claims without an outcome that are older than an instant, oldest first.
func HeldBefore(tx *sqldb.Tx, before time.Time, limit int) ([]Entry, error) {
	return entries(tx, `SELECT `+entryColumns+` FROM ledger WHERE state = 'HELD' AND created_at < $1
		ORDER BY created_at LIMIT $2`, sqldb.Micros(before), limit)
}

func entries(tx *sqldb.Tx, query string, args ...any) ([]Entry, error) {
	rows, err := tx.Query(query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Entry
	for rows.Next() {
		e, err := scanEntry(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, rows.Err()
}
