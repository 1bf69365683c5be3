package store

import (
	"database/sql"
	"time"

	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Fact is one thing known about a patient that bears on treatments.
type Fact struct {
	FactID     string
	PatientID  string
	QuestionID string
	Value      string // JSON as given
	SaidBy     string
	RecordedBy string
	RecordedAt time.Time
	IntakeID   string
}

// AddFact appends a fact.
func AddFact(tx *sqldb.Tx, clinicID string, f Fact) error {
	_, err := tx.Exec(`INSERT INTO clinical_facts (clinic_id, fact_id, patient_id, question_id, value, said_by, recorded_by, recorded_at, intake_id)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		clinicID, f.FactID, f.PatientID, f.QuestionID, f.Value, f.SaidBy, f.RecordedBy, sqldb.Micros(f.RecordedAt), f.IntakeID)
	return err
}

const factColumns = `fact_id, patient_id, question_id, value, said_by, recorded_by, recorded_at, intake_id`

func scanFact(r *sql.Rows) (f Fact, err error) {
	var at int64
	err = r.Scan(&f.FactID, &f.PatientID, &f.QuestionID, &f.Value, &f.SaidBy, &f.RecordedBy, &at, &f.IntakeID)
	f.RecordedAt = sqldb.Time(at)
	return f, err
}

// Facts returns every fact about the records of a person, by question, newest first.
func Facts(tx *sqldb.Tx, clinicID, rootID string) ([]Fact, error) {
	rows, err := tx.Query(`SELECT `+factColumns+` FROM clinical_facts f WHERE f.clinic_id = $1
		AND f.patient_id IN (SELECT p.patient_id FROM patients p WHERE p.clinic_id = $1 AND p.root_id = $2)
		ORDER BY f.question_id, f.recorded_at DESC, f.fact_id DESC`, clinicID, rootID)
	return collect(rows, err, scanFact)
}

// Release is a clinician's release of a SOFT contraindication.
type Release struct {
	PatientID          string
	ContraindicationID string
	Because            string // JSON: the answers behind it, when it was released
	ReleasedBy         string
	Reason             string
	ReleasedAt         time.Time
}

// PutRelease stores a release; a newer one replaces it.
func PutRelease(tx *sqldb.Tx, clinicID string, r Release) error {
	_, err := tx.Exec(`INSERT INTO releases (clinic_id, patient_id, contraindication_id, because, released_by, reason, released_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (clinic_id, patient_id, contraindication_id) DO UPDATE SET
		because = excluded.because, released_by = excluded.released_by, reason = excluded.reason, released_at = excluded.released_at`,
		clinicID, r.PatientID, r.ContraindicationID, r.Because, r.ReleasedBy, r.Reason, sqldb.Micros(r.ReleasedAt))
	return err
}

// Releases returns the releases for the records of a person, newest first.
func Releases(tx *sqldb.Tx, clinicID, rootID string) ([]Release, error) {
	rows, err := tx.Query(`SELECT patient_id, contraindication_id, because, released_by, reason, released_at FROM releases r
		WHERE r.clinic_id = $1 AND r.patient_id IN (SELECT p.patient_id FROM patients p WHERE p.clinic_id = $1 AND p.root_id = $2)
		ORDER BY released_at DESC, contraindication_id`, clinicID, rootID)
	return collect(rows, err, func(r *sql.Rows) (v Release, err error) {
		var at int64
		err = r.Scan(&v.PatientID, &v.ContraindicationID, &v.Because, &v.ReleasedBy, &v.Reason, &at)
		v.ReleasedAt = sqldb.Time(at)
		return v, err
	})
}

// Gate is what the newest triage of one patient record says. Version is that of the gate
// of the person whose surviving record it is.
type Gate struct {
	PatientID   string
	Version     int64
	Level       int
	Provisional bool
	Voided      bool
	IntakeID    string
	TriageDate  string // YYYY-MM-DD; "" for none
	ExpiresAt   time.Time
	Known       string // JSON: what speaks against treatments of the person; "" for nothing
	KnownBy     string // the rule set that says so; "" where Known does not count
}

const gateColumns = `patient_id, version, level, provisional, voided, intake_id, triage_date, expires_at, known, known_by`

func scanGate(scan func(...any) error) (g Gate, err error) {
	var expires sql.NullInt64
	err = scan(&g.PatientID, &g.Version, &g.Level, &g.Provisional, &g.Voided, &g.IntakeID, &g.TriageDate, &expires, &g.Known, &g.KnownBy)
	g.ExpiresAt = sqldb.NullTime(expires)
	return g, err
}

// LockGate returns the gate row of a record, made when it is missing. Nobody else changes
// it until the transaction ends.
func LockGate(tx *sqldb.Tx, clinicID, patientID string) (Gate, error) {
	_, err := tx.Exec(`INSERT INTO gates (clinic_id, patient_id, version, level, provisional, voided, intake_id, triage_date, known, known_by)
		VALUES ($1, $2, 0, 0, false, false, '', '', '', '') ON CONFLICT (clinic_id, patient_id) DO NOTHING`, clinicID, patientID)
	if err != nil {
		return Gate{}, err
	}
	return scanGate(tx.QueryRow(`SELECT `+gateColumns+` FROM gates WHERE clinic_id = $1 AND patient_id = $2`+tx.ForUpdate(),
		clinicID, patientID).Scan)
}

// PutGate stores a gate row that was locked.
func PutGate(tx *sqldb.Tx, clinicID string, g Gate) error {
	_, err := tx.Exec(`UPDATE gates SET version = $3, level = $4, provisional = $5, voided = $6, intake_id = $7, triage_date = $8,
		expires_at = $9, known = $10, known_by = $11 WHERE clinic_id = $1 AND patient_id = $2`,
		clinicID, g.PatientID, g.Version, g.Level, g.Provisional, g.Voided, g.IntakeID, g.TriageDate, sqldb.NullMicros(g.ExpiresAt),
		g.Known, g.KnownBy)
	return err
}

// Gates returns the gate rows of every record of a person.
func Gates(tx *sqldb.Tx, clinicID, rootID string) ([]Gate, error) {
	rows, err := tx.Query(`SELECT `+gateColumns+` FROM gates g WHERE g.clinic_id = $1
		AND g.patient_id IN (SELECT p.patient_id FROM patients p WHERE p.clinic_id = $1 AND p.root_id = $2)
		ORDER BY g.patient_id`, clinicID, rootID)
	return collect(rows, err, func(r *sql.Rows) (Gate, error) { return scanGate(r.Scan) })
}

// Record is one record of a person with its gate row, the zero row when there is none yet.
type Record struct {
	RootID string // the record that lives on
	Gate   Gate
}

// Records returns every record of the person whom a record belongs to, in one query; none
// when directory has not told of it.
func Records(tx *sqldb.Tx, clinicID, patientID string) ([]Record, error) {
	rows, err := tx.Query(`SELECT m.root_id, m.patient_id, coalesce(g.version, 0), coalesce(g.level, 0), coalesce(g.provisional, false),
			coalesce(g.voided, false), coalesce(g.intake_id, ''), coalesce(g.triage_date, ''), g.expires_at,
			coalesce(g.known, ''), coalesce(g.known_by, '')
		FROM patients p JOIN patients m ON m.clinic_id = p.clinic_id AND m.root_id = p.root_id
			LEFT JOIN gates g ON g.clinic_id = m.clinic_id AND g.patient_id = m.patient_id
		WHERE p.clinic_id = $1 AND p.patient_id = $2`, clinicID, patientID)
	return collect(rows, err, func(r *sql.Rows) (v Record, err error) {
		v.Gate, err = scanGate(func(dest ...any) error { return r.Scan(append([]any{&v.RootID}, dest...)...) })
		return v, err
	})
}

// MiniScreen is the six answers given before a visit, or why they were not asked.
type MiniScreen struct {
	ScreenID   string
	PatientID  string
	Answers    string // JSON
	Level      int    // what the answers ask for; 0 when all were no
	TaskID     string // the task it raised; "" for none
	NotAsked   string // why nothing was asked; "" when it was
	Note       string // more about why
	RecordedBy string
	RecordedAt time.Time
}

const screenColumns = `screen_id, patient_id, answers, level, task_id, not_asked_because, note, recorded_by, recorded_at`

func (m *MiniScreen) scan(scan func(...any) error) error {
	var at int64
	err := scan(&m.ScreenID, &m.PatientID, &m.Answers, &m.Level, &m.TaskID, &m.NotAsked, &m.Note, &m.RecordedBy, &at)
	m.RecordedAt = sqldb.Time(at)
	return err
}

// MiniScreens returns the mini-screens of a patient's record, newest first, at most limit.
func MiniScreens(tx *sqldb.Tx, clinicID, patientID string, limit int) ([]MiniScreen, error) {
	rows, err := tx.Query(`SELECT `+screenColumns+` FROM mini_screens WHERE clinic_id = $1 AND patient_id = $2
		ORDER BY screen_id DESC LIMIT $3`, clinicID, patientID, limit)
	return collect(rows, err, func(r *sql.Rows) (m MiniScreen, err error) {
		err = m.scan(r.Scan)
		return m, err
	})
}

// GetMiniScreen returns a mini-screen; false when there is none.
func GetMiniScreen(tx *sqldb.Tx, clinicID, screenID string) (m MiniScreen, ok bool, err error) {
	ok, err = found(m.scan(tx.QueryRow(`SELECT `+screenColumns+` FROM mini_screens WHERE clinic_id = $1 AND screen_id = $2`, clinicID, screenID).Scan))
	return m, ok, err
}

// AddMiniScreen appends a mini-screen.
func AddMiniScreen(tx *sqldb.Tx, clinicID string, m MiniScreen) error {
	_, err := tx.Exec(`INSERT INTO mini_screens (clinic_id, `+screenColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		clinicID, m.ScreenID, m.PatientID, m.Answers, m.Level, m.TaskID, m.NotAsked, m.Note, m.RecordedBy, sqldb.Micros(m.RecordedAt))
	return err
}
