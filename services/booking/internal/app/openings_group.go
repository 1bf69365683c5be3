package app

import (
	"context"
	"slices"

	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// groupKey finds a session: a practitioner has one at a time.
type groupKey struct {
	practitionerID string
	start          schedule.Slot
}

// groupSeats is a session with seats left.
type groupSeats struct {
	*store.GroupSession
	left int
}

// addGroups adds, to the starts at which a new session could begin, the sessions that there are
// and that have a seat left.
func (f *finder) addGroups(ctx context.Context, free []schedule.Bits) error {
	var sessions []store.GroupSession
	var holders map[string][]string
	err := f.DB.Read(ctx, func(tx *sqldb.Tx) (err error) {
		sessions, holders, err = store.GroupsOf(tx, f.s.clinic.ID, f.s.typ.ID, f.s.starts)
		return err
	})
	if err != nil {
		return err
	}
	f.shared = map[groupKey]groupSeats{}
	open := map[string]schedule.Bits{}
	for i := range sessions {
		g := &sessions[i]
		taken := 0
		for _, holder := range holders[g.ID] {
			if !slices.Contains(f.s.own, holder) {
				taken++
			}
		}
		shape := f.s.typ.Footprint(g.Visit.From, f.s.minutes)
		if taken >= g.Capacity || g.Mode != f.s.mode || g.Visit != shape.Visit || f.s.whole != nil && !f.s.whole.All(shape.Patient) {
			continue
		}
		at, works := f.s.clinic.WorksAt(g.PractitionerID, shape.Practitioner)
		lane := slices.IndexFunc(f.s.lanes, func(l schedule.Lane) bool { return l.PractitionerID == g.PractitionerID && l.LocationID == at })
		if !works || lane < 0 || f.lapsed(g, at) {
			continue
		}
		if _, ok := open[at]; !ok {
			open[at] = schedule.NewBits(free[lane].Span())
			open[at].Set(free[lane].Span())
			f.offered(at, open[at])
		}
		if open[at].Has(g.Visit.From) {
			free[lane].Set(schedule.Span{From: g.Visit.From, To: g.Visit.From + 1})
			f.shared[groupKey{g.PractitionerID, g.Visit.From}] = groupSeats{g, g.Capacity - taken}
		}
	}
	return nil
}

// lapsed reports whether the practitioner's credential has ended by the day of a session.
func (f *finder) lapsed(g *store.GroupSession, locationID string) bool {
	last, ends := f.s.lastDay[g.PractitionerID]
	return ends && last.Before(civil.Of(g.Visit.Start(), f.s.clinic.ZoneOf(locationID)))
}
