package booking_test

import (
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
)

// courseOf books n weekly sessions and returns their ids.
func (w *world) courseOf(n int) (ids []string) {
	w.t.Helper()
	w.plans.plan = twelve()
	got, err := w.courses.BookCourse(w.reception(), bookAll(occurrences(n)))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, apt := range got.GetAppointments() {
		ids = append(ids, apt.GetAppointmentId())
	}
	return ids
}

// starts are the local starts of the patient's booked appointments, by time.
func (w *world) starts() (list []string) {
	w.t.Helper()
	got, err := w.appointments.ListAppointments(w.reception(), &bookingv1.ListAppointmentsRequest{PatientId: patient})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, apt := range got.GetAppointments() {
		if apt.GetState() == "BOOKED" {
			list = append(list, apt.GetLocalStart()[5:])
		}
	}
	return list
}

func TestCancelCourse(t *testing.T) {
	t.Parallel()
	for scope, left := range map[string][]string{
		"THIS": {"11-23T10:00", "12-07T10:00", "12-14T10:00"}, "FOLLOWING": {"11-23T10:00"}, "ALL": nil,
	} {
		t.Run("ask 25 "+scope, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, w *world) {
				ids := w.courseOf(4)
				r := &bookingv1.CancelCourseRequest{AppointmentId: ids[1], Scope: scope, ReasonCode: "PATIENT_ILL"}
				got, err := w.courses.CancelCourse(with(w.reception(), "cc"), r)
				if err != nil || len(got.GetAppointments()) != 4-len(left) {
					t.Fatalf("cancelled %v %v", got, err)
				}
				if have := w.starts(); !slices.Equal(have, left) {
					t.Errorf("left %v, want %v", have, left)
				}
				again, err := w.courses.CancelCourse(with(w.reception(), "cc"), r)
				if err != nil || len(again.GetAppointments()) != len(got.GetAppointments()) {
					t.Errorf("replay %v %v", again, err)
				}
				w.settled()
			})
		})
	}
}

func TestRescheduleCourse(t *testing.T) {
	t.Parallel()
	// The named one goes from Monday 30 November 10:00 to the next Monday 10:00, where the
	// following one is now: a series moves onto its own old times.
	for scope, want := range map[string][]string{
		"FOLLOWING": {"11-23T10:00", "12-07T10:00", "12-14T10:00", "12-21T10:00"},
		"ALL":       {"11-30T10:00", "12-07T10:00", "12-14T10:00", "12-21T10:00"},
	} {
		t.Run("ask 18 "+scope, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, w *world) {
				ids := w.courseOf(4)
				r := &bookingv1.RescheduleCourseRequest{AppointmentId: ids[1], Scope: scope, StartTime: timestamppb.New(inWeeks(2))}
				got, err := w.courses.RescheduleCourse(with(w.reception(), "rc"), r)
				if err != nil {
					t.Fatalf("move: %v", err)
				}
				if have := w.starts(); !slices.Equal(have, want) {
					t.Errorf("now %v, want %v", have, want)
				}
				if n := w.rows(`select count(*) from appointments`); n != 4 {
					t.Errorf("%d appointments, want the same four", n)
				}
				again, err := w.courses.RescheduleCourse(with(w.reception(), "rc"), r)
				if err != nil || len(again.GetAppointments()) != len(got.GetAppointments()) {
					t.Errorf("replay %v %v", again, err)
				}
				w.settled()
			})
		})
	}
	t.Run("ask 26 the wall time stays when the clocks change", func(t *testing.T) {
		t.Parallel()
		each(t, func(t *testing.T, w *world) {
			w.plans.plan = twelve()
			w.plans.plan.ExpireDate = "2027-06-30"
			var list []*bookingv1.CourseOccurrence
			for _, day := range []time.Time{time.Date(2027, 3, 22, 9, 0, 0, 0, time.UTC), time.Date(2027, 3, 29, 8, 0, 0, 0, time.UTC)} {
				list = append(list, &bookingv1.CourseOccurrence{StartTime: timestamppb.New(day), PractitionerId: ana})
			}
			got, err := w.courses.BookCourse(w.reception(), bookAll(list))
			if err != nil {
				t.Fatal(err)
			}
			id := got.GetAppointments()[0].GetAppointmentId()
			r := &bookingv1.RescheduleCourseRequest{AppointmentId: id, Scope: "ALL", StartTime: timestamppb.New(time.Date(2027, 3, 23, 13, 0, 0, 0, time.UTC))}
			if _, err := w.courses.RescheduleCourse(w.reception(), r); err != nil {
				t.Fatal(err)
			}
			if have := w.starts(); !slices.Equal(have, []string{"03-23T14:00", "03-30T14:00"}) {
				t.Errorf("now %v", have)
			}
		})
	})
}

// TestMoveIsAllOrNothing: one new time is taken; every session stays where it was.
func TestMoveIsAllOrNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ids := w.courseOf(4)
		before := w.starts()
		other := w.ask(inWeeks(3).Add(2 * time.Hour))
		other.PatientId = "pat_other"
		w.book(other)
		_, err := w.courses.RescheduleCourse(w.reception(), &bookingv1.RescheduleCourseRequest{
			AppointmentId: ids[0], Scope: "ALL", StartTime: timestamppb.New(at(12, 0)),
		})
		if f := refused(t, err, "SLOT_TAKEN"); f.Facts["occurrence"] != "4" {
			t.Errorf("facts %v", f.Facts)
		}
		if have := w.starts(); !slices.Equal(have, before) {
			t.Errorf("now %v, before %v", have, before)
		}
		w.settled()
	})
}

// TestRepair: the practitioner is ill for two weeks: only what is hit gets other times, and
// booking those moves the same appointments.
func TestRepair(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ids := w.courseOf(6)
		_, err := w.shifts.CreateShiftException(w.admin(), &bookingv1.CreateShiftExceptionRequest{ShiftException: &bookingv1.ShiftException{
			SubjectId: ana, ReasonCode: "ILLNESS", StartLocal: "2026-11-30T00:00", EndLocal: "2026-12-12T00:00",
		}})
		if err != nil {
			t.Fatal(err)
		}
		got := w.propose(func(r *bookingv1.ProposeCourseRequest) { r.Repair = true })
		if len(got.GetOccurrences()) != 2 || len(got.GetUnplaced()) != 0 {
			t.Fatalf("re-planned %v", got)
		}
		for i, o := range got.GetOccurrences() {
			day, ill := local(o), time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
			away := !day.Before(ill) && day.Before(ill.Add(12*24*time.Hour))
			if o.GetAppointmentId() != ids[1+i] || o.GetPractitionerId() == ana && away || day.Hour() != 10 {
				t.Errorf("occurrence %v", o)
			}
		}
		booked, err := w.courses.BookCourse(w.reception(), bookAll(got.GetOccurrences()))
		if err != nil {
			t.Fatal(err)
		}
		for _, apt := range booked.GetAppointments() {
			if apt.GetNeedsReview() || apt.GetState() != "BOOKED" {
				t.Errorf("still flagged: %v", apt)
			}
		}
		if again := w.propose(func(r *bookingv1.ProposeCourseRequest) { r.Repair = true }); len(again.GetOccurrences()) != 0 {
			t.Errorf("more to repair: %v", again)
		}
		if n := len(w.starts()); n != 6 {
			t.Errorf("%d sessions", n)
		}
		w.settled()
	})
}
