package store

import (
	"errors"
	"fmt"

	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// GroupSession is one time that several patients share. Its id is the holder of the claims of
// practitioner, room and equipment.
type GroupSession struct {
	ID, TypeID, PractitionerID, RoomID string
	EquipmentIDs                       []string
	Mode                               schedule.Mode
	Visit, Claims                      schedule.Span
	Capacity                           int
}

// ResourceIDs are what the session has claims on.
func (s *GroupSession) ResourceIDs() []string {
	ids := append([]string{s.PractitionerID}, s.EquipmentIDs...)
	if s.RoomID != "" {
		ids = append(ids, s.RoomID)
	}
	return ids
}

const groupColumns = `group_session_id, appointment_type_id, practitioner_id, room_id, equipment_ids, mode, starts_at, ends_at,
	claims_start_at, claims_end_at, capacity`

func scanGroup(row scanner) (GroupSession, error) {
	var s GroupSession
	var equipment, mode string
	var starts, ends, from, to, capacity int64
	err := row.Scan(&s.ID, &s.TypeID, &s.PractitionerID, &s.RoomID, &equipment, &mode, &starts, &ends, &from, &to, &capacity)
	s.EquipmentIDs, s.Mode, s.Capacity = split(equipment), schedule.Mode(mode), int(capacity)
	s.Visit, s.Claims = span(starts, ends), span(from, to)
	return s, err
}

// InsertGroup adds a session, and reports false when the practitioner has one at that start.
func InsertGroup(tx *sqldb.Tx, clinicID string, s *GroupSession) (bool, error) {
	n, err := tx.Exec(`insert into group_sessions (clinic_id, `+groupColumns+`) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
		on conflict do nothing`,
		clinicID, s.ID, s.TypeID, s.PractitionerID, s.RoomID, join(s.EquipmentIDs), string(s.Mode), micros(s.Visit.From), micros(s.Visit.To),
		micros(s.Claims.From), micros(s.Claims.To), int64(s.Capacity))
	if err != nil {
		return false, fmt.Errorf("store: insert a group session: %w", err)
	}
	return n == 1, nil
}

// GroupAt returns the session of a practitioner that starts then, nil when there is none. With
// lock its row is locked until the transaction ends.
func GroupAt(tx *sqldb.Tx, clinicID, practitionerID string, start schedule.Slot, lock bool) (*GroupSession, error) {
	query := `select ` + groupColumns + ` from group_sessions where clinic_id = $1 and practitioner_id = $2 and starts_at = $3`
	if lock {
		query += tx.ForUpdate()
	}
	return getGroup(tx, query, clinicID, practitionerID, micros(start))
}

// LockGroup returns a session with its row locked, nil when there is none.
func LockGroup(tx *sqldb.Tx, clinicID, id string) (*GroupSession, error) {
	return getGroup(tx, `select `+groupColumns+` from group_sessions where clinic_id = $1 and group_session_id = $2`+tx.ForUpdate(), clinicID, id)
}

func getGroup(tx *sqldb.Tx, query string, args ...any) (*GroupSession, error) {
	s, err := scanGroup(tx.QueryRow(query, args...))
	if errors.Is(err, sqldb.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("store: read a group session: %w", err)
	}
	return &s, nil
}

// GroupsOf returns the sessions of a type that start within a span, with who has their seats.
func GroupsOf(tx *sqldb.Tx, clinicID, typeID string, s schedule.Span) (list []GroupSession, holders map[string][]string, err error) {
	rows, err := tx.Query(`select `+groupColumns+` from group_sessions
		where clinic_id = $1 and appointment_type_id = $2 and starts_at >= $3 and starts_at < $4 order by starts_at`,
		clinicID, typeID, micros(s.From), micros(s.To))
	if err != nil {
		return nil, nil, fmt.Errorf("store: list group sessions: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		g, err := scanGroup(rows)
		if err != nil {
			return nil, nil, fmt.Errorf("store: read a group session: %w", err)
		}
		list = append(list, g)
	}
	if err := rows.Err(); err != nil || len(list) == 0 {
		return nil, nil, err
	}
	seats, err := tx.Query(`select s.group_session_id, s.holder_id from group_seats s
		join group_sessions g on g.clinic_id = s.clinic_id and g.group_session_id = s.group_session_id
		where g.clinic_id = $1 and g.appointment_type_id = $2 and g.starts_at >= $3 and g.starts_at < $4`,
		clinicID, typeID, micros(s.From), micros(s.To))
	if err != nil {
		return nil, nil, fmt.Errorf("store: list seats: %w", err)
	}
	defer seats.Close()
	holders = map[string][]string{}
	for seats.Next() {
		var id, holder string
		if err := seats.Scan(&id, &holder); err != nil {
			return nil, nil, fmt.Errorf("store: read a seat: %w", err)
		}
		holders[id] = append(holders[id], holder)
	}
	return list, holders, seats.Err()
}

// Seats returns who has the seats of a session, by number.
func Seats(tx *sqldb.Tx, clinicID, groupID string) (map[int]string, error) {
	rows, err := tx.Query(`select seat, holder_id from group_seats where clinic_id = $1 and group_session_id = $2`, clinicID, groupID)
	if err != nil {
		return nil, fmt.Errorf("store: read seats: %w", err)
	}
	defer rows.Close()
	seats := map[int]string{}
	for rows.Next() {
		var n int64
		var holder string
		if err := rows.Scan(&n, &holder); err != nil {
			return nil, fmt.Errorf("store: read a seat: %w", err)
		}
		seats[int(n)] = holder
	}
	return seats, rows.Err()
}

// InsertSeat takes a seat. The database refuses one beyond the session's capacity.
func InsertSeat(tx *sqldb.Tx, clinicID string, s *GroupSession, seat int, holderID string) error {
	_, err := tx.Exec(`insert into group_seats (clinic_id, group_session_id, seat, capacity, holder_id) values ($1, $2, $3, $4, $5)`,
		clinicID, s.ID, int64(seat), int64(s.Capacity), holderID)
	if err != nil {
		return fmt.Errorf("store: insert a seat: %w", err)
	}
	return nil
}

// SeatsOf returns the sessions in which a holder has a seat, by id.
func SeatsOf(tx *sqldb.Tx, clinicID, holderID string) (ids []string, err error) {
	rows, err := tx.Query(`select group_session_id from group_seats where clinic_id = $1 and holder_id = $2 order by group_session_id`, clinicID, holderID)
	if err != nil {
		return nil, fmt.Errorf("store: read a holder's seats: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("store: read a holder's seat: %w", err)
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// DeleteSeat gives a holder's seat back; with the last seat the session ends, and its claims
// with it, and ended is true.
func DeleteSeat(tx *sqldb.Tx, clinicID string, s *GroupSession, holderID string) (ended bool, err error) {
	_, err = tx.Exec(`delete from group_seats where clinic_id = $1 and group_session_id = $2 and holder_id = $3`, clinicID, s.ID, holderID)
	if err != nil {
		return false, fmt.Errorf("store: delete a seat: %w", err)
	}
	left, err := Seats(tx, clinicID, s.ID)
	if err != nil || len(left) > 0 {
		return false, err
	}
	if err := DeleteClaims(tx, clinicID, s.ID, s.ResourceIDs(), s.Claims); err != nil {
		return false, err
	}
	if _, err := tx.Exec(`delete from group_sessions where clinic_id = $1 and group_session_id = $2`, clinicID, s.ID); err != nil {
		return false, fmt.Errorf("store: end a group session: %w", err)
	}
	return true, nil
}
