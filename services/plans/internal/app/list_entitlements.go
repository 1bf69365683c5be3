package app

import (
	"context"

	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// ListEntitlements gives the claims of a person by date, for reconciliation. A patient that
// plans has never heard of has none.
func (a *App) ListEntitlements(ctx context.Context, clinicID, patientID string) ([]store.Entry, error) {
	var claims []store.Entry
	err := a.db.Read(ctx, func(tx *sqldb.Tx) error {
		survivor, _, err := store.Survivor(tx, clinicID, patientID)
		if err != nil {
			return err
		}
		all, err := store.EntriesOfPatient(tx, clinicID, survivor)
		for _, e := range all {
			if isClaim(e) {
				claims = append(claims, e)
			}
		}
		return err
	})
	return claims, err
}
