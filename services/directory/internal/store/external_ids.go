package store

import (
	"errors"

	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// ExternalKind is a kind of record that is known by its id in another system.
type ExternalKind string

// The kinds of records that are imported.
const (
	ExternalPatient      ExternalKind = "PATIENT"
	ExternalPractitioner ExternalKind = "PRACTITIONER"
)

// ExternalRecord gives what a record of another system has become here; "" when it was not
// imported.
func ExternalRecord(tx *sqldb.Tx, scope Scope, source string, kind ExternalKind, externalID string) (recordID string, err error) {
	err = tx.QueryRow(`select record_id from external_ids where clinic_id = $1 and source = $2 and kind = $3 and external_id = $4`,
		scope.clinicID, source, string(kind), externalID).Scan(&recordID)
	if errors.Is(err, sqldb.ErrNoRows) {
		return "", nil
	}
	return recordID, err
}

// InsertExternalID remembers what a record of another system has become. It reports false
// when that id is taken.
func InsertExternalID(tx *sqldb.Tx, scope Scope, source string, kind ExternalKind, externalID, recordID string) (bool, error) {
	n, err := tx.Exec(`insert into external_ids (clinic_id, source, kind, external_id, record_id, created_at)
		values ($1, $2, $3, $4, $5, $6) on conflict do nothing`,
		scope.clinicID, source, string(kind), externalID, recordID, sqldb.Micros(tx.Now()))
	return n == 1, err
}

// SamePatients gives the ids of surviving records with the same names and birth date.
func SamePatients(tx *sqldb.Tx, scope Scope, p people.Patient) ([]string, error) {
	rows, err := tx.Query(`select patient_id from patients where clinic_id = $1 and family_key = $2 and given_key = $3 and birth_date = $4
		and merged_into is null order by patient_id limit $5`,
		scope.clinicID, people.SortKey(p.FamilyName), people.SortKey(p.GivenName), p.BirthDate, maxDuplicates)
	return collect(rows, err, scanText)
}

// SamePractitioners gives the ids of practitioners of the same name.
func SamePractitioners(tx *sqldb.Tx, scope Scope, p people.Practitioner) ([]string, error) {
	rows, err := tx.Query(`select practitioner_id from practitioners where clinic_id = $1 and family_name = $2 and given_name = $3
		order by practitioner_id limit $4`, scope.clinicID, p.FamilyName, p.GivenName, maxDuplicates)
	return collect(rows, err, scanText)
}
