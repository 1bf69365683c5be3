package page

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	"github.com/upright-clinic/upright/services/platform/civil"
)

func TestWhenAPractitionerWorks(t *testing.T) {
	t.Parallel()
	tuesday := civil.Date{Year: 2026, Month: 11, Day: 24}
	weekly := func(from, to string, days ...string) *bookingv1.Shift {
		return &bookingv1.Shift{PractitionerId: "ana", LocationId: "main", Weekdays: days, StartLocalTime: from, EndLocalTime: to, StartDate: "2026-01-01"}
	}
	tests := map[string]struct {
		shifts []*bookingv1.Shift
		away   []*bookingv1.ShiftException
		want   []stretch
	}{
		"a weekly shift":       {shifts: []*bookingv1.Shift{weekly("09:00", "17:00", "TUESDAY")}, want: []stretch{{540, 1020}}},
		"another day's":        {shifts: []*bookingv1.Shift{weekly("09:00", "17:00", "MONDAY")}},
		"another's":            {shifts: []*bookingv1.Shift{{PractitionerId: "ben", StartDate: "2026-11-24", StartLocalTime: "09:00", EndLocalTime: "10:00"}}},
		"a day's own":          {shifts: []*bookingv1.Shift{{PractitionerId: "ana", StartDate: "2026-11-24", StartLocalTime: "09:00", EndLocalTime: "10:00"}}, want: []stretch{{540, 600}}},
		"past midnight":        {shifts: []*bookingv1.Shift{weekly("22:00", "02:00", "MONDAY", "TUESDAY")}, want: []stretch{{0, 120}, {1320, 1440}}},
		"until midnight":       {shifts: []*bookingv1.Shift{weekly("22:00", "24:00", "TUESDAY")}, want: []stretch{{1320, 1440}}},
		"not begun":            {shifts: []*bookingv1.Shift{{PractitionerId: "ana", Weekdays: []string{"TUESDAY"}, StartDate: "2026-12-01", StartLocalTime: "09:00", EndLocalTime: "10:00"}}},
		"ended":                {shifts: []*bookingv1.Shift{{PractitionerId: "ana", Weekdays: []string{"TUESDAY"}, StartDate: "2026-01-01", EndDate: "2026-11-23", StartLocalTime: "09:00", EndLocalTime: "10:00"}}},
		"lunch taken out":      {shifts: []*bookingv1.Shift{weekly("09:00", "17:00", "TUESDAY")}, away: []*bookingv1.ShiftException{{SubjectId: "ana", StartLocal: "2026-11-24T12:00", EndLocal: "2026-11-24T13:00"}}, want: []stretch{{540, 720}, {780, 1020}}},
		"closed for days":      {shifts: []*bookingv1.Shift{weekly("09:00", "17:00", "TUESDAY")}, away: []*bookingv1.ShiftException{{StartLocal: "2026-11-20T12:00", EndLocal: "2026-11-30T13:00"}}},
		"the place is closed":  {shifts: []*bookingv1.Shift{weekly("09:00", "17:00", "TUESDAY")}, away: []*bookingv1.ShiftException{{SubjectId: "main", StartLocal: "2026-11-24T09:00", EndLocal: "2026-11-24T10:00"}}, want: []stretch{{600, 1020}}},
		"somebody else's away": {shifts: []*bookingv1.Shift{weekly("09:00", "17:00", "TUESDAY")}, away: []*bookingv1.ShiftException{{SubjectId: "ben", StartLocal: "2026-11-24T09:00", EndLocal: "2026-11-24T10:00"}}, want: []stretch{{540, 1020}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, worked("ana", tuesday, test.shifts, test.away)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestColumnCoversTheDay: whatever is booked, the cells of a column follow each other without
// a gap and everything that overlaps the table is in exactly one of them, over all its rows.
func TestColumnCoversTheDay(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		step := rapid.SampledFrom([]int{5, 15, 30}).Draw(t, "step")
		var entries []entry
		parts := []stretch{{540, 600}}
		for i := range rapid.IntRange(0, 8).Draw(t, "entries") {
			from := 5 * rapid.IntRange(0, 280).Draw(t, "from")
			e := entry{stretch{from, min(minutesADay, from+5*rapid.IntRange(1, 30).Draw(t, "length"))}, i}
			entries, parts = append(entries, e), append(parts, e.stretch)
		}
		from, to := rows(step, parts...)
		next, seen := 0, map[int]cell{}
		for _, c := range column(entries, nil, from, to, step) {
			if c.Row != next || c.Rows < 1 {
				t.Fatalf("a cell at row %d of %d rows after row %d", c.Row, c.Rows, next)
			}
			next = c.Row + c.Rows
			for _, i := range c.Entries {
				if _, twice := seen[i]; twice {
					t.Fatalf("entry %d twice", i)
				}
				seen[i] = c
			}
		}
		if next != (to-from)/step {
			t.Fatalf("%d rows of %d", next, (to-from)/step)
		}
		for _, e := range entries {
			c, ok := seen[e.Index]
			if !ok || from+c.Row*step > e.From || from+(c.Row+c.Rows)*step < e.To {
				t.Fatalf("%v is not inside its cell %v", e, c)
			}
		}
	})
}

func TestClockTexts(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"00:00", "09:05", "12:30", "23:55", "24:00"} {
		if got := clockText(clockMinutes(s)); got != s {
			t.Errorf("%s became %s", s, got)
		}
	}
}
