package store

import (
	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

const clinicColumns = `clinic_id, slug, public_name, time_zone, locale, emergency_numbers, safety_officer, phone, email,
	address, registration_enabled, created_at, updated_at, version`

// clinicRow is what the encoded columns of a clinic hold.
type clinicRow struct {
	numbers, officer, address string
}

func encodeClinic(c people.Clinic) (row clinicRow, err error) {
	if row.numbers, err = encode(c.EmergencyNumbers); err != nil {
		return row, err
	}
	if row.officer, err = encode(c.SafetyOfficer); err != nil {
		return row, err
	}
	row.address, err = encode(c.Address)
	return row, err
}

func scanClinic(scan func(...any) error) (c people.Clinic, err error) {
	var row clinicRow
	var created, updated int64
	err = scan(&c.ID, &c.Slug, &c.PublicName, &c.TimeZone, &c.Locale, &row.numbers, &row.officer, &c.Phone, &c.Email,
		&row.address, &c.RegistrationEnabled, &created, &updated, &c.Version)
	if err != nil {
		return c, err
	}
	c.CreatedAt, c.UpdatedAt = sqldb.Time(created), sqldb.Time(updated)
	if err = decode(row.numbers, &c.EmergencyNumbers); err != nil {
		return c, err
	}
	if err = decode(row.officer, &c.SafetyOfficer); err != nil {
		return c, err
	}
	return c, decode(row.address, &c.Address)
}

// InsertClinic adds a clinic. inserted is false when another one has the slug.
func InsertClinic(tx *sqldb.Tx, c people.Clinic) (inserted bool, err error) {
	row, err := encodeClinic(c)
	if err != nil {
		return false, err
	}
	now := sqldb.Micros(tx.Now())
	n, err := tx.Exec(`insert into clinics (`+clinicColumns+`, guard)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 0) on conflict do nothing`,
		c.ID, c.Slug, c.PublicName, c.TimeZone, c.Locale, row.numbers, row.officer, c.Phone, c.Email,
		row.address, c.RegistrationEnabled, now, now, 1)
	return n == 1, err
}

// GetClinic reads a clinic.
func GetClinic(tx *sqldb.Tx, clinicID string) (people.Clinic, error) {
	return scanClinic(tx.QueryRow(`select `+clinicColumns+` from clinics where clinic_id = $1`, clinicID).Scan)
}

// GetClinicByName reads a clinic by its id or its slug, which never look alike.
func GetClinicByName(tx *sqldb.Tx, name string) (people.Clinic, error) {
	return scanClinic(tx.QueryRow(`select `+clinicColumns+` from clinics where clinic_id = $1 or slug = $1`, name).Scan)
}

// ListClinics reads clinics by slug, those after the slug given.
func ListClinics(tx *sqldb.Tx, after string, limit int) ([]people.Clinic, error) {
	rows, err := tx.Query(`select `+clinicColumns+` from clinics where slug > $1 order by slug limit $2`, after, limit)
	return collect(rows, err, scanClinic)
}

// UpdateClinic writes a clinic over the version that it was read at. taken is true when
// another one has the slug; the transaction is of no use then.
func UpdateClinic(tx *sqldb.Tx, c people.Clinic) (taken bool, err error) {
	row, err := encodeClinic(c)
	if err != nil {
		return false, err
	}
	n, err := tx.Exec(`update clinics set slug = $3, public_name = $4, time_zone = $5, locale = $6, emergency_numbers = $7,
		safety_officer = $8, phone = $9, email = $10, address = $11, registration_enabled = $12, updated_at = $13, version = version + 1
		where clinic_id = $1 and version = $2`,
		c.ID, c.Version, c.Slug, c.PublicName, c.TimeZone, c.Locale, row.numbers, row.officer, c.Phone, c.Email, row.address,
		c.RegistrationEnabled, sqldb.Micros(tx.Now()))
	if name, ok := sqldb.Unique(err); ok && name == "clinics_slug_key" {
		return true, nil
	}
	return false, changed(n, err)
}

// LockClinic lets one transaction of a clinic at a time go on from here: for changes whose
// rule looks at more than one row.
func LockClinic(tx *sqldb.Tx, scope Scope) error {
	n, err := tx.Exec(`update clinics set guard = guard + 1 where clinic_id = $1`, scope.clinicID)
	if err == nil && n == 0 {
		return sqldb.ErrNoRows
	}
	return err
}
