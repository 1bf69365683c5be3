package app

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/upright-clinic/upright/services/plans/internal/plan"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// PlanRef names a plan in a request that changes it.
type PlanRef struct {
	PlanID      string
	Etag        string // empty: as it stands
	Fingerprint []byte // of the request
}

// change is what a use case does to a plan that is locked through its person's ledger head.
// It may write more; it returns the event that tells of it, nil for none.
type change func(tx *sqldb.Tx, head store.Head, p *plan.Plan) (proto.Message, error)

// changePlan loads a plan, lets the use case change it, and stores it with its event and its
// audit row, once for a request id. NOT_FOUND and VERSION_MISMATCH are the same for all.
func (a *App) changePlan(ctx context.Context, caller authn.Principal, method, action string, ref PlanRef, do change) (PlanView, error) {
	var v PlanView
	clinicID := caller.ClinicID
	err := a.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, _, err := requestid.OnceAs(ctx, tx, method, ref.Fingerprint, ref.PlanID, func() error {
			head, pl, err := lockPlan(tx, clinicID, ref.PlanID)
			if err != nil {
				return err
			}
			if err := etagMatches(ref.Etag, pl.Version); err != nil {
				return err
			}
			return applyChange(ctx, tx, head, &pl, action, caller.Subject, do)
		})
		if err != nil {
			return err
		}
		pl, err := store.PlanByID(tx, clinicID, ref.PlanID)
		if err != nil {
			return err
		}
		v, err = a.viewPlan(tx, clinicID, pl, Clinicians)
		return err
	})
	return v, err
}

// applyChange lets a use case change a plan that is locked, and stores it with its version,
// its event and its audit row.
func applyChange(ctx context.Context, tx *sqldb.Tx, head store.Head, pl *plan.Plan, action, by string, do change) error {
	event, err := do(tx, head, pl)
	if err != nil {
		return err
	}
	if err := store.UpdatePlan(tx, head.ClinicID, pl); err != nil {
		return err
	}
	if err := store.KeepVersion(tx, head.ClinicID, store.PlanVersion{Plan: *pl, Action: action, By: by, At: tx.Now()}); err != nil {
		return err
	}
	if event != nil {
		err := eventlog.Append(ctx, tx, eventlog.Event{
			AggregateType: "plan", AggregateID: pl.ID, AggregateVersion: pl.Version, Message: event,
		})
		if err != nil {
			return err
		}
	}
	return audit.Write(ctx, tx, audit.Entry{
		Action: action, Resource: pl.ID, PatientID: pl.PatientID, Facts: map[string]string{"state": string(pl.State)},
	})
}

// lockPlan locks the ledger head of a plan's person, and then reads the plan: what was read
// to find the person may have changed.
func lockPlan(tx *sqldb.Tx, clinicID, planID string) (store.Head, plan.Plan, error) {
	pl, err := store.PlanByID(tx, clinicID, planID)
	if err != nil {
		return store.Head{}, pl, err
	}
	head, err := store.LockHead(tx, clinicID, pl.PatientID)
	if err != nil {
		return head, pl, err
	}
	if pl, err = store.PlanByID(tx, clinicID, planID); err != nil {
		return head, pl, err
	}
	if pl.PatientID != head.PatientID { // unmerged between the two
		return head, pl, fault.New(fault.Aborted, "VERSION_MISMATCH", "The patient's record was just split. Try again.")
	}
	return head, pl, nil
}
