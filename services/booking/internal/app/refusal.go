package app

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// maxTries bounds how often a transaction is run again because something outside it was
// missing or newer. Each reason is mended between two tries, so more than a few mean that
// somebody changes the clinic or the patient's gate all the time.
const maxTries = 8

// settleWish runs try until it needs nothing more from outside: a newer catalogue, a newer
// gate, a patient to fetch, or another look at a pool. ABORTED / BUSY when that does not end.
func (a *App) settleWish(ctx context.Context, w *wish, try func() error) error {
	last := a.fetchRooms(ctx, w)
	if last != nil {
		return last
	}
	for range maxTries {
		last = try()
		switch {
		case errors.Is(last, errCareful):
			w.careful = true
		case errors.Is(last, errRace):
		case errors.Is(last, errStaleCatalogue):
			if err := a.refresh(ctx, w); err != nil {
				return err
			}
		case errors.Is(last, errNewerGate):
			if err := a.askGate(ctx, w); err != nil {
				return err
			}
		case errors.Is(last, errUnknownPatient):
			if err := a.fetchPatient(ctx, w.clinic.ID, w.patientID); err != nil {
				return err
			}
		default:
			return last
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return fault.New(fault.Aborted, "BUSY", "Others book the same at the same time. Please try again.").Because(last)
}

// fetchRooms sees to it that memory knows what is taken of the pool that the wish takes from.
func (a *App) fetchRooms(ctx context.Context, w *wish) error {
	if w.roomID != "" || w.mode != schedule.InPerson {
		return nil
	}
	f := w.typ.Footprint(w.start, w.minutes)
	location, ok := w.clinic.WorksAt(w.practitioner.ID, f.Practitioner)
	if !ok {
		return nil
	}
	pools := [][]schedule.Resource{w.clinic.Rooms(w.typ, location, w.practitioner.ID)}
	for i := range w.typ.NeedsEquipment(w.mode) {
		pools = append(pools, w.clinic.Devices(w.typ, i, location, w.practitioner.ID))
	}
	return a.Busy.Fetch(ctx, w.clinic.ID, f.Hull(), pools...)
}

// refresh brings the wish to the newest catalogue. NOT_FOUND names what is not in it.
func (a *App) refresh(ctx context.Context, w *wish) error {
	clinic, err := a.currentClinic(ctx, w.clinic.ID)
	if err != nil {
		return err
	}
	w.clinic = clinic
	if w.typ = clinic.Types[w.typ.ID]; w.typ == nil {
		return fault.NotFoundf("appointment type")
	}
	if w.practitioner = clinic.Practitioners[w.practitioner.ID]; w.practitioner == nil {
		return fault.NotFoundf("practitioner")
	}
	return nil
}

// askGate asks intake what may be booked for the patient.
func (a *App) askGate(ctx context.Context, w *wish) error {
	gate, err := a.Peers.BookingGate(ctx, w.clinic.ID, w.patientID)
	w.gate = gate
	return err
}

// fetchPatient makes a patient known here that directory's events have not told of yet.
// NOT_FOUND when directory has none.
func (a *App) fetchPatient(ctx context.Context, clinicID, patientID string) error {
	surviving, err := a.Peers.SurvivingPatient(ctx, clinicID, patientID)
	if err != nil {
		return err
	}
	return a.DB.Write(ctx, func(tx *sqldb.Tx) error {
		if err := store.PutPatient(tx, clinicID, surviving, surviving); err != nil {
			return err
		}
		return store.PutPatient(tx, clinicID, patientID, surviving)
	})
}

// searchAhead is how far the next free start is looked for when a time is refused.
const searchAhead = 14 * 24 * time.Hour

// suggest adds to a refusal the next start at which the same would be free, as far as memory
// knows. A refusal that has nothing to do with time stays as it is.
func (a *App) suggest(ctx context.Context, w *wish, err error) error {
	var refusal *fault.Error
	if !errors.As(err, &refusal) || refusal.Kind != fault.Aborted || refusal.Facts["resource_kind"] == "" {
		return err
	}
	starts := schedule.Span{From: w.start + 1, To: schedule.SlotAt(w.start.Time().Add(searchAhead))}
	next, ok := a.nextStart(ctx, w, starts)
	if !ok {
		return err
	}
	return refusal.With("next_start_time", next.Time().Format(time.RFC3339))
}

// storedRefusal is a refusal as an attempt keeps it, so that whoever else waits for the same
// attempt gets the same answer.
type storedRefusal struct {
	Kind    fault.Kind        `json:"kind"`
	Reason  string            `json:"reason"`
	Message string            `json:"message"`
	Facts   map[string]string `json:"facts,omitempty"`
}

func encodeRefusal(err error) string {
	f := fault.From(err)
	text, jsonErr := json.Marshal(storedRefusal{f.Kind, f.Reason, f.Message, f.Facts})
	if jsonErr != nil { // strings and a number
		return ""
	}
	return string(text)
}

func decodeRefusal(text string) error {
	var s storedRefusal
	if text == "" || json.Unmarshal([]byte(text), &s) != nil {
		return errVoided
	}
	f := fault.New(s.Kind, s.Reason, s.Message)
	f.Facts = s.Facts
	return f
}

// errVoided is the answer when an attempt was given up by somebody else: recovery, or plans
// asking what became of it.
var errVoided = fault.New(fault.Unavailable, "ATTEMPT_VOIDED", "The booking was given up because it took too long. Please try again.")
