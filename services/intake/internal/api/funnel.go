package api

import (
	"context"

	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	"github.com/upright-clinic/upright/services/intake/internal/app"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// funnel serves FunnelService.
type funnel struct {
	intakev1.UnimplementedFunnelServiceServer
	app *app.App
}

// RecordPageReached: see app.RecordPageReached.
func (s *funnel) RecordPageReached(ctx context.Context, in *intakev1.RecordPageReachedRequest) (*intakev1.RecordPageReachedResponse, error) {
	err := s.app.RecordPageReached(ctx, app.PageReached{
		IntakeID: in.GetIntakeId(), PageID: in.GetPageId(), DeviceKind: in.GetDeviceKind(), Language: in.GetLanguageCode(),
	})
	if err != nil {
		return nil, err
	}
	return &intakev1.RecordPageReachedResponse{}, nil
}

// GetIntakeFunnel: see app.IntakeFunnel.
func (s *funnel) GetIntakeFunnel(ctx context.Context, in *intakev1.GetIntakeFunnelRequest) (*intakev1.GetIntakeFunnelResponse, error) {
	start, err := day("start_date", in.GetStartDate())
	if err != nil {
		return nil, err
	}
	end, err := day("end_date", in.GetEndDate())
	if err != nil {
		return nil, err
	}
	got, err := s.app.IntakeFunnel(ctx, in.GetQuestionnaireId(), start, end)
	if err != nil {
		return nil, err
	}
	out := &intakev1.GetIntakeFunnelResponse{
		StartDate: got.Start.String(), EndDate: got.End.String(), QuestionnaireId: got.QuestionnaireID, Total: counts(got.Total),
	}
	for _, g := range got.Groups {
		out.Groups = append(out.Groups, counts(g))
	}
	return out, nil
}

func counts(in app.FunnelCounts) *intakev1.FunnelCounts {
	out := &intakev1.FunnelCounts{DeviceKind: in.DeviceKind, LanguageCode: in.Language, Started: in.Started, Completed: in.Completed}
	for _, p := range in.Pages {
		out.Pages = append(out.Pages, &intakev1.PageCount{PageId: p.PageID, Reached: p.Reached})
	}
	return out
}

// day reads a civil date; the empty text is no day. It fails with INVALID_ARGUMENT.
func day(field, text string) (civil.Date, error) {
	if text == "" {
		return civil.Date{}, nil
	}
	d, err := civil.Parse(text)
	if err != nil {
		return d, fault.Invalid(field, "is not a day like 2026-03-27")
	}
	return d, nil
}
