package booking_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
)

func (w *world) holdAt(start time.Time) *bookingv1.CreateHoldRequest {
	return &bookingv1.CreateHoldRequest{AppointmentTypeId: w.physio, PractitionerId: ana, PatientId: patient, StartTime: timestamppb.New(start)}
}

func (w *world) place(r *bookingv1.CreateHoldRequest) *bookingv1.Hold {
	w.t.Helper()
	got, err := w.holds.CreateHold(w.reception(), r)
	if err != nil {
		w.t.Fatal(err)
	}
	return got.GetHold()
}

// TestHold: held time is taken for everybody but its owner, who is found by account or token,
// and whose booking takes it over.
func TestHold(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		hold := w.place(w.holdAt(at(10, 0)))
		if hold.GetOwnerToken() == "" || !hold.GetExpireTime().AsTime().Equal(friday.Add(10*time.Minute)) || hold.GetState() != "HELD" {
			t.Errorf("hold %v", hold)
		}
		other := w.ask(at(10, 0))
		other.PatientId = "pat_two"
		_, err := w.appointments.CreateAppointment(w.colleague(), other)
		if f := refused(t, err, "SLOT_TAKEN"); f.Facts["held"] != "true" {
			t.Errorf("facts %v", f.Facts)
		}
		other.HoldId = hold.GetHoldId()
		_, err = w.appointments.CreateAppointment(w.colleague(), other)
		refused(t, err, "NOT_FOUND")
		other.OwnerToken = hold.GetOwnerToken()
		apt, err := w.appointments.CreateAppointment(w.colleague(), other)
		if err != nil {
			t.Fatal(err)
		}
		if n := w.rows(`select count(*) from holds where state = 'TAKEN_OVER' and appointment_id = $1`, apt.GetAppointment().GetAppointmentId()); n != 1 {
			t.Error("not taken over")
		}
		_, err = w.holds.RenewHold(w.reception(), &bookingv1.RenewHoldRequest{HoldId: hold.GetHoldId()})
		refused(t, err, "HOLD_GONE")

		mine := w.place(w.holdAt(at(11, 0))) // the same account books again without saying so
		w.place(w.holdAt(at(11, 15)))        // and changes its mind first
		w.book(w.ask(at(11, 0)))
		if _, err := w.holds.DeleteHold(w.reception(), &bookingv1.DeleteHoldRequest{HoldId: mine.GetHoldId()}); err != nil {
			t.Errorf("deleting a hold that is gone: %v", err)
		}
		want := []string{"HoldPlaced", "HoldReleased", "AppointmentBooked", "HoldPlaced", "HoldReleased", "HoldPlaced", "HoldReleased", "AppointmentBooked"}
		if diff := cmp.Diff(want, names(w.events())); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		w.settled()
	})
}

// TestHoldExpires: nothing frees held time by itself; whoever wants it after its expiry
// releases it, with its event, in the same transaction, and so does the sweep.
func TestHoldExpires(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.place(w.holdAt(at(10, 0)))
		swept := w.place(w.holdAt(at(14, 0)))
		other := w.ask(at(10, 0))
		other.PatientId = "pat_two"
		w.clock.Advance(10*time.Minute - time.Microsecond)
		_, err := w.appointments.CreateAppointment(w.colleague(), other)
		refused(t, err, "SLOT_TAKEN")
		w.clock.Advance(time.Microsecond)
		if _, err := w.appointments.CreateAppointment(w.colleague(), other); err != nil {
			t.Fatal(err)
		}
		want := []string{"HoldPlaced", "HoldPlaced", "HoldReleased", "AppointmentBooked"}
		if diff := cmp.Diff(want, names(w.events())); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		w.run()
		waitFor(t, "sweep", func() bool {
			return w.rows(`select count(*) from holds where hold_id = $1 and state = 'RELEASED'`, swept.GetHoldId()) == 1
		})
		w.settled()
	})
}

func TestRenewAndRestart(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		hold := w.place(w.holdAt(at(10, 0)))
		w.start()
		for i, want := range []time.Duration{18, 26, 30, 30} {
			w.clock.Advance(8 * time.Minute)
			if i == 3 {
				w.clock.Advance(-8 * time.Minute) // still before the limit
			}
			got, err := w.holds.RenewHold(w.colleague(), &bookingv1.RenewHoldRequest{HoldId: hold.GetHoldId(), OwnerToken: hold.GetOwnerToken()})
			if err != nil {
				t.Fatal(err)
			}
			if until := got.GetHold().GetExpireTime().AsTime(); !until.Equal(friday.Add(want * time.Minute)) {
				t.Errorf("renewed until %v, want %d minutes after it was placed", until, want)
			}
		}
		_, err := w.holds.RenewHold(w.colleague(), &bookingv1.RenewHoldRequest{HoldId: hold.GetHoldId(), OwnerToken: "guess"})
		refused(t, err, "NOT_FOUND")
		_, err = w.holds.DeleteHold(w.patient(), &bookingv1.DeleteHoldRequest{HoldId: "hold_unknown"})
		refused(t, err, "NOT_FOUND")
	})
}

// TestHoldLimits: one account cannot empty the diary, and staff see what is held.
func TestHoldLimits(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		for i := range 3 {
			if _, err := w.holds.CreateHold(w.patient(), w.holdAt(at(9+i, 0))); err != nil {
				t.Fatal(err)
			}
		}
		_, err := w.holds.CreateHold(w.patient(), w.holdAt(at(15, 0)))
		refused(t, err, "TOO_MANY_HOLDS")
		anon := w.holdAt(at(15, 0))
		anon.PatientId = ""
		w.place(anon)
		list, err := w.holds.ListHolds(w.reception(), &bookingv1.ListHoldsRequest{Date: "2026-11-23"})
		if err != nil || len(list.GetHolds()) != 4 {
			t.Fatalf("holds %v %v", list, err)
		}
		for _, h := range list.GetHolds() {
			if h.GetOwnerToken() != "" {
				t.Error("a list gives tokens away")
			}
		}
		none, err := w.holds.ListHolds(w.reception(), &bookingv1.ListHoldsRequest{Date: "2026-11-24"})
		if err != nil || len(none.GetHolds()) != 0 {
			t.Errorf("another day: %v %v", none, err)
		}
	})
}

// TestHoldRace: 32 hold one slot at once; one has it.
func TestHoldRace(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		errs := atOnce(32, func(i int) error {
			r := w.holdAt(at(10, 0))
			r.PatientId = fmt.Sprint("pat_", i)
			_, err := w.holds.CreateHold(w.reception(), r)
			return err
		})
		if got := count(errs); got[""] != 1 || got["SLOT_TAKEN"] != 31 {
			t.Errorf("outcomes %v", got)
		}
	})
}
