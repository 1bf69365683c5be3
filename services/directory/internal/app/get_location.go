package app

import (
	"context"

	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/directory/internal/store"
)

// GetLocation reads a location of the clinic.
func (a *App) GetLocation(ctx context.Context, id string) (people.Location, error) {
	return readOne(ctx, a, "location", id, store.GetLocation)
}

// ListLocations reads the clinic's by name and id.
func (a *App) ListLocations(ctx context.Context, filter ListFilter) ([]people.Location, string, error) {
	return readList(ctx, a, filter, func(location people.Location) string { return location.ID }, store.ListLocations)
}
