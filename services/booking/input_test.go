package booking_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// TestBadBooking gets each field of a booking wrong in turn: the answer names it, and nothing
// is stored.
func TestBadBooking(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqldb.SQLite)
	long := strings.Repeat("x", 65)
	for name, c := range map[string]struct {
		change func(r *bookingv1.CreateAppointmentRequest)
		field  string // INVALID_ARGUMENT on it
		reason string // or this
	}{
		"no type":               {func(r *bookingv1.CreateAppointmentRequest) { r.AppointmentTypeId = "" }, "appointment_type_id", ""},
		"long type":             {func(r *bookingv1.CreateAppointmentRequest) { r.AppointmentTypeId = long }, "appointment_type_id", ""},
		"unknown type":          {func(r *bookingv1.CreateAppointmentRequest) { r.AppointmentTypeId = "atype_x" }, "", "NOT_FOUND"},
		"no patient":            {func(r *bookingv1.CreateAppointmentRequest) { r.PatientId = "" }, "patient_id", ""},
		"long patient":          {func(r *bookingv1.CreateAppointmentRequest) { r.PatientId = long }, "patient_id", ""},
		"unknown patient":       {func(r *bookingv1.CreateAppointmentRequest) { r.PatientId = "pat_nobody" }, "", "NOT_FOUND"},
		"no practitioner":       {func(r *bookingv1.CreateAppointmentRequest) { r.PractitionerId = "" }, "practitioner_id", ""},
		"unknown practitioner":  {func(r *bookingv1.CreateAppointmentRequest) { r.PractitionerId = "prac_x" }, "", "NOT_FOUND"},
		"a patient as such":     {func(r *bookingv1.CreateAppointmentRequest) { r.PractitionerId = patient }, "", "NOT_FOUND"},
		"no start":              {func(r *bookingv1.CreateAppointmentRequest) { r.StartTime = nil }, "start_time", ""},
		"start off the grid":    {func(r *bookingv1.CreateAppointmentRequest) { r.StartTime = timestamppb.New(at(10, 1)) }, "start_time", ""},
		"start with seconds":    {func(r *bookingv1.CreateAppointmentRequest) { r.StartTime = timestamppb.New(at(10, 0).Add(time.Second)) }, "start_time", ""},
		"start that is no time": {func(r *bookingv1.CreateAppointmentRequest) { r.StartTime = &timestamppb.Timestamp{Nanos: -1} }, "start_time", ""},
		"start long ago": {func(r *bookingv1.CreateAppointmentRequest) {
			r.StartTime = timestamppb.New(time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC))
		}, "start_time", ""},
		"start far away": {func(r *bookingv1.CreateAppointmentRequest) {
			r.StartTime = timestamppb.New(time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC))
		}, "start_time", ""},
		"in the past": {func(r *bookingv1.CreateAppointmentRequest) { r.StartTime = timestamppb.New(friday.Add(-time.Hour)) }, "", "IN_THE_PAST"},
		"beyond the horizon": {func(r *bookingv1.CreateAppointmentRequest) {
			r.StartTime = timestamppb.New(at(10, 0).Add(735 * 24 * time.Hour))
		}, "", "BEYOND_HORIZON"},
		"at night":             {func(r *bookingv1.CreateAppointmentRequest) { r.StartTime = timestamppb.New(at(3, 0)) }, "", "OUTSIDE_SHIFT"},
		"over the shift's end": {func(r *bookingv1.CreateAppointmentRequest) { r.StartTime = timestamppb.New(at(16, 45)) }, "", "OUTSIDE_SHIFT"},
		"on Sunday": {func(r *bookingv1.CreateAppointmentRequest) {
			r.StartTime = timestamppb.New(at(10, 0).Add(-24 * time.Hour))
		}, "", "OUTSIDE_SHIFT"},
		"negative length":    {func(r *bookingv1.CreateAppointmentRequest) { r.DurationMinutes = -30 }, "duration_minutes", ""},
		"endless length":     {func(r *bookingv1.CreateAppointmentRequest) { r.DurationMinutes = 481 }, "duration_minutes", ""},
		"other length":       {func(r *bookingv1.CreateAppointmentRequest) { r.DurationMinutes = 31 }, "", "WRONG_DURATION"},
		"unknown mode":       {func(r *bookingv1.CreateAppointmentRequest) { r.Mode = "TELEPATHY" }, "mode", ""},
		"other mode":         {func(r *bookingv1.CreateAppointmentRequest) { r.Mode = "ONLINE" }, "", "WRONG_MODE"},
		"unknown room":       {func(r *bookingv1.CreateAppointmentRequest) { r.RoomId = "room_9" }, "", "NOT_FOUND"},
		"a device as a room": {func(r *bookingv1.CreateAppointmentRequest) { r.RoomId = "eqp_laser" }, "", "NOT_FOUND"},
		"unknown hold":       {func(r *bookingv1.CreateAppointmentRequest) { r.HoldId = "hold_x" }, "", "NOT_FOUND"},
		"short override":     {func(r *bookingv1.CreateAppointmentRequest) { r.Override = &bookingv1.Override{Reason: "x"} }, "override.reason", ""},
		"endless override": {func(r *bookingv1.CreateAppointmentRequest) {
			r.Override = &bookingv1.Override{Reason: strings.Repeat("x", 501)}
		}, "override.reason", ""},
		"long request id": {func(r *bookingv1.CreateAppointmentRequest) { r.RequestId = strings.Repeat("x", 129) }, "request_id", ""},
	} {
		r := w.ask(at(10, 0))
		c.change(r)
		_, err := w.appointments.CreateAppointment(w.reception(), r)
		switch {
		case c.field != "":
			t.Run(name, func(t *testing.T) { onField(t, err, c.field) })
		default:
			t.Run(name, func(t *testing.T) { refused(t, err, c.reason) })
		}
	}
	for _, table := range []string{"appointments", "claims", "attempts", "holds", "overlap_overrides"} {
		if n := w.rows(`select count(*) from ` + table); n != 0 {
			t.Errorf("%d rows in %s", n, table)
		}
	}
}

