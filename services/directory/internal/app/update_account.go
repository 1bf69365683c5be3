package app

import (
	"context"
	"strings"

	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/directory/internal/store"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// UpdateAccount changes fields of an account. When what it may do changes, its sessions end in
// the same transaction, so that the next request already finds none. LAST_ADMIN, EMAIL_TAKEN,
// ACCOUNT_EXISTS, VERSION_MISMATCH, INVALID_ARGUMENT on the field.
func (a *App) UpdateAccount(ctx context.Context, request []byte, change Change[people.Account]) (account people.Account, err error) {
	c, err := staffOf(ctx)
	if err != nil {
		return account, err
	}
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, _, err := requestid.OnceAs(ctx, tx, "UpdateAccount", request, change.ID, func() error {
			return updateAccount(ctx, tx, c, change)
		})
		if err != nil {
			return err
		}
		account, err = store.GetAccount(tx, c.scope, change.ID)
		return found(err, "account")
	})
	return account, err
}

func updateAccount(ctx context.Context, tx *sqldb.Tx, c caller, change Change[people.Account]) error {
	before, err := store.GetAccount(tx, c.scope, change.ID)
	if err != nil {
		return found(err, "account")
	}
	if err := checkEtag(change.Etag, before.Version); err != nil {
		return err
	}
	after, err := change.Apply(before)
	if err != nil {
		return err
	}
	if after, err = people.CleanAccount("account.", after); err != nil {
		return err
	}
	if after.Kind != before.Kind {
		return fault.Invalid("account.roles", "must not turn a patient's account into one of staff, or back")
	}
	if after.PatientID != before.PatientID {
		return fault.Invalid("account.patient_id", "cannot change")
	}
	if err := checkOwner(tx, c.scope, after); err != nil {
		return err
	}
	if err := checkLastAdmin(tx, c.scope, before, after); err != nil {
		return err
	}
	return saveAccount(ctx, tx, c, before, after)
}

// saveAccount writes the account and ends its sessions when its rights changed.
func saveAccount(ctx context.Context, tx *sqldb.Tx, c caller, before, after people.Account) error {
	if after.Kind == people.KindStaff {
		taken, err := store.StaffEmailTaken(tx, c.scope, after.Email, after.ID)
		if err != nil {
			return err
		}
		if taken {
			return errEmailTaken()
		}
	}
	taken, err := store.UpdateAccount(tx, c.scope, after)
	if err != nil {
		return err
	}
	if taken {
		return errAccountExists()
	}
	if !sameRights(before, after) {
		if _, err := store.DeleteSessions(tx, c.scope, after.ID, ""); err != nil {
			return err
		}
	}
	return note(ctx, tx, "account.update", after.ID, map[string]string{"roles": strings.Join(after.Roles, ","), "state": after.State})
}
