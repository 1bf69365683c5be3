package booking_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
)

func (w *world) cancel(id string) (*bookingv1.Appointment, error) {
	got, err := w.appointments.CancelAppointment(w.reception(), &bookingv1.CancelAppointmentRequest{AppointmentId: id})
	return got.GetAppointment(), err
}

func (w *world) undo(id string) (*bookingv1.Appointment, error) {
	got, err := w.appointments.UndoCancelAppointment(w.reception(), &bookingv1.UndoCancelAppointmentRequest{AppointmentId: id})
	return got.GetAppointment(), err
}

func TestReschedule(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		apt := w.book(w.ask(at(10, 0)))
		blocker := w.ask(at(12, 0))
		blocker.PatientId = "pat_two"
		w.book(blocker)
		move := func(start time.Time, etag string) (*bookingv1.Appointment, error) {
			got, err := w.appointments.RescheduleAppointment(w.reception(), &bookingv1.RescheduleAppointmentRequest{
				AppointmentId: apt.GetAppointmentId(), StartTime: timestamppb.New(start), Etag: etag,
			})
			return got.GetAppointment(), err
		}
		_, err := move(at(12, 15), "")
		refused(t, err, "SLOT_TAKEN")
		_, err = move(at(14, 0), "7")
		refused(t, err, "VERSION_MISMATCH")
		if n := len(w.live()); n != 2 || w.live()[0].GetLocalStart() != "2026-11-23T10:00" {
			t.Fatalf("a refused move changed something: %v", w.live())
		}
		got, err := move(at(10, 15), "1") // over part of its own time
		if err != nil {
			t.Fatal(err)
		}
		if got.GetLocalStart() != "2026-11-23T10:15" || got.GetEtag() != "2" || got.GetRoomId() != apt.GetRoomId() {
			t.Errorf("moved %v", got)
		}
		old := w.ask(at(9, 45)) // what was given up is free
		old.PatientId = "pat_three"
		w.book(old)
		got, err = move(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC), "")
		if err != nil || got.GetLocalDate() != "2026-11-24" {
			t.Errorf("moved %v %v", got, err)
		}
		if n := w.rows(`select count(*) from claims where holder_id = $1`, apt.GetAppointmentId()); n != 3 {
			t.Errorf("%d claims", n)
		}
		events := w.events()
		last := events[len(events)-1].(*bookingv1.AppointmentRescheduled)
		if !last.GetPrevious().GetStartTime().AsTime().Equal(at(10, 15)) {
			t.Errorf("event %v", last)
		}
		for _, a := range w.sheet() {
			if a.GetAppointmentId() == apt.GetAppointmentId() {
				t.Error("it is still on the sheet of the day that it left")
			}
		}
	})
}

func TestCancelAndUndo(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		apt := w.book(w.ask(at(10, 0)))
		_, err := w.undo(apt.GetAppointmentId())
		refused(t, err, "NOT_CANCELLED")
		got, err := w.cancel(apt.GetAppointmentId())
		if err != nil || got.GetState() != "CANCELLED" || got.GetCancelReasonCode() != "PATIENT_REQUEST" || got.GetLateCancel() {
			t.Fatalf("cancelled %v %v", got, err)
		}
		if !got.GetUndoExpireTime().AsTime().Equal(friday.Add(3 * time.Minute)) {
			t.Errorf("undo until %v", got.GetUndoExpireTime())
		}
		if again, err := w.cancel(apt.GetAppointmentId()); err != nil || again.GetEtag() != got.GetEtag() {
			t.Errorf("cancelled again: %v %v", again, err)
		}
		if got, err = w.undo(apt.GetAppointmentId()); err != nil || got.GetState() != "BOOKED" || got.GetUndoExpireTime() != nil {
			t.Fatalf("undone %v %v", got, err)
		}
		if _, err := w.cancel(apt.GetAppointmentId()); err != nil {
			t.Fatal(err)
		}
		other := w.ask(at(10, 0))
		other.PatientId = "pat_two"
		taken := w.book(other)
		_, err = w.undo(apt.GetAppointmentId())
		refused(t, err, "SLOT_TAKEN")
		if _, err := w.cancel(taken.GetAppointmentId()); err != nil {
			t.Fatal(err)
		}
		w.clock.Advance(4 * time.Minute)
		_, err = w.undo(apt.GetAppointmentId())
		refused(t, err, "UNDO_TOO_LATE")
		want := []string{"AppointmentBooked", "AppointmentCancelled", "AppointmentBooked", "AppointmentCancelled", "AppointmentBooked", "AppointmentCancelled"}
		if diff := cmp.Diff(want, names(w.events())); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		if n := w.rows(`select count(*) from claims`); n != 0 {
			t.Errorf("%d claims left", n)
		}
	})
}

