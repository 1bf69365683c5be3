package app

import (
	"context"

	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/directory/internal/store"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// SetPassword gives an account of the clinic another password and ends its sessions.
// NOT_FOUND, PASSWORD_WEAK.
func (a *App) SetPassword(ctx context.Context, request []byte, accountID, password string) (people.Account, error) {
	account, err := a.GetAccount(ctx, accountID)
	if err != nil {
		return account, err
	}
	if err := a.checkPassword(ctx, account, "password", password); err != nil {
		return account, err
	}
	scope := store.WholeClinic(account.ClinicID)
	err = a.writeHash(ctx, account.Email, password, func(tx *sqldb.Tx, hash string) error {
		_, _, err := requestid.OnceAs(ctx, tx, "SetPassword", request, accountID, func() error {
			if _, err := store.SetPasswordHash(tx, scope, accountID, "", hash); err != nil {
				return err
			}
			if _, err := store.DeleteSessions(tx, scope, accountID, ""); err != nil {
				return err
			}
			return note(ctx, tx, "account.set_password", accountID, nil)
		})
		return err
	})
	return account, err
}
