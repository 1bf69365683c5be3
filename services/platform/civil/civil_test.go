package civil_test

import (
	"testing"
	"time"
	_ "time/tzdata"

	"pgregory.net/rapid"

	"github.com/upright-clinic/upright/services/platform/civil"
)

// A clinician can check these with a calendar (clinical reference 3.1).
func TestAddMonthsStopsAtTheMonthsEnd(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from   string
		months int
		want   string
	}{
		{"2024-08-31", 6, "2025-02-28"},
		{"2023-08-31", 6, "2024-02-29"},
		{"2024-02-29", 6, "2024-08-29"},
		{"2024-03-31", 6, "2024-09-30"},
		{"2024-01-15", 6, "2024-07-15"},
		{"2024-01-31", 1, "2024-02-29"},
		{"2024-12-31", 12, "2025-12-31"},
		{"2024-03-31", -1, "2024-02-29"},
		{"2024-01-31", -11, "2023-02-28"},
		{"2024-05-31", 0, "2024-05-31"},
	} {
		if got := civil.MustParse(c.from).AddMonths(c.months).String(); got != c.want {
			t.Errorf("%s + %d months = %s, want %s", c.from, c.months, got, c.want)
		}
	}
}

func anyDate(t *rapid.T, label string) civil.Date {
	return civil.Date{Year: 1990, Month: 1, Day: 1}.AddDays(rapid.IntRange(0, 20000).Draw(t, label))
}

// Monotone: a later date never frees up earlier. time.AddDate breaks this.
func TestAddMonthsIsMonotone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyDate(t, "a"), anyDate(t, "b")
		n := rapid.IntRange(-40, 40).Draw(t, "months")
		if a.After(b) {
			a, b = b, a
		}
		if a.AddMonths(n).After(b.AddMonths(n)) {
			t.Fatalf("%v <= %v but %v > %v", a, b, a.AddMonths(n), b.AddMonths(n))
		}
	})
}

func TestDaysAndTextAgree(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := anyDate(t, "a")
		n := rapid.IntRange(-2000, 2000).Draw(t, "days")
		b := a.AddDays(n)
		if a.DaysUntil(b) != n || b.AddDays(-n) != a {
			t.Fatalf("%v and %d days: %v, back %v", a, n, b, b.AddDays(-n))
		}
		if back, err := civil.Parse(a.String()); err != nil || back != a {
			t.Fatalf("%v reads back as %v, %v", a, back, err)
		}
		if (a.String() < b.String()) != a.Before(b) {
			t.Fatalf("%v and %v sort differently as text", a, b)
		}
	})
}

func TestParseRefusesDaysThatDoNotExist(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "2025-02-29", "2024-13-01", "2024-00-10", "2024-1-1", "24-01-01", "2024-01-01T00:00", "2024-04-31", " 2024-04-30"} {
		if d, err := civil.Parse(s); err == nil {
			t.Errorf("%q parsed as %v", s, d)
		}
	}
	for _, s := range []string{"", "2024", "2024-13", "2024-1", "2024-01-01"} {
		if m, err := civil.ParseMonth(s); err == nil {
			t.Errorf("%q parsed as %v", s, m)
		}
	}
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func TestOfIsTheDayAtTheSite(t *testing.T) {
	t.Parallel()
	instant := time.Date(2024, 7, 10, 5, 30, 0, 0, time.UTC)
	for name, want := range map[string]string{"UTC": "2024-07-10", "America/Los_Angeles": "2024-07-09", "Pacific/Auckland": "2024-07-10"} {
		if got := civil.Of(instant, zone(t, name)).String(); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// What wall time means when clocks change: skipped times move on by the gap, repeated ones
// are the first.
func TestAtInGapsAndFolds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		zone, day    string
		hour, minute int
		want         string
	}{
		{"Europe/London", "2024-03-31", 0, 59, "2024-03-31T00:59:00Z"},
		{"Europe/London", "2024-03-31", 1, 30, "2024-03-31T01:30:00Z"}, // skipped: shown as 02:30
		{"Europe/London", "2024-03-31", 2, 0, "2024-03-31T01:00:00Z"},
		{"Europe/London", "2024-10-27", 1, 30, "2024-10-27T00:30:00Z"}, // twice: the first
		{"Europe/London", "2024-10-27", 2, 0, "2024-10-27T02:00:00Z"},
		{"America/New_York", "2024-03-10", 2, 30, "2024-03-10T07:30:00Z"},
		{"America/New_York", "2024-11-03", 1, 15, "2024-11-03T05:15:00Z"},
		{"Australia/Lord_Howe", "2024-10-06", 2, 15, "2024-10-05T15:45:00Z"}, // half an hour
		{"Asia/Kolkata", "2024-06-01", 9, 0, "2024-06-01T03:30:00Z"},
		{"Europe/London", "2024-06-01", 24, 0, "2024-06-01T23:00:00Z"}, // midnight at the day's end
	} {
		got := civil.MustParse(c.day).At(c.hour, c.minute, zone(t, c.zone)).Format(time.RFC3339)
		if got != c.want {
			t.Errorf("%s %s %02d:%02d = %s, want %s", c.zone, c.day, c.hour, c.minute, got, c.want)
		}
	}
}

