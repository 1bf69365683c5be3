package store

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Catalogue is all that openings of a clinic are computed from, but for what is taken.
type Catalogue struct {
	ClinicID, TimeZone string
	Version            int64
	Locations          []Location
	Practitioners      []schedule.Practitioner
	Resources          []schedule.Resource // rooms and equipment
	Types              []Type
	Shifts             []Shift
	Exceptions         []Exception
	Policy             Policy
}

// Type is a type of appointment with its version.
type Type struct {
	schedule.Type
	Version int64
}

// Shift is a shift with its version and the zone as it was given.
type Shift struct {
	ID, PractitionerID, LocationID, TimeZone string
	Version                                  int64
	Weekdays                                 schedule.Weekdays
	StartMinute, EndMinute                   int
	From, To                                 civil.Date
}

// Rule is the shift with its zone opened.
func (s Shift) Rule() (schedule.Shift, error) {
	zone, err := Zone(s.TimeZone)
	if err != nil {
		return schedule.Shift{}, fmt.Errorf("store: zone of shift %s: %w", s.ID, err)
	}
	return schedule.Shift{
		ID: s.ID, PractitionerID: s.PractitionerID, LocationID: s.LocationID, Zone: zone,
		Weekdays: s.Weekdays, Start: s.StartMinute, End: s.EndMinute, From: s.From, To: s.To,
	}, nil
}

// Exception is time in which a subject is not there; an empty subject is the whole clinic.
type Exception struct {
	ID, SubjectID, ReasonCode      string
	StartLocal, EndLocal, TimeZone string
	Span                           schedule.Span
}

// LoadCatalogue reads the whole catalogue, nil when the clinic is not known here.
func LoadCatalogue(tx *sqldb.Tx, clinicID string) (*Catalogue, error) {
	c := &Catalogue{ClinicID: clinicID}
	err := tx.QueryRow(`select time_zone, catalogue_version from clinics where clinic_id = $1`, clinicID).Scan(&c.TimeZone, &c.Version)
	if errors.Is(err, sqldb.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("store: read a clinic: %w", err)
	}
	if c.Policy, err = GetPolicy(tx, clinicID); err != nil {
		return nil, err
	}
	for _, load := range []func(*sqldb.Tx) error{c.loadLocations, c.loadResources, c.loadCredentials, c.loadTypes, c.loadShifts, c.loadExceptions} {
		if err := load(tx); err != nil {
			return nil, fmt.Errorf("store: load the catalogue: %w", err)
		}
	}
	return c, nil
}

