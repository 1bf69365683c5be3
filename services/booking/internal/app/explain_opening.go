package app

import (
	"context"

	"github.com/upright-clinic/upright/services/booking/internal/peer"
	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// ExplainOpening returns everything that refuses a time, none when it could be booked: the
// same examination that a booking makes, without a lock, and the plan's verdict. Nothing in
// the answer is of another patient.
func (a *App) ExplainOpening(ctx context.Context, b Booking) (refused []*fault.Error, err error) {
	who, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	b.forNobody = b.PatientID == "" && (who.party == schedule.Staff || len(who.PatientIDs) != 1)
	w, err := a.newWish(ctx, b)
	if err != nil {
		return nil, err
	}
	w.explain = true
	if w.patientID != "" {
		if err := a.askGate(ctx, w); err != nil {
			return nil, err
		}
	}
	var p *placement
	err = a.settleWish(ctx, w, func() error {
		return a.DB.Read(ctx, func(tx *sqldb.Tx) (err error) {
			p, refused, err = a.examine(tx, w)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	for i, r := range refused {
		refused[i] = fault.From(a.suggest(ctx, w, r))
	}
	if w.planID == "" || w.patientID == "" {
		return refused, nil
	}
	verdicts, err := a.Peers.CheckSessions(ctx, peer.Claim{
		ClinicID: w.clinic.ID, PatientID: w.patientID, PlanID: w.planID, CourseID: b.CourseID,
		Discipline: w.typ.Discipline, PractitionerID: w.practitioner.ID,
		Sessions: []peer.Session{probe(w.start.Time(), p.date, w.minutes)},
	})
	if err != nil {
		return nil, err
	}
	for _, r := range verdicts {
		if r != nil {
			refused = append(refused, r)
		}
	}
	return refused, nil
}
