package store

import (
	"fmt"

	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// HolidayImport is an entry of a file with days off that was imported before.
type HolidayImport struct {
	UID, ExceptionID     string
	StartLocal, EndLocal string
	// Gone says that a person has deleted its exception since.
	Gone bool
}

// HolidayImports returns what was imported for a subject, by UID.
func HolidayImports(tx *sqldb.Tx, clinicID, subjectID string) (map[string]HolidayImport, error) {
	rows, err := tx.Query(`select h.uid, h.shift_exception_id, h.start_local, h.end_local,
			not exists (select 1 from shift_exceptions e where e.clinic_id = h.clinic_id and e.shift_exception_id = h.shift_exception_id)
		from holiday_imports h where h.clinic_id = $1 and h.subject_id = $2`, clinicID, subjectID)
	if err != nil {
		return nil, fmt.Errorf("store: read imported holidays: %w", err)
	}
	defer rows.Close()
	all := map[string]HolidayImport{}
	for rows.Next() {
		var h HolidayImport
		if err := rows.Scan(&h.UID, &h.ExceptionID, &h.StartLocal, &h.EndLocal, &h.Gone); err != nil {
			return nil, fmt.Errorf("store: read an imported holiday: %w", err)
		}
		all[h.UID] = h
	}
	return all, rows.Err()
}

// PutHolidayImport notes what an entry was imported as.
func PutHolidayImport(tx *sqldb.Tx, clinicID, subjectID string, h HolidayImport) error {
	_, err := tx.Exec(`insert into holiday_imports (clinic_id, subject_id, uid, shift_exception_id, start_local, end_local, imported_at)
		values ($1, $2, $3, $4, $5, $6, $7)
		on conflict (clinic_id, subject_id, uid) do update set shift_exception_id = excluded.shift_exception_id,
			start_local = excluded.start_local, end_local = excluded.end_local, imported_at = excluded.imported_at`,
		clinicID, subjectID, h.UID, h.ExceptionID, h.StartLocal, h.EndLocal, sqldb.Micros(tx.Now()))
	if err != nil {
		return fmt.Errorf("store: note an imported holiday: %w", err)
	}
	return nil
}

// DeleteHolidayImport forgets an entry.
func DeleteHolidayImport(tx *sqldb.Tx, clinicID, subjectID, uid string) error {
	_, err := tx.Exec(`delete from holiday_imports where clinic_id = $1 and subject_id = $2 and uid = $3`, clinicID, subjectID, uid)
	if err != nil {
		return fmt.Errorf("store: forget an imported holiday: %w", err)
	}
	return nil
}

// BookedSpans are the visits that wait to take place on a run of civil dates, at a location or,
// with an empty one, anywhere.
func BookedSpans(tx *sqldb.Tx, clinicID, locationID string, from, to civil.Date) (list []schedule.Span, err error) {
	rows, err := tx.Query(`select starts_at, ends_at from appointments
		where clinic_id = $1 and local_date >= $2 and local_date <= $3 and state in ('BOOKED', 'CHECKED_IN') and ($4 = '' or location_id = $4)`,
		clinicID, from.String(), to.String(), locationID)
	if err != nil {
		return nil, fmt.Errorf("store: read booked visits: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var starts, ends int64
		if err := rows.Scan(&starts, &ends); err != nil {
			return nil, fmt.Errorf("store: read a booked visit: %w", err)
		}
		list = append(list, span(starts, ends))
	}
	return list, rows.Err()
}