func TestBadSearch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqldb.SQLite)
	for name, c := range map[string]struct {
		change        func(r *bookingv1.ListOpeningsRequest)
		field, reason string
	}{
		"no date":              {func(r *bookingv1.ListOpeningsRequest) { r.StartDate = "" }, "start_date", ""},
		"a date that is none":  {func(r *bookingv1.ListOpeningsRequest) { r.StartDate = "2027-02-29" }, "start_date", ""},
		"an end that is none":  {func(r *bookingv1.ListOpeningsRequest) { r.EndDate = "2026-11-31" }, "end_date", ""},
		"words for a date":     {func(r *bookingv1.ListOpeningsRequest) { r.EndDate = "tomorrow" }, "end_date", ""},
		"end before start":     {func(r *bookingv1.ListOpeningsRequest) { r.EndDate = "2026-11-22" }, "end_date", ""},
		"too long":             {func(r *bookingv1.ListOpeningsRequest) { r.EndDate = "2027-11-22" }, "end_date", ""},
		"part of day":          {func(r *bookingv1.ListOpeningsRequest) { r.PartOfDay = "NIGHT" }, "part_of_day", ""},
		"view":                 {func(r *bookingv1.ListOpeningsRequest) { r.View = "HUGE" }, "view", ""},
		"token":                {func(r *bookingv1.ListOpeningsRequest) { r.PageToken = "x" }, "page_token", ""},
		"compact token":        {func(r *bookingv1.ListOpeningsRequest) { r.View, r.PageToken = "COMPACT", "-1" }, "page_token", ""},
		"plan of nobody":       {func(r *bookingv1.ListOpeningsRequest) { r.PlanId = "pln_1" }, "patient_id", ""},
		"unknown type":         {func(r *bookingv1.ListOpeningsRequest) { r.AppointmentTypeId = "atype_x" }, "", "NOT_FOUND"},
		"unknown practitioner": {func(r *bookingv1.ListOpeningsRequest) { r.PractitionerId = "prac_x" }, "", "NOT_FOUND"},
		"unknown location":     {func(r *bookingv1.ListOpeningsRequest) { r.LocationId = "loc_x" }, "", "NOT_FOUND"},
		"unknown patient":      {func(r *bookingv1.ListOpeningsRequest) { r.PatientId = "pat_nobody" }, "", "NOT_FOUND"},
	} {
		r := &bookingv1.ListOpeningsRequest{AppointmentTypeId: w.physio, StartDate: "2026-11-23", EndDate: "2026-11-24"}
		c.change(r)
		_, err := w.openings.ListOpenings(w.reception(), r)
		t.Run(name, func(t *testing.T) {
			if c.field != "" {
				onField(t, err, c.field)
			} else {
				refused(t, err, c.reason)
			}
		})
	}
}

