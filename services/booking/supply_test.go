package booking_test

import (
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
)

// TestSupplyFlags: leave, a closed room, a shorter shift and a practitioner who leaves mark what
// is booked, and only that; giving the time back clears it. Nothing is cancelled.
func TestSupplyFlags(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		morning, noon := w.ask(at(9, 0)), w.ask(at(13, 0))
		morning.RoomId, noon.RoomId = "room_1", "room_2"
		a, b := w.book(morning).GetAppointmentId(), w.book(noon).GetAppointmentId()
		exception := func(subject, from, to string) string {
			got, err := w.shifts.CreateShiftException(w.admin(), &bookingv1.CreateShiftExceptionRequest{ShiftException: &bookingv1.ShiftException{
				SubjectId: subject, ReasonCode: "OTHER", StartLocal: from, EndLocal: to,
			}})
			if err != nil {
				t.Fatal(err)
			}
			return got.GetShiftException().GetShiftExceptionId()
		}
		drop := func(id string) {
			if _, err := w.shifts.DeleteShiftException(w.admin(), &bookingv1.DeleteShiftExceptionRequest{ShiftExceptionId: id}); err != nil {
				t.Fatal(err)
			}
		}
		leave := exception(ana, "2026-11-23T08:00", "2026-11-23T12:00")
		if !w.has(a, "OUTSIDE_SHIFT") || w.has(b, "OUTSIDE_SHIFT") {
			t.Errorf("leave: %v %v", w.flagsOf(a), w.flagsOf(b))
		}
		list, err := w.shifts.ListShiftExceptions(w.reception(), &bookingv1.ListShiftExceptionsRequest{StartDate: "2026-11-23", EndDate: "2026-11-23"})
		if err != nil || len(list.GetShiftExceptions()) != 1 || list.GetShiftExceptions()[0].GetTimeZone() != "Europe/Berlin" {
			t.Errorf("list %v %v", list, err)
		}
		drop(leave)
		closed := exception("room_2", "2026-11-23T13:15", "2026-11-23T18:00")
		if w.has(a, "OUTSIDE_SHIFT") || !w.has(b, "ROOM_AWAY") {
			t.Errorf("room: %v %v", w.flagsOf(a), w.flagsOf(b))
		}
		drop(closed)
		holiday := exception("", "2026-11-23T00:00", "2026-11-24T00:00")
		if !w.has(a, "OUTSIDE_SHIFT") || !w.has(b, "OUTSIDE_SHIFT") {
			t.Error("holiday")
		}
		if got := w.find(func(r *bookingv1.ListOpeningsRequest) { r.EndDate = r.StartDate }); len(got.GetOpenings()) != 0 {
			t.Errorf("%d openings on a holiday", len(got.GetOpenings()))
		}
		drop(holiday)
		if len(w.flagsOf(a)) != 1 || len(w.flagsOf(b)) != 1 {
			t.Errorf("flags stay: %v %v", w.flagsOf(a), w.flagsOf(b))
		}

		shifts, err := w.shifts.ListShifts(w.reception(), &bookingv1.ListShiftsRequest{PractitionerId: ana})
		if err != nil || len(shifts.GetShifts()) != 1 {
			t.Fatal(shifts, err)
		}
		shift := proto.CloneOf(shifts.GetShifts()[0])
		shift.StartLocalTime, shift.Etag = "10:00", "7"
		_, err = w.shifts.UpdateShift(w.admin(), &bookingv1.UpdateShiftRequest{Shift: shift})
		refused(t, err, "VERSION_MISMATCH")
		shift.Etag = "1"
		if _, err = w.shifts.UpdateShift(w.admin(), &bookingv1.UpdateShiftRequest{Shift: shift}); err != nil {
			t.Fatal(err)
		}
		if !w.has(a, "OUTSIDE_SHIFT") || w.has(b, "OUTSIDE_SHIFT") {
			t.Errorf("shift: %v %v", w.flagsOf(a), w.flagsOf(b))
		}
		if _, err := w.shifts.DeleteShift(w.admin(), &bookingv1.DeleteShiftRequest{ShiftId: shift.GetShiftId()}); err != nil {
			t.Fatal(err)
		}
		if !w.has(b, "OUTSIDE_SHIFT") || len(w.live()) != 2 {
			t.Errorf("no shift: %v, %d live", w.flagsOf(b), len(w.live()))
		}
		_, err = w.shifts.DeleteShift(w.admin(), &bookingv1.DeleteShiftRequest{ShiftId: shift.GetShiftId()})
		refused(t, err, "NOT_FOUND")
	})
}

// TestPractitionerLeaves: directory says that somebody does not work here any more.
func TestPractitionerLeaves(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.run()
		id := w.book(w.ask(at(10, 0))).GetAppointmentId()
		w.dir.mu.Lock()
		gone := proto.CloneOf(w.dir.practitioners[0])
		gone.Active, gone.Etag = proto.Bool(false), "2"
		w.dir.practitioners[0] = gone
		w.dir.mu.Unlock()
		w.dir.tell(t, &directoryv1.PractitionerChanged{ClinicId: clinic, PractitionerId: ana})
		waitFor(t, "flag", func() bool { return w.has(id, "PRACTITIONER_INACTIVE") })
		_, err := w.appointments.CreateAppointment(w.reception(), w.ask(at(11, 0)))
		refused(t, err, "PRACTITIONER_INACTIVE")
		got := w.find(nil)
		if slices.ContainsFunc(got.GetOpenings(), func(o *bookingv1.Opening) bool { return o.GetPractitionerId() == ana }) {
			t.Error("still offered")
		}
	})
}

