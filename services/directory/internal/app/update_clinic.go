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

// UpdateClinic changes fields of the caller's clinic. A change of zone moves no date that was
// stored. VERSION_MISMATCH, SLUG_TAKEN, INVALID_ARGUMENT on the field; NOT_FOUND for another
// clinic.
func (a *App) UpdateClinic(ctx context.Context, request []byte, change Change[people.Clinic]) (clinic people.Clinic, err error) {
	c, err := staffOf(ctx)
	if err != nil {
		return clinic, err
	}
	if change.ID != "" && change.ID != c.ClinicID {
		return clinic, fault.NotFoundf("clinic")
	}
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, _, err := requestid.OnceAs(ctx, tx, "UpdateClinic", request, c.ClinicID, func() error {
			return updateClinic(ctx, tx, c, change)
		})
		if err != nil {
			return err
		}
		clinic, err = store.GetClinic(tx, c.ClinicID)
		return err
	})
	return clinic, err
}

func updateClinic(ctx context.Context, tx *sqldb.Tx, c caller, change Change[people.Clinic]) error {
	current, err := store.GetClinic(tx, c.ClinicID)
	if err != nil {
		return found(err, "clinic")
	}
	if err := checkEtag(change.Etag, current.Version); err != nil {
		return err
	}
	next, err := change.Apply(current)
	if err != nil {
		return err
	}
	if next, err = cleanClinic(next); err != nil {
		return err
	}
	taken, err := store.UpdateClinic(tx, next)
	if err != nil {
		return err
	}
	if taken {
		return errSlugTaken()
	}
	if err := note(ctx, tx, "clinic.update", c.ClinicID, nil); err != nil {
		return err
	}
	return emit(ctx, tx, "clinic", c.ClinicID, current.Version+1, &directoryv1.ClinicChanged{ClinicId: c.ClinicID})
}
