package store

import (
	"database/sql"
	"encoding/json"
	"time"

	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Settings is a row of triage_settings. A number of 0 is the usual one.
type Settings struct {
	Owners           []string
	SafetyOfficer    string
	EmergencyMinutes int
	UrgentMinutes    int
	ChaseAfterHours  int
	ChaseOff         bool
	ConsentRequired  bool
	Version          int64 // 0: nobody has set anything
}

// GetSettings returns a clinic's settings; the zero value when nobody has set any.
func GetSettings(tx *sqldb.Tx, clinicID string) (s Settings, err error) {
	var owners string
	ok, err := found(tx.QueryRow(`SELECT owners, safety_officer, emergency_minutes, urgent_minutes, chase_after_hours, chase_off, consent_required, version
		FROM triage_settings WHERE clinic_id = $1`, clinicID).Scan(&owners, &s.SafetyOfficer, &s.EmergencyMinutes, &s.UrgentMinutes,
		&s.ChaseAfterHours, &s.ChaseOff, &s.ConsentRequired, &s.Version))
	if err != nil || !ok {
		return s, err
	}
	return s, json.Unmarshal([]byte(owners), &s.Owners)
}

// PutSettings replaces a clinic's settings. It reports false when somebody else changed them
// since the version of s was read.
func PutSettings(tx *sqldb.Tx, clinicID, by string, s Settings) (bool, error) {
	owners, err := json.Marshal(s.Owners)
	if err != nil {
		return false, err
	}
	n, err := tx.Exec(`INSERT INTO triage_settings (clinic_id, owners, safety_officer, emergency_minutes, urgent_minutes,
		chase_after_hours, chase_off, updated_by, updated_at, version, consent_required) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $11)
		ON CONFLICT (clinic_id) DO UPDATE SET owners = excluded.owners, safety_officer = excluded.safety_officer,
		emergency_minutes = excluded.emergency_minutes, urgent_minutes = excluded.urgent_minutes,
		chase_after_hours = excluded.chase_after_hours, chase_off = excluded.chase_off,
		consent_required = excluded.consent_required, updated_by = excluded.updated_by,
		updated_at = excluded.updated_at, version = triage_settings.version + 1 WHERE triage_settings.version = $10`,
		clinicID, string(owners), s.SafetyOfficer, s.EmergencyMinutes, s.UrgentMinutes, s.ChaseAfterHours, s.ChaseOff, by,
		sqldb.Micros(tx.Now()), s.Version, s.ConsentRequired)
	return n == 1, err
}

// DraftKey names a draft of a clinic.
type DraftKey struct{ ClinicID, IntakeID string }

// QuietDrafts returns drafts of every clinic that nobody has touched for as long as their
// clinic waits (usual when it has set nothing) but since oldest, without a finding, that
// nobody was reminded of and that are the newest form of their patient; at most limit.
func QuietDrafts(tx *sqldb.Tx, now, oldest time.Time, usual time.Duration, limit int) ([]DraftKey, error) {
	const hour = int64(time.Hour / time.Microsecond)
	rows, err := tx.Query(`SELECT i.clinic_id, i.intake_id FROM intakes i LEFT JOIN triage_settings s ON s.clinic_id = i.clinic_id
		WHERE i.state = 'DRAFT' AND i.computed_level = 0 AND i.updated_at >= $1 AND i.updated_at <= $2
		AND i.updated_at + CASE WHEN coalesce(s.chase_after_hours, 0) = 0 THEN cast($3 AS bigint) ELSE s.chase_after_hours * cast($4 AS bigint) END <= $2
		AND (s.chase_off IS NULL OR NOT s.chase_off)
		AND NOT EXISTS (SELECT 1 FROM outgoing o WHERE o.clinic_id = i.clinic_id AND o.kind = 'FORM_UNFINISHED' AND o.about = i.intake_id)
		AND NOT EXISTS (SELECT 1 FROM intakes n WHERE n.clinic_id = i.clinic_id AND n.patient_id = i.patient_id AND n.intake_id > i.intake_id)
		ORDER BY i.updated_at, i.intake_id LIMIT $5`,
		sqldb.Micros(oldest), sqldb.Micros(now), int64(usual/time.Microsecond), hour, limit)
	return collect(rows, err, func(r *sql.Rows) (k DraftKey, err error) {
		err = r.Scan(&k.ClinicID, &k.IntakeID)
		return k, err
	})
}
