package api

import (
	"context"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	"github.com/upright-clinic/upright/services/booking/internal/app"
	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/requestid"
)

type types struct {
	bookingv1.UnimplementedAppointmentTypeServiceServer
	app *app.App
}

func (s *types) CreateAppointmentType(ctx context.Context, r *bookingv1.CreateAppointmentTypeRequest) (*bookingv1.CreateAppointmentTypeResponse, error) {
	t, err := s.app.CreateAppointmentType(ctx, requestid.Fingerprint(r), decodeType(r.GetAppointmentType()))
	if err != nil {
		return nil, err
	}
	return &bookingv1.CreateAppointmentTypeResponse{AppointmentType: encodeType(t)}, nil
}

func (s *types) ListAppointmentTypes(ctx context.Context, r *bookingv1.ListAppointmentTypesRequest) (*bookingv1.ListAppointmentTypesResponse, error) {
	list, err := s.app.ListAppointmentTypes(ctx, r.GetShowInactive())
	if err != nil {
		return nil, err
	}
	out := &bookingv1.ListAppointmentTypesResponse{}
	for _, t := range list {
		out.AppointmentTypes = append(out.AppointmentTypes, encodeType(t))
	}
	return out, nil
}

func (s *types) GetAppointmentType(ctx context.Context, r *bookingv1.GetAppointmentTypeRequest) (*bookingv1.GetAppointmentTypeResponse, error) {
	t, err := s.app.GetAppointmentType(ctx, r.GetAppointmentTypeId())
	if err != nil {
		return nil, err
	}
	return &bookingv1.GetAppointmentTypeResponse{AppointmentType: encodeType(t)}, nil
}

func (s *types) UpdateAppointmentType(ctx context.Context, r *bookingv1.UpdateAppointmentTypeRequest) (*bookingv1.UpdateAppointmentTypeResponse, error) {
	edit, err := typeEdit(r.GetUpdateMask(), decodeType(r.GetAppointmentType()))
	if err != nil {
		return nil, err
	}
	t, err := s.app.UpdateAppointmentType(ctx, requestid.Fingerprint(r), r.GetAppointmentType().GetAppointmentTypeId(), r.GetAppointmentType().GetEtag(), edit)
	if err != nil {
		return nil, err
	}
	return &bookingv1.UpdateAppointmentTypeResponse{AppointmentType: encodeType(t)}, nil
}

// typeFields says how each field of the mask is copied.
var typeFields = map[string]func(to, from *schedule.Type){
	"display_name":            func(to, from *schedule.Type) { to.Name = from.Name },
	"kind":                    func(to, from *schedule.Type) { to.Kind = from.Kind },
	"discipline":              func(to, from *schedule.Type) { to.Discipline = from.Discipline },
	"duration_minutes":        func(to, from *schedule.Type) { to.Duration = from.Duration },
	"other_durations_minutes": func(to, from *schedule.Type) { to.OtherDurations = from.OtherDurations },
	"buffer_before_minutes":   func(to, from *schedule.Type) { to.BufferBefore = from.BufferBefore },
	"buffer_after_minutes":    func(to, from *schedule.Type) { to.BufferAfter = from.BufferAfter },
	"recovery_minutes":        func(to, from *schedule.Type) { to.Recovery = from.Recovery },
	"start_step_minutes":      func(to, from *schedule.Type) { to.Step = from.Step },
	"modes":                   func(to, from *schedule.Type) { to.Modes = from.Modes },
	"required_credential":     func(to, from *schedule.Type) { to.RequiredCredential = from.RequiredCredential },
	"room_capabilities":       func(to, from *schedule.Type) { to.RoomCapabilities = from.RoomCapabilities },
	"no_room":                 func(to, from *schedule.Type) { to.NoRoom = from.NoRoom },
	"equipment_capabilities":  func(to, from *schedule.Type) { to.EquipmentCapabilities = from.EquipmentCapabilities },
	"patient_bookable":        func(to, from *schedule.Type) { to.PatientBookable = from.PatientBookable },
	"plan_required":           func(to, from *schedule.Type) { to.PlanRequired = from.PlanRequired },
	"patient_notice_minutes":  func(to, from *schedule.Type) { to.PatientNotice = from.PatientNotice },
	"patient_horizon_days":    func(to, from *schedule.Type) { to.PatientHorizonDays = from.PatientHorizonDays },
	"staff_notice_minutes":    func(to, from *schedule.Type) { to.StaffNotice = from.StaffNotice },
	"staff_horizon_days":      func(to, from *schedule.Type) { to.StaffHorizonDays = from.StaffHorizonDays },
	"cancel_notice_minutes":   func(to, from *schedule.Type) { to.CancelNotice = from.CancelNotice },
	"meeting_uri_prefix":      func(to, from *schedule.Type) { to.MeetingURIPrefix = from.MeetingURIPrefix },
	"capacity":                func(to, from *schedule.Type) { to.Capacity = from.Capacity },
	"offer_packed":            func(to, from *schedule.Type) { to.Packed = from.Packed },
	"inactive":                func(to, from *schedule.Type) { to.Inactive = from.Inactive },
}

