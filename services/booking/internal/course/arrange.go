package course

import (
	"cmp"
	"slices"

	"github.com/upright-clinic/upright/services/booking/internal/schedule"
)

// Option is a free start with one practitioner at one place.
type Option struct {
	At           schedule.Slot
	Day, Week    int
	Minute       int // wall minutes since midnight
	Practitioner string
	// Liked says that day and time are as preferred.
	Liked bool
	// Lane is the caller's; it is not looked at.
	Lane int
}

// Wish says how a course should lie.
type Wish struct {
	Sessions int
	// PerWeek is how many there should be in a week, PerWeekMax how many there may be; 0 is no
	// limit.
	PerWeek, PerWeekMax int
	// Gap is the least time between two starts, EasyGap the one that would be good.
	Gap, EasyGap schedule.Slot
	Taken        []Taken
	// Practitioner is the one preferred, Usual the one that the patient knows; may be empty.
	Practitioner, Usual string
	// Minute is the time of day that the patient is used to, in wall minutes; negative when
	// none, and then one is found that most sessions can have.
	Minute int
	// Strict says that a session that cannot be as preferred is left out.
	Strict bool
	Ideal  func(j int) int
	// Options are all free starts by time.
	Options []Option
}

// Placed is a session with the option that it takes and others that could take its place, the
// nearest first, each while all other sessions stay.
type Placed struct {
	Option       int
	Alternatives []int
}

// What is disliked, in days off the ideal date.
const (
	dayCost   = 20
	otherCost = 15 * dayCost // another practitioner
	unliked   = 30 * dayCost // another day or time than preferred
	timeCost  = 1            // a quarter of an hour off the usual time
	timeMost  = 16 * timeCost
	maxOthers = 5 // alternatives of a session
	maxPerDay = 2 // of one day
)

// Arrange places as many sessions as there is room for. What it prefers, in this order: all
// sessions; days and times as preferred; one practitioner; the pace that is wanted before the
// one that is allowed; dates near the ideal ones; the same time of day.
func Arrange(w Wish) []Placed {
	liked := w.only(func(o Option) bool { return o.Liked && (w.Practitioner == "" || o.Practitioner == w.Practitioner) })
	chosen := w.arrange(liked)
	if !w.Strict && len(chosen) < w.Sessions {
		all := w.only(func(Option) bool { return true })
		if more := w.arrange(all); len(more) > len(chosen) {
			chosen = more
		}
	}
	out := make([]Placed, len(chosen))
	for i, o := range chosen {
		out[i] = Placed{Option: o, Alternatives: w.others(chosen, i)}
	}
	return out
}

// only are the options that f keeps.
func (w Wish) only(f func(Option) bool) (kept []int) {
	for i, o := range w.Options {
		if f(o) {
			kept = append(kept, i)
		}
	}
	return kept
}

// arrange tries the wanted pace first, then the allowed one, and returns the first that
// places all sessions, else what places most.
func (w Wish) arrange(options []int) (best []int) {
	for _, pace := range []struct {
		perWeek int
		gap     schedule.Slot
	}{
		{w.PerWeek, w.EasyGap}, {w.PerWeek, w.Gap}, {w.PerWeekMax, w.Gap},
	} {
		if w.PerWeekMax > 0 && (pace.perWeek == 0 || pace.perWeek > w.PerWeekMax) {
			pace.perWeek = w.PerWeekMax
		}
		chosen := w.atPace(options, pace.perWeek, max(pace.gap, w.Gap))
		if len(chosen) > len(best) {
			best = chosen
		}
		if len(best) == w.Sessions {
			break
		}
	}
	return best
}

// atPace places at one pace: with one practitioner if one has time for all, else with the one
// who has time for most and others where needed.
func (w Wish) atPace(options []int, perWeek int, gap schedule.Slot) []int {
	p := Problem{Sessions: w.Sessions, PerWeek: perWeek, Gap: gap, Taken: w.Taken, Ideal: w.Ideal, DayCost: dayCost}
	lead, alone := w.lead(options, p)
	if alone {
		options = slices.DeleteFunc(slices.Clone(options), func(i int) bool { return w.Options[i].Practitioner != lead })
	}
	if w.Minute >= 0 {
		return w.place(options, p, lead, w.Minute)
	}
	first := w.place(options, p, lead, -1)
	if len(first) == 0 {
		return first
	}
	return w.place(options, p, lead, w.usualMinute(first))
}

