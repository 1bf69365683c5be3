package app

import (
	"context"

	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// GetPatient reads a record of the caller's scope; a merged one as it was, with the record
// that lives on. NOT_FOUND otherwise.
func (a *App) GetPatient(ctx context.Context, id string) (view PatientView, err error) {
	c, err := callerOf(ctx)
	if err != nil {
		return view, err
	}
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		view, err = viewPatient(tx, c, id)
		return err
	})
	return view, err
}
