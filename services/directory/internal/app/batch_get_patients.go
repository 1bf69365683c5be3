package app

import (
	"context"

	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/directory/internal/store"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// BatchGetPatients reads the records of the caller's scope with these ids, each once and in
// the order asked for. Ids of nobody, or of nobody that the caller may know of, are left out.
func (a *App) BatchGetPatients(ctx context.Context, ids []string) (patients []people.Patient, err error) {
	c, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	byID := map[string]people.Patient{}
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		rows, err := store.BatchGetPatients(tx, c.scope, ids)
		for _, p := range rows {
			byID[p.ID] = p
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if p, ok := byID[id]; ok {
			patients = append(patients, p)
			delete(byID, id)
		}
	}
	return patients, nil
}
