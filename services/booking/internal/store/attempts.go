package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// AttemptKind is what an attempt wants to do.
type AttemptKind string

// The kinds: book new appointments, move one, book a cancelled one again.
const (
	AttemptBook AttemptKind = "BOOK"
	AttemptMove AttemptKind = "MOVE"
	AttemptUndo AttemptKind = "UNDO"
)

// AttemptState is where an attempt stands. Only OPEN can change.
type AttemptState string

// The states.
const (
	AttemptOpen   AttemptState = "OPEN"
	AttemptBooked AttemptState = "BOOKED"
	AttemptVoid   AttemptState = "VOID"
)

// Attempt is a try to book sessions of a plan. It decides all its items together.
type Attempt struct {
	ClinicID, ID                string
	Kind                        AttemptKind
	State                       AttemptState
	PatientID, PlanID, CourseID string
	GateVersion                 int64
	// OriginID is the first attempt of the same request, itself for the first.
	OriginID string
	// Refusal is why it ended VOID, encoded by the caller; empty otherwise.
	Refusal   string
	CreatedAt time.Time
	Items     []AttemptItem
}

// AttemptItem is one session of an attempt with its ids, fixed before plans is asked.
type AttemptItem struct {
	AppointmentID string
	// Attempt numbers the tries for the appointment from 1; EntitlementID follows from both.
	Attempt               int64
	EntitlementID         string
	ReplacesEntitlementID string
	// Appointment is the row as it will be when the attempt ends BOOKED.
	Appointment *Appointment
	// Claims are what the appointment needs, Placed what the attempt has taken of it: less,
	// where an appointment is moved over part of its own old time.
	Claims, Placed []Claim
}

// InsertAttempt adds the attempt and its items.
func InsertAttempt(tx *sqldb.Tx, a *Attempt) error {
	_, err := tx.Exec(`insert into attempts (clinic_id, attempt_id, kind, state, patient_id, plan_id, course_id, gate_version, origin_id, refusal, created_at, decided_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, '', $10, 0)`,
		a.ClinicID, a.ID, string(a.Kind), string(a.State), a.PatientID, a.PlanID, a.CourseID, a.GateVersion, a.OriginID, sqldb.Micros(a.CreatedAt))
	if err != nil {
		return fmt.Errorf("store: insert an attempt: %w", err)
	}
	args := make([]any, 0, 10*len(a.Items))
	for i, item := range a.Items {
		planned, err1 := json.Marshal(item.Appointment)
		claims, err2 := json.Marshal(item.Claims)
		placed, err3 := json.Marshal(item.Placed)
		if err := errors.Join(err1, err2, err3); err != nil {
			return fmt.Errorf("store: encode an attempt: %w", err)
		}
		args = append(args, a.ClinicID, a.ID, i, item.AppointmentID, item.Attempt, item.EntitlementID, item.ReplacesEntitlementID,
			string(planned), string(claims), string(placed))
	}
	_, err = tx.Exec(expand(`insert into attempt_items
		(clinic_id, attempt_id, item, appointment_id, attempt, entitlement_id, replaces_entitlement_id, appointment, claims, placed) values @`, 1, 10, len(a.Items)), args...)
	if err != nil {
		return fmt.Errorf("store: insert an attempt's items: %w", err)
	}
	return nil
}

const attemptQuery = `select kind, state, patient_id, plan_id, course_id, gate_version, origin_id, refusal, created_at from attempts
	where clinic_id = $1 and attempt_id = $2`

// GetAttempt returns the attempt, nil when there is none.
func GetAttempt(tx *sqldb.Tx, clinicID, id string) (*Attempt, error) {
	return getAttempt(tx, attemptQuery, clinicID, id)
}

// LockAttempt is GetAttempt with the row locked until the transaction ends.
func LockAttempt(tx *sqldb.Tx, clinicID, id string) (*Attempt, error) {
	return getAttempt(tx, attemptQuery+tx.ForUpdate(), clinicID, id)
}

func getAttempt(tx *sqldb.Tx, query, clinicID, id string) (*Attempt, error) {
	a := &Attempt{ClinicID: clinicID, ID: id}
	var kind, state string
	var created int64
	err := tx.QueryRow(query, clinicID, id).
		Scan(&kind, &state, &a.PatientID, &a.PlanID, &a.CourseID, &a.GateVersion, &a.OriginID, &a.Refusal, &created)
	if errors.Is(err, sqldb.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("store: read an attempt: %w", err)
	}
	a.Kind, a.State, a.CreatedAt = AttemptKind(kind), AttemptState(state), sqldb.Time(created)
	a.Items, err = attemptItems(tx, clinicID, id)
	return a, err
}

