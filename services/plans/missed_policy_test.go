package plans_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
)

// A missed session and one cancelled late are used up by the clinic's policy, from when it
// was decided on; an injection never is.
func TestMissedSessionsCountByPolicy(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		admin := w.as(typev1.Role_ROLE_ADMIN)
		p := w.active(patient, "physiotherapy")
		inj := w.active(patient, "facet_joint_injection")
		n := 0
		session := func(of *plansv1.Plan, end func(*bookingv1.AppointmentFact)) {
			n++
			r := claimOf(of, session(n, daysAfter("2027-01-04", 7*n)))
			w.granted(of, r.GetSessions()[0])
			w.booking.book(fact(r, r.GetSessions()[0]))
			end(fact(r, r.GetSessions()[0]))
			w.heard(w.booking.producer)
		}
		late := func(f *bookingv1.AppointmentFact) {
			w.booking.record(f, bookingv1.Outcome_OUTCOME_CANCELLED)
			w.booking.tell(t, &bookingv1.AppointmentCancelled{Appointment: f, Late: true})
		}
		used := func(of *plansv1.Plan) int32 { return w.plan(of.GetPlanId()).GetCourses()[0].GetSessions().GetUsed() }
		session(p, w.booking.noShow)
		session(p, late)
		if got := used(p); got != 0 {
			t.Errorf("by the usual policy %d are used up, want none", got)
		}
		now, err := w.plans.GetPlanPolicy(w.reception(), &plansv1.GetPlanPolicyRequest{})
		if err != nil || now.GetPolicy().GetNoShowCounts() || now.GetPolicy().GetSource() == "" {
			t.Fatalf("%v, %v", now, err)
		}
		change := &plansv1.UpdatePlanPolicyRequest{NoShowCounts: proto.Bool(true), LateCancelCounts: proto.Bool(true), Source: "board, 1 March", Etag: now.GetPolicy().GetEtag()}
		if _, err := w.plans.UpdatePlanPolicy(admin, change); err != nil {
			t.Fatal(err)
		}
		_, err = w.plans.UpdatePlanPolicy(admin, change)
		refused(t, err, "VERSION_MISMATCH")
		session(p, w.booking.noShow)
		session(p, late)
		session(p, w.booking.cancel)
		session(inj, w.booking.noShow)
		session(inj, late)
		if a, b := used(p), used(inj); a != 2 || b != 0 {
			t.Errorf("%d sessions and %d injections are used up, want 2 and none", a, b)
		}
		change.Etag, change.NoShowCounts, change.LateCancelCounts = "1", nil, proto.Bool(false)
		got, err := w.plans.UpdatePlanPolicy(admin, change)
		if err != nil || !got.GetPolicy().GetNoShowCounts() || got.GetPolicy().GetLateCancelCounts() {
			t.Errorf("%v, %v", got, err)
		}
		for _, bad := range []*plansv1.UpdatePlanPolicyRequest{{Etag: "2"}, {Etag: "2", Source: "  "}, {Source: "x"}} {
			_, err := w.plans.UpdatePlanPolicy(admin, bad)
			refused(t, err, "INVALID_ARGUMENT")
		}
	})
}
