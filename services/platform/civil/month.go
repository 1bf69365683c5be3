package civil

import (
	"cmp"
	"fmt"
	"time"
)

// Month is a month of a year, for facts that are known no better.
type Month struct {
	Year  int
	Month time.Month
}

// ParseMonth reads YYYY-MM.
func ParseMonth(s string) (Month, error) {
	t, err := time.Parse("2006-01", s)
	if err != nil {
		return Month{}, fmt.Errorf("%q is not a month YYYY-MM that exists", s)
	}
	return Month{t.Year(), t.Month()}, nil
}

// String gives YYYY-MM.
func (m Month) String() string { return fmt.Sprintf("%04d-%02d", m.Year, int(m.Month)) }

// IsZero reports whether m is no month.
func (m Month) IsZero() bool { return m == Month{} }

// Compare is -1 when m is before o, 1 when after, 0 when the same.
func (m Month) Compare(o Month) int {
	return cmp.Or(cmp.Compare(m.Year, o.Year), cmp.Compare(m.Month, o.Month))
}

// First is the first day of the month.
func (m Month) First() Date { return Date{m.Year, m.Month, 1} }

// Last is the last day of the month.
func (m Month) Last() Date {
	return fromUTC(time.Date(m.Year, m.Month+1, 0, 0, 0, 0, 0, time.UTC))
}

// Add gives the month n months on; n may be negative.
func (m Month) Add(n int) Month {
	months := m.Year*12 + int(m.Month) - 1 + n
	year := months / 12
	if months%12 < 0 {
		year--
	}
	return Month{year, time.Month(months-year*12) + 1}
}
