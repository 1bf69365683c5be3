package app

import (
	"context"
	"log/slog"

	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	"github.com/upright-clinic/upright/services/plans/internal/medication"
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
		eventlog.OnAsking(func(ctx context.Context, m *intakev1.TriageOverridden) (known, error) { return a.askKnown(ctx, m) },
			func(ctx context.Context, tx *sqldb.Tx, m *intakev1.TriageOverridden, k known, _ eventlog.Envelope) error {
				return a.onKnown(ctx, tx, m, k)
			}),
		eventlog.OnAsking(func(ctx context.Context, m *intakev1.FactsChanged) (known, error) { return a.askKnown(ctx, m) },
			func(ctx context.Context, tx *sqldb.Tx, m *intakev1.FactsChanged, k known, _ eventlog.Envelope) error {
				return a.onKnown(ctx, tx, m, k)
			}),
	}
}

// known is what plans asks when what is known of a patient has changed.
type known struct {
	gate store.Gate
	// medicines is what bears on the patient's medicines; nil when none is on the list.
	medicines *medication.Conditions
}

// askKnown asks intake what is known against kinds of care, and against the medicines of
// the list. That the second cannot be asked does not keep the first from being heard: the
// list says it whenever it is read.
func (a *App) askKnown(ctx context.Context, m gateMove) (k known, err error) {
	if k.gate, err = a.askGate(ctx, m); err != nil {
		return k, err
	}
	if k.medicines, err = a.askMedicines(ctx, m.GetClinicId(), m.GetPatientId()); err != nil {
		a.log.LogAttrs(ctx, slog.LevelWarn, "medicines were not checked against what is known now",
			slog.String("clinic_id", m.GetClinicId()), slog.Any("error", err))
	}
	return k, nil
}

// onKnown keeps the gate, and tells a clinician of medicines that are taken against it.
func (a *App) onKnown(ctx context.Context, tx *sqldb.Tx, m gateMove, k known) error {
	if err := a.onGate(ctx, tx, m, k.gate); err != nil || k.medicines == nil {
		return err
	}
	head, err := store.LockHead(tx, m.GetClinicId(), m.GetPatientId())
	if err != nil {
		return err
	}
	today, err := todayIn(tx, head.ClinicID)
	if err != nil {
		return err
	}
	list, err := a.medicines(tx, head.ClinicID, head.PatientID, *k.medicines, today, today)
	if err != nil {
		return err
	}
	return list.tell(ctx, tx, head, list.rules.Of(list.kase))
}

// triaged is what plans asks about a form that has a result.
type triaged struct {
	known
	rules []string
}

// askTriaged asks intake what is known now, and which rules fired.
func (a *App) askTriaged(ctx context.Context, m *intakev1.IntakeTriaged) (t triaged, err error) {
	if t.known, err = a.askKnown(ctx, m); err != nil {
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
	if err := a.onKnown(ctx, tx, m, t.known); err != nil {
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
