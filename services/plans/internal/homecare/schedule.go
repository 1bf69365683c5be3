package homecare

import (
	"slices"

	"github.com/upright-clinic/upright/services/plans/internal/diary"
	"github.com/upright-clinic/upright/services/platform/civil"
)

// Slot is one thing to do on a day.
type Slot struct {
	Code    string
	At      int // minutes of the day; -1: at any time
	Minutes int
	Hold    int
}

// Schedule gives what a programme asks for on a date, by time, from the diary as it stands. It
// is the same for the same diary. Nothing lies outside the waking hours, before the programme
// or after an item's end.
func (l Library) Schedule(p Programme, date civil.Date, days []diary.Day) []Slot {
	var out []Slot
	for _, s := range p.Items {
		i, ok := l.Item(s.Code)
		if !ok || !l.Runs(p, s, date, days) {
			continue
		}
		switch {
		case i.Code == Cold:
			out = append(out, l.ice(p, s, date, days)...)
		case i.Hourly:
			for at := s.WorkFrom; at < s.WorkTo; at += 60 {
				out = append(out, Slot{Code: i.Code, At: at})
			}
		case i.After != "":
			out = append(out, Slot{Code: i.Code, At: -1, Minutes: s.Minutes})
		case s.PerDay > 0:
			out = append(out, spread(p, s)...)
		}
	}
	slices.SortStableFunc(out, func(a, b Slot) int { return a.At - b.At })
	return out
}

// spread puts the times of an item evenly into the waking hours; once a day is at any time.
func spread(p Programme, s Setting) []Slot {
	if s.PerDay == 1 {
		return []Slot{{Code: s.Code, At: -1, Minutes: s.Minutes, Hold: s.Hold}}
	}
	step := (p.WakeTo - p.WakeFrom) / s.PerDay
	out := make([]Slot, s.PerDay)
	for n := range out {
		out[n] = Slot{Code: s.Code, At: p.WakeFrom + n*step, Minutes: s.Minutes, Hold: s.Hold}
	}
	return out
}

// Runs reports whether an item is still asked for on a date.
func (l Library) Runs(p Programme, s Setting, date civil.Date, days []diary.Day) bool {
	if date.Before(p.Start) || !s.End.IsZero() && date.After(s.End) {
		return false
	}
	switch s.Code {
	case BallRoll:
		return !l.Finished(p, s, date, days)
	case Cold:
		return l.iceInterval(p, s, date, days) > 0
	}
	return true
}

// Finished reports whether an item is complete by the diary up to the date: the ball after
// two days of pain 0 or 1 (F084).
func (l Library) Finished(p Programme, s Setting, date civil.Date, days []diary.Day) bool {
	if s.Code != BallRoll {
		return false
	}
	run := 0
	for _, d := range days {
		if d.Pain == nil || d.Date.Before(p.Start) || d.Date.After(date) {
			continue
		}
		if *d.Pain > l.Ball.StopPain {
			run = 0
			continue
		}
		if run++; run >= l.Ball.StopDays {
			return true
		}
	}
	return false
}

// iceInterval gives the minutes between two starts of ice on a date, 0 when there is none: as
// set for two days, twice that from the third when the pain falls, none once it is 0 or 1 or
// from day 7 on (F056, F057).
func (l Library) iceInterval(p Programme, s Setting, date civil.Date, days []diary.Day) int {
	day := p.Start.DaysUntil(date) + 1
	if day < 1 || day >= l.Ice.LastDay {
		return 0
	}
	var pains []int
	for _, d := range days {
		if d.Pain != nil && !d.Date.Before(p.Start) && !d.Date.After(date) {
			pains = append(pains, *d.Pain)
		}
	}
	if n := len(pains); n > 0 && pains[n-1] <= l.Ice.StopPain {
		return 0
	}
	if day > l.Ice.FullDays && falls(pains) {
		return 2 * s.Interval
	}
	return s.Interval
}

// falls reports whether pain never rose and is less than at first.
func falls(pains []int) bool {
	for n := 1; n < len(pains); n++ {
		if pains[n] > pains[n-1] {
			return false
		}
	}
	return len(pains) > 1 && pains[len(pains)-1] < pains[0]
}

// ice gives the sessions of a day; each ends before the patient goes to bed.
func (l Library) ice(p Programme, s Setting, date civil.Date, days []diary.Day) []Slot {
	every := l.iceInterval(p, s, date, days)
	from := p.WakeFrom
	if date == p.Start {
		from = max(from, p.FirstAt)
	}
	var out []Slot
	for at := from; every > 0 && at+s.Minutes <= p.WakeTo; at += every {
		out = append(out, Slot{Code: Cold, At: at, Minutes: s.Minutes})
	}
	return out
}
