package store

import (
	"time"

	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Trial is what became of one kind of conservative care.
type Trial struct {
	ID              string
	PatientID       string
	OriginPatientID string
	Modality        string
	Outcome         string
	Reason          string
	PlanID          string
	By              string
	At              time.Time
	Version         int64
}

// InsertTrial adds a record.
func InsertTrial(tx *sqldb.Tx, clinicID string, t Trial) error {
	_, err := tx.Exec(`INSERT INTO treatment_trials (clinic_id, trial_id, patient_id, origin_patient_id, modality, outcome, reason, plan_id,
		recorded_by, recorded_at, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		clinicID, t.ID, t.PatientID, t.OriginPatientID, t.Modality, t.Outcome, t.Reason, t.PlanID, t.By, micros(t.At), t.Version)
	return err
}

// Trials gives a person's records, oldest first.
func Trials(tx *sqldb.Tx, clinicID, patientID string) ([]Trial, error) {
	rows, err := tx.Query(`SELECT trial_id, patient_id, origin_patient_id, modality, outcome, reason, plan_id, recorded_by, recorded_at, version
		FROM treatment_trials WHERE clinic_id = $1 AND patient_id = $2 ORDER BY recorded_at, trial_id`, clinicID, patientID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Trial
	for rows.Next() {
		var t Trial
		var at int64
		if err := rows.Scan(&t.ID, &t.PatientID, &t.OriginPatientID, &t.Modality, &t.Outcome, &t.Reason, &t.PlanID, &t.By, &at, &t.Version); err != nil {
			return nil, err
		}
		t.At = instant(at)
		out = append(out, t)
	}
	return out, rows.Err()
}

// SurgeryConsent is a text that patients sign before surgery.
type SurgeryConsent struct {
	Version       string
	Complications []string
	Text          string
	By            string
	At            time.Time
}

// InsertSurgeryConsent adds a text, which is in force from then on.
func InsertSurgeryConsent(tx *sqldb.Tx, clinicID string, c SurgeryConsent) error {
	named, err := encode(c.Complications)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO surgery_consents (clinic_id, consent_version, complications, content, changed_by, changed_at)
		VALUES ($1, $2, $3, $4, $5, $6)`, clinicID, c.Version, named, c.Text, c.By, micros(c.At))
	return err
}

// SurgeryConsents gives a clinic's own texts, oldest first.
func SurgeryConsents(tx *sqldb.Tx, clinicID string) ([]SurgeryConsent, error) {
	rows, err := tx.Query(`SELECT consent_version, complications, content, changed_by, changed_at FROM surgery_consents
		WHERE clinic_id = $1 ORDER BY changed_at, consent_version`, clinicID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []SurgeryConsent
	for rows.Next() {
		var c SurgeryConsent
		var named string
		var at int64
		if err := rows.Scan(&c.Version, &named, &c.Text, &c.By, &at); err != nil {
			return nil, err
		}
		c.At = instant(at)
		if err := decode(named, &c.Complications); err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, rows.Err()
}

// Implant is a device in a person's body.
type Implant struct {
	ID              string
	PatientID       string
	OriginPatientID string
	Implant         string
	Region          string
	Inserted        civil.Date // zero when not known
	MRI             string
	Note            string
	ReferralID      string
	By              string
	At              time.Time
	Version         int64
}

// InsertImplant adds a device.
func InsertImplant(tx *sqldb.Tx, clinicID string, i Implant) error {
	inserted := ""
	if !i.Inserted.IsZero() {
		inserted = i.Inserted.String()
	}
	_, err := tx.Exec(`INSERT INTO implants (clinic_id, implant_id, patient_id, origin_patient_id, implant, region, insert_date, mri, note,
		referral_id, recorded_by, recorded_at, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		clinicID, i.ID, i.PatientID, i.OriginPatientID, i.Implant, i.Region, inserted, i.MRI, i.Note, i.ReferralID, i.By, micros(i.At), i.Version)
	return err
}

// Implants gives a person's devices, newest first.
func Implants(tx *sqldb.Tx, clinicID, patientID string) ([]Implant, error) {
	rows, err := tx.Query(`SELECT implant_id, patient_id, origin_patient_id, implant, region, insert_date, mri, note, referral_id, recorded_by,
		recorded_at, version FROM implants WHERE clinic_id = $1 AND patient_id = $2 ORDER BY recorded_at DESC, implant_id DESC`, clinicID, patientID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Implant
	for rows.Next() {
		var i Implant
		var inserted string
		var at int64
		err := rows.Scan(&i.ID, &i.PatientID, &i.OriginPatientID, &i.Implant, &i.Region, &inserted, &i.MRI, &i.Note, &i.ReferralID, &i.By, &at, &i.Version)
		if err != nil {
			return nil, err
		}
		i.At = instant(at)
		if inserted != "" {
			if i.Inserted, err = civil.Parse(inserted); err != nil {
				return nil, err
			}
		}
		out = append(out, i)
	}
	return out, rows.Err()
}
