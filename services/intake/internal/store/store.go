// Package store is intake's SQL: rows in, rows out, one text for SQLite and PostgreSQL. It
// decides nothing and knows no messages. Every statement begins with the clinic.
package store

import (
	"database/sql"
	"embed"
	"errors"
	"io/fs"
	"time"

	"github.com/upright-clinic/upright/services/platform/sqldb"
)

//go:embed migrations
var migrations embed.FS

// Migrations makes intake's tables.
var Migrations = sqldb.Set{Name: "intake", FS: sub(migrations)}

func sub(f embed.FS) fs.FS {
	s, err := fs.Sub(f, "migrations")
	if err != nil { // the folder is embedded above
		panic(err)
	}
	return s
}

// found turns "no rows" into false.
func found(err error) (bool, error) {
	if errors.Is(err, sqldb.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// collect scans every row and closes them.
func collect[T any](rows *sql.Rows, err error, scan func(*sql.Rows) (T, error)) (out []T, _ error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

// TimeZone returns the IANA zone of a clinic; false when directory has not told of it.
func TimeZone(tx *sqldb.Tx, clinicID string) (zone string, ok bool, err error) {
	ok, err = found(tx.QueryRow(`SELECT time_zone FROM clinics WHERE clinic_id = $1`, clinicID).Scan(&zone))
	return zone, ok, err
}

// PutClinic keeps what directory told of a clinic.
func PutClinic(tx *sqldb.Tx, clinicID, zone string) error {
	_, err := tx.Exec(`INSERT INTO clinics (clinic_id, time_zone, updated_at) VALUES ($1, $2, $3)
		ON CONFLICT (clinic_id) DO UPDATE SET time_zone = excluded.time_zone, updated_at = excluded.updated_at`,
		clinicID, zone, sqldb.Micros(tx.Now()))
	return err
}

// Patient is a patient record as far as intake knows it.
type Patient struct {
	PatientID string
	IntoID    string // what it was merged into; "" for a record of its own
	RootID    string // the record that lives on; PatientID for a record of its own
	MergedAt  time.Time
}

// GetPatient returns a patient; false when directory has not told of it.
func GetPatient(tx *sqldb.Tx, clinicID, patientID string) (p Patient, ok bool, err error) {
	p.PatientID = patientID
	var merged int64
	ok, err = found(tx.QueryRow(`SELECT into_id, root_id, merged_at FROM patients WHERE clinic_id = $1 AND patient_id = $2`,
		clinicID, patientID).Scan(&p.IntoID, &p.RootID, &merged))
	p.MergedAt = sqldb.Time(merged)
	return p, ok, err
}

// AddPatient keeps a patient that directory told of; one that is known stays as it is.
func AddPatient(tx *sqldb.Tx, clinicID, patientID string) error {
	_, err := tx.Exec(`INSERT INTO patients (clinic_id, patient_id, into_id, root_id, merged_at) VALUES ($1, $2, '', $2, 0)
		ON CONFLICT (clinic_id, patient_id) DO NOTHING`, clinicID, patientID)
	return err
}

// LockPatient is GetPatient for a transaction that goes on to the person's gate: nobody
// merges the record until it ends.
func LockPatient(tx *sqldb.Tx, clinicID, patientID string) (p Patient, ok bool, err error) {
	p.PatientID = patientID
	var merged int64
	ok, err = found(tx.QueryRow(`SELECT into_id, root_id, merged_at FROM patients WHERE clinic_id = $1 AND patient_id = $2`+tx.ForShare(),
		clinicID, patientID).Scan(&p.IntoID, &p.RootID, &merged))
	p.MergedAt = sqldb.Time(merged)
	return p, ok, err
}

// Members returns the records of the person whose surviving record is rootID, itself
// first.
func Members(tx *sqldb.Tx, clinicID, rootID string) ([]Patient, error) {
	rows, err := tx.Query(`SELECT patient_id, into_id, root_id, merged_at FROM patients WHERE clinic_id = $1 AND root_id = $2
		ORDER BY CASE WHEN patient_id = $2 THEN 0 ELSE 1 END, patient_id`, clinicID, rootID)
	return collect(rows, err, func(r *sql.Rows) (p Patient, err error) {
		var merged int64
		err = r.Scan(&p.PatientID, &p.IntoID, &p.RootID, &merged)
		p.MergedAt = sqldb.Time(merged)
		return p, err
	})
}

// LinkPatient sets where a record points to and which record it lives on in.
func LinkPatient(tx *sqldb.Tx, clinicID string, p Patient) error {
	_, err := tx.Exec(`UPDATE patients SET into_id = $3, root_id = $4, merged_at = $5 WHERE clinic_id = $1 AND patient_id = $2`,
		clinicID, p.PatientID, p.IntoID, p.RootID, sqldb.Micros(p.MergedAt))
	return err
}
