package workload

import (
	"testing"
	"time"
)

// TestClinicFits checks that nobody and nothing of the large clinic is in two places.
func TestClinicFits(t *testing.T) {
	t.Parallel()
	c := NewClinic(time.Date(2027, 1, 4, 0, 0, 0, 0, time.UTC), 100_000)
	type place struct {
		kind           string
		id, day, index int
	}
	taken := map[place]bool{}
	take := func(p place) {
		if taken[p] {
			t.Fatalf("%+v is taken twice", p)
		}
		taken[p] = true
	}
	onDay := 0
	for n := range c.Appointments {
		v := c.Visit(n)
		take(place{"practitioner", v.Practitioner, v.Day, v.Index})
		take(place{"room", v.Room, v.Day, v.Index})
		take(place{"patient", v.Patient, v.Day, v.Index})
		if v.Index >= c.SlotsPerDay || v.Room >= c.Rooms || v.Day >= firstBooked {
			t.Fatalf("appointment %d is at %+v", n, v)
		}
		if v.Day == 3 {
			onDay++
		}
		if v.Day >= 0 && v.Day < fortnight && v.Patient >= c.FreePatient(0) {
			t.Fatalf("appointment %d is of a patient who should be free: %+v", n, v)
		}
	}
	if onDay != c.OnDay() {
		t.Errorf("a day of the fortnight has %d appointments, OnDay says %d", onDay, c.OnDay())
	}
	for n := range 40_000 {
		v := c.Free(n)
		take(place{"practitioner", v.Practitioner, v.Day, v.Index})
		take(place{"patient", v.Patient, v.Day, v.Index})
	}
}

// TestClinicAnswers counts what the searches must find by hand.
func TestClinicAnswers(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1_000, 100_000} {
		c := NewClinic(time.Date(2027, 1, 4, 0, 0, 0, 0, time.UTC), n)
		free := map[int]int{}
		all := eightWeeks * c.SlotsPerDay * c.Practitioners
		for i := range n {
			v := c.Visit(i)
			if v.Day >= 0 && v.Day < eightWeeks {
				all--
			}
			if v.Day >= 0 && v.Day < fortnight {
				free[v.Practitioner]++
			}
		}
		if got := c.FreeEightWeeks(); got != all {
			t.Errorf("%d appointments: %d starts are free in eight weeks, FreeEightWeeks says %d", n, all, got)
		}
		for p := range c.Practitioners {
			if got, want := c.FreeFortnight(p), fortnight*c.SlotsPerDay-free[p]; got != want {
				t.Errorf("%d appointments: practitioner %d has %d free starts, FreeFortnight says %d", n, p, want, got)
			}
		}
	}
}
