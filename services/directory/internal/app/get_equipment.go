package app

import (
	"context"

	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/directory/internal/store"
)

// GetEquipment reads a piece of equipment of the clinic.
func (a *App) GetEquipment(ctx context.Context, id string) (people.Equipment, error) {
	return readOne(ctx, a, "equipment", id, store.GetEquipment)
}

// ListEquipment reads the clinic's by name and id.
func (a *App) ListEquipment(ctx context.Context, filter ListFilter) ([]people.Equipment, string, error) {
	return readList(ctx, a, filter, func(equipment people.Equipment) string { return equipment.ID }, store.ListEquipment)
}