// place solves the problem for the options, with costs for whom and for the time of day.
func (w Wish) place(options []int, p Problem, lead string, minute int) []int {
	p.Starts = make([]Start, len(options))
	for i, o := range options {
		x := w.Options[o]
		cost := 0
		if x.Practitioner != lead {
			cost += otherCost
		}
		if !x.Liked {
			cost += unliked
		}
		if minute >= 0 {
			off := max(x.Minute-minute, minute-x.Minute)
			cost += min(off/15*timeCost, timeMost)
		}
		p.Starts[i] = Start{At: x.At, Day: x.Day, Week: x.Week, Cost: cost}
	}
	chosen := Place(p)
	for i, c := range chosen {
		chosen[i] = options[c]
	}
	return chosen
}

// lead is the practitioner whose course it is, and whether they have time for all of it: the
// one preferred, else the usual one if they have, else whoever has time for most and is done
// first.
func (w Wish) lead(options []int, p Problem) (lead string, alone bool) {
	type able struct {
		practitioner string
		count        int
		last         schedule.Slot
	}
	own := map[string][]Start{}
	for _, o := range options {
		x := w.Options[o]
		own[x.Practitioner] = append(own[x.Practitioner], Start{At: x.At, Day: x.Day, Week: x.Week})
	}
	var all []able
	for who, starts := range own {
		p.Starts = starts
		s := newSolver(p)
		chosen := s.most()
		if len(chosen) == 0 {
			continue
		}
		all = append(all, able{who, len(chosen), s.at(chosen[len(chosen)-1]).At})
	}
	wanted := func(a able) int {
		switch a.practitioner {
		case w.Practitioner:
			return 0
		case w.Usual:
			return 1
		}
		return 2
	}
	slices.SortFunc(all, func(a, b able) int {
		if w.Practitioner != "" && (a.practitioner == w.Practitioner) != (b.practitioner == w.Practitioner) {
			return cmp.Compare(wanted(a), wanted(b))
		}
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(wanted(a), wanted(b)), cmp.Compare(a.last, b.last), cmp.Compare(a.practitioner, b.practitioner))
	})
	if len(all) == 0 {
		return "", false
	}
	return all[0].practitioner, all[0].count == w.Sessions
}

// usualMinute is the time of day that most of the chosen have, the earliest of several.
func (w Wish) usualMinute(chosen []int) int {
	count := map[int]int{}
	for _, o := range chosen {
		count[w.Options[o].Minute]++
	}
	usual := -1
	for minute, n := range count {
		if usual < 0 || n > count[usual] || n == count[usual] && minute < usual {
			usual = minute
		}
	}
	return usual
}

// others are options that could take the place of the i-th chosen.
func (w Wish) others(chosen []int, i int) (list []int) {
	self := w.Options[chosen[i]]
	far := func(a, b int) int { return max(a-b, b-a) }
	for _, o := range w.near(chosen, i) {
		if w.fits(chosen, i, o) {
			list = append(list, o)
		}
	}
	slices.SortStableFunc(list, func(a, b int) int {
		x, y := w.Options[a], w.Options[b]
		return cmp.Or(
			cmp.Compare(w.dislike(self, x), w.dislike(self, y)),
			cmp.Compare(far(x.Day, self.Day), far(y.Day, self.Day)),
			cmp.Compare(far(x.Minute, self.Minute), far(y.Minute, self.Minute)),
		)
	})
	perDay := map[int]int{}
	kept := list[:0]
	for _, o := range list {
		if day := w.Options[o].Day; len(kept) < maxOthers && perDay[day] < maxPerDay {
			perDay[day]++
			kept = append(kept, o)
		}
	}
	return kept
}

// dislike ranks an alternative: another practitioner counts for as much as days and times that
// are not preferred.
func (w Wish) dislike(self, o Option) (n int) {
	if o.Practitioner != self.Practitioner {
		n++
	}
	if !o.Liked {
		n++
	}
	return n
}

// reach is how many days around a session its alternatives may be.
const reach = 10

// near are the options within reach of the i-th chosen.
func (w Wish) near(chosen []int, i int) (list []int) {
	day := w.Options[chosen[i]].Day
	from, _ := slices.BinarySearchFunc(w.Options, day-reach, func(o Option, d int) int { return cmp.Compare(o.Day, d) })
	for o := from; o < len(w.Options) && w.Options[o].Day <= day+reach; o++ {
		if o != chosen[i] {
			list = append(list, o)
		}
	}
	return list
}

// fits reports whether an option keeps every rule when it takes the place of the i-th chosen.
func (w Wish) fits(chosen []int, i, o int) bool {
	x := w.Options[o]
	sameWeek := 1
	clash := func(at schedule.Slot, week int) bool {
		if week == x.Week {
			sameWeek++
		}
		return max(at-x.At, x.At-at) < w.Gap
	}
	for j, c := range chosen {
		if y := w.Options[c]; j != i && clash(y.At, y.Week) {
			return false
		}
	}
	for _, t := range w.Taken {
		if clash(t.At, t.Week) {
			return false
		}
	}
	return w.PerWeekMax == 0 || sameWeek <= w.PerWeekMax
}
