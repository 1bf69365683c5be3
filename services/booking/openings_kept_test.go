package booking_test

import (
	"testing"
	"time"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
)

// TestKeptOpeningsAreNeverOld asks the same question again and again while time is taken and
// given back, by the same process: each answer must be of the diary as the last change left it.
func TestKeptOpeningsAreNeverOld(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		compact := func(r *bookingv1.ListOpeningsRequest) { r.View, r.PractitionerId = "COMPACT", ana }
		full := func(r *bookingv1.ListOpeningsRequest) { r.PractitionerId = ana }
		offered := func(want bool, after string) {
			t.Helper()
			for range 2 { // computed, then kept
				in := false
				for _, k := range expand(t, w.find(compact).GetGroups()) {
					in = in || k == key(ana, at(10, 0))
				}
				list := false
				for _, o := range w.find(full).GetOpenings() {
					list = list || o.GetStartTime().AsTime().Equal(at(10, 0))
				}
				if in != want || list != want {
					t.Fatalf("after %s ten o'clock is offered: compact %v, full %v, want %v", after, in, list, want)
				}
			}
		}
		offered(true, "nothing")
		apt := w.book(w.ask(at(10, 0)))
		offered(false, "a booking")
		if _, err := w.cancel(apt.GetAppointmentId()); err != nil {
			t.Fatal(err)
		}
		offered(true, "a cancel")
		held := w.place(w.holdAt(at(10, 0)))
		offered(false, "a hold")
		if _, err := w.holds.DeleteHold(w.reception(), &bookingv1.DeleteHoldRequest{HoldId: held.GetHoldId()}); err != nil {
			t.Fatal(err)
		}
		offered(true, "a release")
		away, err := w.shifts.CreateShiftException(w.admin(), &bookingv1.CreateShiftExceptionRequest{ShiftException: &bookingv1.ShiftException{
			SubjectId: ana, ReasonCode: "LEAVE", StartLocal: "2026-11-23T09:30", EndLocal: "2026-11-23T11:00",
		}})
		if err != nil {
			t.Fatal(err)
		}
		offered(false, "leave")
		_, err = w.shifts.DeleteShiftException(w.admin(), &bookingv1.DeleteShiftExceptionRequest{ShiftExceptionId: away.GetShiftException().GetShiftExceptionId()})
		if err != nil {
			t.Fatal(err)
		}
		offered(true, "the end of leave")
		w.clock.Advance(at(9, 58).Sub(w.clock.Now()))
		offered(true, "two minutes before")
		w.clock.Advance(3 * time.Minute)
		offered(false, "ten o'clock has passed")
	})
}
