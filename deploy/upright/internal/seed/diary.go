package seed

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/upright-clinic/upright/services/platform/civil"
)

// The demo clinic's day: half-hour slots from nine to five.
const (
	openHour    = 9
	slotsPerDay = 16
	slotMinutes = 30
)

// journeys are the first patients: they have stories, and gates, of their own.
const journeys = 4

// visit is one appointment that the seed will book.
type visit struct {
	practitioner int
	patient      int
	key          typeKey
	day          civil.Date
	minute       int // after midnight, clinic's wall time
}

// worksOn tells whether a practitioner works on a weekday: everybody three or four days a
// week, so that four rooms are enough for ten of them.
func worksOn(practitioner int, day time.Weekday) bool {
	if day == time.Saturday || day == time.Sunday {
		return false
	}
	return (int(day)+practitioner)%5 < 3 || practitioner%4 == 0 && (int(day)+practitioner)%5 == 3
}

// planDiary fills about half of each diary from the day after first, so that nothing in it
// collides: a patient comes once a day at most, and there is a room for everybody who comes.
// It is a pure function of its arguments.
func planDiary(s Size, first civil.Date, rng *rand.Rand) (visits []visit) {
	kinds := types()
	for d := 1; d <= 7*s.Weeks; d++ {
		day := first.AddDays(d)
		rooms := [slotsPerDay]int{}
		free := rng.Perm(s.Patients - journeys)
		for p := range s.Practitioners {
			if !worksOn(p, day.Weekday()) {
				continue
			}
			for slot := 0; slot < slotsPerDay && len(free) > 0; slot++ {
				if rng.IntN(2) == 0 {
					continue
				}
				key := posts[p%len(posts)].gives[rng.IntN(len(posts[p%len(posts)].gives))]
				typ := kinds[slices.IndexFunc(kinds, func(k kind) bool { return k.key == key })].typ
				slots := (int(typ.GetDurationMinutes()) + slotMinutes - 1) / slotMinutes
				if slot+slots > slotsPerDay || !typ.GetNoRoom() && slices.Max(rooms[slot:slot+slots]) >= s.Rooms-1 {
					continue // the fluoroscopy room stays free for injections
				}
				if !typ.GetNoRoom() {
					for i := range slots {
						rooms[slot+i]++
					}
				}
				visits = append(visits, visit{p, journeys + free[0], key, day, openHour*60 + slot*slotMinutes})
				free = free[1:]
				slot += slots - 1
				if s.Appointments > 0 && len(visits) == s.Appointments {
					return visits
				}
			}
		}
	}
	return visits
}
