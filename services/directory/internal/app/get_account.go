package app

import (
	"context"

	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/directory/internal/store"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// GetAccount reads an account of the clinic.
func (a *App) GetAccount(ctx context.Context, id string) (account people.Account, err error) {
	c, err := staffOf(ctx)
	if err != nil {
		return account, err
	}
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		account, err = store.GetAccount(tx, c.scope, id)
		return found(err, "account")
	})
	return account, err
}

// ListAccounts reads the clinic's accounts with a role, or all staff's for "".
func (a *App) ListAccounts(ctx context.Context, role string, page Page) (accounts []people.Account, next string, err error) {
	c, err := staffOf(ctx)
	if err != nil {
		return nil, "", err
	}
	limit := page.limit(100)
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		accounts, err = store.ListAccounts(tx, c.scope, role, store.Page{After: page.Token, Limit: limit})
		return err
	})
	accounts, next = cut(accounts, limit, func(a people.Account) string { return a.ID })
	return accounts, next, err
}
