// Package calendar keeps in memory what openings are computed from: each clinic's catalogue
// of people, places, types and shifts, and for each practitioner, room and device a bitmap of
// what is taken.
//
// Both are caches of the database. A catalogue has a version, which every search and every
// booking compares with the database's. Bitmaps are loaded when they are first asked for and
// advanced by this process's own commits ([Busy.Take]) and by the service's event log
// ([Busy.Forget] for what other processes did). A booking never trusts either: the database
// decides.
package calendar

import (
	"context"
	"sync"
	"time"

	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/clock"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Catalogues keeps the newest catalogue of each clinic.
type Catalogues struct {
	db    *sqldb.DB
	clock clock.Clock

	mu      sync.RWMutex
	m       map[string]*Clinic
	checked map[string]time.Time // when a catalogue was last compared; SQLite only
	changes uint64               // counts Changed, to notice it during a comparison
	load    sync.Mutex           // one load at a time: a burst of misses reads once
}

// NewCatalogues returns an empty cache over the database.
func NewCatalogues(db *sqldb.DB, clk clock.Clock) *Catalogues {
	return &Catalogues{db: db, clock: clk, m: map[string]*Clinic{}, checked: map[string]time.Time{}}
}

// Changed says that this process has committed a change of a clinic's catalogue.
func (c *Catalogues) Changed(clinicID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	delete(c.checked, clinicID)
}

// fresh reports whether the catalogue in memory need not be compared again: where this process
// is the one that writes (SQLite), it has heard of every change, but for an operator's tool.
func (c *Catalogues) fresh(clinicID string, now time.Time) (ok bool, changes uint64) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	at, ok := c.checked[clinicID]
	return ok && now.Sub(at) < maxAge, c.changes
}

// Cached is the newest catalogue in memory, nil when there is none. A booking starts with it
// and compares its version inside the transaction.
func (c *Catalogues) Cached(clinicID string) *Clinic {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.m[clinicID]
}

// Current is the catalogue that the database has now. NOT_FOUND when the clinic is not known
// here.
func (c *Catalogues) Current(ctx context.Context, clinicID string) (*Clinic, error) {
	cached, now := c.Cached(clinicID), c.clock.Now()
	if cached == nil {
		return c.Reload(ctx, clinicID, 0)
	}
	fresh, changes := c.fresh(clinicID, now)
	if fresh {
		return cached, nil
	}
	var version int64
	err := c.db.ReadOne(ctx, func(tx *sqldb.Tx) (err error) {
		version, _, err = store.CatalogueVersion(tx, clinicID)
		return err
	})
	if err != nil {
		return nil, err
	}
	if version != cached.Version {
		return c.Reload(ctx, clinicID, version)
	}
	if c.db.Dialect() == sqldb.SQLite {
		c.mu.Lock()
		if c.changes == changes {
			c.checked[clinicID] = now
		}
		c.mu.Unlock()
	}
	return cached, nil
}

// Reload returns a catalogue of at least the version, from the database unless another load
// has just brought it. NOT_FOUND when the clinic is not known here.
func (c *Catalogues) Reload(ctx context.Context, clinicID string, atLeast int64) (*Clinic, error) {
	c.load.Lock()
	defer c.load.Unlock()
	if cached := c.Cached(clinicID); cached != nil && atLeast > 0 && cached.Version >= atLeast {
		return cached, nil
	}
	var cat *store.Catalogue
	err := c.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		cat, err = store.LoadCatalogue(tx, clinicID)
		return err
	})
	if err != nil {
		return nil, err
	}
	if cat == nil {
		return nil, fault.NotFoundf("clinic")
	}
	clinic, err := NewClinic(cat)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.m[clinicID] = clinic
	c.mu.Unlock()
	return clinic, nil
}
