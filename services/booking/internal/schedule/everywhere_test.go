package schedule

import (
	"testing"
	"time"

	"github.com/upright-clinic/upright/services/platform/civil"
)

// clockOf is what the clocks of a zone show around a change: each five minutes with its instant,
// found by looking at them one by one.
type clockOf struct {
	zone  *time.Location
	from  Slot
	shown []string
}

func lookAt(zone *time.Location, change time.Time) clockOf {
	c := clockOf{zone: zone, from: SlotAt(change.Add(-60 * time.Hour))}
	for s := c.from; s < c.from+2*60*12; s++ {
		c.shown = append(c.shown, s.Time().In(zone).Format("2006-01-02T15:04"))
	}
	return c
}

// find is the first or last instant at which the clocks show a time; one that is skipped is
// looked for later by what they skip.
func (c clockOf) find(wall string, last bool, skipped time.Duration) (Slot, bool) {
	found, ok := Slot(0), false
	for i, shown := range c.shown {
		if shown == wall && (last || !ok) {
			found, ok = c.from+Slot(i), true
		}
	}
	if ok || skipped == 0 {
		return found, ok
	}
	t, err := time.Parse("2006-01-02T15:04", wall)
	if err != nil {
		return 0, false
	}
	return c.find(t.Add(skipped).Format("2006-01-02T15:04"), last, 0)
}

// TestShiftsEverywhere paints shifts around every change of the clocks of every zone from 2024 to
// 2030, of the day, of the night, and beginning and ending about the change, and compares every
// five minutes with what the clocks on the wall say. Every start of the grid is on it, too.
func TestShiftsEverywhere(t *testing.T) {
	t.Parallel()
	compared := 0
	for _, zone := range zones(t) {
		for at := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC).In(zone); ; {
			_, change := at.ZoneBounds()
			if change.IsZero() || change.Year() > 2030 {
				break
			}
			at = change.In(zone)
			compared += paintAround(t, zone, change)
		}
	}
	if compared < 5000 {
		t.Errorf("only %d shifts were compared", compared)
	}
}

func paintAround(t *testing.T, zone *time.Location, change time.Time) (compared int) {
	t.Helper()
	_, before := change.Add(-time.Second).In(zone).Zone()
	_, after := change.In(zone).Zone()
	skipped := max(0, time.Duration(after-before)*time.Second)
	clocks := lookAt(zone, change)
	wall := change.Add(time.Duration(before) * time.Second).UTC() // of the change, by the old offset
	minute := wall.Hour()*60 + wall.Minute()
	date := civil.Of(wall, time.UTC)
	for _, c := range [][2]int{{9 * 60, 17 * 60}, {22 * 60, 6 * 60}, {minute - 60, minute + 30}, {minute + 30, minute + 180}, {minute, minute + 60}} {
		start, end := c[0], c[1]
		if start < 0 || start >= minutesADay || end > minutesADay {
			continue
		}
		s := Shift{Zone: zone, Start: start, End: end, From: date.AddDays(-1), To: date.AddDays(1), Weekdays: 127}
		painted := NewBits(Span{clocks.from, clocks.from + Slot(len(clocks.shown))})
		s.Paint(painted)
		want := NewBits(painted.Span())
		for d := date.AddDays(-1); !d.After(date.AddDays(1)); d = d.AddDays(1) {
			until := d
			if end <= start {
				until = d.AddDays(1)
			}
			from, ok1 := clocks.find(wallText(d, start), false, skipped)
			to, ok2 := clocks.find(wallText(until, end), true, skipped)
			if ok1 && ok2 {
				want.Set(Span{from, to})
			}
		}
		compared++
		// The days at the edges reach beyond what was looked at.
		for slot := clocks.from + 24*12; slot < clocks.from+Slot(len(clocks.shown))-24*12; slot++ {
			if painted.Has(slot) != want.Has(slot) {
				t.Fatalf("%s, change at %s, shift %d to %d: %s is %v", zone, change.UTC(), start, end, slot.Time().In(zone), painted.Has(slot))
			}
		}
		grid := NewBits(painted.Span())
		Grid(grid, 15, zone)
		for i, shown := range clocks.shown {
			slot := clocks.from + Slot(i)
			on := shown[14:] == "00" || shown[14:] == "15" || shown[14:] == "30" || shown[14:] == "45"
			if grid.Has(slot) != on {
				t.Fatalf("%s: %s on the grid: %v", zone, slot.Time().In(zone), !on)
			}
		}
	}
	return compared
}

// wallText is a wall time of a date, up to the next midnight.
func wallText(d civil.Date, minute int) string {
	if minute >= minutesADay {
		d, minute = d.AddDays(1), minute-minutesADay
	}
	return d.String() + "T" + time.Date(2000, 1, 1, 0, minute, 0, 0, time.UTC).Format("15:04")
}
