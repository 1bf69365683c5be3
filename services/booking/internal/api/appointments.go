package api

import (
	"cmp"
	"context"

	"google.golang.org/protobuf/types/known/timestamppb"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	"github.com/upright-clinic/upright/services/booking/internal/app"
	"github.com/upright-clinic/upright/services/booking/internal/peer"
	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/requestid"
)

type appointments struct {
	bookingv1.UnimplementedAppointmentServiceServer
	app *app.App
}

func (s *appointments) CreateAppointment(ctx context.Context, r *bookingv1.CreateAppointmentRequest) (*bookingv1.CreateAppointmentResponse, error) {
	start, err := instant("start_time", r.GetStartTime())
	if err != nil {
		return nil, err
	}
	apt, err := s.app.BookAppointment(ctx, app.Booking{
		Fingerprint: requestid.Fingerprint(r), TypeID: r.GetAppointmentTypeId(), PatientID: r.GetPatientId(),
		PractitionerID: r.GetPractitionerId(), RoomID: r.GetRoomId(), Start: start, Minutes: int(r.GetDurationMinutes()),
		Mode: schedule.Mode(r.GetMode()), PlanID: r.GetPlanId(), CourseID: r.GetCourseId(), HoldID: r.GetHoldId(),
		OwnerToken: r.GetOwnerToken(), OverrideReason: r.GetOverride().GetReason(),
	})
	if err != nil {
		return nil, err
	}
	return &bookingv1.CreateAppointmentResponse{Appointment: encode(ctx, apt)}, nil
}

func (s *appointments) ListAppointments(ctx context.Context, r *bookingv1.ListAppointmentsRequest) (*bookingv1.ListAppointmentsResponse, error) {
	if _, err := date("date", r.GetDate()); err != nil {
		return nil, err
	}
	from, err := date("start_date", cmp.Or(r.GetStartDate(), r.GetDate()))
	if err != nil {
		return nil, err
	}
	to, err := date("end_date", cmp.Or(r.GetEndDate(), r.GetDate()))
	if err != nil {
		return nil, err
	}
	list, next, err := s.app.ListAppointments(ctx, app.AppointmentQuery{
		From: from, To: to, PractitionerID: r.GetPractitionerId(), LocationID: r.GetLocationId(), PatientID: r.GetPatientId(),
		PageSize: int(r.GetPageSize()), PageToken: r.GetPageToken(),
	})
	if err != nil {
		return nil, err
	}
	out := make([]*bookingv1.Appointment, len(list))
	for i, apt := range list {
		out[i] = encode(ctx, apt)
	}
	return &bookingv1.ListAppointmentsResponse{Appointments: out, NextPageToken: next}, nil
}

func (s *appointments) GetAppointment(ctx context.Context, r *bookingv1.GetAppointmentRequest) (*bookingv1.GetAppointmentResponse, error) {
	apt, err := s.app.GetAppointment(ctx, r.GetAppointmentId())
	if err != nil {
		return nil, err
	}
	until, err := s.app.ChangeExpires(ctx, apt)
	if err != nil {
		return nil, err
	}
	m := encode(ctx, apt)
	m.ChangeExpireTime = stamp(until)
	return &bookingv1.GetAppointmentResponse{Appointment: m}, nil
}

func (s *appointments) RescheduleAppointment(ctx context.Context, r *bookingv1.RescheduleAppointmentRequest) (*bookingv1.RescheduleAppointmentResponse, error) {
	start, err := instant("start_time", r.GetStartTime())
	if err != nil {
		return nil, err
	}
	apt, err := s.app.RescheduleAppointment(ctx, app.Move{
		Fingerprint: requestid.Fingerprint(r), AppointmentID: r.GetAppointmentId(), Start: start, PractitionerID: r.GetPractitionerId(),
		RoomID: r.GetRoomId(), Minutes: int(r.GetDurationMinutes()), HoldID: r.GetHoldId(), OwnerToken: r.GetOwnerToken(),
		OverrideReason: r.GetOverride().GetReason(), Etag: r.GetEtag(),
	})
	if err != nil {
		return nil, err
	}
	return &bookingv1.RescheduleAppointmentResponse{Appointment: encode(ctx, apt)}, nil
}