func attemptItems(tx *sqldb.Tx, clinicID, id string) (items []AttemptItem, err error) {
	rows, err := tx.Query(`select appointment_id, attempt, entitlement_id, replaces_entitlement_id, appointment, claims, placed from attempt_items
		where clinic_id = $1 and attempt_id = $2 order by item`, clinicID, id)
	if err != nil {
		return nil, fmt.Errorf("store: read an attempt's items: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var item AttemptItem
		var planned, claims, placed string
		if err := rows.Scan(&item.AppointmentID, &item.Attempt, &item.EntitlementID, &item.ReplacesEntitlementID, &planned, &claims, &placed); err != nil {
			return nil, fmt.Errorf("store: read an attempt's item: %w", err)
		}
		err := errors.Join(json.Unmarshal([]byte(planned), &item.Appointment),
			json.Unmarshal([]byte(claims), &item.Claims), json.Unmarshal([]byte(placed), &item.Placed))
		if err != nil {
			return nil, fmt.Errorf("store: decode an attempt's item: %w", err)
		}
		items = append(items, item)
	}
	return items, rows.Err()
}

// DecideAttempt ends an open attempt and says whether it was open.
func DecideAttempt(tx *sqldb.Tx, clinicID, id string, state AttemptState, refusal string) (bool, error) {
	n, err := tx.Exec(`update attempts set state = $3, refusal = $4, decided_at = $5 where clinic_id = $1 and attempt_id = $2 and state = 'OPEN'`,
		clinicID, id, string(state), refusal, sqldb.Micros(tx.Now()))
	if err != nil {
		return false, fmt.Errorf("store: decide an attempt: %w", err)
	}
	return n == 1, nil
}

// LatestOf returns the newest attempt of the request that the origin was the first of.
func LatestOf(tx *sqldb.Tx, clinicID, originID string) (string, error) {
	var id string
	err := tx.QueryRow(`select attempt_id from attempts where clinic_id = $1 and origin_id = $2 order by attempt_id desc limit 1`,
		clinicID, originID).Scan(&id)
	if err != nil {
		return "", fmt.Errorf("store: look for a request's attempt: %w", err)
	}
	return id, nil
}

// LastNumber is the number of the newest attempt for an appointment, 0 when there was none.
func LastNumber(tx *sqldb.Tx, clinicID, appointmentID string) (int64, error) {
	var n int64
	err := tx.QueryRow(`select coalesce(max(attempt), 0) from attempt_items where clinic_id = $1 and appointment_id = $2`,
		clinicID, appointmentID).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("store: count an appointment's attempts: %w", err)
	}
	return n, nil
}

// AttemptOf returns the attempt that an entitlement belongs to, empty when there is none.
func AttemptOf(tx *sqldb.Tx, clinicID, entitlementID string) (string, error) {
	var id string
	err := tx.QueryRow(`select attempt_id from attempt_items where clinic_id = $1 and entitlement_id = $2`, clinicID, entitlementID).Scan(&id)
	if errors.Is(err, sqldb.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("store: look for an entitlement's attempt: %w", err)
	}
	return id, nil
}

// AttemptKey names an attempt.
type AttemptKey struct{ ClinicID, ID string }

// OpenAttempts returns the oldest open attempts made before an instant, whatever the clinic.
func OpenAttempts(tx *sqldb.Tx, before time.Time, limit int) (keys []AttemptKey, err error) {
	rows, err := tx.Query(`select clinic_id, attempt_id from attempts where state = 'OPEN' and created_at < $1
		order by created_at limit $2`, sqldb.Micros(before), limit)
	if err != nil {
		return nil, fmt.Errorf("store: list open attempts: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var k AttemptKey
		if err := rows.Scan(&k.ClinicID, &k.ID); err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, rows.Err()
}

// IsTrying reports whether an open attempt is for an appointment.
func IsTrying(tx *sqldb.Tx, clinicID, appointmentID string) (bool, error) {
	var n int64
	err := tx.QueryRow(`select count(*) from attempt_items i join attempts a on a.clinic_id = i.clinic_id and a.attempt_id = i.attempt_id
		where i.clinic_id = $1 and i.appointment_id = $2 and a.state = 'OPEN'`, clinicID, appointmentID).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("store: look for an open attempt: %w", err)
	}
	return n > 0, nil
}
