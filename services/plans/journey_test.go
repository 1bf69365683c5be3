package plans_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
)

// A plan is made, put into force, its sessions are claimed, booked and delivered, and the
// counts follow.
func TestPlanFromDraftToSessions(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		p := w.active(patient, "physiotherapy")
		course := claimOf(p, session(1, "2027-01-05"), session(2, "2027-01-07"), session(3, "2027-01-11"), session(4, "2027-01-13"))
		if _, err := w.claim(course); err != nil {
			t.Fatal(err)
		}
		s := course.GetSessions()
		w.booking.book(fact(course, s[0]))
		w.booking.book(fact(course, s[1]))
		w.booking.complete(fact(course, s[0]))
		w.booking.cancel(fact(course, s[1]))
		w.booking.void(fact(course, s[2]))
		w.heard(w.booking.producer)
		want := &plansv1.SessionCounts{Planned: 16, Booked: 1, Used: 1, Left: 14}
		got := w.plan(p.GetPlanId()).GetCourses()[0].GetSessions()
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
			t.Errorf("counts (-want +got)\n%s", diff)
		}
		for id, want := range map[string]plansv1.Entitlement_State{
			"ent_1": plansv1.Entitlement_STATE_USED, "ent_2": plansv1.Entitlement_STATE_RELEASED,
			"ent_3": plansv1.Entitlement_STATE_RELEASED, "ent_4": plansv1.Entitlement_STATE_HELD,
		} {
			if got := w.state(patient, id); got != want {
				t.Errorf("%s is %s, want %s", id, got, want)
			}
		}
		var names []string
		for _, m := range w.events() {
			names = append(names, string(m.ProtoReflect().Descriptor().Name()))
		}
		order := []string{"PlanActivated", "SessionsClaimed", "SessionsConfirmed", "SessionsConfirmed", "SessionsReleased", "SessionsReleased"}
		if diff := cmp.Diff(order, names); diff != "" {
			t.Errorf("events (-want +got)\n%s", diff)
		}
	})
}

func TestACourseOf24InOneCall(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		p := w.active(patient, "physiotherapy", &plansv1.CourseSpec{CourseId: "physiotherapy", Sessions: 24})
		r := claimOf(p)
		dates := []string{"2027-01-04", "2027-01-06", "2027-01-08"}
		for week := range 8 {
			for day, d := range dates {
				r.Sessions = append(r.Sessions, session(week*3+day, daysAfter(d, 7*week)))
			}
		}
		for range 2 { // the second is a retry
			got, err := w.claim(r)
			if err != nil || len(got) != 24 {
				t.Fatalf("%d claims, %v", len(got), err)
			}
		}
		if n := w.rows(`SELECT count(*) FROM ledger WHERE state = 'HELD'`); n != 24 {
			t.Errorf("%d claims are held, want 24", n)
		}
		again := claimOf(p, session(100, "2027-03-05"))
		_, err := w.claim(again)
		if f := refused(t, err, "PLAN_LIMIT"); f.Facts["max"] != "24" || f.Facts["rule"] != "SESSIONS" {
			t.Errorf("facts %v", f.Facts)
		}
	})
}

// One session too many voids all of them.
func TestAllOrNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		p := w.active(patient, "physiotherapy")
		_, err := w.claim(claimOf(p, session(1, "2027-01-04"), session(2, "2027-01-06"), session(3, "2027-01-08"), session(4, "2027-01-09")))
		f := refused(t, err, "PLAN_FREQUENCY")
		if f.Facts["entitlement_id"] != "ent_4" || f.Facts["next_eligible_date"] != "2027-01-11" {
			t.Errorf("facts %v", f.Facts)
		}
		if n := w.rows(`SELECT count(*) FROM ledger`); n != 0 {
			t.Errorf("%d rows in the ledger after a refusal", n)
		}
	})
}
