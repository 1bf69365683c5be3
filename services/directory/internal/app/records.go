package app

import (
	"context"

	"github.com/upright-clinic/upright/services/directory/internal/store"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// readOne reads one record of the caller's clinic: NOT_FOUND with the word for what it is.
func readOne[T any](ctx context.Context, a *App, what, id string, get func(*sqldb.Tx, store.Scope, string) (T, error)) (record T, err error) {
	c, err := callerOf(ctx)
	if err != nil {
		return record, err
	}
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		record, err = get(tx, c.scope, id)
		return found(err, what)
	})
	return record, err
}

// ListFilter narrows a list of places or practitioners.
type ListFilter struct {
	Page
	// Inactive asks for what takes no bookings too; patients never get it.
	Inactive bool
	// LocationID asks for one location's only.
	LocationID string
}

// readList reads a page of records of the caller's clinic.
func readList[T any](
	ctx context.Context, a *App, filter ListFilter, id func(T) string, list func(*sqldb.Tx, store.Scope, store.Page) ([]T, error),
) (records []T, next string, err error) {
	c, err := callerOf(ctx)
	if err != nil {
		return nil, "", err
	}
	limit := filter.limit(100)
	page := store.Page{After: filter.Token, Limit: limit, Inactive: filter.Inactive && c.wholeClinic(), LocationID: filter.LocationID}
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		records, err = list(tx, c.scope, page)
		return err
	})
	records, next = cut(records, limit, id)
	return records, next, err
}

// writeOnce runs a change of one record of the caller's clinic at most once for its request
// id, and reads the record as it is then.
func writeOnce[T any](
	ctx context.Context, a *App, method string, request []byte, id, what string,
	change func(*sqldb.Tx, caller) error, get func(*sqldb.Tx, store.Scope, string) (T, error),
) (record T, err error) {
	c, err := staffOf(ctx)
	if err != nil {
		return record, err
	}
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		stored, _, err := requestid.OnceAs(ctx, tx, method, request, id, func() error { return change(tx, c) })
		if err != nil {
			return err
		}
		record, err = get(tx, c.scope, stored)
		return found(err, what)
	})
	return record, err
}
