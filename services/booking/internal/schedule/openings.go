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
	shape := q.Type.Footprint(0, q.Minutes)
	fits := func(free Bits, part Span) Bits {
		b := NewBits(Reach(q.Type, q.Minutes, q.Starts))
		b.Or(free)
		b.Erode(part.To - part.From)
		b.Delay(-part.From) // a part that begins early fits a later start
		return b
	}
	common := make(map[string]Bits, len(q.Places))
	for id, place := range q.Places {
		common[id] = commonStarts(q, place, q.Grids[id], shape, fits)
	}
	out := make([]Bits, len(q.Lanes))
	for i, lane := range q.Lanes {
		out[i] = fits(lane.Free, shape.Practitioner)
		out[i].And(common[lane.LocationID])
	}
	return out
}

// commonStarts is what every lane of a location shares: grid, range, patient, rooms, devices.
func commonStarts(q Query, place Place, grid Bits, shape Footprint, fits func(Bits, Span) Bits) Bits {
	starts := NewBits(Reach(q.Type, q.Minutes, q.Starts))
	starts.Set(q.Starts)
	starts.And(grid)
	if q.Patient != nil {
		starts.And(fits(*q.Patient, shape.Patient))
	}
	starts.And(placeStarts(q, place, shape, fits))
	return starts
}

// placeStarts is the union, over the rooms that suit, of when the room is free together with
// one device of each kind that is in it or can be brought. A visit that needs no room takes
// devices wherever they are.
func placeStarts(q Query, place Place, shape Footprint, fits func(Bits, Span) Bits) Bits {
	needs := q.Type.NeedsEquipment(q.Mode)
	withDevices := func(starts Bits, roomID string) Bits {
		for i := range needs {
			union := NewBits(starts.Span())
			for _, device := range place.Equipment[i] {
				if roomID == "" || device.RoomID == "" || device.RoomID == roomID {
					union.Or(fits(device.Bits, shape.Equipment))
				}
			}
			starts.And(union)
		}
		return starts
	}
	union := NewBits(Reach(q.Type, q.Minutes, q.Starts))
	if !q.Type.NeedsRoom(q.Mode) {
		union.Set(union.Span())
		return withDevices(union, "")
	}
	for _, room := range place.Rooms {
		union.Or(withDevices(fits(room.Bits, shape.Room), room.RoomID))
	}
	return union
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
