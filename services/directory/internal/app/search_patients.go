package app

import (
	"context"
	"slices"

	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/directory/internal/store"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// SearchPatients finds surviving records by what somebody typed, understood in every way in
// which it makes sense. INVALID_ARGUMENT on query when nobody could be found by it.
func (a *App) SearchPatients(ctx context.Context, query string, page Page) (patients []people.Patient, next string, err error) {
	c, err := staffOf(ctx)
	if err != nil {
		return nil, "", err
	}
	ways, err := people.ParseQuery("query", query)
	if err != nil {
		return nil, "", err
	}
	limit := page.limit(20)
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		patients = nil
		for _, way := range ways {
			rows, err := store.SearchPatients(tx, c.scope, way, page.Token, limit)
			if err != nil {
				return err
			}
			patients = append(patients, rows...)
		}
		return nil
	})
	if err != nil {
		return nil, "", err
	}
	if len(ways) > 1 {
		slices.SortFunc(patients, store.SearchOrder)
		patients = slices.CompactFunc(patients, func(a, b people.Patient) bool { return a.ID == b.ID })
		patients = patients[:min(len(patients), limit)]
	}
	patients, next = cut(patients, limit, func(p people.Patient) string { return p.ID })
	return patients, next, nil
}
