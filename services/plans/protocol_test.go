package plans_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/plans"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

const (
	held      = plansv1.Entitlement_STATE_HELD
	confirmed = plansv1.Entitlement_STATE_CONFIRMED
	released  = plansv1.Entitlement_STATE_RELEASED
	used      = plansv1.Entitlement_STATE_USED
	noShow    = plansv1.Entitlement_STATE_NO_SHOW
)

// Every order in which a claim and its outcomes can reach plans ends in the same state; and
// every event may come twice.
func TestClaimAndOutcomesInEveryOrder(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		steps := map[string]func(r *plansv1.ClaimSessionsRequest){
			"booked":    func(r *plansv1.ClaimSessionsRequest) { w.booking.book(fact(r, r.GetSessions()[0])) },
			"void":      func(r *plansv1.ClaimSessionsRequest) { w.booking.void(fact(r, r.GetSessions()[0])) },
			"cancelled": func(r *plansv1.ClaimSessionsRequest) { w.booking.cancel(fact(r, r.GetSessions()[0])) },
			"completed": func(r *plansv1.ClaimSessionsRequest) { w.booking.complete(fact(r, r.GetSessions()[0])) },
			"no show":   func(r *plansv1.ClaimSessionsRequest) { w.booking.noShow(fact(r, r.GetSessions()[0])) },
		}
		ends := []struct {
			steps []string
			want  plansv1.Entitlement_State
		}{
			{[]string{"claim"}, held},
			{[]string{"claim", "booked"}, confirmed},
			{[]string{"claim", "void"}, released},
			{[]string{"claim", "booked", "cancelled"}, released},
			{[]string{"claim", "booked", "completed"}, used},
			{[]string{"claim", "booked", "no show"}, noShow},
		}
		n := 0
		for _, template := range []string{"acupuncture", "facet_joint_injection"} {
			for _, end := range ends {
				for _, order := range permutations(end.steps) {
					n++
					p := w.active(fmt.Sprintf("pat_order_%d", n), template)
					r := claimOf(p, session(n, "2027-02-01"))
					for _, step := range order {
						if step == "claim" {
							if _, err := w.claim(r); err != nil {
								t.Fatalf("%v: %v", order, err)
							}
							continue
						}
						steps[step](r)
						steps[step](r)
						w.heard(w.booking.producer)
					}
					if got := w.state(p.GetPatientId(), fmt.Sprintf("ent_%d", n)); got != end.want {
						t.Errorf("%s, %v: %s, want %s", template, order, got, end.want)
					}
				}
			}
		}
		if n := w.rows(`SELECT count(*) FROM parked`); n != 0 {
			t.Errorf("%d events are parked", n)
		}
	})
}

func permutations(list []string) (out [][]string) {
	if len(list) <= 1 {
		return [][]string{append([]string{}, list...)}
	}
	for i := range list {
		rest := append(append([]string{}, list[:i]...), list[i+1:]...)
		for _, p := range permutations(rest) {
			out = append(out, append([]string{list[i]}, p...))
		}
	}
	return out
}

// A claim that arrives after its outcome gets the outcome back, and is not granted anew.
func TestTombstoneAnswersTheClaim(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		p := w.active(patient, "facet_joint_injection")
		r := claimOf(p, session(1, "2027-02-01"), session(2, "2027-02-08"))
		for _, s := range r.GetSessions() {
			w.booking.void(fact(r, s))
		}
		w.heard(w.booking.producer)
		got, err := w.claim(r)
		if err != nil || len(got) != 2 || got[0].GetState() != released || got[1].GetState() != released {
			t.Fatalf("%v, %v", got, err)
		}
		if n := len(w.injectionsOf(patient)); n != 0 {
			t.Errorf("%d injections count", n)
		}
		_, err = w.claim(claimOf(p, session(1, "2027-02-01"), session(3, "2027-02-15")))
		refused(t, err, "ENTITLEMENT_REUSED")
	})
}

func TestAnIdStandsForOneSession(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		p, other := w.active(patient, "acupuncture"), w.active("pat_other", "acupuncture")
		w.granted(p, session(1, "2027-02-01"))
		for name, r := range map[string]*plansv1.ClaimSessionsRequest{
			"another date":      claimOf(p, session(1, "2027-02-08")),
			"another patient's": claimOf(other, session(1, "2027-02-01")),
		} {
			if _, err := w.claim(r); !fault.Is(err, "ENTITLEMENT_REUSED") || !fault.IsKind(err, fault.Aborted) {
				t.Errorf("%s: %v", name, err)
			}
		}
		twice := claimOf(p, session(2, "2027-02-08"), session(2, "2027-02-08"))
		_, err := w.claim(twice)
		if f := refused(t, err, "INVALID_ARGUMENT"); f.Fields[0].Field != "sessions.entitlement_id" {
			t.Errorf("fields %v", f.Fields)
		}
	})
}

