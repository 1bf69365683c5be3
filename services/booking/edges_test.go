package booking_test

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/types/known/timestamppb"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/rpc/rpctest"
)

// TestGroupMovesOntoItsOwnTime: whoever is alone in a session may move to a start that overlaps
// it; with somebody else in it the practitioner is taken.
func TestGroupMovesOntoItsOwnTime(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		class := w.class(4)
		apt := w.book(w.seat(class, "pat_1", at(10, 0)))
		moved, err := w.moveAs(true, apt.GetAppointmentId(), at(10, 30))
		if err != nil || moved.GetLocalStart() != "2026-11-23T10:30" {
			t.Fatalf("moved %v %v", moved, err)
		}
		if n, m := w.rows(`select count(*) from group_sessions`), w.rows(`select count(*) from group_seats`); n != 1 || m != 1 {
			t.Errorf("%d sessions, %d seats", n, m)
		}
		w.book(w.seat(class, "pat_2", at(10, 30)))
		_, err = w.moveAs(true, apt.GetAppointmentId(), at(11, 0))
		refused(t, err, "SLOT_TAKEN")
		if n := w.rows(`select count(*) from group_seats`); n != 2 {
			t.Errorf("%d seats after a refused move", n)
		}
	})
}

// TestPractitionerWithoutShift: staff book somebody who has no shift at all by an override with a
// reason, which is kept; without one, and to patients, it is refused.
func TestPractitionerWithoutShift(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		r := w.other("pat_1", "prac_new", at(10, 0))
		f := w.try(r)
		if f == nil || f.Reason != "OUTSIDE_SHIFT" || f.Facts["overridable"] != "true" {
			t.Fatalf("without a reason: %v", f)
		}
		if w.offers("prac_new", "pat_1", at(10, 0)) {
			t.Error("offered without a shift")
		}
		r.Override = &bookingv1.Override{Reason: "covers for Ana today"}
		apt := w.book(r)
		if apt.GetLocationId() != place || apt.GetLocalStart() != "2026-11-23T10:00" || apt.GetRoomId() == "" || !slices.Contains(apt.GetFlags(), "OVERRIDDEN") {
			t.Errorf("booked %v", apt)
		}
		if n := w.rows(`select count(*) from appointments where override_reason like 'covers%'`); n != 1 {
			t.Error("the reason is not kept")
		}
		r.PatientId = patient
		_, err := w.appointments.CreateAppointment(w.patient(), r)
		refused(t, err, "OVERRIDE_NOT_ALLOWED")
		if f := w.try(w.other("pat_2", "prac_new", at(10, 15))); f == nil {
			t.Error("booked twice")
		}
	})
}

// TestGuardian: somebody who acts for a child books, moves and cancels for them and sees their
// visits; they must say for whom, and are nobody to a third patient.
func TestGuardian(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		const child = "pat_child"
		w.intake.set(patient, care(1))
		w.intake.set(child, care(1))
		p := rpctest.Person(clinic, typev1.Role_ROLE_PATIENT)
		p.PatientIDs = []string{patient, child}
		guardian := authn.With(t.Context(), p)
		r := w.other("", ana, at(10, 0))
		_, err := w.appointments.CreateAppointment(guardian, r)
		onField(t, err, "patient_id")
		r.PatientId = child
		got, err := w.appointments.CreateAppointment(guardian, r)
		if err != nil || got.GetAppointment().GetPatientId() != child {
			t.Fatalf("booked %v %v", got, err)
		}
		id := got.GetAppointment().GetAppointmentId()
		r.PatientId = patient // the guardian may be treated at the same time, by somebody else
		r.PractitionerId = ben
		if _, err := w.appointments.CreateAppointment(guardian, r); err != nil {
			t.Errorf("for themself: %v", err)
		}
		list, err := w.appointments.ListAppointments(guardian, &bookingv1.ListAppointmentsRequest{PatientId: child})
		if err != nil || len(list.GetAppointments()) != 1 {
			t.Errorf("sees %v %v", list, err)
		}
		move := &bookingv1.RescheduleAppointmentRequest{AppointmentId: id, StartTime: timestamppb.New(at(14, 0))}
		if _, err := w.appointments.RescheduleAppointment(guardian, move); err != nil {
			t.Errorf("move: %v", err)
		}
		_, err = w.appointments.CancelAppointment(w.patient(), &bookingv1.CancelAppointmentRequest{AppointmentId: id})
		refused(t, err, "NOT_FOUND") // the same account without the child
		if _, err := w.appointments.CancelAppointment(guardian, &bookingv1.CancelAppointmentRequest{AppointmentId: id}); err != nil {
			t.Errorf("cancel: %v", err)
		}
		r.PatientId = "pat_third"
		_, err = w.appointments.CreateAppointment(guardian, r)
		refused(t, err, "NOT_FOUND")
		_, err = w.waits.CreateWaitlistEntry(guardian, w.waiting("pat_third"))
		refused(t, err, "NOT_FOUND")
		if n := w.rows(`select count(*) from audit_log where patient_id = $1 and action like 'appointment.%'`, child); n != 3 {
			t.Errorf("%d audit rows of the child, want 3", n)
		}
	})
}
