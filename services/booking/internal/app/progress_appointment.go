package app

import (
	"context"
	"time"

	"google.golang.org/protobuf/proto"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// CheckInAppointment notes that the patient has arrived. Doing it again changes nothing.
// NOT_BOOKED when it cannot take place any more, WRONG_DAY on another day than its own.
func (a *App) CheckInAppointment(ctx context.Context, c Change) (*store.Appointment, error) {
	return a.change(ctx, "CheckInAppointment", "appointment.check_in", c, func(tx *sqldb.Tx, apt *store.Appointment) (store.Outcome, proto.Message, error) {
		switch {
		case apt.State == store.CheckedIn:
			return "", nil, nil
		case apt.State != store.Booked:
			return "", nil, wrongState("NOT_BOOKED", "The appointment is not waiting to take place.", apt)
		case today(tx, apt) != apt.LocalDate:
			return "", nil, wrongState("WRONG_DAY", "The appointment is on another day.", apt)
		}
		apt.State, apt.CheckedInAt = store.CheckedIn, tx.Now()
		return "", &bookingv1.AppointmentCheckedIn{Appointment: Fact(apt)}, nil
	})
}

// UndoCheckInAppointment takes an arrival back: the appointment waits to take place again.
// Doing it again changes nothing. NOT_CHECKED_IN when the session has begun, or when it cannot
// take place any more.
func (a *App) UndoCheckInAppointment(ctx context.Context, c Change) (*store.Appointment, error) {
	return a.change(ctx, "UndoCheckInAppointment", "appointment.undo_check_in", c, func(_ *sqldb.Tx, apt *store.Appointment) (store.Outcome, proto.Message, error) {
		switch apt.State {
		case store.Booked:
			return "", nil, nil
		case store.CheckedIn:
			apt.State, apt.CheckedInAt = store.Booked, time.Time{}
			return "", &bookingv1.AppointmentCheckInUndone{Appointment: Fact(apt)}, nil
		case store.InProgress, store.Completed, store.Cancelled, store.NoShow:
		}
		return "", nil, wrongState("NOT_CHECKED_IN", "The session has begun already, or the appointment does not take place.", apt)
	})
}

// StartAppointment notes that the session has begun. Doing it again changes nothing.
// NOT_BOOKED when it cannot take place any more, WRONG_DAY on another day than its own. Before
// an injection plans is asked once more: what was learnt since the booking refuses it.
func (a *App) StartAppointment(ctx context.Context, c Change) (*store.Appointment, error) {
	if err := a.timeOut(ctx, c.AppointmentID); err != nil {
		return nil, err
	}
	return a.change(ctx, "StartAppointment", "appointment.start", c, func(tx *sqldb.Tx, apt *store.Appointment) (store.Outcome, proto.Message, error) {
		switch {
		case apt.State == store.InProgress:
			return "", nil, nil
		case apt.State != store.Booked && apt.State != store.CheckedIn:
			return "", nil, wrongState("NOT_BOOKED", "The appointment is not waiting to take place.", apt)
		case today(tx, apt) != apt.LocalDate:
			return "", nil, wrongState("WRONG_DAY", "The appointment is on another day.", apt)
		}
		if apt.CheckedInAt.IsZero() {
			apt.CheckedInAt = tx.Now()
		}
		apt.State = store.InProgress
		return "", &bookingv1.AppointmentStarted{Appointment: Fact(apt)}, nil
	})
}

// CompleteAppointment notes that the session was delivered. Doing it again changes nothing.
// NOT_BOOKED when it was cancelled or nobody came, TOO_EARLY before its day.
func (a *App) CompleteAppointment(ctx context.Context, c Change) (*store.Appointment, error) {
	return a.change(ctx, "CompleteAppointment", "appointment.complete", c, func(tx *sqldb.Tx, apt *store.Appointment) (store.Outcome, proto.Message, error) {
		switch {
		case apt.State == store.Completed:
			return "", nil, nil
		case !apt.State.Live():
			return "", nil, wrongState("NOT_BOOKED", "The appointment did not take place.", apt)
		case today(tx, apt).Before(apt.LocalDate):
			return "", nil, wrongState("TOO_EARLY", "The appointment's day has not come.", apt)
		}
		apt.State = store.Completed
		setFlags(apt, []string{FlagOutcomeMissing}, nil)
		return store.OutcomeCompleted, &bookingv1.AppointmentCompleted{Appointment: Fact(apt)}, nil
	})
}

// MarkNoShow notes that the patient did not come. Doing it again changes nothing. NOT_BOOKED
// when the patient came or it was cancelled, TOO_EARLY before its start.
func (a *App) MarkNoShow(ctx context.Context, c Change) (*store.Appointment, error) {
	return a.change(ctx, "MarkNoShow", "appointment.no_show", c, func(tx *sqldb.Tx, apt *store.Appointment) (store.Outcome, proto.Message, error) {
		switch {
		case apt.State == store.NoShow:
			return "", nil, nil
		case apt.State != store.Booked:
			return "", nil, wrongState("NOT_BOOKED", "The patient has come, or the appointment was cancelled.", apt)
		case tx.Now().Before(apt.Visit.Start()):
			return "", nil, wrongState("TOO_EARLY", "The appointment's time has not come.", apt)
		}
		apt.State = store.NoShow
		setFlags(apt, []string{FlagOutcomeMissing}, nil)
		return store.OutcomeNoShow, &bookingv1.AppointmentNoShow{Appointment: Fact(apt)}, nil
	})
}

// today is the present civil date where an appointment is.
func today(tx *sqldb.Tx, apt *store.Appointment) civil.Date {
	return civil.Of(tx.Now(), zoneOf(apt))
}
