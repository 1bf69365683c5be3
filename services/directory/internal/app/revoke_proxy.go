package app

import (
	"context"

	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/directory/internal/store"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// RevokeProxy takes that back, from the account's next request on. What was not granted is no
// error.
func (a *App) RevokeProxy(ctx context.Context, accountID, patientID string) error {
	c, err := staffOf(ctx)
	if err != nil {
		return err
	}
	return a.db.Write(ctx, func(tx *sqldb.Tx) error {
		deleted, err := store.DeleteProxy(tx, c.scope, accountID, patientID)
		if err != nil || !deleted {
			return err
		}
		return noteProxy(ctx, tx, "proxy.revoke", people.Proxy{AccountID: accountID, PatientID: patientID})
	})
}
