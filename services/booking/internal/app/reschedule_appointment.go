package app

import (
	"cmp"
	"context"
	"time"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Move is another time that is asked for. Empty fields keep what the appointment has.
type Move struct {
	Fingerprint            []byte
	AppointmentID          string
	Start                  time.Time
	PractitionerID, RoomID string
	Minutes                int
	HoldID, OwnerToken     string
	OverrideReason, Etag   string
}

const methodReschedule = "RescheduleAppointment"

// RescheduleAppointment moves an appointment; the old time is given up in the transaction
// that books the new one, or not at all. With a plan the new session is claimed first, with
// `replaces`, so that plans does not count both. NOT_RESCHEDULABLE once it has begun or ended,
// LATE_CHANGE when a patient must call, VERSION_MISMATCH, and the refusals of a booking.
func (a *App) RescheduleAppointment(ctx context.Context, m Move) (*store.Appointment, error) {
	apt, err := a.reschedule(ctx, m)
	return apt, a.sayWhomToCall(ctx, err)
}

func (a *App) reschedule(ctx context.Context, m Move) (*store.Appointment, error) {
	who, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	apt, err := a.seen(ctx, who, m.AppointmentID)
	if err != nil {
		return nil, err
	}
	w, err := a.newWish(ctx, Booking{
		TypeID: apt.TypeID, PatientID: apt.PatientID, PractitionerID: cmp.Or(m.PractitionerID, apt.PractitionerID),
		Start: m.Start, Minutes: cmp.Or(m.Minutes, minutesOf(apt)), Mode: apt.Mode, RoomID: m.RoomID,
		PlanID: apt.PlanID, HoldID: m.HoldID, OwnerToken: m.OwnerToken, OverrideReason: m.OverrideReason,
	})
	if err != nil {
		return nil, err
	}
	w.holderID, w.moving, w.keepRoomID = apt.ID, apt, apt.RoomID
	gateErr := a.askGate(ctx, w)
	place := func(tx *sqldb.Tx) (*store.Appointment, *placement, error) { return a.placeMove(tx, w, m.Etag) }
	if apt.EntitlementID != "" {
		return a.bookByPlan(ctx, &proposal{
			w: w, kind: store.AttemptMove, courseID: apt.CourseID, method: methodReschedule, fingerprint: m.Fingerprint,
			gateErr: gateErr, place: place,
		})
	}
	return a.moveOutright(ctx, w, m, gateErr, place)
}

// placeMove finds the new place, with the appointment locked, and makes its row as it shall
// be. The lock order is gate, appointment, resources; the gate is locked again by examine.
func (a *App) placeMove(tx *sqldb.Tx, w *wish, etag string) (*store.Appointment, *placement, error) {
	if _, err := store.LockGate(tx, w.clinic.ID, w.patientID); err != nil {
		return nil, nil, err
	}
	now, err := store.LockAppointment(tx, w.clinic.ID, w.holderID)
	if err != nil {
		return nil, nil, err
	}
	if err := checkEtag(etag, now.Version); err != nil {
		return nil, nil, err
	}
	if now.State != store.Booked {
		return nil, nil, fault.New(fault.FailedPrecondition, "NOT_RESCHEDULABLE", "The appointment has begun or ended.").With("state", string(now.State))
	}
	w.moving = now
	if w.oldClaims, err = a.claimsOf(tx, now); err != nil {
		return nil, nil, err
	}
	p, err := a.find(tx, w)
	if err != nil {
		return nil, nil, err
	}
	return w.moved(p, tx.Now()), p, nil
}

// moved is the appointment's row as it is at its new place.
func (w *wish) moved(p *placement, at time.Time) *store.Appointment {
	next := *w.moving
	next.Version++
	next.MovedAt = at
	kept := next.Flags
	w.occupy(&next, p)
	setFlags(&next, nil, keepFlags(kept))
	return &next
}

// keepFlags leaves out the flags that a new time answers anew.
func keepFlags(flags []string) (kept []string) {
	for _, f := range flags {
		if f == FlagPlanClosed || f == FlagPatientMerged || f == FlagMovedLate {
			kept = append(kept, f)
		}
	}
	return kept
}

// claimsOf reads what an appointment has.
func (a *App) claimsOf(tx *sqldb.Tx, apt *store.Appointment) (own []store.Claim, err error) {
	claims, err := store.Overlapping(tx, apt.ClinicID, resourceIDs(apt), apt.Claims)
	for _, c := range claims {
		if c.HolderID == apt.ID {
			own = append(own, c)
		}
	}
	return own, err
}

// moveOutright is a move without a plan, in one transaction.
func (a *App) moveOutright(
	ctx context.Context, w *wish, m Move, gateErr error, place func(*sqldb.Tx) (*store.Appointment, *placement, error),
) (moved *store.Appointment, err error) {
	err = a.settleWish(ctx, w, func() error {
		return a.DB.Write(ctx, func(tx *sqldb.Tx) error {
			_, replayed, err := requestid.OnceAs(ctx, tx, methodReschedule, m.Fingerprint, w.holderID, func() error {
				if gateErr != nil {
					return gateErr
				}
				next, p, err := place(tx)
				if err != nil {
					return err
				}
				if err := a.giveBack(tx, w.moving, nil); err != nil {
					return err
				}
				if err := a.write(ctx, tx, w, p, p.claims); err != nil {
					return err
				}
				if ok, err := store.UpdateAppointment(tx, next, w.moving.Version); err != nil || !ok {
					return cmp.Or(err, error(errChanged))
				}
				moved = next
				a.Busy.Told(next.ID, next.Version)
				return a.tell(ctx, tx, next, "appointment.reschedule", auditFacts(next),
					&bookingv1.AppointmentRescheduled{Appointment: Fact(next), Previous: Fact(w.moving)})
			})
			if err == nil && replayed {
				moved, err = store.GetAppointment(tx, w.clinic.ID, w.holderID)
			}
			return err
		})
	})
	if err != nil {
		return nil, a.suggest(ctx, w, err)
	}
	return moved, nil
}

// seen reads an appointment that the caller may know of; NOT_FOUND otherwise.
func (a *App) seen(ctx context.Context, who caller, id string) (apt *store.Appointment, err error) {
	err = a.DB.Read(ctx, func(tx *sqldb.Tx) (err error) {
		apt, err = store.GetAppointment(tx, who.ClinicID, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return apt, who.appointmentSeen(apt)
}

func minutesOf(apt *store.Appointment) int {
	return int((apt.Visit.To - apt.Visit.From) * schedule.Slot(schedule.Grain/time.Minute))
}
