package app

import (
	"context"
	"sync"
	"time"

	"github.com/upright-clinic/upright/services/intake/internal/store"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

const (
	// maxRecords bounds how many patients' records are kept in memory.
	maxRecords = 4096
	// recordsAge bounds how long they are kept: another program may write to the file.
	recordsAge = time.Second
)

// records keeps what the gate of a patient is made from as long as nothing has been written
// to the database. Every booking asks, and intake writes seldom; on PostgreSQL, where others
// write too, the database is asked each time.
type records struct {
	db *sqldb.DB

	mu         sync.RWMutex
	generation int64
	since      time.Time
	rows       map[recordKey][]store.Record
}

type recordKey struct{ clinicID, patientID string }

// of returns the records of a person as [store.Records] does, and the instant as of which.
// They are shared: nobody changes them.
func (r *records) of(ctx context.Context, clinicID, patientID string) (rows []store.Record, now time.Time, err error) {
	key := recordKey{clinicID, patientID}
	now = r.db.Now()
	generation, alone := r.db.Generation()
	if alone {
		if rows, ok := r.kept(key, generation, now); ok {
			return rows, now, nil
		}
	}
	err = r.db.ReadOne(ctx, func(tx *sqldb.Tx) (err error) {
		rows, err = store.Records(tx, clinicID, patientID)
		return err
	})
	if alone && err == nil {
		r.keep(key, generation, now, rows)
	}
	return rows, now, err
}

func (r *records) kept(key recordKey, generation int64, now time.Time) ([]store.Record, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if age := now.Sub(r.since); r.generation != generation || age < 0 || age > recordsAge {
		return nil, false
	}
	rows, ok := r.rows[key]
	return rows, ok
}

// keep keeps what was read at a generation; a read that began before a newer one is of no
// use any more.
func (r *records) keep(key recordKey, generation int64, now time.Time, rows []store.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	age := now.Sub(r.since)
	switch {
	case generation < r.generation:
		return
	case r.rows == nil || generation > r.generation || age < 0 || age > recordsAge || len(r.rows) >= maxRecords:
		r.generation, r.since, r.rows = generation, now, map[recordKey][]store.Record{}
	}
	r.rows[key] = rows
}
