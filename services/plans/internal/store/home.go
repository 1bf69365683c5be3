package store

import (
	"errors"
	"time"

	"github.com/upright-clinic/upright/services/plans/internal/homecare"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// HomeProgramme is what a patient does at home, as it was issued and changed.
type HomeProgramme struct {
	homecare.Programme
	ID                string
	PatientID         string
	OriginPatientID   string
	PlanID            string
	CourseID          string
	State             string // ACTIVE or ENDED
	LibraryVersion    int
	DisclaimerVersion int
	Disclaimer        string
	CreatedBy         string
	CreatedAt         time.Time
	Version           int64
}

// homeBody is what of a programme is kept as one document.
type homeBody struct {
	Items         []homecare.Setting     `json:"items"`
	WakeFrom      int                    `json:"wake_from"`
	WakeTo        int                    `json:"wake_to"`
	FirstAt       int                    `json:"first_at,omitempty"`
	Circumstances homecare.Circumstances `json:"circumstances"`
	Resolved      bool                   `json:"resolved,omitempty"`
}

func homeBodyOf(p HomeProgramme) (string, error) {
	return encode(homeBody{p.Items, p.WakeFrom, p.WakeTo, p.FirstAt, p.Circumstances, p.Resolved})
}

const homeColumns = `programme_id, patient_id, origin_patient_id, plan_id, course_id, state, start_date, body, library_version,
	disclaimer_version, disclaimer, created_by, created_at, version`

// InsertHome adds a programme.
func InsertHome(tx *sqldb.Tx, clinicID string, p HomeProgramme) error {
	body, err := homeBodyOf(p)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO home_programmes (clinic_id, `+homeColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
		clinicID, p.ID, p.PatientID, p.OriginPatientID, p.PlanID, p.CourseID, p.State, p.Start.String(), body, p.LibraryVersion,
		p.DisclaimerVersion, p.Disclaimer, p.CreatedBy, micros(p.CreatedAt), p.Version)
	return err
}

// UpdateHome writes a programme that was read with its version, and fails with
// VERSION_MISMATCH when it has changed since. The caller's has the new version afterwards.
func UpdateHome(tx *sqldb.Tx, clinicID string, p *HomeProgramme) error {
	body, err := homeBodyOf(*p)
	if err != nil {
		return err
	}
	n, err := tx.Exec(`UPDATE home_programmes SET state = $4, body = $5, library_version = $6, disclaimer_version = $7, disclaimer = $8,
		version = version + 1 WHERE clinic_id = $1 AND programme_id = $2 AND version = $3`,
		clinicID, p.ID, p.Version, p.State, body, p.LibraryVersion, p.DisclaimerVersion, p.Disclaimer)
	if err != nil {
		return err
	}
	if n == 0 {
		return errChanged()
	}
	p.Version++
	return nil
}

// HomeByID gives a programme, or NOT_FOUND.
func HomeByID(tx *sqldb.Tx, clinicID, programmeID string) (HomeProgramme, error) {
	list, err := homeRows(tx, `WHERE clinic_id = $1 AND programme_id = $2`, clinicID, programmeID)
	if err == nil && len(list) == 0 {
		err = none(sqldb.ErrNoRows, "home programme")
	}
	if err != nil {
		return HomeProgramme{}, err
	}
	return list[0], nil
}

// Homes gives a person's programmes, newest first; of a state when it is not empty.
func Homes(tx *sqldb.Tx, clinicID, patientID, state string) ([]HomeProgramme, error) {
	return homeRows(tx, `WHERE clinic_id = $1 AND patient_id = $2 AND ($3 = '' OR state = $3) ORDER BY created_at DESC, programme_id DESC`,
		clinicID, patientID, state)
}

func homeRows(tx *sqldb.Tx, where string, args ...any) ([]HomeProgramme, error) {
	rows, err := tx.Query(`SELECT `+homeColumns+` FROM home_programmes `+where, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []HomeProgramme
	for rows.Next() {
		var p HomeProgramme
		var text string
		var created int64
		var b homeBody
		err := rows.Scan(&p.ID, &p.PatientID, &p.OriginPatientID, &p.PlanID, &p.CourseID, &p.State, &p.Start, &text, &p.LibraryVersion,
			&p.DisclaimerVersion, &p.Disclaimer, &p.CreatedBy, &created, &p.Version)
		if err := errors.Join(err, decode(text, &b)); err != nil {
			return nil, err
		}
		p.Items, p.WakeFrom, p.WakeTo, p.FirstAt, p.Circumstances, p.Resolved = b.Items, b.WakeFrom, b.WakeTo, b.FirstAt, b.Circumstances, b.Resolved
		p.CreatedAt = instant(created)
		out = append(out, p)
	}
	return out, rows.Err()
}
