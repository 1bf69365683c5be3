package app

import (
	"time"

	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/platform/civil"
)

// day is one civil day at a location, with what turns its slots into wall time.
type day struct {
	date   civil.Date
	text   string // YYYY-MM-DD
	span   schedule.Span
	offset string // Z or ±HH:MM, the same all day; empty on a day whose clocks change
	wall   schedule.Slot
}

// daysOf lists the civil days from one date to another in a zone.
func daysOf(from, to civil.Date, zone *time.Location) []day {
	days := make([]day, 0, from.DaysUntil(to)+1)
	next := schedule.SlotAt(from.At(0, 0, zone))
	for d := from; !d.After(to); d = d.AddDays(1) {
		start := next
		next = schedule.SlotAt(d.AddDays(1).At(0, 0, zone))
		x := day{date: d, text: d.String(), span: schedule.Span{From: start, To: next}}
		first, last := start.Time().In(zone), next.Time().Add(-time.Second).In(zone)
		_, before := first.Zone()
		if _, after := last.Zone(); before == after && next-start == 24*60/grain {
			x.offset, x.wall = first.Format("Z07:00"), start
		}
		days = append(days, x)
	}
	return days
}

const grain = schedule.Slot(schedule.Grain / time.Minute)

// rfc3339 is a slot's time with the zone's offset.
func (d *day) rfc3339(s schedule.Slot, zone *time.Location) string {
	if d.offset == "" {
		return s.Time().In(zone).Format(time.RFC3339)
	}
	minute := int((s - d.wall) * grain)
	h, m := minute/60, minute%60
	text := append(make([]byte, 0, len("2006-01-02T15:04:05+07:00")), d.text...)
	text = append(text, 'T', byte('0'+h/10), byte('0'+h%10), ':', byte('0'+m/10), byte('0'+m%10), ':', '0', '0')
	return string(append(text, d.offset...))
}

// Parts of the day by wall clock, as the clinic's staff and pages name them.
const (
	noon    = 12 * 60
	evening = 17 * 60
)

// part is the run of slots of a part of the day; the whole day when none is named.
func (d *day) part(name string, zone *time.Location) schedule.Span {
	from, to := 0, 24*60
	switch name {
	case "MORNING":
		to = noon
	case "AFTERNOON":
		from, to = noon, evening
	case "EVENING":
		from = evening
	}
	return schedule.Span{From: schedule.SlotAt(schedule.WallStart(d.date, from, zone)), To: schedule.SlotAt(schedule.WallStart(d.date, to, zone))}
}

// wish is the run of starts of the day at which a visit of so many minutes is in the part of
// the day and between the hours that are wished for.
func (d *day) wish(q *OpeningQuery, minutes int, zone *time.Location) schedule.Span {
	s := d.part(q.PartOfDay, zone)
	if q.FromMinute > 0 {
		s.From = max(s.From, schedule.SlotAt(schedule.WallStart(d.date, q.FromMinute, zone)))
	}
	if q.ToMinute > 0 {
		last := schedule.SlotAt(schedule.WallEnd(d.date, q.ToMinute, zone)) - schedule.Slot(minutes)/grain
		s.To = min(s.To, last+1)
	}
	return s
}
