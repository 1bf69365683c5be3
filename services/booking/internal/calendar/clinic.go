package calendar

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/booking/internal/waitlist"
	"github.com/upright-clinic/upright/services/platform/civil"
)

// Location is a place of the clinic with its zone opened.
type Location struct {
	ID     string
	Zone   *time.Location
	Active bool
}

// Clinic is one version of a clinic's catalogue. It never changes; what is computed from it
// is kept beside it.
type Clinic struct {
	ID            string
	Version       int64
	Zone          *time.Location
	Locations     map[string]Location
	Practitioners map[string]*schedule.Practitioner
	Types         map[string]*store.Type
	Resources     map[string]schedule.Resource
	Shifts        []store.Shift
	Exceptions    []store.Exception
	Policy        store.Policy
	Waitlist      waitlist.Rule // the usual rule with what the clinic chose

	practitionerIDs []string            // sorted
	resources       []schedule.Resource // rooms and equipment, the least capable first
	lanes           map[string][]string // locations that a practitioner has shifts at, sorted
	shifts          map[laneKey][]schedule.Shift
	away            map[string][]schedule.Span // by subject; "" is the whole clinic

	pools sync.Map // []schedule.Resource by poolKey

	mu   sync.RWMutex
	open map[openKey]*[chunkWords]uint64
}

type laneKey struct{ practitioner, location string }

type openKey struct {
	laneKey
	chunk int64
}

// NewClinic indexes a catalogue. It fails when a zone is not in the program's tz database.
func NewClinic(cat *store.Catalogue) (*Clinic, error) {
	zone, err := store.Zone(cat.TimeZone)
	if err != nil {
		return nil, fmt.Errorf("calendar: zone of clinic %s: %w", cat.ClinicID, err)
	}
	c := &Clinic{
		ID: cat.ClinicID, Version: cat.Version, Zone: zone, Locations: map[string]Location{},
		Practitioners: map[string]*schedule.Practitioner{}, Types: map[string]*store.Type{}, Resources: map[string]schedule.Resource{},
		Shifts: cat.Shifts, Exceptions: cat.Exceptions, Policy: cat.Policy, Waitlist: waitlist.Default().With(cat.Policy.Waitlist),
		lanes: map[string][]string{}, shifts: map[laneKey][]schedule.Shift{}, away: map[string][]schedule.Span{},
		open: map[openKey]*[chunkWords]uint64{},
	}
	for _, l := range cat.Locations {
		zone, err := store.Zone(l.TimeZone)
		if err != nil {
			return nil, fmt.Errorf("calendar: zone of location %s: %w", l.ID, err)
		}
		c.Locations[l.ID] = Location{l.ID, zone, l.Active}
	}
	for i := range cat.Practitioners {
		p := &cat.Practitioners[i]
		c.Practitioners[p.ID] = p
		c.practitionerIDs = append(c.practitionerIDs, p.ID)
	}
	for i := range cat.Types {
		c.Types[cat.Types[i].ID] = &cat.Types[i]
	}
	for _, r := range cat.Resources {
		c.Resources[r.ID] = r
	}
	c.resources = slices.SortedStableFunc(slices.Values(cat.Resources), func(a, b schedule.Resource) int {
		return cmp.Or(cmp.Compare(len(a.Capabilities), len(b.Capabilities)), cmp.Compare(a.ID, b.ID))
	})
	for _, e := range cat.Exceptions {
		c.away[e.SubjectID] = append(c.away[e.SubjectID], e.Span)
	}
	return c, c.addShifts()
}

func (c *Clinic) addShifts() error {
	for _, s := range c.Shifts {
		rule, err := s.Rule()
		if err != nil {
			return err
		}
		key := laneKey{s.PractitionerID, s.LocationID}
		c.shifts[key] = append(c.shifts[key], rule)
		if at := c.lanes[s.PractitionerID]; !slices.Contains(at, s.LocationID) {
			at = append(at, s.LocationID)
			slices.Sort(at)
			c.lanes[s.PractitionerID] = at
		}
	}
	return nil
}

// PractitionerIDs are all practitioners, sorted.
func (c *Clinic) PractitionerIDs() []string { return c.practitionerIDs }

// LocationsOf are the locations at which a practitioner ever works, sorted.
func (c *Clinic) LocationsOf(practitionerID string) []string { return c.lanes[practitionerID] }

// Open is a practitioner's working time at a location over at least the span: shifts, less
// leave and closures. Nothing is open at a location that takes no bookings.
func (c *Clinic) Open(practitionerID, locationID string, s schedule.Span) schedule.Bits {
	out := schedule.NewBits(s)
	if !c.Locations[locationID].Active {
		return out
	}
	key := openKey{laneKey: laneKey{practitionerID, locationID}}
	for key.chunk = chunkOf(s.From); key.chunk <= chunkOf(s.To); key.chunk++ {
		c.mu.RLock()
		words := c.open[key]
		c.mu.RUnlock()
		if words == nil {
			words = c.compute(key)
		}
		out.Or(schedule.BitsAt(chunkSpan(key.chunk).From, words[:]))
	}
	return out
}

