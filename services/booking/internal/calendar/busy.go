package calendar

import (
	"context"
	"strings"
	"sync"

	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// A chunk is two weeks and some hours of slots: enough that a search touches few, small
// enough that a resource without appointments costs nothing and one with them half a
// kilobyte.
const (
	chunkWords = 64
	chunkSlots = chunkWords * 64
)

func chunkOf(s schedule.Slot) int64 {
	c := int64(s) / chunkSlots
	if int64(s)%chunkSlots < 0 {
		c--
	}
	return c
}

func chunkSpan(c int64) schedule.Span {
	return schedule.Span{From: schedule.Slot(c * chunkSlots), To: schedule.Slot((c + 1) * chunkSlots)}
}

// Busy keeps what is taken, by clinic and resource.
type Busy struct {
	db *sqldb.DB

	mu      sync.RWMutex
	chunks  map[busyKey]*[chunkWords]uint64
	changes map[resourceKey]uint64 // counts what happened to a resource, to notice it during a load
	clinics map[string]uint64      // counts what happened in a clinic, see Version
	resets  uint64
	own     map[ownKey]struct{} // commits of this process that the log has not told of yet
}

type resourceKey struct{ clinic, resource string }

type busyKey struct {
	resourceKey
	chunk int64
}

type ownKey struct {
	aggregate string
	version   int64
}

// maxOwn bounds the memory of commits that the log never told of. Forgetting one costs a
// reload of a bitmap, nothing else.
const maxOwn = 1 << 16

// NewBusy returns an empty cache over the database.
func NewBusy(db *sqldb.DB) *Busy {
	return &Busy{
		db: db, chunks: map[busyKey]*[chunkWords]uint64{},
		changes: map[resourceKey]uint64{}, clinics: map[string]uint64{}, own: map[ownKey]struct{}{},
	}
}

// kept leaves patients out: they are many, and a search reads the one it is for.
func kept(resourceID string) bool { return !strings.HasPrefix(resourceID, "pat_") }

// Take notes claims that this process has committed.
func (b *Busy) Take(clinicID string, claims []store.Claim) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.clinics[clinicID]++
	for _, claim := range claims {
		if !kept(claim.ResourceID) {
			continue
		}
		key := resourceKey{clinicID, claim.ResourceID}
		b.changes[key]++
		for c := chunkOf(claim.Span.From); c <= chunkOf(claim.Span.To-1); c++ {
			if words := b.chunks[busyKey{key, c}]; words != nil {
				schedule.BitsAt(chunkSpan(c).From, words[:]).Set(claim.Span)
			}
		}
	}
}

// Version grows with everything that is noted of a clinic. What was computed from the bitmaps
// since a version was read is good until it changes.
func (b *Busy) Version(clinicID string) uint64 {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.clinics[clinicID] + b.resets
}

// Told notes, before the commit, the event that will tell of what Take then notes: the log may
// be quicker than the caller of a commit. That of a commit that fails does no harm, since the
// ids of what was to be booked are never used again.
func (b *Busy) Told(aggregateID string, version int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.own) >= maxOwn {
		clear(b.own)
	}
	b.own[ownKey{aggregateID, version}] = struct{}{}
}

// Taken reports whether memory knows that some of the span is taken. It is a hint: false also
// means not known.
func (b *Busy) Taken(clinicID, resourceID string, s schedule.Span) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	key := resourceKey{clinicID, resourceID}
	for c := chunkOf(s.From); c <= chunkOf(s.To-1); c++ {
		if words := b.chunks[busyKey{key, c}]; words != nil && schedule.BitsAt(chunkSpan(c).From, words[:]).Any(s) {
			return true
		}
	}
	return false
}

// Forget drops what is kept of the resources around the span, because claims were given back
// or another process changed them; the next search reads them again.
func (b *Busy) Forget(clinicID string, resourceIDs []string, s schedule.Span) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.clinics[clinicID]++
	for _, id := range resourceIDs {
		if !kept(id) {
			continue
		}
		key := resourceKey{clinicID, id}
		b.changes[key]++
		for c := chunkOf(s.From); c <= chunkOf(s.To); c++ {
			delete(b.chunks, busyKey{key, c})
		}
	}
}

// Own reports, once, whether an event of the log tells of what this process has noted already.
func (b *Busy) Own(aggregateID string, version int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := ownKey{aggregateID, version}
	_, ok := b.own[key]
	delete(b.own, key)
	return ok
}

// Reset drops everything, when the log may have been missed.
func (b *Busy) Reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.resets++
	clear(b.chunks)
	for key := range b.changes {
		b.changes[key]++
	}
}

