package app

import (
	"cmp"
	"context"

	"google.golang.org/protobuf/proto"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	"github.com/upright-clinic/upright/services/booking/internal/calendar"
	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Change is a step of an appointment's life that is asked for.
type Change struct {
	Fingerprint         []byte
	AppointmentID, Etag string
	// ReasonCode is why it is cancelled.
	ReasonCode string
}

// UndoWindow is how long a cancel can be taken back: no message leaves before it has passed.
const UndoWindow = schedule.Grace

// step changes a locked appointment: what comes of its entitlement, if that changes, and the
// event that tells of it. A nil event says that there is nothing to do.
type step func(tx *sqldb.Tx, apt *store.Appointment) (store.Outcome, proto.Message, error)

// change runs a step of an appointment in one transaction, once for a request id. NOT_FOUND
// for one that the caller may not know of, VERSION_MISMATCH for another etag.
func (a *App) change(ctx context.Context, method, action string, c Change, do step) (apt *store.Appointment, err error) {
	who, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	err = a.DB.Write(ctx, func(tx *sqldb.Tx) error {
		_, replayed, err := requestid.OnceAs(ctx, tx, method, c.Fingerprint, c.AppointmentID, func() (err error) {
			apt, err = a.changeOnce(ctx, tx, who, action, c, do)
			return err
		})
		if err != nil || !replayed {
			return err
		}
		if apt, err = store.GetAppointment(tx, who.ClinicID, c.AppointmentID); err != nil {
			return err
		}
		return who.appointmentSeen(apt)
	})
	return apt, err
}

func (a *App) changeOnce(ctx context.Context, tx *sqldb.Tx, who caller, action string, c Change, do step) (*store.Appointment, error) {
	apt, err := store.LockAppointment(tx, who.ClinicID, c.AppointmentID)
	if err != nil {
		return nil, err
	}
	if err := who.appointmentSeen(apt); err != nil {
		return nil, err
	}
	if err := checkEtag(c.Etag, apt.Version); err != nil {
		return nil, err
	}
	before := apt.Version
	outcome, event, err := do(tx, apt)
	if err != nil || event == nil {
		return apt, err
	}
	apt.Version++
	if outcome != "" && apt.EntitlementID != "" {
		if ok, err := store.MoveUse(tx, apt.ClinicID, apt.EntitlementID, outcome); err != nil {
			return nil, err
		} else if !ok {
			return nil, errChanged
		}
	}
	if ok, err := store.UpdateAppointment(tx, apt, before); err != nil {
		return nil, err
	} else if !ok {
		return nil, errChanged
	}
	facts := map[string]string{"state": string(apt.State)}
	if apt.CancelReason != "" {
		facts["reason_code"] = apt.CancelReason
	}
	return apt, a.tell(ctx, tx, apt, action, facts, event)
}

func wrongState(reason, message string, apt *store.Appointment) error {
	return fault.New(fault.FailedPrecondition, reason, message).With("state", string(apt.State))
}

// CancelAppointment frees an appointment's time. Cancelling again changes nothing.
// NOT_CANCELLABLE once it has begun or ended, LATE_CHANGE when a patient must call.
func (a *App) CancelAppointment(ctx context.Context, c Change) (*store.Appointment, error) {
	who, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	clinic, err := a.currentClinic(ctx, who.ClinicID)
	if err != nil {
		return nil, err
	}
	apt, err := a.change(ctx, "CancelAppointment", "appointment.cancel", c, a.cancelStep(clinic, who, c.ReasonCode))
	return apt, a.sayWhomToCall(ctx, err)
}

// cancelStep is the step by which an appointment is cancelled.
func (a *App) cancelStep(clinic *calendar.Clinic, who caller, reasonCode string) step {
	return func(tx *sqldb.Tx, apt *store.Appointment) (store.Outcome, proto.Message, error) {
		switch {
		case apt.State == store.Cancelled:
			return "", nil, nil
		case apt.State != store.Booked && (apt.State != store.CheckedIn || who.party != schedule.Staff):
			return "", nil, wrongState("NOT_CANCELLABLE", "The appointment has begun or ended.", apt)
		case who.party == schedule.Patient && !tx.Now().Before(apt.Visit.Start()):
			return "", nil, wrongState("NOT_CANCELLABLE", "The appointment's time has come.", apt)
		}
		late, refusal := lateChange(clinic, who, apt, tx.Now())
		if refusal != nil {
			return "", nil, refusal
		}
		if err := a.giveBack(tx, apt, nil); err != nil {
			return "", nil, err
		}
		apt.State, apt.CancelledAt, apt.CancelReason = store.Cancelled, tx.Now(), cmp.Or(reasonCode, "PATIENT_REQUEST")
		apt.LateCancel = late
		apt.Flags, apt.NeedsReview = nil, false
		return store.OutcomeCancelled, &bookingv1.AppointmentCancelled{
			Appointment: Fact(apt), ReasonCode: apt.CancelReason, Late: apt.LateCancel,
		}, nil
	}
}
