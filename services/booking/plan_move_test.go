package booking_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/ident"
)

// TestMoveByPlan: the new session is claimed with `replaces` and both outcomes are flipped
// together; a refusal leaves everything as it was.
func TestMoveByPlan(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		apt := w.book(w.planned(at(10, 0)))
		first, second := ident.Derive("ent", apt.GetAppointmentId(), 1), ident.Derive("ent", apt.GetAppointmentId(), 2)
		w.plans.on = func(*plansv1.ClaimSessionsRequest) error {
			return fault.New(fault.FailedPrecondition, "PLAN_GAP", "Too close.")
		}
		move := &bookingv1.RescheduleAppointmentRequest{AppointmentId: apt.GetAppointmentId(), StartTime: timestamppb.New(at(10, 15))}
		_, err := w.appointments.RescheduleAppointment(w.reception(), move)
		refused(t, err, "PLAN_GAP")
		if n := w.rows(`select count(*) from claims where starts_at = $1`, at(10, 0).UnixMicro()); n != 3 || w.rows(`select count(*) from claims`) != 3 {
			t.Errorf("%d claims of the old time", n)
		}
		w.plans.on = nil
		got, err := w.appointments.RescheduleAppointment(with(w.reception(), "m1"), move) // over part of its own old time
		if err != nil {
			t.Fatal(err)
		}
		if got.GetAppointment().GetLocalStart() != "2026-11-23T10:15" || got.GetAppointment().GetEtag() != "2" {
			t.Errorf("moved to %v", got)
		}
		third := ident.Derive("ent", apt.GetAppointmentId(), 3)
		if r := w.plans.ledger[third].GetReplacesEntitlementId(); r != first {
			t.Errorf("replaces %q", r)
		}
		for id, want := range map[string]bookingv1.Outcome{
			first: bookingv1.Outcome_OUTCOME_CANCELLED, second: bookingv1.Outcome_OUTCOME_VOID, third: bookingv1.Outcome_OUTCOME_BOOKED,
		} {
			if o := w.resolve(id); o != want {
				t.Errorf("%s is %v, want %v", id, o, want)
			}
		}
		again, err := w.appointments.RescheduleAppointment(with(w.reception(), "m1"), move)
		if err != nil || again.GetAppointment().GetEtag() != "2" {
			t.Errorf("replay: %v %v", again, err)
		}
		if n := w.rows(`select count(*) from claims where starts_at = $1 and ends_at = $2`, at(10, 15).UnixMicro(), at(10, 45).UnixMicro()); n != 3 {
			t.Errorf("%d claims of the new time", n)
		}
		w.settled()
	})
}

// TestMoveLosesToCancel: the appointment is cancelled while plans is asked about its move. The
// move is void; the cancel stands.
func TestMoveLosesToCancel(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		apt := w.book(w.planned(at(10, 0)))
		w.plans.after = func(*plansv1.ClaimSessionsRequest) error {
			_, err := w.appointments.CancelAppointment(authn.With(context.WithoutCancel(t.Context()), reception()), &bookingv1.CancelAppointmentRequest{AppointmentId: apt.GetAppointmentId()})
			return err
		}
		_, err := w.appointments.RescheduleAppointment(w.reception(), &bookingv1.RescheduleAppointmentRequest{
			AppointmentId: apt.GetAppointmentId(), StartTime: timestamppb.New(at(14, 0)),
		})
		refused(t, err, "VERSION_MISMATCH")
		if n := len(w.live()); n != 0 {
			t.Errorf("%d appointments", n)
		}
		w.settled()
	})
}

// TestUndoByPlan: the undo of a cancel is a new attempt, and may be refused.
func TestUndoByPlan(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		apt := w.book(w.planned(at(10, 0)))
		if _, err := w.appointments.CancelAppointment(w.reception(), &bookingv1.CancelAppointmentRequest{AppointmentId: apt.GetAppointmentId()}); err != nil {
			t.Fatal(err)
		}
		w.plans.on = func(*plansv1.ClaimSessionsRequest) error {
			return fault.New(fault.FailedPrecondition, "PLAN_LIMIT", "None left.")
		}
		undo := &bookingv1.UndoCancelAppointmentRequest{AppointmentId: apt.GetAppointmentId()}
		_, err := w.appointments.UndoCancelAppointment(w.reception(), undo)
		refused(t, err, "PLAN_LIMIT")
		w.settled()
		w.plans.on = nil
		got, err := w.appointments.UndoCancelAppointment(w.reception(), undo)
		if err != nil {
			t.Fatal(err)
		}
		if got.GetAppointment().GetState() != "BOOKED" || got.GetAppointment().GetCancelReasonCode() != "" {
			t.Errorf("undone %v", got)
		}
		if o := w.resolve(ident.Derive("ent", apt.GetAppointmentId(), 3)); o != bookingv1.Outcome_OUTCOME_BOOKED {
			t.Errorf("outcome %v", o)
		}
		if diff := cmp.Diff([]string{"AppointmentBooked", "AppointmentCancelled", "EntitlementVoided", "AppointmentBooked"}, names(w.events())); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		w.settled()
	})
}
