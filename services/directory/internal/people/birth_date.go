package people

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// earliestBirthYear is below the birth of anybody who can become a patient.
const earliestBirthYear = 1880

// latestBirthYear only keeps other numbers from being taken for dates in a search.
const latestBirthYear = 2100

// monthNames are beginnings of month names in English, German, French, Spanish and Italian,
// folded; the first that fits decides.
var monthNames = []struct {
	begin string
	month time.Month
}{
	{"jan", 1},
	{"ene", 1},
	{"gen", 1},
	{"feb", 2},
	{"fev", 2},
	{"mar", 3},
	{"mrz", 3},
	{"apr", 4},
	{"avr", 4},
	{"abr", 4},
	{"may", 5},
	{"mai", 5},
	{"mag", 5},
	{"juin", 6},
	{"jun", 6},
	{"giu", 6},
	{"juil", 7},
	{"jul", 7},
	{"lug", 7},
	{"aug", 8},
	{"aou", 8},
	{"ago", 8},
	{"sep", 9},
	{"set", 9},
	{"oct", 10},
	{"okt", 10},
	{"ott", 10},
	{"nov", 11},
	{"dec", 12},
	{"dez", 12},
	{"dic", 12},
}

// findBirthDate takes the first birth date out of the words of a search and returns the
// others. It knows 1980-03-07, 1980/3/7, 7.3.1980, 7. 3. 1980, 7 Mar 1980, 7-Mar-1980 and
// March 7th, 1980. Two dates come back for 3/7/1980, which is March to some and July to
// others. Days that do not exist are no dates.
func findBirthDate(words []string) (dates []civil.Date, rest []string) {
	for i := range words {
		for n := 1; n <= 3 && i+n <= len(words); n++ {
			if dates := readDate(words[i : i+n]); len(dates) > 0 {
				return dates, slices.Concat(words[:i], words[i+n:])
			}
		}
	}
	return nil, words
}

// readDate reads one to three words as one date; nothing when they are none.
func readDate(words []string) []civil.Date {
	text := strings.TrimSuffix(strings.Join(words, " "), ",")
	parts := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" .,-/", r) })
	if len(parts) != 3 {
		return nil
	}
	a, b, c := parts[0], parts[1], parts[2]
	switch {
	case len(a) == 4 && len(words) == 1:
		return appendDate(nil, a, b, c)
	case len(c) != 4:
		return nil
	case !isNumber(b): // 7 Mar 1980
		return appendDate(nil, c, b, ordinal(a))
	case !isNumber(a): // March 7th, 1980
		return appendDate(nil, c, a, ordinal(b))
	case strings.Count(text, ".") == 2: // a point after the day means that the month follows
		return appendDate(nil, c, b, a)
	case len(words) == 1:
		return appendDate(appendDate(nil, c, b, a), c, a, b)
	}
	return nil
}

// ordinal leaves out the ending of 1st, 2nd, 3rd and 4th.
func ordinal(s string) string {
	for _, ending := range []string{"st", "nd", "rd", "th"} {
		if day, ok := strings.CutSuffix(s, ending); ok {
			return day
		}
	}
	return s
}

// isNumber reports whether s begins with a digit.
func isNumber(s string) bool { return s[0] >= '0' && s[0] <= '9' }

// compactDate reads YYYYMMDD, which might as well be part of a telephone number.
func compactDate(digits string) []civil.Date {
	if len(digits) != 8 {
		return nil
	}
	return appendDate(nil, digits[:4], digits[4:6], digits[6:])
}

// appendDate appends the date when it exists, could be a birth date, and is not there yet.
func appendDate(dates []civil.Date, year, month, day string) []civil.Date {
	y, m, d := parseNumber(year), parseMonth(month), parseNumber(day)
	if m == 0 || y < earliestBirthYear || y > latestBirthYear {
		return dates
	}
	date := civil.Date{Year: y, Month: m, Day: d}
	if d < 1 || d > (civil.Month{Year: y, Month: m}).Last().Day || slices.Contains(dates, date) {
		return dates
	}
	return append(dates, date)
}

// parseNumber reads digits and nothing else; 0 when it is no such number.
func parseNumber(s string) int {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 0
	}
	return int(n)
}

// parseMonth reads a month as number or name; 0 when it is neither.
func parseMonth(s string) time.Month {
	if isNumber(s) {
		if n := parseNumber(s); n <= 12 {
			return time.Month(n)
		}
		return 0
	}
	name := Fold(s)
	for _, m := range monthNames {
		if strings.HasPrefix(name, m.begin) {
			return m.month
		}
	}
	return 0
}

// ParseDate reads an optional civil date of a request, YYYY-MM-DD. INVALID_ARGUMENT on field
// for a day that does not exist.
func ParseDate(field, s string) (civil.Date, error) {
	if s == "" {
		return civil.Date{}, nil
	}
	date, err := civil.Parse(s)
	if err != nil {
		return civil.Date{}, fault.Invalid(field, "must be a date that exists, as YYYY-MM-DD")
	}
	return date, nil
}

// checkBirthDate wants a date on which a patient of today may have been born.
func checkBirthDate(field string, date, today civil.Date) error {
	switch {
	case date.IsZero():
		return fault.Invalid(field, "must be given")
	case date.Year < earliestBirthYear:
		return fault.Invalid(field, "must not be before 1880")
	case date.After(today):
		return fault.Invalid(field, "must not be in the future")
	}
	return nil
}