func (c *Clinic) compute(key openKey) *[chunkWords]uint64 {
	words := new([chunkWords]uint64)
	bits := schedule.BitsAt(chunkSpan(key.chunk).From, words[:])
	for _, shift := range c.shifts[key.laneKey] {
		shift.Paint(bits)
	}
	for _, subject := range []string{"", key.location, key.practitioner} {
		for _, away := range c.away[subject] {
			bits.Clear(away)
		}
	}
	c.mu.Lock()
	c.open[key] = words
	c.mu.Unlock()
	return words
}

// WorksAt is the location at which a practitioner is at work during the whole span.
func (c *Clinic) WorksAt(practitionerID string, s schedule.Span) (string, bool) {
	for _, location := range c.lanes[practitionerID] {
		if c.Open(practitionerID, location, s).All(s) {
			return location, true
		}
	}
	return "", false
}

// Away reports whether a room or device is out of service for some of the span.
func (c *Clinic) Away(resourceID string, s schedule.Span) bool {
	return slices.ContainsFunc(c.away[resourceID], s.Overlaps)
}

// Rooms returns the rooms of a location that suit a type, in the order in which they should be
// taken for a practitioner; see pool.
func (c *Clinic) Rooms(t *store.Type, locationID, practitionerID string) []schedule.Resource {
	return c.pooled(poolKey{t, -1, locationID, practitionerID})
}

// Devices returns the devices of a location that have the type's i-th equipment capability, in
// the order in which they should be taken for a practitioner.
func (c *Clinic) Devices(t *store.Type, i int, locationID, practitionerID string) []schedule.Resource {
	return c.pooled(poolKey{t, i, locationID, practitionerID})
}

// poolKey names a pool: the rooms of a type (-1) or the devices of one of its capabilities.
type poolKey struct {
	typ                    *store.Type
	capability             int
	location, practitioner string
}

func (c *Clinic) pooled(key poolKey) []schedule.Resource {
	if pool, ok := c.pools.Load(key); ok {
		return pool.([]schedule.Resource)
	}
	kind, capabilities := schedule.RoomResource, key.typ.RoomCapabilities
	if key.capability >= 0 {
		kind, capabilities = schedule.EquipmentResource, key.typ.EquipmentCapabilities[key.capability:key.capability+1]
	}
	pool := c.pool(kind, key.location, capabilities, key.practitioner)
	c.pools.Store(key, pool)
	return pool
}

// pool puts the least capable first, so that a special room stays free for what needs it, and
// among equals each practitioner begins with another one, so that the same room is taken again
// and practitioners do not all queue for the first.
func (c *Clinic) pool(kind schedule.ResourceKind, locationID string, capabilities []string, practitionerID string) []schedule.Resource {
	var pool []schedule.Resource
	for _, r := range c.resources {
		if r.Kind == kind && r.LocationID == locationID && r.Suits(capabilities) {
			pool = append(pool, r)
		}
	}
	rank, _ := slices.BinarySearch(c.practitionerIDs, practitionerID)
	for from := 0; from < len(pool); {
		to := from
		for to < len(pool) && len(pool[to].Capabilities) == len(pool[from].Capabilities) {
			to++
		}
		rotate(pool[from:to], rank%(to-from))
		from = to
	}
	return pool
}

func rotate(pool []schedule.Resource, n int) {
	slices.Reverse(pool[:n])
	slices.Reverse(pool[n:])
	slices.Reverse(pool)
}

// FirstLocation is the first location, by id, that takes bookings; empty when none does.
func (c *Clinic) FirstLocation() (id string) {
	for _, l := range c.Locations { // the least, whatever the order
		if l.Active && (id == "" || l.ID < id) {
			id = l.ID
		}
	}
	return id
}

// ZoneOf is the zone of a location, the clinic's for one that is not known.
func (c *Clinic) ZoneOf(locationID string) *time.Location {
	if l, ok := c.Locations[locationID]; ok {
		return l.Zone
	}
	return c.Zone
}

// DateAt is the civil date of an instant at a location.
func (c *Clinic) DateAt(locationID string, t time.Time) civil.Date {
	return civil.Of(t, c.ZoneOf(locationID))
}

// AwaySpans is when a resource itself is not there; closures of its place are not among them.
func (c *Clinic) AwaySpans(resourceID string) []schedule.Span {
	if resourceID == "" {
		return nil
	}
	return c.away[resourceID]
}
