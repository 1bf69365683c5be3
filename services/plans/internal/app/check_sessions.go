package app

import (
	"context"
	"slices"

	"github.com/upright-clinic/upright/services/plans/internal/injection"
	"github.com/upright-clinic/upright/services/plans/internal/plan"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

func each(asks []plan.Ask, judge func(plan.Ask) error) []error {
	out := make([]error, len(asks))
	for i, a := range asks {
		out[i] = judge(a)
	}
	return out
}

// Verdict says whether one session would be granted; Refusal is nil when it would.
type Verdict struct{ Refusal *fault.Error }

// CheckSessions answers, for each session beside what is claimed already, what ClaimSessions
// would, and changes nothing: alone, or together with those before it that are allowed.
// NOT_FOUND for an unknown plan.
func (a *App) CheckSessions(ctx context.Context, c Claim, together bool) ([]Verdict, error) {
	var verdicts []Verdict
	err := a.withKnowledge(ctx, c, func() error {
		return a.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
			verdicts, err = a.check(tx, c, together)
			return err
		})
	})
	return verdicts, err
}

func (a *App) check(tx *sqldb.Tx, c Claim, together bool) ([]Verdict, error) {
	survivor, _, err := store.Survivor(tx, c.ClinicID, c.PatientID)
	if err != nil {
		return nil, err
	}
	standing, entries, err := standingOf(tx, store.Head{ClinicID: c.ClinicID, PatientID: survivor}, c)
	if err != nil {
		return nil, err
	}
	out := make([]Verdict, len(c.Sessions))
	s, err := a.situation(tx, standing, entries, c)
	if err != nil {
		if refusal := fault.From(err); refusal.Kind == fault.FailedPrecondition {
			for i := range out {
				out[i].Refusal = refusal
			}
			return out, nil
		}
		return nil, err
	}
	asks, err := asksOf(tx, entries, c)
	if err != nil {
		return nil, err
	}
	judged := s.Together
	if !together {
		judged = func(asks []plan.Ask) []error { return each(asks, s.Judge) }
	}
	for i, err := range judged(asks) {
		if err != nil && !givenAlready(entries, c.Sessions[i]) {
			out[i].Refusal = fault.From(err)
		}
	}
	return out, nil
}

// givenAlready reports whether the session is asked about in its own place and what was given
// at it is on record: it counts once, and no rule can undo it. Booking asks so when an
// injection's appointment is started after the physician has written the record.
func givenAlready(entries []store.Entry, s SessionClaim) bool {
	return s.Replaces != "" && slices.ContainsFunc(entries, func(e store.Entry) bool {
		return e.ID == s.Replaces && e.AppointmentID == s.AppointmentID && e.Start.Equal(s.Start) && injection.State(e.State).Given()
	})
}