// each runs a query over the clinic and calls scan for each row.
func each(tx *sqldb.Tx, query, clinicID string, scan func(scanner) error) error {
	rows, err := tx.Query(query, clinicID)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (c *Catalogue) loadLocations(tx *sqldb.Tx) error {
	return each(tx, `select location_id, time_zone, is_active from locations where clinic_id = $1 order by location_id`, c.ClinicID,
		func(row scanner) error {
			var l Location
			err := row.Scan(&l.ID, &l.TimeZone, &l.Active)
			c.Locations = append(c.Locations, l)
			return err
		})
}

func (c *Catalogue) loadResources(tx *sqldb.Tx) error {
	return each(tx, `select resource_id, kind, location_id, room_id, capabilities, is_active from resources
		where clinic_id = $1 and kind <> 'PATIENT' order by resource_id`, c.ClinicID,
		func(row scanner) error {
			var r schedule.Resource
			var kind, capabilities string
			var active bool
			if err := row.Scan(&r.ID, &kind, &r.LocationID, &r.RoomID, &capabilities, &active); err != nil {
				return err
			}
			r.Kind, r.Capabilities, r.Inactive = schedule.ResourceKind(kind), split(capabilities), !active
			if r.Kind != schedule.PractitionerResource {
				c.Resources = append(c.Resources, r)
				return nil
			}
			p := schedule.Practitioner{ID: r.ID, Inactive: r.Inactive}
			for _, d := range r.Capabilities {
				p.Disciplines = append(p.Disciplines, schedule.Discipline(d))
			}
			c.Practitioners = append(c.Practitioners, p)
			return nil
		})
}

func (c *Catalogue) loadCredentials(tx *sqldb.Tx) error {
	of := map[string]*schedule.Practitioner{}
	for i := range c.Practitioners {
		of[c.Practitioners[i].ID] = &c.Practitioners[i]
	}
	return each(tx, `select practitioner_id, kind, expire_date from credentials where clinic_id = $1
		order by practitioner_id, kind, expire_date`, c.ClinicID,
		func(row scanner) error {
			var id, kind, expire string
			if err := row.Scan(&id, &kind, &expire); err != nil {
				return err
			}
			cred := schedule.Credential{Kind: kind}
			if err := cred.Expire.UnmarshalText([]byte(expire)); err != nil {
				return err
			}
			if p := of[id]; p != nil {
				p.Credentials = append(p.Credentials, cred)
			}
			return nil
		})
}

func (c *Catalogue) loadTypes(tx *sqldb.Tx) error {
	return each(tx, `select appointment_type_id, version, rules from appointment_types where clinic_id = $1 order by appointment_type_id`, c.ClinicID,
		func(row scanner) error {
			t, err := scanType(row)
			c.Types = append(c.Types, t)
			return err
		})
}

func (c *Catalogue) loadShifts(tx *sqldb.Tx) error {
	return each(tx, `select `+shiftColumns+` from shifts where clinic_id = $1 order by practitioner_id, start_date, shift_id`, c.ClinicID,
		func(row scanner) error {
			s, err := scanShift(row)
			c.Shifts = append(c.Shifts, s)
			return err
		})
}

func (c *Catalogue) loadExceptions(tx *sqldb.Tx) error {
	return each(tx, `select `+exceptionColumns+` from shift_exceptions where clinic_id = $1 order by starts_at, shift_exception_id`, c.ClinicID,
		func(row scanner) error {
			e, err := scanException(row)
			c.Exceptions = append(c.Exceptions, e)
			return err
		})
}

func scanType(row scanner) (Type, error) {
	var t Type
	var rules string
	if err := row.Scan(&t.ID, &t.Version, &rules); err != nil {
		return t, err
	}
	return t, json.Unmarshal([]byte(rules), &t.Type)
}

// PutType adds a type, or replaces it if it still has the version before its own, and says
// whether it did.
func PutType(tx *sqldb.Tx, clinicID string, t Type) (bool, error) {
	rules, err := json.Marshal(t.Type)
	if err != nil {
		return false, fmt.Errorf("store: encode a type: %w", err)
	}
	n, err := tx.Exec(`insert into appointment_types (clinic_id, appointment_type_id, version, rules, updated_at) values ($1, $2, $3, $4, $5)
		on conflict (clinic_id, appointment_type_id) do update
		set version = excluded.version, rules = excluded.rules, updated_at = excluded.updated_at
		where appointment_types.version = excluded.version - 1`, clinicID, t.ID, t.Version, string(rules), sqldb.Micros(tx.Now()))
	if err != nil {
		return false, fmt.Errorf("store: put a type: %w", err)
	}
	return n == 1, nil
}

const shiftColumns = `shift_id, version, practitioner_id, location_id, time_zone, weekdays, start_minute, end_minute, start_date, end_date`

func scanShift(row scanner) (Shift, error) {
	var s Shift
	var weekdays, start, end int64
	var from, to string
	err := row.Scan(&s.ID, &s.Version, &s.PractitionerID, &s.LocationID, &s.TimeZone, &weekdays, &start, &end, &from, &to)
	if err != nil {
		return s, err
	}
	s.Weekdays, s.StartMinute, s.EndMinute = schedule.Weekdays(weekdays), int(start), int(end)
	return s, errors.Join(s.From.UnmarshalText([]byte(from)), s.To.UnmarshalText([]byte(to)))
}

// PutShift adds a shift, or replaces it if it still has the version before its own, and says
// whether it did.
func PutShift(tx *sqldb.Tx, clinicID string, s Shift) (bool, error) {
	n, err := tx.Exec(`insert into shifts (clinic_id, `+shiftColumns+`) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
		on conflict (clinic_id, shift_id) do update set version = excluded.version, practitioner_id = excluded.practitioner_id,
			location_id = excluded.location_id, time_zone = excluded.time_zone, weekdays = excluded.weekdays,
			start_minute = excluded.start_minute, end_minute = excluded.end_minute, start_date = excluded.start_date, end_date = excluded.end_date
		where shifts.version = excluded.version - 1`,
		clinicID, s.ID, s.Version, s.PractitionerID, s.LocationID, s.TimeZone, int64(s.Weekdays), s.StartMinute, s.EndMinute,
		s.From.String(), s.To.String())
	if err != nil {
		return false, fmt.Errorf("store: put a shift: %w", err)
	}
	return n == 1, nil
}

// DeleteShift removes a shift and says whether it was there.
func DeleteShift(tx *sqldb.Tx, clinicID, id string) (bool, error) {
	n, err := tx.Exec(`delete from shifts where clinic_id = $1 and shift_id = $2`, clinicID, id)
	if err != nil {
		return false, fmt.Errorf("store: delete a shift: %w", err)
	}
	return n == 1, nil
}

const exceptionColumns = `shift_exception_id, subject_id, reason_code, start_local, end_local, time_zone, starts_at, ends_at`

func scanException(row scanner) (Exception, error) {
	var e Exception
	var from, to int64
	err := row.Scan(&e.ID, &e.SubjectID, &e.ReasonCode, &e.StartLocal, &e.EndLocal, &e.TimeZone, &from, &to)
	e.Span = span(from, to)
	return e, err
}

// InsertException adds an exception.
func InsertException(tx *sqldb.Tx, clinicID string, e Exception) error {
	_, err := tx.Exec(`insert into shift_exceptions (clinic_id, `+exceptionColumns+`) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		clinicID, e.ID, e.SubjectID, e.ReasonCode, e.StartLocal, e.EndLocal, e.TimeZone, micros(e.Span.From), micros(e.Span.To))
	if err != nil {
		return fmt.Errorf("store: insert an exception: %w", err)
	}
	return nil
}

// DeleteException removes an exception and says whether it was there.
func DeleteException(tx *sqldb.Tx, clinicID, id string) (bool, error) {
	n, err := tx.Exec(`delete from shift_exceptions where clinic_id = $1 and shift_exception_id = $2`, clinicID, id)
	if err != nil {
		return false, fmt.Errorf("store: delete an exception: %w", err)
	}
	return n == 1, nil
}

// GetType returns a type, nil when there is none.
func GetType(tx *sqldb.Tx, clinicID, id string) (*Type, error) {
	t, err := scanType(tx.QueryRow(`select appointment_type_id, version, rules from appointment_types
		where clinic_id = $1 and appointment_type_id = $2`, clinicID, id))
	return found(&t, err, "type")
}

// GetShift returns a shift, nil when there is none.
func GetShift(tx *sqldb.Tx, clinicID, id string) (*Shift, error) {
	s, err := scanShift(tx.QueryRow(`select `+shiftColumns+` from shifts where clinic_id = $1 and shift_id = $2`, clinicID, id))
	return found(&s, err, "shift")
}

// GetException returns an exception, nil when there is none.
func GetException(tx *sqldb.Tx, clinicID, id string) (*Exception, error) {
	e, err := scanException(tx.QueryRow(`select `+exceptionColumns+` from shift_exceptions
		where clinic_id = $1 and shift_exception_id = $2`, clinicID, id))
	return found(&e, err, "exception")
}

// found turns the absence of a row into nil.
func found[T any](row *T, err error, what string) (*T, error) {
	if errors.Is(err, sqldb.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("store: read a %s: %w", what, err)
	}
	return row, nil
}
