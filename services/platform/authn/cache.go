package authn

import "sync"

// cacheSize bounds one generation of a cache. Two generations of tokens with their
// principals stay below six megabytes, and 2048 callers active within a minute on one
// process is far above what a clinic sends.
const cacheSize = 2048

// cache keeps recent values in two generations: when the young one is full it becomes the
// old one and the former old one is dropped, so that it is bounded without bookkeeping for
// each read. Whether a value is still good is for the caller to check.
type cache[V any] struct {
	mu         sync.RWMutex
	young, old map[string]V
}

// get returns the value and moves it to the young generation when it was in the old one.
// The key is taken as bytes so that looking up something just encoded allocates nothing.
func (c *cache[V]) get(key []byte) (V, bool) {
	c.mu.RLock()
	v, ok := c.young[string(key)]
	if ok {
		c.mu.RUnlock()
		return v, true
	}
	v, ok = c.old[string(key)]
	c.mu.RUnlock()
	if ok {
		c.put(string(key), v)
	}
	return v, ok
}

// put adds or replaces a value.
func (c *cache[V]) put(key string, v V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.young == nil || len(c.young) >= cacheSize {
		c.old = c.young
		c.young = make(map[string]V, cacheSize/16)
	}
	c.young[key] = v
}

// size returns how many entries both generations hold.
func (c *cache[V]) size() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.young) + len(c.old)
}
