package app

import (
	"context"
	"slices"
	"strings"

	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/directory/internal/store"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// insertAccount stores a new account with its audit row. ACCOUNT_EXISTS when the practitioner
// or the patient has one, EMAIL_TAKEN when an account of the staff has the address.
func insertAccount(ctx context.Context, tx *sqldb.Tx, scope store.Scope, a people.Account, hash, action string) error {
	if a.Kind == people.KindStaff {
		taken, err := store.StaffEmailTaken(tx, scope, a.Email, a.ID)
		if err != nil {
			return err
		}
		if taken {
			return errEmailTaken()
		}
	}
	inserted, err := store.InsertAccount(tx, scope, a, hash)
	if err != nil {
		return err
	}
	if !inserted {
		return errAccountExists()
	}
	return note(ctx, tx, action, a.ID, map[string]string{"roles": strings.Join(a.Roles, ",")})
}

func errEmailTaken() error {
	const why = "An account of the clinic's staff has this address."
	return fault.New(fault.AlreadyExists, "EMAIL_TAKEN", why).OnField("account.email", why)
}

func errAccountExists() error {
	return fault.New(fault.AlreadyExists, "ACCOUNT_EXISTS", "There is an account for this practitioner, patient or address already.")
}

// checkOwner wants practitioner and patient of an account to be the clinic's.
func checkOwner(tx *sqldb.Tx, scope store.Scope, a people.Account) error {
	if a.PractitionerID != "" {
		if _, err := store.GetPractitioner(tx, scope, a.PractitionerID); err != nil {
			return belongs(err, "account.practitioner_id", "practitioner")
		}
	}
	if a.PatientID != "" {
		if _, err := store.GetPatient(tx, scope, a.PatientID); err != nil {
			return belongs(err, "account.patient_id", "patient")
		}
	}
	return nil
}

// checkLastAdmin refuses to take away the clinic's last active admin: LAST_ADMIN. It lets one
// such change of the clinic at a time go on, since two at once could take each other's.
func checkLastAdmin(tx *sqldb.Tx, scope store.Scope, before, after people.Account) error {
	was := before.HasRole("ADMIN") && before.State == people.StateActive
	stays := after.HasRole("ADMIN") && after.State == people.StateActive
	if !was || stays {
		return nil
	}
	if err := store.LockClinic(tx, scope); err != nil {
		return err
	}
	others, err := store.CountOtherAdmins(tx, scope, before.ID)
	if err != nil {
		return err
	}
	if others == 0 {
		return fault.New(fault.FailedPrecondition, "LAST_ADMIN", "The clinic must keep an active admin.")
	}
	return nil
}

// sameRights reports whether two versions of an account may do the same.
func sameRights(a, b people.Account) bool {
	return slices.Equal(a.Roles, b.Roles) && a.PractitionerID == b.PractitionerID && a.State == b.State
}
