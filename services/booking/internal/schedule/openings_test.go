package schedule

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// world is a small clinic told in lists of spans, for the oracle to walk through.
type world struct {
	q        Query
	lanes    [][]Span            // free time
	rooms    map[string][][]Span // by location, then room
	devices  map[string][][]device
	patient  []Span
	location *time.Location
}

// device is free time of a device and the index of the room that it never leaves, or -1.
type device struct {
	room int
	free []Span
}

func drawSpans(t *rapid.T, label string, reach Span) (list []Span) {
	for range rapid.IntRange(0, 4).Draw(t, label) {
		from := rapid.IntRange(int(reach.From), int(reach.To)).Draw(t, label+" from")
		list = append(list, Span{Slot(from), Slot(from + rapid.IntRange(1, 60).Draw(t, label+" length"))})
	}
	return list
}

func painted(list []Span, reach Span) Bits {
	b := NewBits(reach)
	for _, s := range list {
		b.Set(s)
	}
	return b
}

func drawWorld(t *rapid.T) world {
	minutes := func(label string, most int) int { return 5 * rapid.IntRange(0, most).Draw(t, label) }
	w := world{rooms: map[string][][]Span{}, devices: map[string][][]device{}}
	w.location = time.FixedZone("", rapid.SampledFrom([]int{0, 3600, -12600, 20700}).Draw(t, "offset"))
	typ := &Type{
		Duration: 5 + minutes("duration", 11), BufferBefore: minutes("before", 4), BufferAfter: minutes("after", 4),
		Recovery: minutes("recovery", 6), Step: rapid.SampledFrom([]int{5, 10, 15, 20, 30, 60}).Draw(t, "step"),
		NoRoom: rapid.Bool().Draw(t, "no room"), Modes: []Mode{InPerson, Online},
	}
	if rapid.Bool().Draw(t, "needs a device") {
		typ.EquipmentCapabilities = []string{"TABLE"}
	}
	from := Slot(rapid.IntRange(100, 400).Draw(t, "from"))
	starts := Span{from, from + Slot(rapid.IntRange(0, 200).Draw(t, "starts"))}
	reach := Reach(typ, typ.Duration, starts)
	w.q = Query{
		Type: typ, Minutes: typ.Duration, Mode: rapid.SampledFrom(typ.Modes).Draw(t, "mode"), Starts: starts,
		Places: map[string]Place{}, Grids: map[string]Bits{},
	}
	for i := range 2 {
		id := fmt.Sprint("loc", i)
		place := Place{Equipment: make([][]Free, len(typ.EquipmentCapabilities))}
		for r := range rapid.IntRange(0, 2).Draw(t, id+" rooms") {
			free := drawSpans(t, id+" room", reach)
			w.rooms[id] = append(w.rooms[id], free)
			place.Rooms = append(place.Rooms, Free{fmt.Sprint("room", r), painted(free, reach)})
		}
		for k := range typ.EquipmentCapabilities {
			w.devices[id] = append(w.devices[id], nil)
			for range rapid.IntRange(0, 2).Draw(t, id+" devices") {
				d := device{rapid.IntRange(-1, 1).Draw(t, id+" device's room"), drawSpans(t, id+" device", reach)}
				w.devices[id][k] = append(w.devices[id][k], d)
				free := Free{"", painted(d.free, reach)}
				if d.room >= 0 {
					free.RoomID = fmt.Sprint("room", d.room)
				}
				place.Equipment[k] = append(place.Equipment[k], free)
			}
		}
		w.q.Places[id] = place
		grid := NewBits(reach)
		Grid(grid, typ.Step, w.location)
		w.q.Grids[id] = grid
		free := drawSpans(t, id+" lane", reach)
		w.lanes = append(w.lanes, free)
		w.q.Lanes = append(w.q.Lanes, Lane{LocationID: id, Free: painted(free, reach)})
	}
	if rapid.Bool().Draw(t, "for a patient") {
		w.patient = drawSpans(t, "patient", reach)
		free := painted(w.patient, reach)
		w.q.Patient = &free
	}
	return w
}

