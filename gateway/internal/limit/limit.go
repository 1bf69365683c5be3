// Package limit keeps one caller from taking the clinic's gateway for itself.
//
// A [Bucket] lets each key (a network address, an account) make so many requests a second,
// with a reserve for bursts. It stores one number a key, the theoretical arrival time of
// the generic cell rate algorithm (ITU-T I.371, "leaky bucket as a meter"), so that a
// request costs one lookup and no timer.
package limit

import (
	"hash/maphash"
	"sync"
	"time"
)

// Rate is how much one key may do.
type Rate struct {
	// PerSecond is how many requests a second may go on for ever. Zero or less: no limit.
	PerSecond float64
	// Burst is how many requests may come at once after a pause; less than one means one.
	Burst int
}

const (
	shards = 32
	// sweepEvery is how many new keys a shard takes before it forgets those that are
	// full again, so that its size follows the callers of the moment.
	sweepEvery = 1024
	// maxKeys bounds one shard whatever happens. A flood from more addresses than this
	// makes some keys start with a full bucket again, which is no worse than a new key.
	maxKeys = 4 << 10
)

// Bucket limits by key. Its zero value limits nothing. It is safe for concurrent use.
type Bucket struct {
	interval time.Duration // between two requests of the steady rate
	reserve  time.Duration // how far ahead of the clock a key may be
	seed     maphash.Seed
	shard    [shards]shard
}

// shard is a part of the keys under one lock.
type shard struct {
	mu    sync.Mutex
	tat   map[string]time.Time // theoretical arrival time of the next request
	added int
}

// NewBucket returns a bucket with the same rate for every key.
func NewBucket(rate Rate) *Bucket {
	b := &Bucket{seed: maphash.MakeSeed()}
	if rate.PerSecond <= 0 {
		return b
	}
	b.interval = time.Duration(float64(time.Second) / rate.PerSecond)
	b.reserve = time.Duration(max(rate.Burst, 1)-1) * b.interval
	return b
}

// Take asks for one request of the key at the time now. It reports true when the key may
// go on; otherwise it says after how long it is worth trying again.
func (b *Bucket) Take(key string, now time.Time) (ok bool, retry time.Duration) {
	if b == nil || b.interval == 0 {
		return true, 0
	}
	s := &b.shard[maphash.String(b.seed, key)%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	tat, known := s.tat[key]
	if !known {
		s.grow(now)
	}
	if tat.Before(now) {
		tat = now
	}
	if ahead := tat.Sub(now); ahead > b.reserve {
		return false, ahead - b.reserve
	}
	s.tat[key] = tat.Add(b.interval)
	return true, 0
}

// grow makes room for a new key: from time to time it forgets keys that owe nothing.
func (s *shard) grow(now time.Time) {
	if s.tat == nil {
		s.tat = make(map[string]time.Time)
	}
	s.added++
	if s.added >= sweepEvery {
		s.added = 0
		for key, tat := range s.tat {
			if !tat.After(now) {
				delete(s.tat, key)
			}
		}
	}
	for key := range s.tat {
		if len(s.tat) < maxKeys {
			break
		}
		delete(s.tat, key)
	}
}

// size returns how many keys are known.
func (b *Bucket) size() (n int) {
	for i := range b.shard {
		b.shard[i].mu.Lock()
		n += len(b.shard[i].tat)
		b.shard[i].mu.Unlock()
	}
	return n
}
