package injection

import (
	"slices"

	"github.com/upright-clinic/upright/services/platform/civil"
)

// Window is a period that starts with a session and would hold more than a cap allows.
type Window struct {
	// Start is its first day.
	Start civil.Date
	// End is the first day after it.
	End civil.Date
	// Count is how many sessions it would hold, the one asked for included.
	Count int
	// Max is how many it may hold.
	Max int
	// Months is its length in calendar months.
	Months int
	// Records are the ids of those in it, in order of date, without the one asked for.
	Records []string
}

// Verdict is the answer for one date.
type Verdict struct {
	// Allowed is true when no window that contains the date would hold too many and no
	// session is too close.
	Allowed bool
	// Next is the first date, not before the one asked for, that is allowed.
	Next civil.Date
	// Windows are those that stand in the way, by start.
	Windows []Window
	// TooClose are the ids of sessions nearer than the policy's least interval.
	TooClose []string
	// Counting is how many of the records given count.
	Counting int
}

// Blocking gives the ids of the records that stand in the way, each once.
func (v Verdict) Blocking() []string {
	ids := slices.Clone(v.TooClose)
	for _, w := range v.Windows {
		ids = append(ids, w.Records...)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Check judges one more session on the date, beside the records. The region matters only
// to a policy whose scope it is; empty means not known and is judged against all.
func (p Policy) Check(records []Record, date civil.Date, region string) Verdict {
	counted := p.counting(records, region)
	v := Verdict{Allowed: true, Next: date, Counting: p.Counting(records)}
	v.Windows, v.TooClose = p.against(counted, date)
	if len(v.Windows) > 0 || len(v.TooClose) > 0 {
		v.Allowed = false
		v.Next = p.nextEligible(counted, date)
	}
	return v
}

// against gives what stands in the way of the date.
func (p Policy) against(counted []Record, date civil.Date) ([]Window, []string) {
	var windows []Window
	for _, limit := range p.Caps {
		windows = append(windows, overflows(counted, On(date), limit)...)
	}
	slices.SortStableFunc(windows, func(a, b Window) int { return a.Start.Compare(b.Start) })
	var tight []string
	for _, r := range counted {
		if p.tooClose(r.Span, date) {
			tight = append(tight, r.ID)
		}
	}
	return windows, tight
}

func (p Policy) tooClose(s Span, date civil.Date) bool {
	n := p.MinIntervalDays
	return n > 0 && s.Last.AddDays(n).After(date) && date.AddDays(n).After(s.First)
}

// nextEligible is the first allowed date that is not before the given one. The blocked
// dates are a union of intervals that each end where some window does, or where a least
// interval does, so only those ends can be the first free date (reference 3.3).
func (p Policy) nextEligible(counted []Record, date civil.Date) civil.Date {
	ends := []civil.Date{date}
	for _, r := range counted {
		for _, limit := range p.Caps {
			ends = append(ends, r.Span.Last.AddMonths(limit.Months))
		}
		if p.MinIntervalDays > 0 {
			ends = append(ends, r.Span.Last.AddDays(p.MinIntervalDays))
		}
	}
	slices.SortFunc(ends, civil.Date.Compare)
	for _, d := range slices.Compact(ends) {
		if d.Before(date) {
			continue
		}
		if windows, tight := p.against(counted, d); len(windows) == 0 && len(tight) == 0 {
			return d
		}
	}
	return ends[len(ends)-1] // not reached: after the last end nothing is left in any window
}

// overflows gives the windows of one cap that may contain the candidate and would then
// hold too many. It is enough to look at windows that start on the last possible day of a
// session: months are added monotonically, so any overflowing window can be moved on to
// the first of those days in it without losing a session.
//
// A window in which the candidate comes only after Max others is left out: one that
// starts later says the same with fewer records (reference 3.3, at most Max+1 windows).
func overflows(counted []Record, candidate Span, limit Cap) []Window {
	var all, near []Window
	for _, start := range starts(counted, candidate) {
		end := start.AddMonths(limit.Months)
		if !candidate.touches(start, end) {
			continue
		}
		w := Window{Start: start, End: end, Count: 1, Max: limit.Max, Months: limit.Months}
		before := 0
		for _, r := range counted {
			if r.Span.touches(start, end) {
				w.Count++
				w.Records = append(w.Records, r.ID)
				if !r.Span.Last.After(candidate.Last) {
					before++
				}
			}
		}
		if w.Count <= limit.Max {
			continue
		}
		all = append(all, w)
		if before <= limit.Max {
			near = append(near, w)
		}
	}
	if len(near) == 0 {
		return all
	}
	return near
}

// starts gives the days on which windows are tried, in order and each once.
func starts(counted []Record, candidate Span) []civil.Date {
	days := make([]civil.Date, 0, len(counted)+1)
	for _, r := range counted {
		days = append(days, r.Span.Last)
	}
	days = append(days, candidate.Last)
	slices.SortFunc(days, civil.Date.Compare)
	return slices.Compact(days)
}
