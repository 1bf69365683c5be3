package booking_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/ident"
)

// planned is a booking of a session of a plan.
func (w *world) planned(start time.Time) *bookingv1.CreateAppointmentRequest {
	r := w.ask(start)
	r.PlanId = "pln_1"
	return r
}

// resolve asks what became of an entitlement, as plans does.
func (w *world) resolve(id string) bookingv1.Outcome {
	w.t.Helper()
	got, err := w.appointments.ResolveEntitlement(w.asPlans(), &bookingv1.ResolveEntitlementRequest{ClinicId: clinic, EntitlementId: id})
	if err != nil {
		w.t.Fatal(err)
	}
	return got.GetOutcome().GetOutcome()
}

// settled checks that nothing is left half-way: no open attempt, every entitlement that plans
// granted has an outcome, each booked one a live appointment, and only those have claims.
func (w *world) settled() {
	w.t.Helper()
	if n := w.rows(`select count(*) from attempts where state = 'OPEN'`); n != 0 {
		w.t.Errorf("%d open attempts", n)
	}
	for _, id := range w.plans.granted() {
		if n := w.rows(`select count(*) from entitlement_uses where entitlement_id = $1`, id); n != 1 {
			w.t.Errorf("entitlement %s has %d outcomes", id, n)
		}
	}
	if n := w.rows(`select count(*) from entitlement_uses u where u.outcome = 'BOOKED' and not exists
		(select 1 from appointments a where a.entitlement_id = u.entitlement_id and a.state in ('BOOKED', 'CHECKED_IN', 'IN_PROGRESS'))`); n != 0 {
		w.t.Errorf("%d booked entitlements without their appointment", n)
	}
	if n := w.rows(`select count(*) from claims c where not exists
		(select 1 from appointments a where a.appointment_id = c.holder_id and a.state <> 'CANCELLED')`); n != 0 {
		w.t.Errorf("%d claims of nobody", n)
	}
}

func TestPlanBooking(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		got := w.book(w.planned(at(10, 0)))
		if got.GetPlanId() != "pln_1" || got.GetCourseId() != "crs_1" || got.GetState() != "BOOKED" {
			t.Errorf("booked %v", got)
		}
		want := ident.Derive("ent", got.GetAppointmentId(), 1)
		if diff := cmp.Diff([]string{want}, w.plans.granted()); diff != "" {
			t.Errorf("claimed (-want +got):\n%s", diff)
		}
		booked := w.events()[0].(*bookingv1.AppointmentBooked)
		if booked.GetAppointment().GetEntitlementId() != want || booked.GetAppointment().GetPlanId() != "pln_1" {
			t.Errorf("event %v", booked)
		}
		if o := w.resolve(want); o != bookingv1.Outcome_OUTCOME_BOOKED {
			t.Errorf("outcome %v", o)
		}
		change := &bookingv1.CancelAppointmentRequest{AppointmentId: got.GetAppointmentId()}
		if _, err := w.appointments.CancelAppointment(w.reception(), change); err != nil {
			t.Fatal(err)
		}
		if o := w.resolve(want); o != bookingv1.Outcome_OUTCOME_CANCELLED {
			t.Errorf("outcome %v", o)
		}
		w.settled()
	})
}

// TestPlanRefuses: the plan's refusal reaches the caller as it is, the attempt is VOID, its
// time free, and the same request id tries again with the next attempt.
func TestPlanRefuses(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.plans.on = func(*plansv1.ClaimSessionsRequest) error {
			return fault.New(fault.FailedPrecondition, "INJECTION_LIMIT", "Three within six months.").With("next_eligible_date", "2027-05-01")
		}
		_, err := w.appointments.CreateAppointment(with(w.reception(), "r1"), w.planned(at(10, 0)))
		if f := refused(t, err, "INJECTION_LIMIT"); f.Facts["next_eligible_date"] != "2027-05-01" {
			t.Errorf("facts %v", f.Facts)
		}
		if diff := cmp.Diff([]string{"EntitlementVoided"}, names(w.events())); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		w.settled()
		w.plans.on = nil
		got, err := w.appointments.CreateAppointment(with(w.reception(), "r1"), w.planned(at(10, 0)))
		if err != nil {
			t.Fatal(err)
		}
		id := got.GetAppointment().GetAppointmentId()
		if diff := cmp.Diff([]string{ident.Derive("ent", id, 2)}, w.plans.granted()); diff != "" {
			t.Errorf("claimed (-want +got):\n%s", diff)
		}
		if o := w.resolve(ident.Derive("ent", id, 1)); o != bookingv1.Outcome_OUTCOME_VOID {
			t.Errorf("first attempt %v", o)
		}
		w.settled()
	})
}

