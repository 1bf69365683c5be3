package calendar

import (
	"sync"

	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/civil"
)

// Sheets keeps the day sheets that are looked at again and again. It is only of use where this
// process is the one that writes (SQLite): every commit drops what it changed before its
// caller hears of it, so a sheet is never older than an answer.
type Sheets struct {
	mu   sync.RWMutex
	days map[sheetKey][]*store.Appointment
	// changed is the number of the last change of a day. Changes up to forgotten are not in
	// it any more and count as changes of every day.
	changed            map[sheetKey]uint64
	changes, forgotten uint64
}

type sheetKey struct {
	clinic string
	date   civil.Date
}

// maxSheets bounds what is kept: a screen looks at a handful of days.
const maxSheets = 256

// NewSheets returns an empty cache.
func NewSheets() *Sheets {
	return &Sheets{days: map[sheetKey][]*store.Appointment{}, changed: map[sheetKey]uint64{}}
}

// Day returns the day's appointments, by start, from memory or from load. The rows are shared
// and must not be changed.
func (s *Sheets) Day(clinicID string, date civil.Date, load func() ([]*store.Appointment, error)) ([]*store.Appointment, error) {
	key := sheetKey{clinicID, date}
	s.mu.RLock()
	rows, ok := s.days[key]
	before := s.changes
	s.mu.RUnlock()
	if ok {
		return rows, nil
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
		s.days[key] = rows
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