func (s *appointments) CancelAppointment(ctx context.Context, r *bookingv1.CancelAppointmentRequest) (*bookingv1.CancelAppointmentResponse, error) {
	apt, err := s.app.CancelAppointment(ctx, app.Change{
		Fingerprint: requestid.Fingerprint(r), AppointmentID: r.GetAppointmentId(), Etag: r.GetEtag(), ReasonCode: r.GetReasonCode(),
	})
	if err != nil {
		return nil, err
	}
	return &bookingv1.CancelAppointmentResponse{Appointment: encode(ctx, apt)}, nil
}

func (s *appointments) UndoCancelAppointment(ctx context.Context, r *bookingv1.UndoCancelAppointmentRequest) (*bookingv1.UndoCancelAppointmentResponse, error) {
	apt, err := s.app.UndoCancelAppointment(ctx, app.Change{
		Fingerprint: requestid.Fingerprint(r), AppointmentID: r.GetAppointmentId(), Etag: r.GetEtag(),
	})
	if err != nil {
		return nil, err
	}
	return &bookingv1.UndoCancelAppointmentResponse{Appointment: encode(ctx, apt)}, nil
}

func (s *appointments) CheckInAppointment(ctx context.Context, r *bookingv1.CheckInAppointmentRequest) (*bookingv1.CheckInAppointmentResponse, error) {
	apt, err := s.app.CheckInAppointment(ctx, app.Change{
		Fingerprint: requestid.Fingerprint(r), AppointmentID: r.GetAppointmentId(), Etag: r.GetEtag(),
	})
	if err != nil {
		return nil, err
	}
	return &bookingv1.CheckInAppointmentResponse{Appointment: encode(ctx, apt)}, nil
}

func (s *appointments) UndoCheckInAppointment(ctx context.Context, r *bookingv1.UndoCheckInAppointmentRequest) (*bookingv1.UndoCheckInAppointmentResponse, error) {
	apt, err := s.app.UndoCheckInAppointment(ctx, app.Change{
		Fingerprint: requestid.Fingerprint(r), AppointmentID: r.GetAppointmentId(), Etag: r.GetEtag(),
	})
	if err != nil {
		return nil, err
	}
	return &bookingv1.UndoCheckInAppointmentResponse{Appointment: encode(ctx, apt)}, nil
}

func (s *appointments) StartAppointment(ctx context.Context, r *bookingv1.StartAppointmentRequest) (*bookingv1.StartAppointmentResponse, error) {
	apt, err := s.app.StartAppointment(ctx, app.Change{
		Fingerprint: requestid.Fingerprint(r), AppointmentID: r.GetAppointmentId(), Etag: r.GetEtag(),
	})
	if err != nil {
		return nil, err
	}
	return &bookingv1.StartAppointmentResponse{Appointment: encode(ctx, apt)}, nil
}

func (s *appointments) CompleteAppointment(ctx context.Context, r *bookingv1.CompleteAppointmentRequest) (*bookingv1.CompleteAppointmentResponse, error) {
	apt, err := s.app.CompleteAppointment(ctx, app.Change{
		Fingerprint: requestid.Fingerprint(r), AppointmentID: r.GetAppointmentId(), Etag: r.GetEtag(),
	})
	if err != nil {
		return nil, err
	}
	return &bookingv1.CompleteAppointmentResponse{Appointment: encode(ctx, apt)}, nil
}

func (s *appointments) MarkNoShow(ctx context.Context, r *bookingv1.MarkNoShowRequest) (*bookingv1.MarkNoShowResponse, error) {
	apt, err := s.app.MarkNoShow(ctx, app.Change{
		Fingerprint: requestid.Fingerprint(r), AppointmentID: r.GetAppointmentId(), Etag: r.GetEtag(),
	})
	if err != nil {
		return nil, err
	}
	return &bookingv1.MarkNoShowResponse{Appointment: encode(ctx, apt)}, nil
}

