package store

import (
	"time"

	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Rescreen is a row of rescreens.
type Rescreen struct {
	RescreenID  string
	IntakeID    string
	Outcome     string
	NewIntakeID string
	SaidBy      string
	SaidAt      time.Time
}

// AddRescreen adds what a patient said.
func AddRescreen(tx *sqldb.Tx, clinicID string, r Rescreen) error {
	_, err := tx.Exec(`INSERT INTO rescreens (clinic_id, rescreen_id, intake_id, outcome, new_intake_id, said_by, said_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`, clinicID, r.RescreenID, r.IntakeID, r.Outcome, r.NewIntakeID, r.SaidBy, sqldb.Micros(r.SaidAt))
	return err
}

// GetRescreen returns what was said once; false when there is none.
func GetRescreen(tx *sqldb.Tx, clinicID, rescreenID string) (r Rescreen, ok bool, err error) {
	var at int64
	ok, err = found(tx.QueryRow(`SELECT rescreen_id, intake_id, outcome, new_intake_id, said_by, said_at FROM rescreens
		WHERE clinic_id = $1 AND rescreen_id = $2`, clinicID, rescreenID).
		Scan(&r.RescreenID, &r.IntakeID, &r.Outcome, &r.NewIntakeID, &r.SaidBy, &at))
	r.SaidAt = sqldb.Time(at)
	return r, ok, err
}
