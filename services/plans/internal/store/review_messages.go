package store

import "github.com/upright-clinic/upright/services/platform/sqldb"

// PutReviewMessages lets the patient be told that booked appointments must be looked at again
// because of an issue: once for each. What to say, with the earliest new date, is the issue's.
func PutReviewMessages(tx *sqldb.Tx, clinicID, patientID, issueID string, appointments []IssueAppointment) error {
	for _, a := range appointments {
		_, err := tx.Exec(`INSERT INTO outgoing (clinic_id, kind, subject_id, code, patient_id, send_at, state, created_at)
			VALUES ($1, 'BOOKING_REVIEW', $2, $3, $4, $5, 'WAITING', $5) ON CONFLICT (clinic_id, kind, subject_id, code) DO NOTHING`,
			clinicID, a.AppointmentID, issueID, patientID, micros(tx.Now()))
		if err != nil {
			return err
		}
	}
	return nil
}

// CancelReviewMessages takes back the messages that wait of an issue that was decided, or of an
// appointment that was cancelled or moved; the other one is empty.
func CancelReviewMessages(tx *sqldb.Tx, clinicID, issueID, appointmentID string) error {
	_, err := tx.Exec(`UPDATE outgoing SET state = 'CANCELLED' WHERE clinic_id = $1 AND kind = 'BOOKING_REVIEW' AND state = 'WAITING'
		AND (code = $2 OR subject_id = $3)`, clinicID, issueID, appointmentID)
	return err
}
