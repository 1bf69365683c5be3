package app

import (
	"context"

	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/directory/internal/store"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// GrantProxy lets a patient's account act for another patient, from its next request on;
// granting again changes relation and expiry. INVALID_ARGUMENT on the field, NOT_FOUND.
func (a *App) GrantProxy(ctx context.Context, request []byte, proxy people.Proxy) (people.Proxy, error) {
	c, err := staffOf(ctx)
	if err != nil {
		return proxy, err
	}
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, _, err := requestid.OnceAs(ctx, tx, "GrantProxy", request, proxy.AccountID, func() error {
			return a.grantProxy(ctx, tx, c, proxy)
		})
		if err != nil {
			return err
		}
		granted, err := store.ListProxies(tx, c.scope, proxy.AccountID, proxy.PatientID, 1)
		if err == nil && len(granted) == 1 {
			proxy = granted[0]
		}
		return err
	})
	return proxy, err
}

func (a *App) grantProxy(ctx context.Context, tx *sqldb.Tx, c caller, proxy people.Proxy) error {
	account, err := store.GetAccount(tx, c.scope, proxy.AccountID)
	if err != nil {
		return found(err, "account")
	}
	patient, err := store.GetPatient(tx, c.scope, proxy.PatientID)
	if err != nil {
		return belongs(err, "patient_id", "patient")
	}
	today, err := a.today(tx, c.ClinicID)
	switch {
	case err != nil:
		return err
	case account.Kind != people.KindPatient:
		return fault.Invalid("account_id", "must be an account of a patient")
	case account.PatientID == patient.ID:
		return fault.Invalid("patient_id", "is the account's own record")
	case patient.MergedInto != "":
		return errMerged(patient)
	case !proxy.Holds(today):
		return fault.Invalid("expire_date", "must not be in the past")
	}
	if err := store.InsertProxy(tx, c.scope, proxy); err != nil {
		return err
	}
	return noteProxy(ctx, tx, "proxy.grant", proxy)
}

func noteProxy(ctx context.Context, tx *sqldb.Tx, action string, p people.Proxy) error {
	facts := map[string]string{}
	if p.Relation != "" {
		facts["relation"] = p.Relation
	}
	return audit.Write(ctx, tx, audit.Entry{Action: action, Resource: p.AccountID, PatientID: p.PatientID, Facts: facts})
}
