package aftercare

import (
	"slices"

	"github.com/upright-clinic/upright/services/platform/civil"
)

// Entry is a pain score of a day, as a diary or a check-in has it.
type Entry struct {
	Date civil.Date
	Pain int // 0 to 10
}

// Relief is what an injection did to the pain.
type Relief struct {
	// Days is how many civil days from the day after the injection on have a pain of at most
	// what relief allows, at all their entries (F124).
	Days int
	// First is the first of them, and so the day on which the steroid began to work; zero
	// when there is none. FirstDay counts from the injection, whose own day is 0.
	First    civil.Date
	FirstDay int
	// Last is the last of them.
	Last civil.Date
	// Ongoing: the newest day with an entry is one of relief.
	Ongoing bool
	// Anaesthetic: the pain was relieved on the day itself, which is the anaesthetic's work
	// and not the steroid's (F129).
	Anaesthetic bool
	// Recorded is how many days after the injection have an entry.
	Recorded int
}

// ReliefOf computes what an injection did from pain scores in any order. Entries before the
// injection, and from the next one on (until, zero for none), do not count. A day with
// several entries is judged by the worst of them.
func (r Rules) ReliefOf(injected, until civil.Date, before int, entries []Entry) Relief {
	worst := map[civil.Date]int{}
	var out Relief
	for _, e := range entries {
		switch {
		case e.Date.Before(injected) || !until.IsZero() && !e.Date.Before(until):
		case e.Date == injected:
			out.Anaesthetic = out.Anaesthetic || r.relieved(before, e.Pain)
		default:
			worst[e.Date] = max(worst[e.Date], e.Pain)
		}
	}
	days := make([]civil.Date, 0, len(worst))
	for d := range worst {
		days = append(days, d)
	}
	slices.SortFunc(days, civil.Date.Compare)
	out.Recorded = len(days)
	for _, d := range days {
		out.Ongoing = r.relieved(before, worst[d])
		if !out.Ongoing {
			continue
		}
		out.Days++
		out.Last = d
		if out.First.IsZero() {
			out.First, out.FirstDay = d, injected.DaysUntil(d)
		}
	}
	return out
}

// relieved reports whether at least the percentage of the pain before is gone. Without pain
// before there is nothing to relieve.
func (r Rules) relieved(before, pain int) bool {
	return before > 0 && pain*100 <= before*(100-r.ReliefPercent.Value)
}
