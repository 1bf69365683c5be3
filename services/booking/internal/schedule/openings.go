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
	// Rooms is the free time of each room that suits, one bitmap a room.
	Rooms []Bits
	// Equipment is, for each capability needed, the free time of each device that has it.
	Equipment [][]Bits
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
	if q.Type.NeedsRoom(q.Mode) {
		starts.And(anyFits(place.Rooms, shape.Room, fits))
	}
	for i := range q.Type.NeedsEquipment(q.Mode) {
		var devices []Bits
		if i < len(place.Equipment) {
			devices = place.Equipment[i]
		}
		starts.And(anyFits(devices, shape.Equipment, fits))
	}
	return starts
}

// anyFits is the union of what fits each of a pool: one of it must be free all the time.
func anyFits(pool []Bits, part Span, fits func(Bits, Span) Bits) Bits {
	var union Bits
	for i, free := range pool {
		if b := fits(free, part); i == 0 {
			union = b
		} else {
			union.Or(b)
		}
	}
	return union
}

// Resource is a room or a device with what it can do.
type Resource struct {
	ID, LocationID string
	Kind           ResourceKind
	Capabilities   []string
	Inactive       bool
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
