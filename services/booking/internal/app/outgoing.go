package app

import (
	"context"
	"log/slog"
	"slices"
	"time"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// grace is how long a message waits: as long as a cancel can be undone, and a moment for the
// undo to be heard.
const grace = UndoWindow + 10*time.Second

// cursorEvery is how many events that make no message are passed before the cursor is moved
// on: writing it for each would cost every booking a transaction more.
const cursorEvery = 1000

// OutgoingStart is where the own log is to be read from for messages, never behind the head
// given: what was not read before the last stop, or what comes when nothing ever was.
func (a *App) OutgoingStart(ctx context.Context, head int64) (int64, error) {
	from := head
	err := a.DB.Write(ctx, func(tx *sqldb.Tx) error {
		known, ok, err := store.OutgoingCursor(tx)
		if err != nil || ok {
			from = min(known, head)
			return err
		}
		from = head
		return store.SetOutgoingCursor(tx, head)
	})
	return from, err
}

// NoteMessages writes down what patients are to be told, from the service's own log: that an
// appointment was moved or cancelled, or that a time is held for them. What happens to an
// appointment next drops what still waits, so a cancel that is undone within its grace is never
// told. A confirmation needs no grace: who sends messages makes it from AppointmentBooked.
func (a *App) NoteMessages(ctx context.Context) func(eventlog.Envelope) error {
	passed := 0
	return func(env eventlog.Envelope) error {
		note := a.noteFor(env)
		if passed++; note == nil && passed < cursorEvery {
			return nil
		}
		err := a.DB.Write(ctx, func(tx *sqldb.Tx) error {
			if note != nil {
				if err := note(tx); err != nil {
					return err
				}
			}
			return store.SetOutgoingCursor(tx, env.PubSeq)
		})
		if err != nil && ctx.Err() == nil {
			// It is read again from the cursor at the next start.
			a.Log.LogAttrs(ctx, slog.LevelError, "a message could not be written down", slog.String("event_id", env.EventID), slog.Any("error", err))
			return nil
		}
		passed = 0
		return nil
	}
}

// noteFor is what an event means for messages; nil when nothing.
func (a *App) noteFor(env eventlog.Envelope) func(*sqldb.Tx) error {
	switch env.Type {
	case typeBooked:
		if env.AggregateVersion == 1 {
			return nil // a new appointment has no messages yet
		}
		var m bookingv1.AppointmentBooked
		return noted(env, &m, func(tx *sqldb.Tx) error {
			_, err := store.DropWaiting(tx, m.GetAppointment().GetClinicId(), m.GetAppointment().GetAppointmentId())
			return err
		})
	case typeRescheduled:
		var m bookingv1.AppointmentRescheduled
		return noted(env, &m, func(tx *sqldb.Tx) error { return noteAppointment(tx, env, m.GetAppointment(), store.TellMoved) })
	case typeCancelled:
		var m bookingv1.AppointmentCancelled
		return noted(env, &m, func(tx *sqldb.Tx) error { return noteAppointment(tx, env, m.GetAppointment(), store.TellCancelled) })
	case "upright.booking.v1.WaitlistOffered":
		var m bookingv1.WaitlistOffered
		return noted(env, &m, func(tx *sqldb.Tx) error {
			return store.InsertMessage(tx, store.Message{
				ClinicID: m.GetClinicId(), ID: ident.New("msg"), EventID: env.EventID, Kind: store.TellOffer, State: store.MessageReady,
				PatientID: m.GetPatientId(), OfferID: m.GetOfferId(), ReadyAt: env.RecordTime, CreatedAt: env.RecordTime,
			})
		})
	case "upright.booking.v1.WaitlistOfferEnded":
		var m bookingv1.WaitlistOfferEnded
		return noted(env, &m, func(tx *sqldb.Tx) error { return store.DropOffer(tx, m.GetClinicId(), m.GetOfferId()) })
	}
	return nil
}

// noteAppointment drops what still waits to be told of an appointment and writes down the
// newest.
func noteAppointment(tx *sqldb.Tx, env eventlog.Envelope, f *bookingv1.AppointmentFact, kind store.MessageKind) error {
	if _, err := store.DropWaiting(tx, f.GetClinicId(), f.GetAppointmentId()); err != nil {
		return err
	}
	return store.InsertMessage(tx, store.Message{
		ClinicID: f.GetClinicId(), ID: ident.New("msg"), EventID: env.EventID, Kind: kind, State: store.MessageWaiting,
		PatientID: f.GetPatientId(), AppointmentID: f.GetAppointmentId(), ReadyAt: env.RecordTime.Add(grace), CreatedAt: env.RecordTime,
	})
}

// ReleaseMessages makes messages ready whose grace is over.
func (a *App) ReleaseMessages(ctx context.Context) error {
	waiting := false
	err := a.DB.Read(ctx, func(tx *sqldb.Tx) (err error) {
		waiting, err = store.MessagesDue(tx, tx.Now())
		return err
	})
	if err != nil || !waiting {
		return err
	}
	return a.DB.Write(ctx, func(tx *sqldb.Tx) error { return store.ReleaseMessages(tx, tx.Now()) })
}

// ListMessages returns messages, the newest first.
func (a *App) ListMessages(ctx context.Context, patientID, appointmentID string, state store.MessageState, size int) (list []store.Message, err error) {
	who, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	err = a.DB.Read(ctx, func(tx *sqldb.Tx) (err error) {
		list, err = store.ListMessages(tx, who.ClinicID, patientID, appointmentID, state, size)
		return err
	})
	return slices.Clip(list), err
}
