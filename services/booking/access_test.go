package booking_test

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/timestamppb"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/rpc/rpctest"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

func TestAccess(t *testing.T) {
	t.Parallel()
	rpctest.AccessMatrix(t, newWorld(t, sqldb.SQLite).served)
}

// TestForeign: what belongs to another patient or another clinic answers as if it were not
// there, in the same words as what is not.
func TestForeign(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		r := w.ask(at(10, 0))
		r.PatientId = "pat_somebody"
		theirs := w.book(r).GetAppointmentId()
		hold := w.place(w.holdAt(at(15, 0))).GetHoldId()
		stranger := authn.With(t.Context(), rpctest.Person("cln_b", typev1.Role_ROLE_RECEPTIONIST))
		calls := map[string]func(ctx context.Context, id string) error{
			"get": func(ctx context.Context, id string) error {
				_, err := w.appointments.GetAppointment(ctx, &bookingv1.GetAppointmentRequest{AppointmentId: id})
				return err
			},
			"cancel": func(ctx context.Context, id string) error {
				_, err := w.appointments.CancelAppointment(ctx, &bookingv1.CancelAppointmentRequest{AppointmentId: id})
				return err
			},
			"undo": func(ctx context.Context, id string) error {
				_, err := w.appointments.UndoCancelAppointment(ctx, &bookingv1.UndoCancelAppointmentRequest{AppointmentId: id})
				return err
			},
			"reschedule": func(ctx context.Context, id string) error {
				_, err := w.appointments.RescheduleAppointment(ctx, &bookingv1.RescheduleAppointmentRequest{AppointmentId: id, StartTime: timestamppb.New(at(12, 0))})
				return err
			},
		}
		for name, call := range calls {
			for who, ctx := range map[string]context.Context{"patient": w.patient(), "other clinic": stranger} {
				got, missing := fault.From(call(ctx, theirs)), fault.From(call(ctx, "apt_missing"))
				// The other clinic is not known to directory either.
				if got == nil || got.Kind != fault.NotFound || missing.Error() != got.Error() {
					t.Errorf("%s by %s: %v, a missing one %v", name, who, got, missing)
				}
			}
		}
		list, err := w.appointments.ListAppointments(w.patient(), &bookingv1.ListAppointmentsRequest{Date: "2026-11-23"})
		if err != nil || len(list.GetAppointments()) != 0 {
			t.Errorf("the patient lists %v %v", list, err)
		}
		_, err = w.appointments.ListAppointments(w.patient(), &bookingv1.ListAppointmentsRequest{PatientId: "pat_somebody"})
		refused(t, err, "NOT_FOUND")
		_, err = w.appointments.CreateAppointment(w.patient(), r)
		refused(t, err, "NOT_FOUND")
		_, err = w.holds.RenewHold(w.colleague(), &bookingv1.RenewHoldRequest{HoldId: hold})
		refused(t, err, "NOT_FOUND")
		_, err = w.holds.DeleteHold(stranger, &bookingv1.DeleteHoldRequest{HoldId: hold})
		refused(t, err, "NOT_FOUND")
		if n := len(w.live()); n != 1 {
			t.Errorf("%d appointments", n)
		}
	})
}

// TestNothingLeaks puts words into every free text and checks that they reach neither log nor
// event, and that events hold no names of fields that could.
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		const canary = "Kanarienvogel"
		w.book(w.ask(at(10, 0)))
		r := w.ask(at(10, 0))
		r.Override = &bookingv1.Override{Reason: canary + " wants it"}
		w.book(r)
		hold := w.place(w.holdAt(at(15, 0)))
		typ := w.newType(&bookingv1.AppointmentType{DisplayName: canary, Kind: "TREATMENT", Discipline: "CBT", DurationMinutes: 30})
		bad := w.ask(at(10, 0))
		bad.AppointmentTypeId, bad.PatientId = canary+typ, canary
		if _, err := w.appointments.CreateAppointment(w.reception(), bad); err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("error %v", err)
		}
		if logged := w.logged.String(); strings.Contains(logged, canary) || strings.Contains(logged, hold.GetOwnerToken()) {
			t.Error("the log tells")
		}
		if n := w.rows(`select count(*) from audit_log where facts like '%Kanarienvogel%'`); n != 0 {
			t.Error("the audit log tells")
		}
		for _, e := range w.events() {
			if text := e.(interface{ String() string }).String(); strings.Contains(text, canary) || strings.Contains(text, hold.GetOwnerToken()) {
				t.Errorf("event %s", text)
			}
		}
	})
}
