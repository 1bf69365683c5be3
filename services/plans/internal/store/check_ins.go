package store

import (
	"database/sql"
	"errors"
	"time"

	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Stored states of a check-in. Whether an open one is scheduled, due or overdue depends on
// the clock of who looks.
const (
	CheckInOpen      = "OPEN"
	CheckInAnswered  = "ANSWERED"
	CheckInCancelled = "CANCELLED" // the record was struck out
	CheckInSkipped   = "SKIPPED"   // its time was over when the injection was recorded, or a later one was answered
)

// CheckIn is a time at which a patient is asked how it went after an injection.
type CheckIn struct {
	InjectionID string
	PatientID   string // who has the injection now; read only
	Code        string
	DueDate     civil.Date
	DueAt       time.Time
	State       string
	Pain        *int
	Course      string
	Signs       []string
	Findings    []string
	Advice      string
	Note        string
	AnsweredBy  string
	AnsweredAt  time.Time
}

const checkInColumns = `c.injection_id, l.patient_id, c.code, c.due_date, c.due_at, c.state, c.pain, c.course, c.signs, c.findings, c.advice, c.note,
	c.answered_by, c.answered_at`

const checkInSource = ` FROM injection_check_ins c JOIN ledger l
	ON l.clinic_id = c.clinic_id AND l.injection_id = c.injection_id AND l.injection_id <> ''`

// PutCheckIn plans a check-in, or plans it anew; an answer that was given stands. Unless it
// is skipped, a message to the patient waits for its time.
func PutCheckIn(tx *sqldb.Tx, clinicID string, c CheckIn) error {
	_, err := tx.Exec(`INSERT INTO injection_check_ins (clinic_id, injection_id, code, due_date, due_at, state, course, signs, findings, advice,
		note, answered_by, answered_at) VALUES ($1, $2, $3, $4, $5, $6, '', '', '', '', '', '', 0)
		ON CONFLICT (clinic_id, injection_id, code) DO UPDATE SET due_date = excluded.due_date, due_at = excluded.due_at, state = excluded.state
		WHERE injection_check_ins.state <> 'ANSWERED'`,
		clinicID, c.InjectionID, c.Code, c.DueDate.String(), micros(c.DueAt), c.State)
	if err != nil || c.State != CheckInOpen {
		return err
	}
	_, err = tx.Exec(`INSERT INTO outgoing (clinic_id, kind, subject_id, code, patient_id, send_at, state, created_at)
		VALUES ($1, 'INJECTION_CHECK_IN', $2, $3, $4, $5, 'WAITING', $6)
		ON CONFLICT (clinic_id, kind, subject_id, code) DO UPDATE SET send_at = excluded.send_at, state = excluded.state
		WHERE outgoing.state <> 'SENT'`,
		clinicID, c.InjectionID, c.Code, c.PatientID, micros(c.DueAt), micros(tx.Now()))
	return err
}

// CancelCheckIns takes an injection's open check-ins back, and the messages that wait.
func CancelCheckIns(tx *sqldb.Tx, clinicID, injectionID string) error {
	_, err := tx.Exec(`UPDATE injection_check_ins SET state = 'CANCELLED' WHERE clinic_id = $1 AND injection_id = $2 AND state = 'OPEN'`,
		clinicID, injectionID)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`UPDATE outgoing SET state = 'CANCELLED' WHERE clinic_id = $1 AND kind = 'INJECTION_CHECK_IN' AND subject_id = $2
		AND state = 'WAITING'`, clinicID, injectionID)
	return err
}

// AnswerCheckIn keeps an answer, which stands for the open check-ins before it too, and takes
// back the messages that still wait.
func AnswerCheckIn(tx *sqldb.Tx, clinicID string, c CheckIn) error {
	signs, err1 := encode(c.Signs)
	findings, err2 := encode(c.Findings)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	_, err := tx.Exec(`UPDATE injection_check_ins SET state = 'ANSWERED', pain = $4, course = $5, signs = $6, findings = $7, advice = $8, note = $9,
		answered_by = $10, answered_at = $11 WHERE clinic_id = $1 AND injection_id = $2 AND code = $3`,
		clinicID, c.InjectionID, c.Code, nullInt(c.Pain), c.Course, signs, findings, c.Advice, c.Note, c.AnsweredBy, micros(c.AnsweredAt))
	if err != nil {
		return err
	}
	// Nobody is asked how they were at a time for which they have said so since.
	_, err = tx.Exec(`UPDATE injection_check_ins SET state = 'SKIPPED' WHERE clinic_id = $1 AND injection_id = $2 AND state = 'OPEN' AND due_at <= $3`,
		clinicID, c.InjectionID, micros(c.DueAt))
	if err != nil {
		return err
	}
	_, err = tx.Exec(`UPDATE outgoing SET state = 'CANCELLED' WHERE clinic_id = $1 AND kind = 'INJECTION_CHECK_IN' AND subject_id = $2
		AND send_at <= $3 AND state = 'WAITING'`, clinicID, c.InjectionID, micros(c.DueAt))
	return err
}

// CheckInsOf gives a person's check-ins by injection, each injection's by their time.
func CheckInsOf(tx *sqldb.Tx, clinicID, patientID string) (map[string][]CheckIn, error) {
	list, err := checkIns(tx, `SELECT `+checkInColumns+checkInSource+` WHERE l.clinic_id = $1 AND l.patient_id = $2 ORDER BY c.due_at, c.code`,
		clinicID, patientID)
	out := map[string][]CheckIn{}
	for _, c := range list {
		out[c.InjectionID] = append(out[c.InjectionID], c)
	}
	return out, err
}

// OpenCheckIns gives a clinic's open check-ins that are due before an instant, the oldest
// first, behind a place in that order and at most limit of them.
func OpenCheckIns(tx *sqldb.Tx, clinicID string, before time.Time, after int64, afterID string, limit int) ([]CheckIn, error) {
	return checkIns(tx, `SELECT `+checkInColumns+checkInSource+` WHERE c.clinic_id = $1 AND c.state = 'OPEN' AND c.due_at <= $2
		AND (c.due_at > $3 OR (c.due_at = $3 AND c.injection_id || ' ' || c.code > $4))
		ORDER BY c.due_at, c.injection_id || ' ' || c.code LIMIT $5`, clinicID, micros(before), after, afterID, limit)
}

func checkIns(tx *sqldb.Tx, query string, args ...any) ([]CheckIn, error) {
	rows, err := tx.Query(query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []CheckIn
	for rows.Next() {
		var c CheckIn
		var due, answered int64
		var pain sql.NullInt64
		var signs, findings string
		err := rows.Scan(&c.InjectionID, &c.PatientID, &c.Code, &c.DueDate, &due, &c.State, &pain, &c.Course, &signs, &findings, &c.Advice,
			&c.Note, &c.AnsweredBy, &answered)
		if err != nil {
			return nil, err
		}
		c.DueAt, c.AnsweredAt, c.Pain = instant(due), instant(answered), intOf(pain)
		if err := errors.Join(decode(signs, &c.Signs), decode(findings, &c.Findings)); err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, rows.Err()
}