// TestPolicies: notice and horizon differ for patients and staff; a type that is switched off or
// not for patients is refused and hidden.
func TestPolicies(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.intake.set(patient, care(1))
		strict := &bookingv1.AppointmentType{
			DisplayName: "Strict", Kind: "TREATMENT", Discipline: "PHYSIOTHERAPY", DurationMinutes: 30, PatientBookable: true,
			PatientNoticeMinutes: 72 * 60, PatientHorizonDays: 5, StaffNoticeMinutes: 60, StaffHorizonDays: 30,
		}
		typ := w.newType(strict)
		ask := func(start time.Time) *bookingv1.CreateAppointmentRequest {
			r := w.ask(start)
			r.AppointmentTypeId = typ
			return r
		}
		day := 24 * time.Hour
		_, err := w.appointments.CreateAppointment(w.patient(), ask(friday.Add(2*time.Hour)))
		if f := refused(t, err, "NOTICE_TOO_SHORT"); f.Facts["next_start_time"] != "2026-11-23T08:00:00Z" {
			t.Errorf("facts %v", f.Facts)
		}
		_, err = w.appointments.CreateAppointment(w.patient(), ask(at(10, 0).Add(3*day)))
		if f := refused(t, err, "BEYOND_HORIZON"); f.Facts["last_date"] != "2026-11-25" {
			t.Errorf("facts %v", f.Facts)
		}
		_, err = w.appointments.CreateAppointment(w.reception(), ask(friday.Add(30*time.Minute)))
		refused(t, err, "NOTICE_TOO_SHORT")
		w.book(ask(friday.Add(2 * time.Hour)))
		w.book(ask(at(10, 0).Add(21 * day)))
		// Openings know the same: from Monday 9:00, notice on the minute, to the last date.
		got, err := w.openings.ListOpenings(w.patient(), &bookingv1.ListOpeningsRequest{
			AppointmentTypeId: typ, StartDate: "2026-11-20", EndDate: "2026-12-10", PractitionerId: ana, PageSize: 1000,
		})
		if err != nil || len(got.GetOpenings()) != 3*16 || got.GetOpenings()[0].GetLocalStart() != "2026-11-23T09:00" {
			t.Errorf("%d openings: %v", len(got.GetOpenings()), err)
		}
		late, err := w.openings.ListOpenings(w.patient(), &bookingv1.ListOpeningsRequest{AppointmentTypeId: typ, StartDate: "2027-01-11", EndDate: "2027-01-12"})
		if err != nil || len(late.GetRefused()) != 1 || late.GetRefused()[0].GetReason() != "BEYOND_HORIZON" {
			t.Errorf("beyond: %v %v", late, err)
		}

		strict.AppointmentTypeId, strict.PatientBookable = typ, false
		if _, err := w.types.UpdateAppointmentType(w.admin(), &bookingv1.UpdateAppointmentTypeRequest{AppointmentType: strict}); err != nil {
			t.Fatal(err)
		}
		_, err = w.appointments.CreateAppointment(w.patient(), ask(at(15, 0)))
		refused(t, err, "NOT_BOOKABLE_ONLINE")
		_, err = w.types.GetAppointmentType(w.patient(), &bookingv1.GetAppointmentTypeRequest{AppointmentTypeId: typ})
		refused(t, err, "NOT_FOUND")
		strict.Inactive = true
		if _, err := w.types.UpdateAppointmentType(w.admin(), &bookingv1.UpdateAppointmentTypeRequest{AppointmentType: strict}); err != nil {
			t.Fatal(err)
		}
		_, err = w.appointments.CreateAppointment(w.reception(), ask(at(15, 0)))
		refused(t, err, "TYPE_INACTIVE")
		for show, want := range map[bool]int{false: 1, true: 2} {
			list, err := w.types.ListAppointmentTypes(w.reception(), &bookingv1.ListAppointmentTypesRequest{ShowInactive: show})
			if err != nil || len(list.GetAppointmentTypes()) != want {
				t.Errorf("types %v %v", list, err)
			}
		}
	})
}

// TestOtherReplica: two processes share a database (PostgreSQL); what one does the other's
// openings show as soon as it has read the log.
func TestOtherReplica(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		first := *w
		w.start()
		w.run()
		second := *w
		count := func(x *world) int { return len(x.find(nil).GetOpenings()) }
		before := count(&first)
		if count(&second) != before {
			t.Fatal("replicas differ")
		}
		apt := first.book(first.ask(at(10, 0)))
		waitFor(t, "booking seen", func() bool { return count(&second) == before-1 })
		if _, err := first.cancel(apt.GetAppointmentId()); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "cancel seen", func() bool { return count(&second) == before })
		hold := first.place(first.holdAt(at(11, 0)))
		waitFor(t, "hold seen", func() bool { return count(&second) == before-1 })
		if _, err := first.holds.DeleteHold(first.reception(), &bookingv1.DeleteHoldRequest{HoldId: hold.GetHoldId()}); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "release seen", func() bool { return count(&second) == before })
		moved := first.book(first.ask(at(10, 0)))
		waitFor(t, "booking seen", func() bool { return count(&second) == before-1 })
		_, err := first.appointments.RescheduleAppointment(first.reception(), &bookingv1.RescheduleAppointmentRequest{
			AppointmentId: moved.GetAppointmentId(), StartTime: timestamppb.New(at(10, 15)),
		})
		if err != nil {
			t.Fatal(err)
		}
		waitFor(t, "move seen", func() bool { return count(&second) == before-2 }) // off the grid: two starts
		first.shift("prac_new", "09:00", "10:00")
		w.clock.Advance(time.Second) // as long as SQLite, which one process writes, may go unasked
		if n := count(&second); n != before-2+2*2 {
			t.Errorf("%d openings with a new shift, which needs no log", n)
		}
	})
}
