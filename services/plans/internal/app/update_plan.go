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
	p, _, err := caller(ctx, "")
	if err != nil {
		return PlanView{}, err
	}
	return a.changePlan(ctx, p, "PlanService.UpdatePlan", "plan.update", ref,
		func(_ *sqldb.Tx, _ store.Head, pl *plan.Plan) (proto.Message, error) {
			next, err := a.cfg.Catalogue.Redraft(*pl, w, func() string { return ident.New("crs") })
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
