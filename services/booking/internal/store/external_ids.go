package store

import (
	"errors"

	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// ExternalAppointment gives what an appointment of another system has become here; "" when it
// was not imported.
func ExternalAppointment(tx *sqldb.Tx, clinicID, source, externalID string) (appointmentID string, err error) {
	err = tx.QueryRow(`select appointment_id from external_ids where clinic_id = $1 and source = $2 and external_id = $3`,
		clinicID, source, externalID).Scan(&appointmentID)
	if errors.Is(err, sqldb.ErrNoRows) {
		return "", nil
	}
	return appointmentID, err
}

// InsertExternalID remembers what an appointment of another system has become. It reports
// false when that id is taken.
func InsertExternalID(tx *sqldb.Tx, clinicID, source, externalID, appointmentID string) (bool, error) {
	n, err := tx.Exec(`insert into external_ids (clinic_id, source, external_id, appointment_id, created_at) values ($1, $2, $3, $4, $5)
		on conflict do nothing`, clinicID, source, externalID, appointmentID, sqldb.Micros(tx.Now()))
	return n == 1, err
}
