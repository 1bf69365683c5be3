package store

import (
	"errors"
	"strconv"
	"time"

	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Medication is one medicine of a person's list.
type Medication struct {
	ID              string
	PatientID       string
	OriginPatientID string
	State           string
	Body            MedicationBody
	CreatedAt       time.Time
	Version         int64
}

// MedicationBody is what was written about a medicine.
type MedicationBody struct {
	Drug          string     `json:"drug"`
	DoseMg        float64    `json:"dose_mg,omitempty"`
	Directions    string     `json:"directions,omitempty"`
	Prescriber    string     `json:"prescriber,omitempty"`
	Start         civil.Date `json:"start_date,omitzero"`
	Stop          civil.Date `json:"stop_date,omitzero"`
	Daily         bool       `json:"taken_daily,omitempty"`
	SaidByPatient bool       `json:"said_by_patient,omitempty"`
	Note          string     `json:"note,omitempty"`
	AddedBy       string     `json:"added_by"`
	StopReason    string     `json:"stop_reason,omitempty"`
	StoppedBy     string     `json:"stopped_by,omitempty"`
}

const medicationColumns = `medication_id, patient_id, origin_patient_id, state, body, created_at, version`

// InsertMedication adds a medicine.
func InsertMedication(tx *sqldb.Tx, clinicID string, m Medication) error {
	body, err := encode(m.Body)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO medications (clinic_id, `+medicationColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		clinicID, m.ID, m.PatientID, m.OriginPatientID, m.State, body, micros(m.CreatedAt), m.Version)
	return err
}

// UpdateMedication writes a medicine that was read with its version, and fails with
// VERSION_MISMATCH when it has changed since. The caller's has the new version afterwards.
func UpdateMedication(tx *sqldb.Tx, clinicID string, m *Medication) error {
	body, err := encode(m.Body)
	if err != nil {
		return err
	}
	n, err := tx.Exec(`UPDATE medications SET state = $4, body = $5, version = version + 1
		WHERE clinic_id = $1 AND medication_id = $2 AND version = $3`, clinicID, m.ID, m.Version, m.State, body)
	if err != nil {
		return err
	}
	if n == 0 {
		return errChanged()
	}
	m.Version++
	return nil
}

// Medications gives a person's medicines, stopped ones included, oldest first.
func Medications(tx *sqldb.Tx, clinicID, patientID string) ([]Medication, error) {
	rows, err := tx.Query(`SELECT `+medicationColumns+` FROM medications WHERE clinic_id = $1 AND patient_id = $2
		ORDER BY created_at, medication_id`, clinicID, patientID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Medication
	for rows.Next() {
		var m Medication
		var body string
		var created int64
		if err := rows.Scan(&m.ID, &m.PatientID, &m.OriginPatientID, &m.State, &body, &created, &m.Version); err != nil {
			return nil, err
		}
		m.CreatedAt = instant(created)
		if err := decode(body, &m.Body); err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, rows.Err()
}

// Acknowledgement is a clinician's acknowledgement of a rule about a medicine.
type Acknowledgement struct {
	ID           string
	MedicationID string
	RuleID       string
	About        []string
	Reason       string
	By           string
	At           time.Time
}

// InsertAcknowledgement adds an acknowledgement.
func InsertAcknowledgement(tx *sqldb.Tx, clinicID string, a Acknowledgement) error {
	about, err := encode(a.About)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO medication_acknowledgements (clinic_id, acknowledgement_id, medication_id, rule_id, about, reason,
		acknowledged_by, acknowledged_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		clinicID, a.ID, a.MedicationID, a.RuleID, about, a.Reason, a.By, micros(a.At))
	return err
}

// Acknowledgements gives what was acknowledged about a person's medicines, oldest first.
func Acknowledgements(tx *sqldb.Tx, clinicID, patientID string) ([]Acknowledgement, error) {
	rows, err := tx.Query(`SELECT a.acknowledgement_id, a.medication_id, a.rule_id, a.about, a.reason, a.acknowledged_by, a.acknowledged_at
		FROM medication_acknowledgements a JOIN medications m ON m.clinic_id = a.clinic_id AND m.medication_id = a.medication_id
		WHERE a.clinic_id = $1 AND m.patient_id = $2 ORDER BY a.acknowledged_at, a.acknowledgement_id`, clinicID, patientID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Acknowledgement
	for rows.Next() {
		var a Acknowledgement
		var about string
		var at int64
		if err := rows.Scan(&a.ID, &a.MedicationID, &a.RuleID, &about, &a.Reason, &a.By, &at); err != nil {
			return nil, err
		}
		a.At = instant(at)
		if err := decode(about, &a.About); err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, rows.Err()
}

// Dose is one time that a medicine was taken.
type Dose struct {
	ID              string
	PatientID       string
	OriginPatientID string
	MedicationID    string
	Drug            string
	Mg              float64
	At              time.Time
	Date            civil.Date
	WithFood        string // "", YES or NO
	Void            bool
	RecordedBy      string
	CreatedAt       time.Time
	Version         int64
}

const doseColumns = `dose_id, patient_id, origin_patient_id, medication_id, drug, dose_mg, taken_at, local_date, with_food, void,
	recorded_by, created_at, version`

// InsertDose adds a dose.
func InsertDose(tx *sqldb.Tx, clinicID string, d Dose) error {
	_, err := tx.Exec(`INSERT INTO medication_doses (clinic_id, `+doseColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
		clinicID, d.ID, d.PatientID, d.OriginPatientID, d.MedicationID, d.Drug, strconv.FormatFloat(d.Mg, 'g', -1, 64), micros(d.At), d.Date,
		d.WithFood, d.Void, d.RecordedBy, micros(d.CreatedAt), d.Version)
	return err
}

// VoidDose says that a dose was entered in error.
func VoidDose(tx *sqldb.Tx, clinicID, doseID string) error {
	_, err := tx.Exec(`UPDATE medication_doses SET void = true, version = version + 1 WHERE clinic_id = $1 AND dose_id = $2`, clinicID, doseID)
	return err
}

// DoseByID gives a dose, or NOT_FOUND.
func DoseByID(tx *sqldb.Tx, clinicID, doseID string) (Dose, error) {
	found, err := doses(tx, `SELECT `+doseColumns+` FROM medication_doses WHERE clinic_id = $1 AND dose_id = $2`, clinicID, doseID)
	if err != nil {
		return Dose{}, err
	}
	if len(found) == 0 {
		return Dose{}, none(sqldb.ErrNoRows, "dose")
	}
	return found[0], nil
}

// DosesBetween gives a person's doses that count, of which the civil date is between two,
// oldest first.
func DosesBetween(tx *sqldb.Tx, clinicID, patientID string, first, last civil.Date) ([]Dose, error) {
	return doses(tx, `SELECT `+doseColumns+` FROM medication_doses WHERE clinic_id = $1 AND patient_id = $2 AND NOT void
		AND local_date >= $3 AND local_date <= $4 ORDER BY taken_at, dose_id`, clinicID, patientID, first, last)
}

// Doses gives a person's doses, newest first, behind a place in that order and at most
// limit of them. before may be 0 for the start.
func Doses(tx *sqldb.Tx, clinicID, patientID string, before int64, beforeID string, limit int) ([]Dose, error) {
	return doses(tx, `SELECT `+doseColumns+` FROM medication_doses WHERE clinic_id = $1 AND patient_id = $2
		AND (cast($3 as bigint) = 0 OR taken_at < cast($3 as bigint) OR (taken_at = cast($3 as bigint) AND dose_id < $4))
		ORDER BY taken_at DESC, dose_id DESC LIMIT $5`, clinicID, patientID, before, beforeID, limit)
}

func doses(tx *sqldb.Tx, query string, args ...any) ([]Dose, error) {
	rows, err := tx.Query(query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Dose
	for rows.Next() {
		var d Dose
		var mg string
		var at, created int64
		err := rows.Scan(&d.ID, &d.PatientID, &d.OriginPatientID, &d.MedicationID, &d.Drug, &mg, &at, &d.Date, &d.WithFood, &d.Void,
			&d.RecordedBy, &created, &d.Version)
		if err != nil {
			return nil, err
		}
		d.At, d.CreatedAt = instant(at), instant(created)
		if d.Mg, err = strconv.ParseFloat(mg, 64); err != nil {
			return nil, errors.New("medication_doses.dose_mg is not a number")
		}
		out = append(out, d)
	}
	return out, rows.Err()
}
