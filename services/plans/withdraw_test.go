package plans_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// withdrawn are the appointments that booking was told to cancel, in order.
func (w *world) withdrawn() (list []string) {
	for _, m := range w.events() {
		if g, ok := m.(*plansv1.SessionsWithdrawn); ok {
			list = append(list, g.GetAppointmentIds()...)
		}
	}
	return list
}

// Discharge flags, and when confirmed cancels: booked sessions at once, one that is only
// claimed when its booking is heard of. When all are gone the issue is decided.
func TestDischargeCancelsWhenConfirmed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		p := w.active(patient, "acupuncture")
		r := claimOf(p, session(1, "2027-01-05"), session(2, "2027-01-12"), session(3, "2027-01-01"))
		if _, err := w.claim(r); err != nil {
			t.Fatal(err)
		}
		past, first, second := fact(r, r.GetSessions()[2]), fact(r, r.GetSessions()[0]), fact(r, r.GetSessions()[1])
		w.booking.book(past)
		w.booking.book(first)
		w.heard(w.booking.producer)
		cancel := &plansv1.CancelPlanSessionsRequest{PlanId: p.GetPlanId()}
		_, err := w.plans.CancelPlanSessions(w.physio(), cancel)
		refused(t, err, "PLAN_STATE")

		if _, err := w.plans.ClosePlan(w.physio(), &plansv1.ClosePlanRequest{PlanId: p.GetPlanId(), ReasonCode: "DISCHARGED"}); err != nil {
			t.Fatal(err)
		}
		if got := w.withdrawn(); len(got) != 0 {
			t.Errorf("unconfirmed, %v are cancelled", got)
		}
		cancel.RequestId = "c1"
		for range 2 { // the second is a retry
			if _, err := w.plans.CancelPlanSessions(w.physio(), cancel); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff([]string{"apt_1"}, w.withdrawn()); diff != "" {
			t.Errorf("withdrawn (-want +got)\n%s", diff)
		}
		w.booking.book(second) // claimed before, booked after
		w.heard(w.booking.producer)
		if diff := cmp.Diff([]string{"apt_1", "apt_2"}, w.withdrawn()); diff != "" {
			t.Errorf("withdrawn (-want +got)\n%s", diff)
		}
		if n := len(w.open(patient)); n != 2 {
			t.Errorf("%d issues are open, want 2", n)
		}
		w.booking.cancel(first)
		w.booking.cancel(second)
		w.heard(w.booking.producer)
		if open := w.open(patient); len(open) != 0 {
			t.Errorf("all is cancelled, and open are %v", open)
		}
		decided := 0
		for _, m := range w.events() {
			if i, ok := m.(*plansv1.IssueResolved); ok && i.GetRule() == "PLAN_CLOSED" && len(i.GetAppointmentIds()) == 1 {
				decided++
			}
		}
		if decided != 2 {
			t.Errorf("%d issues were told to be decided, want 2", decided)
		}
	})
}

// Confirmed with the pause itself; resumed, the plan grants again and withdraws no more.
func TestPauseCancelsWhenConfirmed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		p := w.active(patient, "acupuncture")
		r := claimOf(p, session(1, "2027-01-05"))
		w.granted(p, r.GetSessions()[0])
		w.booking.book(fact(r, r.GetSessions()[0]))
		w.heard(w.booking.producer)
		if _, err := w.plans.PausePlan(w.physio(), &plansv1.PausePlanRequest{PlanId: p.GetPlanId(), CancelFutureSessions: true}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"apt_1"}, w.withdrawn()); diff != "" {
			t.Errorf("withdrawn (-want +got)\n%s", diff)
		}
		w.booking.cancel(fact(r, r.GetSessions()[0]))
		w.heard(w.booking.producer)
		if _, err := w.plans.ResumePlan(w.physio(), &plansv1.ResumePlanRequest{PlanId: p.GetPlanId()}); err != nil {
			t.Fatal(err)
		}
		again := claimOf(p, session(2, "2027-01-12"))
		w.granted(p, again.GetSessions()[0])
		w.booking.book(fact(again, again.GetSessions()[0]))
		w.heard(w.booking.producer)
		if n := len(w.withdrawn()); n != 1 || len(w.open(patient)) != 0 {
			t.Errorf("%d withdrawn, open %v", n, w.open(patient))
		}
		_, err := w.plans.CancelPlanSessions(w.physio(), &plansv1.CancelPlanSessionsRequest{PlanId: "pln_missing"})
		if !fault.IsKind(err, fault.NotFound) {
			t.Errorf("an unknown plan: %v", err)
		}
	})
}
