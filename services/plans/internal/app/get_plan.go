package app

import (
	"context"

	"github.com/upright-clinic/upright/services/plans/internal/plan"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// GetPlan gives a plan as the caller may see it. NOT_FOUND is the same for a missing plan
// and for one that the caller may not know of.
func (a *App) GetPlan(ctx context.Context, clinicID, planID string) (PlanView, error) {
	p, clinicID, err := caller(ctx, clinicID)
	if err != nil {
		return PlanView{}, err
	}
	var v PlanView
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		pl, err := store.PlanByID(tx, clinicID, planID)
		if err != nil {
			return err
		}
		ok, err := seesPlan(tx, p, clinicID, pl)
		if err != nil {
			return err
		}
		if !ok {
			return fault.NotFoundf("plan")
		}
		v, err = a.viewPlan(tx, clinicID, pl, viewOf(p))
		return err
	})
	if err != nil {
		return PlanView{}, err
	}
	return v, a.logRead(ctx, p, "plan.read", planID, v.Plan.PatientID)
}

// ListPlans gives a person's plans, newest first, as the caller may see them, and where
// the next page starts; empty at the end. A patient who acts for one record only may leave
// the patient out.
func (a *App) ListPlans(ctx context.Context, clinicID, patientID, state string, page Page) ([]PlanView, string, error) {
	p, clinicID, err := caller(ctx, clinicID)
	if err != nil {
		return nil, "", err
	}
	if patientID == "" && len(p.PatientIDs) == 1 && viewOf(p) == Patients {
		patientID = p.PatientIDs[0]
	}
	if patientID == "" {
		return nil, "", fault.Invalid("patient_id", "is needed")
	}
	at, err := page.start()
	if err != nil {
		return nil, "", err
	}
	survivor, err := a.knowPatient(ctx, p, clinicID, patientID)
	if err != nil {
		return nil, "", err
	}
	size := page.size(50, 200)
	var views []PlanView
	next := ""
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		found, err := store.Plans(tx, clinicID, survivor, state, at.micros, at.id, size+1)
		if err != nil {
			return err
		}
		if len(found) > size {
			found = found[:size]
			next = token(found[size-1].CreatedAt, found[size-1].ID)
		}
		for _, pl := range found {
			if viewOf(p) == Patients && pl.State == plan.Draft {
				continue
			}
			v, err := a.viewPlan(tx, clinicID, pl, viewOf(p))
			if err != nil {
				return err
			}
			views = append(views, v)
		}
		return nil
	})
	if err != nil {
		return nil, "", err
	}
	return views, next, a.logRead(ctx, p, "plan.list", survivor, survivor)
}

// ListPlanVersions gives every version that a plan has had, newest first, to clinicians.
// NOT_FOUND as GetPlan.
func (a *App) ListPlanVersions(ctx context.Context, planID string) ([]store.PlanVersion, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return nil, err
	}
	var versions []store.PlanVersion
	var patientID string
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		pl, err := store.PlanByID(tx, clinicID, planID)
		if err != nil {
			return err
		}
		patientID = pl.PatientID
		versions, err = store.PlanVersions(tx, clinicID, planID)
		return err
	})
	if err != nil {
		return nil, err
	}
	return versions, a.logRead(ctx, p, "plan.versions", planID, patientID)
}
