package app

import (
	"context"

	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/directory/internal/store"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// maxProxies is how many proxies are shown.
const maxProxies = 100

// ListProxies gives who acts for a patient, for whom an account acts, or both.
// INVALID_ARGUMENT on account_id when neither is named.
func (a *App) ListProxies(ctx context.Context, accountID, patientID string) (proxies []people.Proxy, err error) {
	c, err := staffOf(ctx)
	if err != nil {
		return nil, err
	}
	if accountID == "" && patientID == "" {
		return nil, fault.Invalid("account_id", "or patient_id must be given")
	}
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		proxies, err = store.ListProxies(tx, c.scope, accountID, patientID, maxProxies)
		return err
	})
	return proxies, err
}
