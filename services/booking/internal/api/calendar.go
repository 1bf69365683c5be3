package api

import (
	"context"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	"github.com/upright-clinic/upright/services/booking/internal/app"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/requestid"
)

type calendars struct {
	bookingv1.UnimplementedCalendarServiceServer
	app *app.App
}

func (s *calendars) CreateCalendarFeed(ctx context.Context, r *bookingv1.CreateCalendarFeedRequest) (*bookingv1.CreateCalendarFeedResponse, error) {
	f, secret, err := s.app.CreateFeed(ctx, app.FeedRequest{
		Fingerprint: requestid.Fingerprint(r), SubjectKind: r.GetSubjectKind(), SubjectID: r.GetSubjectId(), ShowNames: r.GetShowNames(),
	})
	if err != nil {
		return nil, err
	}
	m := feed(f, app.IsStaff(ctx))
	if secret != "" {
		m.Path = "/calendar/" + secret + ".ics"
	}
	return &bookingv1.CreateCalendarFeedResponse{CalendarFeed: m}, nil
}

func (s *calendars) ListCalendarFeeds(ctx context.Context, r *bookingv1.ListCalendarFeedsRequest) (*bookingv1.ListCalendarFeedsResponse, error) {
	list, err := s.app.ListFeeds(ctx, r.GetSubjectId())
	if err != nil {
		return nil, err
	}
	out := &bookingv1.ListCalendarFeedsResponse{}
	for _, f := range list {
		out.CalendarFeeds = append(out.CalendarFeeds, feed(f, app.IsStaff(ctx)))
	}
	return out, nil
}

func (s *calendars) DeleteCalendarFeed(ctx context.Context, r *bookingv1.DeleteCalendarFeedRequest) (*bookingv1.DeleteCalendarFeedResponse, error) {
	if err := s.app.RevokeFeed(ctx, requestid.Fingerprint(r), r.GetCalendarFeedId()); err != nil {
		return nil, err
	}
	return &bookingv1.DeleteCalendarFeedResponse{}, nil
}

func (s *calendars) ReadCalendar(ctx context.Context, r *bookingv1.ReadCalendarRequest) (*bookingv1.ReadCalendarResponse, error) {
	content, etag, err := s.app.ReadFeed(ctx, r.GetSecret())
	if err != nil {
		return nil, err
	}
	return &bookingv1.ReadCalendarResponse{Content: content, Etag: etag}, nil
}

func (s *calendars) GetAppointmentCalendar(ctx context.Context, r *bookingv1.GetAppointmentCalendarRequest) (*bookingv1.GetAppointmentCalendarResponse, error) {
	content, err := s.app.AppointmentCalendar(ctx, r.GetAppointmentId())
	if err != nil {
		return nil, err
	}
	return &bookingv1.GetAppointmentCalendarResponse{Content: string(content)}, nil
}

func feed(f *store.Feed, staff bool) *bookingv1.CalendarFeed {
	m := &bookingv1.CalendarFeed{
		CalendarFeedId: f.ID, SubjectKind: f.SubjectKind, SubjectId: f.SubjectID, ShowNames: f.ShowNames, CreateTime: stamp(f.CreatedAt),
	}
	if staff {
		m.AccountId = f.AccountID
	}
	return m
}
