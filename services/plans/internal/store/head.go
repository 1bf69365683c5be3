package store

import (
	"errors"
	"strings"

	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Head is a person's ledger head: its row is the lock that claims, facts and merges of the
// person take, and its version counts them.
type Head struct {
	ClinicID  string
	PatientID string // the record that lives on
	Version   int64
}

// maxMerges bounds how many merges are followed from one record to the one that lives on.
const maxMerges = 32

// LockHead locks the ledger of the person whom the record belongs to, following merges, and
// makes the head when there is none. Whoever waits here sees, once let in, everything that
// the one before has committed.
func LockHead(tx *sqldb.Tx, clinicID, patientID string) (Head, error) {
	h := Head{ClinicID: clinicID, PatientID: patientID}
	for range maxMerges {
		into, err := h.touch(tx)
		if err != nil || into == "" {
			return h, err
		}
		h.PatientID = into
	}
	return h, errors.New("plans: merges of patients go round in a circle")
}

// touch takes the row's lock and the next version.
func (h *Head) touch(tx *sqldb.Tx) (into string, err error) {
	err = tx.QueryRow(`INSERT INTO ledger_heads (clinic_id, patient_id, version, merged_into) VALUES ($1, $2, 1, '')
		ON CONFLICT (clinic_id, patient_id) DO UPDATE SET version = ledger_heads.version + 1
		RETURNING version, merged_into`, h.ClinicID, h.PatientID).Scan(&h.Version, &into)
	return into, err
}

// Next takes another version of a head that is locked, for a second event of one change.
func (h *Head) Next(tx *sqldb.Tx) (int64, error) {
	_, err := h.touch(tx)
	return h.Version, err
}

// Survivor gives the record that lives on for a record, and whether plans knows it.
func Survivor(tx *sqldb.Tx, clinicID, patientID string) (survivor string, known bool, err error) {
	for range maxMerges {
		var into string
		err := tx.QueryRow(`SELECT merged_into FROM ledger_heads WHERE clinic_id = $1 AND patient_id = $2`, clinicID, patientID).Scan(&into)
		if errors.Is(err, sqldb.ErrNoRows) {
			return patientID, known, nil
		}
		if err != nil || into == "" {
			return patientID, true, err
		}
		patientID, known = into, true
	}
	return "", false, errors.New("plans: merges of patients go round in a circle")
}

// LockPair locks the heads of two records, in order of id and without following merges, as
// merging them needs.
func LockPair(tx *sqldb.Tx, clinicID, a, b string) error {
	if b < a {
		a, b = b, a
	}
	for _, id := range []string{a, b} {
		h := Head{ClinicID: clinicID, PatientID: id}
		if _, err := h.touch(tx); err != nil {
			return err
		}
	}
	return nil
}

// PointTo makes a record point to the one that lives on; empty makes it stand alone.
func PointTo(tx *sqldb.Tx, clinicID, patientID, survivor string) error {
	_, err := tx.Exec(`UPDATE ledger_heads SET merged_into = $3 WHERE clinic_id = $1 AND patient_id = $2`, clinicID, patientID, survivor)
	return err
}

// personal are the tables of what belongs to a person: each row has the record that it was
// entered under, and a version.
var personal = []string{
	"ledger", "plans", "issues",
	"medications", "medication_doses",
	"diary_entries", "outcomes", "home_programmes", "session_notes", "examinations",
	"referrals", "treatment_trials", "implants",
}

// Rehome gives everything that is now the person's back to whoever its origin record
// belongs to, after a merge or its undoing. Both heads must be locked.
func Rehome(tx *sqldb.Tx, clinicID, patientID string) error {
	origins, err := origins(tx, clinicID, patientID)
	if err != nil {
		return err
	}
	for _, origin := range origins {
		owner, _, err := Survivor(tx, clinicID, origin)
		if err != nil {
			return err
		}
		if owner == patientID {
			continue
		}
		for _, table := range personal {
			_, err := tx.Exec(`UPDATE `+table+` SET patient_id = $4, version = version + 1
				WHERE clinic_id = $1 AND patient_id = $2 AND origin_patient_id = $3`, clinicID, patientID, origin, owner)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// origins gives the records under which something of the person was entered.
func origins(tx *sqldb.Tx, clinicID, patientID string) ([]string, error) {
	parts := make([]string, len(personal))
	for i, table := range personal {
		parts[i] = `SELECT origin_patient_id FROM ` + table + ` WHERE clinic_id = $1 AND patient_id = $2`
	}
	rows, err := tx.Query(strings.Join(parts, " UNION "), clinicID, patientID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		out = append(out, id)
	}
	return out, rows.Err()
}
