package store

import (
	"errors"
	"fmt"
	"time"

	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// HoldState is where a hold stands.
type HoldState string

// The states; only a HELD hold has claims.
const (
	Held      HoldState = "HELD"
	Released  HoldState = "RELEASED"
	TakenOver HoldState = "TAKEN_OVER"
)

// Hold is time set aside for somebody who has not booked yet.
type Hold struct {
	ClinicID, ID   string
	Version        int64
	State          HoldState
	OwnerSubject   string
	OwnerToken     string
	TypeID         string
	PatientID      string
	PractitionerID string
	RoomID         string
	EquipmentIDs   []string
	Visit, Claims  schedule.Span
	CreatedAt      time.Time
	ExpiresAt      time.Time
	AppointmentID  string
	// ClaimedPatientID is the patient as a resource, the surviving record's id; empty when the
	// hold is for nobody in particular.
	ClaimedPatientID string
}

// ResourceIDs are the resources that the hold has claims on.
func (h *Hold) ResourceIDs() []string {
	ids := []string{h.PractitionerID}
	if h.RoomID != "" {
		ids = append(ids, h.RoomID)
	}
	ids = append(ids, h.EquipmentIDs...)
	if h.ClaimedPatientID != "" {
		ids = append(ids, h.ClaimedPatientID)
	}
	return ids
}

const holdColumns = `clinic_id, hold_id, version, state, owner_subject, owner_token, appointment_type_id, patient_id, practitioner_id,
	room_id, equipment_ids, starts_at, ends_at, claims_start_at, claims_end_at, created_at, expires_at, appointment_id, claimed_patient_id`

// InsertHold adds the row.
func InsertHold(tx *sqldb.Tx, h *Hold) error {
	_, err := tx.Exec(`insert into holds (`+holdColumns+`)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)`,
		h.ClinicID, h.ID, h.Version, string(h.State), h.OwnerSubject, h.OwnerToken, h.TypeID, h.PatientID, h.PractitionerID,
		h.RoomID, join(h.EquipmentIDs), micros(h.Visit.From), micros(h.Visit.To), micros(h.Claims.From), micros(h.Claims.To),
		sqldb.Micros(h.CreatedAt), sqldb.Micros(h.ExpiresAt), h.AppointmentID, h.ClaimedPatientID)
	if err != nil {
		return fmt.Errorf("store: insert a hold: %w", err)
	}
	return nil
}

// UpdateHold writes state and expiry, if the row still has the version before its own, and
// says whether it had.
func UpdateHold(tx *sqldb.Tx, h *Hold) (bool, error) {
	n, err := tx.Exec(`update holds set version = $3, state = $4, expires_at = $5, appointment_id = $6
		where clinic_id = $1 and hold_id = $2 and version = $3 - 1`,
		h.ClinicID, h.ID, h.Version, string(h.State), sqldb.Micros(h.ExpiresAt), h.AppointmentID)
	if err != nil {
		return false, fmt.Errorf("store: update a hold: %w", err)
	}
	return n == 1, nil
}

func scanHold(row scanner) (*Hold, error) {
	h := &Hold{}
	var state, equipment string
	var starts, ends, claimsStart, claimsEnd, created, expires int64
	err := row.Scan(&h.ClinicID, &h.ID, &h.Version, &state, &h.OwnerSubject, &h.OwnerToken, &h.TypeID, &h.PatientID, &h.PractitionerID,
		&h.RoomID, &equipment, &starts, &ends, &claimsStart, &claimsEnd, &created, &expires, &h.AppointmentID, &h.ClaimedPatientID)
	if err != nil {
		return nil, err
	}
	h.State, h.EquipmentIDs = HoldState(state), split(equipment)
	h.Visit, h.Claims = span(starts, ends), span(claimsStart, claimsEnd)
	h.CreatedAt, h.ExpiresAt = sqldb.Time(created), sqldb.Time(expires)
	return h, nil
}

const holdQuery = `select ` + holdColumns + ` from holds where clinic_id = $1 and hold_id = $2`

// GetHold returns the hold, nil when there is none.
func GetHold(tx *sqldb.Tx, clinicID, id string) (*Hold, error) {
	return getHold(tx, holdQuery, clinicID, id)
}

// LockHold is GetHold with the row locked until the transaction ends.
func LockHold(tx *sqldb.Tx, clinicID, id string) (*Hold, error) {
	return getHold(tx, holdQuery+tx.ForUpdate(), clinicID, id)
}

func getHold(tx *sqldb.Tx, query, clinicID, id string) (*Hold, error) {
	h, err := scanHold(tx.QueryRow(query, clinicID, id))
	if errors.Is(err, sqldb.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("store: read a hold: %w", err)
	}
	return h, nil
}

func listHolds(tx *sqldb.Tx, query string, args ...any) (list []*Hold, err error) {
	rows, err := tx.Query(query, args...)
	if err != nil {
		return nil, fmt.Errorf("store: list holds: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		h, err := scanHold(rows)
		if err != nil {
			return nil, fmt.Errorf("store: read a hold: %w", err)
		}
		list = append(list, h)
	}
	return list, rows.Err()
}

// ListHolds returns the holds that have not ended and touch the span, by start.
func ListHolds(tx *sqldb.Tx, clinicID string, s schedule.Span) ([]*Hold, error) {
	return listHolds(tx, `select `+holdColumns+` from holds where clinic_id = $1 and state = 'HELD' and starts_at < $2 and ends_at > $3
		order by starts_at, hold_id`, clinicID, micros(s.To), micros(s.From))
}

// OwnHolds returns the unexpired holds of a subject for a patient.
func OwnHolds(tx *sqldb.Tx, clinicID, subject, patientID string, now time.Time) ([]*Hold, error) {
	return listHolds(tx, `select `+holdColumns+` from holds where clinic_id = $1 and state = 'HELD' and expires_at > $2
		and owner_subject = $3 and patient_id = $4`, clinicID, sqldb.Micros(now), subject, patientID)
}

// CountHolds is how many unexpired holds a subject has.
func CountHolds(tx *sqldb.Tx, clinicID, subject string, now time.Time) (int, error) {
	var n int64
	err := tx.QueryRow(`select count(*) from holds where clinic_id = $1 and state = 'HELD' and expires_at > $2 and owner_subject = $3`,
		clinicID, sqldb.Micros(now), subject).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("store: count holds: %w", err)
	}
	return int(n), nil
}

// ExpiredHolds locks and returns some holds that have expired, whatever the clinic, leaving
// out those that somebody else has locked.
func ExpiredHolds(tx *sqldb.Tx, now time.Time, limit int) ([]*Hold, error) {
	return listHolds(tx, `select `+holdColumns+` from holds where state = 'HELD' and expires_at <= $1 order by clinic_id, expires_at limit $2`+tx.SkipLocked(),
		sqldb.Micros(now), limit)
}
