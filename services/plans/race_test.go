package plans_test

import (
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"testing"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/plans"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// atOnce claims each request in a goroutine of its own and returns the errors in order.
func (w *world) atOnce(requests []*plansv1.ClaimSessionsRequest) []error {
	errs := make([]error, len(requests))
	gate := make(chan struct{})
	var wg sync.WaitGroup
	for i, r := range requests {
		wg.Go(func() {
			<-gate
			_, errs[i] = w.claim(r)
		})
	}
	close(gate)
	wg.Wait()
	return errs
}

// onlyRefusals checks that so many succeeded and the others were refused with the reason.
func onlyRefusals(t *testing.T, errs []error, succeeded int, reason string) {
	t.Helper()
	n := 0
	for _, err := range errs {
		switch {
		case err == nil:
			n++
		case !fault.Is(err, reason):
			t.Errorf("error %v, want %s", err, reason)
		}
	}
	if n != succeeded {
		t.Errorf("%d of %d claims were granted, want %d", n, len(errs), succeeded)
	}
}

func (w *world) injectionsOf(patientID string) []*plansv1.Injection {
	w.t.Helper()
	got, err := w.injections.ListInjections(w.physician(), &plansv1.ListInjectionsRequest{PatientId: patientID, CountingOnly: true})
	if err != nil {
		w.t.Fatal(err)
	}
	return got.GetInjections()
}

// N01, N02, N03 of the vectors, and 64 third injections on one day.
func TestParallelClaimsOfInjections(t *testing.T) {
	t.Parallel()
	var file struct {
		Scenarios []struct {
			ID         string
			Setup      struct{ Existing []string }
			Candidates []string `json:"parallel_candidates"`
			SameKey    bool     `json:"same_idempotency_key"`
		} `json:"concurrency_scenarios"`
	}
	data, err := os.ReadFile("internal/injection/testdata/injection_vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"N01": 1, "N02": 3}
	for _, d := range []sqldb.Dialect{sqldb.SQLite, sqldb.Postgres} {
		t.Run(string(d), func(t *testing.T) {
			t.Parallel()
			w := vectorWorld(t, d, plans.Config{})
			for _, c := range file.Scenarios[:3] {
				patientID, p := w.having(c.ID, c.Setup.Existing)
				var requests []*plansv1.ClaimSessionsRequest
				for i, date := range c.Candidates {
					n := i
					if c.SameKey {
						n = 0
					}
					s := session(n, date)
					s.EntitlementId += c.ID
					requests = append(requests, claimOf(p, s))
				}
				errs := w.atOnce(requests)
				if c.SameKey { // N03: all replies equal, one claim
					onlyRefusals(t, errs, len(errs), "")
				} else {
					onlyRefusals(t, errs, want[c.ID], "INJECTION_LIMIT")
				}
				if got := w.injectionsOf(patientID); len(got) != 3 {
					t.Errorf("%s: the ledger holds %d, want 3", c.ID, len(got))
				}
			}
			_, p := w.having("n64", []string{"2024-01-10", "2024-02-10"})
			var requests []*plansv1.ClaimSessionsRequest
			for i := range 64 {
				requests = append(requests, claimOf(p, session(1000+i, "2024-03-01")))
			}
			onlyRefusals(t, w.atOnce(requests), 1, "INJECTION_LIMIT")
		})
	}
}

func TestOneSessionLeftAnd50Claims(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		p := w.active(patient, "massage", &plansv1.CourseSpec{CourseId: "massage", Sessions: 1})
		var requests []*plansv1.ClaimSessionsRequest
		for i := range 50 {
			requests = append(requests, claimOf(p, session(i, daysAfter("2027-01-05", i))))
		}
		errs := w.atOnce(requests)
		onlyRefusals(t, errs, 1, "PLAN_LIMIT")
		for _, err := range errs {
			if f := fault.From(err); err != nil && (f.Facts["rule"] != "SESSIONS" || f.Facts["next_eligible_date"] == "" || f.Facts["blocking"] == "") {
				t.Errorf("facts %v", f.Facts)
			}
		}
		if n := w.rows(`SELECT count(*) FROM ledger`); n != 1 {
			t.Errorf("%d rows, want 1", n)
		}
	})
}

