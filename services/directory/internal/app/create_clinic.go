package app

import (
	"context"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/directory/internal/store"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// CreateClinic adds a clinic. INVALID_ARGUMENT names the field, SLUG_TAKEN when another one
// has the slug.
func (a *App) CreateClinic(ctx context.Context, request []byte, clinic people.Clinic) (people.Clinic, error) {
	clinic, err := cleanClinic(clinic)
	if err != nil {
		return clinic, err
	}
	clinic.ID = ident.New("cln")
	p, _ := authn.From(ctx)
	p.ClinicID = clinic.ID
	within := authn.With(ctx, p) // the audit row is the new clinic's
	var made people.Clinic
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		id, _, err := requestid.OnceAs(ctx, tx, "CreateClinic", request, clinic.ID, func() error {
			inserted, err := store.InsertClinic(tx, clinic)
			if err != nil {
				return err
			}
			if !inserted {
				return errSlugTaken()
			}
			if err := note(within, tx, "clinic.create", clinic.ID, nil); err != nil {
				return err
			}
			return emit(within, tx, "clinic", clinic.ID, 1, &directoryv1.ClinicChanged{ClinicId: clinic.ID})
		})
		if err != nil {
			return err
		}
		made, err = store.GetClinic(tx, id)
		return err
	})
	return made, err
}

// cleanClinic checks a clinic, its zone included.
func cleanClinic(clinic people.Clinic) (people.Clinic, error) {
	clean, err := people.CleanClinic("clinic.", clinic)
	if err != nil {
		return clean, err
	}
	return clean, checkZone("clinic.time_zone", clean.TimeZone)
}

func errSlugTaken() error {
	const why = "Another clinic has this address."
	return fault.New(fault.AlreadyExists, "SLUG_TAKEN", why).OnField("clinic.slug", why)
}
