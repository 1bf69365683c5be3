package api

import (
	"context"

	"google.golang.org/protobuf/types/known/timestamppb"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	"github.com/upright-clinic/upright/services/booking/internal/app"
	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/platform/fault"
)

type openings struct {
	bookingv1.UnimplementedOpeningServiceServer
	app *app.App
}

func (s *openings) ListOpenings(ctx context.Context, r *bookingv1.ListOpeningsRequest) (*bookingv1.ListOpeningsResponse, error) {
	from, err := date("start_date", r.GetStartDate())
	if err != nil {
		return nil, err
	}
	to, err := date("end_date", r.GetEndDate())
	if err != nil {
		return nil, err
	}
	q := app.OpeningQuery{
		TypeID: r.GetAppointmentTypeId(), From: from, To: to, PractitionerID: r.GetPractitionerId(), LocationID: r.GetLocationId(),
		PatientID: r.GetPatientId(), PlanID: r.GetPlanId(), CourseID: r.GetCourseId(), PartOfDay: r.GetPartOfDay(),
		Weekdays: weekdays(r.GetWeekdays()), Packing: r.GetPacking(),
		Minutes: int(r.GetDurationMinutes()), Mode: schedule.Mode(r.GetMode()), Compact: r.GetView() == "COMPACT",
		PageSize: int(r.GetPageSize()), PageToken: r.GetPageToken(),
	}
	if r.GetFromLocalTime() != "" {
		q.FromMinute = minutes(r.GetFromLocalTime())
	}
	if r.GetToLocalTime() != "" {
		if q.ToMinute = minutes(r.GetToLocalTime()); q.ToMinute <= q.FromMinute {
			return nil, fault.Invalid("to_local_time", "must be after from_local_time")
		}
	}
	found, err := s.app.ListOpenings(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &bookingv1.ListOpeningsResponse{Refused: refusals(found.Refused), NextPageToken: found.NextPageToken}
	// One block for all messages: a search has hundreds.
	groups := make([]bookingv1.OpeningGroup, len(found.Groups))
	out.Groups = make([]*bookingv1.OpeningGroup, len(found.Groups))
	for i := range found.Groups {
		g := &found.Groups[i]
		groups[i].PractitionerId, groups[i].LocalDate = g.PractitionerID, g.LocalDate
		groups[i].BaseTime, groups[i].OffsetMinutes = g.BaseTime, g.OffsetMinutes
		out.Groups[i] = &groups[i]
	}
	for _, o := range found.Openings {
		out.Openings = append(out.Openings, opening(o))
	}
	return out, nil
}

func opening(o app.Opening) *bookingv1.Opening {
	return &bookingv1.Opening{
		StartTime: timestamppb.New(o.Visit.Start()), EndTime: timestamppb.New(o.Visit.End()), LocalStart: o.LocalStart,
		TimeZone: o.TimeZone, PractitionerId: o.PractitionerID, RoomId: o.RoomID, EquipmentIds: o.EquipmentIDs, LocationId: o.LocationID,
		Fragments: o.Fragments, SeatsLeft: int32(o.SeatsLeft),
	}
}

func (s *openings) SuggestOpenings(ctx context.Context, r *bookingv1.SuggestOpeningsRequest) (*bookingv1.SuggestOpeningsResponse, error) {
	from, err := date("start_date", r.GetStartDate())
	if err != nil {
		return nil, err
	}
	found, err := s.app.SuggestOpenings(ctx, app.SuggestQuery{
		PatientID: r.GetPatientId(), TypeID: r.GetAppointmentTypeId(), PlanID: r.GetPlanId(), CourseID: r.GetCourseId(),
		PractitionerID: r.GetPractitionerId(), LocationID: r.GetLocationId(), From: from, Count: int(r.GetCount()), Mode: schedule.Mode(r.GetMode()),
	})
	if err != nil {
		return nil, err
	}
	out := &bookingv1.SuggestOpeningsResponse{
		AppointmentTypeId: found.TypeID, PlanId: found.PlanID, CourseId: found.CourseID, DurationMinutes: int32(found.Minutes),
		Mode: string(found.Mode), Refused: refusals(found.Refused),
	}
	for _, x := range found.Suggestions {
		out.Suggestions = append(out.Suggestions, &bookingv1.Suggestion{Opening: opening(x.Opening), Reasons: x.Reasons})
	}
	return out, nil
}

func (s *openings) ExplainOpening(ctx context.Context, r *bookingv1.ExplainOpeningRequest) (*bookingv1.ExplainOpeningResponse, error) {
	start, err := instant("start_time", r.GetStartTime())
	if err != nil {
		return nil, err
	}
	refused, err := s.app.ExplainOpening(ctx, app.Booking{
		TypeID: r.GetAppointmentTypeId(), PatientID: r.GetPatientId(), PractitionerID: r.GetPractitionerId(), RoomID: r.GetRoomId(),
		Start: start, Minutes: int(r.GetDurationMinutes()), Mode: schedule.Mode(r.GetMode()), PlanID: r.GetPlanId(), CourseID: r.GetCourseId(),
	})
	if err != nil {
		return nil, err
	}
	return &bookingv1.ExplainOpeningResponse{Bookable: len(refused) == 0, Refusals: refusals(refused)}, nil
}
