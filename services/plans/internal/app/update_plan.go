package app

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/upright-clinic/upright/services/plans/internal/plan"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// UpdatePlan changes a draft. It fails with PLAN_STATE when the plan is no draft any more,
// VERSION_MISMATCH, and as CreatePlan.
func (a *App) UpdatePlan(ctx context.Context, ref PlanRef, w plan.Wish, responsibleID string) (PlanView, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return PlanView{}, err
	}
	return a.changePlan(ctx, p, "PlanService.UpdatePlan", "plan.update", ref,
		func(tx *sqldb.Tx, _ store.Head, pl *plan.Plan) (proto.Message, error) {
			offered, err := a.catalogue(tx, clinicID)
			if err != nil {
				return nil, err
			}
			next, err := offered.Redraft(*pl, w, func() string { return ident.New("crs") })
			if err != nil {
				return nil, err
			}
			if responsibleID != "" {
				next.ResponsibleID = responsibleID
			}
			if err := a.cfg.Catalogue.Orderer(next, profession(p)); err != nil {
				return nil, err
			}
			*pl = next
			return nil, nil
		})
}
