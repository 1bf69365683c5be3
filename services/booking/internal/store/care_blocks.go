package store

import (
	"fmt"
	"slices"
	"strings"

	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// CareBlock is what one examination of a patient forbids.
type CareBlock struct {
	// PatientID is the record that the examination was entered for.
	PatientID     string
	ExaminationID string
	// Disciplines are the kinds of care; none when it forbids nothing any more.
	Disciplines []schedule.Discipline
	// Version is the examination's: what is older than what is known changes nothing.
	Version int64
}

// PutCareBlock stores what an examination forbids, and says whether that is newer than what
// was known.
func PutCareBlock(tx *sqldb.Tx, clinicID string, b CareBlock) (newer bool, err error) {
	n, err := tx.Exec(`insert into care_blocks (clinic_id, patient_id, examination_id, disciplines, version) values ($1, $2, $3, $4, $5)
		on conflict (clinic_id, patient_id, examination_id) do update set disciplines = excluded.disciplines, version = excluded.version
		where care_blocks.version < excluded.version`,
		clinicID, b.PatientID, b.ExaminationID, joinDisciplines(b.Disciplines), b.Version)
	if err != nil {
		return false, fmt.Errorf("store: put what an examination forbids: %w", err)
	}
	return n == 1, nil
}

// SumCareBlocks puts beside the gate of a person what the examinations of all the person's
// records forbid together, and returns it.
func SumCareBlocks(tx *sqldb.Tx, clinicID, survivingID string) ([]schedule.Discipline, error) {
	rows, err := tx.Query(`select b.disciplines from patients p
		join care_blocks b on b.clinic_id = p.clinic_id and b.patient_id = p.patient_id
		where p.clinic_id = $1 and p.surviving_patient_id = $2`, clinicID, survivingID)
	if err != nil {
		return nil, fmt.Errorf("store: list what examinations forbid: %w", err)
	}
	defer rows.Close()
	var all []schedule.Discipline
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		all = append(all, splitDisciplines(text)...)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	slices.Sort(all)
	all = slices.Compact(all)
	_, err = tx.Exec(`update patient_gates set forbidden = $3 where clinic_id = $1 and patient_id = $2`, clinicID, survivingID, joinDisciplines(all))
	if err != nil {
		return nil, fmt.Errorf("store: put what examinations forbid: %w", err)
	}
	return all, nil
}

func joinDisciplines(list []schedule.Discipline) string {
	words := make([]string, len(list))
	for i, d := range list {
		words[i] = string(d)
	}
	return strings.Join(words, ",")
}

func splitDisciplines(text string) []schedule.Discipline {
	if text == "" {
		return nil
	}
	var list []schedule.Discipline
	for _, word := range strings.Split(text, ",") {
		list = append(list, schedule.Discipline(word))
	}
	return list
}
