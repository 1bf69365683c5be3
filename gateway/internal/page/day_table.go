package page

import (
	"cmp"
	"slices"
	"strings"
	"time"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	"github.com/upright-clinic/upright/services/platform/civil"
)

// dayView is the form in which a day is shown: "table" by practitioner, "" as a list.
func dayView(asked string) string {
	if asked == "table" {
		return asked
	}
	return ""
}

// waiting is somebody who has arrived and has not been called yet.
type waiting struct {
	dayVisit
	// Minutes since the patient arrived.
	Minutes int
	// Late is true when the visit should have begun.
	Late bool
}

// waitingRoom lists who has arrived, those who wait longest first.
func waitingRoom(visits []dayVisit, now time.Time) (room []waiting) {
	for _, v := range visits {
		if v.GetState() != "CHECKED_IN" {
			continue
		}
		w := waiting{dayVisit: v, Late: now.After(v.GetStartTime().AsTime())}
		if at := v.GetCheckInTime(); at != nil {
			w.Minutes = max(0, int(now.Sub(at.AsTime())/time.Minute))
		}
		room = append(room, w)
	}
	slices.SortStableFunc(room, func(a, b waiting) int { return cmp.Compare(b.Minutes, a.Minutes) })
	return room
}

// heldTime is time that somebody has set aside and not booked yet.
type heldTime struct {
	*bookingv1.Hold
	// Patient is whom it is for; empty when nobody was named.
	Patient, Practitioner string
	// Local and LocalEnd are wall times, Until is when the hold ends.
	Local, LocalEnd, Until string
}

// heldTimes lists the holds of a day that have not run out.
func (c *call) heldTimes(on civil.Date, who string, practitioners map[string]*directoryv1.Practitioner) ([]heldTime, error) {
	got, err := c.clients.holds.ListHolds(c.ctx(), &bookingv1.ListHoldsRequest{Date: on.String(), PractitionerId: who})
	if err != nil {
		return nil, err
	}
	clinic, err := c.clinic()
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, h := range got.GetHolds() {
		if h.GetPatientId() != "" {
			ids = append(ids, h.GetPatientId())
		}
	}
	names, err := c.patientNames(ids)
	if err != nil {
		return nil, err
	}
	zone, now := c.zone(clinic.GetTimeZone()), c.cfg.Clock.Now()
	var held []heldTime
	for _, h := range got.GetHolds() {
		if h.GetState() != "HELD" || !h.GetExpireTime().AsTime().After(now) {
			continue
		}
		held = append(held, heldTime{
			Hold: h, Patient: patientName(names[h.GetPatientId()]), Practitioner: practitioners[h.GetPractitionerId()].GetDisplayName(),
			Local: wallTime(h.GetStartTime().AsTime(), zone), LocalEnd: wallTime(h.GetEndTime().AsTime(), zone),
			Until: c.cat.Clock(wallTime(h.GetExpireTime().AsTime(), zone)),
		})
	}
	return held, nil
}

// wallTime writes an instant as the wall time of a zone, YYYY-MM-DDTHH:MM.
func wallTime(t time.Time, zone *time.Location) string { return t.In(zone).Format("2006-01-02T15:04") }

// dayTable is a day with times as rows and practitioners as columns.
type dayTable struct {
	Columns []string
	Rows    []tableRow
}

// tableRow is one time; cells that began above are not repeated.
type tableRow struct {
	Time  string
	Hour  bool // a full hour
	Cells []tableCell
}

// tableCell is one cell.
type tableCell struct {
	Rows   int
	Visits []dayVisit
	Holds  []heldTime
	// Book is the address to book that time at; empty when nobody works then or it is over.
	Book, With, At string
	Free           bool
}

