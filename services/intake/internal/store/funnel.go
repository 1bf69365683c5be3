package store

import (
	"database/sql"

	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Step is one step of the form as the funnel counts it: a row of funnel_counts.
type Step struct {
	QuestionnaireID string
	Day             string
	Step            string
	PageID          string // "" but for the step PAGE
	DeviceKind      string
	Language        string
	Forms           int64
}

// MarkPage notes that a draft reached a page on a kind of device. It reports false when it
// had before; then the device of the page is kept.
func MarkPage(tx *sqldb.Tx, clinicID, intakeID, pageID, device string) (bool, error) {
	n, err := tx.Exec(`INSERT INTO funnel_marks (clinic_id, intake_id, page_id, device_kind, reached_at)
		VALUES ($1, $2, $3, $4, $5) ON CONFLICT (clinic_id, intake_id, page_id) DO NOTHING`,
		clinicID, intakeID, pageID, device, sqldb.Micros(tx.Now()))
	return n == 1, err
}

// LastDevice is the kind of device on which a draft last reached a page it had not reached
// before; false when none was noted.
func LastDevice(tx *sqldb.Tx, clinicID, intakeID string) (device string, ok bool, err error) {
	ok, err = found(tx.QueryRow(`SELECT device_kind FROM funnel_marks WHERE clinic_id = $1 AND intake_id = $2
		ORDER BY reached_at DESC, page_id DESC LIMIT 1`, clinicID, intakeID).Scan(&device))
	return device, ok, err
}

// ForgetMarks deletes what was noted of a form's way.
func ForgetMarks(tx *sqldb.Tx, clinicID, intakeID string) error {
	_, err := tx.Exec(`DELETE FROM funnel_marks WHERE clinic_id = $1 AND intake_id = $2`, clinicID, intakeID)
	return err
}

// CountStep counts one form more.
func CountStep(tx *sqldb.Tx, clinicID string, s Step) error {
	_, err := tx.Exec(`INSERT INTO funnel_counts (clinic_id, questionnaire_id, day, step, page_id, device_kind, language, forms)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 1)
		ON CONFLICT (clinic_id, questionnaire_id, day, step, page_id, device_kind, language)
		DO UPDATE SET forms = funnel_counts.forms + 1`,
		clinicID, s.QuestionnaireID, s.Day, s.Step, s.PageID, s.DeviceKind, s.Language)
	return err
}

// Steps sums the counts of a form over days, first and last included, by step, page, kind
// of device and language.
func Steps(tx *sqldb.Tx, clinicID, questionnaireID, first, last string) ([]Step, error) {
	rows, err := tx.Query(`SELECT step, page_id, device_kind, language, cast(sum(forms) AS bigint) FROM funnel_counts
		WHERE clinic_id = $1 AND questionnaire_id = $2 AND day >= $3 AND day <= $4
		GROUP BY step, page_id, device_kind, language ORDER BY device_kind, language, step, page_id`,
		clinicID, questionnaireID, first, last)
	return collect(rows, err, func(r *sql.Rows) (s Step, err error) {
		s.QuestionnaireID = questionnaireID
		err = r.Scan(&s.Step, &s.PageID, &s.DeviceKind, &s.Language, &s.Forms)
		return s, err
	})
}