// free walks the span slot by slot.
func free(list []Span, need Span) bool {
	for s := need.From; s < need.To; s++ {
		in := false
		for _, run := range list {
			in = in || run.From <= s && s < run.To
		}
		if !in {
			return false
		}
	}
	return true
}

// opens is the oracle: it takes one start and looks at every slot of everything it needs,
// with the lengths added up by hand.
func (w world) opens(lane int, s Slot) bool {
	typ, id := w.q.Type, w.q.Lanes[lane].LocationID
	d, before, after, rest := Slot(typ.Duration/5), Slot(typ.BufferBefore/5), Slot(typ.BufferAfter/5), Slot(typ.Recovery/5)
	if s < w.q.Starts.From || s >= w.q.Starts.To || s.Time().In(w.location).Minute()%typ.Step != 0 {
		return false
	}
	if !free(w.lanes[lane], Span{s - before, s + d + after}) {
		return false
	}
	if w.q.Patient != nil && !free(w.patient, Span{s, s + d + rest}) {
		return false
	}
	if w.q.Mode != InPerson {
		return true
	}
	if typ.NoRoom {
		return w.devicesFree(id, -1, Span{s - before, s + d + after})
	}
	for room, list := range w.rooms[id] {
		if free(list, Span{s - before, s + d + max(after, rest)}) && w.devicesFree(id, room, Span{s - before, s + d + after}) {
			return true
		}
	}
	return false
}

// devicesFree looks for one free device of each kind that can be used in the room; -1 is any.
func (w world) devicesFree(location string, room int, need Span) bool {
	for _, pool := range w.devices[location] {
		found := false
		for _, d := range pool {
			found = found || (room < 0 || d.room < 0 || d.room == room) && free(d.free, need)
		}
		if !found {
			return false
		}
	}
	return true
}

func openingsAreRight(t *rapid.T) {
	w := drawWorld(t)
	got := Openings(w.q)
	for i := range w.q.Lanes {
		for s := w.q.Starts.From - 100; s < w.q.Starts.To+100; s++ {
			if want := w.opens(i, s); got[i].Has(s) != want {
				t.Fatalf("lane %d, start %d: %v, want %v", i, s, got[i].Has(s), want)
			}
		}
	}
}

// TestOpenings compares the bitmap search with the oracle.
func TestOpenings(t *testing.T) {
	t.Parallel()
	rapid.Check(t, openingsAreRight)
}

// FuzzOpenings is TestOpenings driven by coverage.
func FuzzOpenings(f *testing.F) { f.Fuzz(rapid.MakeFuzz(openingsAreRight)) }

// BenchmarkOpenings searches ten half-booked practitioners over fourteen days, as the
// published workload does, with four rooms.
func BenchmarkOpenings(b *testing.B) {
	typ := &Type{Duration: 30, Step: 30, Modes: []Mode{InPerson}}
	starts := Span{0, 14 * 288}
	reach := Reach(typ, 30, starts)
	day := func(b Bits, every Slot) {
		for d := range Slot(14) {
			for s := d*288 + 108; s < d*288+204; s += every {
				b.Set(Span{s, s + 6})
			}
		}
	}
	q := Query{Type: typ, Minutes: 30, Mode: InPerson, Starts: starts, Places: map[string]Place{}, Grids: map[string]Bits{}}
	grid := NewBits(reach)
	Grid(grid, 30, time.UTC)
	q.Grids["loc"] = grid
	place := Place{}
	for range 4 {
		room := NewBits(reach)
		room.Set(reach)
		place.Rooms = append(place.Rooms, Free{"", room})
	}
	q.Places["loc"] = place
	for range 10 {
		free := NewBits(reach)
		day(free, 12)
		q.Lanes = append(q.Lanes, Lane{LocationID: "loc", Free: free})
	}
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for _, starts := range Openings(q) {
			n += starts.Count()
		}
		if n != 1120 {
			b.Fatalf("%d openings", n)
		}
	}
}
