package store

import (
	"database/sql"

	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Page asks for part of a list: what comes after the row with id After, "" for the start.
type Page struct {
	After string
	Limit int
	// Inactive asks for what takes no bookings too.
	Inactive bool
	// LocationID asks for one location's only.
	LocationID string
}

const locationColumns = `location_id, display_name, address, phone, time_zone, is_active, created_at, updated_at, version`

func scanLocation(scan func(...any) error) (l people.Location, err error) {
	var address string
	var created, updated int64
	if err = scan(&l.ID, &l.DisplayName, &address, &l.Phone, &l.TimeZone, &l.Active, &created, &updated, &l.Version); err != nil {
		return l, err
	}
	l.CreatedAt, l.UpdatedAt = sqldb.Time(created), sqldb.Time(updated)
	return l, decode(address, &l.Address)
}

// InsertLocation adds a location.
func InsertLocation(tx *sqldb.Tx, scope Scope, l people.Location) error {
	address, err := encode(l.Address)
	if err != nil {
		return err
	}
	now := sqldb.Micros(tx.Now())
	_, err = tx.Exec(`insert into locations (clinic_id, name_key, `+locationColumns+`) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		scope.clinicID, people.SortKey(l.DisplayName), l.ID, l.DisplayName, address, l.Phone, l.TimeZone, l.Active, now, now, 1)
	return err
}

// GetLocation reads a location.
func GetLocation(tx *sqldb.Tx, scope Scope, id string) (people.Location, error) {
	return scanLocation(tx.QueryRow(`select `+locationColumns+` from locations where clinic_id = $1 and location_id = $2`, scope.clinicID, id).Scan)
}

// ListLocations reads locations by name and id.
func ListLocations(tx *sqldb.Tx, scope Scope, page Page) ([]people.Location, error) {
	rows, err := tx.Query(`select `+locationColumns+` from locations
		where clinic_id = $1 and (is_active or $2)
			and ($3 = '' or (name_key, location_id) > (select name_key, location_id from locations where clinic_id = $1 and location_id = $3))
		order by name_key, location_id limit $4`, scope.clinicID, page.Inactive, page.After, page.Limit)
	return collect(rows, err, scanLocation)
}

// UpdateLocation writes a location over the version that it was read at.
func UpdateLocation(tx *sqldb.Tx, scope Scope, l people.Location) error {
	address, err := encode(l.Address)
	if err != nil {
		return err
	}
	return changed(tx.Exec(`update locations set name_key = $4, display_name = $5, address = $6, phone = $7, time_zone = $8,
		is_active = $9, updated_at = $10, version = version + 1 where clinic_id = $1 and location_id = $2 and version = $3`,
		scope.clinicID, l.ID, l.Version, people.SortKey(l.DisplayName), l.DisplayName, address, l.Phone, l.TimeZone, l.Active,
		sqldb.Micros(tx.Now())))
}

const roomColumns = `room_id, location_id, display_name, capabilities, is_active, created_at, updated_at, version`

func scanRoom(scan func(...any) error) (r people.Room, err error) {
	var capabilities string
	var created, updated int64
	err = scan(&r.ID, &r.LocationID, &r.DisplayName, &capabilities, &r.Active, &created, &updated, &r.Version)
	r.Capabilities, r.CreatedAt, r.UpdatedAt = split(capabilities), sqldb.Time(created), sqldb.Time(updated)
	return r, err
}

// InsertRoom adds a room.
func InsertRoom(tx *sqldb.Tx, scope Scope, r people.Room) error {
	now := sqldb.Micros(tx.Now())
	_, err := tx.Exec(`insert into rooms (clinic_id, name_key, `+roomColumns+`) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		scope.clinicID, people.SortKey(r.DisplayName), r.ID, r.LocationID, r.DisplayName, join(r.Capabilities), r.Active, now, now, 1)
	return err
}

// GetRoom reads a room.
func GetRoom(tx *sqldb.Tx, scope Scope, id string) (people.Room, error) {
	return scanRoom(tx.QueryRow(`select `+roomColumns+` from rooms where clinic_id = $1 and room_id = $2`, scope.clinicID, id).Scan)
}

// ListRooms reads rooms by name and id.
func ListRooms(tx *sqldb.Tx, scope Scope, page Page) ([]people.Room, error) {
	rows, err := tx.Query(`select `+roomColumns+` from rooms
		where clinic_id = $1 and (is_active or $2) and ($5 = '' or location_id = $5)
			and ($3 = '' or (name_key, room_id) > (select name_key, room_id from rooms where clinic_id = $1 and room_id = $3))
		order by name_key, room_id limit $4`, scope.clinicID, page.Inactive, page.After, page.Limit, page.LocationID)
	return collect(rows, err, scanRoom)
}

// UpdateRoom writes a room over the version that it was read at.
func UpdateRoom(tx *sqldb.Tx, scope Scope, r people.Room) error {
	return changed(tx.Exec(`update rooms set name_key = $4, display_name = $5, capabilities = $6, is_active = $7, updated_at = $8,
		version = version + 1 where clinic_id = $1 and room_id = $2 and version = $3`,
		scope.clinicID, r.ID, r.Version, people.SortKey(r.DisplayName), r.DisplayName, join(r.Capabilities), r.Active, sqldb.Micros(tx.Now())))
}

const equipmentColumns = `equipment_id, location_id, coalesce(room_id, ''), display_name, capabilities, is_active, created_at, updated_at, version`

func scanEquipment(scan func(...any) error) (e people.Equipment, err error) {
	var capabilities string
	var created, updated int64
	err = scan(&e.ID, &e.LocationID, &e.RoomID, &e.DisplayName, &capabilities, &e.Active, &created, &updated, &e.Version)
	e.Capabilities, e.CreatedAt, e.UpdatedAt = split(capabilities), sqldb.Time(created), sqldb.Time(updated)
	return e, err
}

// InsertEquipment adds a piece of equipment.
func InsertEquipment(tx *sqldb.Tx, scope Scope, e people.Equipment) error {
	now := sqldb.Micros(tx.Now())
	_, err := tx.Exec(`insert into equipment (clinic_id, equipment_id, location_id, room_id, display_name, name_key, capabilities,
		is_active, created_at, updated_at, version) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		scope.clinicID, e.ID, e.LocationID, null(e.RoomID), e.DisplayName, people.SortKey(e.DisplayName), join(e.Capabilities),
		e.Active, now, now, 1)
	return err
}

// GetEquipment reads a piece of equipment.
func GetEquipment(tx *sqldb.Tx, scope Scope, id string) (people.Equipment, error) {
	return scanEquipment(tx.QueryRow(`select `+equipmentColumns+` from equipment where clinic_id = $1 and equipment_id = $2`, scope.clinicID, id).Scan)
}

// ListEquipment reads equipment by name and id.
func ListEquipment(tx *sqldb.Tx, scope Scope, page Page) ([]people.Equipment, error) {
	rows, err := tx.Query(`select `+equipmentColumns+` from equipment
		where clinic_id = $1 and (is_active or $2) and ($5 = '' or location_id = $5)
			and ($3 = '' or (name_key, equipment_id) > (select name_key, equipment_id from equipment where clinic_id = $1 and equipment_id = $3))
		order by name_key, equipment_id limit $4`, scope.clinicID, page.Inactive, page.After, page.Limit, page.LocationID)
	return collect(rows, err, scanEquipment)
}

// UpdateEquipment writes a piece of equipment over the version that it was read at.
func UpdateEquipment(tx *sqldb.Tx, scope Scope, e people.Equipment) error {
	return changed(tx.Exec(`update equipment set name_key = $4, display_name = $5, capabilities = $6, is_active = $7, room_id = $8,
		updated_at = $9, version = version + 1 where clinic_id = $1 and equipment_id = $2 and version = $3`,
		scope.clinicID, e.ID, e.Version, people.SortKey(e.DisplayName), e.DisplayName, join(e.Capabilities), e.Active, null(e.RoomID),
		sqldb.Micros(tx.Now())))
}

// collect reads all rows of a query.
func collect[T any](rows *sql.Rows, err error, scan func(func(...any) error) (T, error)) (list []T, _ error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		row, err := scan(rows.Scan)
		if err != nil {
			return nil, err
		}
		list = append(list, row)
	}
	return list, rows.Err()
}
