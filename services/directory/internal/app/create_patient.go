package app

import (
	"context"

	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// CreatePatient adds a record, likely duplicates or not; the view names them. INVALID_ARGUMENT
// names the field.
func (a *App) CreatePatient(ctx context.Context, request []byte, p people.Patient) (view PatientView, err error) {
	c, err := staffOf(ctx)
	if err != nil {
		return view, err
	}
	p.ID = ident.New("pat")
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		today, err := a.today(tx, c.ClinicID)
		if err != nil {
			return err
		}
		clean, err := people.CleanPatient("patient.", p, today)
		if err != nil {
			return err
		}
		id, _, err := requestid.OnceAs(ctx, tx, "CreatePatient", request, p.ID, func() error {
			return insertPatient(ctx, tx, c.scope, clean, "patient.create")
		})
		if err != nil {
			return err
		}
		view, err = viewPatient(tx, c, id)
		return err
	})
	return view, err
}
