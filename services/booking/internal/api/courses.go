package api

import (
	"context"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	"github.com/upright-clinic/upright/services/booking/internal/app"
	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/requestid"
)

type courses struct {
	bookingv1.UnimplementedCourseServiceServer
	app *app.App
}

func (s *courses) ProposeCourse(ctx context.Context, r *bookingv1.ProposeCourseRequest) (*bookingv1.ProposeCourseResponse, error) {
	start, err := date("start_date", r.GetStartDate())
	if err != nil {
		return nil, err
	}
	like := r.GetPreferences()
	q := app.CourseQuery{
		PlanID: r.GetPlanId(), CourseID: r.GetCourseId(), Start: start, Days: weekdaysOf(like.GetDays()),
		From: minuteOf(like.GetFrom()), To: minuteOf(like.GetTo()), PractitionerID: like.GetPractitionerId(), LocationID: like.GetLocationId(),
		Policy: app.CoursePolicy(r.GetConflictPolicy()), Sessions: int(r.GetSessions()), PerWeek: int(r.GetPerWeek()),
		TypeID: r.GetAppointmentTypeId(), Minutes: int(r.GetDurationMinutes()), Mode: schedule.Mode(r.GetMode()),
		Move: r.GetAppointmentIds(), Repair: r.GetRepair(),
	}
	if q.Policy == "" {
		q.Policy = app.PolicyPropose
	}
	if q.To > 0 && q.To <= q.From {
		return nil, fault.Invalid("preferences.to", "must be after preferences.from")
	}
	p, err := s.app.ProposeCourse(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &bookingv1.ProposeCourseResponse{PlanId: p.PlanID, CourseId: p.CourseID, PatientId: p.PatientID, Unplaced: refusals(p.Unplaced)}
	for _, o := range p.Occurrences {
		out.Occurrences = append(out.Occurrences, occurrence(o))
	}
	return out, nil
}

func (s *courses) BookCourse(ctx context.Context, r *bookingv1.BookCourseRequest) (*bookingv1.BookCourseResponse, error) {
	b := app.CourseBooking{Fingerprint: requestid.Fingerprint(r), PlanID: r.GetPlanId(), CourseID: r.GetCourseId()}
	for i, o := range r.GetOccurrences() {
		start, err := instant("occurrences["+strconv.Itoa(i)+"].start_time", o.GetStartTime())
		if err != nil {
			return nil, err
		}
		b.Sessions = append(b.Sessions, app.CourseSession{
			Start: start, PractitionerID: o.GetPractitionerId(), RoomID: o.GetRoomId(), TypeID: o.GetAppointmentTypeId(),
			Minutes: int(o.GetDurationMinutes()), Mode: schedule.Mode(o.GetMode()), AppointmentID: o.GetAppointmentId(),
		})
	}
	booked, err := s.app.BookCourse(ctx, b)
	if err != nil {
		return nil, err
	}
	out := &bookingv1.BookCourseResponse{}
	for _, apt := range booked {
		out.Appointments = append(out.Appointments, encode(ctx, apt))
		out.Occurrences = append(out.Occurrences, bookedOccurrence(apt))
	}
	return out, nil
}

func (s *courses) CancelCourse(ctx context.Context, r *bookingv1.CancelCourseRequest) (*bookingv1.CancelCourseResponse, error) {
	list, err := s.app.CancelCourse(ctx, app.CourseChange{
		Fingerprint: requestid.Fingerprint(r), AppointmentID: r.GetAppointmentId(), Scope: app.CourseScope(r.GetScope()), ReasonCode: r.GetReasonCode(),
	})
	if err != nil {
		return nil, err
	}
	return &bookingv1.CancelCourseResponse{Appointments: encodeAll(ctx, list)}, nil
}

func (s *courses) RescheduleCourse(ctx context.Context, r *bookingv1.RescheduleCourseRequest) (*bookingv1.RescheduleCourseResponse, error) {
	start, err := instant("start_time", r.GetStartTime())
	if err != nil {
		return nil, err
	}
	list, err := s.app.RescheduleCourse(ctx, app.CourseChange{
		Fingerprint: requestid.Fingerprint(r), AppointmentID: r.GetAppointmentId(), Scope: app.CourseScope(r.GetScope()),
		Start: start, PractitionerID: r.GetPractitionerId(),
	})
	if err != nil {
		return nil, err
	}
	return &bookingv1.RescheduleCourseResponse{Appointments: encodeAll(ctx, list)}, nil
}

func encodeAll(ctx context.Context, list []*store.Appointment) []*bookingv1.Appointment {
	out := make([]*bookingv1.Appointment, len(list))
	for i, apt := range list {
		out[i] = encode(ctx, apt)
	}
	return out
}

// minuteOf reads a wall time, HH:MM, which validation has looked at; empty is 0.
func minuteOf(text string) int {
	if len(text) != len("15:04") {
		return 0
	}
	h, _ := strconv.Atoi(text[:2])
	m, _ := strconv.Atoi(text[3:])
	return h*60 + m
}

// weekdaysOf reads names of weekdays, which validation has looked at.
func weekdaysOf(names []string) (days schedule.Weekdays) {
	for _, name := range names {
		for d := time.Sunday; d <= time.Saturday; d++ {
			if strings.ToUpper(d.String()) == name {
				days = days.On(d)
			}
		}
	}
	return days
}

func occurrence(o app.Occurrence) *bookingv1.CourseOccurrence {
	m := &bookingv1.CourseOccurrence{
		StartTime: timestamppb.New(o.Visit.Start()), EndTime: timestamppb.New(o.Visit.End()), LocalStart: o.LocalStart, TimeZone: o.TimeZone,
		PractitionerId: o.PractitionerID, LocationId: o.LocationID, RoomId: o.RoomID, EquipmentIds: o.EquipmentIDs,
		AppointmentTypeId: o.TypeID, DurationMinutes: int32(o.Minutes), Mode: string(o.Mode), AppointmentId: o.AppointmentID,
		AsPreferred: o.AsPreferred,
	}
	for _, x := range o.Alternatives {
		m.Alternatives = append(m.Alternatives, &bookingv1.CourseAlternative{
			StartTime: timestamppb.New(x.Visit.Start()), EndTime: timestamppb.New(x.Visit.End()), LocalStart: x.LocalStart, TimeZone: x.TimeZone,
			PractitionerId: x.PractitionerID, LocationId: x.LocationID, RoomId: x.RoomID, EquipmentIds: x.EquipmentIDs, AsPreferred: x.AsPreferred,
		})
	}
	return m
}

func bookedOccurrence(apt *store.Appointment) *bookingv1.CourseOccurrence {
	return &bookingv1.CourseOccurrence{
		StartTime: timestamppb.New(apt.Visit.Start()), EndTime: timestamppb.New(apt.Visit.End()), LocalStart: app.LocalStart(apt), TimeZone: apt.TimeZone,
		PractitionerId: apt.PractitionerID, LocationId: apt.LocationID, RoomId: apt.RoomID, EquipmentIds: apt.EquipmentIDs,
		AppointmentTypeId: apt.TypeID, DurationMinutes: int32(apt.Visit.End().Sub(apt.Visit.Start()) / time.Minute), Mode: string(apt.Mode),
		AppointmentId: apt.ID, AsPreferred: true,
	}
}
