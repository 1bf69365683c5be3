// Package session finds out who sent a request: from a bearer token or the session cookie
// to the account, by asking the directory at most once a second for each session.
//
// The directory owns sessions; what is kept here is a copy that dies within [TTL], so a
// revoked session or a changed role is felt by every gateway within a second, and by the
// gateway that signed somebody out at once. When the directory cannot be asked, nobody is
// let in.
package session

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/clock"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// TTL is how long an answer of the directory is believed.
const TTL = time.Second

const (
	// patience bounds one question to the directory.
	patience = 3 * time.Second
	// tombstone is how long a token that was signed out here stays refused without
	// asking, so that a question that was under way cannot bring it back.
	tombstone = patience + 2*TTL
	shards    = 16
	// maxEntries bounds one shard; above it, what is old is forgotten first, and then
	// anything, which costs a question.
	maxEntries = 4096
)

// Session is somebody who is signed in. It is shared and must not be changed.
type Session struct {
	// Principal is who it is.
	Principal authn.Principal
	// ExpireTime is when the session ends if nothing happens, UTC.
	ExpireTime time.Time
	// Form is the one form that the session is for, when a link to it began the session:
	// whoever holds it was asked for a name and a date of birth, not for a password. Empty
	// for somebody who signed in.
	Form string
}

// Source asks the directory for the session of a token. A question in the background, such
// as that of an open screen, does not count as use and so does not keep the session alive.
// It fails with UNAUTHENTICATED for a token that is unknown, expired or revoked.
type Source func(ctx context.Context, token string, background bool) (*Session, error)

// Cache keeps answers of the directory. It is safe for concurrent use.
type Cache struct {
	source Source
	clock  clock.Clock
	group  singleflight.Group
	shard  [shards]shard
}

type shard struct {
	mu      sync.RWMutex
	entries map[key]entry
}

// key is the SHA-256 of a token: tokens themselves are not kept.
type key [sha256.Size]byte

// entry is an answer and how long it is good for.
type entry struct {
	session *Session
	refusal error
	until   time.Time
	used    bool // the directory was told that a person is there
	dead    bool // signed out here: no answer that was under way may replace it
}

// NewCache returns an empty cache in front of the source.
func NewCache(source Source, c clock.Clock) *Cache {
	cache := &Cache{source: source, clock: c}
	for i := range cache.shard {
		cache.shard[i].entries = map[key]entry{}
	}
	return cache
}

// Resolve returns the session of a token. It fails with UNAUTHENTICATED when there is none,
// and with whatever the directory failed with when it could not be asked. background says
// that no person asked for this request; the answer for one that a person did ask for is
// never taken from the background, or a busy screen would end the session of its user.
func (c *Cache) Resolve(ctx context.Context, token string, background bool) (*Session, error) {
	k := key(sha256.Sum256([]byte(token)))
	s := c.of(k)
	s.mu.RLock()
	e, ok := s.entries[k]
	s.mu.RUnlock()
	if ok && (background || e.used) && c.clock.Now().Before(e.until) {
		return e.session, e.refusal
	}
	flight := string(k[:])
	if background {
		flight += "b"
	}
	answer := c.group.DoChan(flight, func() (any, error) {
		return c.ask(context.WithoutCancel(ctx), k, token, background)
	})
	select {
	case got := <-answer:
		found, _ := got.Val.(*Session)
		return found, got.Err
	case <-ctx.Done():
		return nil, fault.From(context.Cause(ctx))
	}
}

// ask asks the directory once for everybody who waits, and keeps what it answers.
func (c *Cache) ask(ctx context.Context, k key, token string, background bool) (*Session, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	asked := c.clock.Now()
	found, err := c.source(ctx, token, background)
	if err != nil && !fault.IsKind(err, fault.Unauthenticated) {
		return nil, err // nothing is known, so nothing is kept
	}
	e := entry{session: found, refusal: err, until: asked.Add(TTL), used: !background}
	if err == nil && found.ExpireTime.Before(e.until) {
		e.until = found.ExpireTime
	}
	s := c.of(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	if had, ok := s.entries[k]; ok && had.dead && c.clock.Now().Before(had.until) {
		return had.session, had.refusal
	}
	s.put(k, e, c.clock.Now())
	return e.session, e.refusal
}

// Forget ends a session here at once, after it was signed out.
func (c *Cache) Forget(token string) {
	k := key(sha256.Sum256([]byte(token)))
	now := c.clock.Now()
	s := c.of(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(k, entry{refusal: SignedOut(), until: now.Add(tombstone), used: true, dead: true}, now)
}

// SignedOut is the fault for a token that is not, or no longer, good.
func SignedOut() *fault.Error {
	return fault.New(fault.Unauthenticated, "UNAUTHENTICATED", "sign in first")
}

// of returns the shard of a key.
func (c *Cache) of(k key) *shard {
	return &c.shard[binary.LittleEndian.Uint32(k[:])%shards]
}

// put keeps an entry; the lock is held.
func (s *shard) put(k key, e entry, now time.Time) {
	if _, known := s.entries[k]; !known && len(s.entries) >= maxEntries {
		for old, had := range s.entries {
			if !now.Before(had.until) {
				delete(s.entries, old)
			}
		}
		for old, had := range s.entries {
			if len(s.entries) < maxEntries {
				break
			}
			if !had.dead {
				delete(s.entries, old)
			}
		}
	}
	s.entries[k] = e
}

// size returns how many answers are kept.
func (c *Cache) size() (n int) {
	for i := range c.shard {
		c.shard[i].mu.RLock()
		n += len(c.shard[i].entries)
		c.shard[i].mu.RUnlock()
	}
	return n
}