// TestLatePolicy: a cancel later than the type's notice is marked so; a patient cannot cancel
// what has begun.
func TestLatePolicy(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		strict := w.newType(&bookingv1.AppointmentType{
			DisplayName: "Strict", Kind: "TREATMENT", Discipline: "PHYSIOTHERAPY", DurationMinutes: 30, NoRoom: true, CancelNoticeMinutes: 24 * 60,
		})
		r := w.ask(at(10, 0))
		r.AppointmentTypeId = strict
		apt := w.book(r)
		w.clock.Set(at(9, 0))
		got, err := w.cancel(apt.GetAppointmentId())
		if err != nil || !got.GetLateCancel() {
			t.Errorf("cancelled %v %v", got, err)
		}
		if e := w.events()[1].(*bookingv1.AppointmentCancelled); !e.GetLate() {
			t.Errorf("event %v", e)
		}
		r.StartTime = timestamppb.New(at(11, 0))
		apt = w.book(r)
		w.clock.Set(at(11, 0))
		_, err = w.appointments.CancelAppointment(w.patient(), &bookingv1.CancelAppointmentRequest{AppointmentId: apt.GetAppointmentId()})
		refused(t, err, "NOT_CANCELLABLE")
	})
}

// TestProgress walks an appointment through its day and back, and tries every step from every
// state.
func TestProgress(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		steps := map[string]func(id string) error{
			"check in": func(id string) error {
				_, err := w.appointments.CheckInAppointment(w.reception(), &bookingv1.CheckInAppointmentRequest{AppointmentId: id})
				return err
			},
			"start": func(id string) error {
				_, err := w.appointments.StartAppointment(w.reception(), &bookingv1.StartAppointmentRequest{AppointmentId: id})
				return err
			},
			"complete": func(id string) error {
				_, err := w.appointments.CompleteAppointment(w.reception(), &bookingv1.CompleteAppointmentRequest{AppointmentId: id})
				return err
			},
			"no show": func(id string) error {
				_, err := w.appointments.MarkNoShow(w.reception(), &bookingv1.MarkNoShowRequest{AppointmentId: id})
				return err
			},
			"cancel": func(id string) error { _, err := w.cancel(id); return err },
		}
		state := func(id string) string {
			got, err := w.appointments.GetAppointment(w.reception(), &bookingv1.GetAppointmentRequest{AppointmentId: id})
			if err != nil {
				t.Fatal(err)
			}
			return got.GetAppointment().GetState()
		}
		early := w.book(w.ask(at(9, 0))).GetAppointmentId()
		refused(t, steps["check in"](early), "WRONG_DAY")
		refused(t, steps["start"](early), "WRONG_DAY")
		refused(t, steps["complete"](early), "TOO_EARLY")
		refused(t, steps["no show"](early), "TOO_EARLY")
		var booked []string
		for slot := range 12 {
			booked = append(booked, w.book(w.ask(at(10+slot/2, slot%2*30))).GetAppointmentId())
		}
		w.clock.Set(at(16, 0))
		for _, c := range []struct {
			path []string
			want string // state, or the reason that refuses the last step
		}{
			{[]string{"check in", "check in", "start", "start", "complete", "complete"}, "COMPLETED"},
			{[]string{"complete"}, "COMPLETED"},
			{[]string{"no show", "no show"}, "NO_SHOW"},
			{[]string{"check in", "no show"}, "NOT_BOOKED"},
			{[]string{"no show", "complete"}, "NOT_BOOKED"},
			{[]string{"no show", "check in"}, "NOT_BOOKED"},
			{[]string{"complete", "cancel"}, "NOT_CANCELLABLE"},
			{[]string{"start", "cancel"}, "NOT_CANCELLABLE"},
			{[]string{"cancel", "start"}, "NOT_BOOKED"},
			{[]string{"cancel", "complete"}, "NOT_BOOKED"},
			{[]string{"check in", "cancel"}, "CANCELLED"},
			{[]string{"cancel", "cancel"}, "CANCELLED"},
		} {
			id := booked[0]
			booked = booked[1:]
			var err error
			for i, step := range c.path {
				if err = steps[step](id); err != nil && i < len(c.path)-1 {
					t.Fatalf("%v: %s: %v", c.path, step, err)
				}
			}
			if err != nil {
				refused(t, err, c.want)
			} else if got := state(id); got != c.want {
				t.Errorf("%v: %s, want %s", c.path, got, c.want)
			}
		}
	})
}

