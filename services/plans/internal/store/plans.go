package store

import (
	"database/sql"
	"errors"
	"time"

	"github.com/upright-clinic/upright/services/plans/internal/plan"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// body is what of a plan is kept as one document.
type body struct {
	TemplateID      string        `json:"template_id,omitempty"`
	TemplateVersion int64         `json:"template_version,omitempty"`
	Name            string        `json:"name"`
	Courses         []plan.Course `json:"courses"`
	CauseCodes      []string      `json:"cause_codes,omitempty"`
	Goals           []plan.Goal   `json:"goals,omitempty"`
	Decision        plan.Decision `json:"decision,omitzero"`
	ResponsibleID   string        `json:"responsible_id,omitempty"`
	ValidityWeeks   int           `json:"validity_weeks"`
	CloseReason     string        `json:"close_reason,omitempty"`
	Note            string        `json:"note,omitempty"`
	Reviews         []plan.Review `json:"reviews,omitempty"`
	Withdrawn       bool          `json:"withdrawn,omitempty"`

	Indication plan.Indication `json:"indication,omitzero"`
}

const planColumns = `plan_id, patient_id, origin_patient_id, state, start_date, expire_date, body, created_at, activated_at, closed_at, version`

func bodyOf(p plan.Plan) (string, error) {
	return encode(body{
		TemplateID: p.TemplateID, TemplateVersion: p.TemplateVersion, Name: p.Name, Courses: p.Courses, CauseCodes: p.CauseCodes,
		Goals: p.Goals, Decision: p.Decision, ResponsibleID: p.ResponsibleID, ValidityWeeks: p.ValidityWeeks,
		CloseReason: p.CloseReason, Note: p.Note, Reviews: p.Reviews, Withdrawn: p.Withdrawn, Indication: p.Indication,
	})
}

func scanPlan(row scanner, more ...any) (plan.Plan, error) {
	var p plan.Plan
	var text string
	var created, activated, closed int64
	err := row.Scan(append([]any{
		&p.ID, &p.PatientID, &p.OriginPatientID, &p.State, &p.StartDate, &p.ExpireDate, &text, &created, &activated, &closed, &p.Version,
	}, more...)...)
	if err != nil {
		return plan.Plan{}, err
	}
	var b body
	if err := decode(text, &b); err != nil {
		return plan.Plan{}, err
	}
	p.TemplateID, p.TemplateVersion, p.Name, p.Courses, p.CauseCodes = b.TemplateID, b.TemplateVersion, b.Name, b.Courses, b.CauseCodes
	p.Goals, p.Decision, p.ResponsibleID, p.ValidityWeeks = b.Goals, b.Decision, b.ResponsibleID, b.ValidityWeeks
	p.CloseReason, p.Note, p.Reviews, p.Withdrawn = b.CloseReason, b.Note, b.Reviews, b.Withdrawn
	p.Indication = b.Indication
	p.CreatedAt, p.ActivatedAt, p.ClosedAt = instant(created), instant(activated), instant(closed)
	return p, nil
}

// InsertPlan adds a plan.
func InsertPlan(tx *sqldb.Tx, clinicID string, p plan.Plan) error {
	text, err := bodyOf(p)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO plans (clinic_id, `+planColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		clinicID, p.ID, p.PatientID, p.OriginPatientID, string(p.State), p.StartDate.String(), p.ExpireDate.String(), text,
		micros(p.CreatedAt), micros(p.ActivatedAt), micros(p.ClosedAt), p.Version)
	return err
}

// UpdatePlan writes a plan that was read with its version, and fails with VERSION_MISMATCH
// when it has changed since. The caller's plan has the new version afterwards.
func UpdatePlan(tx *sqldb.Tx, clinicID string, p *plan.Plan) error {
	text, err := bodyOf(*p)
	if err != nil {
		return err
	}
	n, err := tx.Exec(`UPDATE plans SET state = $4, start_date = $5, expire_date = $6, body = $7, activated_at = $8, closed_at = $9,
		version = version + 1 WHERE clinic_id = $1 AND plan_id = $2 AND version = $3`,
		clinicID, p.ID, p.Version, string(p.State), p.StartDate.String(), p.ExpireDate.String(), text, micros(p.ActivatedAt), micros(p.ClosedAt))
	if err != nil {
		return err
	}
	if n == 0 {
		return errChanged()
	}
	p.Version++
	return nil
}

// PlanByID gives a plan, or NOT_FOUND.
func PlanByID(tx *sqldb.Tx, clinicID, planID string) (plan.Plan, error) {
	p, err := scanPlan(tx.QueryRow(`SELECT `+planColumns+` FROM plans WHERE clinic_id = $1 AND plan_id = $2`, clinicID, planID))
	return p, none(err, "plan")
}

// Plans gives a person's plans, newest first, behind a place in that order and at most
// limit of them. state may be empty for all; before and beforeID may be zero for the start.
func Plans(tx *sqldb.Tx, clinicID, patientID, state string, before int64, beforeID string, limit int) ([]plan.Plan, error) {
	rows, err := tx.Query(`SELECT `+planColumns+` FROM plans WHERE clinic_id = $1 AND patient_id = $2 AND ($3 = '' OR state = $3)
		AND (cast($4 as bigint) = 0 OR created_at < cast($4 as bigint) OR (created_at = cast($4 as bigint) AND plan_id < $5))
		ORDER BY created_at DESC, plan_id DESC LIMIT $6`, clinicID, patientID, state, before, beforeID, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []plan.Plan
	for rows.Next() {
		p, err := scanPlan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, rows.Err()
}

// Standing is what beside the ledger decides about a claim.
type Standing struct {
	Plan plan.Plan
	// GateKnown is false when intake was never asked about the patient.
	GateKnown bool
	Blocks    plan.Blocks
	// Examined: an examination forbids care until it is cleared.
	Examined bool
	// PractitionerKnown is false when directory was never asked about the practitioner.
	PractitionerKnown bool
	Practitioner      plan.Practitioner
	// TimeZone is the clinic's; empty when directory was never asked.
	TimeZone string
}

// StandingOf gives the plan with what is known of its patient and of the practitioner, in
// one query, or NOT_FOUND when there is no such plan.
func StandingOf(tx *sqldb.Tx, clinicID, planID, practitionerID string) (Standing, error) {
	var s Standing
	var hard, soft, profession, credentials, zone sql.NullString
	p, err := scanPlan(tx.QueryRow(`SELECT p.plan_id, p.patient_id, p.origin_patient_id, p.state, p.start_date, p.expire_date, p.body,
		p.created_at, p.activated_at, p.closed_at, p.version, g.hard, g.soft, r.profession, r.credentials, c.time_zone,
		EXISTS (SELECT 1 FROM examinations x WHERE x.clinic_id = p.clinic_id AND x.patient_id = p.patient_id AND x.blocking)
		FROM plans p
		LEFT JOIN clinics c ON c.clinic_id = p.clinic_id
		LEFT JOIN patient_gates g ON g.clinic_id = p.clinic_id AND g.patient_id = p.patient_id
		LEFT JOIN practitioners r ON r.clinic_id = p.clinic_id AND r.practitioner_id = $3
		WHERE p.clinic_id = $1 AND p.plan_id = $2`, clinicID, planID, practitionerID), &hard, &soft, &profession, &credentials, &zone, &s.Examined)
	if err != nil {
		return Standing{}, none(err, "plan")
	}
	s.Plan, s.GateKnown, s.TimeZone = p, hard.Valid, zone.String
	s.PractitionerKnown, s.Practitioner.Profession = profession.Valid || practitionerID == "", profession.String
	return s, errors.Join(decode(hard.String, &s.Blocks.Hard), decode(soft.String, &s.Blocks.Soft), decode(credentials.String, &s.Practitioner.Credentials))
}

// ExpiredBefore gives plans that are active or paused and whose last day is before a date.
func ExpiredBefore(tx *sqldb.Tx, date civil.Date, limit int) ([]PlanKey, error) {
	rows, err := tx.Query(`SELECT clinic_id, plan_id FROM plans WHERE state IN ('ACTIVE', 'PAUSED') AND expire_date < $1
		ORDER BY expire_date, clinic_id, plan_id LIMIT $2`, date.String(), limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []PlanKey
	for rows.Next() {
		var k PlanKey
		if err := rows.Scan(&k.ClinicID, &k.PlanID); err != nil {
			return nil, err
		}
		out = append(out, k)
	}
	return out, rows.Err()
}

// PlanKey names a plan of any clinic.
type PlanKey struct{ ClinicID, PlanID string }

// PlanVersion is a plan as it stood after one change.
type PlanVersion struct {
	Plan   plan.Plan
	Action string
	By     string
	At     time.Time
}

// KeepVersion keeps a plan as it stands after a change.
func KeepVersion(tx *sqldb.Tx, clinicID string, v PlanVersion) error {
	text, err := encode(v.Plan)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO plan_versions (clinic_id, plan_id, version, body, action, changed_by, changed_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		clinicID, v.Plan.ID, v.Plan.Version, text, v.Action, v.By, sqldb.Micros(v.At))
	return err
}

// PlanVersions gives every version that a plan has had, newest first.
func PlanVersions(tx *sqldb.Tx, clinicID, planID string) ([]PlanVersion, error) {
	rows, err := tx.Query(`SELECT body, action, changed_by, changed_at FROM plan_versions WHERE clinic_id = $1 AND plan_id = $2
		ORDER BY version DESC`, clinicID, planID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []PlanVersion
	for rows.Next() {
		var v PlanVersion
		var text string
		var at int64
		if err := rows.Scan(&text, &v.Action, &v.By, &at); err != nil {
			return nil, err
		}
		v.At = sqldb.Time(at)
		if err := decode(text, &v.Plan); err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

// Gate is what intake knows against kinds of care for a patient.
type Gate struct {
	Version int64
	Blocks  plan.Blocks
}

// PutGate keeps what intake said, unless something newer is kept; it tells whether it was
// kept.
func PutGate(tx *sqldb.Tx, clinicID, patientID string, g Gate) (bool, error) {
	hard, err := encode(orEmpty(g.Blocks.Hard))
	if err != nil {
		return false, err
	}
	soft, err := encode(orEmpty(g.Blocks.Soft))
	if err != nil {
		return false, err
	}
	n, err := tx.Exec(`INSERT INTO patient_gates (clinic_id, patient_id, version, hard, soft) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (clinic_id, patient_id) DO UPDATE SET version = excluded.version, hard = excluded.hard, soft = excluded.soft
		WHERE patient_gates.version <= excluded.version`, clinicID, patientID, g.Version, hard, soft)
	return n > 0, err
}

func orEmpty(m map[string][]string) map[string][]string {
	if m == nil {
		return map[string][]string{}
	}
	return m
}

// GateOf gives what intake said of a patient; false when it was never asked.
func GateOf(tx *sqldb.Tx, clinicID, patientID string) (Gate, bool, error) {
	var g Gate
	var hard, soft string
	err := tx.QueryRow(`SELECT version, hard, soft FROM patient_gates WHERE clinic_id = $1 AND patient_id = $2`, clinicID, patientID).
		Scan(&g.Version, &hard, &soft)
	if errors.Is(err, sqldb.ErrNoRows) {
		return Gate{}, false, nil
	}
	if err != nil {
		return Gate{}, false, err
	}
	return g, true, errors.Join(decode(hard, &g.Blocks.Hard), decode(soft, &g.Blocks.Soft))
}

// PractitionerByID gives what directory said of a practitioner, and whether it was ever
// asked.
func PractitionerByID(tx *sqldb.Tx, clinicID, practitionerID string) (p plan.Practitioner, known bool, err error) {
	var credentials string
	err = tx.QueryRow(`SELECT profession, credentials FROM practitioners WHERE clinic_id = $1 AND practitioner_id = $2`, clinicID, practitionerID).
		Scan(&p.Profession, &credentials)
	if errors.Is(err, sqldb.ErrNoRows) {
		return plan.Practitioner{}, false, nil
	}
	if err != nil {
		return plan.Practitioner{}, false, err
	}
	return p, true, decode(credentials, &p.Credentials)
}

// PutPractitioner keeps what directory said of a practitioner.
func PutPractitioner(tx *sqldb.Tx, clinicID, practitionerID string, p plan.Practitioner) error {
	credentials, err := encode(p.Credentials)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO practitioners (clinic_id, practitioner_id, profession, credentials) VALUES ($1, $2, $3, $4)
		ON CONFLICT (clinic_id, practitioner_id) DO UPDATE SET profession = excluded.profession, credentials = excluded.credentials`,
		clinicID, practitionerID, p.Profession, credentials)
	return err
}

// PutClinic keeps what directory said of a clinic.
func PutClinic(tx *sqldb.Tx, clinicID, timeZone string) error {
	_, err := tx.Exec(`INSERT INTO clinics (clinic_id, time_zone) VALUES ($1, $2)
		ON CONFLICT (clinic_id) DO UPDATE SET time_zone = excluded.time_zone`, clinicID, timeZone)
	return err
}

// ClinicZone gives a clinic's IANA zone; false when directory was never asked.
func ClinicZone(tx *sqldb.Tx, clinicID string) (string, bool, error) {
	var zone string
	err := tx.QueryRow(`SELECT time_zone FROM clinics WHERE clinic_id = $1`, clinicID).Scan(&zone)
	if errors.Is(err, sqldb.ErrNoRows) {
		return "", false, nil
	}
	return zone, err == nil, err
}

// Conservative counts the sessions of the given kinds of care that a person has had.
func Conservative(tx *sqldb.Tx, clinicID, patientID string) (int, error) {
	var n int
	err := tx.QueryRow(`SELECT count(*) FROM ledger WHERE clinic_id = $1 AND patient_id = $2 AND kind = '' AND state = 'USED'
		AND discipline IN ('PHYSIOTHERAPY', 'CHIROPRACTIC', 'ACUPUNCTURE', 'MASSAGE', 'CBT')`, clinicID, patientID).Scan(&n)
	return n, err
}
