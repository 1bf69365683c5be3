package api

import (
	"context"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/plans/internal/app"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/requestid"
)

func (s planServer) GetPlanPolicy(ctx context.Context, _ *plansv1.GetPlanPolicyRequest) (*plansv1.GetPlanPolicyResponse, error) {
	p, err := s.app.GetMissedPolicy(ctx)
	if err != nil {
		return nil, err
	}
	return &plansv1.GetPlanPolicyResponse{Policy: encodePolicy(p)}, nil
}

func (s planServer) UpdatePlanPolicy(ctx context.Context, r *plansv1.UpdatePlanPolicyRequest) (*plansv1.UpdatePlanPolicyResponse, error) {
	p, err := s.app.UpdateMissedPolicy(ctx, app.MissedPolicyChange{
		NoShowCounts: r.NoShowCounts, LateCancelCounts: r.LateCancelCounts, Source: r.GetSource(), Etag: r.GetEtag(),
		Fingerprint: requestid.Fingerprint(r),
	})
	if err != nil {
		return nil, err
	}
	return &plansv1.UpdatePlanPolicyResponse{Policy: encodePolicy(p)}, nil
}

func encodePolicy(p store.MissedPolicy) *plansv1.PlanPolicy {
	return &plansv1.PlanPolicy{NoShowCounts: p.NoShowCounts, LateCancelCounts: p.LateCancelCounts, Source: p.Source, Etag: etag(p.Version)}
}
