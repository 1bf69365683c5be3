package app

import (
	"context"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/directory/internal/store"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// CreateLocation adds a location. INVALID_ARGUMENT names the field.
func (a *App) CreateLocation(ctx context.Context, request []byte, location people.Location) (people.Location, error) {
	location.ID = ident.New("loc")
	return writeOnce(ctx, a, "CreateLocation", request, location.ID, "location", func(tx *sqldb.Tx, c caller) error {
		clean, err := people.CleanLocation("location.", location)
		if err != nil {
			return err
		}
		if clean.TimeZone == "" {
			clinic, err := store.GetClinic(tx, c.ClinicID)
			if err != nil {
				return found(err, "clinic")
			}
			clean.TimeZone = clinic.TimeZone
		}
		if err := checkZone("location.time_zone", clean.TimeZone); err != nil {
			return err
		}
		if err := store.InsertLocation(tx, c.scope, clean); err != nil {
			return err
		}
		if err := note(ctx, tx, "location.create", clean.ID, nil); err != nil {
			return err
		}
		return emit(ctx, tx, "location", clean.ID, 1, &directoryv1.ResourceChanged{ClinicId: c.ClinicID, ResourceId: clean.ID})
	}, store.GetLocation)
}
