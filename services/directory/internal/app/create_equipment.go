package app

import (
	"context"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/directory/internal/store"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// CreateEquipment adds a piece of equipment. INVALID_ARGUMENT names the field.
func (a *App) CreateEquipment(ctx context.Context, request []byte, equipment people.Equipment) (people.Equipment, error) {
	equipment.ID = ident.New("eqp")
	return writeOnce(ctx, a, "CreateEquipment", request, equipment.ID, "equipment", func(tx *sqldb.Tx, c caller) error {
		clean, err := people.CleanEquipment("equipment.", equipment)
		if err != nil {
			return err
		}
		if _, err := store.GetLocation(tx, c.scope, clean.LocationID); err != nil {
			return belongs(err, "equipment.location_id", "location")
		}
		if err := checkRoomOf(tx, c, clean); err != nil {
			return err
		}
		if err := store.InsertEquipment(tx, c.scope, clean); err != nil {
			return err
		}
		if err := note(ctx, tx, "equipment.create", clean.ID, nil); err != nil {
			return err
		}
		return emit(ctx, tx, "equipment", clean.ID, 1, &directoryv1.ResourceChanged{ClinicId: c.ClinicID, ResourceId: clean.ID})
	}, store.GetEquipment)
}

// checkRoomOf wants the room that the equipment never leaves to be at its location.
func checkRoomOf(tx *sqldb.Tx, c caller, e people.Equipment) error {
	if e.RoomID == "" {
		return nil
	}
	room, err := store.GetRoom(tx, c.scope, e.RoomID)
	if err != nil {
		return belongs(err, "equipment.room_id", "room")
	}
	if room.LocationID != e.LocationID {
		return fault.Invalid("equipment.room_id", "must be at the equipment's location")
	}
	return nil
}
