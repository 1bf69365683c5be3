package app

import (
	"context"

	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/directory/internal/store"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// ChangePassword gives the caller's account another password and ends its other sessions.
// PASSWORD_WRONG when the current one is not right, PASSWORD_WEAK, TOO_MANY_ATTEMPTS: whoever
// finds an open session must not guess the password through it.
func (a *App) ChangePassword(ctx context.Context, request []byte, current, next, address string) (account people.Account, err error) {
	c, err := callerOf(ctx)
	if err != nil {
		return account, err
	}
	var candidate store.Candidate
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		if candidate.Account, err = store.GetAccount(tx, c.scope, c.Subject); err != nil {
			return found(err, "account")
		}
		candidate.PasswordHash, err = store.PasswordHash(tx, c.scope, c.Subject)
		return err
	})
	if err != nil {
		return account, err
	}
	account = candidate.Account
	if err := a.checkPassword(ctx, account, "new_password", next); err != nil {
		return account, err
	}
	limiters := a.signInLimiters(people.EmailKey(account.Email), address)
	if err := a.begin(ctx, limiters); err != nil {
		return account, err
	}
	right, err := a.passwords.match(ctx, current, []store.Candidate{candidate})
	if err != nil {
		return account, err
	}
	return account, a.writeHash(ctx, account.Email, next, func(tx *sqldb.Tx, hash string) error {
		// A retry of a change that succeeded finds the current password wrong, and its request
		// id done.
		_, _, err := requestid.OnceAs(ctx, tx, "ChangePassword", request, account.ID, func() error {
			if right < 0 {
				return fault.New(fault.InvalidArgument, "PASSWORD_WRONG", "The current password is not right.").
					OnField("current_password", "is not right")
			}
			return changePassword(ctx, tx, c, candidate, hash)
		})
		if err != nil {
			return err
		}
		return succeed(tx, limiters)
	})
}

// changePassword replaces the hash if it is still the one that was checked.
func changePassword(ctx context.Context, tx *sqldb.Tx, c caller, candidate store.Candidate, hash string) error {
	replaced, err := store.SetPasswordHash(tx, c.scope, candidate.ID, candidate.PasswordHash, hash)
	if err != nil {
		return err
	}
	if !replaced {
		return store.VersionMismatch()
	}
	if _, err := store.DeleteSessions(tx, c.scope, candidate.ID, c.SessionID); err != nil {
		return err
	}
	return note(ctx, tx, "account.change_password", candidate.ID, nil)
}