func (s *appointments) ResolveEntitlement(ctx context.Context, r *bookingv1.ResolveEntitlementRequest) (*bookingv1.ResolveEntitlementResponse, error) {
	use, err := s.app.ResolveEntitlement(ctx, r.GetClinicId(), r.GetEntitlementId())
	if err != nil {
		return nil, err
	}
	return &bookingv1.ResolveEntitlementResponse{Outcome: outcome(*use)}, nil
}

func (s *appointments) KeepCareBlock(ctx context.Context, r *bookingv1.KeepCareBlockRequest) (*bookingv1.KeepCareBlockResponse, error) {
	b := store.CareBlock{PatientID: r.GetPatientId(), ExaminationID: r.GetExaminationId(), Version: r.GetVersion()}
	for _, d := range r.GetForbidden() {
		b.Disciplines = append(b.Disciplines, peer.DisciplineOf(d))
	}
	if err := s.app.KeepCareBlock(ctx, r.GetClinicId(), b); err != nil {
		return nil, err
	}
	return &bookingv1.KeepCareBlockResponse{}, nil
}

func (s *appointments) ListEntitlementOutcomes(ctx context.Context, r *bookingv1.ListEntitlementOutcomesRequest) (*bookingv1.ListEntitlementOutcomesResponse, error) {
	size := cmp.Or(min(int(r.GetPageSize()), 1000), 500)
	uses, more, err := s.app.ListOutcomes(ctx, r.GetClinicId(), r.GetPatientId(), r.GetPageToken(), size)
	if err != nil {
		return nil, err
	}
	out := &bookingv1.ListEntitlementOutcomesResponse{}
	for _, u := range uses {
		out.Outcomes = append(out.Outcomes, outcome(u))
	}
	if more {
		out.NextPageToken = uses[len(uses)-1].EntitlementID
	}
	return out, nil
}

func outcome(u store.Use) *bookingv1.EntitlementOutcome {
	o := &bookingv1.EntitlementOutcome{
		EntitlementId: u.EntitlementID, Outcome: bookingv1.Outcome(bookingv1.Outcome_value["OUTCOME_"+string(u.Outcome)]),
	}
	if u.Appointment != nil && u.Outcome != store.OutcomeVoid {
		o.Appointment = app.Fact(u.Appointment)
	}
	return o
}

// encode is an appointment as the caller may see it: an override is staff's business.
func encode(ctx context.Context, a *store.Appointment) *bookingv1.Appointment {
	m := &bookingv1.Appointment{
		AppointmentId: a.ID, AppointmentTypeId: a.TypeID, PatientId: a.PatientID, PractitionerId: a.PractitionerID,
		LocationId: a.LocationID, RoomId: a.RoomID, EquipmentIds: a.EquipmentIDs,
		StartTime: timestamppb.New(a.Visit.Start()), EndTime: timestamppb.New(a.Visit.End()),
		LocalDate: a.LocalDate.String(), LocalStart: app.LocalStart(a), TimeZone: a.TimeZone,
		Mode: string(a.Mode), State: string(a.State), Discipline: string(a.Discipline), PlanId: a.PlanID, CourseId: a.CourseID,
		Flags: a.Flags, NeedsReview: a.NeedsReview, NextEligibleDate: a.NextEligible.String(),
		CancelReasonCode: a.CancelReason, LateCancel: a.LateCancel, MeetingUri: a.MeetingURI,
		CheckInTime: stamp(a.CheckedInAt), Etag: app.Etag(a.Version),
	}
	if a.State == store.Cancelled {
		m.UndoExpireTime = timestamppb.New(a.CancelledAt.Add(app.UndoWindow))
	}
	if a.OverrideReason != "" && app.IsStaff(ctx) {
		m.Override = &bookingv1.Override{Reason: a.OverrideReason, AccountId: a.OverrideBy}
	}
	return m
}
