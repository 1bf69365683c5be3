package store

import (
	"errors"
	"time"

	"github.com/upright-clinic/upright/services/plans/internal/diary"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// DiaryEntry is a row of a diary, with what is said about it beside what counts.
type DiaryEntry struct {
	diary.Entry
	PatientID       string
	OriginPatientID string
	ClientID        string
	Zone            string
	Activity        string
	Medicine        string
	Note            string
	Findings        []diary.Finding
	Corrected       bool // read only: another entry takes its place
	Fingerprint     string
	CreatedBy       string
	CreatedAt       time.Time
}

// diaryBody is what of an entry is kept as one document.
type diaryBody struct {
	Activity string          `json:"activity,omitempty"`
	Medicine string          `json:"medicine,omitempty"`
	Note     string          `json:"note,omitempty"`
	Tags     []string        `json:"tags,omitempty"`
	Done     []diary.Done    `json:"done,omitempty"`
	Findings []diary.Finding `json:"findings,omitempty"`
}

const diaryColumns = `entry_id, patient_id, origin_patient_id, client_id, local_date, noted_at, time_zone, pain, interference, body, corrects,
	fingerprint, created_by, created_at, version`

// InsertDiaryEntry adds an entry; false when one with its client id, or another correction of
// the same entry, is there.
func InsertDiaryEntry(tx *sqldb.Tx, clinicID string, e DiaryEntry) (bool, error) {
	body, err := encode(diaryBody{Activity: e.Activity, Medicine: e.Medicine, Note: e.Note, Tags: e.Tags, Done: e.Done, Findings: e.Findings})
	if err != nil {
		return false, err
	}
	n, err := tx.Exec(`INSERT INTO diary_entries (clinic_id, `+diaryColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 1) ON CONFLICT DO NOTHING`,
		clinicID, e.ID, e.PatientID, e.OriginPatientID, e.ClientID, e.Date.String(), micros(e.At), e.Zone, e.Pain, e.Interference, body,
		e.Corrects, e.Fingerprint, e.CreatedBy, micros(e.CreatedAt))
	return n > 0, err
}

// DiaryByClient gives the entry that a device sent under an id; false when there is none.
func DiaryByClient(tx *sqldb.Tx, clinicID, originPatientID, clientID string) (DiaryEntry, bool, error) {
	list, err := diaryRows(tx, `WHERE d.clinic_id = $1 AND d.origin_patient_id = $2 AND d.client_id = $3`, clinicID, originPatientID, clientID)
	if err != nil || len(list) == 0 {
		return DiaryEntry{}, false, err
	}
	return list[0], true, nil
}

// DiaryByID gives an entry of a person, or NOT_FOUND.
func DiaryByID(tx *sqldb.Tx, clinicID, patientID, entryID string) (DiaryEntry, error) {
	list, err := diaryRows(tx, `WHERE d.clinic_id = $1 AND d.patient_id = $2 AND d.entry_id = $3`, clinicID, patientID, entryID)
	if err == nil && len(list) == 0 {
		err = none(sqldb.ErrNoRows, "diary entry")
	}
	if err != nil {
		return DiaryEntry{}, err
	}
	return list[0], nil
}

// DiaryBetween gives a person's entries of a period, oldest first. Zero dates are open ends.
func DiaryBetween(tx *sqldb.Tx, clinicID, patientID string, from, to civil.Date) ([]DiaryEntry, error) {
	first, last := period(from, to)
	return diaryRows(tx, `WHERE d.clinic_id = $1 AND d.patient_id = $2 AND d.local_date BETWEEN $3 AND $4
		ORDER BY d.local_date, d.noted_at, d.entry_id`, clinicID, patientID, first, last)
}

// DiaryPage gives a person's entries of a period, newest first, behind a place in that order
// and at most limit of them. before may be empty for the start.
func DiaryPage(tx *sqldb.Tx, clinicID, patientID string, from, to civil.Date, before, beforeID string, limit int) ([]DiaryEntry, error) {
	first, last := period(from, to)
	return diaryRows(tx, `WHERE d.clinic_id = $1 AND d.patient_id = $2 AND d.local_date BETWEEN $3 AND $4
		AND ($5 = '' OR d.local_date < $5 OR (d.local_date = $5 AND d.entry_id < $6))
		ORDER BY d.local_date DESC, d.entry_id DESC LIMIT $7`, clinicID, patientID, first, last, before, beforeID, limit)
}

// period gives the texts between which civil dates lie.
func period(from, to civil.Date) (first, last string) {
	first, last = "0000-01-01", "9999-12-31"
	if !from.IsZero() {
		first = from.String()
	}
	if !to.IsZero() {
		last = to.String()
	}
	return first, last
}

func diaryRows(tx *sqldb.Tx, where string, args ...any) ([]DiaryEntry, error) {
	rows, err := tx.Query(`SELECT d.entry_id, d.patient_id, d.origin_patient_id, d.client_id, d.local_date, d.noted_at, d.time_zone, d.pain,
		d.interference, d.body, d.corrects, d.fingerprint, d.created_by, d.created_at,
		EXISTS (SELECT 1 FROM diary_entries c WHERE c.clinic_id = d.clinic_id AND c.corrects = d.entry_id AND c.corrects <> '')
		FROM diary_entries d `+where, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []DiaryEntry
	for rows.Next() {
		var e DiaryEntry
		var noted, created int64
		var text string
		var b diaryBody
		err := rows.Scan(&e.ID, &e.PatientID, &e.OriginPatientID, &e.ClientID, &e.Date, &noted, &e.Zone, &e.Pain, &e.Interference, &text,
			&e.Corrects, &e.Fingerprint, &e.CreatedBy, &created, &e.Corrected)
		if err := errors.Join(err, decode(text, &b)); err != nil {
			return nil, err
		}
		e.At, e.CreatedAt = instant(noted), instant(created)
		e.Activity, e.Medicine, e.Note, e.Tags, e.Done, e.Findings = b.Activity, b.Medicine, b.Note, b.Tags, b.Done, b.Findings
		out = append(out, e)
	}
	return out, rows.Err()
}