func TestStoredAndReadBack(t *testing.T) {
	t.Parallel()
	d := civil.MustParse("2024-02-29")
	v, err := d.Value()
	if err != nil || v != "2024-02-29" {
		t.Fatalf("%v, %v", v, err)
	}
	for _, src := range []any{"2024-02-29", []byte("2024-02-29")} {
		var back civil.Date
		if err := back.Scan(src); err != nil || back != d {
			t.Errorf("%T: %v, %v", src, back, err)
		}
	}
	back := d
	if err := back.Scan(nil); err != nil || !back.IsZero() {
		t.Errorf("NULL: %v, %v", back, err)
	}
	if err := back.Scan(7); err == nil {
		t.Error("a number was read as a date")
	}
}

// At against the definition: the first instant whose wall clock shows the time; if there is
// none, the clock shows it later by exactly what was skipped.
func TestAtIsTheFirstInstantThatShowsIt(t *testing.T) {
	t.Parallel()
	zones := []string{
		"Europe/Berlin", "America/Sao_Paulo", "America/St_Johns", "Australia/Lord_Howe", "Asia/Tehran", "Africa/Casablanca",
		"Pacific/Apia", "Pacific/Kiritimati", "Asia/Kathmandu", "Antarctica/Troll", "America/Havana",
	}
	rapid.Check(t, func(r *rapid.T) {
		loc := zone(t, rapid.SampledFrom(zones).Draw(r, "zone"))
		day := civil.MustParse("2005-01-01").AddDays(rapid.IntRange(0, 12000).Draw(r, "day"))
		if rapid.Bool().Draw(r, "at a transition") { // or hardly any draw meets one
			_, end := day.At(12, 0, loc).ZoneBounds()
			if !end.IsZero() {
				day = civil.Of(end, loc)
			}
		}
		quarter := rapid.IntRange(0, 95).Draw(r, "quarter of an hour")
		hour, minute := quarter/4, quarter%4*15
		got := day.At(hour, minute, loc)

		wanted := time.Date(day.Year, day.Month, day.Day, hour, minute, 0, 0, time.UTC)
		shown := func(t time.Time) time.Time { // the wall clock, as if it were UTC
			_, offset := t.In(loc).Zone()
			return t.UTC().Add(time.Duration(offset) * time.Second)
		}
		for t := wanted.Add(-26 * time.Hour); t.Before(wanted.Add(26 * time.Hour)); t = t.Add(15 * time.Minute) {
			if shown(t).Equal(wanted) {
				if !got.Equal(t) {
					r.Fatalf("%v %02d:%02d in %v = %v, want %v", day, hour, minute, loc, got, t)
				}
				return
			}
		}
		start, _ := got.In(loc).ZoneBounds()
		gap := shown(start).Sub(shown(start.Add(-time.Second)).Add(time.Second))
		if moved := shown(got).Sub(wanted); moved != gap || gap <= 0 {
			r.Fatalf("%v %02d:%02d in %v is skipped; %v is %v later, want %v", day, hour, minute, loc, got, moved, gap)
		}
	})
}
