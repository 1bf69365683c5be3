package app

import (
	"context"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/directory/internal/store"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// UpdateEquipment changes fields of a piece of equipment. NOT_FOUND, VERSION_MISMATCH, INVALID_ARGUMENT on the field.
func (a *App) UpdateEquipment(ctx context.Context, request []byte, change Change[people.Equipment]) (people.Equipment, error) {
	return writeOnce(ctx, a, "UpdateEquipment", request, change.ID, "equipment", func(tx *sqldb.Tx, c caller) error {
		current, err := store.GetEquipment(tx, c.scope, change.ID)
		if err != nil {
			return found(err, "equipment")
		}
		if err := checkEtag(change.Etag, current.Version); err != nil {
			return err
		}
		next, err := change.Apply(current)
		if err != nil {
			return err
		}
		if next, err = people.CleanEquipment("equipment.", next); err != nil {
			return err
		}
		if next.LocationID != current.LocationID {
			return fault.Invalid("equipment.location_id", "cannot change")
		}
		if err := checkRoomOf(tx, c, next); err != nil {
			return err
		}
		if err := store.UpdateEquipment(tx, c.scope, next); err != nil {
			return err
		}
		if err := note(ctx, tx, "equipment.update", next.ID, nil); err != nil {
			return err
		}
		return emit(ctx, tx, "equipment", next.ID, current.Version+1, &directoryv1.ResourceChanged{ClinicId: c.ClinicID, ResourceId: next.ID})
	}, store.GetEquipment)
}
