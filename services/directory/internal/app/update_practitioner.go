package app

import (
	"context"

	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/directory/internal/store"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// UpdatePractitioner changes fields of a practitioner; credentials are replaced as a whole.
// NOT_FOUND, VERSION_MISMATCH, INVALID_ARGUMENT on the field.
func (a *App) UpdatePractitioner(ctx context.Context, request []byte, change Change[people.Practitioner]) (people.Practitioner, error) {
	return writeOnce(ctx, a, "UpdatePractitioner", request, change.ID, "practitioner", func(tx *sqldb.Tx, c caller) error {
		current, err := store.GetPractitioner(tx, c.scope, change.ID)
		if err != nil {
			return found(err, "practitioner")
		}
		if err := checkEtag(change.Etag, current.Version); err != nil {
			return err
		}
		next, err := change.Apply(current)
		if err != nil {
			return err
		}
		if next, err = people.CleanPractitioner("practitioner.", next); err != nil {
			return err
		}
		if err := store.UpdatePractitioner(tx, c.scope, next); err != nil {
			return err
		}
		if err := note(ctx, tx, "practitioner.update", next.ID, nil); err != nil {
			return err
		}
		return emitPractitioner(ctx, tx, c, next.ID, current.Version+1, people.ChangedCredentials(current.Credentials, next.Credentials))
	}, store.GetPractitioner)
}
