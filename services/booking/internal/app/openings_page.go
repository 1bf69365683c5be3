package app

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// answer pages what was found. Tokens name where the last page ended, so that times taken
// meanwhile shift nothing.
func (f *finder) answer(free []schedule.Bits) (*Openings, error) {
	out := &Openings{Refused: f.refused}
	if f.q.Compact {
		out.Groups = f.groups(free)
		return out, pageGroups(out, f.q)
	}
	return out, f.pageOpenings(out, free)
}

// groups gathers each lane's starts by day.
func (f *finder) groups(free []schedule.Bits) []OpeningGroup {
	total := 0
	for _, b := range free {
		total += b.Count()
	}
	groups := make([]OpeningGroup, 0, len(free)*(f.q.From.DaysUntil(f.q.To)+1))
	offsets := make([]int32, 0, total)
	for i, lane := range f.s.lanes {
		zone := f.s.clinic.ZoneOf(lane.LocationID)
		days := f.days[lane.LocationID]
		var base schedule.Slot
		first := len(offsets)
		end := func() {
			if len(offsets) > first {
				groups[len(groups)-1].OffsetMinutes = offsets[first:len(offsets):len(offsets)]
			}
			first = len(offsets)
		}
		at := -1
		for s := range free[i].Slots() {
			if at < 0 || s >= days[at].span.To {
				end()
				for at++; s >= days[at].span.To; at++ {
				}
				base = s
				groups = append(groups, OpeningGroup{PractitionerID: lane.PractitionerID, LocalDate: days[at].text, BaseTime: days[at].rfc3339(s, zone)})
			}
			offsets = append(offsets, int32((s-base)*grain))
		}
		end()
	}
	return groups
}

// pageGroups cuts the groups to the page that was asked for.
func pageGroups(out *Openings, q OpeningQuery) error {
	from := 0
	if q.PageToken != "" {
		n, err := strconv.Atoi(q.PageToken)
		if err != nil || n < 0 {
			return fault.Invalid("page_token", "is not one that this search gave")
		}
		from = min(n, len(out.Groups))
	}
	to := len(out.Groups)
	if q.PageSize > 0 && from+q.PageSize < to {
		to = from + q.PageSize
		out.NextPageToken = strconv.Itoa(to)
	}
	out.Groups = out.Groups[from:to]
	return nil
}

// found is a free start of a lane.
type found struct {
	at   schedule.Slot
	lane int
}

// pageOpenings lists the starts by time and practitioner, from where the last page ended.
func (f *finder) pageOpenings(out *Openings, free []schedule.Bits) error {
	after, afterLane, err := parseToken(f.q.PageToken)
	if err != nil {
		return err
	}
	size := cmp.Or(min(f.q.PageSize, 1000), 100)
	all := firstFound(free, found{after, afterLane}, size+1)
	if len(all) > size {
		all = all[:size]
		out.NextPageToken = strconv.FormatInt(int64(all[size-1].at), 36) + "." + strconv.Itoa(all[size-1].lane)
	}
	out.Openings = make([]Opening, len(all))
	for i, x := range all {
		out.Openings[i] = f.opening(x.at, f.s.lanes[x.lane])
		out.Openings[i].Fragments = f.costly[x.lane].Has(x.at)
	}
	return nil
}

// firstFound gives at least the first n starts beyond one, if there are so many, by time and
// lane. A day's worth of each lane is looked at at a time: of eight weeks a page needs few.
func firstFound(free []schedule.Bits, after found, n int) (all []found) {
	const step = 24 * 60 / grain
	var reach schedule.Span
	for _, b := range free {
		reach = reach.Hull(b.Span())
	}
	for from := max(reach.From, after.at); from < reach.To && len(all) < n; from += step {
		first := len(all)
		for i := range free {
			for s, ok := free[i].Next(from); ok && s < from+step; s, ok = free[i].Next(s + 1) {
				if s > after.at || i > after.lane {
					all = append(all, found{s, i})
				}
			}
		}
		slices.SortFunc(all[first:], func(a, b found) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.lane, b.lane)) })
	}
	return all
}

func parseToken(token string) (after schedule.Slot, lane int, err error) {
	if token == "" {
		return -1 << 40, 0, nil
	}
	at, l, _ := strings.Cut(token, ".")
	s, err1 := strconv.ParseInt(at, 36, 64)
	lane, err2 := strconv.Atoi(l)
	if err1 != nil || err2 != nil {
		return 0, 0, fault.Invalid("page_token", "is not one that this search gave")
	}
	return schedule.Slot(s), lane, nil
}

func (f *finder) opening(s schedule.Slot, lane schedule.Lane) Opening {
	zone := f.s.clinic.ZoneOf(lane.LocationID)
	room, devices := f.s.suits(lane.LocationID, s)
	seats := 0
	if f.s.typ.Shared() {
		seats = f.s.typ.Capacity
		if g, ok := f.shared[groupKey{lane.PractitionerID, s}]; ok {
			room, devices, seats = g.RoomID, g.EquipmentIDs, g.left
		}
	}
	return Opening{
		Visit: f.s.typ.Footprint(s, f.s.minutes).Visit, PractitionerID: lane.PractitionerID, LocationID: lane.LocationID,
		RoomID: room, EquipmentIDs: devices, SeatsLeft: seats, TimeZone: zone.String(), LocalStart: s.Time().In(zone).Format("2006-01-02T15:04"),
	}
}