// Fetch reads what is not in memory of the pools' resources around the span, so that Taken
// knows.
func (b *Busy) Fetch(ctx context.Context, clinicID string, s schedule.Span, pools ...[]schedule.Resource) error {
	var free map[string]schedule.Bits
	b.mu.RLock()
	for _, pool := range pools {
		for _, r := range pool {
			for c := chunkOf(s.From); c <= chunkOf(s.To-1); c++ {
				if b.chunks[busyKey{resourceKey{clinicID, r.ID}, c}] == nil {
					if free == nil {
						free = map[string]schedule.Bits{}
					}
					free[r.ID] = schedule.NewBits(s)
				}
			}
		}
	}
	b.mu.RUnlock()
	if free == nil {
		return nil
	}
	return b.Subtract(ctx, clinicID, free)
}

// loadTries bounds how often a load is repeated because a booking came in between. After
// that its answer is used but not kept.
const loadTries = 3

// Subtract clears from each resource's free bitmap what is taken. Bitmaps that are not in
// memory are read from the database in one query.
func (b *Busy) Subtract(ctx context.Context, clinicID string, free map[string]schedule.Bits) error {
	missing := map[string]schedule.Span{}
	b.mu.RLock()
	for id, bits := range free {
		if s := b.subtract(resourceKey{clinicID, id}, bits); !s.Empty() {
			missing[id] = s
		}
	}
	b.mu.RUnlock()
	for try := 0; len(missing) > 0 && try < loadTries; try++ {
		kept, err := b.fill(ctx, clinicID, missing, free)
		if err != nil {
			return err
		}
		if kept {
			return nil
		}
	}
	return nil
}

// subtract clears what the chunks in memory say and returns the span of those that are not.
func (b *Busy) subtract(key resourceKey, bits schedule.Bits) (missing schedule.Span) {
	cover := bits.Span()
	for c := chunkOf(cover.From); c <= chunkOf(cover.To-1); c++ {
		if words := b.chunks[busyKey{key, c}]; words != nil {
			bits.AndNot(schedule.BitsAt(chunkSpan(c).From, words[:]))
		} else {
			missing = missing.Hull(chunkSpan(c))
		}
	}
	return missing
}

// fill reads the missing chunks, clears what they say, and keeps those of resources that
// nothing happened to meanwhile; it reports whether that was all of them.
func (b *Busy) fill(ctx context.Context, clinicID string, missing map[string]schedule.Span, free map[string]schedule.Bits) (bool, error) {
	ids := make([]string, 0, len(missing))
	before := make(map[string]uint64, len(missing))
	var hull schedule.Span
	b.mu.RLock()
	for id, s := range missing {
		ids = append(ids, id)
		hull = hull.Hull(s)
		before[id] = b.changes[resourceKey{clinicID, id}]
	}
	b.mu.RUnlock()
	var claims []store.Claim
	err := b.db.Read(ctx, func(tx *sqldb.Tx) error {
		claims = claims[:0]
		return eachBatch(ids, func(batch []string) error {
			list, err := store.Overlapping(tx, clinicID, batch, hull)
			claims = append(claims, list...)
			return err
		})
	})
	if err != nil {
		return false, err
	}
	of := map[string][]schedule.Span{}
	for _, c := range claims {
		of[c.ResourceID] = append(of[c.ResourceID], c.Span)
		free[c.ResourceID].Clear(c.Span)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	all := true
	for _, id := range ids {
		key := resourceKey{clinicID, id}
		if b.changes[key] != before[id] {
			all = false
			continue
		}
		b.keep(key, hull, of[id])
		delete(missing, id)
	}
	return all, nil
}

func (b *Busy) keep(key resourceKey, s schedule.Span, taken []schedule.Span) {
	for c := chunkOf(s.From); c <= chunkOf(s.To-1); c++ {
		if b.chunks[busyKey{key, c}] != nil {
			continue
		}
		words := new([chunkWords]uint64)
		bits := schedule.BitsAt(chunkSpan(c).From, words[:])
		for _, t := range taken {
			bits.Set(t)
		}
		b.chunks[busyKey{key, c}] = words
	}
}

// maxBatch bounds how many resources one statement names.
const maxBatch = 64

func eachBatch(ids []string, f func([]string) error) error {
	for len(ids) > 0 {
		n := min(len(ids), maxBatch)
		if err := f(ids[:n]); err != nil {
			return err
		}
		ids = ids[n:]
	}
	return nil
}
