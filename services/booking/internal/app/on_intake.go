package app

import (
	"context"
	"time"

	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	"github.com/upright-clinic/upright/services/booking/internal/peer"
	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// OnIntake handles intake's events: whatever changes a patient's booking gate.
func (a *App) OnIntake() []eventlog.Handler {
	return []eventlog.Handler{
		eventlog.OnAsking(
			func(ctx context.Context, m *intakev1.IntakeTriaged) (schedule.Gate, error) {
				return a.Peers.BookingGate(ctx, m.GetClinicId(), m.GetPatientId())
			},
			func(ctx context.Context, tx *sqldb.Tx, m *intakev1.IntakeTriaged, g schedule.Gate, env eventlog.Envelope) error {
				return a.gateChanged(ctx, tx, m.GetClinicId(), m.GetPatientId(), m.GetGateVersion(), g, env.RecordTime)
			}),
		eventlog.OnAsking(
			func(ctx context.Context, m *intakev1.TriageOverridden) (schedule.Gate, error) {
				return a.Peers.BookingGate(ctx, m.GetClinicId(), m.GetPatientId())
			},
			func(ctx context.Context, tx *sqldb.Tx, m *intakev1.TriageOverridden, g schedule.Gate, env eventlog.Envelope) error {
				return a.gateChanged(ctx, tx, m.GetClinicId(), m.GetPatientId(), m.GetGateVersion(), g, env.RecordTime)
			}),
		eventlog.OnAsking(
			func(ctx context.Context, m *intakev1.FactsChanged) (schedule.Gate, error) {
				return a.Peers.BookingGate(ctx, m.GetClinicId(), m.GetPatientId())
			},
			func(ctx context.Context, tx *sqldb.Tx, m *intakev1.FactsChanged, g schedule.Gate, env eventlog.Envelope) error {
				return a.gateChanged(ctx, tx, m.GetClinicId(), m.GetPatientId(), m.GetGateVersion(), g, env.RecordTime)
			}),
	}
}

// gateChanged advances what is known of a patient's gate, so that a booking under way asks
// again, and flags every appointment to come by what the gate says now. The gate may be newer
// than the event; a later event then changes nothing.
func (a *App) gateChanged(ctx context.Context, tx *sqldb.Tx, clinicID, patientID string, version int64, gate schedule.Gate, at time.Time) error {
	ctx = authn.WithService(ctx, peer.Service, clinicID)
	surviving, err := store.SurvivingPatient(tx, clinicID, patientID)
	if err != nil {
		return err
	}
	if surviving == "" {
		surviving = patientID
		if err := store.PutPatient(tx, clinicID, patientID, patientID); err != nil {
			return err
		}
	}
	if newer, err := store.AdvanceGate(tx, clinicID, surviving, version, at); err != nil || !newer {
		return err
	}
	gate.ChangeTime = at
	ids, err := store.PatientRecords(tx, clinicID, surviving)
	if err != nil {
		return err
	}
	for _, id := range ids {
		coming, err := store.ListFuture(tx, clinicID, id, tx.Now())
		if err != nil {
			return err
		}
		for _, apt := range coming {
			if err := a.regate(ctx, tx, apt, gate); err != nil {
				return err
			}
		}
	}
	return nil
}

// regate sets the flags of one appointment that come of the gate.
func (a *App) regate(ctx context.Context, tx *sqldb.Tx, apt *store.Appointment, gate schedule.Gate) error {
	ask := schedule.GateAsk{
		Kind: apt.Kind, Discipline: apt.Discipline, Mode: apt.Mode, By: schedule.Staff, Date: apt.LocalDate,
		Today: civil.Of(tx.Now(), zoneOf(apt)), Now: tx.Now(), UnderPlan: apt.PlanID != "",
	}
	if apt.PlanID != "" {
		at, err := store.PlanTime(tx, apt.ClinicID, apt.PlanID)
		if err != nil {
			return err
		}
		ask.PlanTime = at
	}
	flags, refusal := gate.Ask(ask)
	if refusal != nil {
		flags = []string{refusal.Reason}
	} else if gate.Waits(ask) {
		flags = append(flags, "RELEASE_NEEDED")
	}
	if !setFlags(apt, gateFlags, flags) {
		return nil
	}
	return a.saveFlags(ctx, tx, apt)
}
