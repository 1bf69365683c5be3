package app

import (
	"context"
	"errors"

	"google.golang.org/protobuf/proto"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	"github.com/upright-clinic/upright/services/booking/internal/peer"
	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/failpoint"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// errLost says that VOID was recorded before our outcome: the attempt can never be booked.
var errLost = errors.New("booking: the attempt has lost")

// errChanged refuses a change of an appointment that is not what it was any more.
var errChanged = fault.New(fault.Aborted, "VERSION_MISMATCH", "The appointment was changed by someone else meanwhile. Load it again.")

// decide is step 3: the outcome is recorded with the appointment, if the gate has not moved
// meanwhile. A newer gate is asked again, outside the transaction.
func (a *App) decide(ctx context.Context, att *store.Attempt, grants []peer.Grant) (*store.Appointment, error) {
	gateVersion := att.GateVersion
	for range maxTries {
		failpoint.Hit("booking.before_outcome")
		var booked *store.Appointment
		err := a.DB.Write(ctx, func(tx *sqldb.Tx) (err error) {
			booked, err = a.recordOutcome(ctx, tx, att.ClinicID, att.ID, gateVersion, grants)
			return err
		})
		switch {
		case errors.Is(err, errNewerGate):
			if gateVersion, err = a.gateAgain(ctx, att); err != nil {
				return nil, err
			}
		case errors.Is(err, errLost), errors.Is(err, errRace):
			return nil, errVoided
		default:
			return booked, err
		}
	}
	return nil, errVoided
}

// gateAgain asks intake again for an attempt under way and returns the version that lets it
// through, or the refusal.
func (a *App) gateAgain(ctx context.Context, att *store.Attempt) (int64, error) {
	gate, err := a.Peers.BookingGate(ctx, att.ClinicID, att.PatientID)
	if err != nil {
		return 0, err
	}
	planTime, changed := a.Clock.Now(), a.Clock.Now()
	err = a.DB.Read(ctx, func(tx *sqldb.Tx) (err error) {
		if planTime, err = store.PlanTime(tx, att.ClinicID, att.PlanID); err != nil {
			return err
		}
		known, err := store.ReadGate(tx, att.ClinicID, att.PatientID)
		if err == nil && known != nil && known.Version == gate.Version {
			changed = known.ChangedAt
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	gate.ChangeTime = changed
	for _, item := range att.Items {
		apt := item.Appointment
		_, refusal := gate.Ask(schedule.GateAsk{
			Kind: apt.Kind, Discipline: apt.Discipline, Mode: apt.Mode, By: partyOf(ctx), Date: apt.LocalDate,
			Today: civil.Of(a.Clock.Now(), zoneOf(apt)), Now: a.Clock.Now(), UnderPlan: true, PlanTime: planTime,
		})
		if refusal != nil {
			return 0, refusal
		}
	}
	return gate.Version, nil
}

// recordOutcome writes BOOKED for every item, with its appointment and event.
func (a *App) recordOutcome(ctx context.Context, tx *sqldb.Tx, clinicID, id string, gateVersion int64, grants []peer.Grant) (*store.Appointment, error) {
	att, err := store.LockAttempt(tx, clinicID, id)
	if err != nil {
		return nil, err
	}
	switch att.State {
	case store.AttemptBooked:
		return store.GetAppointment(tx, clinicID, att.Items[0].AppointmentID)
	case store.AttemptVoid:
		return nil, decodeRefusal(att.Refusal)
	case store.AttemptOpen:
	}
	gate, err := store.LockGate(tx, clinicID, att.PatientID)
	if err != nil {
		return nil, err
	}
	if gate != nil && gate.Version > gateVersion {
		return nil, errNewerGate
	}
	if att.Kind == store.AttemptMove && len(att.Items) > 1 {
		if err := a.vacate(tx, att); err != nil {
			return nil, err
		}
	}
	var booked *store.Appointment
	for i, item := range att.Items {
		item.Appointment.CourseID, item.Appointment.GateVersion = grantedCourse(grants, item), gateVersion
		first, err := store.InsertUse(tx, clinicID, store.Use{
			EntitlementID: item.EntitlementID, Outcome: store.OutcomeBooked, AppointmentID: item.AppointmentID, PatientID: att.PatientID,
		})
		if err != nil {
			return nil, err
		}
		if !first {
			return nil, errLost
		}
		apt, err := a.carryOut(ctx, tx, att.Kind, item)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			booked = apt
		}
		a.Busy.Told(apt.ID, apt.Version)
	}
	if _, err := store.DecideAttempt(tx, clinicID, id, store.AttemptBooked, ""); err != nil {
		return nil, err
	}
	failpoint.Hit("booking.outcome_recorded")
	return booked, nil
}

// vacate gives up the old times of all sessions of a series before any takes its new one,
// which may be another's old one.
func (a *App) vacate(tx *sqldb.Tx, att *store.Attempt) error {
	for _, item := range att.Items {
		now, err := store.LockAppointment(tx, att.ClinicID, item.AppointmentID)
		if err != nil {
			return err
		}
		if now == nil || now.State != store.Booked {
			return errChanged
		}
		if err := a.giveBack(tx, now, item.Appointment); err != nil {
			return err
		}
		if err := store.RemoveClaims(tx, att.ClinicID, item.Placed); err != nil {
			return err
		}
	}
	return nil
}

// grantedCourse is the course that plans has found for a session.
func grantedCourse(grants []peer.Grant, item store.AttemptItem) string {
	for _, g := range grants {
		if g.EntitlementID == item.EntitlementID && g.CourseID != "" {
			return g.CourseID
		}
	}
	return item.Appointment.CourseID
}

// carryOut does to the appointment what the attempt was for.
func (a *App) carryOut(ctx context.Context, tx *sqldb.Tx, kind store.AttemptKind, item store.AttemptItem) (*store.Appointment, error) {
	apt := item.Appointment
	if kind == store.AttemptBook {
		if err := store.InsertAppointment(tx, apt); err != nil {
			return nil, err
		}
		return apt, a.tell(ctx, tx, apt, "appointment.book", auditFacts(apt), &bookingv1.AppointmentBooked{Appointment: Fact(apt)})
	}
	now, err := store.LockAppointment(tx, apt.ClinicID, apt.ID)
	if err != nil {
		return nil, err
	}
	if now == nil {
		return nil, errChanged
	}
	apt.Version = now.Version + 1
	action := "appointment.undo_cancel"
	var event proto.Message = &bookingv1.AppointmentBooked{Appointment: Fact(apt)}
	switch {
	case kind == store.AttemptUndo && now.State != store.Cancelled, kind == store.AttemptMove && now.State != store.Booked:
		return nil, errChanged
	case kind == store.AttemptMove:
		if err := a.replace(tx, now, item); err != nil {
			return nil, err
		}
		action = "appointment.reschedule"
		event = &bookingv1.AppointmentRescheduled{Appointment: Fact(apt), ReplacesEntitlementId: item.ReplacesEntitlementID, Previous: Fact(now)}
	}
	if ok, err := store.UpdateAppointment(tx, apt, now.Version); err != nil {
		return nil, err
	} else if !ok {
		return nil, errChanged
	}
	return apt, a.tell(ctx, tx, apt, action, auditFacts(apt), event)
}

// replace gives up the old time and its entitlement for the new: both outcomes in one
// transaction.
func (a *App) replace(tx *sqldb.Tx, now *store.Appointment, item store.AttemptItem) error {
	was, err := store.MoveUse(tx, now.ClinicID, item.ReplacesEntitlementID, store.OutcomeCancelled)
	if err != nil {
		return err
	}
	if !was {
		return errChanged
	}
	if err := a.giveBack(tx, now, item.Appointment); err != nil {
		return err
	}
	if err := store.RemoveClaims(tx, now.ClinicID, item.Placed); err != nil {
		return err
	}
	tx.OnCommit(func() { a.Busy.Take(now.ClinicID, item.Claims) })
	return store.InsertClaims(tx, now.ClinicID, item.Claims, errRace)
}

// voidAttempt ends an open attempt: no session of it will ever be used. It returns the state
// that the attempt is in now and, when that is VOID, the recorded refusal.
func (a *App) voidAttempt(ctx context.Context, clinicID, id string, why error) (state store.AttemptState, refusal error, err error) {
	err = a.DB.Write(ctx, func(tx *sqldb.Tx) error {
		att, err := store.LockAttempt(tx, clinicID, id)
		if err != nil {
			return err
		}
		if att == nil {
			state, refusal = store.AttemptVoid, errVoided
			return nil
		}
		if state, refusal = att.State, decodeRefusal(att.Refusal); state != store.AttemptOpen {
			return nil
		}
		state, refusal = store.AttemptVoid, why
		return a.recordVoid(ctx, tx, att, why)
	})
	return state, refusal, err
}

// recordVoid writes VOID for every item of an open attempt and gives its claims back.
func (a *App) recordVoid(ctx context.Context, tx *sqldb.Tx, att *store.Attempt, why error) error {
	event := &bookingv1.EntitlementVoided{ClinicId: att.ClinicID, PatientId: att.PatientID}
	for _, item := range att.Items {
		_, err := store.InsertUse(tx, att.ClinicID, store.Use{
			EntitlementID: item.EntitlementID, Outcome: store.OutcomeVoid, AppointmentID: item.AppointmentID, PatientID: att.PatientID,
		})
		if err != nil {
			return err
		}
		if err := store.RemoveClaims(tx, att.ClinicID, item.Placed); err != nil {
			return err
		}
		if group := item.Appointment.GroupSessionID; group != "" {
			if err := a.leaveGroup(tx, att.ClinicID, group, item.AppointmentID); err != nil {
				return err
			}
		}
		event.EntitlementIds = append(event.EntitlementIds, item.EntitlementID)
		tx.OnCommit(func() { a.Busy.Forget(att.ClinicID, resourceIDs(item.Appointment), item.Appointment.Claims) })
	}
	if _, err := store.DecideAttempt(tx, att.ClinicID, att.ID, store.AttemptVoid, encodeRefusal(why)); err != nil {
		return err
	}
	failpoint.Hit("booking.void_recorded")
	return eventlog.Append(ctx, tx, eventlog.Event{AggregateType: "attempt", AggregateID: att.ID, AggregateVersion: 1, Message: event})
}
