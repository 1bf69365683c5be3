package app

import (
	"context"

	"github.com/upright-clinic/upright/services/intake/internal/store"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// GetIntake returns an intake, in full where the caller may see answers and does not ask
// for less. Reading answers is recorded before they are returned. It fails with NOT_FOUND
// for an intake that the caller may not know of.
func (a *App) GetIntake(ctx context.Context, intakeID string, basic bool) (IntakeView, error) {
	p, err := callerOf(ctx)
	if err != nil {
		return IntakeView{}, err
	}
	var view IntakeView
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		i, _, err := loadIntake(tx, p, intakeID, false)
		if err != nil {
			return err
		}
		if basic {
			view, err = a.basicView(p, i)
		} else {
			view, err = a.fullView(tx, p, i)
		}
		return err
	})
	if err == nil && view.Full {
		err = audit.Read(ctx, a.db, audit.Entry{Action: "intake.read", Resource: intakeID, PatientID: view.Intake.PatientID})
	}
	return view, err
}

// ListIntakes returns a page of the intakes of a patient, merged records included, newest
// first and without answers, and the id to go on before ("" at the end). It fails with
// NOT_FOUND for a patient whom the caller may not know of.
func (a *App) ListIntakes(ctx context.Context, patientID, before string, size int) (views []IntakeView, next string, err error) {
	p, err := callerOf(ctx)
	if err != nil {
		return nil, "", err
	}
	if err := a.knowPatient(ctx, p, patientID); err != nil {
		return nil, "", err
	}
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		who, err := personOf(tx, p.ClinicID, patientID, false)
		if err != nil {
			return err
		}
		rows, err := store.ListIntakes(tx, p.ClinicID, who.rootID, before, size+1)
		if err != nil {
			return err
		}
		if len(rows) > size {
			rows, next = rows[:size], rows[size-1].IntakeID
		}
		for _, i := range rows {
			v, err := a.basicView(p, i)
			if err != nil {
				return err
			}
			views = append(views, v)
		}
		return nil
	})
	return views, next, err
}

// ListRevisions returns every answer ever given on an intake. Reading is recorded first.
// It fails with NOT_FOUND for an intake that the caller may not know of, the front desk
// included.
func (a *App) ListRevisions(ctx context.Context, intakeID string) (out []store.Revision, err error) {
	p, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	if audience(p) == FrontDesk {
		return nil, fault.NotFoundf("intake")
	}
	var patientID string
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		i, _, err := loadIntake(tx, p, intakeID, false)
		if err != nil {
			return err
		}
		patientID = i.PatientID
		out, err = store.Revisions(tx, p.ClinicID, intakeID)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, audit.Read(ctx, a.db, audit.Entry{Action: "intake.read_revisions", Resource: intakeID, PatientID: patientID})
}
