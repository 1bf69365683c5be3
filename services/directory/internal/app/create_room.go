package app

import (
	"context"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/directory/internal/store"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// CreateRoom adds a room. INVALID_ARGUMENT names the field.
func (a *App) CreateRoom(ctx context.Context, request []byte, room people.Room) (people.Room, error) {
	room.ID = ident.New("room")
	return writeOnce(ctx, a, "CreateRoom", request, room.ID, "room", func(tx *sqldb.Tx, c caller) error {
		clean, err := people.CleanRoom("room.", room)
		if err != nil {
			return err
		}
		if _, err := store.GetLocation(tx, c.scope, clean.LocationID); err != nil {
			return belongs(err, "room.location_id", "location")
		}
		if err := store.InsertRoom(tx, c.scope, clean); err != nil {
			return err
		}
		if err := note(ctx, tx, "room.create", clean.ID, nil); err != nil {
			return err
		}
		return emit(ctx, tx, "room", clean.ID, 1, &directoryv1.ResourceChanged{ClinicId: c.ClinicID, ResourceId: clean.ID})
	}, store.GetRoom)
}
