package store

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Outcome is what became of an entitlement.
type Outcome string

// The outcomes. The first row of an entitlement is BOOKED or VOID; BOOKED moves on to one of
// the others, everything else is final.
const (
	OutcomeBooked    Outcome = "BOOKED"
	OutcomeVoid      Outcome = "VOID"
	OutcomeCancelled Outcome = "CANCELLED"
	OutcomeCompleted Outcome = "COMPLETED"
	OutcomeNoShow    Outcome = "NO_SHOW"
)

// Use is the row that says what became of an entitlement.
type Use struct {
	EntitlementID string
	Outcome       Outcome
	AppointmentID string // empty when nothing is known of it
	PatientID     string
	// Appointment is the row as the attempt planned it; nil when nothing is known of it.
	Appointment *Appointment
}

// InsertUse records the first outcome of an entitlement and says whether it was the first:
// the primary key decides every race.
func InsertUse(tx *sqldb.Tx, clinicID string, u Use) (bool, error) {
	n, err := tx.Exec(`insert into entitlement_uses (clinic_id, entitlement_id, outcome, appointment_id, patient_id, recorded_at)
		values ($1, $2, $3, $4, $5, $6) on conflict (clinic_id, entitlement_id) do nothing`,
		clinicID, u.EntitlementID, string(u.Outcome), u.AppointmentID, u.PatientID, sqldb.Micros(tx.Now()))
	if err != nil {
		return false, fmt.Errorf("store: record an outcome: %w", err)
	}
	return n == 1, nil
}

// MoveUse takes an entitlement from BOOKED to a final outcome and says whether it was BOOKED.
func MoveUse(tx *sqldb.Tx, clinicID, entitlementID string, to Outcome) (bool, error) {
	n, err := tx.Exec(`update entitlement_uses set outcome = $3, recorded_at = $4
		where clinic_id = $1 and entitlement_id = $2 and outcome = 'BOOKED'`,
		clinicID, entitlementID, string(to), sqldb.Micros(tx.Now()))
	if err != nil {
		return false, fmt.Errorf("store: move an outcome: %w", err)
	}
	return n == 1, nil
}

const useColumns = `u.entitlement_id, u.outcome, u.appointment_id, u.patient_id, i.appointment
	from entitlement_uses u left join attempt_items i on i.clinic_id = u.clinic_id and i.entitlement_id = u.entitlement_id`

func scanUse(row scanner) (Use, error) {
	var u Use
	var outcome string
	var planned sql.NullString
	if err := row.Scan(&u.EntitlementID, &outcome, &u.AppointmentID, &u.PatientID, &planned); err != nil {
		return u, err
	}
	u.Outcome = Outcome(outcome)
	if planned.Valid {
		return u, json.Unmarshal([]byte(planned.String), &u.Appointment)
	}
	return u, nil
}

// GetUse returns what became of an entitlement, nil when nothing has.
func GetUse(tx *sqldb.Tx, clinicID, entitlementID string) (*Use, error) {
	u, err := scanUse(tx.QueryRow(`select `+useColumns+` where u.clinic_id = $1 and u.entitlement_id = $2`, clinicID, entitlementID))
	if errors.Is(err, sqldb.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("store: read an outcome: %w", err)
	}
	return &u, nil
}

// ListUses returns outcomes after an entitlement id, in order of id, of one patient or of all.
func ListUses(tx *sqldb.Tx, clinicID, patientID, after string, limit int) (list []Use, err error) {
	rows, err := tx.Query(`select `+useColumns+` where u.clinic_id = $1 and u.entitlement_id > $2 and ($3 = '' or u.patient_id = $3)
		order by u.entitlement_id limit $4`, clinicID, after, patientID, limit)
	if err != nil {
		return nil, fmt.Errorf("store: list outcomes: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		u, err := scanUse(rows)
		if err != nil {
			return nil, fmt.Errorf("store: read an outcome: %w", err)
		}
		list = append(list, u)
	}
	return list, rows.Err()
}
