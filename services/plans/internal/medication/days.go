package medication

import (
	"maps"
	"slices"

	"github.com/upright-clinic/upright/services/platform/civil"
)

// Run is a number of days in a row.
type Run struct {
	First, Last civil.Date
	Days        int
}

// runAround gives the days in a row of the set that a day belongs to; zero when it is not
// in the set.
func runAround(days map[civil.Date]bool, day civil.Date) Run {
	if !days[day] {
		return Run{}
	}
	run := Run{First: day, Last: day, Days: 1}
	for d := day.AddDays(-1); days[d]; d = d.AddDays(-1) {
		run.First, run.Days = d, run.Days+1
	}
	for d := day.AddDays(1); days[d]; d = d.AddDays(1) {
		run.Last, run.Days = d, run.Days+1
	}
	return run
}

// maxDaily bounds how far back a medicine that is taken daily is looked at.
const maxDaily = 400

// daysOf are the days on which something that counts was taken: by doses, and by medicines
// that are taken daily.
func (r Rules) daysOf(c Case, counts func(Medicine) bool) map[civil.Date]bool {
	days := map[civil.Date]bool{}
	for _, d := range c.Doses {
		if counts(r.Recognise(d.Drug, d.Mg)) {
			days[d.Date] = true
		}
	}
	for _, it := range c.Items {
		if !it.Daily || it.Start.IsZero() || !it.State.Taken() && it.State != Stopped || !counts(r.Recognise(it.Drug, it.Mg)) {
			continue
		}
		last := c.Today
		if !it.Stop.IsZero() && it.Stop.Before(last) {
			last = it.Stop
		}
		first := it.Start
		if earliest := last.AddDays(-maxDaily); first.Before(earliest) {
			first = earliest
		}
		for d := first; !d.After(last); d = d.AddDays(1) {
			days[d] = true
		}
	}
	return days
}

// Days gives the days in a row of a class up to today: those that end today, else those
// that ended yesterday; zero when there were none.
func (r Rules) Days(c Case, class string) Run {
	days := r.daysOf(c, func(m Medicine) bool { return m.Is(class) })
	if run := runAround(days, c.Today); run.Days > 0 {
		return run
	}
	return runAround(days, c.Today.AddDays(-1))
}

// ifTakenToday gives the days in a row that today would belong to if one more were taken.
func ifTakenToday(days map[civil.Date]bool, today civil.Date) Run {
	with := maps.Clone(days)
	with[today] = true
	return runAround(with, today)
}

// mostWithin gives the greatest number of the dates that lie within so many days in a row
// of which one is the day.
func mostWithin(dates []civil.Date, day civil.Date, within int) int {
	most := 0
	for first := day.AddDays(1 - within); !first.After(day); first = first.AddDays(1) {
		last := first.AddDays(within - 1)
		n := 0
		for _, d := range dates {
			if !d.Before(first) && !d.After(last) {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

// sorted puts issues in the order of their rules, those that block first.
func sorted(issues []Issue) []Issue {
	slices.SortStableFunc(issues, func(a, b Issue) int {
		switch {
		case a.Blocking == b.Blocking:
			return 0
		case a.Blocking:
			return -1
		}
		return 1
	})
	return issues
}
