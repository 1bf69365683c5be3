package app

import (
	"context"
	"slices"

	"github.com/upright-clinic/upright/services/booking/internal/calendar"
	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// search is a question for free starts, answered from memory but for the patient's own
// appointments.
type search struct {
	clinic  *calendar.Clinic
	typ     *store.Type
	minutes int
	mode    schedule.Mode
	roomID  string
	starts  schedule.Span
	// offered narrows the starts of a location; nil offers every start on the type's grid.
	offered   func(locationID string, grid schedule.Bits)
	lanes     []schedule.Lane
	lastDay   map[string]civil.Date // of practitioners whose credential ends
	subject   string                // whose own holds do not count as taken; with patientID
	patientID string

	free map[string]schedule.Bits // by resource
	// whole is the patient's free time, nil when nobody in particular is asked for; own are the
	// caller's own holds for the patient.
	whole  *schedule.Bits
	own    []string
	places map[string]schedule.Place
	pools  map[string]pool // by location, in the order of places
}

// pool is what a location has for the search.
type pool struct {
	rooms   []schedule.Resource
	devices [][]schedule.Resource
}

// lanesFor are a practitioner's lanes, at one location or at all.
func lanesFor(c *calendar.Clinic, practitionerID, locationID string) (lanes []schedule.Lane) {
	for _, at := range c.LocationsOf(practitionerID) {
		if locationID == "" || locationID == at {
			lanes = append(lanes, schedule.Lane{PractitionerID: practitionerID, LocationID: at})
		}
	}
	return lanes
}

// run returns the free starts of each lane.
func (s *search) run(ctx context.Context, a *App) ([]schedule.Bits, error) {
	reach := schedule.Reach(&s.typ.Type, s.minutes, s.starts)
	s.gather(reach)
	if err := a.Busy.Subtract(ctx, s.clinic.ID, s.free); err != nil {
		return nil, err
	}
	q := schedule.Query{
		Type: &s.typ.Type, Minutes: s.minutes, Mode: s.mode, Starts: s.starts,
		Lanes: s.lanes, Places: s.places, Grids: map[string]schedule.Bits{},
	}
	if s.patientID != "" {
		patient, err := s.patient(ctx, a, reach)
		if err != nil {
			return nil, err
		}
		q.Patient, s.whole = &patient, &patient
	}
	for i, lane := range s.lanes {
		open := s.clinic.Open(lane.PractitionerID, lane.LocationID, reach)
		open.And(s.free[lane.PractitionerID])
		if last, ends := s.lastDay[lane.PractitionerID]; ends {
			midnight := schedule.SlotAt(last.AddDays(1).At(0, 0, s.clinic.ZoneOf(lane.LocationID)))
			open.Clear(schedule.Span{From: midnight, To: open.Span().To})
		}
		q.Lanes[i].Free = open
	}
	for id := range s.places {
		grid := schedule.NewBits(reach)
		schedule.Grid(grid, s.typ.Step, s.clinic.ZoneOf(id))
		if s.offered != nil {
			s.offered(id, grid)
		}
		q.Grids[id] = grid
	}
	return schedule.Openings(q), nil
}

// gather lists the resources that the search looks at, each free all the time for now but for
// when it is out of service.
func (s *search) gather(reach schedule.Span) {
	s.pools = map[string]pool{}
	var ids []string
	for _, lane := range s.lanes {
		ids = append(ids, lane.PractitionerID)
		if _, ok := s.pools[lane.LocationID]; ok {
			continue
		}
		p := s.pool(lane.LocationID)
		s.pools[lane.LocationID] = p
		for _, list := range append(p.devices, p.rooms) {
			for _, r := range list {
				ids = append(ids, r.ID)
			}
		}
	}
	s.free = make(map[string]schedule.Bits, len(ids))
	for i, b := range schedule.NewBitsBlock(reach, len(ids)) {
		b.Set(b.Span())
		for _, away := range s.clinic.AwaySpans(ids[i]) {
			b.Clear(away)
		}
		s.free[ids[i]] = b
	}
	s.places = make(map[string]schedule.Place, len(s.pools))
	for id, p := range s.pools {
		s.places[id] = s.place(p)
	}
}

// pool lists what a location has that suits.
func (s *search) pool(locationID string) (p pool) {
	if s.typ.NeedsRoom(s.mode) {
		p.rooms = s.clinic.Rooms(s.typ, locationID, "")
		if i := slices.IndexFunc(p.rooms, func(r schedule.Resource) bool { return r.ID == s.roomID }); i >= 0 {
			p.rooms = p.rooms[i : i+1]
		} else if s.roomID != "" {
			p.rooms = nil
		}
	}
	for i := range s.typ.NeedsEquipment(s.mode) {
		p.devices = append(p.devices, s.clinic.Devices(s.typ, i, locationID, ""))
	}
	return p
}

// place is a pool with the free time of everything in it.
func (s *search) place(p pool) schedule.Place {
	place := schedule.Place{Rooms: make([]schedule.Free, len(p.rooms)), Equipment: make([][]schedule.Free, len(p.devices))}
	for i, r := range p.rooms {
		place.Rooms[i] = schedule.Free{RoomID: r.ID, Bits: s.free[r.ID]}
	}
	for k, devices := range p.devices {
		for _, d := range devices {
			place.Equipment[k] = append(place.Equipment[k], schedule.Free{RoomID: d.RoomID, Bits: s.free[d.ID]})
		}
	}
	return place
}

// patient is when the patient has no other appointment. The caller's own holds for the
// patient are given back, of the patient and of everybody else.
func (s *search) patient(ctx context.Context, a *App, reach schedule.Span) (schedule.Bits, error) {
	free := schedule.NewBits(reach)
	free.Set(free.Span())
	err := a.DB.Read(ctx, func(tx *sqldb.Tx) error {
		surviving, err := store.SurvivingPatient(tx, s.clinic.ID, s.patientID)
		if err != nil {
			return err
		}
		claims, err := store.Overlapping(tx, s.clinic.ID, []string{surviving}, free.Span())
		if err != nil {
			return err
		}
		for _, c := range claims {
			free.Clear(c.Span)
		}
		holds, err := store.OwnHolds(tx, s.clinic.ID, s.subject, s.patientID, tx.Now())
		if err != nil {
			return err
		}
		for _, h := range holds {
			s.own = append(s.own, h.ID)
			if err := s.giveOwn(tx, h, surviving, free); err != nil {
				return err
			}
		}
		return nil
	})
	return free, err
}

// giveOwn frees what the caller's own hold takes.
func (s *search) giveOwn(tx *sqldb.Tx, h *store.Hold, patientID string, patient schedule.Bits) error {
	claims, err := store.Overlapping(tx, s.clinic.ID, h.ResourceIDs(), h.Claims)
	for _, c := range claims {
		if c.HolderID != h.ID {
			continue
		}
		if c.ResourceID == patientID {
			patient.Set(c.Span)
		} else if b, ok := s.free[c.ResourceID]; ok {
			b.Set(c.Span)
		}
	}
	return err
}

// suits returns the room and the devices that are free for a visit, as far as memory knows.
func (s *search) suits(locationID string, start schedule.Slot) (roomID string, devices []string) {
	f, p := s.typ.Footprint(start, s.minutes), s.pools[locationID]
	rooms := p.rooms
	if len(rooms) == 0 {
		rooms = []schedule.Resource{{}}
	}
	for _, room := range rooms {
		if room.ID != "" && !s.free[room.ID].All(f.Room) {
			continue
		}
		if devices, ok := s.devices(p, room.ID, f.Equipment); ok {
			return room.ID, devices
		}
	}
	return "", nil
}

func (s *search) devices(p pool, roomID string, need schedule.Span) (ids []string, ok bool) {
	for _, pool := range p.devices {
		i := slices.IndexFunc(pool, func(d schedule.Resource) bool {
			return (roomID == "" || d.RoomID == "" || d.RoomID == roomID) && s.free[d.ID].All(need)
		})
		if i < 0 {
			return nil, false
		}
		if !slices.Contains(ids, pool[i].ID) {
			ids = append(ids, pool[i].ID)
		}
	}
	return ids, true
}

// nextStart is the first start, of those given, at which a refused wish would be free.
func (a *App) nextStart(ctx context.Context, w *wish, starts schedule.Span) (schedule.Slot, bool) {
	s := &search{
		clinic: w.clinic, typ: w.typ, minutes: w.minutes, mode: w.mode, roomID: w.roomID, starts: starts,
		lanes: lanesFor(w.clinic, w.practitioner.ID, ""), subject: w.who.Subject, patientID: w.patientID,
	}
	free, err := s.run(ctx, a)
	if err != nil {
		return 0, false
	}
	var next schedule.Slot
	found := false
	for _, b := range free {
		if at, ok := b.Next(starts.From); ok && (!found || at < next) {
			next, found = at, true
		}
	}
	return next, found
}
