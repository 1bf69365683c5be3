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

const methodUndo = "UndoCancelAppointment"

// UndoCancelAppointment books a cancelled appointment again at its time. With a plan that is a
// new attempt with a new entitlement, and may be refused. NOT_CANCELLED, UNDO_TOO_LATE after
// UndoWindow, and the refusals of a booking but for notice and horizon.
func (a *App) UndoCancelAppointment(ctx context.Context, c Change) (*store.Appointment, error) {
	who, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	apt, err := a.seen(ctx, who, c.AppointmentID)
	if err != nil {
		return nil, err
	}
	w, err := a.newWish(ctx, Booking{
		TypeID: apt.TypeID, PatientID: apt.PatientID, PractitionerID: apt.PractitionerID, Start: apt.Visit.Start(),
		Minutes: minutesOf(apt), Mode: apt.Mode, PlanID: apt.PlanID,
	})
	if err != nil {
		return nil, err
	}
	w.holderID, w.moving, w.keepRoomID, w.again = apt.ID, apt, apt.RoomID, true
	if who.party == schedule.Staff {
		w.override = apt.OverrideReason
	}
	gateErr := a.askGate(ctx, w)
	place := func(tx *sqldb.Tx) (*store.Appointment, *placement, error) { return a.placeAgain(tx, w, c.Etag) }
	if apt.PlanID != "" {
		return a.bookByPlan(ctx, &proposal{
			w: w, kind: store.AttemptUndo, courseID: apt.CourseID, method: methodUndo, fingerprint: c.Fingerprint,
			gateErr: gateErr, place: place,
		})
	}
	return a.undoOutright(ctx, w, c, gateErr, place)
}

func (a *App) placeAgain(tx *sqldb.Tx, w *wish, etag string) (*store.Appointment, *placement, error) {
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
	if now.State != store.Cancelled {
		return nil, nil, wrongState("NOT_CANCELLED", "The appointment is not cancelled.", now)
	}
	if until := now.CancelledAt.Add(UndoWindow); tx.Now().After(until) {
		return nil, nil, fault.New(fault.FailedPrecondition, "UNDO_TOO_LATE", "A cancel can be undone for three minutes only.").
			With("undo_expire_time", until.Format(time.RFC3339))
	}
	p, err := a.find(tx, w)
	if err != nil {
		return nil, nil, err
	}
	next := *now
	next.Version++
	next.State, next.CancelReason, next.LateCancel, next.CancelledAt, next.MovedAt = store.Booked, "", false, time.Time{}, tx.Now()
	w.occupy(&next, p)
	return &next, p, nil
}

// undoOutright books again without a plan, in one transaction.
func (a *App) undoOutright(
	ctx context.Context, w *wish, c Change, gateErr error, place func(*sqldb.Tx) (*store.Appointment, *placement, error),
) (undone *store.Appointment, err error) {
	err = a.settleWish(ctx, w, func() error {
		return a.DB.Write(ctx, func(tx *sqldb.Tx) error {
			_, replayed, err := requestid.OnceAs(ctx, tx, methodUndo, c.Fingerprint, w.holderID, func() error {
				if gateErr != nil {
					return gateErr
				}
				next, p, err := place(tx)
				if err != nil {
					return err
				}
				if err := a.write(ctx, tx, w, p, p.claims); err != nil {
					return err
				}
				if ok, err := store.UpdateAppointment(tx, next, next.Version-1); err != nil || !ok {
					return cmp.Or(err, error(errChanged))
				}
				undone = next
				a.Busy.Told(next.ID, next.Version)
				return a.tell(ctx, tx, next, "appointment.undo_cancel", auditFacts(next), &bookingv1.AppointmentBooked{Appointment: Fact(next)})
			})
			if err == nil && replayed {
				undone, err = store.GetAppointment(tx, w.clinic.ID, w.holderID)
			}
			return err
		})
	})
	if err != nil {
		return nil, a.suggest(ctx, w, err)
	}
	return undone, nil
}
