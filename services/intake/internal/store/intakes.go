package store

import (
	"database/sql"
	"time"

	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Intake is a row of intakes. Levels are ranks, 0 for none.
type Intake struct {
	ClinicID             string
	IntakeID             string
	PatientID            string
	QuestionnaireID      string
	QuestionnaireVersion int64
	Language             string
	State                string
	ComputedLevel        int
	Level                int
	CreatedBy            string
	CreatedAt            time.Time
	UpdatedAt            time.Time
	SubmittedAt          time.Time // zero while a draft
	ExpiresAt            time.Time // zero while a draft
	Version              int64
}

const intakeColumns = `clinic_id, intake_id, patient_id, questionnaire_id, questionnaire_version, language, state,
	computed_level, level, created_by, created_at, updated_at, submitted_at, expires_at, version`

func scanIntake(scan func(...any) error) (i Intake, err error) {
	var created, updated int64
	var submitted, expires sql.NullInt64
	err = scan(&i.ClinicID, &i.IntakeID, &i.PatientID, &i.QuestionnaireID, &i.QuestionnaireVersion, &i.Language, &i.State,
		&i.ComputedLevel, &i.Level, &i.CreatedBy, &created, &updated, &submitted, &expires, &i.Version)
	i.CreatedAt, i.UpdatedAt = sqldb.Time(created), sqldb.Time(updated)
	i.SubmittedAt, i.ExpiresAt = sqldb.NullTime(submitted), sqldb.NullTime(expires)
	return i, err
}

// InsertIntake adds a draft.
func InsertIntake(tx *sqldb.Tx, i Intake) error {
	_, err := tx.Exec(`INSERT INTO intakes (`+intakeColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
		i.ClinicID, i.IntakeID, i.PatientID, i.QuestionnaireID, i.QuestionnaireVersion, i.Language, i.State,
		i.ComputedLevel, i.Level, i.CreatedBy, sqldb.Micros(i.CreatedAt), sqldb.Micros(i.UpdatedAt),
		sqldb.NullMicros(i.SubmittedAt), sqldb.NullMicros(i.ExpiresAt), i.Version)
	return err
}

// GetIntake returns an intake; false when there is none.
func GetIntake(tx *sqldb.Tx, clinicID, intakeID string) (Intake, bool, error) {
	i, err := scanIntake(tx.QueryRow(`SELECT `+intakeColumns+` FROM intakes WHERE clinic_id = $1 AND intake_id = $2`,
		clinicID, intakeID).Scan)
	ok, err := found(err)
	return i, ok, err
}

// LockIntake is GetIntake for a transaction that is going to change it: nobody else does
// until it ends.
func LockIntake(tx *sqldb.Tx, clinicID, intakeID string) (Intake, bool, error) {
	i, err := scanIntake(tx.QueryRow(`SELECT `+intakeColumns+` FROM intakes WHERE clinic_id = $1 AND intake_id = $2`+tx.ForUpdate(),
		clinicID, intakeID).Scan)
	ok, err := found(err)
	return i, ok, err
}

// UpdateIntake stores everything of an intake that can change.
func UpdateIntake(tx *sqldb.Tx, i Intake) error {
	_, err := tx.Exec(`UPDATE intakes SET state = $3, computed_level = $4, level = $5, updated_at = $6, submitted_at = $7,
		expires_at = $8, version = $9 WHERE clinic_id = $1 AND intake_id = $2`,
		i.ClinicID, i.IntakeID, i.State, i.ComputedLevel, i.Level, sqldb.Micros(i.UpdatedAt),
		sqldb.NullMicros(i.SubmittedAt), sqldb.NullMicros(i.ExpiresAt), i.Version)
	return err
}

// ListIntakes returns the intakes of every record of a person, newest first, at most limit
// of those made before the intake with the id ("" is from the newest).
func ListIntakes(tx *sqldb.Tx, clinicID, rootID, before string, limit int) ([]Intake, error) {
	rows, err := tx.Query(`SELECT `+intakeColumns+` FROM intakes i WHERE i.clinic_id = $1
		AND i.patient_id IN (SELECT p.patient_id FROM patients p WHERE p.clinic_id = $1 AND p.root_id = $2)
		AND ($3 = '' OR i.intake_id < $3) ORDER BY i.intake_id DESC LIMIT $4`, clinicID, rootID, before, limit)
	return collect(rows, err, func(r *sql.Rows) (Intake, error) { return scanIntake(r.Scan) })
}

// Answer is the answer to a question as it stands.
type Answer struct {
	QuestionID    string
	Value         string // JSON as given; "null" when taken back
	Revision      int64
	IntakeVersion int64  // the intake's version when it was given
	Typed         string // JSON list of texts that do not fit the question; "" for an answer
}

// Answers returns the answers of an intake as they stand.
func Answers(tx *sqldb.Tx, clinicID, intakeID string) ([]Answer, error) {
	rows, err := tx.Query(`SELECT question_id, value, revision, intake_version, typed FROM answers
		WHERE clinic_id = $1 AND intake_id = $2 ORDER BY question_id`, clinicID, intakeID)
	return collect(rows, err, func(r *sql.Rows) (a Answer, err error) {
		return a, r.Scan(&a.QuestionID, &a.Value, &a.Revision, &a.IntakeVersion, &a.Typed)
	})
}

// Revision is one answer as it was given at one time.
type Revision struct {
	QuestionID string
	Revision   int64
	Value      string // JSON as given
	Typed      string // JSON list of texts that do not fit the question; "" for an answer
	AnsweredBy string
	AnsweredAs string
	Writer     Writer
	AnsweredAt time.Time
}

// PutAnswer stores an answer and its revision.
func PutAnswer(tx *sqldb.Tx, clinicID, intakeID string, version int64, r Revision) error {
	_, err := tx.Exec(`INSERT INTO answers (clinic_id, intake_id, question_id, value, revision, intake_version, typed)
		VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (clinic_id, intake_id, question_id)
		DO UPDATE SET value = excluded.value, revision = excluded.revision, intake_version = excluded.intake_version, typed = excluded.typed`,
		clinicID, intakeID, r.QuestionID, r.Value, r.Revision, version, r.Typed)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO answer_revisions
		(clinic_id, intake_id, question_id, revision, value, typed, answered_by, answered_as, writer_name, writer_relation, answered_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		clinicID, intakeID, r.QuestionID, r.Revision, r.Value, r.Typed, r.AnsweredBy, r.AnsweredAs, r.Writer.Name, r.Writer.Relation,
		sqldb.Micros(r.AnsweredAt))
	return err
}

// Revisions returns every answer ever given on an intake, by question, oldest first.
func Revisions(tx *sqldb.Tx, clinicID, intakeID string) ([]Revision, error) {
	rows, err := tx.Query(`SELECT question_id, revision, value, typed, answered_by, answered_as, writer_name, writer_relation, answered_at
		FROM answer_revisions WHERE clinic_id = $1 AND intake_id = $2 ORDER BY question_id, revision`, clinicID, intakeID)
	return collect(rows, err, func(r *sql.Rows) (v Revision, err error) {
		var at int64
		err = r.Scan(&v.QuestionID, &v.Revision, &v.Value, &v.Typed, &v.AnsweredBy, &v.AnsweredAs, &v.Writer.Name, &v.Writer.Relation, &at)
		v.AnsweredAt = sqldb.Time(at)
		return v, err
	})
}

// Result is what the rules made of a submitted form.
type Result struct {
	RuleSetVersion string
	ComputedLevel  int
	JSON           string
	TriagedAt      time.Time
}

// PutResult stores the result of an intake; there is one for ever.
func PutResult(tx *sqldb.Tx, clinicID, intakeID string, r Result) error {
	_, err := tx.Exec(`INSERT INTO triage_results (clinic_id, intake_id, rule_set_version, computed_level, result, triaged_at)
		VALUES ($1, $2, $3, $4, $5, $6)`, clinicID, intakeID, r.RuleSetVersion, r.ComputedLevel, r.JSON, sqldb.Micros(r.TriagedAt))
	return err
}

// GetResult returns the result of an intake; false when there is none.
func GetResult(tx *sqldb.Tx, clinicID, intakeID string) (r Result, ok bool, err error) {
	var at int64
	ok, err = found(tx.QueryRow(`SELECT rule_set_version, computed_level, result, triaged_at FROM triage_results
		WHERE clinic_id = $1 AND intake_id = $2`, clinicID, intakeID).Scan(&r.RuleSetVersion, &r.ComputedLevel, &r.JSON, &at))
	r.TriagedAt = sqldb.Time(at)
	return r, ok, err
}

// Finding is an emergency or urgent rule that fired on a draft.
type Finding struct {
	RuleID  string
	Level   int
	Because string // JSON: answers by question, as they were
}

// AddFinding keeps a finding; one of the same rule stays as it was first.
func AddFinding(tx *sqldb.Tx, clinicID, intakeID string, f Finding) error {
	_, err := tx.Exec(`INSERT INTO findings (clinic_id, intake_id, rule_id, level, because, found_at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (clinic_id, intake_id, rule_id) DO NOTHING`, clinicID, intakeID, f.RuleID, f.Level, f.Because, sqldb.Micros(tx.Now()))
	return err
}

// Findings returns the findings of a draft.
func Findings(tx *sqldb.Tx, clinicID, intakeID string) ([]Finding, error) {
	rows, err := tx.Query(`SELECT rule_id, level, because FROM findings WHERE clinic_id = $1 AND intake_id = $2 ORDER BY rule_id`,
		clinicID, intakeID)
	return collect(rows, err, func(r *sql.Rows) (f Finding, err error) {
		return f, r.Scan(&f.RuleID, &f.Level, &f.Because)
	})
}