// TestPlansAway: without plans only plan bookings fail, and leave nothing behind.
func TestPlansAway(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.plans.on = func(*plansv1.ClaimSessionsRequest) error {
			return fault.New(fault.Unavailable, "UNAVAILABLE", "away")
		}
		_, err := w.appointments.CreateAppointment(w.reception(), w.planned(at(10, 0)))
		if f := refused(t, err, "UNAVAILABLE"); f.Kind != fault.Unavailable {
			t.Errorf("kind %v", f.Kind)
		}
		w.settled()
		w.book(w.ask(at(10, 0)))
	})
}

// TestLostAnswer: plans grants but its answer is lost. The attempt is VOID, which plans hears,
// so nobody counts the session; nothing is freed by a clock.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.plans.after = func(*plansv1.ClaimSessionsRequest) error {
			return fault.New(fault.DeadlineExceeded, "DEADLINE_EXCEEDED", "late")
		}
		_, err := w.appointments.CreateAppointment(w.reception(), w.planned(at(10, 0)))
		refused(t, err, "DEADLINE_EXCEEDED")
		w.settled()
		granted := w.plans.granted()
		voided := w.events()[0].(*bookingv1.EntitlementVoided)
		if !slices.Equal(voided.GetEntitlementIds(), granted) {
			t.Errorf("voided %v, plans holds %v", voided, granted)
		}
		w.plans.after = nil
		w.book(w.planned(at(10, 0)))
	})
}

// TestClientGoesAway: the caller gives up while plans decides; the attempt still ends.
func TestClientGoesAway(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx, cancel := context.WithCancel(w.reception())
		w.plans.after = func(*plansv1.ClaimSessionsRequest) error { cancel(); return nil }
		_, err := w.appointments.CreateAppointment(ctx, w.planned(at(10, 0)))
		if err == nil {
			t.Fatal("booked for nobody")
		}
		waitFor(t, "attempt ended", func() bool { return w.rows(`select count(*) from attempts where state <> 'OPEN'`) == 1 })
		w.settled()
	})
}

// TestResolveRace: plans asks what became of a claim while booking is about to use it. The
// first recorded outcome wins, both sides are told the same, and the client's retry gets the
// next attempt.
func TestResolveRace(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.plans.after = func(r *plansv1.ClaimSessionsRequest) error {
			if o := w.resolve(r.GetSessions()[0].GetEntitlementId()); o != bookingv1.Outcome_OUTCOME_VOID {
				t.Errorf("outcome %v, want VOID", o)
			}
			return nil
		}
		_, err := w.appointments.CreateAppointment(with(w.reception(), "r1"), w.planned(at(10, 0)))
		refused(t, err, "ATTEMPT_VOIDED")
		w.settled()
		w.plans.after = nil
		if _, err := w.appointments.CreateAppointment(with(w.reception(), "r1"), w.planned(at(10, 0))); err != nil {
			t.Fatal(err)
		}
		w.settled()

		// Both at the same time, many times.
		for i := range 20 {
			var told bookingv1.Outcome
			asked := make(chan struct{})
			w.plans.after = func(r *plansv1.ClaimSessionsRequest) error {
				go func() {
					defer close(asked)
					told = w.resolve(r.GetSessions()[0].GetEntitlementId())
				}()
				return nil
			}
			r := w.planned(at(11, 0))
			r.PatientId = fmt.Sprint("pat_r", i)
			got, err := w.appointments.CreateAppointment(w.reception(), r)
			<-asked
			switch {
			case err == nil && told == bookingv1.Outcome_OUTCOME_BOOKED:
				c := &bookingv1.CancelAppointmentRequest{AppointmentId: got.GetAppointment().GetAppointmentId()}
				if _, err := w.appointments.CancelAppointment(w.reception(), c); err != nil {
					t.Fatal(err)
				}
			case err != nil && told == bookingv1.Outcome_OUTCOME_VOID:
				refused(t, err, "ATTEMPT_VOIDED")
			default:
				t.Errorf("client got %v, plans was told %v", err, told)
			}
			w.settled()
		}
	})
}

