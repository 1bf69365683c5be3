package schedule

import "slices"

// Lane is where openings can be: one practitioner at one location.
type Lane struct {
	PractitionerID, LocationID string
	// Free is working time that nobody has taken.
	Free Bits
}

// Place is what a location has to offer for a query.
type Place struct {
	// Rooms are the rooms that suit.
	Rooms []Free
	// Equipment is, for each capability needed, the devices that have it.
	Equipment [][]Free
}

// Free is the free time of a room or a device. RoomID is the room itself, or the room that a
// device never leaves; empty for one that is moved about.
type Free struct {
	RoomID string
	Bits   Bits
}

// Query asks for the starts at which a visit fits everybody and everything.
type Query struct {
	Type    *Type
	Minutes int
	Mode    Mode
	// Starts is the run of starts that are asked about. Bitmaps should cover Reach.
	Starts Span
	Lanes  []Lane
	Places map[string]Place
	// Patient is the patient's free time; nil when nobody in particular is asked for.
	Patient *Bits
	// Grids are the starts offered, by location: multiples of the type's step in wall time.
	Grids map[string]Bits
}

// Reach is the run of slots that a search for these starts looks at.
func Reach(t *Type, minutes int, starts Span) Span {
	return t.Footprint(starts.From, minutes).Hull().Hull(t.Footprint(starts.To, minutes).Hull())
}

// Openings returns, for each lane, the starts at which the practitioner is free and at work,
// some suitable room is, some device of each kind is, and the patient is, buffers and
// recovery included. What it returns was true of the bitmaps; only booking decides.
func Openings(q Query) []Bits {
	f := finder{Query: q, shape: q.Type.Footprint(0, q.Minutes), reach: Reach(q.Type, q.Minutes, q.Starts)}
	common := make(map[string]Bits, len(q.Places))
	for id, place := range q.Places {
		common[id] = f.common(place, q.Grids[id])
	}
	out := make([]Bits, len(q.Lanes))
	for i, lane := range q.Lanes {
		out[i] = NewBits(f.reach)
		f.fits(out[i], lane.Free, f.shape.Practitioner)
		out[i].And(common[lane.LocationID])
	}
	return out
}

// finder is a query under way.
type finder struct {
	Query
	shape Footprint // of a visit that starts at slot 0
	reach Span
}

// fits sets, in starts, the starts of visits of which the part falls into free time.
func (f *finder) fits(starts, free Bits, part Span) {
	starts.copy(free)
	starts.Erode(part.To - part.From)
	starts.Delay(-part.From) // a part that begins early fits a later start
}

// common is what every lane of a location shares: grid, range, patient, rooms, devices.
func (f *finder) common(place Place, grid Bits) Bits {
	starts := NewBits(f.reach)
	starts.Set(f.Starts)
	starts.And(grid)
	if f.Patient != nil {
		patient := NewBits(f.reach)
		f.fits(patient, *f.Patient, f.shape.Patient)
		starts.And(patient)
	}
	needs := f.Type.NeedsEquipment(f.Mode)
	if f.Type.NeedsRoom(f.Mode) {
		starts.And(f.rooms(place, needs, starts))
	} else {
		f.withDevices(starts, place, needs, "")
	}
	return starts
}

// rooms is the union, over the rooms that suit, of when the room is free together with one
// device of each kind that is in it or can be brought. It stops when that covers all that is
// asked about.
func (f *finder) rooms(place Place, needs []string, asked Bits) Bits {
	union, one := NewBits(f.reach), NewBits(f.reach)
	for _, room := range place.Rooms {
		f.fits(one, room.Bits, f.shape.Room)
		f.withDevices(one, place, needs, room.RoomID)
		if union.Or(one); union.covers(asked) {
			break
		}
	}
	return union
}

// withDevices keeps the starts at which one device of each kind is free that can be used in
// the room; a visit that needs no room takes devices wherever they are.
func (f *finder) withDevices(starts Bits, place Place, needs []string, roomID string) {
	for i := range needs {
		union, one := NewBits(f.reach), NewBits(f.reach)
		for _, device := range place.Equipment[i] {
			if roomID == "" || device.RoomID == "" || device.RoomID == roomID {
				f.fits(one, device.Bits, f.shape.Equipment)
				union.Or(one)
			}
		}
		starts.And(union)
	}
}

// Resource is a room or a device with what it can do.
type Resource struct {
	ID, LocationID string
	// RoomID is the room that a device never leaves; empty for one that is moved about.
	RoomID       string
	Kind         ResourceKind
	Capabilities []string
	Inactive     bool
}

// Suits reports whether the resource has every capability named.
func (r Resource) Suits(capabilities []string) bool {
	for _, c := range capabilities {
		if !slices.Contains(r.Capabilities, c) {
			return false
		}
	}
	return !r.Inactive
}
