package app

import (
	"context"
	"slices"

	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/directory/internal/store"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Me is who the caller is.
type Me struct {
	Account people.Account
	// ActsFor are the surviving records that the account may act for, the own one first.
	ActsFor   []ActingFor
	SessionID string
}

// ActingFor is a patient that an account may act for.
type ActingFor struct {
	PatientID   string
	DisplayName string
	// Relation is SELF for the own record.
	Relation string
}

// GetMe says who the caller is. NOT_FOUND for a service, which has no account.
func (a *App) GetMe(ctx context.Context) (me Me, err error) {
	c, err := callerOf(ctx)
	if err != nil {
		return me, err
	}
	me.SessionID = c.SessionID
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		if me.Account, err = store.GetAccount(tx, c.scope, c.Subject); err != nil {
			return found(err, "account")
		}
		clinic, err := store.GetClinic(tx, c.ClinicID)
		if err != nil {
			return err
		}
		acts, err := store.ActsFor(tx, c.scope, me.Account)
		if err != nil {
			return err
		}
		acts, err = a.holding(acts, clinic.TimeZone)
		me.ActsFor = survivors(acts)
		return err
	})
	return me, err
}

// survivors keeps one entry for each person: the record that lives on, own before acted for.
func survivors(acts []store.Acting) (patients []ActingFor) {
	for _, act := range acts {
		known := slices.ContainsFunc(patients, func(p ActingFor) bool { return p.PatientID == act.Patient.ID })
		if known || act.Patient.MergedInto != "" {
			continue
		}
		relation := act.Proxy.Relation
		if relation == "" {
			relation = "SELF"
		}
		patients = append(patients, ActingFor{PatientID: act.Patient.ID, DisplayName: act.Patient.DisplayName(), Relation: relation})
	}
	return patients
}
