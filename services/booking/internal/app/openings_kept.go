package app

import (
	"github.com/upright-clinic/upright/services/booking/internal/calendar"
	"github.com/upright-clinic/upright/services/booking/internal/schedule"
)

// keptKey is everything that the openings for nobody in particular follow from, but for what is
// taken.
type keptKey struct {
	clinic *calendar.Clinic // one version of the catalogue
	query  OpeningQuery
	party  schedule.Party
	// now is the slot of the question, in which it is the same day in every zone, and earliest
	// the first start that notice allows.
	now, earliest schedule.Slot
}

// keep answers from memory, or lets find make the answer and keeps it. Only what follows from the
// key and the bitmaps is kept: not what depends on a patient, on sessions of several patients, or
// on more of the time than its slot, as a refusal may.
func (f *finder) keep(find func() (*Openings, error)) (*Openings, error) {
	if f.q.PatientID != "" || f.s.typ.Shared() || f.shut {
		return find()
	}
	key := keptKey{
		clinic: f.s.clinic, query: f.q, party: f.who.party, now: schedule.SlotAt(f.now),
		earliest: f.s.typ.Bookable(f.who.party, f.now, f.q.From, f.s.clinic.Zone).From,
	}
	version := f.Busy.Version(f.s.clinic.ID)
	if kept, ok := f.kept.Get(key, version); ok {
		return kept, nil
	}
	found, err := find()
	if err == nil && len(found.Refused) == 0 {
		f.kept.Keep(key, version, found, found.weight())
	}
	return found, err
}

// weight is about how many numbers an answer takes to keep.
func (o *Openings) weight() int {
	n := 32 * (1 + len(o.Openings))
	for i := range o.Groups {
		n += 16 + len(o.Groups[i].OffsetMinutes)/2
	}
	return n
}
