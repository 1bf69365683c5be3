package app

import (
	"context"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/directory/internal/store"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Change is what an update asks for.
type Change[T any] struct {
	// ID of what shall change.
	ID string
	// Etag is the version that the caller has seen.
	Etag string
	// Fields are the names of those that shall change, as in the proto.
	Fields []string
	// Apply gives the record with the new values in those fields, or says which is wrong.
	Apply func(current T) (T, error)
}

// UpdatePatient changes fields of a record. The etag is required, since two people may have
// the same record open. Patients change how to reach them, and nothing else:
// PERMISSION_DENIED, FIELD_STAFF_ONLY. VERSION_MISMATCH when the record changed since,
// PATIENT_MERGED when it was merged.
func (a *App) UpdatePatient(ctx context.Context, request []byte, change Change[people.Patient]) (view PatientView, err error) {
	c, err := callerOf(ctx)
	if err != nil {
		return view, err
	}
	if change.Etag == "" {
		return view, fault.Invalid("patient.etag", "must be given")
	}
	if !c.wholeClinic() {
		if err := people.CheckSelfService("patient.", change.Fields); err != nil {
			return view, err
		}
	}
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, _, err := requestid.OnceAs(ctx, tx, "UpdatePatient", request, change.ID, func() error {
			return a.updatePatient(ctx, tx, c, change)
		})
		if err != nil {
			return err
		}
		view, err = viewPatient(tx, c, change.ID)
		return err
	})
	return view, err
}

func (a *App) updatePatient(ctx context.Context, tx *sqldb.Tx, c caller, change Change[people.Patient]) error {
	current, err := store.GetPatient(tx, c.scope, change.ID)
	if err != nil {
		return found(err, "patient")
	}
	if err := checkEtag(change.Etag, current.Version); err != nil {
		return err
	}
	if current.MergedInto != "" {
		return errMerged(current)
	}
	today, err := a.today(tx, c.ClinicID)
	if err != nil {
		return err
	}
	next, err := change.Apply(current)
	if err != nil {
		return err
	}
	if next, err = people.CleanPatient("patient.", next, today); err != nil {
		return err
	}
	if err := store.UpdatePatient(tx, c.scope, next); err != nil {
		return err
	}
	if err := notePatient(ctx, tx, "patient.update", current.ID, nil); err != nil {
		return err
	}
	return emit(ctx, tx, "patient", current.ID, current.Version+1,
		&directoryv1.PatientChanged{ClinicId: c.ClinicID, PatientId: current.ID})
}
