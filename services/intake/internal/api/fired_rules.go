package api

import (
	"context"

	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
)

// ListFiredRules: see app.ListFiredRules.
func (s *work) ListFiredRules(ctx context.Context, in *intakev1.ListFiredRulesRequest) (*intakev1.ListFiredRulesResponse, error) {
	ids, err := s.app.ListFiredRules(ctx, in.GetClinicId(), in.GetIntakeId())
	if err != nil {
		return nil, err
	}
	return &intakev1.ListFiredRulesResponse{RuleIds: ids}, nil
}
