package app

import (
	"context"

	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/directory/internal/store"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// GetPractitioner reads a practitioner of the clinic; patients get no credentials.
func (a *App) GetPractitioner(ctx context.Context, id string) (people.Practitioner, error) {
	p, err := readOne(ctx, a, "practitioner", id, store.GetPractitioner)
	return publicPractitioner(ctx, p), err
}

// ListPractitioners reads the clinic's by name and id, of one discipline or of all for "";
// patients get active ones, without credentials.
func (a *App) ListPractitioners(ctx context.Context, discipline string, filter ListFilter) ([]people.Practitioner, string, error) {
	list, next, err := readList(ctx, a, filter, func(p people.Practitioner) string { return p.ID },
		func(tx *sqldb.Tx, scope store.Scope, page store.Page) ([]people.Practitioner, error) {
			return store.ListPractitioners(tx, scope, discipline, page)
		})
	for i := range list {
		list[i] = publicPractitioner(ctx, list[i])
	}
	return list, next, err
}

// publicPractitioner leaves out what patients do not see.
func publicPractitioner(ctx context.Context, p people.Practitioner) people.Practitioner {
	if c, err := callerOf(ctx); err != nil || !c.wholeClinic() {
		p.Credentials = nil
	}
	return p
}
