package api

import (
	"context"
	"strconv"
	"strings"
	"time"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	"github.com/upright-clinic/upright/services/booking/internal/app"
	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/requestid"
)

type shifts struct {
	bookingv1.UnimplementedShiftServiceServer
	app *app.App
}

func (s *shifts) CreateShift(ctx context.Context, r *bookingv1.CreateShiftRequest) (*bookingv1.CreateShiftResponse, error) {
	shift, err := decodeShift(r.GetShift())
	if err != nil {
		return nil, err
	}
	saved, err := s.app.CreateShift(ctx, requestid.Fingerprint(r), shift)
	if err != nil {
		return nil, err
	}
	return &bookingv1.CreateShiftResponse{Shift: encodeShift(saved)}, nil
}

func (s *shifts) UpdateShift(ctx context.Context, r *bookingv1.UpdateShiftRequest) (*bookingv1.UpdateShiftResponse, error) {
	shift, err := decodeShift(r.GetShift())
	if err != nil {
		return nil, err
	}
	saved, err := s.app.UpdateShift(ctx, requestid.Fingerprint(r), r.GetShift().GetEtag(), shift)
	if err != nil {
		return nil, err
	}
	return &bookingv1.UpdateShiftResponse{Shift: encodeShift(saved)}, nil
}

func (s *shifts) ListShifts(ctx context.Context, r *bookingv1.ListShiftsRequest) (*bookingv1.ListShiftsResponse, error) {
	list, err := s.app.ListShifts(ctx, r.GetPractitionerId())
	if err != nil {
		return nil, err
	}
	out := &bookingv1.ListShiftsResponse{}
	for i := range list {
		out.Shifts = append(out.Shifts, encodeShift(&list[i]))
	}
	return out, nil
}

func (s *shifts) DeleteShift(ctx context.Context, r *bookingv1.DeleteShiftRequest) (*bookingv1.DeleteShiftResponse, error) {
	if err := s.app.DeleteShift(ctx, requestid.Fingerprint(r), r.GetShiftId()); err != nil {
		return nil, err
	}
	return &bookingv1.DeleteShiftResponse{}, nil
}

func (s *shifts) CreateShiftException(ctx context.Context, r *bookingv1.CreateShiftExceptionRequest) (*bookingv1.CreateShiftExceptionResponse, error) {
	m := r.GetShiftException()
	from, err := localTime("shift_exception.start_local", m.GetStartLocal())
	if err != nil {
		return nil, err
	}
	to, err := localTime("shift_exception.end_local", m.GetEndLocal())
	if err != nil {
		return nil, err
	}
	saved, err := s.app.CreateShiftException(ctx, requestid.Fingerprint(r), store.Exception{
		SubjectID: m.GetSubjectId(), ReasonCode: m.GetReasonCode(), StartLocal: m.GetStartLocal(), EndLocal: m.GetEndLocal(), TimeZone: m.GetTimeZone(),
	}, from, to)
	if err != nil {
		return nil, err
	}
	return &bookingv1.CreateShiftExceptionResponse{ShiftException: encodeException(saved)}, nil
}

func (s *shifts) ListShiftExceptions(ctx context.Context, r *bookingv1.ListShiftExceptionsRequest) (*bookingv1.ListShiftExceptionsResponse, error) {
	from, err := date("start_date", r.GetStartDate())
	if err != nil {
		return nil, err
	}
	to, err := date("end_date", r.GetEndDate())
	if err != nil {
		return nil, err
	}
	list, err := s.app.ListShiftExceptions(ctx, from, to)
	if err != nil {
		return nil, err
	}
	out := &bookingv1.ListShiftExceptionsResponse{}
	for i := range list {
		out.ShiftExceptions = append(out.ShiftExceptions, encodeException(&list[i]))
	}
	return out, nil
}

func (s *shifts) DeleteShiftException(ctx context.Context, r *bookingv1.DeleteShiftExceptionRequest) (*bookingv1.DeleteShiftExceptionResponse, error) {
	if err := s.app.DeleteShiftException(ctx, requestid.Fingerprint(r), r.GetShiftExceptionId()); err != nil {
		return nil, err
	}
	return &bookingv1.DeleteShiftExceptionResponse{}, nil
}

