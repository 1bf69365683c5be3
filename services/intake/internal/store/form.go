package store

import (
	"time"

	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Writer is who fills a form in for a patient. The zero Writer is the patient.
type Writer struct{ Name, Relation string }

// GetWriter returns who fills a form in, as a caller said; the zero Writer when nobody did.
func GetWriter(tx *sqldb.Tx, clinicID, intakeID, subject string) (w Writer, err error) {
	_, err = found(tx.QueryRow(`SELECT name, relation FROM form_writers WHERE clinic_id = $1 AND intake_id = $2 AND subject = $3`,
		clinicID, intakeID, subject).Scan(&w.Name, &w.Relation))
	return w, err
}

// PutWriter keeps who fills a form in, for one caller.
func PutWriter(tx *sqldb.Tx, clinicID, intakeID, subject string, w Writer) error {
	_, err := tx.Exec(`INSERT INTO form_writers (clinic_id, intake_id, subject, name, relation, updated_at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (clinic_id, intake_id, subject)
		DO UPDATE SET name = excluded.name, relation = excluded.relation, updated_at = excluded.updated_at`,
		clinicID, intakeID, subject, w.Name, w.Relation, sqldb.Micros(tx.Now()))
	return err
}

// Link is a row of resume_links.
type Link struct {
	ClinicID  string
	IntakeID  string
	TokenHash string
	Tries     int64
	CreatedBy string
	CreatedAt time.Time
	ExpiresAt time.Time
}

// PutLink stores the link of a form, in place of any before.
func PutLink(tx *sqldb.Tx, l Link) error {
	_, err := tx.Exec(`INSERT INTO resume_links (clinic_id, intake_id, token_hash, tries, created_by, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (clinic_id, intake_id) DO UPDATE SET token_hash = excluded.token_hash,
		tries = excluded.tries, created_by = excluded.created_by, created_at = excluded.created_at, expires_at = excluded.expires_at`,
		l.ClinicID, l.IntakeID, l.TokenHash, l.Tries, l.CreatedBy, sqldb.Micros(l.CreatedAt), sqldb.Micros(l.ExpiresAt))
	return err
}

// LockLink returns the link with the hash, of whatever clinic; false when there is none.
// Nobody else counts a try until the transaction ends.
func LockLink(tx *sqldb.Tx, tokenHash string) (l Link, ok bool, err error) {
	var created, expires int64
	ok, err = found(tx.QueryRow(`SELECT clinic_id, intake_id, token_hash, tries, created_by, created_at, expires_at FROM resume_links
		WHERE token_hash = $1`+tx.ForUpdate(), tokenHash).
		Scan(&l.ClinicID, &l.IntakeID, &l.TokenHash, &l.Tries, &l.CreatedBy, &created, &expires))
	l.CreatedAt, l.ExpiresAt = sqldb.Time(created), sqldb.Time(expires)
	return l, ok, err
}

// SetTries stores how often a link was opened wrongly.
func SetTries(tx *sqldb.Tx, l Link, tries int64) error {
	_, err := tx.Exec(`UPDATE resume_links SET tries = $3 WHERE clinic_id = $1 AND intake_id = $2 AND token_hash = $4`,
		l.ClinicID, l.IntakeID, tries, l.TokenHash)
	return err
}

// FormSession is a row of form_sessions.
type FormSession struct {
	ClinicID  string
	SessionID string
	TokenHash string
	IntakeID  string
	PatientID string
	CreatedAt time.Time
	ExpiresAt time.Time
}

const sessionColumns = `clinic_id, session_id, token_hash, intake_id, patient_id, created_at, expires_at`

// InsertFormSession adds a session.
func InsertFormSession(tx *sqldb.Tx, s FormSession) error {
	_, err := tx.Exec(`INSERT INTO form_sessions (`+sessionColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		s.ClinicID, s.SessionID, s.TokenHash, s.IntakeID, s.PatientID, sqldb.Micros(s.CreatedAt), sqldb.Micros(s.ExpiresAt))
	return err
}

func scanSession(scan func(...any) error) (s FormSession, ok bool, err error) {
	var created, expires int64
	ok, err = found(scan(&s.ClinicID, &s.SessionID, &s.TokenHash, &s.IntakeID, &s.PatientID, &created, &expires))
	s.CreatedAt, s.ExpiresAt = sqldb.Time(created), sqldb.Time(expires)
	return s, ok, err
}

// SessionByToken returns the session with the hash, of whatever clinic; false when there is
// none.
func SessionByToken(tx *sqldb.Tx, tokenHash string) (FormSession, bool, error) {
	return scanSession(tx.QueryRow(`SELECT `+sessionColumns+` FROM form_sessions WHERE token_hash = $1`, tokenHash).Scan)
}

// GetFormSession returns a session; false when there is none.
func GetFormSession(tx *sqldb.Tx, clinicID, sessionID string) (FormSession, bool, error) {
	return scanSession(tx.QueryRow(`SELECT `+sessionColumns+` FROM form_sessions WHERE clinic_id = $1 AND session_id = $2`,
		clinicID, sessionID).Scan)
}

// DeleteFormSession ends a session.
func DeleteFormSession(tx *sqldb.Tx, tokenHash string) error {
	_, err := tx.Exec(`DELETE FROM form_sessions WHERE token_hash = $1`, tokenHash)
	return err
}