// A plan of 24 sessions, three a week for eight weeks, is claimed in one call: all of them or,
// with one day too many in a week, none.
func TestTwentyFourSessionsInOneCall(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		p := w.active(patient, "physiotherapy", &plansv1.CourseSpec{CourseId: "physiotherapy", Sessions: 24})
		var sessions []*plansv1.SessionClaim
		for n := range 24 { // Monday, Wednesday and Friday
			sessions = append(sessions, session(n, daysAfter("2027-01-04", 7*(n/3)+2*(n%3))))
		}
		crowded := claimOf(p, sessions...)
		last := crowded.GetSessions()[23]
		crowded.Sessions[23] = session(23, daysAfter("2027-01-04", 5)) // a fourth in the first week
		_, err := w.claim(crowded)
		if f := refused(t, err, "PLAN_FREQUENCY"); f.Facts["next_eligible_date"] == "" || w.rows(`SELECT count(*) FROM ledger`) != 0 {
			t.Errorf("facts %v", f.Facts)
		}
		whole := claimOf(p, append(sessions[:23:23], last)...)
		for range 2 { // the same call again gets the same answer
			got, err := w.claim(whole)
			if err != nil || len(got) != 24 {
				t.Fatalf("%d sessions, %v", len(got), err)
			}
			for i, e := range got {
				if e.GetEntitlementId() != whole.GetSessions()[i].GetEntitlementId() || e.GetState() != plansv1.Entitlement_STATE_HELD {
					t.Errorf("session %d: %v", i, e)
				}
			}
		}
		_, err = w.claim(claimOf(p, session(99, "2027-03-05")))
		if f := refused(t, err, "PLAN_LIMIT"); f.Facts["rule"] != "SESSIONS" {
			t.Errorf("facts %v", f.Facts)
		}
		if n := w.rows(`SELECT count(*) FROM ledger`); n != 24 {
			t.Errorf("%d rows", n)
		}
	})
}

// N04: a merge and a booking at once. Whoever is first, no window of the person holds four
// without an open issue.
func TestMergeAndClaimAtOnce(t *testing.T) {
	t.Parallel()
	for _, d := range []sqldb.Dialect{sqldb.SQLite, sqldb.Postgres} {
		t.Run(string(d), func(t *testing.T) {
			t.Parallel()
			w := vectorWorld(t, d, plans.Config{})
			for round := range 5 {
				a, _ := w.having(fmt.Sprintf("n04a%d", round), []string{"2024-01-10", "2024-02-10"})
				b, p := w.having(fmt.Sprintf("n04b%d", round), []string{"2024-03-10"})
				var err error
				var wg sync.WaitGroup
				wg.Go(func() { _, err = w.claim(claimOf(p, session(round, "2024-04-10"))) })
				w.dir.tell(t, &directoryv1.PatientMerged{ClinicId: clinic, SurvivingPatientId: a, MergedPatientId: b})
				wg.Wait()
				w.heard(w.dir.producer)
				open := len(w.open(a))
				switch {
				case err == nil && open == 0:
					t.Errorf("four in a window and no issue")
				case err != nil:
					refused(t, err, "INJECTION_LIMIT")
				}
			}
		})
	}
}

// N05: a hold past any time still counts; its release, once recorded, frees the date, and
// the first one cannot come back.
func TestHoldCountsUntilItsReleaseIsRecorded(t *testing.T) {
	t.Parallel()
	for _, d := range []sqldb.Dialect{sqldb.SQLite, sqldb.Postgres} {
		t.Run(string(d), func(t *testing.T) {
			t.Parallel()
			w := vectorWorld(t, d, plans.Config{})
			patientID, p := w.having("n05", []string{"2024-01-10", "2024-02-10"})
			first := claimOf(p, session(1, "2024-03-01"))
			if _, err := w.claim(first); err != nil {
				t.Fatal(err)
			}
			w.clock.Advance(48 * 60 * 60 * 1e9)
			_, err := w.claim(claimOf(p, session(2, "2024-03-15")))
			refused(t, err, "INJECTION_LIMIT")
			w.booking.void(fact(first, first.GetSessions()[0]))
			w.heard(w.booking.producer)
			w.granted(p, session(3, "2024-03-15"))
			late, err := w.claim(first)
			if err != nil || late[0].GetState() != plansv1.Entitlement_STATE_RELEASED {
				t.Errorf("the first one's late claim: %v, %v", late, err)
			}
			if got := w.injectionsOf(patientID); len(got) != 3 {
				t.Errorf("the ledger holds %d, want 3", len(got))
			}
		})
	}
}
