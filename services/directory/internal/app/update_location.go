package app

import (
	"context"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/directory/internal/store"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// UpdateLocation changes fields of a location. NOT_FOUND, VERSION_MISMATCH, INVALID_ARGUMENT on the field.
func (a *App) UpdateLocation(ctx context.Context, request []byte, change Change[people.Location]) (people.Location, error) {
	return writeOnce(ctx, a, "UpdateLocation", request, change.ID, "location", func(tx *sqldb.Tx, c caller) error {
		current, err := store.GetLocation(tx, c.scope, change.ID)
		if err != nil {
			return found(err, "location")
		}
		if err := checkEtag(change.Etag, current.Version); err != nil {
			return err
		}
		next, err := change.Apply(current)
		if err != nil {
			return err
		}
		if next, err = people.CleanLocation("location.", next); err != nil {
			return err
		}
		if err := checkZone("location.time_zone", next.TimeZone); err != nil {
			return err
		}
		if err := store.UpdateLocation(tx, c.scope, next); err != nil {
			return err
		}
		if err := note(ctx, tx, "location.update", next.ID, nil); err != nil {
			return err
		}
		return emit(ctx, tx, "location", next.ID, current.Version+1, &directoryv1.ResourceChanged{ClinicId: c.ClinicID, ResourceId: next.ID})
	}, store.GetLocation)
}