func TestBadSupply(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqldb.SQLite)
	shift := func(change func(*bookingv1.Shift)) error {
		s := &bookingv1.Shift{PractitionerId: ana, LocationId: place, StartDate: "2026-11-23", StartLocalTime: "09:00", EndLocalTime: "17:00"}
		change(s)
		_, err := w.shifts.CreateShift(w.admin(), &bookingv1.CreateShiftRequest{Shift: s})
		return err
	}
	onField(t, shift(func(s *bookingv1.Shift) { s.TimeZone = "Europe/Atlantis" }), "shift.time_zone")
	onField(t, shift(func(s *bookingv1.Shift) { s.TimeZone = "Local" }), "shift.time_zone")
	onField(t, shift(func(s *bookingv1.Shift) { s.StartLocalTime = "09:03" }), "shift.start_local_time")
	onField(t, shift(func(s *bookingv1.Shift) { s.StartLocalTime = "25:00" }), "shift.start_local_time")
	onField(t, shift(func(s *bookingv1.Shift) { s.EndLocalTime = "24:05" }), "shift.end_local_time")
	onField(t, shift(func(s *bookingv1.Shift) { s.StartDate = "2026-02-30" }), "shift.start_date")
	onField(t, shift(func(s *bookingv1.Shift) { s.EndDate = "2026-11-24" }), "shift.end_date") // a dated shift has none
	onField(t, shift(func(s *bookingv1.Shift) { s.Weekdays, s.EndDate = []string{"MONDAY"}, "2026-11-22" }), "shift.end_date")
	onField(t, shift(func(s *bookingv1.Shift) { s.Weekdays = []string{"FUNDAY"} }), "shift.weekdays[0]")
	refused(t, shift(func(s *bookingv1.Shift) { s.PractitionerId = "prac_x" }), "NOT_FOUND")
	refused(t, shift(func(s *bookingv1.Shift) { s.LocationId = "loc_x" }), "NOT_FOUND")

	exception := func(change func(*bookingv1.ShiftException)) error {
		e := &bookingv1.ShiftException{SubjectId: ana, ReasonCode: "LEAVE", StartLocal: "2026-11-23T09:00", EndLocal: "2026-11-23T12:00"}
		change(e)
		_, err := w.shifts.CreateShiftException(w.admin(), &bookingv1.CreateShiftExceptionRequest{ShiftException: e})
		return err
	}
	onField(t, exception(func(e *bookingv1.ShiftException) { e.EndLocal = "2026-11-23T09:00" }), "shift_exception.end_local")
	onField(t, exception(func(e *bookingv1.ShiftException) { e.StartLocal = "2026-11-31T09:00" }), "shift_exception.start_local")
	onField(t, exception(func(e *bookingv1.ShiftException) { e.TimeZone = "Mars/Olympus" }), "shift_exception.time_zone")
	onField(t, exception(func(e *bookingv1.ShiftException) { e.EndLocal = "2036-11-23T09:00" }), "shift_exception.end_local")
	onField(t, exception(func(e *bookingv1.ShiftException) { e.ReasonCode = "FUN" }), "shift_exception.reason_code")
	refused(t, exception(func(e *bookingv1.ShiftException) { e.SubjectId = "prac_x" }), "NOT_FOUND")
}