// typeEdit is the change that a mask asks for; an empty one replaces everything.
func typeEdit(mask *fieldmaskpb.FieldMask, from schedule.Type) (func(*schedule.Type), error) {
	var copies []func(to, from *schedule.Type)
	for _, path := range mask.GetPaths() {
		if path == "etag" || path == "appointment_type_id" {
			continue
		}
		f, ok := typeFields[path]
		if !ok {
			return nil, fault.Invalid("update_mask", "names a field that cannot be changed")
		}
		copies = append(copies, f)
	}
	return func(to *schedule.Type) {
		if len(mask.GetPaths()) == 0 {
			*to = from
		}
		for _, f := range copies {
			f(to, &from)
		}
	}, nil
}

func decodeType(m *bookingv1.AppointmentType) schedule.Type {
	t := schedule.Type{
		Name: m.GetDisplayName(), Kind: schedule.Kind(m.GetKind()), Discipline: schedule.Discipline(m.GetDiscipline()),
		Duration: int(m.GetDurationMinutes()), BufferBefore: int(m.GetBufferBeforeMinutes()), BufferAfter: int(m.GetBufferAfterMinutes()),
		Recovery: int(m.GetRecoveryMinutes()), Step: int(m.GetStartStepMinutes()), RequiredCredential: m.GetRequiredCredential(),
		RoomCapabilities: m.GetRoomCapabilities(), NoRoom: m.GetNoRoom(), EquipmentCapabilities: m.GetEquipmentCapabilities(),
		PatientBookable: m.GetPatientBookable(), PlanRequired: m.GetPlanRequired(), PatientNotice: int(m.GetPatientNoticeMinutes()),
		PatientHorizonDays: int(m.GetPatientHorizonDays()), StaffNotice: int(m.GetStaffNoticeMinutes()),
		StaffHorizonDays: int(m.GetStaffHorizonDays()), CancelNotice: int(m.GetCancelNoticeMinutes()),
		MeetingURIPrefix: m.GetMeetingUriPrefix(), Inactive: m.GetInactive(), Packed: m.GetOfferPacked(), Capacity: int(m.GetCapacity()),
	}
	for _, d := range m.GetOtherDurationsMinutes() {
		t.OtherDurations = append(t.OtherDurations, int(d))
	}
	for _, mode := range m.GetModes() {
		t.Modes = append(t.Modes, schedule.Mode(mode))
	}
	return t
}

func encodeType(t *store.Type) *bookingv1.AppointmentType {
	m := &bookingv1.AppointmentType{
		AppointmentTypeId: t.ID, DisplayName: t.Name, Kind: string(t.Kind), Discipline: string(t.Discipline),
		DurationMinutes: int32(t.Duration), BufferBeforeMinutes: int32(t.BufferBefore), BufferAfterMinutes: int32(t.BufferAfter),
		RecoveryMinutes: int32(t.Recovery), StartStepMinutes: int32(t.Step), RequiredCredential: t.RequiredCredential,
		RoomCapabilities: t.RoomCapabilities, NoRoom: t.NoRoom, EquipmentCapabilities: t.EquipmentCapabilities,
		PatientBookable: t.PatientBookable, PlanRequired: t.PlanRequired, PatientNoticeMinutes: int32(t.PatientNotice),
		PatientHorizonDays: int32(t.PatientHorizonDays), StaffNoticeMinutes: int32(t.StaffNotice),
		StaffHorizonDays: int32(t.StaffHorizonDays), CancelNoticeMinutes: int32(t.CancelNotice),
		MeetingUriPrefix: t.MeetingURIPrefix, Inactive: t.Inactive, OfferPacked: t.Packed, Capacity: int32(t.Capacity), Etag: app.Etag(t.Version),
	}
	for _, d := range t.OtherDurations {
		m.OtherDurationsMinutes = append(m.OtherDurationsMinutes, int32(d))
	}
	for _, mode := range t.Modes {
		m.Modes = append(m.Modes, string(mode))
	}
	return m
}
