package store

import (
	"errors"
	"time"

	"github.com/upright-clinic/upright/services/plans/internal/note"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Words are what a note says.
type Words struct {
	Subjective string   `json:"subjective,omitempty"`
	Objective  string   `json:"objective,omitempty"`
	Assessment string   `json:"assessment,omitempty"`
	Plan       string   `json:"plan,omitempty"`
	Procedures []string `json:"procedures,omitempty"`
	Adjuncts   []string `json:"adjuncts,omitempty"`
	Pressure   *int     `json:"pressure_tolerance,omitempty"`
}

// Note is a clinician's note about a session.
type Note struct {
	Words
	ID              string
	PatientID       string
	OriginPatientID string
	AppointmentID   string
	PlanID          string
	CourseID        string
	Discipline      string
	Date            civil.Date
	CarriedFrom     string
	Author          string
	CreatedAt       time.Time
	UpdatedAt       time.Time
	SignedAt        time.Time // zero: a draft
	Addenda         []Addendum
	Version         int64
}

// Addendum is what is added to a signed note.
type Addendum struct {
	ID, NoteID, Text, Author string
	At                       time.Time
}

const noteColumns = `note_id, patient_id, origin_patient_id, appointment_id, plan_id, course_id, discipline, local_date, body, carried_from,
	author, created_at, updated_at, signed_at, version`

// InsertNote adds a draft; false when its author has one for the appointment.
func InsertNote(tx *sqldb.Tx, clinicID string, n Note) (bool, error) {
	body, err := encode(n.Words)
	if err != nil {
		return false, err
	}
	made, err := tx.Exec(`INSERT INTO session_notes (clinic_id, `+noteColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) ON CONFLICT DO NOTHING`,
		clinicID, n.ID, n.PatientID, n.OriginPatientID, n.AppointmentID, n.PlanID, n.CourseID, n.Discipline, n.Date.String(), body,
		n.CarriedFrom, n.Author, micros(n.CreatedAt), micros(n.UpdatedAt), micros(n.SignedAt), n.Version)
	return made > 0, err
}

// UpdateNote writes a draft that was read with its version: a signed one is never written.
// VERSION_MISMATCH when it has changed or was signed since.
func UpdateNote(tx *sqldb.Tx, clinicID string, n *Note) error {
	body, err := encode(n.Words)
	if err != nil {
		return err
	}
	changed, err := tx.Exec(`UPDATE session_notes SET body = $4, updated_at = $5, signed_at = $6, version = version + 1
		WHERE clinic_id = $1 AND note_id = $2 AND version = $3 AND signed_at = 0`,
		clinicID, n.ID, n.Version, body, micros(n.UpdatedAt), micros(n.SignedAt))
	if err != nil {
		return err
	}
	if changed == 0 {
		return errChanged()
	}
	n.Version++
	return nil
}

// AddAddendum adds to a signed note and gives it its next version.
func AddAddendum(tx *sqldb.Tx, clinicID string, n *Note, a Addendum) error {
	_, err := tx.Exec(`INSERT INTO note_addenda (clinic_id, addendum_id, note_id, text, author, created_at) VALUES ($1, $2, $3, $4, $5, $6)`,
		clinicID, a.ID, a.NoteID, a.Text, a.Author, micros(a.At))
	if err != nil {
		return err
	}
	return tx.QueryRow(`UPDATE session_notes SET version = version + 1 WHERE clinic_id = $1 AND note_id = $2 RETURNING version`,
		clinicID, n.ID).Scan(&n.Version)
}

// NoteByID gives a note, or NOT_FOUND.
func NoteByID(tx *sqldb.Tx, clinicID, noteID string) (Note, error) {
	list, err := noteRows(tx, clinicID, `WHERE clinic_id = $1 AND note_id = $2`, clinicID, noteID)
	if err == nil && len(list) == 0 {
		err = none(sqldb.ErrNoRows, "note")
	}
	if err != nil {
		return Note{}, err
	}
	return list[0], nil
}

// NoteOfAppointment gives the note that an author has about an appointment, or NOT_FOUND.
func NoteOfAppointment(tx *sqldb.Tx, clinicID, appointmentID, author string) (Note, error) {
	list, err := noteRows(tx, clinicID, `WHERE clinic_id = $1 AND appointment_id = $2 AND author = $3`, clinicID, appointmentID, author)
	if err == nil && len(list) == 0 {
		err = none(sqldb.ErrNoRows, "note")
	}
	if err != nil {
		return Note{}, err
	}
	return list[0], nil
}

// LastSigned gives a person's newest signed note of a kind of care; false when there is none.
func LastSigned(tx *sqldb.Tx, clinicID, patientID, discipline string) (Note, bool, error) {
	list, err := noteRows(tx, clinicID, `WHERE clinic_id = $1 AND patient_id = $2 AND discipline = $3 AND signed_at > 0
		ORDER BY local_date DESC, signed_at DESC, note_id DESC LIMIT 1`, clinicID, patientID, discipline)
	if err != nil || len(list) == 0 {
		return Note{}, false, err
	}
	return list[0], true, nil
}

// Notes gives a person's signed notes and an author's drafts, newest first, behind a place in
// that order and at most limit of them.
func Notes(tx *sqldb.Tx, clinicID, patientID, author string, before int64, beforeID string, limit int) ([]Note, error) {
	return noteRows(tx, clinicID, `WHERE clinic_id = $1 AND patient_id = $2 AND (signed_at > 0 OR author = $3)
		AND (cast($4 as bigint) = 0 OR created_at < cast($4 as bigint) OR (created_at = cast($4 as bigint) AND note_id < $5))
		ORDER BY created_at DESC, note_id DESC LIMIT $6`, clinicID, patientID, author, before, beforeID, limit)
}

func noteRows(tx *sqldb.Tx, clinicID, where string, args ...any) ([]Note, error) {
	out, err := bareNotes(tx, where, args...)
	if err != nil {
		return nil, err
	}
	for i := range out {
		if out[i].SignedAt.IsZero() {
			continue
		}
		if out[i].Addenda, err = addenda(tx, clinicID, out[i].ID); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func bareNotes(tx *sqldb.Tx, where string, args ...any) ([]Note, error) {
	rows, err := tx.Query(`SELECT `+noteColumns+` FROM session_notes `+where, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Note
	for rows.Next() {
		var n Note
		var text string
		var created, updated, signed int64
		err := rows.Scan(&n.ID, &n.PatientID, &n.OriginPatientID, &n.AppointmentID, &n.PlanID, &n.CourseID, &n.Discipline, &n.Date, &text,
			&n.CarriedFrom, &n.Author, &created, &updated, &signed, &n.Version)
		if err := errors.Join(err, decode(text, &n.Words)); err != nil {
			return nil, err
		}
		n.CreatedAt, n.UpdatedAt, n.SignedAt = instant(created), instant(updated), instant(signed)
		out = append(out, n)
	}
	return out, rows.Err()
}

func addenda(tx *sqldb.Tx, clinicID, noteID string) ([]Addendum, error) {
	rows, err := tx.Query(`SELECT addendum_id, note_id, text, author, created_at FROM note_addenda WHERE clinic_id = $1 AND note_id = $2
		ORDER BY created_at, addendum_id`, clinicID, noteID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Addendum
	for rows.Next() {
		var a Addendum
		var at int64
		if err := rows.Scan(&a.ID, &a.NoteID, &a.Text, &a.Author, &at); err != nil {
			return nil, err
		}
		a.At = instant(at)
		out = append(out, a)
	}
	return out, rows.Err()
}

// Examination is what was measured.
type Examination struct {
	note.Examination
	ID              string
	PatientID       string
	OriginPatientID string
	Date            civil.Date
	Findings        []string
	Note            string
	Blocking        bool
	ClearedBy       string
	ClearedAt       time.Time
	ClearReason     string
	CreatedBy       string
	CreatedAt       time.Time
	Version         int64
}

const examinationColumns = `examination_id, patient_id, origin_patient_id, kind, local_date, body, findings, note, blocking, cleared_by, cleared_at,
	clear_reason, created_by, created_at, version`

// InsertExamination adds an examination.
func InsertExamination(tx *sqldb.Tx, clinicID string, e Examination) error {
	body, err1 := encode(e.Examination)
	findings, err2 := encode(e.Findings)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	_, err := tx.Exec(`INSERT INTO examinations (clinic_id, `+examinationColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`,
		clinicID, e.ID, e.PatientID, e.OriginPatientID, e.Kind, e.Date.String(), body, findings, e.Note, e.Blocking, e.ClearedBy,
		micros(e.ClearedAt), e.ClearReason, e.CreatedBy, micros(e.CreatedAt), e.Version)
	return err
}

// ClearExamination lifts a block that was read with its version, and fails with
// VERSION_MISMATCH when it has changed since.
func ClearExamination(tx *sqldb.Tx, clinicID string, e *Examination) error {
	n, err := tx.Exec(`UPDATE examinations SET blocking = FALSE, cleared_by = $4, cleared_at = $5, clear_reason = $6, version = version + 1
		WHERE clinic_id = $1 AND examination_id = $2 AND version = $3 AND blocking`,
		clinicID, e.ID, e.Version, e.ClearedBy, micros(e.ClearedAt), e.ClearReason)
	if err != nil {
		return err
	}
	if n == 0 {
		return errChanged()
	}
	e.Blocking, e.Version = false, e.Version+1
	return nil
}

// ExaminationByID gives an examination of a person, or NOT_FOUND.
func ExaminationByID(tx *sqldb.Tx, clinicID, patientID, examinationID string) (Examination, error) {
	list, err := examinationRows(tx, `WHERE clinic_id = $1 AND patient_id = $2 AND examination_id = $3`, clinicID, patientID, examinationID)
	if err == nil && len(list) == 0 {
		err = none(sqldb.ErrNoRows, "examination")
	}
	if err != nil {
		return Examination{}, err
	}
	return list[0], nil
}

// Examinations gives a person's examinations, newest first; of a kind when it is not empty.
func Examinations(tx *sqldb.Tx, clinicID, patientID, kind string) ([]Examination, error) {
	return examinationRows(tx, `WHERE clinic_id = $1 AND patient_id = $2 AND ($3 = '' OR kind = $3)
		ORDER BY created_at DESC, examination_id DESC LIMIT 500`, clinicID, patientID, kind)
}

func examinationRows(tx *sqldb.Tx, where string, args ...any) ([]Examination, error) {
	rows, err := tx.Query(`SELECT `+examinationColumns+` FROM examinations `+where, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Examination
	for rows.Next() {
		var e Examination
		var body, findings string
		var cleared, created int64
		var kind string
		err := rows.Scan(&e.ID, &e.PatientID, &e.OriginPatientID, &kind, &e.Date, &body, &findings, &e.Note, &e.Blocking, &e.ClearedBy,
			&cleared, &e.ClearReason, &e.CreatedBy, &created, &e.Version)
		if err := errors.Join(err, decode(body, &e.Examination), decode(findings, &e.Findings)); err != nil {
			return nil, err
		}
		e.Kind, e.ClearedAt, e.CreatedAt = kind, instant(cleared), instant(created)
		out = append(out, e)
	}
	return out, rows.Err()
}

// Blocked reports whether an examination of the person forbids care.
func Blocked(tx *sqldb.Tx, clinicID, patientID string) (bool, error) {
	var n int
	err := tx.QueryRow(`SELECT count(*) FROM examinations WHERE clinic_id = $1 AND patient_id = $2 AND blocking`, clinicID, patientID).Scan(&n)
	return n > 0, err
}
