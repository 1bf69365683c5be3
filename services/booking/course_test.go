package booking_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// twelve is a plan of twelve sessions of physiotherapy, two to three a week.
func twelve() *plansv1.Plan {
	return &plansv1.Plan{
		PatientId: patient, State: "ACTIVE", StartDate: "2026-11-20", ExpireDate: "2027-03-31",
		Courses: []*plansv1.Course{{
			CourseId: "crs_1", Discipline: "PHYSIOTHERAPY", Sessions: &plansv1.SessionCounts{Planned: 12, Left: 12},
			PerWeekMin: 2, PerWeekMax: 3, Weeks: 6, MinGapHours: 12,
		}},
	}
}

// propose asks for times as reception and must succeed.
func (w *world) propose(change func(*bookingv1.ProposeCourseRequest)) *bookingv1.ProposeCourseResponse {
	w.t.Helper()
	r := &bookingv1.ProposeCourseRequest{PlanId: "pln_1", CourseId: "crs_1", StartDate: "2026-11-23"}
	if change != nil {
		change(r)
	}
	got, err := w.courses.ProposeCourse(w.reception(), r)
	if err != nil {
		w.t.Fatalf("propose: %v %v", err, fault.From(err).Facts)
	}
	return got
}

func local(o *bookingv1.CourseOccurrence) time.Time {
	t, err := time.Parse("2006-01-02T15:04", o.GetLocalStart())
	if err != nil {
		panic(err)
	}
	return t
}

// TestProposeCourse: what is proposed keeps gap, week, hours and preferences, and can be
// booked as it is.
func TestProposeCourse(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.plans.plan = twelve()
		got := w.propose(func(r *bookingv1.ProposeCourseRequest) {
			r.Preferences = &bookingv1.CoursePreferences{Days: []string{"TUESDAY", "THURSDAY"}, From: "14:00", To: "17:00"}
		})
		if len(got.GetOccurrences()) != 12 || len(got.GetUnplaced()) != 0 {
			t.Fatalf("%d placed, unplaced %v", len(got.GetOccurrences()), got.GetUnplaced())
		}
		weeks := map[int]int{}
		for i, o := range got.GetOccurrences() {
			at := local(o)
			_, week := at.ISOWeek()
			weeks[week]++
			if d := at.Weekday(); d != time.Tuesday && d != time.Thursday || at.Hour() < 14 || at.Hour() >= 17 {
				t.Errorf("%s is not as preferred", o.GetLocalStart())
			}
			if o.GetPractitionerId() != got.GetOccurrences()[0].GetPractitionerId() || o.GetRoomId() == "" || !o.GetAsPreferred() || len(o.GetAlternatives()) == 0 {
				t.Errorf("occurrence %d: %v", i, o)
			}
		}
		for week, n := range weeks {
			if n != 2 {
				t.Errorf("%d sessions in week %d", n, week)
			}
		}
		booked, err := w.courses.BookCourse(w.reception(), &bookingv1.BookCourseRequest{PlanId: "pln_1", CourseId: "crs_1", Occurrences: got.GetOccurrences()})
		if err != nil {
			t.Fatalf("book: %v %v", err, fault.From(err).Facts)
		}
		for i, apt := range booked.GetAppointments() {
			o := got.GetOccurrences()[i]
			if !apt.GetStartTime().AsTime().Equal(o.GetStartTime().AsTime()) || apt.GetRoomId() != o.GetRoomId() || apt.GetPlanId() != "pln_1" || apt.GetCourseId() != "crs_1" {
				t.Errorf("appointment %v, proposed %v", apt, o)
			}
		}
		if n := len(w.plans.granted()); n != 12 || w.plans.claims != 1 {
			t.Errorf("%d sessions granted by %d claims, want 12 by one", n, w.plans.claims)
		}
		w.settled()
	})
}

// occurrences are n sessions, one a day from at on, with Ana.
func occurrences(n int) (list []*bookingv1.CourseOccurrence) {
	for i := range n {
		list = append(list, &bookingv1.CourseOccurrence{StartTime: timestamppb.New(inWeeks(i)), PractitionerId: ana})
	}
	return list
}

func bookAll(list []*bookingv1.CourseOccurrence) *bookingv1.BookCourseRequest {
	return &bookingv1.BookCourseRequest{PlanId: "pln_1", CourseId: "crs_1", Occurrences: list}
}

// TestBookCourseAllOrNothing: one time that is taken, one refusal of the plan, leaves nothing
// of the course, and says which session it was.
func TestBookCourseAllOrNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.plans.plan = twelve()
		other := w.ask(inWeeks(2))
		other.PatientId = "pat_other"
		w.book(other)
		_, err := w.courses.BookCourse(with(w.reception(), "c1"), bookAll(occurrences(5)))
		f := refused(t, err, "SLOT_TAKEN")
		if f.Facts["occurrence"] != "3" || f.Facts["next_start_time"] == "" {
			t.Errorf("facts %v", f.Facts)
		}
		if n := w.rows(`select count(*) from appointments where patient_id = $1`, patient); n != 0 || len(w.plans.granted()) != 0 {
			t.Errorf("%d appointments, %d granted", n, len(w.plans.granted()))
		}
		w.settled()
		w.plans.on = func(r *plansv1.ClaimSessionsRequest) error {
			return fault.New(fault.FailedPrecondition, "PLAN_FREQUENCY", "Too many.").With("date", r.GetSessions()[1].GetLocalDate())
		}
		list := occurrences(2)
		_, err = w.courses.BookCourse(with(w.reception(), "c2"), bookAll(list))
		if f := refused(t, err, "PLAN_FREQUENCY"); f.Facts["occurrence"] != "2" {
			t.Errorf("facts %v", f.Facts)
		}
		w.settled()
		if n := w.rows(`select count(*) from claims where resource_id = $1`, patient); n != 0 {
			t.Errorf("%d claims of the patient", n)
		}
		w.plans.on = nil
		first, err := w.courses.BookCourse(with(w.reception(), "c2"), bookAll(list))
		if err != nil {
			t.Fatal(err)
		}
		again, err := w.courses.BookCourse(with(w.reception(), "c2"), bookAll(list))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(first, again, protocmp.Transform()); diff != "" {
			t.Errorf("replay (-first +again):\n%s", diff)
		}
		_, err = w.courses.BookCourse(with(w.reception(), "c2"), bookAll(occurrences(3)))
		refused(t, err, "REQUEST_ID_REUSED")
		w.settled()
	})
}

// TestBookCourseRace: eight courses want the same six times at once.
func TestBookCourseRace(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.plans.plan = twelve()
		list := occurrences(6)
		errs := atOnce(8, func(i int) error {
			order := slices.Clone(list)
			if i%2 == 1 {
				slices.Reverse(order)
			}
			_, err := w.courses.BookCourse(with(w.reception(), fmt.Sprint("race", i)), bookAll(order))
			return err
		})
		got := count(errs)
		if got[""] != 1 || got["BUSY"] != 0 || got["SLOT_TAKEN"]+got["PATIENT_BUSY"] != 7 {
			t.Errorf("outcomes %v", got)
		}
		if n := w.rows(`select count(*) from appointments`); n != 6 {
			t.Errorf("%d appointments", n)
		}
		w.settled()
	})
}

// inWeeks is 10:00 on the n-th Monday; no clocks change until spring.
func inWeeks(n int) time.Time { return at(10, 0).Add(time.Duration(n) * 7 * 24 * time.Hour) }
