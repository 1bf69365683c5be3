package booking_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// atOnce runs n calls released together and returns their errors.
func atOnce(n int, call func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var done sync.WaitGroup
	for i := range n {
		done.Go(func() {
			<-start
			errs[i] = call(i)
		})
	}
	close(start)
	done.Wait()
	return errs
}

// count tallies errors by reason; "" is success.
func count(errs []error) map[string]int {
	n := map[string]int{}
	for _, err := range errs {
		if err == nil {
			n[""]++
		} else {
			n[fault.From(err).Reason]++
		}
	}
	return n
}

// TestRaces: of 64 at once for one practitioner's slot, for one room by different
// practitioners, and for one patient, one is booked and the others are told what is taken.
func TestRaces(t *testing.T) {
	t.Parallel()
	staff := []string{ana, ben, carl}
	for name, c := range map[string]struct {
		ask  func(w *world, i int) *bookingv1.CreateAppointmentRequest
		want map[string]int
	}{
		"slot": {func(w *world, i int) *bookingv1.CreateAppointmentRequest {
			r := w.ask(at(10, 0))
			r.PatientId = fmt.Sprint("pat_", i)
			return r
		}, map[string]int{"": 1, "SLOT_TAKEN": 63}},
		"room": {func(w *world, i int) *bookingv1.CreateAppointmentRequest {
			r := w.ask(at(10, 5*(i%3))) // overlapping, not equal
			r.PatientId, r.PractitionerId, r.RoomId = fmt.Sprint("pat_", i), staff[i%3], "room_1"
			return r
		}, map[string]int{"": 1, "SLOT_TAKEN": 63}},
		"patient": {func(w *world, i int) *bookingv1.CreateAppointmentRequest {
			r := w.ask(at(10, 5*(i%3)))
			r.PractitionerId = staff[i%3]
			return r
		}, map[string]int{"": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, w *world) {
				errs := atOnce(64, func(i int) error {
					_, err := w.appointments.CreateAppointment(w.reception(), c.ask(w, i))
					return err
				})
				got := count(errs)
				if got[""] != 1 || got[""]+got["SLOT_TAKEN"]+got["PATIENT_BUSY"] != 64 {
					t.Errorf("outcomes %v", got)
				}
				for reason, n := range c.want {
					if got[reason] != n {
						t.Errorf("%d with %q, want %d: %v", got[reason], reason, n, got)
					}
				}
				if n := len(w.live()); n != 1 {
					t.Errorf("%d appointments", n)
				}
			})
		})
	}
}

// TestNoOverlapUnderPermutation books visits of random length at random times with random
// practitioners, rooms and a device, from many clients. Nothing overlaps in the end, and no
// client sees anything but a booking or a refusal.
func TestNoOverlapUnderPermutation(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		laser := w.newType(&bookingv1.AppointmentType{
			DisplayName: "Laser", Kind: "TREATMENT", Discipline: "PHYSIOTHERAPY", DurationMinutes: 30, OtherDurationsMinutes: []int32{45, 60},
			RoomCapabilities: []string{"TABLE"}, EquipmentCapabilities: []string{"LASER"}, BufferBeforeMinutes: 5, BufferAfterMinutes: 10,
		})
		rooms := []string{"", "room_1", "room_2", "room_x"}
		errs := atOnce(160, func(i int) error {
			rng := rand.New(rand.NewPCG(uint64(i), 7))
			r := w.ask(at(9, 5*rng.IntN(90)))
			r.PatientId, r.RoomId = fmt.Sprint("pat_", rng.IntN(20)), rooms[rng.IntN(4)]
			r.PractitionerId = []string{ana, ben, carl}[rng.IntN(3)]
			if rng.IntN(2) == 0 {
				r.AppointmentTypeId, r.DurationMinutes = laser, []int32{30, 45, 60}[rng.IntN(3)]
			}
			_, err := w.appointments.CreateAppointment(w.reception(), r)
			return err
		})
		got := count(errs)
		refusals := got["SLOT_TAKEN"] + got["PATIENT_BUSY"] + got["NO_ROOM"] + got["NO_EQUIPMENT"] + got["OUTSIDE_SHIFT"]
		if got[""] == 0 || got[""]+refusals != 160 {
			t.Errorf("outcomes %v", got)
		}
		overlaps := w.rows(`select count(*) from claims a join claims b on a.clinic_id = b.clinic_id and a.resource_id = b.resource_id
			and a.holder_id < b.holder_id and a.starts_at < b.ends_at and b.starts_at < a.ends_at`)
		if overlaps != 0 {
			t.Errorf("%d overlaps", overlaps)
		}
		if n := len(w.live()); n != got[""] {
			t.Errorf("%d appointments, %d were told so", n, got[""])
		}
	})
}

// TestNoFalseRefusal books every distinct free slot of three practitioners with 32 clients:
// none is refused.
func TestNoFalseRefusal(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		for round := range 3 {
			who := []string{ana, ben, carl}[round]
			errs := atOnce(32, func(i int) error {
				start := at(9+i%16/2, i%2*30).Add(time.Duration(i/16) * 24 * time.Hour)
				r := w.ask(start)
				r.PractitionerId, r.PatientId = who, fmt.Sprint("pat_", round, "_", i)
				_, err := w.appointments.CreateAppointment(w.reception(), r)
				return err
			})
			if got := count(errs); got[""] != 32 {
				t.Errorf("%s: %v", who, got)
			}
		}
	})
}

// TestPoolRace: three rooms suit and four practitioners ask at once; three get one each,
// whichever was tried first.
func TestPoolRace(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.shift("prac_new", "09:00", "17:00")
		for hour := 9; hour < 17; hour++ {
			errs := atOnce(4, func(i int) error {
				r := w.ask(at(hour, 0))
				r.PractitionerId, r.PatientId = []string{ana, ben, carl, "prac_new"}[i], fmt.Sprint("pat_", i)
				_, err := w.appointments.CreateAppointment(w.reception(), r)
				return err
			})
			if got := count(errs); got[""] != 3 || got["NO_ROOM"] != 1 {
				t.Errorf("%d:00: %v", hour, got)
			}
		}
	})
}

// TestReplay: the same request id gives the same appointment, 50 times at once, after a
// restart, and when the rules would refuse by now; another body is refused, another person's
// id is their own.
func TestReplay(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ids := make([]string, 50)
		errs := atOnce(50, func(i int) error {
			got, err := w.appointments.CreateAppointment(with(w.reception(), "r1"), w.ask(at(10, 0)))
			ids[i] = got.GetAppointment().GetAppointmentId()
			return err
		})
		if got := count(errs); got[""] != 50 {
			t.Fatalf("outcomes %v", got)
		}
		w.start()
		w.clock.Advance(30 * 24 * time.Hour) // the time has passed
		w.intake.down = true
		again, err := w.appointments.CreateAppointment(with(w.reception(), "r1"), w.ask(at(10, 0)))
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range append(ids, again.GetAppointment().GetAppointmentId()) {
			if id != ids[0] {
				t.Fatalf("appointments %v", ids)
			}
		}
		if n := w.rows(`select count(*) from appointments`); n != 1 {
			t.Errorf("%d appointments", n)
		}
		_, err = w.appointments.CreateAppointment(with(w.reception(), "r1"), w.ask(at(11, 0)))
		refused(t, err, "REQUEST_ID_REUSED")
		w.intake.down = false
		_, err = w.appointments.CreateAppointment(with(w.colleague(), "r1"), w.ask(at(10, 0)))
		refused(t, err, "IN_THE_PAST")
	})
}
