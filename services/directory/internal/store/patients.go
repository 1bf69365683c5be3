package store

import (
	"slices"

	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

const patientColumns = `p.patient_id, p.given_name, p.family_name, p.preferred_name, p.former_names, p.birth_date, p.administrative_sex,
	p.phone, p.email, p.language, p.address, p.emergency_contact, p.external_number, p.is_unverified, coalesce(p.merged_into, ''),
	p.surviving_id, p.created_at, p.updated_at, p.version`

func scanPatient(scan func(...any) error) (p people.Patient, err error) {
	var address, contact string
	var created, updated int64
	err = scan(&p.ID, &p.GivenName, &p.FamilyName, &p.PreferredName, &p.FormerNames, &p.BirthDate, &p.AdministrativeSex,
		&p.Phone, &p.Email, &p.Language, &address, &contact, &p.ExternalNumber, &p.Unverified, &p.MergedInto,
		&p.SurvivingID, &created, &updated, &p.Version)
	if err != nil {
		return p, err
	}
	p.CreatedAt, p.UpdatedAt = sqldb.Time(created), sqldb.Time(updated)
	if err = decode(address, &p.Address); err != nil {
		return p, err
	}
	return p, decode(contact, &p.EmergencyContact)
}

// patientParts are the encoded columns of a patient.
func patientParts(p people.Patient) (address, contact string, err error) {
	if address, err = encode(p.Address); err != nil {
		return "", "", err
	}
	contact, err = encode(p.EmergencyContact)
	return address, contact, err
}

// InsertPatient adds a record that stands alone.
func InsertPatient(tx *sqldb.Tx, scope Scope, p people.Patient) error {
	address, contact, err := patientParts(p)
	if err != nil {
		return err
	}
	now := sqldb.Micros(tx.Now())
	_, err = tx.Exec(`insert into patients (clinic_id, patient_id, given_name, family_name, preferred_name, former_names, family_key,
		given_key, birth_date, administrative_sex, phone, phone_reversed, email, email_key, language, address, emergency_contact,
		external_number, is_unverified, merged_into, surviving_id, created_at, updated_at, version)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, null, $2, $20, $20, 1)`,
		scope.clinicID, p.ID, p.GivenName, p.FamilyName, p.PreferredName, p.FormerNames, people.SortKey(p.FamilyName),
		people.SortKey(p.GivenName), p.BirthDate, p.AdministrativeSex, p.Phone, people.ReversedDigits(p.Phone), p.Email,
		people.EmailKey(p.Email), p.Language, address, contact, p.ExternalNumber, p.Unverified, now)
	if err != nil {
		return err
	}
	return insertNames(tx, scope, p, p.ID)
}

// insertNames adds the search words of a record that leads to survivingID.
func insertNames(tx *sqldb.Tx, scope Scope, p people.Patient, survivingID string) error {
	for _, token := range p.SearchTokens() {
		_, err := tx.Exec(`insert into patient_names (clinic_id, token, surviving_id, patient_id) values ($1, $2, $3, $4)`,
			scope.clinicID, token, survivingID, p.ID)
		if err != nil {
			return err
		}
	}
	return nil
}

// GetPatient reads a record of the scope.
func GetPatient(tx *sqldb.Tx, scope Scope, id string) (people.Patient, error) {
	if !scope.sees(id) {
		return people.Patient{}, sqldb.ErrNoRows
	}
	return scanPatient(tx.QueryRow(`select `+patientColumns+` from patients p where p.clinic_id = $1 and p.patient_id = $2`, scope.clinicID, id).Scan)
}

// UpdatePatient writes a record over the version that it was read at, and its search words.
func UpdatePatient(tx *sqldb.Tx, scope Scope, p people.Patient) error {
	if !scope.sees(p.ID) {
		return sqldb.ErrNoRows
	}
	address, contact, err := patientParts(p)
	if err != nil {
		return err
	}
	err = changed(tx.Exec(`update patients set given_name = $4, family_name = $5, preferred_name = $6, former_names = $7, family_key = $8,
		given_key = $9, birth_date = $10, administrative_sex = $11, phone = $12, phone_reversed = $13, email = $14, email_key = $15,
		language = $16, address = $17, emergency_contact = $18, external_number = $19, is_unverified = $20, updated_at = $21,
		version = version + 1 where clinic_id = $1 and patient_id = $2 and version = $3`,
		scope.clinicID, p.ID, p.Version, p.GivenName, p.FamilyName, p.PreferredName, p.FormerNames, people.SortKey(p.FamilyName),
		people.SortKey(p.GivenName), p.BirthDate, p.AdministrativeSex, p.Phone, people.ReversedDigits(p.Phone), p.Email,
		people.EmailKey(p.Email), p.Language, address, contact, p.ExternalNumber, p.Unverified, sqldb.Micros(tx.Now())))
	if err != nil {
		return err
	}
	if _, err := tx.Exec(`delete from patient_names where clinic_id = $1 and patient_id = $2`, scope.clinicID, p.ID); err != nil {
		return err
	}
	return insertNames(tx, scope, p, p.SurvivingID)
}

// BatchGetPatients reads the records of the scope with these ids, in no particular order.
func BatchGetPatients(tx *sqldb.Tx, scope Scope, ids []string) ([]people.Patient, error) {
	var patients []people.Patient
	for chunk := range slices.Chunk(ids, batchSize) {
		args := make([]any, 0, batchSize+1)
		args = append(args, scope.clinicID)
		for _, id := range chunk {
			if scope.sees(id) {
				args = append(args, id)
			}
		}
		for len(args) <= batchSize {
			args = append(args, "") // no id, so that there is one statement for every number
		}
		rows, err := tx.Query(batchQuery, args...)
		found, err := collect(rows, err, scanPatient)
		if err != nil {
			return nil, err
		}
		patients = append(patients, found...)
	}
	return patients, nil
}

// batchSize is how many ids one statement asks for.
const batchSize = 16

const batchQuery = `select ` + patientColumns + ` from patients p where p.clinic_id = $1
	and p.patient_id in ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)`

// maxDuplicates is how many likely duplicates are named.
const maxDuplicates = 10

// PossibleDuplicates gives the ids of other surviving records with the same birth date and a
// name in common.
func PossibleDuplicates(tx *sqldb.Tx, scope Scope, p people.Patient) ([]string, error) {
	rows, err := tx.Query(`select d.patient_id from patients d
		where d.clinic_id = $1 and d.birth_date = $2 and d.merged_into is null and d.patient_id <> $3 and d.patient_id <> $4
			and exists (select 1 from patient_names mine join patient_names theirs
				on theirs.clinic_id = mine.clinic_id and theirs.patient_id = d.patient_id and theirs.token = mine.token
				where mine.clinic_id = $1 and mine.patient_id = $3)
		order by d.patient_id limit $5`, scope.clinicID, p.BirthDate, p.ID, p.SurvivingID, maxDuplicates)
	return collect(rows, err, scanText)
}

// scanText reads a row of one text.
func scanText(scan func(...any) error) (s string, err error) { return s, scan(&s) }

// PersonLinks reads, for the persons that the records belong to, which record was merged into
// which. A record that is not there is not in the answer.
func PersonLinks(tx *sqldb.Tx, scope Scope, ids ...string) (people.Links, error) {
	links := people.Links{}
	for _, id := range ids {
		rows, err := tx.Query(`select p.patient_id, coalesce(p.merged_into, '') from patients p
			where p.clinic_id = $1 and p.surviving_id = (select q.surviving_id from patients q where q.clinic_id = $1 and q.patient_id = $2)`,
			scope.clinicID, id)
		pairs, err := collect(rows, err, func(scan func(...any) error) (pair [2]string, err error) { return pair, scan(&pair[0], &pair[1]) })
		if err != nil {
			return nil, err
		}
		for _, pair := range pairs {
			links[pair[0]] = pair[1]
		}
	}
	return links, nil
}

// LinkPatient sets what a record was merged into and which one survives, for its search words
// too, and returns the record's new version.
func LinkPatient(tx *sqldb.Tx, scope Scope, id, mergedInto, survivingID string) (version int64, err error) {
	err = tx.QueryRow(`update patients set merged_into = $3, surviving_id = $4, updated_at = $5, version = version + 1
		where clinic_id = $1 and patient_id = $2 returning version`,
		scope.clinicID, id, null(mergedInto), survivingID, sqldb.Micros(tx.Now())).Scan(&version)
	if err != nil {
		return 0, err
	}
	_, err = tx.Exec(`update patient_names set surviving_id = $3 where clinic_id = $1 and patient_id = $2`, scope.clinicID, id, survivingID)
	return version, err
}