// Section 6, step 6: only the new claim's own check leaves the old one out; both count for
// everybody else until booking has flipped them.
func TestReschedule(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		for _, date := range []string{"2026-12-01", "2026-12-15"} {
			w.external(patient, date)
		}
		p := w.active(patient, "facet_joint_injection")
		old := claimOf(p, session(1, "2027-01-05"))
		w.granted(p, old.GetSessions()[0])
		w.booking.book(fact(old, old.GetSessions()[0]))
		w.heard(w.booking.producer)

		move := session(2, "2027-02-05")
		move.AppointmentId, move.ReplacesEntitlementId = "apt_1", "ent_1"
		w.granted(p, move)
		_, err := w.claim(claimOf(p, session(3, "2027-02-06")))
		refused(t, err, "INJECTION_LIMIT") // both count
		again := session(4, "2027-02-07")
		again.AppointmentId, again.ReplacesEntitlementId = "apt_1", "ent_1"
		_, err = w.claim(claimOf(p, again))
		if !fault.Is(err, "CATCHING_UP") { // only after the first move's outcome may booking try another
			t.Errorf("a second live claim replaces the same one: %v", err)
		}
		foreign := session(5, "2027-02-07")
		foreign.ReplacesEntitlementId = "ent_1"
		_, err = w.claim(claimOf(p, foreign))
		refused(t, err, "ENTITLEMENT_REUSED") // another appointment's

		w.booking.reschedule(fact(claimOf(p, move), move), "ent_1")
		w.heard(w.booking.producer)
		if w.state(patient, "ent_1") != released || w.state(patient, "ent_2") != confirmed {
			t.Errorf("old %s, new %s", w.state(patient, "ent_1"), w.state(patient, "ent_2"))
		}
		if n := len(w.injectionsOf(patient)); n != 3 {
			t.Errorf("%d count, want 3", n)
		}
	})
}

// What plans held when it stopped is asked about after ten minutes; nothing is freed before
// booking has answered.
func TestRecoveryAsksBooking(t *testing.T) {
	t.Parallel()
	for _, d := range []sqldb.Dialect{sqldb.SQLite, sqldb.Postgres} {
		t.Run(string(d), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, d, start, plans.Config{ResolveEvery: 10 * time.Millisecond})
			w.run()
			p := w.active(patient, "acupuncture")
			r := claimOf(p, session(1, "2027-02-01"), session(2, "2027-02-08"))
			if _, err := w.claim(r); err != nil {
				t.Fatal(err)
			}
			w.booking.record(fact(r, r.GetSessions()[0]), bookingv1.Outcome_OUTCOME_BOOKED) // its event is still on its way
			w.booking.setDown(true)
			w.clock.Advance(11 * time.Minute)
			w.until("booking was asked", func() bool { return w.booking.questions() > 3 })
			if w.state(patient, "ent_1") != held || w.state(patient, "ent_2") != held {
				t.Error("a claim was freed although booking did not answer")
			}
			w.booking.setDown(false)
			w.until("the claims are resolved", func() bool {
				return w.state(patient, "ent_1") == confirmed && w.state(patient, "ent_2") == released
			})
			w.booking.tell(t, &bookingv1.AppointmentBooked{Appointment: fact(r, r.GetSessions()[0])})
			w.heard(w.booking.producer)
			if got := w.state(patient, "ent_1"); got != confirmed {
				t.Errorf("after the late event: %s", got)
			}
		})
	}
}

// A claim that waited while plans was down is asked about when it starts, not when it looks next.
func TestRecoveryAsksWhenItStarts(t *testing.T) {
	t.Parallel()
	for _, d := range []sqldb.Dialect{sqldb.SQLite, sqldb.Postgres} {
		t.Run(string(d), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, d, start, plans.Config{ResolveEvery: time.Hour})
			stop := w.run()
			if _, err := w.claim(claimOf(w.active(patient, "acupuncture"), session(1, "2027-02-01"))); err != nil {
				t.Fatal(err)
			}
			stop()
			w.clock.Advance(11 * time.Minute)
			w.start()
			w.run()
			w.until("the claim is released", func() bool { return w.state(patient, "ent_1") == released })
		})
	}
}

// Nothing is granted after a start until booking's log is read to its end.
func TestNothingIsGrantedBeforeCatchingUp(t *testing.T) {
	t.Parallel()
	for _, d := range []sqldb.Dialect{sqldb.SQLite, sqldb.Postgres} {
		t.Run(string(d), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, d, start, plans.Config{})
			p := w.active(patient, "acupuncture")
			claim := func() error {
				ctx, cancel := context.WithTimeout(w.asBooking(), 600*time.Millisecond)
				defer cancel()
				_, err := w.entitlements.ClaimSessions(ctx, claimOf(p, session(1, "2027-02-01")))
				return err
			}
			err := claim()
			for fault.IsKind(err, fault.DeadlineExceeded) { // on a busy machine plans is too late to say so
				err = claim()
			}
			if f := refused(t, err, "CATCHING_UP"); f.Kind != fault.Unavailable {
				t.Errorf("kind %s", f.Kind)
			}
			w.run()
			w.granted(p, session(1, "2027-02-01"))
		})
	}
}
