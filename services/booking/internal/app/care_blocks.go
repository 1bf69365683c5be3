package app

import (
	"context"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/booking/internal/peer"
	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// examined keeps what an examination forbids (F108).
func (a *App) examined(ctx context.Context, tx *sqldb.Tx, m *plansv1.ExaminationRecorded, env eventlog.Envelope) error {
	b := store.CareBlock{PatientID: m.GetOriginPatientId(), ExaminationID: m.GetExaminationId(), Version: env.AggregateVersion}
	if b.PatientID == "" { // told before origins were
		b.PatientID = m.GetPatientId()
	}
	for _, d := range m.GetForbidden() {
		b.Disciplines = append(b.Disciplines, peer.DisciplineOf(d))
	}
	return a.keepCareBlock(ctx, tx, m.GetClinicId(), b)
}

// KeepCareBlock keeps what an examination forbids, before its event is heard.
func (a *App) KeepCareBlock(ctx context.Context, clinicID string, b store.CareBlock) error {
	return a.DB.Write(ctx, func(tx *sqldb.Tx) error { return a.keepCareBlock(ctx, tx, clinicID, b) })
}

// keepCareBlock stores what an examination forbids and flags what is booked against it. The
// gate's lock orders it and a booking under way: either that sees it, or it sees the booking.
func (a *App) keepCareBlock(ctx context.Context, tx *sqldb.Tx, clinicID string, b store.CareBlock) error {
	surviving, err := store.SurvivingPatient(tx, clinicID, b.PatientID)
	if err != nil {
		return err
	}
	if surviving == "" {
		surviving = b.PatientID
		if err := store.PutPatient(tx, clinicID, surviving, surviving); err != nil {
			return err
		}
	}
	if _, err := store.LockGate(tx, clinicID, surviving); err != nil {
		return err
	}
	newer, err := store.PutCareBlock(tx, clinicID, b)
	if err != nil || !newer {
		return err
	}
	return a.sumCareBlocks(ctx, tx, clinicID, surviving)
}

// sumCareBlocks puts together what the examinations of a person forbid, and sets and clears
// the flags of the person's appointments to come. Those under a plan are flagged by its issues.
func (a *App) sumCareBlocks(ctx context.Context, tx *sqldb.Tx, clinicID, survivingID string) error {
	forbidden, err := store.SumCareBlocks(tx, clinicID, survivingID)
	if err != nil {
		return err
	}
	ctx = authn.WithService(ctx, peer.Service, clinicID)
	gate := schedule.Gate{Forbidden: forbidden}
	coming, err := a.coming(tx, clinicID, survivingID)
	if err != nil {
		return err
	}
	for _, apt := range coming {
		if apt.PlanID != "" {
			continue
		}
		var flags []string
		if gate.Forbids(schedule.GateAsk{Kind: apt.Kind, Discipline: apt.Discipline}) {
			flags = []string{flagExamination}
		}
		if !setFlags(apt, []string{flagExamination}, flags) {
			continue
		}
		if err := a.saveFlags(ctx, tx, apt); err != nil {
			return err
		}
	}
	return nil
}
