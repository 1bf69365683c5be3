package booking_test

import (
	"context"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/rpc/rpctest"
)

// TestBookCourseInput: each field wrong in turn; nothing is ever booked.
func TestBookCourseInput(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.plans.plan = twelve()
		for name, c := range map[string]struct {
			change func(*bookingv1.BookCourseRequest)
			reason string
		}{
			"plan":            {func(r *bookingv1.BookCourseRequest) { r.PlanId = "pln_nobody" }, "NOT_FOUND"},
			"course":          {func(r *bookingv1.BookCourseRequest) { r.CourseId = "crs_no" }, "WRONG_DISCIPLINE"},
			"none":            {func(r *bookingv1.BookCourseRequest) { r.Occurrences = nil }, "INVALID_ARGUMENT"},
			"practitioner":    {func(r *bookingv1.BookCourseRequest) { r.Occurrences[1].PractitionerId = "prac_no" }, "NOT_FOUND"},
			"no practitioner": {func(r *bookingv1.BookCourseRequest) { r.Occurrences[1].PractitionerId = "" }, "INVALID_ARGUMENT"},
			"wrong care":      {func(r *bookingv1.BookCourseRequest) { r.Occurrences[1].PractitionerId = drX }, "WRONG_DISCIPLINE"},
			"type":            {func(r *bookingv1.BookCourseRequest) { r.Occurrences[1].AppointmentTypeId = "typ_no" }, "NOT_FOUND"},
			"length":          {func(r *bookingv1.BookCourseRequest) { r.Occurrences[1].DurationMinutes = 35 }, "NO_APPOINTMENT_TYPE"},
			"mode":            {func(r *bookingv1.BookCourseRequest) { r.Occurrences[1].Mode = "ONLINE" }, "WRONG_MODE"},
			"appointment":     {func(r *bookingv1.BookCourseRequest) { r.Occurrences[1].AppointmentId = "apt_no" }, "INVALID_ARGUMENT"},
			"past":            {func(r *bookingv1.BookCourseRequest) { r.Occurrences[1].StartTime = timestamppb.New(inWeeks(-2)) }, "IN_THE_PAST"},
			"ask 50 not a slot": {func(r *bookingv1.BookCourseRequest) {
				r.Occurrences[1].StartTime = timestamppb.New(inWeeks(1).Add(time.Minute))
			}, "INVALID_ARGUMENT"},
			"outside shifts": {func(r *bookingv1.BookCourseRequest) {
				r.Occurrences[1].StartTime = timestamppb.New(inWeeks(1).Add(12 * time.Hour))
			}, "OUTSIDE_SHIFT"},
			"twice":   {func(r *bookingv1.BookCourseRequest) { r.Occurrences[1].StartTime = r.Occurrences[0].StartTime }, "INVALID_ARGUMENT"},
			"no time": {func(r *bookingv1.BookCourseRequest) { r.Occurrences[1].StartTime = nil }, "INVALID_ARGUMENT"},
		} {
			r := bookAll(occurrences(3))
			c.change(r)
			if _, err := w.courses.BookCourse(w.reception(), r); err == nil || fault.From(err).Reason != c.reason {
				t.Errorf("%s: %v, want %s", name, err, c.reason)
			}
		}
		stranger := authn.With(t.Context(), rpctest.Person("cln_b", typev1.Role_ROLE_RECEPTIONIST))
		w.plans.plan.PatientId = "pat_somebody"
		for name, ctx := range map[string]context.Context{"another patient": w.patient(), "another clinic": stranger} {
			if _, err := w.courses.BookCourse(ctx, bookAll(occurrences(3))); fault.From(err).Kind != fault.NotFound {
				t.Errorf("%s books: %v", name, err)
			}
			_, err := w.courses.ProposeCourse(ctx, &bookingv1.ProposeCourseRequest{PlanId: "pln_1", CourseId: "crs_1"})
			if fault.From(err).Kind != fault.NotFound {
				t.Errorf("%s asks: %v", name, err)
			}
		}
		if n := w.rows(`select count(*) from appointments`); n != 0 {
			t.Errorf("%d appointments", n)
		}
		w.settled()
	})
}

// conflictPolicies: what becomes of sessions that cannot be as preferred is the caller's choice,
// and nothing is left out silently.
func conflictPolicies(t *testing.T, w *world) {
	w.plans.plan = twelve()
	w.plans.plan.ExpireDate = "2026-12-31"
	// Only Mondays from nine to ten: six of twelve fit before the plan ends.
	ask := func(policy string) (*bookingv1.ProposeCourseResponse, error) {
		return w.courses.ProposeCourse(w.reception(), &bookingv1.ProposeCourseRequest{
			PlanId: "pln_1", StartDate: "2026-11-23", ConflictPolicy: policy,
			Preferences: &bookingv1.CoursePreferences{Days: []string{"MONDAY"}, From: "09:00", To: "10:00"},
		})
	}
	_, err := ask("FAIL")
	if f := refused(t, err, "COURSE_DOES_NOT_FIT"); f.Facts["placed"] != "6" || f.Facts["unplaced"] != "6" || f.Facts["why"] != "NO_OPENING_AS_PREFERRED" {
		t.Errorf("facts %v", f.Facts)
	}
	skip, err := ask("SKIP")
	if err != nil || len(skip.GetOccurrences()) != 6 || len(skip.GetUnplaced()) != 6 {
		t.Errorf("skip: %d placed, %d not, %v", len(skip.GetOccurrences()), len(skip.GetUnplaced()), err)
	}
	propose, err := ask("PROPOSE")
	if err != nil || len(propose.GetOccurrences()) != 12 || len(propose.GetUnplaced()) != 0 {
		t.Errorf("propose: %d placed, %d not, %v", len(propose.GetOccurrences()), len(propose.GetUnplaced()), err)
	}
	other := 0
	for _, o := range propose.GetOccurrences() {
		if !o.GetAsPreferred() {
			other++
		}
	}
	if other == 0 || other > 8 {
		t.Errorf("%d of twelve are other than preferred", other)
	}
}
