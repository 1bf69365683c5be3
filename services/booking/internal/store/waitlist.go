package store

import (
	"errors"
	"fmt"
	"time"

	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// EntryState is where a waitlist entry stands.
type EntryState string

// The states; the last three are final.
const (
	Waiting        EntryState = "WAITING"
	Offered        EntryState = "OFFERED"
	EntryBooked    EntryState = "BOOKED"
	EntryWithdrawn EntryState = "WITHDRAWN"
	EntryExpired   EntryState = "EXPIRED"
)

// WaitlistEntry is a patient who waits for a time.
type WaitlistEntry struct {
	ClinicID, ID               string
	Version                    int64
	State                      EntryState
	PatientID, TypeID          string
	Minutes                    int
	Mode                       schedule.Mode
	PractitionerID, LocationID string // empty for any
	PlanID, CourseID           string
	Weekdays                   schedule.Weekdays // none for any
	FromMinute, ToMinute       int               // 0 for any
	From, To                   civil.Date
	Urgent                     bool
	Missed                     int
	AppointmentID              string
	CreatedAt                  time.Time
}

// OfferState is where an offer stands; only OPEN changes.
type OfferState string

// The states.
const (
	OfferOpen      OfferState = "OPEN"
	OfferAccepted  OfferState = "ACCEPTED"
	OfferDeclined  OfferState = "DECLINED"
	OfferExpired   OfferState = "EXPIRED"
	OfferWithdrawn OfferState = "WITHDRAWN"
)

// WaitlistOffer is a time that is held for an entry's patient.
type WaitlistOffer struct {
	ClinicID, ID       string
	Version            int64
	State              OfferState
	EntryID, PatientID string
	TypeID, HoldID     string
	PractitionerID     string
	Visit              schedule.Span
	LocalDate          civil.Date
	TimeZone           string
	ExpiresAt          time.Time
	AppointmentID      string
	CreatedAt          time.Time
}

const entryColumns = `clinic_id, waitlist_entry_id, version, state, patient_id, appointment_type_id, duration_minutes, mode, practitioner_id,
	location_id, plan_id, course_id, weekdays, from_minute, to_minute, start_date, end_date, is_urgent, missed, appointment_id, created_at`

// InsertEntry adds the row; false when the patient waits for the type already.
func InsertEntry(tx *sqldb.Tx, e *WaitlistEntry) (bool, error) {
	n, err := tx.Exec(`insert into waitlist_entries (`+entryColumns+`)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21) on conflict do nothing`,
		e.ClinicID, e.ID, e.Version, string(e.State), e.PatientID, e.TypeID, e.Minutes, string(e.Mode), e.PractitionerID, e.LocationID,
		e.PlanID, e.CourseID, int64(e.Weekdays), e.FromMinute, e.ToMinute, e.From.String(), e.To.String(), e.Urgent, e.Missed,
		e.AppointmentID, sqldb.Micros(e.CreatedAt))
	if err != nil {
		return false, fmt.Errorf("store: insert a waitlist entry: %w", err)
	}
	return n == 1, nil
}

// UpdateEntry writes what changes, if the row still has the version before its own, and says
// whether it had.
func UpdateEntry(tx *sqldb.Tx, e *WaitlistEntry) (bool, error) {
	n, err := tx.Exec(`update waitlist_entries set version = $3, state = $4, missed = $5, appointment_id = $6, is_urgent = $7
		where clinic_id = $1 and waitlist_entry_id = $2 and version = $3 - 1`, e.ClinicID, e.ID, e.Version, string(e.State), e.Missed, e.AppointmentID, e.Urgent)
	if err != nil {
		return false, fmt.Errorf("store: update a waitlist entry: %w", err)
	}
	return n == 1, nil
}

func scanEntry(row scanner) (*WaitlistEntry, error) {
	e := &WaitlistEntry{}
	var state, mode, from, to string
	var weekdays, created int64
	err := row.Scan(&e.ClinicID, &e.ID, &e.Version, &state, &e.PatientID, &e.TypeID, &e.Minutes, &mode, &e.PractitionerID, &e.LocationID,
		&e.PlanID, &e.CourseID, &weekdays, &e.FromMinute, &e.ToMinute, &from, &to, &e.Urgent, &e.Missed, &e.AppointmentID, &created)
	if err != nil {
		return nil, err
	}
	e.State, e.Mode, e.Weekdays, e.CreatedAt = EntryState(state), schedule.Mode(mode), schedule.Weekdays(weekdays), sqldb.Time(created)
	return e, errors.Join(e.From.UnmarshalText([]byte(from)), e.To.UnmarshalText([]byte(to)))
}

const entryQuery = `select ` + entryColumns + ` from waitlist_entries where clinic_id = $1 and waitlist_entry_id = $2`

// GetEntry returns the entry, nil when there is none.
func GetEntry(tx *sqldb.Tx, clinicID, id string) (*WaitlistEntry, error) {
	return getEntry(tx, entryQuery, clinicID, id)
}

// LockEntry is GetEntry with the row locked until the transaction ends.
func LockEntry(tx *sqldb.Tx, clinicID, id string) (*WaitlistEntry, error) {
	return getEntry(tx, entryQuery+tx.ForUpdate(), clinicID, id)
}

func getEntry(tx *sqldb.Tx, query, clinicID, id string) (*WaitlistEntry, error) {
	e, err := scanEntry(tx.QueryRow(query, clinicID, id))
	if errors.Is(err, sqldb.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("store: read a waitlist entry: %w", err)
	}
	return e, nil
}

func listEntries(tx *sqldb.Tx, query string, args ...any) (list []*WaitlistEntry, err error) {
	rows, err := tx.Query(query, args...)
	if err != nil {
		return nil, fmt.Errorf("store: list waitlist entries: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		e, err := scanEntry(rows)
		if err != nil {
			return nil, fmt.Errorf("store: read a waitlist entry: %w", err)
		}
		list = append(list, e)
	}
	return list, rows.Err()
}

// ListEntries returns a clinic's entries in a state, or those that wait or have an offer when
// the state is empty, of a patient or of all; the oldest first.
func ListEntries(tx *sqldb.Tx, clinicID, patientID string, state EntryState, limit int) ([]*WaitlistEntry, error) {
	return listEntries(tx, `select `+entryColumns+` from waitlist_entries where clinic_id = $1
		and ($2 = '' or patient_id = $2) and (state = $3 or $3 = '' and state in ('WAITING', 'OFFERED'))
		order by created_at, waitlist_entry_id limit $4`, clinicID, patientID, string(state), limit)
}

// WaitingClinics returns the clinics in which somebody waits.
func WaitingClinics(tx *sqldb.Tx) (ids []string, err error) {
	rows, err := tx.Query(`select distinct clinic_id from waitlist_entries where state in ('WAITING', 'OFFERED') order by clinic_id`)
	if err != nil {
		return nil, fmt.Errorf("store: list clinics with a waitlist: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

const offerColumns = `clinic_id, offer_id, version, state, waitlist_entry_id, patient_id, appointment_type_id, hold_id, practitioner_id, starts_at, ends_at,
	local_date, time_zone, expires_at, appointment_id, created_at`

// InsertOffer adds the row; false when the entry has an open offer already.
func InsertOffer(tx *sqldb.Tx, o *WaitlistOffer) (bool, error) {
	n, err := tx.Exec(`insert into waitlist_offers (`+offerColumns+`)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) on conflict do nothing`,
		o.ClinicID, o.ID, o.Version, string(o.State), o.EntryID, o.PatientID, o.TypeID, o.HoldID, o.PractitionerID, micros(o.Visit.From), micros(o.Visit.To),
		o.LocalDate.String(), o.TimeZone, sqldb.Micros(o.ExpiresAt), o.AppointmentID, sqldb.Micros(o.CreatedAt))
	if err != nil {
		return false, fmt.Errorf("store: insert an offer: %w", err)
	}
	return n == 1, nil
}

// EndOffer writes the end of an offer that was open, and says whether it was.
func EndOffer(tx *sqldb.Tx, o *WaitlistOffer) (bool, error) {
	n, err := tx.Exec(`update waitlist_offers set version = $3, state = $4, appointment_id = $5
		where clinic_id = $1 and offer_id = $2 and state = 'OPEN'`, o.ClinicID, o.ID, o.Version, string(o.State), o.AppointmentID)
	if err != nil {
		return false, fmt.Errorf("store: end an offer: %w", err)
	}
	return n == 1, nil
}

func scanOffer(row scanner) (*WaitlistOffer, error) {
	o := &WaitlistOffer{}
	var state, date string
	var starts, ends, expires, created int64
	err := row.Scan(&o.ClinicID, &o.ID, &o.Version, &state, &o.EntryID, &o.PatientID, &o.TypeID, &o.HoldID, &o.PractitionerID, &starts, &ends,
		&date, &o.TimeZone, &expires, &o.AppointmentID, &created)
	if err != nil {
		return nil, err
	}
	o.State, o.Visit, o.ExpiresAt, o.CreatedAt = OfferState(state), span(starts, ends), sqldb.Time(expires), sqldb.Time(created)
	return o, o.LocalDate.UnmarshalText([]byte(date))
}

const offerQuery = `select ` + offerColumns + ` from waitlist_offers where clinic_id = $1 and offer_id = $2`

// GetOffer returns the offer, nil when there is none.
func GetOffer(tx *sqldb.Tx, clinicID, id string) (*WaitlistOffer, error) {
	return getOffer(tx, offerQuery, clinicID, id)
}

// LockOffer is GetOffer with the row locked until the transaction ends.
func LockOffer(tx *sqldb.Tx, clinicID, id string) (*WaitlistOffer, error) {
	return getOffer(tx, offerQuery+tx.ForUpdate(), clinicID, id)
}

func getOffer(tx *sqldb.Tx, query, clinicID, id string) (*WaitlistOffer, error) {
	o, err := scanOffer(tx.QueryRow(query, clinicID, id))
	if errors.Is(err, sqldb.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("store: read an offer: %w", err)
	}
	return o, nil
}

// ListOffers returns a clinic's offers in a state, of a patient or of all, of an entry or of
// all; the newest first. An empty state is any.
func ListOffers(tx *sqldb.Tx, clinicID, patientID, entryID string, state OfferState, limit int) (list []*WaitlistOffer, err error) {
	rows, err := tx.Query(`select `+offerColumns+` from waitlist_offers where clinic_id = $1
		and ($2 = '' or patient_id = $2) and ($3 = '' or waitlist_entry_id = $3) and ($4 = '' or state = $4)
		order by created_at desc, offer_id desc limit $5`, clinicID, patientID, entryID, string(state), limit)
	if err != nil {
		return nil, fmt.Errorf("store: list offers: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		o, err := scanOffer(rows)
		if err != nil {
			return nil, fmt.Errorf("store: read an offer: %w", err)
		}
		list = append(list, o)
	}
	return list, rows.Err()
}
