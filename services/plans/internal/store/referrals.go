package store

import (
	"github.com/upright-clinic/upright/services/plans/internal/referral"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

const referralColumns = `referral_id, patient_id, origin_patient_id, state, body, created_at, version`

// InsertReferral adds a referral.
func InsertReferral(tx *sqldb.Tx, clinicID string, r referral.Referral) error {
	body, err := encode(r)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO referrals (clinic_id, `+referralColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		clinicID, r.ID, r.PatientID, r.OriginPatientID, string(r.State), body, micros(r.CreatedAt), r.Version)
	return err
}

// UpdateReferral writes a referral that was read with its version, and fails with
// VERSION_MISMATCH when it has changed since. The caller's has the new version afterwards.
func UpdateReferral(tx *sqldb.Tx, clinicID string, r *referral.Referral) error {
	body, err := encode(*r)
	if err != nil {
		return err
	}
	n, err := tx.Exec(`UPDATE referrals SET state = $4, body = $5, version = version + 1
		WHERE clinic_id = $1 AND referral_id = $2 AND version = $3`, clinicID, r.ID, r.Version, string(r.State), body)
	if err != nil {
		return err
	}
	if n == 0 {
		return errChanged()
	}
	r.Version++
	return nil
}

// ReferralByID gives a referral, or NOT_FOUND.
func ReferralByID(tx *sqldb.Tx, clinicID, id string) (referral.Referral, error) {
	found, err := referrals(tx, `SELECT `+referralColumns+` FROM referrals WHERE clinic_id = $1 AND referral_id = $2`, clinicID, id)
	if err != nil {
		return referral.Referral{}, err
	}
	if len(found) == 0 {
		return referral.Referral{}, none(sqldb.ErrNoRows, "referral")
	}
	return found[0], nil
}

// Referrals gives a person's referrals, newest first.
func Referrals(tx *sqldb.Tx, clinicID, patientID string) ([]referral.Referral, error) {
	return referrals(tx, `SELECT `+referralColumns+` FROM referrals WHERE clinic_id = $1 AND patient_id = $2
		ORDER BY created_at DESC, referral_id DESC`, clinicID, patientID)
}

func referrals(tx *sqldb.Tx, query string, args ...any) ([]referral.Referral, error) {
	rows, err := tx.Query(query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []referral.Referral
	for rows.Next() {
		var r referral.Referral
		var state, body string
		var created int64
		if err := rows.Scan(&r.ID, &r.PatientID, &r.OriginPatientID, &state, &body, &created, &r.Version); err != nil {
			return nil, err
		}
		if err := decode(body, &r); err != nil {
			return nil, err
		}
		r.State, r.CreatedAt = referral.State(state), instant(created)
		out = append(out, r)
	}
	return out, rows.Err()
}
