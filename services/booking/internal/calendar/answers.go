package calendar

import "sync"

// Answers keeps what searches found, so that everybody who looks at the same page of free times
// is not computed for anew. An answer is good as long as nothing it was made from has changed:
// the key holds all that was asked and the catalogue, and version is that of what is taken
// ([Busy.Version]), read before the search. A change of either is known here before whoever made
// it is answered, so an answer is never older than the bitmaps that a search would use.
type Answers[K comparable, V any] struct {
	mu     sync.RWMutex
	kept   map[K]answer[V]
	weight int
}

type answer[V any] struct {
	value   V
	version uint64
}

// maxWeight bounds what is kept; above it everything is dropped. A search of a week by a
// practice of ten weighs some hundred.
const maxWeight = 1 << 19

// Get returns the answer for a key, if it was made at the version.
func (a *Answers[K, V]) Get(key K, version uint64) (v V, ok bool) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	kept, ok := a.kept[key]
	if !ok || kept.version != version {
		return v, false
	}
	return kept.value, true
}

// Keep keeps an answer that was made at the version. The value must not be changed any more.
func (a *Answers[K, V]) Keep(key K, version uint64, value V, weight int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.weight += weight; a.kept == nil || a.weight > maxWeight {
		a.kept, a.weight = map[K]answer[V]{}, weight
	}
	a.kept[key] = answer[V]{value, version}
}
