package store

import (
	"database/sql"
	"time"

	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Task is a row of triage_tasks.
type Task struct {
	ClinicID         string
	TaskID           string
	IntakeID         string
	PatientID        string
	State            string
	Level            int
	ComputedLevel    int
	Provisional      bool
	AnswersWithdrawn bool
	RaisedBy         string
	Owner            string
	DueAt            time.Time
	CreatedAt        time.Time
	AcknowledgedAt   time.Time
	AcknowledgedBy   string
	DecidedAt        time.Time
	DecidedBy        string
	Reason           string
	EscalateAt       time.Time // zero: it goes to nobody else
	EscalatedAt      time.Time
	Escalations      int
	Version          int64
}

const taskColumns = `clinic_id, task_id, intake_id, patient_id, state, level, computed_level, provisional, answers_withdrawn,
	raised_by, owner, due_at, created_at, acknowledged_at, acknowledged_by, decided_at, decided_by, reason, escalate_at, escalated_at, escalations, version`

func scanTask(scan func(...any) error) (t Task, err error) {
	var due, created int64
	var acknowledged, decided, escalate, escalated sql.NullInt64
	err = scan(&t.ClinicID, &t.TaskID, &t.IntakeID, &t.PatientID, &t.State, &t.Level, &t.ComputedLevel, &t.Provisional,
		&t.AnswersWithdrawn, &t.RaisedBy, &t.Owner, &due, &created, &acknowledged, &t.AcknowledgedBy, &decided, &t.DecidedBy,
		&t.Reason, &escalate, &escalated, &t.Escalations, &t.Version)
	t.DueAt, t.CreatedAt = sqldb.Time(due), sqldb.Time(created)
	t.AcknowledgedAt, t.DecidedAt = sqldb.NullTime(acknowledged), sqldb.NullTime(decided)
	t.EscalateAt, t.EscalatedAt = sqldb.NullTime(escalate), sqldb.NullTime(escalated)
	return t, err
}

// InsertTask adds a task.
func InsertTask(tx *sqldb.Tx, t Task) error {
	_, err := tx.Exec(`INSERT INTO triage_tasks (`+taskColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)`,
		t.ClinicID, t.TaskID, t.IntakeID, t.PatientID, t.State, t.Level, t.ComputedLevel, t.Provisional, t.AnswersWithdrawn,
		t.RaisedBy, t.Owner, sqldb.Micros(t.DueAt), sqldb.Micros(t.CreatedAt), sqldb.NullMicros(t.AcknowledgedAt), t.AcknowledgedBy,
		sqldb.NullMicros(t.DecidedAt), t.DecidedBy, t.Reason, sqldb.NullMicros(t.EscalateAt), sqldb.NullMicros(t.EscalatedAt),
		t.Escalations, t.Version)
	return err
}

// GetTask returns a task; false when there is none.
func GetTask(tx *sqldb.Tx, clinicID, taskID string) (Task, bool, error) {
	t, err := scanTask(tx.QueryRow(`SELECT `+taskColumns+` FROM triage_tasks WHERE clinic_id = $1 AND task_id = $2`, clinicID, taskID).Scan)
	ok, err := found(err)
	return t, ok, err
}

// LockTask is GetTask for a transaction that is going to change it. Whoever locks the
// task's intake too does that first.
func LockTask(tx *sqldb.Tx, clinicID, taskID string) (Task, bool, error) {
	t, err := scanTask(tx.QueryRow(`SELECT `+taskColumns+` FROM triage_tasks WHERE clinic_id = $1 AND task_id = $2`+tx.ForUpdate(),
		clinicID, taskID).Scan)
	ok, err := found(err)
	return t, ok, err
}

// TaskOfIntake returns the task of an intake; false when there is none.
func TaskOfIntake(tx *sqldb.Tx, clinicID, intakeID string) (Task, bool, error) {
	t, err := scanTask(tx.QueryRow(`SELECT `+taskColumns+` FROM triage_tasks
		WHERE clinic_id = $1 AND intake_id = $2 AND intake_id <> ''`, clinicID, intakeID).Scan)
	ok, err := found(err)
	return t, ok, err
}

// UpdateTask stores everything of a task that can change. It reports false when somebody
// else changed it since it was read, which the version tells.
func UpdateTask(tx *sqldb.Tx, t Task) (bool, error) {
	n, err := tx.Exec(`UPDATE triage_tasks SET state = $3, level = $4, computed_level = $5, provisional = $6, answers_withdrawn = $7,
		raised_by = $8, owner = $9, due_at = $10, acknowledged_at = $11, acknowledged_by = $12, decided_at = $13, decided_by = $14,
		reason = $15, escalate_at = $16, escalated_at = $17, escalations = $18, version = version + 1
		WHERE clinic_id = $1 AND task_id = $2 AND version = $19`,
		t.ClinicID, t.TaskID, t.State, t.Level, t.ComputedLevel, t.Provisional, t.AnswersWithdrawn, t.RaisedBy, t.Owner,
		sqldb.Micros(t.DueAt), sqldb.NullMicros(t.AcknowledgedAt), t.AcknowledgedBy, sqldb.NullMicros(t.DecidedAt), t.DecidedBy,
		t.Reason, sqldb.NullMicros(t.EscalateAt), sqldb.NullMicros(t.EscalatedAt), t.Escalations, t.Version)
	return n == 1, err
}

// TaskKey names a task of a clinic.
type TaskKey struct{ ClinicID, TaskID string }

// LateTasks returns the tasks of every clinic that should go to somebody else by now, those
// that wait longest first, at most limit.
func LateTasks(tx *sqldb.Tx, now time.Time, limit int) ([]TaskKey, error) {
	rows, err := tx.Query(`SELECT clinic_id, task_id FROM triage_tasks
		WHERE escalate_at IS NOT NULL AND escalate_at <= $1 ORDER BY escalate_at, task_id LIMIT $2`, sqldb.Micros(now), limit)
	return collect(rows, err, func(r *sql.Rows) (k TaskKey, err error) {
		err = r.Scan(&k.ClinicID, &k.TaskID)
		return k, err
	})
}

// TaskFilter narrows a list of tasks. Empty fields do not.
type TaskFilter struct {
	State  string // "" is everything not decided
	RootID string // records of this person
	Offset int
	Limit  int
}

// ListTasks returns tasks, most urgent first, then by deadline.
func ListTasks(tx *sqldb.Tx, clinicID string, f TaskFilter) ([]Task, error) {
	rows, err := tx.Query(`SELECT `+taskColumns+` FROM triage_tasks t WHERE t.clinic_id = $1
		AND (($2 = '' AND t.state <> 'DECIDED') OR t.state = $2)
		AND ($3 = '' OR t.patient_id IN (SELECT p.patient_id FROM patients p WHERE p.clinic_id = $1 AND p.root_id = $3))
		ORDER BY t.level DESC, t.due_at, t.task_id LIMIT $4 OFFSET $5`, clinicID, f.State, f.RootID, f.Limit, f.Offset)
	return collect(rows, err, func(r *sql.Rows) (Task, error) { return scanTask(r.Scan) })
}

// Decision is one change of a level by a person.
type Decision struct {
	FromLevel int
	ToLevel   int
	Reason    string
	By        string
	As        string
	At        time.Time
}

// AddDecision appends a decision about an intake.
func AddDecision(tx *sqldb.Tx, clinicID, intakeID string, d Decision) error {
	_, err := tx.Exec(`INSERT INTO triage_decisions (clinic_id, intake_id, decision, from_level, to_level, reason, decided_by, decided_as, decided_at)
		SELECT $1, $2, 1 + count(*), cast($3 AS bigint), cast($4 AS bigint), $5, $6, $7, cast($8 AS bigint)
		FROM triage_decisions WHERE clinic_id = $1 AND intake_id = $2`,
		clinicID, intakeID, d.FromLevel, d.ToLevel, d.Reason, d.By, d.As, sqldb.Micros(d.At))
	return err
}

// Decisions returns the decisions about an intake, oldest first.
func Decisions(tx *sqldb.Tx, clinicID, intakeID string) ([]Decision, error) {
	rows, err := tx.Query(`SELECT from_level, to_level, reason, decided_by, decided_as, decided_at FROM triage_decisions
		WHERE clinic_id = $1 AND intake_id = $2 ORDER BY decision`, clinicID, intakeID)
	return collect(rows, err, func(r *sql.Rows) (d Decision, err error) {
		var at int64
		err = r.Scan(&d.FromLevel, &d.ToLevel, &d.Reason, &d.By, &d.As, &at)
		d.At = sqldb.Time(at)
		return d, err
	})
}
