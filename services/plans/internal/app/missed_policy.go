package app

import (
	"context"
	"strings"

	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// missedPolicy is what holds at a clinic for sessions that are missed or cancelled late.
func (a *App) missedPolicy(tx *sqldb.Tx, clinicID string) (store.MissedPolicy, error) {
	p, decided, err := store.MissedPolicyOf(tx, clinicID)
	if err != nil || decided {
		return p, err
	}
	c := a.cfg.Catalogue
	return store.MissedPolicy{NoShowCounts: c.NoShowCounts.Value, LateCancelCounts: c.LateCancelCounts.Value, Source: c.NoShowCounts.Source}, nil
}

// GetMissedPolicy gives what holds at the caller's clinic.
func (a *App) GetMissedPolicy(ctx context.Context) (store.MissedPolicy, error) {
	_, clinicID, err := caller(ctx, "")
	if err != nil {
		return store.MissedPolicy{}, err
	}
	var p store.MissedPolicy
	err = a.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		p, err = a.missedPolicy(tx, clinicID)
		return err
	})
	return p, err
}

// MissedPolicyChange is what a clinic decides.
type MissedPolicyChange struct {
	NoShowCounts, LateCancelCounts *bool // nil keeps it
	Source                         string
	Etag                           string
	Fingerprint                    []byte // of the request
}

// UpdateMissedPolicy decides for sessions that are missed or cancelled late from now on. It
// fails with VERSION_MISMATCH, and INVALID_ARGUMENT when it does not say who decided.
func (a *App) UpdateMissedPolicy(ctx context.Context, c MissedPolicyChange) (store.MissedPolicy, error) {
	caller, clinicID, err := caller(ctx, "")
	if err != nil {
		return store.MissedPolicy{}, err
	}
	if strings.TrimSpace(c.Source) == "" {
		return store.MissedPolicy{}, fault.Invalid("source", "says who decided it")
	}
	var p store.MissedPolicy
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, _, err := requestid.OnceAs(ctx, tx, "PlanService.UpdatePlanPolicy", c.Fingerprint, clinicID, func() error {
			p, err := a.missedPolicy(tx, clinicID)
			if err != nil {
				return err
			}
			if err := etagMatches(c.Etag, p.Version); err != nil {
				return err
			}
			for _, f := range []struct{ to, from *bool }{{&p.NoShowCounts, c.NoShowCounts}, {&p.LateCancelCounts, c.LateCancelCounts}} {
				if f.from != nil {
					*f.to = *f.from
				}
			}
			p.Source, p.ChangedBy, p.ChangedAt, p.Version = c.Source, caller.Subject, tx.Now(), p.Version+1
			if err := store.PutMissedPolicy(tx, clinicID, p); err != nil {
				return err
			}
			return audit.Write(ctx, tx, audit.Entry{Action: "plan_policy.change", Resource: clinicID})
		})
		if err != nil {
			return err
		}
		p, err = a.missedPolicy(tx, clinicID)
		return err
	})
	return p, err
}
