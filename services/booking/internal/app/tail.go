package app

import (
	"context"
	"log/slog"

	"google.golang.org/protobuf/proto"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Follow keeps memory in step with the service's own log: what this process committed is
// known already, what others did is forgotten and read again by the next search. Time given
// back is forgotten in any case, since only the log has the order of commits.
func (a *App) Follow(ctx context.Context) func(eventlog.Envelope) error {
	return func(env eventlog.Envelope) error {
		own := a.Busy.Own(env.AggregateID, env.AggregateVersion)
		a.waitlist.hear(env.Type)
		if err := a.follow(ctx, env, own); err != nil && ctx.Err() == nil {
			a.Log.LogAttrs(ctx, slog.LevelWarn, "an event of the own log cannot be followed; reading everything again",
				slog.String("event_id", env.EventID), slog.Any("error", err))
			a.Busy.Reset()
		}
		return nil
	}
}

func (a *App) follow(ctx context.Context, env eventlog.Envelope, own bool) error {
	switch env.Type {
	case typeBooked:
		var m bookingv1.AppointmentBooked
		if own {
			return nil
		}
		return unpack(env, &m, func() { a.forgetFact(m.GetAppointment()) })
	case typeRescheduled:
		var m bookingv1.AppointmentRescheduled
		return unpack(env, &m, func() {
			a.forgetFact(m.GetPrevious())
			if !own {
				a.forgetFact(m.GetAppointment())
			}
		})
	case typeCancelled:
		var m bookingv1.AppointmentCancelled
		return unpack(env, &m, func() { a.forgetFact(m.GetAppointment()) })
	case typeHoldPlaced:
		var m bookingv1.HoldPlaced
		if own {
			return nil
		}
		return unpack(env, &m, func() {
			a.Busy.Forget(m.GetClinicId(), m.GetResourceIds(), schedule.SpanOf(m.GetStartTime().AsTime(), m.GetEndTime().AsTime()))
		})
	case typeHoldReleased:
		var m bookingv1.HoldReleased
		return unpack(env, &m, func() {
			a.Busy.Forget(m.GetClinicId(), m.GetResourceIds(), schedule.SpanOf(m.GetStartTime().AsTime(), m.GetEndTime().AsTime()))
		})
	case typeVoided:
		var m bookingv1.EntitlementVoided
		if err := unpack(env, &m, func() {}); err != nil {
			return err
		}
		return a.forgetVoided(ctx, &m)
	}
	return nil
}

// Types of the own events that change what is taken.
const (
	typeBooked       = "upright.booking.v1.AppointmentBooked"
	typeRescheduled  = "upright.booking.v1.AppointmentRescheduled"
	typeCancelled    = "upright.booking.v1.AppointmentCancelled"
	typeHoldPlaced   = "upright.booking.v1.HoldPlaced"
	typeHoldReleased = "upright.booking.v1.HoldReleased"
	typeVoided       = "upright.booking.v1.EntitlementVoided"
)

func unpack(env eventlog.Envelope, m proto.Message, do func()) error {
	if err := proto.Unmarshal(env.Payload, m); err != nil {
		return err
	}
	do()
	return nil
}

// forgetFact forgets an appointment's resources around its visit. Chunks are two weeks, and
// buffers and recovery reach at most some hours beyond the visit.
func (a *App) forgetFact(f *bookingv1.AppointmentFact) {
	ids := append([]string{f.GetPractitionerId()}, f.GetEquipmentIds()...)
	if f.GetRoomId() != "" {
		ids = append(ids, f.GetRoomId())
	}
	visit := schedule.SpanOf(f.GetStartTime().AsTime(), f.GetEndTime().AsTime())
	const reach = 4 * 60 / 5
	a.Busy.Forget(f.GetClinicId(), ids, schedule.Span{From: visit.From - reach, To: visit.To + reach})
}

// forgetVoided forgets what attempts had placed that were voided.
func (a *App) forgetVoided(ctx context.Context, m *bookingv1.EntitlementVoided) error {
	return a.DB.Read(ctx, func(tx *sqldb.Tx) error {
		for _, id := range m.GetEntitlementIds() {
			use, err := store.GetUse(tx, m.GetClinicId(), id)
			if err != nil {
				return err
			}
			if use != nil && use.Appointment != nil {
				a.Busy.Forget(m.GetClinicId(), resourceIDs(use.Appointment), use.Appointment.Claims)
			}
		}
		return nil
	})
}

// noted is what to do about a message that can be read; one that cannot is passed over, since
// it is this service's own and no later try would read it.
func noted(env eventlog.Envelope, m proto.Message, do func(*sqldb.Tx) error) func(*sqldb.Tx) error {
	if proto.Unmarshal(env.Payload, m) != nil {
		return nil
	}
	return do
}
