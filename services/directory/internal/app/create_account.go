package app

import (
	"context"

	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/directory/internal/store"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// CreateAccount adds an account with a password. EMAIL_TAKEN, ACCOUNT_EXISTS, PASSWORD_WEAK,
// INVALID_ARGUMENT on the field.
func (a *App) CreateAccount(ctx context.Context, request []byte, account people.Account, password string) (people.Account, error) {
	c, err := staffOf(ctx)
	if err != nil {
		return account, err
	}
	if account, err = people.CleanAccount("account.", account); err != nil {
		return account, err
	}
	account.ID, account.ClinicID = ident.New("acc"), c.ClinicID
	if err := a.checkPassword(ctx, account, "password", password); err != nil {
		return account, err
	}
	var made people.Account
	err = a.writeHash(ctx, account.Email, password, func(tx *sqldb.Tx, hash string) error {
		id, _, err := requestid.OnceAs(ctx, tx, "CreateAccount", request, account.ID, func() error {
			if err := checkOwner(tx, c.scope, account); err != nil {
				return err
			}
			return insertAccount(ctx, tx, c.scope, account, hash, "account.create")
		})
		if err != nil {
			return err
		}
		made, err = store.GetAccount(tx, c.scope, id)
		return err
	})
	return made, err
}

// checkPassword refuses a weak password for an account of the caller's clinic.
func (a *App) checkPassword(ctx context.Context, account people.Account, field, password string) error {
	var clinic people.Clinic
	err := a.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		clinic, err = store.GetClinic(tx, account.ClinicID)
		return found(err, "clinic")
	})
	if err != nil {
		return err
	}
	return people.CheckPassword(field, password, account.MinPassword(), account.KnownWords(clinic.PublicName)...)
}
