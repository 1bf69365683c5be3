package booking_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
)

// laterAsks are the asks about courses, the waitlist and what a late cancel leaves behind.
var laterAsks = map[string]func(t *testing.T, w *world){
	"ask 16 every occurrence of a course is checked, the last as well as the first": func(t *testing.T, w *world) {
		got := w.proposeThirtySix()
		last := got.GetOccurrences()[35]
		other := w.other("pat_other", last.GetPractitionerId(), last.GetStartTime().AsTime())
		w.book(other)
		_, err := w.courses.BookCourse(w.reception(), bookAll(got.GetOccurrences()))
		if f := refused(t, err, "SLOT_TAKEN"); f.Facts["occurrence"] != "36" {
			t.Errorf("facts %v", f.Facts)
		}
	},
	"ask 17 a refused course leaves nothing booked": func(t *testing.T, w *world) {
		w.plans.plan = twelve()
		w.book(w.other("pat_other", ana, inWeeks(2)))
		_, err := w.courses.BookCourse(w.reception(), bookAll(occurrences(5)))
		refused(t, err, "SLOT_TAKEN")
		if n := w.rows(`select count(*) from appointments where patient_id = $1`, patient); n != 0 || len(w.plans.granted()) != 0 {
			t.Errorf("%d appointments, %d sessions granted", n, len(w.plans.granted()))
		}
		w.settled()
	},
	"ask 19 so many a week for so many weeks, 36 sessions": func(t *testing.T, w *world) {
		got := w.proposeThirtySix()
		booked, err := w.courses.BookCourse(w.reception(), bookAll(got.GetOccurrences()))
		if err != nil || len(booked.GetAppointments()) != 36 {
			t.Fatalf("%d booked: %v", len(booked.GetAppointments()), err)
		}
		weeks := map[string]int{}
		for _, o := range got.GetOccurrences() {
			year, week := local(o).ISOWeek()
			weeks[fmt.Sprint(year, " ", week)]++
		}
		if len(weeks) != 36 {
			t.Errorf("36 sessions at one a week lie in %d weeks", len(weeks))
		}
	},
	"ask 20 all sessions of a plan in one go": func(t *testing.T, w *world) {
		w.plans.plan = twelve()
		got := w.propose(nil)
		booked, err := w.courses.BookCourse(w.reception(), bookAll(got.GetOccurrences()))
		if err != nil || len(booked.GetAppointments()) != 12 || len(w.plans.granted()) != 12 || w.plans.claims != 1 {
			t.Fatalf("%d booked, %d granted by %d claims: %v", len(booked.GetAppointments()), len(w.plans.granted()), w.plans.claims, err)
		}
	},
	"ask 21 several dates in one go": func(t *testing.T, w *world) {
		w.plans.plan = twelve()
		list := []*bookingv1.CourseOccurrence{occurrences(1)[0], occurrences(4)[3], occurrences(9)[8]}
		if _, err := w.courses.BookCourse(w.reception(), bookAll(list)); err != nil {
			t.Fatal(err)
		}
		if have := w.starts(); !slices.Equal(have, []string{"11-23T10:00", "12-14T10:00", "01-18T10:00"}) {
			t.Errorf("booked %v", have)
		}
	},
	"ask 22 on a conflict fail, skip or propose, as the caller says": conflictPolicies,
	"ask 23 what is done to one session is not done to the others": func(t *testing.T, w *world) {
		ids := w.courseOf(3)
		w.clock.Set(at(9, 55))
		if _, err := w.appointments.CheckInAppointment(w.reception(), &bookingv1.CheckInAppointmentRequest{AppointmentId: ids[0]}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.moveAs(true, ids[1], inWeeks(1).Add(2*time.Hour)); err != nil {
			t.Fatal(err)
		}
		if have := w.starts(); !slices.Equal(have, []string{"11-30T12:00", "12-07T10:00"}) || w.rows(`select count(*) from appointments`) != 3 {
			t.Errorf("waiting to take place are %v", have)
		}
	},
	"ask 24 each occurrence is a row of its own": func(t *testing.T, w *world) {
		w.courseOf(4)
		if n := w.rows(`select count(distinct local_date) from appointments where patient_id = $1 and state = 'BOOKED'`, patient); n != 4 {
			t.Errorf("%d rows, want 4", n)
		}
		if n := len(w.live()); n != 1 {
			t.Errorf("the day has %d of them, want one", n)
		}
	},
	"ask 34 a time that becomes free is offered to whoever waits": func(t *testing.T, w *world) {
		w.run()
		atTen := w.fillMonday()
		w.wait(w.waiting("pat_w1"))
		w.free(atTen)
		if offer := w.offerFor("pat_w1"); !offer.GetStartTime().AsTime().Equal(at(10, 0)) {
			t.Errorf("offered %v", offer)
		}
	},
	"ask 35 the waitlist is in the API": func(t *testing.T, w *world) {
		id := w.wait(w.waiting("pat_w1"))
		list, err := w.waits.ListWaitlistEntries(w.reception(), &bookingv1.ListWaitlistEntriesRequest{})
		if err != nil || len(list.GetWaitlistEntries()) != 1 || list.GetWaitlistEntries()[0].GetWaitlistEntryId() != id {
			t.Errorf("waiting %v %v", list, err)
		}
	},
	"ask 36 manual and automatic promotion never over-fill": func(t *testing.T, w *world) {
		w.run()
		atTen := w.fillMonday()
		var waiting []string
		for i := range 4 {
			waiting = append(waiting, w.wait(w.waiting(fmt.Sprint("pat_w", i))))
		}
		w.free(atTen) // the worker offers by itself
		atOnce(len(waiting), func(i int) error {
			_, err := w.waits.OfferWaitlistTime(w.reception(), &bookingv1.OfferWaitlistTimeRequest{WaitlistEntryId: waiting[i]})
			return err
		})
		waitFor(t, "an offer", func() bool { return len(w.openOffers()) > 0 })
		offers := w.openOffers()
		if len(offers) != 1 {
			t.Fatalf("%d offers of one time", len(offers))
		}
		got := count(atOnce(8, func(int) error {
			_, err := w.accept(w.reception(), offers[0].GetOfferId())
			return err
		}))
		if n := w.rows(`select count(*) from appointments where starts_at = $1 and state = 'BOOKED'`, at(10, 0).UnixMicro()); n != 1 || got[""] != 8 {
			t.Errorf("%d appointments at ten, outcomes %v", n, got)
		}
	},
	"ask 44 a late cancel says so, for whoever charges a fee": func(t *testing.T, w *world) {
		r := w.ask(at(10, 0))
		r.AppointmentTypeId = w.strict()
		id := w.book(r).GetAppointmentId()
		w.clock.Set(at(9, 0))
		if got, err := w.cancelAs(true, id); err != nil || !got.GetLateCancel() {
			t.Errorf("cancelled: late %v, %v", got.GetLateCancel(), err)
		}
		events := w.events()
		if e, ok := events[len(events)-1].(*bookingv1.AppointmentCancelled); !ok || !e.GetLate() || e.GetReasonCode() == "" {
			t.Errorf("the event says %v", events[len(events)-1])
		}
	},
}

// proposeThirtySix asks for 36 sessions, one a week.
func (w *world) proposeThirtySix() *bookingv1.ProposeCourseResponse {
	w.t.Helper()
	w.plans.plan = twelve()
	w.plans.plan.ExpireDate = "2027-11-30"
	w.plans.plan.Courses[0].Sessions = &plansv1.SessionCounts{Planned: 36, Left: 36}
	got := w.propose(func(r *bookingv1.ProposeCourseRequest) { r.PerWeek = 1 })
	if len(got.GetOccurrences()) != 36 {
		w.t.Fatalf("%d placed, unplaced %v", len(got.GetOccurrences()), got.GetUnplaced())
	}
	return got
}
