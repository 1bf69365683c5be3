package app

import (
	"context"
	"errors"

	"google.golang.org/protobuf/proto"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/plans/internal/plan"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// ActivatePlan puts a draft into force: its dates are fixed, and from then on its sessions
// may be claimed. It fails with the refusals of plan.Catalogue.Activate, with
// PROFESSION_REQUIRED, PLAN_STATE and VERSION_MISMATCH.
func (a *App) ActivatePlan(ctx context.Context, ref PlanRef) (PlanView, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return PlanView{}, err
	}
	today, err := a.today(ctx, clinicID)
	if err != nil {
		return PlanView{}, err
	}
	activate := func(tx *sqldb.Tx, head store.Head, pl *plan.Plan) (proto.Message, error) {
		if err := a.cfg.Catalogue.Orderer(*pl, profession(p)); err != nil {
			return nil, err
		}
		cs := plan.Circumstances{Today: today, Policy: a.cfg.Policy}
		gate, known, err := store.GateOf(tx, clinicID, head.PatientID)
		if err != nil {
			return nil, err
		}
		if !known {
			return nil, missing{gate: true}
		}
		blocked, err := store.Blocked(tx, clinicID, head.PatientID)
		if err != nil {
			return nil, err
		}
		cs.Blocks = a.alsoExamined(gate.Blocks, blocked)
		if cs.ConservativeSessions, err = store.Conservative(tx, clinicID, head.PatientID); err != nil {
			return nil, err
		}
		entries, err := store.Injections(tx, clinicID, head.PatientID)
		if err != nil {
			return nil, err
		}
		cs.Injections = injectionRecords(entries)
		if err := a.cfg.Catalogue.Activate(pl, tx.Now(), cs); err != nil {
			return nil, err
		}
		return &plansv1.PlanActivated{ClinicId: clinicID, PlanId: pl.ID, PatientId: head.PatientID, Version: pl.Version + 1}, nil
	}
	v, err := a.changePlan(ctx, p, "PlanService.ActivatePlan", "plan.activate", ref, activate)
	if m := (missing{}); !errors.As(err, &m) {
		return v, err
	}
	if err := a.learnGateOfPlan(ctx, clinicID, ref.PlanID); err != nil {
		return PlanView{}, err
	}
	return a.changePlan(ctx, p, "PlanService.ActivatePlan", "plan.activate", ref, activate)
}

// learnGateOfPlan asks intake about a plan's patient.
func (a *App) learnGateOfPlan(ctx context.Context, clinicID, planID string) error {
	var pl plan.Plan
	err := a.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		pl, err = store.PlanByID(tx, clinicID, planID)
		return err
	})
	if err != nil {
		return err
	}
	return a.learnGate(ctx, clinicID, pl.PatientID)
}
