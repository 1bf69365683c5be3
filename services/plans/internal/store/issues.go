package store

import (
	"errors"
	"time"

	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Issue is something about a person that waits for a clinician's decision.
type Issue struct {
	ID              string
	PatientID       string
	OriginPatientID string
	Rule            string
	Severity        string
	State           string // OPEN or RESOLVED
	PlanID          string
	Discipline      string
	InjectionIDs    []string
	Windows         []IssueWindow
	Codes           []string
	Appointments    []IssueAppointment
	Resolution      string
	Reason          string
	ResolvedBy      string
	CreatedAt       time.Time
	ResolvedAt      time.Time
	Version         int64
}

// IssueWindow is a period that holds too many injections.
type IssueWindow struct {
	Start string `json:"start"`
	End   string `json:"end"`
	Count int    `json:"count"`
}

// IssueAppointment is an appointment that an issue concerns.
type IssueAppointment struct {
	AppointmentID string
	LocalDate     string
	NextEligible  string
}

const issueColumns = `issue_id, patient_id, origin_patient_id, rule, severity, state, plan_id, discipline, injection_ids, windows, codes,
	resolution, reason, resolved_by, created_at, resolved_at, version`

// InsertIssue adds an issue with its appointments.
func InsertIssue(tx *sqldb.Tx, clinicID string, i Issue) error {
	ids, err1 := encode(i.InjectionIDs)
	windows, err2 := encode(i.Windows)
	codes, err3 := encode(i.Codes)
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	_, err := tx.Exec(`INSERT INTO issues (clinic_id, `+issueColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)`,
		clinicID, i.ID, i.PatientID, i.OriginPatientID, i.Rule, i.Severity, i.State, i.PlanID, i.Discipline, ids, windows, codes,
		i.Resolution, i.Reason, i.ResolvedBy, micros(i.CreatedAt), micros(i.ResolvedAt), i.Version)
	if err != nil {
		return err
	}
	for _, a := range i.Appointments {
		_, err := tx.Exec(`INSERT INTO issue_appointments (clinic_id, issue_id, appointment_id, local_date, next_eligible_date)
			VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`, clinicID, i.ID, a.AppointmentID, a.LocalDate, a.NextEligible)
		if err != nil {
			return err
		}
	}
	return nil
}

// UpdateIssue writes the decision on an issue that was read with its version, and fails
// with VERSION_MISMATCH when it has changed since. The caller's issue has the new version
// afterwards.
func UpdateIssue(tx *sqldb.Tx, clinicID string, i *Issue) error {
	n, err := tx.Exec(`UPDATE issues SET state = $4, resolution = $5, reason = $6, resolved_by = $7, resolved_at = $8, version = version + 1
		WHERE clinic_id = $1 AND issue_id = $2 AND version = $3`,
		clinicID, i.ID, i.Version, i.State, i.Resolution, i.Reason, i.ResolvedBy, micros(i.ResolvedAt))
	if err != nil {
		return err
	}
	if n == 0 {
		return errChanged()
	}
	i.Version++
	return nil
}

// IssueByID gives an issue, or NOT_FOUND.
func IssueByID(tx *sqldb.Tx, clinicID, issueID string) (Issue, error) {
	found, err := issues(tx, clinicID, `SELECT `+issueColumns+` FROM issues WHERE clinic_id = $1 AND issue_id = $2`, clinicID, issueID)
	if err != nil {
		return Issue{}, err
	}
	if len(found) == 0 {
		return Issue{}, none(sqldb.ErrNoRows, "issue")
	}
	return found[0], nil
}

// Issues gives issues of a clinic, or of one person, newest first, behind a place in that
// order and at most limit of them. before may be 0 for the start.
func Issues(tx *sqldb.Tx, clinicID, patientID, state string, before int64, beforeID string, limit int) ([]Issue, error) {
	return issues(tx, clinicID, `SELECT `+issueColumns+` FROM issues WHERE clinic_id = $1 AND ($2 = '' OR patient_id = $2) AND state = $3
		AND (cast($4 as bigint) = 0 OR created_at < cast($4 as bigint) OR (created_at = cast($4 as bigint) AND issue_id < $5))
		ORDER BY created_at DESC, issue_id DESC LIMIT $6`, clinicID, patientID, state, before, beforeID, limit)
}

// OpenIssues gives a person's open issues, oldest first.
func OpenIssues(tx *sqldb.Tx, clinicID, patientID string) ([]Issue, error) {
	return issues(tx, clinicID, `SELECT `+issueColumns+` FROM issues WHERE clinic_id = $1 AND patient_id = $2 AND state = 'OPEN'
		ORDER BY created_at, issue_id`, clinicID, patientID)
}

func issues(tx *sqldb.Tx, clinicID, query string, args ...any) ([]Issue, error) {
	out, err := issueRows(tx, query, args...)
	if err != nil {
		return nil, err
	}
	for i := range out {
		if out[i].Appointments, err = issueAppointments(tx, clinicID, out[i].ID); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func issueRows(tx *sqldb.Tx, query string, args ...any) ([]Issue, error) {
	rows, err := tx.Query(query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Issue
	for rows.Next() {
		var i Issue
		var ids, windows, codes string
		var created, resolved int64
		err := rows.Scan(&i.ID, &i.PatientID, &i.OriginPatientID, &i.Rule, &i.Severity, &i.State, &i.PlanID, &i.Discipline, &ids, &windows,
			&codes, &i.Resolution, &i.Reason, &i.ResolvedBy, &created, &resolved, &i.Version)
		if err != nil {
			return nil, err
		}
		i.CreatedAt, i.ResolvedAt = instant(created), instant(resolved)
		if err := errors.Join(decode(ids, &i.InjectionIDs), decode(windows, &i.Windows), decode(codes, &i.Codes)); err != nil {
			return nil, err
		}
		out = append(out, i)
	}
	return out, rows.Err()
}

func issueAppointments(tx *sqldb.Tx, clinicID, issueID string) ([]IssueAppointment, error) {
	rows, err := tx.Query(`SELECT appointment_id, local_date, next_eligible_date FROM issue_appointments
		WHERE clinic_id = $1 AND issue_id = $2 ORDER BY local_date, appointment_id`, clinicID, issueID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []IssueAppointment
	for rows.Next() {
		var a IssueAppointment
		if err := rows.Scan(&a.AppointmentID, &a.LocalDate, &a.NextEligible); err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, rows.Err()
}

// HasIssue reports whether an issue of the rule was ever raised about exactly this.
func HasIssue(tx *sqldb.Tx, clinicID, patientID, rule string, codes []string) (bool, error) {
	text, err := encode(codes)
	if err != nil {
		return false, err
	}
	var n int
	err = tx.QueryRow(`SELECT count(*) FROM issues WHERE clinic_id = $1 AND patient_id = $2 AND rule = $3 AND codes = $4`,
		clinicID, patientID, rule, text).Scan(&n)
	return n > 0, err
}
