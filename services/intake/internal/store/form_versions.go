package store

import (
	"database/sql"
	"time"

	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Approved is a named clinician's approval; the zero value is none.
type Approved struct {
	By   string
	Name string
	As   string // profession
	Note string
	At   time.Time
}

// FormVersion is a row of form_versions.
type FormVersion struct {
	ClinicID        string
	QuestionnaireID string
	Version         int64
	State           string
	Document        string
	FromID          string
	FromVersion     int64
	CreatedBy       string
	CreatedAt       time.Time
	UpdatedAt       time.Time
	Approved        Approved
	Revision        int64
}

const formColumns = `clinic_id, questionnaire_id, version, state, document, from_id, from_version, created_by, created_at, updated_at,
	approved_by, approved_name, approved_as, approved_note, approved_at, revision`

func scanForm(scan func(...any) error) (f FormVersion, err error) {
	var created, updated int64
	var approved sql.NullInt64
	err = scan(&f.ClinicID, &f.QuestionnaireID, &f.Version, &f.State, &f.Document, &f.FromID, &f.FromVersion, &f.CreatedBy,
		&created, &updated, &f.Approved.By, &f.Approved.Name, &f.Approved.As, &f.Approved.Note, &approved, &f.Revision)
	f.CreatedAt, f.UpdatedAt, f.Approved.At = sqldb.Time(created), sqldb.Time(updated), sqldb.NullTime(approved)
	return f, err
}

// InsertForm adds a draft.
func InsertForm(tx *sqldb.Tx, f FormVersion) error {
	_, err := tx.Exec(`INSERT INTO form_versions (`+formColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`,
		f.ClinicID, f.QuestionnaireID, f.Version, f.State, f.Document, f.FromID, f.FromVersion, f.CreatedBy,
		sqldb.Micros(f.CreatedAt), sqldb.Micros(f.UpdatedAt), f.Approved.By, f.Approved.Name, f.Approved.As, f.Approved.Note,
		sqldb.NullMicros(f.Approved.At), f.Revision)
	return err
}

// GetForm returns a version of a clinic's own; false when there is none.
func GetForm(tx *sqldb.Tx, clinicID, id string, version int64) (FormVersion, bool, error) {
	f, err := scanForm(tx.QueryRow(`SELECT `+formColumns+` FROM form_versions
		WHERE clinic_id = $1 AND questionnaire_id = $2 AND version = $3`, clinicID, id, version).Scan)
	ok, err := found(err)
	return f, ok, err
}

// UpdateForm stores everything of a version that can change. It reports false when somebody
// else changed it since it was read.
func UpdateForm(tx *sqldb.Tx, f FormVersion) (bool, error) {
	n, err := tx.Exec(`UPDATE form_versions SET state = $4, document = $5, updated_at = $6, approved_by = $7, approved_name = $8,
		approved_as = $9, approved_note = $10, approved_at = $11, revision = revision + 1
		WHERE clinic_id = $1 AND questionnaire_id = $2 AND version = $3 AND revision = $12`,
		f.ClinicID, f.QuestionnaireID, f.Version, f.State, f.Document, sqldb.Micros(f.UpdatedAt), f.Approved.By, f.Approved.Name,
		f.Approved.As, f.Approved.Note, sqldb.NullMicros(f.Approved.At), f.Revision)
	return n == 1, err
}

// NewestForm is the highest version number of a clinic's own form; 0 when it has none.
func NewestForm(tx *sqldb.Tx, clinicID, id string) (n int64, err error) {
	err = tx.QueryRow(`SELECT coalesce(max(version), 0) FROM form_versions WHERE clinic_id = $1 AND questionnaire_id = $2`, clinicID, id).Scan(&n)
	return n, err
}

// ClinicForms returns a clinic's own versions, by form, then newest first; of one form when
// an id is given.
func ClinicForms(tx *sqldb.Tx, clinicID, id string) ([]FormVersion, error) {
	rows, err := tx.Query(`SELECT `+formColumns+` FROM form_versions WHERE clinic_id = $1 AND ($2 = '' OR questionnaire_id = $2)
		ORDER BY questionnaire_id, version DESC`, clinicID, id)
	return collect(rows, err, func(r *sql.Rows) (FormVersion, error) { return scanForm(r.Scan) })
}

// ApprovedForms returns the approved versions of every clinic.
func ApprovedForms(tx *sqldb.Tx) ([]FormVersion, error) {
	rows, err := tx.Query(`SELECT ` + formColumns + ` FROM form_versions WHERE state = 'APPROVED'
		ORDER BY clinic_id, questionnaire_id, version`)
	return collect(rows, err, func(r *sql.Rows) (FormVersion, error) { return scanForm(r.Scan) })
}

// Switch is a row of form_switches.
type Switch struct {
	ClinicID        string
	StartDate       string
	StartAt         time.Time
	QuestionnaireID string
	Version         int64
	By              string
}

// PutSwitch makes a version the clinic's form from a day on, instead of whatever was to
// start on that day.
func PutSwitch(tx *sqldb.Tx, s Switch) error {
	_, err := tx.Exec(`INSERT INTO form_switches (clinic_id, start_date, start_at, questionnaire_id, version, switched_by, switched_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (clinic_id, start_date) DO UPDATE SET start_at = excluded.start_at, questionnaire_id = excluded.questionnaire_id,
		version = excluded.version, switched_by = excluded.switched_by, switched_at = excluded.switched_at`,
		s.ClinicID, s.StartDate, sqldb.Micros(s.StartAt), s.QuestionnaireID, s.Version, s.By, sqldb.Micros(tx.Now()))
	return err
}

// Switches returns the switches of every clinic, by clinic, oldest first.
func Switches(tx *sqldb.Tx) ([]Switch, error) {
	rows, err := tx.Query(`SELECT clinic_id, start_date, start_at, questionnaire_id, version, switched_by FROM form_switches
		ORDER BY clinic_id, start_at, start_date`)
	return collect(rows, err, func(r *sql.Rows) (s Switch, err error) {
		var at int64
		err = r.Scan(&s.ClinicID, &s.StartDate, &at, &s.QuestionnaireID, &s.Version, &s.By)
		s.StartAt = sqldb.Time(at)
		return s, err
	})
}

// FormLanguage is a row of form_languages.
type FormLanguage struct {
	ClinicID        string
	QuestionnaireID string
	Version         int64
	Language        string
	Open            bool
	Approved        Approved
}

// PutLanguage opens or closes a language of a version to a clinic's patients.
func PutLanguage(tx *sqldb.Tx, l FormLanguage) error {
	_, err := tx.Exec(`INSERT INTO form_languages (clinic_id, questionnaire_id, version, language, open, approved_by, approved_name,
		approved_as, approved_note, approved_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (clinic_id, questionnaire_id, version, language) DO UPDATE SET open = excluded.open,
		approved_by = excluded.approved_by, approved_name = excluded.approved_name, approved_as = excluded.approved_as,
		approved_note = excluded.approved_note, approved_at = excluded.approved_at`,
		l.ClinicID, l.QuestionnaireID, l.Version, l.Language, l.Open, l.Approved.By, l.Approved.Name, l.Approved.As, l.Approved.Note,
		sqldb.Micros(l.Approved.At))
	return err
}

// FormLanguages returns the languages of every clinic and version.
func FormLanguages(tx *sqldb.Tx) ([]FormLanguage, error) {
	rows, err := tx.Query(`SELECT clinic_id, questionnaire_id, version, language, open, approved_by, approved_name, approved_as,
		approved_note, approved_at FROM form_languages ORDER BY clinic_id, questionnaire_id, version, language`)
	return collect(rows, err, func(r *sql.Rows) (l FormLanguage, err error) {
		var at int64
		err = r.Scan(&l.ClinicID, &l.QuestionnaireID, &l.Version, &l.Language, &l.Open, &l.Approved.By, &l.Approved.Name,
			&l.Approved.As, &l.Approved.Note, &at)
		l.Approved.At = sqldb.Time(at)
		return l, err
	})
}

// FormRevision is how often an approval or a switch changed what is in force anywhere.
func FormRevision(tx *sqldb.Tx) (n int64, err error) {
	err = tx.QueryRow(`SELECT revision FROM form_revision WHERE one = 1`).Scan(&n)
	return n, err
}

// NextFormRevision tells every process that what is in force has changed.
func NextFormRevision(tx *sqldb.Tx) error {
	_, err := tx.Exec(`UPDATE form_revision SET revision = revision + 1 WHERE one = 1`)
	return err
}
