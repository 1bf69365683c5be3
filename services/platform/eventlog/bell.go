package eventlog

import "sync"

// Bells wake, inside a process, who waits for something in the log. They only save
// waiting time: everything that waits for a bell also looks by itself now and then, for
// what another process did.
var (
	// appended rings, with no key, when an event was committed in whatever database of
	// this process: a look costs less than knowing which.
	appended bell
	// numbered rings, by database, when the relay gave out numbers.
	numbered bell
	// available rings, by producer, when there is something to pull.
	available bell
)

// bell is a set of waiters by key.
type bell struct {
	mu      sync.Mutex
	waiters map[any]map[chan struct{}]struct{}
}

// listen returns a channel that receives after each ring for the key (several rings may
// make one), and a function that ends it.
func (b *bell) listen(key any) (<-chan struct{}, func()) {
	ch := make(chan struct{}, 1)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waiters == nil {
		b.waiters = make(map[any]map[chan struct{}]struct{})
	}
	if b.waiters[key] == nil {
		b.waiters[key] = make(map[chan struct{}]struct{})
	}
	b.waiters[key][ch] = struct{}{}
	return ch, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.waiters[key], ch)
		if len(b.waiters[key]) == 0 {
			delete(b.waiters, key)
		}
	}
}

func (b *bell) ring(key any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for ch := range b.waiters[key] {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}