// TestResolveUnknown: an entitlement that booking has never heard of becomes VOID for good.
func TestResolveUnknown(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		errs := atOnce(16, func(int) error {
			if o := w.resolve("ent_unknown"); o != bookingv1.Outcome_OUTCOME_VOID {
				return fmt.Errorf("outcome %v", o)
			}
			return nil
		})
		for _, err := range errs {
			if err != nil {
				t.Error(err)
			}
		}
		if diff := cmp.Diff([]string{"EntitlementVoided"}, names(w.events())); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

// TestPlanReplay: the same request 50 times at once, with answers of plans coming late and in
// any order, is one appointment with one entitlement; a restart and another retry change
// nothing.
func TestPlanReplay(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ids := make([]string, 50)
		errs := atOnce(50, func(i int) error {
			got, err := w.appointments.CreateAppointment(with(w.reception(), "r1"), w.planned(at(10, 0)))
			ids[i] = got.GetAppointment().GetAppointmentId()
			return err
		})
		if got := count(errs); got[""] != 50 {
			t.Fatalf("outcomes %v", got)
		}
		w.start()
		again, err := w.appointments.CreateAppointment(with(w.reception(), "r1"), w.planned(at(10, 0)))
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range append(ids, again.GetAppointment().GetAppointmentId()) {
			if id != ids[0] {
				t.Fatalf("appointments %v", ids)
			}
		}
		if diff := cmp.Diff([]string{ident.Derive("ent", ids[0], 1)}, w.plans.granted()); diff != "" {
			t.Errorf("claimed (-want +got):\n%s", diff)
		}
		w.settled()
	})
}

// TestRecovery: a process ends between the claim and the outcome. The next one voids what it
// left, and the first, if it was only asleep, finds that it has lost.
func TestRecovery(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		reached, goOn := make(chan struct{}), make(chan struct{})
		w.plans.after = func(*plansv1.ClaimSessionsRequest) error {
			close(reached)
			<-goOn
			return nil
		}
		old := w.appointments
		result := make(chan error, 1)
		go func() {
			_, err := old.CreateAppointment(with(w.reception(), "r1"), w.planned(at(10, 0)))
			result <- err
		}()
		<-reached
		w.clock.Advance(time.Minute)
		w.start()
		stop := w.run()
		waitFor(t, "recovery", func() bool { return w.rows(`select count(*) from attempts where state = 'VOID'`) == 1 })
		close(goOn)
		refused(t, <-result, "ATTEMPT_VOIDED")
		stop()
		w.settled()
		w.plans.after = nil
		if _, err := w.appointments.CreateAppointment(with(w.reception(), "r1"), w.planned(at(10, 0))); err != nil {
			t.Fatal(err)
		}
		w.settled()
	})
}

// TestListOutcomes pages through what became of every entitlement.
func TestListOutcomes(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		for i := range 5 {
			r := w.planned(at(9+i, 0))
			r.PatientId = fmt.Sprint("pat_", i%2)
			w.book(r)
		}
		w.resolve("ent_unknown")
		var got []string
		for token := ""; ; {
			page, err := w.appointments.ListEntitlementOutcomes(w.asPlans(), &bookingv1.ListEntitlementOutcomesRequest{ClinicId: clinic, PageSize: 2, PageToken: token})
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range page.GetOutcomes() {
				got = append(got, o.GetEntitlementId())
				if (o.GetOutcome() == bookingv1.Outcome_OUTCOME_BOOKED) != (o.GetAppointment() != nil) {
					t.Errorf("outcome %v", o)
				}
			}
			if token = page.GetNextPageToken(); token == "" {
				break
			}
		}
		want := append(w.plans.granted(), "ent_unknown")
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("outcomes (-want +got):\n%s", diff)
		}
		of, err := w.appointments.ListEntitlementOutcomes(w.asPlans(), &bookingv1.ListEntitlementOutcomesRequest{ClinicId: clinic, PatientId: "pat_1"})
		if err != nil || len(of.GetOutcomes()) != 2 {
			t.Errorf("one patient's: %v %v", of, err)
		}
		none, err := w.appointments.ListEntitlementOutcomes(w.asPlans(), &bookingv1.ListEntitlementOutcomesRequest{ClinicId: "cln_b"})
		if err != nil || len(none.GetOutcomes()) != 0 {
			t.Errorf("another clinic's: %v %v", none, err)
		}
	})
}
