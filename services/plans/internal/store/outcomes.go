package store

import (
	"errors"
	"time"

	"github.com/upright-clinic/upright/services/plans/internal/outcome"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Outcome is a scored answer to an instrument.
type Outcome struct {
	ID                string
	PatientID         string
	OriginPatientID   string
	Instrument        string
	InstrumentVersion int
	Date              civil.Date
	outcome.Result
	Answers    map[string]int
	Activities []outcome.Activity
	PlanID     string
	AnsweredBy string // PATIENT or CLINICIAN
	InError    bool
	Voided     Void // when it is in error
	CreatedBy  string
	CreatedAt  time.Time
	Version    int64
}

// Void is who said that an outcome is in error, when and why.
type Void struct {
	By     string    `json:"by"`
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
}

// Point gives the outcome as a point in time.
func (o Outcome) Point() outcome.Point {
	return outcome.Point{ID: o.ID, Date: o.Date, Score: o.Score, Activities: o.Activities}
}

// outcomeBody is what of an outcome is kept as one document.
type outcomeBody struct {
	Answers    map[string]int     `json:"answers,omitempty"`
	Activities []outcome.Activity `json:"activities,omitempty"`
	Subscales  map[string]float64 `json:"subscales,omitempty"`
	Positive   []string           `json:"positive,omitempty"`
	Voided     *Void              `json:"voided,omitempty"`
	// Reason is why, of outcomes that were voided before it was kept who did so.
	Reason string `json:"reason,omitempty"`
}

const outcomeColumns = `outcome_id, patient_id, origin_patient_id, instrument, instrument_version, local_date, score, band, plan_id, body,
	answered_by, in_error, created_by, created_at, version`

// InsertOutcome adds an outcome.
func InsertOutcome(tx *sqldb.Tx, clinicID string, o Outcome) error {
	body, err := encode(outcomeBody{Answers: o.Answers, Activities: o.Activities, Subscales: o.Subscales, Positive: o.Positive})
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO outcomes (clinic_id, `+outcomeColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`,
		clinicID, o.ID, o.PatientID, o.OriginPatientID, o.Instrument, o.InstrumentVersion, o.Date.String(), o.Score, o.Band, o.PlanID, body,
		o.AnsweredBy, o.InError, o.CreatedBy, micros(o.CreatedAt), o.Version)
	return err
}

// VoidOutcome marks an outcome that was read with its version as entered in error, for good,
// and fails with VERSION_MISMATCH when it has changed since.
func VoidOutcome(tx *sqldb.Tx, clinicID string, o *Outcome, v Void) error {
	body, err := encode(outcomeBody{Answers: o.Answers, Activities: o.Activities, Subscales: o.Subscales, Positive: o.Positive, Voided: &v})
	if err != nil {
		return err
	}
	n, err := tx.Exec(`UPDATE outcomes SET in_error = TRUE, body = $4, version = version + 1 WHERE clinic_id = $1 AND outcome_id = $2 AND version = $3 AND NOT in_error`,
		clinicID, o.ID, o.Version, body)
	if err != nil {
		return err
	}
	if n == 0 {
		return errChanged()
	}
	o.InError, o.Voided, o.Version = true, v, o.Version+1
	return nil
}

// OutcomeByID gives an outcome of a person, or NOT_FOUND.
func OutcomeByID(tx *sqldb.Tx, clinicID, patientID, outcomeID string) (Outcome, error) {
	list, err := outcomeRows(tx, `WHERE clinic_id = $1 AND patient_id = $2 AND outcome_id = $3`, clinicID, patientID, outcomeID)
	if err == nil && len(list) == 0 {
		err = none(sqldb.ErrNoRows, "outcome")
	}
	if err != nil {
		return Outcome{}, err
	}
	return list[0], nil
}

// Outcomes gives a person's outcomes by date, oldest first; of an instrument and of a plan
// when these are not empty.
func Outcomes(tx *sqldb.Tx, clinicID, patientID, instrument, planID string) ([]Outcome, error) {
	return outcomeRows(tx, `WHERE clinic_id = $1 AND patient_id = $2 AND ($3 = '' OR instrument = $3) AND ($4 = '' OR plan_id = $4)
		ORDER BY local_date, created_at, outcome_id`, clinicID, patientID, instrument, planID)
}

func outcomeRows(tx *sqldb.Tx, where string, args ...any) ([]Outcome, error) {
	rows, err := tx.Query(`SELECT `+outcomeColumns+` FROM outcomes `+where, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Outcome
	for rows.Next() {
		var o Outcome
		var text string
		var created int64
		var b outcomeBody
		err := rows.Scan(&o.ID, &o.PatientID, &o.OriginPatientID, &o.Instrument, &o.InstrumentVersion, &o.Date, &o.Score, &o.Band, &o.PlanID,
			&text, &o.AnsweredBy, &o.InError, &o.CreatedBy, &created, &o.Version)
		if err := errors.Join(err, decode(text, &b)); err != nil {
			return nil, err
		}
		o.CreatedAt = instant(created)
		o.Answers, o.Activities, o.Subscales, o.Positive = b.Answers, b.Activities, b.Subscales, b.Positive
		if o.Voided.Reason = b.Reason; b.Voided != nil {
			o.Voided = *b.Voided
		}
		out = append(out, o)
	}
	return out, rows.Err()
}
