package calendar

import (
	"sync"
	"time"

	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/clock"
)

// Sheets keeps the day sheets that are looked at again and again. It is only of use where this
// process is the one that writes (SQLite): every commit drops what it changed before its
// caller hears of it, so a sheet is never older than an answer.
type Sheets struct {
	clock clock.Clock

	mu   sync.RWMutex
	days map[sheetKey]sheet
	// changed is the number of the last change of a day. Changes up to forgotten are not in
	// it any more and count as changes of every day.
	changed            map[sheetKey]uint64
	changes, forgotten uint64
}

type sheet struct {
	rows     []*store.Appointment
	loadedAt time.Time
}

type sheetKey struct {
	clinic string
	date   civil.Date
}

const (
	// maxSheets bounds what is kept: a screen looks at a handful of days.
	maxSheets = 256
	// maxAge bounds how long a change by another process, such as an operator's tool on the
	// same file, can go unseen.
	maxAge = time.Second
)

// NewSheets returns an empty cache.
func NewSheets(clk clock.Clock) *Sheets {
	return &Sheets{clock: clk, days: map[sheetKey]sheet{}, changed: map[sheetKey]uint64{}}
}

// Day returns the day's appointments, by start, from memory or from load. The rows are shared
// and must not be changed.
func (s *Sheets) Day(clinicID string, date civil.Date, load func() ([]*store.Appointment, error)) ([]*store.Appointment, error) {
	key := sheetKey{clinicID, date}
	now := s.clock.Now()
	s.mu.RLock()
	kept, ok := s.days[key]
	before := s.changes
	s.mu.RUnlock()
	if ok && now.Sub(kept.loadedAt) < maxAge {
		return kept.rows, nil
	}
	rows, err := load()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed[key] <= before && s.forgotten <= before {
		if len(s.days) >= maxSheets {
			clear(s.days)
		}
		s.days[key] = sheet{rows, now}
	}
	return rows, nil
}

// Drop forgets a day that has changed.
func (s *Sheets) Drop(clinicID string, date civil.Date) {
	key := sheetKey{clinicID, date}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes++
	s.changed[key] = s.changes
	if len(s.changed) > maxSheets {
		clear(s.changed)
		s.forgotten = s.changes
	}
	delete(s.days, key)
}
