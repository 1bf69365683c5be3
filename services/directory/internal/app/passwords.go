package app

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/argon2"

	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/directory/internal/store"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// PasswordConfig says how passwords are hashed.
type PasswordConfig struct {
	// MemoryKiB is argon2id's memory; 0 means 64 MiB.
	MemoryKiB uint32
	// Passes over the memory; 0 means 3.
	Passes uint32
	// Lanes; 0 means 1.
	Lanes uint8
	// AtOnce is how many hashes are computed at the same time; the others wait, so that a
	// crowd at the door cannot eat the machine's memory. 0 means 4.
	AtOnce int
}

// Sizes of salt and key in bytes (RFC 9106, section 4).
const (
	saltSize = 16
	keySize  = 32
)

// passwords computes argon2id hashes, a few at a time.
type passwords struct {
	cost  cost
	slots chan struct{}
	// used counts hashes since the last trim.
	used atomic.Int64
}

// cost is what a hash costs to compute.
type cost struct {
	memory, passes uint32
	lanes          uint8
}

func newPasswords(cfg PasswordConfig) *passwords {
	p := &passwords{cost: cost{memory: cfg.MemoryKiB, passes: cfg.Passes, lanes: cfg.Lanes}}
	if p.cost.memory == 0 {
		p.cost.memory = 64 << 10
	}
	if p.cost.passes == 0 {
		p.cost.passes = 3
	}
	if p.cost.lanes == 0 {
		p.cost.lanes = 1
	}
	if cfg.AtOnce == 0 {
		cfg.AtOnce = 4
	}
	p.slots = make(chan struct{}, cfg.AtOnce)
	return p
}

// key computes one hash when a slot is free. UNAVAILABLE with BUSY when the caller's time is
// over before.
func (p *passwords) key(ctx context.Context, password string, salt []byte, c cost) ([]byte, error) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, fault.New(fault.Unavailable, "BUSY", "Too many people are signing in. Try again in a moment.").Because(ctx.Err())
	}
	defer func() { <-p.slots }()
	p.used.Add(1)
	return argon2.IDKey([]byte(people.NormalizePassword(password)), salt, c.passes, c.memory, c.lanes, keySize), nil
}

// hash gives the encoded hash of a password with today's cost.
func (p *passwords) hash(ctx context.Context, password string, salt []byte) (string, error) {
	key, err := p.key(ctx, password, salt, p.cost)
	if err != nil {
		return "", err
	}
	return encodeHash(p.cost, salt, key), nil
}

// trim gives the memory of hashes back to the machine when some were computed since the last
// call and none is under way.
func (p *passwords) trim() {
	if p.used.Swap(0) > 0 && len(p.slots) == 0 {
		debug.FreeOSMemory()
	}
}

// encodeHash writes a hash in the PHC string format, which says how to compute it again.
func encodeHash(c cost, salt, key []byte) string {
	enc := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.memory, c.passes, c.lanes,
		enc.EncodeToString(salt), enc.EncodeToString(key))
}

// errHash means that a stored hash was not written by encodeHash.
var errHash = errors.New("app: a stored password hash cannot be read")

func decodeHash(encoded string) (c cost, salt, key []byte, err error) {
	parts := strings.Split(encoded, "$")
	if len(parts) != 6 || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return c, nil, nil, errHash
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &c.memory, &c.passes, &c.lanes); err != nil {
		return c, nil, nil, errHash
	}
	salt, saltErr := base64.RawStdEncoding.DecodeString(parts[4])
	key, keyErr := base64.RawStdEncoding.DecodeString(parts[5])
	if saltErr != nil || keyErr != nil || len(key) == 0 {
		return c, nil, nil, errHash
	}
	return c, salt, key, nil
}

// match finds the first active candidate whose password it is, -1 when it is nobody's. It computes
// one hash for all that share a salt and a cost, which all accounts of one sign-in name do,
// and one as well when there is no candidate at all: the work does not tell whether anybody
// has the name.
func (p *passwords) match(ctx context.Context, password string, candidates []store.Candidate) (int, error) {
	type group struct {
		cost cost
		salt string
	}
	computed := map[group][]byte{}
	if len(candidates) == 0 {
		_, err := p.key(ctx, password, make([]byte, saltSize), p.cost)
		return -1, err
	}
	first := -1
	for i, candidate := range candidates {
		c, salt, want, err := decodeHash(candidate.PasswordHash)
		if err != nil {
			return -1, err
		}
		g := group{cost: c, salt: string(salt)}
		if computed[g] == nil {
			if computed[g], err = p.key(ctx, password, salt, c); err != nil {
				return -1, err
			}
		}
		if subtle.ConstantTimeCompare(computed[g], want) == 1 && candidate.State == people.StateActive && first < 0 {
			first = i
		}
	}
	return first, nil
}

// stale reports whether a stored hash has another cost or salt than one made today.
func (p *passwords) stale(encoded string, salt []byte) bool {
	c, used, _, err := decodeHash(encoded)
	return err != nil || c != p.cost || !bytes.Equal(used, salt)
}

// errSaltTaken means that somebody gave the sign-in name another salt meanwhile.
var errSaltTaken = errors.New("app: the sign-in name has got another salt")

// writeHash runs write with the hash of a password for a sign-in name, in the transaction that
// keeps the name's salt: accounts of one name share it. A name that gets its salt from somebody
// else at the same moment is hashed again with that one.
func (a *App) writeHash(ctx context.Context, email, password string, write func(tx *sqldb.Tx, hash string) error) error {
	fresh := make([]byte, saltSize)
	_, _ = rand.Read(fresh) // never fails
	for {
		salt := fresh
		err := a.db.Read(ctx, func(tx *sqldb.Tx) error {
			known, err := store.FindSalt(tx, people.EmailKey(email))
			if known != nil {
				salt = known
			}
			return err
		})
		if err != nil {
			return err
		}
		hash, err := a.passwords.hash(ctx, password, salt)
		if err != nil {
			return err
		}
		err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
			kept, err := store.Salt(tx, people.EmailKey(email), salt)
			if err != nil {
				return err
			}
			if !bytes.Equal(kept, salt) {
				return errSaltTaken
			}
			return write(tx, hash)
		})
		if !errors.Is(err, errSaltTaken) {
			return err
		}
	}
}
