package app

import (
	"context"
	"errors"
	"time"

	"github.com/upright-clinic/upright/services/booking/internal/peer"
	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/failpoint"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// claimTimeout bounds the question to plans. An attempt that has no answer by then is void,
// which is always safe: plans hears it and gives the sessions back.
const claimTimeout = 5 * time.Second

// proposal is a booking that needs a plan: what is asked for, and how it is written down.
type proposal struct {
	w        *wish
	kind     store.AttemptKind
	courseID string
	method   string
	// fingerprint tells the request from another with the same request id.
	fingerprint []byte
	// gateErr is why intake did not answer; a replay does not need it.
	gateErr error
	// place finds the place and makes the appointment's row as it shall be.
	place func(tx *sqldb.Tx) (*store.Appointment, *placement, error)
}

// bookByPlan runs the entitlement protocol of architecture section 6 for one appointment. Ids
// are fixed by the first request; a retry resumes what it finds, and after a VOID makes the
// next attempt.
func (a *App) bookByPlan(ctx context.Context, p *proposal) (*store.Appointment, error) {
	clinicID := p.w.clinic.ID
	newID, id := ident.New("att"), ""
	err := a.settleWish(ctx, p.w, func() error {
		return a.DB.Write(ctx, func(tx *sqldb.Tx) error {
			origin, replayed, err := requestid.OnceAs(ctx, tx, p.method, p.fingerprint, newID, func() error {
				return a.recordAttempt(ctx, tx, p, newID, newID)
			})
			if id = newID; err == nil && replayed {
				id, err = a.resume(ctx, tx, p, origin)
			}
			return err
		})
	})
	if err != nil {
		return nil, a.suggest(ctx, p.w, err)
	}
	failpoint.Hit("booking.attempt_recorded")
	return a.runAttempt(ctx, clinicID, id)
}

// resume returns the newest attempt of a request that came before; when that is VOID, the
// next one.
func (a *App) resume(ctx context.Context, tx *sqldb.Tx, p *proposal, originID string) (string, error) {
	id, err := store.LatestOf(tx, p.w.clinic.ID, originID)
	if err != nil {
		return "", err
	}
	att, err := store.LockAttempt(tx, p.w.clinic.ID, id)
	if err != nil || att.State != store.AttemptVoid {
		return id, err
	}
	if latest, err := store.LatestOf(tx, p.w.clinic.ID, originID); err != nil || latest != id {
		return latest, err // another retry was faster
	}
	p.w.holderID = att.Items[0].AppointmentID
	next := ident.New("att")
	return next, a.recordAttempt(ctx, tx, p, next, originID)
}

// recordAttempt is step 1: the ids are fixed and the claims placed.
func (a *App) recordAttempt(ctx context.Context, tx *sqldb.Tx, p *proposal, id, originID string) error {
	if p.gateErr != nil {
		return p.gateErr
	}
	apt, place, err := p.place(tx)
	if err != nil {
		return err
	}
	last, err := store.LastNumber(tx, apt.ClinicID, apt.ID)
	if err != nil {
		return err
	}
	item := store.AttemptItem{
		AppointmentID: apt.ID, Attempt: last + 1, EntitlementID: ident.Derive("ent", apt.ID, int(last+1)),
		Appointment: apt, Claims: place.claims, Placed: place.claims,
	}
	if p.kind == store.AttemptMove {
		item.ReplacesEntitlementID = p.w.moving.EntitlementID
		item.Placed = beyond(place.claims, p.w.moving, p.w.oldClaims)
	}
	apt.EntitlementID, apt.Attempt, apt.CourseID = item.EntitlementID, item.Attempt, p.courseID
	if err := a.write(ctx, tx, p.w, place, item.Placed); err != nil {
		return err
	}
	err = store.InsertAttempt(tx, &store.Attempt{
		ClinicID: apt.ClinicID, ID: id, OriginID: originID, Kind: p.kind, State: store.AttemptOpen,
		PatientID: apt.PatientID, PlanID: p.w.planID, CourseID: p.courseID, GateVersion: p.w.gate.Version,
		CreatedAt: tx.Now(), Items: []store.AttemptItem{item},
	})
	failpoint.Hit("booking.claims_placed")
	return err
}

// beyond is what new claims take that the appointment does not have already.
func beyond(claims []store.Claim, moving *store.Appointment, old []store.Claim) (left []store.Claim) {
	for _, c := range claims {
		spans := []schedule.Span{c.Span}
		for _, have := range old {
			if have.ResourceID != c.ResourceID || have.HolderID != moving.ID {
				continue
			}
			var rest []schedule.Span
			for _, s := range spans {
				rest = append(rest, s.Minus(have.Span)...)
			}
			spans = rest
		}
		for _, s := range spans {
			left = append(left, store.Claim{ResourceID: c.ResourceID, Span: s, HolderID: c.HolderID, Override: c.Override})
		}
	}
	return left
}

// runAttempt is steps 2 and 3 for an attempt that is recorded. Any number may run it at the
// same time: plans gives the same answer to the same claim, and the first recorded outcome
// decides.
func (a *App) runAttempt(ctx context.Context, clinicID, id string) (*store.Appointment, error) {
	att, err := a.attempt(ctx, clinicID, id)
	if err != nil {
		return nil, err
	}
	switch att.State {
	case store.AttemptBooked:
		return a.appointment(ctx, clinicID, att.Items[0].AppointmentID)
	case store.AttemptVoid:
		return nil, decodeRefusal(att.Refusal)
	case store.AttemptOpen:
	}
	grants, err := a.claim(ctx, att)
	if err != nil {
		return a.giveUp(ctx, att, err)
	}
	failpoint.Hit("booking.claimed")
	apt, err := a.decide(ctx, att, grants)
	if err != nil {
		return a.giveUp(ctx, att, err)
	}
	failpoint.Hit("booking.outcome_committed")
	return apt, nil
}

// claim is step 2: plans grants every session of the attempt or none.
func (a *App) claim(ctx context.Context, att *store.Attempt) ([]peer.Grant, error) {
	ctx, cancel := context.WithTimeout(ctx, claimTimeout)
	defer cancel()
	lead := att.Items[0].Appointment
	claim := peer.Claim{
		ClinicID: att.ClinicID, PatientID: att.PatientID, PlanID: att.PlanID, CourseID: att.CourseID,
		Discipline: lead.Discipline, PractitionerID: lead.PractitionerID,
	}
	for _, item := range att.Items {
		visit := item.Appointment.Visit
		claim.Sessions = append(claim.Sessions, peer.Session{
			EntitlementID: item.EntitlementID, AppointmentID: item.AppointmentID, Replaces: item.ReplacesEntitlementID,
			Start: visit.Start(), LocalDate: item.Appointment.LocalDate, Minutes: int(visit.End().Sub(visit.Start()) / time.Minute),
			PractitionerID: item.Appointment.PractitionerID,
		})
	}
	grants, err := a.Peers.ClaimSessions(ctx, claim)
	if err != nil {
		return nil, err
	}
	for _, g := range grants {
		if g.Released { // plans asked what became of it, and was told VOID
			return nil, errVoided
		}
	}
	if len(grants) != len(att.Items) {
		return nil, fault.New(fault.Internal, "BAD_ANSWER", "The plan's answer cannot be read.")
	}
	return grants, nil
}

// giveUp ends an attempt VOID, whoever has gone meanwhile, and answers with why, unless
// somebody else who ran the same attempt has booked it. When even that cannot be written the
// attempt stays open for recovery.
func (a *App) giveUp(ctx context.Context, att *store.Attempt, why error) (*store.Appointment, error) {
	ctx, cancel := detach(ctx)
	defer cancel()
	failpoint.Hit("booking.before_void")
	state, refusal, err := a.voidAttempt(ctx, att.ClinicID, att.ID, why)
	if err != nil {
		return nil, errors.Join(why, err)
	}
	failpoint.Hit("booking.voided")
	if state == store.AttemptBooked {
		return a.appointment(ctx, att.ClinicID, att.Items[0].AppointmentID)
	}
	return nil, refusal
}

// attempt reads an attempt.
func (a *App) attempt(ctx context.Context, clinicID, id string) (att *store.Attempt, err error) {
	err = a.DB.Read(ctx, func(tx *sqldb.Tx) (err error) {
		att, err = store.GetAttempt(tx, clinicID, id)
		return err
	})
	if err == nil && att == nil {
		err = fault.NotFoundf("attempt")
	}
	return att, err
}

// appointment reads an appointment that is known to be there.
func (a *App) appointment(ctx context.Context, clinicID, id string) (apt *store.Appointment, err error) {
	err = a.DB.Read(ctx, func(tx *sqldb.Tx) (err error) {
		apt, err = store.GetAppointment(tx, clinicID, id)
		return err
	})
	if err == nil && apt == nil {
		err = fault.NotFoundf("appointment")
	}
	return apt, err
}
