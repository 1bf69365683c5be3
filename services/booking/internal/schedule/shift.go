package schedule

import (
	"time"

	"github.com/upright-clinic/upright/services/platform/civil"
)

// Weekdays is a set of weekdays, bit 0 for Sunday as in time.Weekday. The empty set marks a
// dated shift.
type Weekdays uint8

// On returns the set with the day added.
func (w Weekdays) On(d time.Weekday) Weekdays { return w | 1<<uint(d) }

// Has reports whether the day is in the set.
func (w Weekdays) Has(d time.Weekday) bool { return w>>uint(d)&1 == 1 }

// minutesADay is the wall minutes of a day without a clock change.
const minutesADay = 24 * 60

// Shift is working time of a practitioner at a location, as a wall-clock agreement: weekly
// on Weekdays from From to To, or on the one date From when Weekdays is empty.
type Shift struct {
	ID, PractitionerID, LocationID string
	Zone                           *time.Location
	Weekdays                       Weekdays
	// Start and End are wall minutes from midnight, End up to 1440. An End at or before
	// Start is on the next day.
	Start, End int
	// From is the first civil date, To the last; a zero To has no end.
	From, To civil.Date
}

// On returns the shift's time on a civil date, and false when it is not worked then.
func (s Shift) On(d civil.Date) (Span, bool) {
	if d.Before(s.From) || (!s.To.IsZero() && d.After(s.To)) {
		return Span{}, false
	}
	if s.Weekdays == 0 && d != s.From || s.Weekdays != 0 && !s.Weekdays.Has(d.Weekday()) {
		return Span{}, false
	}
	end, day := s.End, d
	if end <= s.Start {
		day = d.AddDays(1)
	}
	span := Span{slotCeil(WallStart(d, s.Start, s.Zone)), SlotAt(WallEnd(day, end, s.Zone))}
	return span, !span.Empty()
}

// Paint sets the bits of the shift's time in b.
func (s Shift) Paint(b Bits) {
	cover := b.Span()
	// A shift may begin on the day before, and a zone may be a day off UTC.
	last := civil.Of(cover.End(), s.Zone)
	for d := civil.Of(cover.Start(), s.Zone).AddDays(-1); !d.After(last); d = d.AddDays(1) {
		if span, ok := s.On(d); ok {
			b.Set(span)
		}
	}
}

// WallStart is the instant of a wall time that something starts at: in a gap, where the
// clocks go forward over it, it moves forward by the gap; in a fold, where the time comes
// twice, it is the first. minute counts from midnight, up to 1440, which is the next day's
// midnight.
func WallStart(d civil.Date, minute int, zone *time.Location) time.Time {
	if minute >= minutesADay {
		d, minute = d.AddDays(1), minute-minutesADay
	}
	return d.At(minute/60, minute%60, zone)
}

// WallEnd is the instant of a wall time that something ends at: as WallStart, but in a fold
// it is the last. So a shift from 22:00 to 06:00 lasts seven hours when the clocks go forward
// and nine when they go back, and one from 01:00 to 01:30 in the repeated hour an hour and a
// half.
func WallEnd(d civil.Date, minute int, zone *time.Location) time.Time {
	t := WallStart(d, minute, zone).In(zone)
	_, change := t.ZoneBounds()
	if change.IsZero() {
		return t
	}
	_, before := t.Zone()
	_, after := change.In(zone).Zone()
	// The same wall time under the next period's offset.
	again := t.Add(time.Duration(before-after) * time.Second)
	if again.After(t) && !again.Before(change) {
		return again
	}
	return t
}

// Grid sets, within b, every slot whose wall time in the zone is a multiple of step minutes.
// step divides sixty, so only the offset within the hour matters.
func Grid(b Bits, step int, zone *time.Location) {
	for at := b.Span().From; at < b.Span().To; {
		t := at.Time().In(zone)
		_, offset := t.Zone()
		until := b.Span().To
		if _, change := t.ZoneBounds(); !change.IsZero() {
			until = min(until, slotCeil(change))
		}
		wall := (int(at)*grainMinutes + offset/60) % step
		if wall < 0 {
			wall += step
		}
		first := at
		if wall > 0 {
			first += slots(step - wall)
		}
		for s := first; s < until; s += slots(step) {
			b.Set(Span{s, s + 1})
		}
		at = until
	}
}
