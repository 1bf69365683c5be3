package ical

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	goical "github.com/emersion/go-ical"
	"github.com/teambition/rrule-go"

	"github.com/upright-clinic/upright/services/platform/civil"
)

// Wall is a wall time: minutes from the midnight of a civil date.
type Wall struct {
	Date   civil.Date
	Minute int
}

// String is YYYY-MM-DDTHH:MM.
func (w Wall) String() string { return fmt.Sprintf("%sT%02d:%02d", w.Date, w.Minute/60, w.Minute%60) }

// Holiday is an event of a file, or one occurrence of a repeated one.
type Holiday struct {
	// UID names it: the event's, with the date behind it for an occurrence.
	UID, Summary string
	// Start and End are in the zone that the file was read for; the end is not included.
	Start, End Wall
	Cancelled  bool
	// Problem is why it cannot be taken: NO_UID, NO_START, BAD_TIME, BAD_RULE, OUTSIDE_DATES
	// or TOO_LONG; empty when it can.
	Problem string
}

// Problems of an event.
const (
	NoUID        = "NO_UID"
	NoStart      = "NO_START"
	BadTime      = "BAD_TIME"
	BadRule      = "BAD_RULE"
	OutsideDates = "OUTSIDE_DATES"
	TooLong      = "TOO_LONG"
)

// Bounds of what is read.
const (
	// maxHolidays is how many entries a file may come to.
	maxHolidays = 2000
	// maxHolidayDays is how long one may be: longer is no holiday but a mistake.
	maxHolidayDays = 92
	maxUID         = 250
)

// ErrNotCalendar says that a file is none.
var ErrNotCalendar = errors.New("ical: not an iCalendar file")

// ErrTooMany says that a file comes to more entries than can be taken at a time.
var ErrTooMany = errors.New("ical: too many entries")

// Holidays reads the days off of a file, by date: every event, and of repeated ones every
// occurrence between two civil dates, both included. Times without a zone are in the one given.
// It fails with ErrNotCalendar or ErrTooMany; an event that cannot be read says why.
func Holidays(content []byte, zone *time.Location, from, to civil.Date) ([]Holiday, error) {
	r := &holidayReader{zone: zone, from: from, to: to}
	dec := goical.NewDecoder(bytes.NewReader(content))
	for calendars := 0; ; calendars++ {
		cal, err := decode(dec)
		if errors.Is(err, io.EOF) && calendars > 0 {
			break
		}
		if err != nil {
			return nil, ErrNotCalendar
		}
		for _, e := range cal.Events() {
			if r.read(&e); len(r.list) > maxHolidays {
				return nil, ErrTooMany
			}
		}
	}
	r.replace()
	slices.SortStableFunc(r.list, func(a, b Holiday) int {
		return cmp.Or(cmp.Compare(a.Start.String(), b.Start.String()), cmp.Compare(a.UID, b.UID))
	})
	return r.list, nil
}

// decode reads one calendar. The decoder panics on some lines that are cut off; then the file is
// no calendar.
func decode(dec *goical.Decoder) (cal *goical.Calendar, err error) {
	defer func() {
		if recover() != nil {
			cal, err = nil, ErrNotCalendar
		}
	}()
	return dec.Decode()
}

// holidayReader is a file being read.
type holidayReader struct {
	zone     *time.Location
	from, to civil.Date
	list     []Holiday
	changed  []Holiday // occurrences that the file describes on their own
}

func text(e *goical.Event, name string) string {
	s, err := e.Props.Text(name)
	if err != nil {
		return ""
	}
	return plain(strings.TrimSpace(s))
}

