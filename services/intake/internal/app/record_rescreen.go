package app

import (
	"context"
	"time"

	"github.com/upright-clinic/upright/services/intake/internal/gate"
	"github.com/upright-clinic/upright/services/intake/internal/store"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// What a patient with a mild result says later.
const (
	Better    = "BETTER"
	NotBetter = "NOT_BETTER"
	Worse     = "WORSE"
)

// Rescreened is what follows from it.
type Rescreened struct {
	Outcome     string
	Offered     []gate.Kind // visits that are offered
	NewIntakeID string      // the form to fill in when worse
}

// RecordRescreen records how a patient with a mild result is now. Who is not better is
// offered a first visit (seed fact F184), whatever became of the gate since; who is worse
// fills in a new form, and the result does not count any more (F031). It fails with
// NOT_FOUND for an intake that the caller may not know of; FAILED_PRECONDITION:
// NOT_SUBMITTED for a draft, NO_RESCREEN at a level that a clinician looks at anyway.
func (a *App) RecordRescreen(ctx context.Context, intakeID, outcome string, fingerprint []byte) (out Rescreened, err error) {
	p, err := callerOf(ctx)
	if err != nil {
		return out, err
	}
	zone := a.zoneOf(ctx, p.ClinicID)
	var counted []store.Step
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		counted = nil
		i, who, err := loadIntake(tx, p, intakeID, true)
		if err != nil {
			return err
		}
		id, _, err := requestid.OnceAs(ctx, tx, "RecordRescreen", fingerprint, ident.New("rsc"), func() error { return nil })
		if err != nil {
			return err
		}
		r, ok, err := store.GetRescreen(tx, p.ClinicID, id)
		if err != nil {
			return err
		}
		if !ok {
			r = store.Rescreen{RescreenID: id, IntakeID: intakeID, Outcome: outcome, SaidBy: p.Subject, SaidAt: tx.Now()}
			if counted, err = a.rescreened(ctx, tx, p, i, who, &r, zone); err != nil {
				return err
			}
		}
		out = Rescreened{Outcome: r.Outcome, NewIntakeID: r.NewIntakeID}
		return nil
	})
	if err != nil {
		return out, err
	}
	a.steps.add(ctx, counted...)
	if out.Outcome == NotBetter {
		out.Offered = []gate.Kind{gate.InitialAssessment}
	}
	return out, nil
}

// rescreened stores what was said and, when it is worse, starts the new form.
func (a *App) rescreened(ctx context.Context, tx *sqldb.Tx, p authn.Principal, i store.Intake, who person, r *store.Rescreen, zone *time.Location) (counted []store.Step, err error) {
	if i.State != Submitted {
		return nil, fault.New(fault.FailedPrecondition, "NOT_SUBMITTED", "This form is not handed in yet: change the answer on it.").
			With("intake_id", i.IntakeID)
	}
	view, err := a.basicView(p, i)
	if err != nil {
		return nil, err
	}
	if day, err := a.rescreen(tx, view); err != nil || day.IsZero() {
		if err == nil {
			err = fault.New(fault.FailedPrecondition, "NO_RESCREEN", "A clinician looks at this result. If you get worse, tell the clinic at once.").
				With("intake_id", i.IntakeID)
		}
		return nil, err
	}
	if r.Outcome == Worse {
		fresh, err := a.restart(ctx, tx, p, ident.New("int"), i, who, zone)
		if err != nil {
			return nil, err
		}
		r.NewIntakeID = fresh.IntakeID
		step, err := countStarted(tx, fresh, "", zone)
		if err != nil {
			return nil, err
		}
		counted = append(counted, step)
	}
	if err := store.AddRescreen(tx, p.ClinicID, *r); err != nil {
		return nil, err
	}
	return counted, audit.Write(ctx, tx, audit.Entry{
		Action: "intake.rescreen", Resource: i.IntakeID, PatientID: i.PatientID, Facts: map[string]string{"outcome": r.Outcome},
	})
}
