package store

import (
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// State is where an appointment stands.
type State string

// The states. The first three are live: they hold their time.
const (
	Booked     State = "BOOKED"
	CheckedIn  State = "CHECKED_IN"
	InProgress State = "IN_PROGRESS"
	Completed  State = "COMPLETED"
	Cancelled  State = "CANCELLED"
	NoShow     State = "NO_SHOW"
)

// Live reports whether an appointment in the state will still take place.
func (s State) Live() bool { return s == Booked || s == CheckedIn || s == InProgress }

// Appointment is a row of appointments. Its JSON form is kept in attempts.
type Appointment struct {
	ClinicID, ID     string
	Version          int64
	State            State
	TypeID           string
	Kind             schedule.Kind
	Discipline       schedule.Discipline
	Mode             schedule.Mode
	PatientID        string // as it was booked; claims are the surviving record's
	PractitionerID   string
	LocationID       string
	RoomID           string
	EquipmentIDs     []string
	Visit            schedule.Span
	Claims           schedule.Span // covers every claim, buffers included
	LocalDate        civil.Date
	TimeZone         string
	PlanID           string
	CourseID         string
	EntitlementID    string
	Attempt          int64
	GateVersion      int64
	Flags            []string
	NeedsReview      bool
	NextEligible     civil.Date
	OverrideReason   string
	OverrideBy       string
	CancelReason     string
	LateCancel       bool
	CancelledAt      time.Time
	CheckedInAt      time.Time
	MovedAt          time.Time // when it was given another time, or its own again
	MeetingURI       string
	CreatedAt        time.Time
	ClaimedPatientID string // the surviving record, whose time is claimed
	// GroupSessionID is the session of several patients that an attempt has placed it in. It is
	// no column: seats are found by the appointment's id.
	GroupSessionID string `json:",omitempty"`
}

const appointmentColumns = `clinic_id, appointment_id, version, state, appointment_type_id, kind, discipline, mode, patient_id,
	practitioner_id, location_id, room_id, equipment_ids, starts_at, ends_at, claims_start_at, claims_end_at, local_date, time_zone,
	plan_id, course_id, entitlement_id, attempt, gate_version, flags, needs_review, next_eligible_date, override_reason, override_by,
	cancel_reason_code, late_cancel, cancelled_at, checked_in_at, meeting_uri, created_at, claimed_patient_id, moved_at`

// optional stores an absent instant as 0, which no appointment has.
func optional(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return sqldb.Micros(t)
}

func fromOptional(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return sqldb.Time(micros)
}

// InsertAppointment adds the row of an appointment that nobody has come to or cancelled yet.
// What is the same for every new row stands in the text: a bound value costs as much as an
// index entry.
func InsertAppointment(tx *sqldb.Tx, a *Appointment) error {
	explain := func(err error) error { return fmt.Errorf("store: insert an appointment: %w", err) }
	return tx.Later(`insert into appointments (`+appointmentColumns+`)
		values ($1, $2, $3, 'BOOKED', $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
			$22, $23, $24, $25, $26, $27, $28, '', false, 0, 0, $29, $30, $31, 0)`, explain,
		a.ClinicID, a.ID, a.Version, a.TypeID, string(a.Kind), string(a.Discipline), string(a.Mode), a.PatientID,
		a.PractitionerID, a.LocationID, a.RoomID, join(a.EquipmentIDs), micros(a.Visit.From), micros(a.Visit.To),
		micros(a.Claims.From), micros(a.Claims.To), a.LocalDate.String(), a.TimeZone, a.PlanID, a.CourseID, a.EntitlementID,
		a.Attempt, a.GateVersion, join(a.Flags), a.NeedsReview, a.NextEligible.String(), a.OverrideReason, a.OverrideBy,
		a.MeetingURI, sqldb.Micros(a.CreatedAt), a.ClaimedPatientID)
}

// UpdateAppointment writes everything that can change, if the row still has the version
// before, and says whether it had.
func UpdateAppointment(tx *sqldb.Tx, a *Appointment, before int64) (bool, error) {
	n, err := tx.Exec(`update appointments set version = $4, state = $5, practitioner_id = $6, location_id = $7, room_id = $8,
		equipment_ids = $9, starts_at = $10, ends_at = $11, claims_start_at = $12, claims_end_at = $13, local_date = $14, time_zone = $15,
		entitlement_id = $16, attempt = $17, gate_version = $18, flags = $19, needs_review = $20, next_eligible_date = $21,
		override_reason = $22, override_by = $23, cancel_reason_code = $24, late_cancel = $25, cancelled_at = $26, checked_in_at = $27,
		course_id = $28, claimed_patient_id = $29, moved_at = $30
		where clinic_id = $1 and appointment_id = $2 and version = $3`,
		a.ClinicID, a.ID, before, a.Version, string(a.State), a.PractitionerID, a.LocationID, a.RoomID, join(a.EquipmentIDs),
		micros(a.Visit.From), micros(a.Visit.To), micros(a.Claims.From), micros(a.Claims.To), a.LocalDate.String(), a.TimeZone,
		a.EntitlementID, a.Attempt, a.GateVersion, join(a.Flags), a.NeedsReview, a.NextEligible.String(), a.OverrideReason, a.OverrideBy,
		a.CancelReason, a.LateCancel, optional(a.CancelledAt), optional(a.CheckedInAt), a.CourseID, a.ClaimedPatientID,
		optional(a.MovedAt))
	if err != nil {
		return false, fmt.Errorf("store: update an appointment: %w", err)
	}
	return n == 1, nil
}

type scanner interface{ Scan(into ...any) error }

func scanAppointment(row scanner) (*Appointment, error) {
	a := &Appointment{}
	var state, kind, discipline, mode, equipment, flags, date, next string
	var starts, ends, claimsStart, claimsEnd, cancelled, checkedIn, created, moved int64
	err := row.Scan(&a.ClinicID, &a.ID, &a.Version, &state, &a.TypeID, &kind, &discipline, &mode, &a.PatientID,
		&a.PractitionerID, &a.LocationID, &a.RoomID, &equipment, &starts, &ends, &claimsStart, &claimsEnd, &date, &a.TimeZone,
		&a.PlanID, &a.CourseID, &a.EntitlementID, &a.Attempt, &a.GateVersion, &flags, &a.NeedsReview, &next, &a.OverrideReason,
		&a.OverrideBy, &a.CancelReason, &a.LateCancel, &cancelled, &checkedIn, &a.MeetingURI, &created, &a.ClaimedPatientID,
		&moved)
	if err != nil {
		return nil, err
	}
	a.State, a.Kind, a.Discipline, a.Mode = State(state), schedule.Kind(kind), schedule.Discipline(discipline), schedule.Mode(mode)
	a.EquipmentIDs, a.Flags = split(equipment), split(flags)
	a.Visit, a.Claims = span(starts, ends), span(claimsStart, claimsEnd)
	a.CancelledAt, a.CheckedInAt, a.CreatedAt = fromOptional(cancelled), fromOptional(checkedIn), sqldb.Time(created)
	a.MovedAt = fromOptional(moved)
	if err := a.LocalDate.UnmarshalText([]byte(date)); err != nil {
		return nil, err
	}
	return a, a.NextEligible.UnmarshalText([]byte(next))
}

// GetAppointment returns the row, nil when there is none.
func GetAppointment(tx *sqldb.Tx, clinicID, id string) (*Appointment, error) {
	return getAppointment(tx, `select `+appointmentColumns+` from appointments where clinic_id = $1 and appointment_id = $2`, clinicID, id)
}

// LockAppointment is GetAppointment with the row locked until the transaction ends.
func LockAppointment(tx *sqldb.Tx, clinicID, id string) (*Appointment, error) {
	return getAppointment(tx, `select `+appointmentColumns+` from appointments where clinic_id = $1 and appointment_id = $2`+tx.ForUpdate(), clinicID, id)
}

func getAppointment(tx *sqldb.Tx, query, clinicID, id string) (*Appointment, error) {
	a, err := scanAppointment(tx.QueryRow(query, clinicID, id))
	if errors.Is(err, sqldb.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("store: read an appointment: %w", err)
	}
	return a, nil
}

func listAppointments(tx *sqldb.Tx, query string, args ...any) (list []*Appointment, err error) {
	rows, err := tx.Query(query, args...)
	if err != nil {
		return nil, fmt.Errorf("store: list appointments: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		a, err := scanAppointment(rows)
		if err != nil {
			return nil, fmt.Errorf("store: read an appointment: %w", err)
		}
		list = append(list, a)
	}
	return list, rows.Err()
}

// DayQuery picks appointments of a run of civil dates.
type DayQuery struct {
	ClinicID                   string
	From, To                   civil.Date // both included
	PractitionerID, LocationID string     // empty for all
	After                      Cursor
	Limit                      int
}

// Cursor is where a page of appointments ended.
type Cursor struct {
	Date  string
	Start schedule.Slot
	ID    string
}

// ListDays returns appointments by date, start and id.
func ListDays(tx *sqldb.Tx, q DayQuery) ([]*Appointment, error) {
	return listAppointments(tx, `select `+appointmentColumns+` from appointments
		where clinic_id = $1 and local_date >= $2 and local_date <= $3
		  and (local_date > $4 or local_date = $4 and (starts_at > $5 or starts_at = $5 and appointment_id > $6))
		  and ($7 = '' or practitioner_id = $7) and ($8 = '' or location_id = $8)
		order by local_date, starts_at, appointment_id limit $9`,
		q.ClinicID, max(q.From.String(), q.After.Date), q.To.String(), q.After.Date, micros(q.After.Start), q.After.ID,
		q.PractitionerID, q.LocationID, q.Limit)
}

// ListPatient returns a patient's appointments from a civil date to another by start; a zero
// date does not bound.
func ListPatient(tx *sqldb.Tx, clinicID, patientID string, from, to civil.Date) ([]*Appointment, error) {
	last := "9999-12-31"
	if !to.IsZero() {
		last = to.String()
	}
	return listAppointments(tx, `select `+appointmentColumns+` from appointments
		where clinic_id = $1 and patient_id = $2 and local_date >= $3 and local_date <= $4
		order by starts_at, appointment_id`, clinicID, patientID, from.String(), last)
}

// ListFuture locks and returns the live appointments of a patient that end after an instant.
func ListFuture(tx *sqldb.Tx, clinicID, patientID string, after time.Time) ([]*Appointment, error) {
	return listAppointments(tx, `select `+appointmentColumns+` from appointments
		where clinic_id = $1 and patient_id = $2 and ends_at > $3 and state in ('BOOKED', 'CHECKED_IN', 'IN_PROGRESS')
		order by appointment_id`+tx.ForUpdate(), clinicID, patientID, sqldb.Micros(after))
}

// ListBooked locks and returns the appointments of a practitioner, or of all, that wait to
// take place within a run of civil dates.
func ListBooked(tx *sqldb.Tx, clinicID, practitionerID string, from, to civil.Date) ([]*Appointment, error) {
	return listAppointments(tx, `select `+appointmentColumns+` from appointments
		where clinic_id = $1 and local_date >= $2 and local_date <= $3 and state in ('BOOKED', 'CHECKED_IN')
		  and ($4 = '' or practitioner_id = $4)
		order by appointment_id`+tx.ForUpdate(), clinicID, from.String(), to.String(), practitionerID)
}

// FirstMassage is the start of the earliest massage session of a person, under any of the
// ids, that took place or will, other than the one excepted; false when there is none.
func FirstMassage(tx *sqldb.Tx, clinicID string, patientIDs []string, except string) (schedule.Slot, bool, error) {
	args := []any{clinicID, except, string(schedule.Massage)}
	for _, id := range patientIDs {
		args = append(args, id)
	}
	var first sql.NullInt64
	err := tx.QueryRow(expand(`select min(starts_at) from appointments
		where clinic_id = $1 and appointment_id <> $2 and discipline = $3 and kind = 'TREATMENT'
		  and state not in ('CANCELLED', 'NO_SHOW') and patient_id in (@)`, 4, 1, len(patientIDs)), args...).Scan(&first)
	if err != nil {
		return 0, false, fmt.Errorf("store: look for a massage: %w", err)
	}
	return schedule.Slot(first.Int64 / grainMicros), first.Valid, nil
}

// ListPlanSessions returns the sessions of a plan that took place or will, by start, under any
// of the person's records.
func ListPlanSessions(tx *sqldb.Tx, clinicID, planID string, patientIDs []string) ([]*Appointment, error) {
	args := []any{clinicID, planID}
	for _, id := range patientIDs {
		args = append(args, id)
	}
	return listAppointments(tx, expand(`select `+appointmentColumns+` from appointments
		where clinic_id = $1 and plan_id = $2 and state not in ('CANCELLED', 'NO_SHOW') and patient_id in (@)
		order by starts_at, appointment_id`, 3, 1, len(patientIDs)), args...)
}

// ListUnresolved returns appointments of a run of civil dates that ended before an instant, still
// wait for an outcome, and do not have the flag, by id.
func ListUnresolved(tx *sqldb.Tx, clinicID string, from, to civil.Date, endedBefore time.Time, flag string, limit int) ([]*Appointment, error) {
	return listAppointments(tx, `select `+appointmentColumns+` from appointments
		where clinic_id = $1 and local_date >= $2 and local_date <= $3 and state in ('BOOKED', 'CHECKED_IN', 'IN_PROGRESS')
		  and ends_at < $4 and flags not like $5 order by appointment_id limit $6`,
		clinicID, from.String(), to.String(), sqldb.Micros(endedBefore), "%"+flag+"%", limit)
}
