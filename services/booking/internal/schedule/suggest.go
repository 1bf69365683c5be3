package schedule

import (
	"cmp"
	"slices"
	"time"

	"github.com/upright-clinic/upright/services/platform/civil"
)

// Habit is what a patient's earlier visits say about when and with whom they like to come.
type Habit struct {
	// PractitionerID is who gave the last visit; empty for nobody yet.
	PractitionerID string
	// Weekdays are those that they came on most.
	Weekdays Weekdays
	// Minute is the usual start, in wall minutes from midnight; negative for none.
	Minute int
}

// Past is an earlier visit.
type Past struct {
	PractitionerID string
	Date           civil.Date
	// Minute is the wall minute of its start.
	Minute int
}

// habitVisits is how far back a habit is looked for: people change, and a course is about as
// long.
const habitVisits = 12

// HabitOf finds the habit in earlier visits, the last of which comes last.
func HabitOf(visits []Past) Habit {
	h := Habit{Minute: -1}
	if len(visits) == 0 {
		return h
	}
	visits = visits[max(0, len(visits)-habitVisits):]
	h.PractitionerID = visits[len(visits)-1].PractitionerID
	var count [7]int
	minutes := make([]int, len(visits))
	for i, v := range visits {
		count[v.Date.Weekday()]++
		minutes[i] = v.Minute
	}
	most := slices.Max(count[:])
	for d, n := range count {
		if n == most || 2*n > most && n > 1 {
			h.Weekdays = h.Weekdays.On(time.Weekday(d))
		}
	}
	slices.Sort(minutes)
	h.Minute = minutes[len(minutes)/2]
	return h
}

// Candidate is a free start that may be suggested.
type Candidate struct {
	Start          Slot
	PractitionerID string
	Date           civil.Date
	// Minute is the wall minute of the start.
	Minute int
	// Costly says that it would cost the practitioner a session, see Pack.
	Costly bool
}

// Reasons why a start suits.
const (
	LastPractitioner = "LAST_PRACTITIONER"
	UsualWeekday     = "USUAL_WEEKDAY"
	UsualTime        = "USUAL_TIME"
	Soonest          = "SOONEST"
	Packs            = "PACKS"
)

// Suggestion is a candidate and why it suits.
type Suggestion struct {
	Candidate
	Reasons []string
}

// Points for what suits. A day later costs one, so that the usual practitioner is worth waiting
// for about a week, and the usual weekday and hour some days.
const (
	pointsPractitioner = 8
	pointsTime         = 4
	pointsWeekday      = 3
	pointsPacks        = 1
	nearMinutes        = 60
	perDay             = 2 // more of one day are no choice
)

// Suggest picks the n candidates that suit best, at most two of a day, the best first; the
// soonest of all is always among them. Equal ones are in the order given.
func Suggest(h Habit, from civil.Date, candidates []Candidate, n int) []Suggestion {
	if len(candidates) == 0 || n <= 0 {
		return nil
	}
	type scored struct {
		Suggestion
		points int
	}
	soonest := slices.MinFunc(candidates, func(a, b Candidate) int { return cmp.Compare(a.Start, b.Start) }).Start
	all := make([]scored, len(candidates))
	for i, c := range candidates {
		s := scored{Suggestion: Suggestion{Candidate: c}, points: -from.DaysUntil(c.Date)}
		earn := func(points int, reason string) {
			s.points += points
			s.Reasons = append(s.Reasons, reason)
		}
		if h.PractitionerID != "" && c.PractitionerID == h.PractitionerID {
			earn(pointsPractitioner, LastPractitioner)
		}
		if h.Weekdays.Has(c.Date.Weekday()) {
			earn(pointsWeekday, UsualWeekday)
		}
		if h.Minute >= 0 && max(c.Minute-h.Minute, h.Minute-c.Minute) <= nearMinutes {
			earn(pointsTime, UsualTime)
		}
		if c.Start == soonest {
			earn(0, Soonest)
		}
		if !c.Costly {
			earn(pointsPacks, Packs)
		}
		all[i] = s
	}
	slices.SortStableFunc(all, func(a, b scored) int {
		return cmp.Or(cmp.Compare(b.points, a.points), cmp.Compare(a.Start, b.Start))
	})
	var out []Suggestion
	days, shown := map[civil.Date]int{}, false
	for _, s := range all {
		first := s.Start == soonest
		if last := len(out) == n-1; len(out) == n || days[s.Date] == perDay && !first || last && !shown && !first {
			continue
		}
		days[s.Date]++
		shown = shown || first
		out = append(out, s.Suggestion)
	}
	return out
}