func (r *holidayReader) read(e *goical.Event) {
	h := Holiday{UID: text(e, goical.PropUID), Summary: cut(text(e, goical.PropSummary), 200)}
	h.Cancelled = strings.EqualFold(text(e, goical.PropStatus), "CANCELLED")
	if h.UID == "" || len(h.UID) > maxUID {
		h.Problem = NoUID
	} else if e.Props.Get(goical.PropDateTimeStart) == nil {
		h.Problem = NoStart
	}
	if h.Problem != "" {
		r.list = append(r.list, h)
		return
	}
	start, err1 := e.DateTimeStart(r.zone)
	end, err2 := e.DateTimeEnd(r.zone)
	if err1 != nil || err2 != nil || start.Year() < 1900 || end.Year() > 2300 {
		h.Problem = BadTime
		r.list = append(r.list, h)
		return
	}
	days := e.Props.Get(goical.PropDateTimeStart).ValueType() == goical.ValueDate || len(e.Props.Get(goical.PropDateTimeStart).Value) == len("20060102")
	switch id := e.Props.Get(goical.PropRecurrenceID); {
	case id != nil:
		original, err := id.DateTime(r.zone)
		if err != nil {
			h.Problem = BadTime
			r.list = append(r.list, h)
			return
		}
		h.UID += "#" + civil.Of(original, r.zone).String()
		r.changed = append(r.changed, r.place(h, r.wall(start, false, days), r.wall(end, true, days)))
	case e.Props.Get(goical.PropRecurrenceRule) != nil || e.Props.Get(goical.PropRecurrenceDates) != nil:
		r.repeat(e, h, start, end, days)
	default:
		r.list = append(r.list, r.place(h, r.wall(start, false, days), r.wall(end, true, days)))
	}
}

// cut shortens a text to some octets without cutting a character.
func cut(s string, n int) string {
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "")
	}
	return s
}

// place gives an event its time, or its problem.
func (r *holidayReader) place(h Holiday, start, end Wall) Holiday {
	h.Start, h.End = start, end
	last := h.End.Date
	if h.End.Minute == 0 {
		last = last.AddDays(-1)
	}
	switch {
	case h.End.String() <= h.Start.String():
		h.Problem = BadTime
	case last.Before(r.from) || h.Start.Date.After(r.to):
		h.Problem = OutsideDates
	case h.Start.Date.DaysUntil(h.End.Date) > maxHolidayDays:
		h.Problem = TooLong
	}
	return h
}

// wall is a wall time on a whole five minutes: an event takes all the time that it touches. A
// date is a date, whatever the zone.
func (r *holidayReader) wall(t time.Time, up, days bool) Wall {
	if days {
		return Wall{Date: civil.Of(t, t.Location())}
	}
	local := t.In(r.zone)
	minute := local.Hour()*60 + local.Minute()
	w := Wall{Date: civil.Of(local, r.zone), Minute: minute - minute%5}
	if up && (minute%5 != 0 || local.Second() != 0) {
		if w.Minute += 5; w.Minute == 24*60 {
			w = Wall{Date: w.Date.AddDays(1)}
		}
	}
	return w
}

// repeat adds the occurrences of a repeated event. Rules that repeat within a day are no
// holidays, and could be made to go on for ever.
func (r *holidayReader) repeat(e *goical.Event, h Holiday, start, end time.Time, days bool) {
	option, err := e.Props.RecurrenceRule()
	if err == nil && option != nil && (option.Freq > rrule.DAILY || len(option.Byhour)+len(option.Byminute)+len(option.Bysecond) > 0) {
		err = errors.New("ical: repeats within a day")
	}
	var set *rrule.Set
	if err == nil && option != nil {
		set, err = e.RecurrenceSet(r.zone)
	}
	if err != nil || set == nil {
		h.Problem = BadRule
		r.list = append(r.list, h)
		return
	}
	first := civil.Of(start, start.Location())
	length := first.DaysUntil(civil.Of(end, end.Location()))
	found := false
	for _, at := range set.Between(r.from.AddDays(-maxHolidayDays).At(0, 0, r.zone), r.to.AddDays(1).At(0, 0, r.zone), true) {
		one := h
		one.UID += "#" + civil.Of(at, at.Location()).String()
		until := r.wall(at.Add(end.Sub(start)), true, false)
		if days {
			until = Wall{Date: civil.Of(at, at.Location()).AddDays(length)}
		}
		if one = r.place(one, r.wall(at, false, days), until); one.Problem == OutsideDates {
			continue
		}
		found = true
		if r.list = append(r.list, one); len(r.list) > maxHolidays {
			return
		}
	}
	if !found {
		h = r.place(h, r.wall(start, false, days), r.wall(end, true, days))
		h.Problem = OutsideDates
		r.list = append(r.list, h)
	}
}

// replace puts the occurrences that the file describes on their own in place of those of the
// rule.
func (r *holidayReader) replace() {
	for _, h := range r.changed {
		i := slices.IndexFunc(r.list, func(o Holiday) bool { return o.UID == h.UID })
		if i >= 0 {
			r.list[i] = h
		} else {
			r.list = append(r.list, h)
		}
	}
}
