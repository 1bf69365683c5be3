package api

import (
	"context"
	"maps"
	"slices"

	"google.golang.org/protobuf/types/known/timestamppb"

	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
)

// ListCircumstances: see app.ListCircumstances.
func (s *work) ListCircumstances(ctx context.Context, in *intakev1.ListCircumstancesRequest) (*intakev1.ListCircumstancesResponse, error) {
	c, err := s.app.ListCircumstances(ctx, in.GetClinicId(), in.GetPatientId())
	if err != nil {
		return nil, err
	}
	out := &intakev1.ListCircumstancesResponse{IntakeId: c.IntakeID}
	if c.IntakeID != "" {
		out.SubmitTime = timestamppb.New(c.SubmittedAt)
	}
	for _, id := range slices.Sorted(maps.Keys(c.Answers)) {
		out.Circumstances = append(out.Circumstances, &intakev1.Circumstance{QuestionId: id, Options: c.Answers[id]})
	}
	return out, nil
}
