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

	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Catalogues keeps the newest catalogue of each clinic.
type Catalogues struct {
	db *sqldb.DB

	mu   sync.RWMutex
	m    map[string]*Clinic
	load sync.Mutex // one load at a time: a burst of misses reads once
}

// NewCatalogues returns an empty cache over the database.
func NewCatalogues(db *sqldb.DB) *Catalogues {
	return &Catalogues{db: db, m: map[string]*Clinic{}}
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
	cached := c.Cached(clinicID)
	if cached == nil {
		return c.Reload(ctx, clinicID, 0)
	}
	var version int64
	err := c.db.ReadOne(ctx, func(tx *sqldb.Tx) (err error) {
		version, _, err = store.CatalogueVersion(tx, clinicID)
		return err
	})
	if err != nil {
		return nil, err
	}
	if version == cached.Version {
		return cached, nil
	}
	return c.Reload(ctx, clinicID, version)
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
