package app

import (
	"context"

	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/directory/internal/store"
)

// GetRoom reads a room of the clinic.
func (a *App) GetRoom(ctx context.Context, id string) (people.Room, error) {
	return readOne(ctx, a, "room", id, store.GetRoom)
}

// ListRooms reads the clinic's by name and id.
func (a *App) ListRooms(ctx context.Context, filter ListFilter) ([]people.Room, string, error) {
	return readList(ctx, a, filter, func(room people.Room) string { return room.ID }, store.ListRooms)
}
