package app

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// newsTimeout bounds how long a claim waits for the outcome of an earlier one of the same
// appointment, newsPace is how often it looks. An event usually takes a few milliseconds.
const (
	newsTimeout = 2 * time.Second
	newsPace    = 25 * time.Millisecond
)

// behind is a refusal that may rest on old news.
type behind struct{ refusal error }

func (b behind) Error() string { return b.refusal.Error() }

// unlessBehind holds a refusal back while the ledger has another live claim of one of the
// same appointments, which this one does not replace. booking records what became of an
// appointment's attempt before it makes the next, so that the news is on its way; until it
// is here, a client that repeats its request would be refused because of its own first try.
func unlessBehind(entries []store.Entry, c Claim, refusal error) error {
	for _, s := range c.Sessions {
		if slices.ContainsFunc(entries, func(e store.Entry) bool {
			return e.AppointmentID == s.AppointmentID && e.ID != s.EntitlementID && e.ID != s.Replaces && (e.State == Held || e.State == Confirmed)
		}) {
			return behind{refusal}
		}
	}
	return refusal
}

// grant runs the transaction of a claim, and again while its refusal may rest on old news.
// UNAVAILABLE / CATCHING_UP when the news does not come in time: the refusal is never given
// for a reason that is gone, and nothing is granted on a guess.
func (a *App) grant(ctx context.Context, c Claim) (granted []store.Entry, err error) {
	waiting, cancel := context.WithTimeout(ctx, newsTimeout)
	defer cancel()
	var pace *time.Ticker
	for {
		err = a.db.Write(ctx, func(tx *sqldb.Tx) (err error) {
			granted, err = a.claim(ctx, tx, c)
			return err
		})
		var b behind
		if !errors.As(err, &b) {
			return granted, err
		}
		if pace == nil {
			pace = time.NewTicker(newsPace)
			defer pace.Stop()
		}
		select {
		case <-pace.C:
		case <-waiting.Done():
			return nil, fault.New(fault.Unavailable, "CATCHING_UP", "Plans has not heard yet what became of an earlier try for the same appointment. Try again.").
				Because(b.refusal)
		}
	}
}