func TestBadType(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqldb.SQLite)
	create := func(change func(*bookingv1.AppointmentType)) error {
		typ := &bookingv1.AppointmentType{DisplayName: "X", Kind: "TREATMENT", Discipline: "PHYSIOTHERAPY", DurationMinutes: 30}
		change(typ)
		_, err := w.types.CreateAppointmentType(w.admin(), &bookingv1.CreateAppointmentTypeRequest{AppointmentType: typ})
		return err
	}
	for field, change := range map[string]func(*bookingv1.AppointmentType){
		"display_name":              func(m *bookingv1.AppointmentType) { m.DisplayName = "" },
		"kind":                      func(m *bookingv1.AppointmentType) { m.Kind = "PARTY" },
		"discipline":                func(m *bookingv1.AppointmentType) { m.Discipline = "" },
		"duration_minutes":          func(m *bookingv1.AppointmentType) { m.DurationMinutes = 32 },
		"other_durations_minutes":   func(m *bookingv1.AppointmentType) { m.OtherDurationsMinutes = []int32{31} },
		"buffer_before_minutes":     func(m *bookingv1.AppointmentType) { m.BufferBeforeMinutes = 3 },
		"buffer_after_minutes":      func(m *bookingv1.AppointmentType) { m.BufferAfterMinutes = -5 },
		"recovery_minutes":          func(m *bookingv1.AppointmentType) { m.RecoveryMinutes = 245 },
		"start_step_minutes":        func(m *bookingv1.AppointmentType) { m.StartStepMinutes = 25 },
		"modes[0]":                  func(m *bookingv1.AppointmentType) { m.Modes = []string{"LETTER"} },
		"meeting_uri_prefix":        func(m *bookingv1.AppointmentType) { m.Modes = []string{"ONLINE"} },
		"no_room":                   func(m *bookingv1.AppointmentType) { m.NoRoom, m.RoomCapabilities = true, []string{"TABLE"} },
		"room_capabilities[0]":      func(m *bookingv1.AppointmentType) { m.RoomCapabilities = []string{""} },
		"patient_horizon_days":      func(m *bookingv1.AppointmentType) { m.PatientHorizonDays = 9999 },
		"cancel_notice_minutes":     func(m *bookingv1.AppointmentType) { m.CancelNoticeMinutes = -1 },
		"equipment_capabilities[0]": func(m *bookingv1.AppointmentType) { m.EquipmentCapabilities = []string{strings.Repeat("X", 65)} },
	} {
		onField(t, create(change), "appointment_type."+field)
	}
	insecure := create(func(m *bookingv1.AppointmentType) {
		m.Modes, m.MeetingUriPrefix = []string{"ONLINE"}, "http://meet.example/"
	})
	onField(t, insecure, "appointment_type.meeting_uri_prefix")

	update := func(etag string, paths ...string) error {
		_, err := w.types.UpdateAppointmentType(w.admin(), &bookingv1.UpdateAppointmentTypeRequest{
			AppointmentType: &bookingv1.AppointmentType{AppointmentTypeId: w.physio, DisplayName: "Y", Kind: "TREATMENT", DurationMinutes: 45, Etag: etag},
			UpdateMask:      &fieldmaskpb.FieldMask{Paths: paths},
		})
		return err
	}
	refused(t, update("9", "display_name"), "VERSION_MISMATCH")
	onField(t, update("", "secret"), "update_mask")
	if err := update("1", "display_name"); err != nil {
		t.Fatal(err)
	}
	got, err := w.types.GetAppointmentType(w.patient(), &bookingv1.GetAppointmentTypeRequest{AppointmentTypeId: w.physio})
	if err != nil || got.GetAppointmentType().GetDisplayName() != "Y" || got.GetAppointmentType().GetDurationMinutes() != 30 || got.GetAppointmentType().GetEtag() != "2" {
		t.Errorf("type %v %v", got, err)
	}
}
