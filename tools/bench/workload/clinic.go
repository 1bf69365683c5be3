package workload

import "time"

// Clinic is a large clinic that has been at work for as long as its appointments last: a
// fortnight with some, six weeks and then as many days of the past as are needed with many.
// The first thousand appointments lie in the same places whatever their number, so that a
// small and a large clinic answer the same questions alike.
type Clinic struct {
	Start                                       time.Time // first day of the fortnight, midnight UTC
	Practitioners, Rooms, Patients, SlotsPerDay int
	Appointments                                int
}

const (
	fortnight   = 14
	eightWeeks  = 56
	fewAtOnce   = 4  // appointments at one time in the fortnight
	manyAtOnce  = 14 // and on the other days
	firstBooked = 60 // the first day on which a measurement books
)

// NewClinic is the clinic that the scale goals name, 50 practitioners and 20 rooms, with n
// appointments.
func NewClinic(start time.Time, n int) Clinic {
	return Clinic{Start: start, Practitioners: 50, Rooms: 20, Patients: 2000, SlotsPerDay: 16, Appointments: n}
}

// Visit is one appointment: who, where and when.
type Visit struct {
	Practitioner, Room, Patient int
	Day, Index                  int // Day counts from Start
}

// Visit is the n-th appointment.
func (c Clinic) Visit(n int) Visit {
	few := fortnight * c.SlotsPerDay * fewAtOnce
	day, rest, atOnce := 0, n, fewAtOnce
	if n < few {
		day, rest = n/(c.SlotsPerDay*fewAtOnce), n%(c.SlotsPerDay*fewAtOnce)
	} else {
		atOnce = manyAtOnce
		day, rest = fortnight+(n-few)/(c.SlotsPerDay*manyAtOnce), (n-few)%(c.SlotsPerDay*manyAtOnce)
		if day >= eightWeeks {
			day = eightWeeks - 1 - day
		}
	}
	at, index := rest%atOnce, rest/atOnce
	who := (at + 7*index + 3*day) % c.Practitioners
	if who < 0 {
		who += c.Practitioners
	}
	return Visit{Practitioner: who, Room: at, Patient: n % c.Patients, Day: day, Index: index}
}

// Times gives a visit's start and end: half hours from nine o'clock.
func (c Clinic) Times(v Visit) (start, end time.Time) {
	start = c.Start.AddDate(0, 0, v.Day).Add(9*time.Hour + time.Duration(v.Index)*30*time.Minute)
	return start, start.Add(30 * time.Minute)
}

// FreeEightWeeks is how many starts a search of the eight weeks must find: a room is left at
// every one.
func (c Clinic) FreeEightWeeks() int {
	free := eightWeeks * c.SlotsPerDay * c.Practitioners
	for n := range min(c.Appointments, eightWeeks*c.SlotsPerDay*manyAtOnce) {
		if d := c.Visit(n).Day; d >= 0 && d < eightWeeks {
			free--
		}
	}
	return free
}

// FreeFortnight is how many starts of one practitioner a search of the fortnight must find.
func (c Clinic) FreeFortnight(practitioner int) int {
	free := fortnight * c.SlotsPerDay
	for n := range fortnight * c.SlotsPerDay * fewAtOnce {
		if c.Visit(n).Practitioner == practitioner {
			free--
		}
	}
	return free
}

// FreePatient is a patient who has nothing in the fortnight.
func (c Clinic) FreePatient(n int) int {
	few := fortnight * c.SlotsPerDay * fewAtOnce
	return few + n%(c.Patients-few)
}

// OnDay is how many appointments a day of the fortnight has.
func (c Clinic) OnDay() int { return c.SlotsPerDay * fewAtOnce }

// Fortnight and EightWeeks are the days that are searched.
func (c Clinic) Fortnight() int  { return fortnight }
func (c Clinic) EightWeeks() int { return eightWeeks }

// Free is the n-th visit that can be booked beside the n-1 before: at each time as many as
// there are rooms, so that the last of them has one room left to find.
func (c Clinic) Free(n int) Visit {
	return Visit{
		Practitioner: n % c.Rooms, Patient: n % c.Patients,
		Index: n / c.Rooms % c.SlotsPerDay, Day: firstBooked + n/(c.Rooms*c.SlotsPerDay),
	}
}