// dayTable lays a day out. Only those who work or have something on that day get a column.
func (c *call) dayTable(on civil.Date, who string, all map[string]*directoryv1.Practitioner, visits []dayVisit, holds []heldTime) (*dayTable, error) {
	shifts, err := c.clients.shifts.ListShifts(c.ctx(), &bookingv1.ListShiftsRequest{PractitionerId: who})
	if err != nil {
		return nil, err
	}
	away, err := c.clients.shifts.ListShiftExceptions(c.ctx(), &bookingv1.ListShiftExceptionsRequest{StartDate: on.String(), EndDate: on.String()})
	if err != nil {
		return nil, err
	}
	var columns []tableColumn
	var parts []stretch
	for id, p := range all {
		if who != "" && id != who {
			continue
		}
		col := tableColumn{id: id, name: p.GetDisplayName(), work: worked(id, on, shifts.GetShifts(), away.GetShiftExceptions())}
		col.collect(on, visits, holds)
		if len(col.work)+len(col.entries) == 0 {
			continue
		}
		columns, parts = append(columns, col), append(parts, col.work...)
		for _, e := range col.entries {
			parts = append(parts, e.stretch)
		}
	}
	slices.SortFunc(columns, func(a, b tableColumn) int { return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.id, b.id)) })
	return c.layOut(on, columns, parts, visits, holds), nil
}

// tableColumn is one practitioner of the table while it is made.
type tableColumn struct {
	id, name string
	work     []stretch
	// entries have the index of a visit, or of a hold after all visits.
	entries []entry
}

// collect finds what takes up the practitioner's time.
func (t *tableColumn) collect(on civil.Date, visits []dayVisit, holds []heldTime) {
	for i, v := range visits {
		if v.GetPractitionerId() == t.id {
			minutes := int(v.GetEndTime().AsTime().Sub(v.GetStartTime().AsTime()) / time.Minute)
			from := clockMinutes(afterDate(v.GetLocalStart()))
			t.entries = append(t.entries, entry{stretch{from, min(minutesADay, from+max(5, minutes))}, i})
		}
	}
	for i, h := range holds {
		if h.GetPractitionerId() == t.id {
			from, to := clockMinutes(afterDate(h.Local)), minutesADay
			if strings.HasPrefix(h.LocalEnd, on.String()) {
				to = clockMinutes(afterDate(h.LocalEnd))
			}
			t.entries = append(t.entries, entry{stretch{from, max(from+5, to)}, len(visits) + i})
		}
	}
}

// afterDate is the time of day of YYYY-MM-DDTHH:MM.
func afterDate(local string) string {
	_, clock, _ := strings.Cut(local, "T")
	return clock
}

// layOut puts the columns beside each other.
func (c *call) layOut(on civil.Date, columns []tableColumn, parts []stretch, visits []dayVisit, holds []heldTime) *dayTable {
	step := 15
	if !slices.ContainsFunc(parts, func(p stretch) bool { return p.From%30 != 0 || p.To%30 != 0 }) {
		step = 30
	}
	from, to := rows(step, parts...)
	t := &dayTable{Rows: make([]tableRow, (to-from)/step)}
	past := ""
	if clinic, err := c.clinic(); err == nil {
		past = wallTime(c.cfg.Clock.Now(), c.zone(clinic.GetTimeZone()))
	}
	for i := range t.Rows {
		t.Rows[i].Time, t.Rows[i].Hour = c.cat.Clock(clockText(from+i*step)), (from+i*step)%60 == 0
	}
	for _, col := range columns {
		t.Columns = append(t.Columns, col.name)
		for _, cell := range column(col.entries, col.work, from, to, step) {
			at := clockText(from + cell.Row*step)
			out := tableCell{Rows: cell.Rows, Free: cell.Free, With: col.name, At: c.cat.Clock(at)}
			for _, i := range cell.Entries {
				if i < len(visits) {
					out.Visits = append(out.Visits, visits[i])
				} else {
					out.Holds = append(out.Holds, holds[i-len(visits)])
				}
			}
			if cell.Free && on.String()+"T"+at >= past {
				out.Book = address("/staff/book", "from", on.String(), "practitioner", col.id, "at", at)
			}
			t.Rows[cell.Row].Cells = append(t.Rows[cell.Row].Cells, out)
		}
	}
	return t
}
