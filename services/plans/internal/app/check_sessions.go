package app

import (
	"context"

	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Verdict says whether one session would be granted; Refusal is nil when it would.
type Verdict struct{ Refusal *fault.Error }

// CheckSessions answers, for each session alone beside what is claimed already, what
// ClaimSessions would, and changes nothing. NOT_FOUND for an unknown plan.
func (a *App) CheckSessions(ctx context.Context, c Claim) ([]Verdict, error) {
	var verdicts []Verdict
	err := a.withKnowledge(ctx, c, func() error {
		return a.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
			verdicts, err = a.check(tx, c)
			return err
		})
	})
	return verdicts, err
}

func (a *App) check(tx *sqldb.Tx, c Claim) ([]Verdict, error) {
	survivor, _, err := store.Survivor(tx, c.ClinicID, c.PatientID)
	if err != nil {
		return nil, err
	}
	standing, entries, err := standingOf(tx, store.Head{ClinicID: c.ClinicID, PatientID: survivor}, c)
	if err != nil {
		return nil, err
	}
	out := make([]Verdict, len(c.Sessions))
	s, err := a.situation(tx.Now(), standing, entries, c)
	if err != nil {
		if refusal := fault.From(err); refusal.Kind == fault.FailedPrecondition {
			for i := range out {
				out[i].Refusal = refusal
			}
			return out, nil
		}
		return nil, err
	}
	asks, err := asksOf(entries, c)
	if err != nil {
		return nil, err
	}
	for i, ask := range asks {
		if err := s.Judge(ask); err != nil {
			out[i].Refusal = fault.From(err)
		}
	}
	return out, nil
}
