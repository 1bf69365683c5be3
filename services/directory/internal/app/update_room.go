package app

import (
	"context"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/directory/internal/store"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// UpdateRoom changes fields of a room. NOT_FOUND, VERSION_MISMATCH, INVALID_ARGUMENT on the field.
func (a *App) UpdateRoom(ctx context.Context, request []byte, change Change[people.Room]) (people.Room, error) {
	return writeOnce(ctx, a, "UpdateRoom", request, change.ID, "room", func(tx *sqldb.Tx, c caller) error {
		current, err := store.GetRoom(tx, c.scope, change.ID)
		if err != nil {
			return found(err, "room")
		}
		if err := checkEtag(change.Etag, current.Version); err != nil {
			return err
		}
		next, err := change.Apply(current)
		if err != nil {
			return err
		}
		if next, err = people.CleanRoom("room.", next); err != nil {
			return err
		}
		if next.LocationID != current.LocationID {
			return fault.Invalid("room.location_id", "cannot change")
		}
		if err := store.UpdateRoom(tx, c.scope, next); err != nil {
			return err
		}
		if err := note(ctx, tx, "room.update", next.ID, nil); err != nil {
			return err
		}
		return emit(ctx, tx, "room", next.ID, current.Version+1, &directoryv1.ResourceChanged{ClinicId: c.ClinicID, ResourceId: next.ID})
	}, store.GetRoom)
}
