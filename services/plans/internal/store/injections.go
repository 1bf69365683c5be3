package store

import (
	"database/sql"
	"errors"
	"time"

	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Record is what was given at an injection.
type Record struct {
	InjectionID    string
	Side           string
	Levels         []string
	Drugs          []Drug
	Guidance       string
	PainBefore     *int
	PainAfter      *int
	ConsentVersion string
	Note           string
	RecordedBy     string
	RecordedAt     time.Time
}

// Drug is one drug of an injection.
type Drug struct {
	Name       string  `json:"drug"`
	DoseMg     float64 `json:"dose_mg"`
	Lot        string  `json:"lot,omitempty"`
	ExpireDate string  `json:"expire_date,omitempty"`
}

// PutRecord keeps what was given; a record that was struck out as an error before is
// replaced.
func PutRecord(tx *sqldb.Tx, clinicID string, r Record) error {
	levels, err := encode(r.Levels)
	if err != nil {
		return err
	}
	drugs, err := encode(r.Drugs)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO injection_records (clinic_id, injection_id, side, levels, drugs, guidance, pain_before, pain_after,
		consent_version, note, recorded_by, recorded_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
		ON CONFLICT (clinic_id, injection_id) DO UPDATE SET side = excluded.side, levels = excluded.levels, drugs = excluded.drugs,
		guidance = excluded.guidance, pain_before = excluded.pain_before, pain_after = excluded.pain_after,
		consent_version = excluded.consent_version, note = excluded.note, recorded_by = excluded.recorded_by,
		recorded_at = excluded.recorded_at`,
		clinicID, r.InjectionID, r.Side, levels, drugs, r.Guidance, nullInt(r.PainBefore), nullInt(r.PainAfter), r.ConsentVersion,
		r.Note, r.RecordedBy, sqldb.Micros(r.RecordedAt))
	return err
}

func nullInt(n *int) sql.NullInt64 {
	if n == nil {
		return sql.NullInt64{}
	}
	return sql.NullInt64{Int64: int64(*n), Valid: true}
}

func intOf(n sql.NullInt64) *int {
	if !n.Valid {
		return nil
	}
	v := int(n.Int64)
	return &v
}

// RecordsOf gives what was given at a person's injections, by injection.
func RecordsOf(tx *sqldb.Tx, clinicID, patientID string) (map[string]Record, error) {
	rows, err := tx.Query(`SELECT r.injection_id, r.side, r.levels, r.drugs, r.guidance, r.pain_before, r.pain_after, r.consent_version,
		r.note, r.recorded_by, r.recorded_at
		FROM injection_records r JOIN ledger l ON l.clinic_id = r.clinic_id AND l.injection_id = r.injection_id AND l.injection_id <> ''
		WHERE l.clinic_id = $1 AND l.patient_id = $2`, clinicID, patientID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]Record{}
	for rows.Next() {
		var r Record
		var levels, drugs string
		var before, after sql.NullInt64
		var at int64
		err := rows.Scan(&r.InjectionID, &r.Side, &levels, &drugs, &r.Guidance, &before, &after, &r.ConsentVersion, &r.Note, &r.RecordedBy, &at)
		if err != nil {
			return nil, err
		}
		r.PainBefore, r.PainAfter, r.RecordedAt = intOf(before), intOf(after), sqldb.Time(at)
		if err := errors.Join(decode(levels, &r.Levels), decode(drugs, &r.Drugs)); err != nil {
			return nil, err
		}
		out[r.InjectionID] = r
	}
	return out, rows.Err()
}

// AdverseEvent is something that went wrong after an injection.
type AdverseEvent struct {
	ID          string
	InjectionID string
	Code        string
	LocalDate   string
	Note        string
	RecordedBy  string
	RecordedAt  time.Time
}

// InsertAdverseEvent adds what went wrong.
func InsertAdverseEvent(tx *sqldb.Tx, clinicID string, e AdverseEvent) error {
	_, err := tx.Exec(`INSERT INTO adverse_events (clinic_id, event_id, injection_id, code, local_date, note, recorded_by, recorded_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, clinicID, e.ID, e.InjectionID, e.Code, e.LocalDate, e.Note, e.RecordedBy, sqldb.Micros(e.RecordedAt))
	return err
}

// AdverseEventsOf gives what went wrong after a person's injections, oldest first, by
// injection.
func AdverseEventsOf(tx *sqldb.Tx, clinicID, patientID string) (map[string][]AdverseEvent, error) {
	rows, err := tx.Query(`SELECT a.event_id, a.injection_id, a.code, a.local_date, a.note, a.recorded_by, a.recorded_at
		FROM adverse_events a JOIN ledger l ON l.clinic_id = a.clinic_id AND l.injection_id = a.injection_id AND l.injection_id <> ''
		WHERE l.clinic_id = $1 AND l.patient_id = $2 ORDER BY a.recorded_at, a.event_id`, clinicID, patientID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string][]AdverseEvent{}
	for rows.Next() {
		var e AdverseEvent
		var at int64
		if err := rows.Scan(&e.ID, &e.InjectionID, &e.Code, &e.LocalDate, &e.Note, &e.RecordedBy, &at); err != nil {
			return nil, err
		}
		e.RecordedAt = sqldb.Time(at)
		out[e.InjectionID] = append(out[e.InjectionID], e)
	}
	return out, rows.Err()
}

// PolicyApplied gives the version and the text of the injection policy that booked sessions
// were last checked against; zero before any.
func PolicyApplied(tx *sqldb.Tx) (version int64, text string, err error) {
	err = tx.QueryRow(`SELECT version, caps FROM policy_applied WHERE one = 1`).Scan(&version, &text)
	if errors.Is(err, sqldb.ErrNoRows) {
		return 0, "", nil
	}
	return version, text, err
}

// PutPolicyApplied keeps which policy booked sessions were checked against.
func PutPolicyApplied(tx *sqldb.Tx, version int64, text string) error {
	_, err := tx.Exec(`INSERT INTO policy_applied (one, version, caps) VALUES (1, $1, $2)
		ON CONFLICT (one) DO UPDATE SET version = excluded.version, caps = excluded.caps`, version, text)
	return err
}

// PatientKey names a person of any clinic.
type PatientKey struct{ ClinicID, PatientID string }

// WithInjectionsToCome gives the persons who have an injection held or booked.
func WithInjectionsToCome(tx *sqldb.Tx) ([]PatientKey, error) {
	rows, err := tx.Query(`SELECT DISTINCT clinic_id, patient_id FROM ledger WHERE kind <> '' AND state IN ('HELD', 'CONFIRMED')
		ORDER BY clinic_id, patient_id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []PatientKey
	for rows.Next() {
		var k PatientKey
		if err := rows.Scan(&k.ClinicID, &k.PatientID); err != nil {
			return nil, err
		}
		out = append(out, k)
	}
	return out, rows.Err()
}
