package app

import (
	"context"
	"strings"

	"github.com/upright-clinic/upright/services/intake/internal/store"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Self is the relation of a patient who fills in the own form.
const Self = "SELF"

// SetWriter says who fills a form in from now on, for whoever calls: name and relation are
// kept with each answer given after. A patient may say it of the own account, and of a form
// session. It fails with NOT_FOUND for an intake that the caller may not know of;
// INVALID_ARGUMENT for somebody else without a name; FAILED_PRECONDITION, INTAKE_SUBMITTED,
// after submission.
func (a *App) SetWriter(ctx context.Context, intakeID string, w store.Writer, fingerprint []byte) (store.Writer, error) {
	p, err := callerOf(ctx)
	if err != nil {
		return w, err
	}
	w.Name = strings.TrimSpace(w.Name)
	if w.Relation == Self {
		w = store.Writer{}
	} else if w.Name == "" {
		return w, fault.Invalid("name", "is needed of somebody who is not the patient")
	}
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		i, _, err := loadIntake(tx, p, intakeID, true)
		if err != nil {
			return err
		}
		_, _, err = requestid.OnceAs(ctx, tx, "SetWriter", fingerprint, intakeID, func() error {
			if err := stillDraft(i); err != nil {
				return err
			}
			if err := store.PutWriter(tx, i.ClinicID, i.IntakeID, p.Subject, w); err != nil {
				return err
			}
			return audit.Write(ctx, tx, audit.Entry{
				Action: "intake.set_writer", Resource: intakeID, PatientID: i.PatientID, Facts: map[string]string{"relation": w.Relation},
			})
		})
		if err != nil {
			return err
		}
		w, err = store.GetWriter(tx, i.ClinicID, i.IntakeID, p.Subject)
		return err
	})
	return w, err
}

// stillDraft refuses with FAILED_PRECONDITION, INTAKE_SUBMITTED, what only a draft takes.
func stillDraft(i store.Intake) error {
	if i.State == Draft {
		return nil
	}
	return fault.New(fault.FailedPrecondition, "INTAKE_SUBMITTED", "This form was handed in and cannot be changed. Start a new one.").
		With("intake_id", i.IntakeID)
}
