package page

import (
	"cmp"
	"slices"
	"strconv"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	"github.com/upright-clinic/upright/services/platform/civil"
)

// minutesADay is the length of a day of the table, which shows wall time.
const minutesADay = 24 * 60

// stretch is a part of a day in minutes after midnight on the clinic's clock, the end not
// included.
type stretch struct{ From, To int }

// overlaps reports whether two stretches have a minute in common.
func (s stretch) overlaps(o stretch) bool { return s.From < o.To && o.From < s.To }

// minus takes others away from a stretch.
func (s stretch) minus(others []stretch) (left []stretch) {
	left = []stretch{s}
	for _, o := range others {
		var next []stretch
		for _, l := range left {
			if !l.overlaps(o) {
				next = append(next, l)
				continue
			}
			if l.From < o.From {
				next = append(next, stretch{l.From, o.From})
			}
			if o.To < l.To {
				next = append(next, stretch{o.To, l.To})
			}
		}
		left = next
	}
	return left
}

// worked lists when a practitioner works on a day, leave and closures taken away. It is what
// the table colours; whether a time can be booked only booking says.
func worked(practitioner string, day civil.Date, shifts []*bookingv1.Shift, away []*bookingv1.ShiftException) (parts []stretch) {
	for _, s := range shifts {
		if s.GetPractitionerId() != practitioner {
			continue
		}
		from, to := clockMinutes(s.GetStartLocalTime()), clockMinutes(s.GetEndLocalTime())
		if onDay(s, day) {
			end := to
			if to <= from {
				end = minutesADay
			}
			parts = append(parts, stretch{from, end}.minus(absences(practitioner, s.GetLocationId(), day, away))...)
		}
		if to <= from && to > 0 && onDay(s, day.AddDays(-1)) { // the part after midnight
			parts = append(parts, stretch{0, to}.minus(absences(practitioner, s.GetLocationId(), day, away))...)
		}
	}
	slices.SortFunc(parts, func(a, b stretch) int { return cmp.Compare(a.From, b.From) })
	return parts
}

// onDay reports whether a shift starts on a day.
func onDay(s *bookingv1.Shift, day civil.Date) bool {
	first, err := civil.Parse(s.GetStartDate())
	if err != nil {
		return false
	}
	if len(s.GetWeekdays()) == 0 {
		return first == day
	}
	if last, err := civil.Parse(s.GetEndDate()); err == nil && last.Before(day) {
		return false
	}
	return !day.Before(first) && slices.Contains(s.GetWeekdays(), weekdayCodes[day.Weekday()])
}

// weekdayCodes are the codes of booking, Sunday first.
var weekdayCodes = [...]string{"SUNDAY", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY"}

// absences are the parts of a day in which a practitioner, the place or the clinic is away.
func absences(practitioner, location string, day civil.Date, away []*bookingv1.ShiftException) (parts []stretch) {
	midnight, next := day.String()+"T00:00", day.AddDays(1).String()+"T00:00"
	for _, e := range away {
		if id := e.GetSubjectId(); id != "" && id != practitioner && id != location {
			continue
		}
		from, to := max(e.GetStartLocal(), midnight), min(e.GetEndLocal(), next)
		if from >= to {
			continue
		}
		part := stretch{clockMinutes(from[len("2006-01-02T"):]), minutesADay}
		if to != next {
			part.To = clockMinutes(to[len("2006-01-02T"):])
		}
		parts = append(parts, part)
	}
	return parts
}

// clockMinutes reads "15:04" as minutes after midnight; what is no time is midnight.
func clockMinutes(s string) int {
	if len(s) < len("15:04") {
		return 0
	}
	h, errHour := strconv.Atoi(s[:2])
	m, errMinute := strconv.Atoi(s[3:5])
	if errHour != nil || errMinute != nil {
		return 0
	}
	return h*60 + m
}

// clockText is the reverse of clockMinutes.
func clockText(minutes int) string {
	return strconv.Itoa(minutes/600) + strconv.Itoa(minutes/60%10) + ":" + strconv.Itoa(minutes%60/10) + strconv.Itoa(minutes%10)
}

// entry is something that takes up a practitioner's time: a visit or a hold, by its index in
// a list of the caller's.
type entry struct {
	stretch
	Index int
}

// cell is one cell of a column: what takes up the time, free time, or time not worked.
type cell struct {
	// Row and Rows are where it starts and how many rows it covers.
	Row, Rows int
	// Entries are what it shows; several when they overlap.
	Entries []int
	// Free is true for working time that nothing takes up.
	Free bool
}

// rows says how a table divides a day: from where, to where, and how fine.
func rows(step int, parts ...stretch) (from, to int) {
	if len(parts) == 0 {
		return 0, 0
	}
	from, to = parts[0].From, parts[0].To
	for _, p := range parts {
		from, to = min(from, p.From), max(to, p.To)
	}
	return from / step * step, (to + step - 1) / step * step
}

// column makes the cells of one practitioner from the top to the bottom of the table. Each
// row is covered by exactly one cell; what overlaps shares one.
func column(entries []entry, work []stretch, from, to, step int) (cells []cell) {
	slices.SortStableFunc(entries, func(a, b entry) int { return cmp.Compare(a.From, b.From) })
	total := (to - from) / step
	for row := 0; row < total; {
		at := stretch{from + row*step, from + (row+1)*step}
		end, here := at.To, []int(nil)
		for _, e := range entries {
			if (stretch{at.From, end}).overlaps(e.stretch) {
				here = append(here, e.Index)
				end = max(end, min(to, (e.To+step-1)/step*step))
			}
		}
		if here == nil {
			free := slices.ContainsFunc(work, func(w stretch) bool { return w.From <= at.From && at.To <= w.To })
			cells = append(cells, cell{Row: row, Rows: 1, Free: free})
			row++
			continue
		}
		n := (end - at.From) / step
		cells = append(cells, cell{Row: row, Rows: n, Entries: here})
		row += n
	}
	return cells
}