func decodeShift(m *bookingv1.Shift) (store.Shift, error) {
	s := store.Shift{
		ID: m.GetShiftId(), PractitionerID: m.GetPractitionerId(), LocationID: m.GetLocationId(), TimeZone: m.GetTimeZone(),
		StartMinute: minutes(m.GetStartLocalTime()), EndMinute: minutes(m.GetEndLocalTime()),
	}
	var err error
	if s.From, err = date("shift.start_date", m.GetStartDate()); err != nil {
		return s, err
	}
	if s.To, err = date("shift.end_date", m.GetEndDate()); err != nil {
		return s, err
	}
	s.Weekdays = weekdays(m.GetWeekdays())
	return s, nil
}

func (s *shifts) ImportHolidays(ctx context.Context, r *bookingv1.ImportHolidaysRequest) (*bookingv1.ImportHolidaysResponse, error) {
	from, err := date("start_date", r.GetStartDate())
	if err != nil {
		return nil, err
	}
	to, err := date("end_date", r.GetEndDate())
	if err != nil {
		return nil, err
	}
	entries, err := s.app.ImportHolidays(ctx, app.HolidayImport{
		Fingerprint: requestid.Fingerprint(r), Content: r.GetContent(), LocationID: r.GetLocationId(), From: from, To: to, DryRun: r.GetDryRun(),
	})
	if err != nil {
		return nil, err
	}
	out := &bookingv1.ImportHolidaysResponse{}
	count := map[string]*int32{
		app.HolidayCreated: &out.Created, app.HolidayUpdated: &out.Updated, app.HolidayRemoved: &out.Removed,
		app.HolidayUnchanged: &out.Unchanged, app.HolidaySkipped: &out.Skipped,
	}
	for i := range entries {
		e := &entries[i]
		*count[e.Action]++
		m := &bookingv1.HolidayEntry{
			Uid: e.UID, Summary: e.Summary, Action: e.Action, Reason: e.Problem, ShiftExceptionId: e.ExceptionID, AppointmentsHit: int32(e.Hit),
		}
		if !e.Start.Date.IsZero() {
			m.StartLocal, m.EndLocal = e.Start.String(), e.End.String()
		}
		out.Entries = append(out.Entries, m)
	}
	return out, nil
}

// weekdays reads the names of weekdays, which were checked before.
func weekdays(names []string) (set schedule.Weekdays) {
	for _, name := range names {
		for d := time.Sunday; d <= time.Saturday; d++ {
			if strings.EqualFold(d.String(), name) {
				set = set.On(d)
			}
		}
	}
	return set
}

func encodeShift(s *store.Shift) *bookingv1.Shift {
	m := &bookingv1.Shift{
		ShiftId: s.ID, PractitionerId: s.PractitionerID, LocationId: s.LocationID, TimeZone: s.TimeZone,
		StartLocalTime: clock(s.StartMinute), EndLocalTime: clock(s.EndMinute),
		StartDate: s.From.String(), EndDate: s.To.String(), Etag: app.Etag(s.Version),
	}
	for i := range 7 {
		if d := time.Weekday((i + 1) % 7); s.Weekdays.Has(d) {
			m.Weekdays = append(m.Weekdays, strings.ToUpper(d.String()))
		}
	}
	return m
}

func encodeException(e *store.Exception) *bookingv1.ShiftException {
	return &bookingv1.ShiftException{
		ShiftExceptionId: e.ID, SubjectId: e.SubjectID, ReasonCode: e.ReasonCode,
		StartLocal: e.StartLocal, EndLocal: e.EndLocal, TimeZone: e.TimeZone,
	}
}

// minutes reads HH:MM, whose pattern was checked before.
func minutes(text string) int {
	h, m, _ := strings.Cut(text, ":")
	hours, _ := strconv.Atoi(h)
	mins, _ := strconv.Atoi(m)
	return hours*60 + mins
}

func clock(minute int) string {
	pad := func(n int) string { return string([]byte{byte('0' + n/10), byte('0' + n%10)}) }
	return pad(minute/60) + ":" + pad(minute%60)
}

// localTime reads YYYY-MM-DDTHH:MM, whose pattern was checked before.
func localTime(field, text string) (app.LocalTime, error) {
	day, at, ok := strings.Cut(text, "T")
	if !ok {
		return app.LocalTime{}, fault.Invalid(field, "is required")
	}
	d, err := date(field, day)
	return app.LocalTime{Date: d, Minute: minutes(at)}, err
}
