package course

import (
	"cmp"
	"math"
	"slices"

	"github.com/upright-clinic/upright/services/booking/internal/schedule"
)

// Start is a time at which a session could be.
type Start struct {
	At schedule.Slot
	// Day and Week count civil days and ISO weeks; both grow with At.
	Day, Week int
	// Cost is what is not liked about it.
	Cost int
}

// Taken is a session of the course that stays where it is.
type Taken struct {
	At   schedule.Slot
	Week int
}

// Problem is a number of sessions to be placed.
type Problem struct {
	Sessions int
	// PerWeek is how many may be in one week, those taken included; 0 is no limit.
	PerWeek int
	// Gap is the least time between two starts.
	Gap    schedule.Slot
	Taken  []Taken
	Starts []Start
	// Ideal is the day on which session number j, from 0, would best be; nil has no such day.
	// Each day off costs DayCost.
	Ideal   func(j int) int
	DayCost int
}

// Place returns the starts to take, as indexes into Starts, by time: as many as there is room
// for, at most Sessions, and of all ways to place so many the one that costs least.
func Place(p Problem) []int {
	s := newSolver(p)
	n := len(s.most())
	if n == 0 {
		return nil
	}
	return s.cheapest(n)
}

// solver is a problem with its starts in order of time, one for each time, and those left out
// that are too near to a session that stays or in a week that is full.
type solver struct {
	Problem
	index []int // into Problem.Starts
	room  []int // of the week of each start
	next  []int // the first start that is far enough behind each
}

func newSolver(p Problem) *solver {
	p.Gap = max(p.Gap, 1)
	s := &solver{Problem: p}
	taken := map[int]int{}
	for _, t := range p.Taken {
		taken[t.Week]++
	}
	for i := range p.Starts {
		x := p.Starts[i]
		near := func(t Taken) bool { return max(x.At-t.At, t.At-x.At) < p.Gap }
		if (p.PerWeek == 0 || taken[x.Week] < p.PerWeek) && !slices.ContainsFunc(p.Taken, near) {
			s.index = append(s.index, i)
		}
	}
	slices.SortStableFunc(s.index, func(a, b int) int {
		return cmp.Or(cmp.Compare(p.Starts[a].At, p.Starts[b].At), cmp.Compare(p.Starts[a].Cost, p.Starts[b].Cost))
	})
	s.index = slices.CompactFunc(s.index, func(a, b int) bool { return p.Starts[a].At == p.Starts[b].At })
	s.room, s.next = make([]int, len(s.index)), make([]int, len(s.index))
	j := 0
	for i := range s.index {
		if s.room[i] = math.MaxInt; p.PerWeek > 0 {
			s.room[i] = p.PerWeek - taken[s.at(i).Week]
		}
		for j < len(s.index) && s.at(j).At < s.at(i).At+p.Gap {
			j++
		}
		s.next[i] = j
	}
	return s
}

func (s *solver) at(i int) Start { return s.Starts[s.index[i]] }

// most takes the earliest start that the rules allow, again and again. No other way to choose
// places more: its k-th start is never later than theirs, and so neither is the week that is
// full first.
func (s *solver) most() (chosen []int) {
	used, week := 0, 0
	for i := 0; i < len(s.index) && len(chosen) < s.Sessions; {
		if w := s.at(i).Week; w != week {
			used, week = 0, w
		}
		if used >= s.room[i] {
			i++
			continue
		}
		chosen = append(chosen, i)
		used++
		i = s.next[i]
	}
	return chosen
}

// unreachable is the cost of what cannot be done.
const unreachable = math.MaxInt32

// cheapest chooses exactly n starts, which is known to be possible, at the least cost. best
// holds, for k sessions left to place from start i on with w of its week used, what they cost
// at least.
func (s *solver) cheapest(n int) []int {
	weeks := 1
	if s.PerWeek > 0 {
		weeks = s.PerWeek + 1
	}
	width := (len(s.index) + 1) * weeks
	best := make([]int32, (n+1)*width)
	for i := range best[width:] {
		best[width+i] = unreachable
	}
	for k := 1; k <= n; k++ {
		for i := len(s.index) - 1; i >= 0; i-- {
			for w := range weeks {
				best[k*width+i*weeks+w] = min(s.skip(best[k*width:], i, w, weeks), s.take(best[(k-1)*width:], i, w, weeks, n-k))
			}
		}
	}
	return s.follow(best, width, weeks, n)
}

// used is how many of the week of start j are used when w of the week of start i were.
func (s *solver) used(i, j, w int) int {
	if j < len(s.index) && s.PerWeek > 0 && s.at(j).Week == s.at(i).Week {
		return w
	}
	return 0
}

func (s *solver) skip(row []int32, i, w, weeks int) int32 {
	return row[(i+1)*weeks+s.used(i, i+1, w)]
}

// take is the cost of placing session number j at start i, and the rest behind it.
func (s *solver) take(row []int32, i, w, weeks, j int) int32 {
	if w >= s.room[i] {
		return unreachable
	}
	then := min(w+1, weeks-1)
	rest := row[s.next[i]*weeks+s.used(i, s.next[i], then)]
	if rest == unreachable {
		return unreachable
	}
	return rest + int32(s.cost(i, j))
}

func (s *solver) cost(i, j int) int {
	x := s.at(i)
	if s.Ideal == nil {
		return x.Cost
	}
	off := x.Day - s.Ideal(j)
	return x.Cost + s.DayCost*max(off, -off)
}

// follow reads the choice out of the costs.
func (s *solver) follow(best []int32, width, weeks, n int) (chosen []int) {
	i, w := 0, 0
	for k := n; k > 0; {
		if s.skip(best[k*width:], i, w, weeks) <= s.take(best[(k-1)*width:], i, w, weeks, n-k) {
			i, w = i+1, s.used(i, i+1, w)
			continue
		}
		chosen = append(chosen, s.index[i])
		next := s.next[i]
		i, w, k = next, s.used(i, next, min(w+1, weeks-1)), k-1
	}
	return chosen
}
