package app

import (
	"context"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/directory/internal/store"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// CreatePractitioner adds a practitioner with credentials. INVALID_ARGUMENT names the field.
func (a *App) CreatePractitioner(ctx context.Context, request []byte, p people.Practitioner) (people.Practitioner, error) {
	p.ID = ident.New("prac")
	return writeOnce(ctx, a, "CreatePractitioner", request, p.ID, "practitioner", func(tx *sqldb.Tx, c caller) error {
		clean, err := people.CleanPractitioner("practitioner.", p)
		if err != nil {
			return err
		}
		if err := store.InsertPractitioner(tx, c.scope, clean); err != nil {
			return err
		}
		if err := note(ctx, tx, "practitioner.create", clean.ID, nil); err != nil {
			return err
		}
		return emitPractitioner(ctx, tx, c, clean.ID, 1, people.ChangedCredentials(nil, clean.Credentials))
	}, store.GetPractitioner)
}

// emitPractitioner appends the events of a change: one of the practitioner, one of each
// credential that is another one now. A credential's events are its own aggregate's, at the
// practitioner's version.
func emitPractitioner(ctx context.Context, tx *sqldb.Tx, c caller, id string, version int64, kinds []string) error {
	err := emit(ctx, tx, "practitioner", id, version, &directoryv1.PractitionerChanged{ClinicId: c.ClinicID, PractitionerId: id})
	for _, kind := range kinds {
		if err != nil {
			return err
		}
		err = emit(ctx, tx, "credential", id+"/"+kind, version,
			&directoryv1.CredentialChanged{ClinicId: c.ClinicID, PractitionerId: id, Kind: kind})
	}
	return err
}
