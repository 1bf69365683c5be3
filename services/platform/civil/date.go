// Package civil has the one calendar date and the one month arithmetic of the project.
//
// A civil date is what a clinic means by "a day": it has no zone and no hour. It is computed
// once, in the clinic's zone, from an instant ([Of]) and then stored, so that no later change
// of zone moves it. Months are added clamped to the end of the month, which keeps the
// addition monotone; time.AddDate is not (31 August plus six months is 3 March there).
package civil

import (
	"cmp"
	"database/sql/driver"
	"fmt"
	"time"
)

// Date is a day of the Gregorian calendar. The zero Date is no day at all; see IsZero.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// Of gives the day that t falls on in loc.
func Of(t time.Time, loc *time.Location) Date {
	y, m, d := t.In(loc).Date()
	return Date{y, m, d}
}

// Parse reads YYYY-MM-DD. Days that do not exist, such as 2025-02-29, are an error.
func Parse(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return Date{}, fmt.Errorf("%q is not a date YYYY-MM-DD that exists", s)
	}
	return fromUTC(t), nil
}

// MustParse is Parse for dates that are written in the program; it panics on a wrong one.
func MustParse(s string) Date {
	d, err := Parse(s)
	if err != nil {
		panic(err)
	}
	return d
}

// String gives YYYY-MM-DD, which sorts as the dates do; "" for the zero Date.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return d.utc().Format(time.DateOnly)
}

// IsZero reports whether d is no day.
func (d Date) IsZero() bool { return d == Date{} }

// Compare is -1 when d is before o, 1 when after, 0 when the same.
func (d Date) Compare(o Date) int {
	return cmp.Or(cmp.Compare(d.Year, o.Year), cmp.Compare(d.Month, o.Month), cmp.Compare(d.Day, o.Day))
}

// Before reports whether d is earlier than o.
func (d Date) Before(o Date) bool { return d.Compare(o) < 0 }

// After reports whether d is later than o.
func (d Date) After(o Date) bool { return d.Compare(o) > 0 }

// AddDays gives the day n days on; n may be negative.
func (d Date) AddDays(n int) Date {
	return fromUTC(time.Date(d.Year, d.Month, d.Day+n, 0, 0, 0, 0, time.UTC))
}

// AddMonths gives the same day of the month n months on, or that month's last day when it is
// shorter: 31 August plus six is 28 or 29 February, and 29 February plus six is 29 August
// (clinical reference 3.1). x <= y implies x.AddMonths(n) <= y.AddMonths(n).
func (d Date) AddMonths(n int) Date {
	m := Month{d.Year, d.Month}.Add(n)
	return Date{m.Year, m.Month, min(d.Day, m.Last().Day)}
}

// DaysUntil is the number of days from d to o, negative when o is earlier.
func (d Date) DaysUntil(o Date) int {
	return int(o.utc().Sub(d.utc()) / (24 * time.Hour))
}

// Weekday is the day of the week.
func (d Date) Weekday() time.Weekday { return d.utc().Weekday() }

// ISOWeek is the ISO 8601 year and week that d is in; weeks start on Monday.
func (d Date) ISOWeek() (year, week int) { return d.utc().ISOWeek() }

// At gives the instant at which loc's clocks show hour:minute on d. A time that clocks skip
// (02:30 when they go from 02:00 to 03:00) moves forward by what is skipped (03:30); a time
// that comes twice is the first one.
func (d Date) At(hour, minute int, loc *time.Location) time.Time {
	t := time.Date(d.Year, d.Month, d.Day, hour, minute, 0, 0, loc)
	// time.Date does not promise which of two it gives, so look at both sides of it: the
	// offset in force well before decides the first of a repeated hour and a skipped one.
	_, before := t.Add(-24 * time.Hour).Zone()
	first := time.Date(d.Year, d.Month, d.Day, hour, minute, 0, 0, time.UTC).Add(-time.Duration(before) * time.Second)
	if wallIs(first.In(loc), d, hour, minute) {
		return first.UTC()
	}
	if wallIs(t, d, hour, minute) {
		return t.UTC()
	}
	return first.UTC() // skipped: the old offset lands after the gap, moved on by its length
}

func wallIs(t time.Time, d Date, hour, minute int) bool {
	y, m, day := t.Date()
	want := time.Date(d.Year, d.Month, d.Day, hour, minute, 0, 0, time.UTC) // 24:00 is the next day's 00:00
	wy, wm, wd := want.Date()
	return y == wy && m == wm && day == wd && t.Hour() == want.Hour() && t.Minute() == want.Minute()
}

// MarshalText gives String.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText is Parse; empty text is the zero Date.
func (d *Date) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 {
		*d = Date{}
		return nil
	}
	*d, err = Parse(string(text))
	return err
}

// Value stores the date as text, the zero Date as NULL.
func (d Date) Value() (driver.Value, error) {
	if d.IsZero() {
		return nil, nil
	}
	return d.String(), nil
}

// Scan reads what Value stored.
func (d *Date) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*d = Date{}
		return nil
	case string:
		return d.UnmarshalText([]byte(v))
	case []byte:
		return d.UnmarshalText(v)
	}
	return fmt.Errorf("civil: cannot read a date from %T", src)
}

func (d Date) utc() time.Time { return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC) }

func fromUTC(t time.Time) Date {
	y, m, day := t.Date()
	return Date{y, m, day}
}
