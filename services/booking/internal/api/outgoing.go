package api

import (
	"cmp"
	"context"

	"google.golang.org/protobuf/types/known/timestamppb"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	"github.com/upright-clinic/upright/services/booking/internal/app"
	"github.com/upright-clinic/upright/services/booking/internal/store"
)

type outgoing struct {
	bookingv1.UnimplementedOutgoingServiceServer
	app *app.App
}

func (s *outgoing) ListOutgoingMessages(ctx context.Context, r *bookingv1.ListOutgoingMessagesRequest) (*bookingv1.ListOutgoingMessagesResponse, error) {
	size := cmp.Or(min(int(r.GetPageSize()), 1000), 100)
	list, err := s.app.ListMessages(ctx, r.GetPatientId(), r.GetAppointmentId(), store.MessageState(r.GetState()), size)
	if err != nil {
		return nil, err
	}
	out := &bookingv1.ListOutgoingMessagesResponse{}
	for _, m := range list {
		out.Messages = append(out.Messages, &bookingv1.OutgoingMessage{
			MessageId: m.ID, Kind: string(m.Kind), PatientId: m.PatientID, AppointmentId: m.AppointmentID, OfferId: m.OfferID,
			State: string(m.State), ReadyTime: timestamppb.New(m.ReadyAt), CreateTime: timestamppb.New(m.CreatedAt),
		})
	}
	return out, nil
}
