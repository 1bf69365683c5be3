package api

import (
	"context"

	"google.golang.org/protobuf/types/known/timestamppb"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	"github.com/upright-clinic/upright/services/booking/internal/app"
	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/requestid"
)

type holds struct {
	bookingv1.UnimplementedHoldServiceServer
	app *app.App
}

func (s *holds) CreateHold(ctx context.Context, r *bookingv1.CreateHoldRequest) (*bookingv1.CreateHoldResponse, error) {
	start, err := instant("start_time", r.GetStartTime())
	if err != nil {
		return nil, err
	}
	h, err := s.app.CreateHold(ctx, app.HoldRequest{
		Fingerprint: requestid.Fingerprint(r), TypeID: r.GetAppointmentTypeId(), PatientID: r.GetPatientId(),
		PractitionerID: r.GetPractitionerId(), RoomID: r.GetRoomId(), Start: start, Minutes: int(r.GetDurationMinutes()),
		Mode: schedule.Mode(r.GetMode()),
	})
	if err != nil {
		return nil, err
	}
	return &bookingv1.CreateHoldResponse{Hold: hold(h, true)}, nil
}

func (s *holds) RenewHold(ctx context.Context, r *bookingv1.RenewHoldRequest) (*bookingv1.RenewHoldResponse, error) {
	h, err := s.app.RenewHold(ctx, requestid.Fingerprint(r), r.GetHoldId(), r.GetOwnerToken())
	if err != nil {
		return nil, err
	}
	return &bookingv1.RenewHoldResponse{Hold: hold(h, true)}, nil
}

func (s *holds) DeleteHold(ctx context.Context, r *bookingv1.DeleteHoldRequest) (*bookingv1.DeleteHoldResponse, error) {
	if err := s.app.DeleteHold(ctx, requestid.Fingerprint(r), r.GetHoldId()); err != nil {
		return nil, err
	}
	return &bookingv1.DeleteHoldResponse{}, nil
}

func (s *holds) ListHolds(ctx context.Context, r *bookingv1.ListHoldsRequest) (*bookingv1.ListHoldsResponse, error) {
	day, err := date("date", r.GetDate())
	if err != nil {
		return nil, err
	}
	list, err := s.app.ListHolds(ctx, day, r.GetPractitionerId())
	if err != nil {
		return nil, err
	}
	out := &bookingv1.ListHoldsResponse{}
	for _, h := range list {
		out.Holds = append(out.Holds, hold(h, false))
	}
	return out, nil
}

// hold encodes a hold, with its token for the owner only.
func hold(h *store.Hold, owner bool) *bookingv1.Hold {
	m := &bookingv1.Hold{
		HoldId: h.ID, ExpireTime: timestamppb.New(h.ExpiresAt), AppointmentTypeId: h.TypeID, PractitionerId: h.PractitionerID,
		RoomId: h.RoomID, EquipmentIds: h.EquipmentIDs, StartTime: timestamppb.New(h.Visit.Start()), EndTime: timestamppb.New(h.Visit.End()),
		PatientId: h.PatientID, State: string(h.State),
	}
	if owner {
		m.OwnerToken = h.OwnerToken
	}
	return m
}
