package store

import (
	"errors"
	"time"

	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// MissedPolicy says whether sessions that were missed or cancelled late are used up.
type MissedPolicy struct {
	NoShowCounts     bool
	LateCancelCounts bool
	Source           string
	ChangedBy        string
	ChangedAt        time.Time
	Version          int64 // 0: the clinic has decided nothing
}

// MissedPolicyOf gives what a clinic has decided; false when it has decided nothing.
func MissedPolicyOf(tx *sqldb.Tx, clinicID string) (MissedPolicy, bool, error) {
	var p MissedPolicy
	var at int64
	err := tx.QueryRow(`SELECT no_show_counts, late_cancel_counts, source, changed_by, changed_at, version FROM missed_policies
		WHERE clinic_id = $1 ORDER BY version DESC LIMIT 1`, clinicID).
		Scan(&p.NoShowCounts, &p.LateCancelCounts, &p.Source, &p.ChangedBy, &at, &p.Version)
	if errors.Is(err, sqldb.ErrNoRows) {
		return MissedPolicy{}, false, nil
	}
	p.ChangedAt = instant(at)
	return p, err == nil, err
}

// PutMissedPolicy adds the next version, and fails with VERSION_MISMATCH when there is one
// already.
func PutMissedPolicy(tx *sqldb.Tx, clinicID string, p MissedPolicy) error {
	n, err := tx.Exec(`INSERT INTO missed_policies (clinic_id, version, no_show_counts, late_cancel_counts, source, changed_by, changed_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
		clinicID, p.Version, p.NoShowCounts, p.LateCancelCounts, p.Source, p.ChangedBy, micros(p.ChangedAt))
	if err == nil && n == 0 {
		return errChanged()
	}
	return err
}
