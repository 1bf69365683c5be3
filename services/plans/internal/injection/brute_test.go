package injection

import (
	"time"

	"github.com/upright-clinic/upright/services/platform/civil"
)

// The oracle: the rule as reference 3.1 words it, "for every civil date x, the person has
// at most 3 counting records in W(x)", tried for every date, with nothing clever.

// bruteHolds reports whether no window of any start holds more than the cap.
func bruteHolds(dates []civil.Date, limit Cap) bool {
	if len(dates) == 0 {
		return true
	}
	first, last := dates[0], dates[0]
	for _, d := range dates {
		if d.Before(first) {
			first = d
		}
		if d.After(last) {
			last = d
		}
	}
	for x := first.AddMonths(-limit.Months).AddDays(-3); !x.After(last); x = x.AddDays(1) {
		if bruteCount(dates, x, limit) > limit.Max {
			return false
		}
	}
	return true
}

// bruteAllows reports whether no window that contains c would hold more than the cap.
func bruteAllows(dates []civil.Date, c civil.Date, limit Cap) bool {
	with := append([]civil.Date{c}, dates...)
	for x := c.AddMonths(-limit.Months).AddDays(-3); !x.After(c); x = x.AddDays(1) {
		if c.Before(bruteAdd(x, limit.Months)) && bruteCount(with, x, limit) > limit.Max {
			return false
		}
	}
	return true
}

func bruteCount(dates []civil.Date, x civil.Date, limit Cap) int {
	end, n := bruteAdd(x, limit.Months), 0
	for _, d := range dates {
		if !d.Before(x) && d.Before(end) {
			n++
		}
	}
	return n
}

// bruteAdd adds months by walking back from the day that time.Date names until the month
// is right: the clamping written another way.
func bruteAdd(d civil.Date, months int) civil.Date {
	want := time.Date(d.Year, d.Month+time.Month(months), 1, 0, 0, 0, 0, time.UTC).Month()
	for day := d.Day; ; day-- {
		t := time.Date(d.Year, d.Month+time.Month(months), day, 0, 0, 0, 0, time.UTC)
		if t.Month() == want {
			return civil.Of(t, time.UTC)
		}
	}
}

// everyEnd calls f with each way of putting records known to the month on the first or
// the last day of it, until f says no.
func everyEnd(spans []Span, f func([]civil.Date) bool) bool {
	dates := make([]civil.Date, len(spans))
	var place func(i int) bool
	place = func(i int) bool {
		if i == len(spans) {
			return f(dates)
		}
		dates[i] = spans[i].First
		if !place(i + 1) {
			return false
		}
		dates[i] = spans[i].Last
		return spans[i].Precise() || place(i+1)
	}
	return place(0)
}
