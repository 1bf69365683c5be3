package app

import (
	"context"

	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	"github.com/upright-clinic/upright/services/plans/internal/referral"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// gateMove is what intake's events have in common.
type gateMove interface {
	GetClinicId() string
	GetPatientId() string
	GetGateVersion() int64
}

// IntakeHandlers are what plans does about intake's events: it asks what is now known
// against kinds of care, and flags booked sessions and open plans that this forbids.
func (a *App) IntakeHandlers() []eventlog.Handler {
	return []eventlog.Handler{
		eventlog.OnAsking(func(ctx context.Context, m *intakev1.IntakeTriaged) (triaged, error) { return a.askTriaged(ctx, m) },
			func(ctx context.Context, tx *sqldb.Tx, m *intakev1.IntakeTriaged, t triaged, _ eventlog.Envelope) error {
				return a.onTriaged(ctx, tx, m, t)
			}),
		eventlog.OnAsking(func(ctx context.Context, m *intakev1.TriageOverridden) (store.Gate, error) { return a.askGate(ctx, m) },
			func(ctx context.Context, tx *sqldb.Tx, m *intakev1.TriageOverridden, g store.Gate, _ eventlog.Envelope) error {
				return a.onGate(ctx, tx, m, g)
			}),
		eventlog.OnAsking(func(ctx context.Context, m *intakev1.FactsChanged) (store.Gate, error) { return a.askGate(ctx, m) },
			func(ctx context.Context, tx *sqldb.Tx, m *intakev1.FactsChanged, g store.Gate, _ eventlog.Envelope) error {
				return a.onGate(ctx, tx, m, g)
			}),
	}
}

// triaged is what plans asks about a form that has a result.
type triaged struct {
	gate  store.Gate
	rules []string
}

// askTriaged asks intake what is known against kinds of care, and which rules fired.
func (a *App) askTriaged(ctx context.Context, m *intakev1.IntakeTriaged) (t triaged, err error) {
	if t.gate, err = a.askGate(ctx, m); err != nil {
		return t, err
	}
	t.rules, err = a.asks.FiredRules(ctx, m.GetClinicId(), m.GetIntakeId())
	if fault.Is(err, "NOT_FOUND") { // gone since, or a form of long ago
		return t, nil
	}
	return t, err
}

// onTriaged keeps the gate, and proposes the referrals that the rules ask for.
func (a *App) onTriaged(ctx context.Context, tx *sqldb.Tx, m *intakev1.IntakeTriaged, t triaged) error {
	if err := a.onGate(ctx, tx, m, t.gate); err != nil {
		return err
	}
	head, err := store.LockHead(tx, m.GetClinicId(), m.GetPatientId())
	if err != nil {
		return err
	}
	origin := referral.Referral{Trigger: "TRIAGE", IntakeID: m.GetIntakeId(), OriginPatientID: m.GetPatientId()}
	return a.proposeReferrals(ctx, tx, head, origin, t.rules)
}

// askGate asks intake, unless what is kept is as new as the event.
func (a *App) askGate(ctx context.Context, m gateMove) (store.Gate, error) {
	var kept store.Gate
	var known bool
	err := a.db.Read(ctx, func(tx *sqldb.Tx) error {
		survivor, _, err := store.Survivor(tx, m.GetClinicId(), m.GetPatientId())
		if err != nil {
			return err
		}
		kept, known, err = store.GateOf(tx, m.GetClinicId(), survivor)
		return err
	})
	if err != nil || known && kept.Version >= m.GetGateVersion() {
		return kept, err
	}
	return a.asks.Gate(ctx, m.GetClinicId(), m.GetPatientId())
}

// onGate keeps the gate and re-evaluates the sessions that are still to come and the plans
// that are open.
func (a *App) onGate(ctx context.Context, tx *sqldb.Tx, m gateMove, g store.Gate) error {
	head, err := store.LockHead(tx, m.GetClinicId(), m.GetPatientId())
	if err != nil {
		return err
	}
	if kept, err := store.PutGate(tx, head.ClinicID, head.PatientID, g); err != nil || !kept {
		return err
	}
	entries, err := store.EntriesOfPatient(tx, head.ClinicID, head.PatientID)
	if err != nil {
		return err
	}
	coming := toCome(entries, tx)
	if err := raiseBlocks(ctx, tx, head, g.Blocks, coming); err != nil {
		return err
	}
	return raisePlanBlocks(ctx, tx, head, g.Blocks, coming)
}

// toCome are the sessions among the entries that are claimed or booked and have not begun.
func toCome(entries []store.Entry, tx *sqldb.Tx) []store.Entry {
	var out []store.Entry
	for _, e := range entries {
		if (e.State == Held || e.State == Confirmed) && e.Start.After(tx.Now()) {
			out = append(out, e)
		}
	}
	return out
}