// TestUndoCheckIn takes an arrival back, for the wrong patient, and takes it in again; once the
// session has begun it stays.
func TestUndoCheckIn(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		undo := func(by context.Context, id, etag string) (*bookingv1.Appointment, error) {
			got, err := w.appointments.UndoCheckInAppointment(by, &bookingv1.UndoCheckInAppointmentRequest{AppointmentId: id, Etag: etag})
			return got.GetAppointment(), err
		}
		arrive := func(id string) *bookingv1.Appointment {
			got, err := w.appointments.CheckInAppointment(w.reception(), &bookingv1.CheckInAppointmentRequest{AppointmentId: id})
			if err != nil {
				t.Fatal(err)
			}
			return got.GetAppointment()
		}
		id := w.book(w.ask(at(10, 0))).GetAppointmentId()
		w.clock.Set(at(9, 55))
		before := arrive(id)
		_, err := undo(w.reception(), id, "W/\"1\"")
		refused(t, err, "VERSION_MISMATCH")
		for range 2 { // the second press finds it done
			got, err := undo(w.reception(), id, "")
			if err != nil || got.GetState() != "BOOKED" || got.GetCheckInTime() != nil || got.GetEtag() == before.GetEtag() {
				t.Errorf("taken back: %v %v", got, err)
			}
		}
		if again := arrive(id); again.GetState() != "CHECKED_IN" || again.GetCheckInTime() == nil {
			t.Errorf("arrived again: %v", again)
		}
		var kinds []string
		for _, e := range w.events() {
			kinds = append(kinds, string(e.ProtoReflect().Descriptor().Name()))
		}
		if diff := cmp.Diff([]string{"AppointmentBooked", "AppointmentCheckedIn", "AppointmentCheckInUndone", "AppointmentCheckedIn"}, kinds); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		if _, err := w.appointments.StartAppointment(w.reception(), &bookingv1.StartAppointmentRequest{AppointmentId: id}); err != nil {
			t.Fatal(err)
		}
		_, err = undo(w.reception(), id, "")
		refused(t, err, "NOT_CHECKED_IN")
		gone := w.book(w.ask(at(11, 0))).GetAppointmentId()
		if _, err := w.cancel(gone); err != nil {
			t.Fatal(err)
		}
		_, err = undo(w.reception(), gone, "")
		refused(t, err, "NOT_CHECKED_IN")
	})
}

// TestOverride: staff may book over somebody and outside working hours, with a reason that
// stays, is marked, and is theirs alone to see. What lies over an override is refused again.
func TestOverride(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		first := w.book(w.ask(at(10, 0)))
		r := w.ask(at(10, 15))
		r.Override = &bookingv1.Override{Reason: "acute pain, agreed with Ana"}
		r.PatientId = patient
		over := w.book(r)
		if !cmp.Equal(over.GetFlags(), []string{"SCREENING_DUE", "OVERRIDDEN"}) || over.GetOverride().GetAccountId() != "acc_"+clinic {
			t.Errorf("booked %v", over)
		}
		if n := w.rows(`select count(*) from overlap_overrides where over_holder_id = $1 and reason like 'acute%' and account_id = $2`,
			first.GetAppointmentId(), "acc_"+clinic); n != 2 {
			t.Errorf("%d override rows, want practitioner and patient", n)
		}
		seen, err := w.appointments.GetAppointment(w.patient(), &bookingv1.GetAppointmentRequest{AppointmentId: over.GetAppointmentId()})
		if err != nil || seen.GetAppointment().GetOverride() != nil {
			t.Errorf("the patient sees %v %v", seen, err)
		}
		if _, err := w.cancel(first.GetAppointmentId()); err != nil {
			t.Fatal(err)
		}
		silent := w.ask(at(10, 0))
		silent.PatientId = "pat_two"
		_, err = w.appointments.CreateAppointment(w.reception(), silent)
		refused(t, err, "SLOT_TAKEN")

		late := w.ask(at(18, 0))
		_, err = w.appointments.CreateAppointment(w.reception(), late)
		if f := refused(t, err, "OUTSIDE_SHIFT"); f.Facts["overridable"] != "true" {
			t.Errorf("facts %v", f.Facts)
		}
		late.Override = &bookingv1.Override{Reason: "evening hours by agreement"}
		if got := w.book(late); got.GetLocationId() != place {
			t.Errorf("booked %v", got)
		}
		_, err = w.appointments.CreateAppointment(w.patient(), late)
		refused(t, err, "OVERRIDE_NOT_ALLOWED")
		wrong := w.ask(at(12, 0))
		wrong.PractitionerId, wrong.Override = drX, late.GetOverride()
		_, err = w.appointments.CreateAppointment(w.reception(), wrong)
		refused(t, err, "WRONG_DISCIPLINE")
	})
}
