package main

import (
	"flag"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// killRows says during which scenes (kill_scenes_test.go) the program is killed at each
// failpoint. A failpoint of the services without a row fails the test.
var killRows = map[string][]string{
	"booking.attempt_recorded":      {"book", "refused", "move", "undo", "course"},
	"booking.claims_placed":         {"book", "refused", "move", "undo", "course", "series"},
	"booking.claimed":               {"book", "move", "undo", "course", "series"},
	"booking.before_outcome":        {"book", "move", "undo", "course"},
	"booking.outcome_recorded":      {"book", "move", "undo", "course", "series"},
	"booking.outcome_committed":     {"book", "move", "undo", "course"},
	"booking.before_void":           {"refused", "overfull"},
	"booking.void_recorded":         {"refused", "overfull"},
	"booking.voided":                {"refused", "overfull"},
	"booking.offered":               {"wait"},
	"booking.offer_booked":          {"accept"},
	"booking.recovering":            {"orphan"},
	"booking.booked":                {"outright"},
	"booking.booked_uncommitted":    {"outright"},
	"plans.claim_before_commit":     {"book", "move", "undo", "course"},
	"plans.claim_committed":         {"book", "move", "undo", "course"},
	"plans.outcome_applied":         {"book", "refused", "move", "cancel", "undo"},
	"plans.close_before_commit":     {"close"},
	"plans.injection_before_commit": {"inject"},
	"plans.merge_applied":           {"merge"},
	"intake.submitted":              {"submit"},
	"eventlog.numbered":             {"book", "refused", "cancel"},
	"eventlog.published":            {"book", "cancel"},
	"eventlog.applied":              {"book", "cancel"},
}

// killPoint picks one row, to look closer at it.
var killPoint = flag.String("killpoint", "", "kill at this failpoint only")

// killElsewhere are the failpoints that a test of their own comes to.
var killElsewhere = map[string]func(*testing.T){
	"plans.resolve_asking":   TestKillWhilePlansAsks,
	"plans.resolve_answered": TestKillWhilePlansAsks,
}

// soakCycles is how often every failpoint is met with UPRIGHT_SOAK=1.
const soakCycles = 100

// TestKillMatrix kills the program at every failpoint while a request is under way, starts
// it again, has the client repeat its request with the same Idempotency-Key, and then looks
// into the databases (kill_audit_test.go): whatever was interrupted where, every attempt is
// BOOKED or VOID, both services agree, nothing is held, and no event is lost.
func TestKillMatrix(t *testing.T) {
	t.Parallel()
	checkKillRows(t)
	eachStack(t, func(t *testing.T, s *stack) {
		k := newKiller(t, s)
		for _, point := range slices.Sorted(maps.Keys(killRows)) {
			if *killPoint != "" && *killPoint != point {
				continue
			}
			for _, scene := range cyclesOf(point, s.shape) {
				if k.cycle(point, scene); t.Failed() {
					return
				}
			}
		}
	})
}

// cyclesOf are the scenes of a failpoint in a shape. When it soaks they are all of them, in turn.
// Otherwise every second one: each is played in one of the shapes, each failpoint met in both.
func cyclesOf(point, shape string) (out []string) {
	scenes := killRows[point]
	if os.Getenv("UPRIGHT_SOAK") == "1" {
		for i := range max(soakCycles, len(scenes)) {
			out = append(out, scenes[i%len(scenes)])
		}
		return out
	}
	for i, scene := range scenes {
		if len(scenes) == 1 || *killPoint != "" || i%len(shapes) == slices.Index(shapes, shape) {
			out = append(out, scene)
		}
	}
	return out
}

// checkKillRows compares the rows with the failpoints in the services' source.
func checkKillRows(t *testing.T) {
	t.Helper()
	points := failpoints(t, "../../services")
	if len(points) == 0 {
		t.Fatal("no failpoints in the services")
	}
	for _, point := range points {
		if killRows[point] == nil && killElsewhere[point] == nil {
			t.Errorf("%s: nobody kills the program there; add a row to killRows", point)
		}
	}
	for _, rows := range []([]string){slices.Collect(maps.Keys(killRows)), slices.Collect(maps.Keys(killElsewhere))} {
		for _, point := range rows {
			if !slices.Contains(points, point) {
				t.Errorf("%s: a row for a failpoint that is not there", point)
			}
		}
	}
}

// killer goes through scenes with a clinic.
type killer struct {
	*stack
	h *house
	n int // cycles so far
	// when is the time of every scene's session: the diary is empty again after each. The
	// clock goes on while a scene is played, so it is read once.
	when time.Time
	// What the scene has prepared.
	patient, other, plan string
	apt                  appointment
	by                   *client
	path                 string
	body                 m
	// patient and plan with three injections in the last months.
	fullPatient, fullPlan string
}

func newKiller(t *testing.T, s *stack) *killer {
	t.Helper()
	k := &killer{stack: s, h: buildHouse(t, s.base, s.admin), when: inDays(3)}
	k.fullPatient = k.h.patient("Full")
	for _, days := range []int{-100, -60, -30} {
		k.h.physician.must(http.MethodPost, "/v1/patients/"+k.fullPatient+"/injections", injectionOn(days), nil)
	}
	k.fullPlan = k.h.plan(k.h.physician, k.fullPatient, "facet_joint_injection")
	return k
}

// cycle plays one scene with the program killed at the point.
func (k *killer) cycle(point, name string) {
	k.t.Helper()
	began := time.Now()
	k.n++
	sc := scenes[name]
	k.patient, k.other, k.plan, k.apt = "", "", "", appointment{}
	sc.prepare(k)
	k.quiet()
	first, err := k.interrupt(point, sc)
	if refusal := definite(err); refusal != "" && refusal != sc.refusal {
		k.t.Errorf("killed at %s, %s: answered %v", point, name, err)
	}
	again, refusal := k.insist()
	if refusal != sc.refusal || (err == nil && first != again) {
		k.t.Errorf("killed at %s, %s: first answer %+v %v; the retry's %+v %q, want %q", point, name, first, err, again, refusal, sc.refusal)
	}
	k.quiet()
	k.audit(sc.live)
	if sc.check != nil {
		sc.check(k)
	}
	if k.t.Failed() {
		k.t.Logf("this was cycle %d: killed at %s, %s", k.n, point, name)
		return
	}
	k.clearDiary()
	k.t.Logf("%3d %-30s %-9s %v", k.n, point, name, time.Since(began).Round(time.Millisecond))
}

// interrupt sends the request with the failpoint armed, and starts what was killed again.
func (k *killer) interrupt(point string, sc scene) (first answer, err error) {
	k.t.Helper()
	victim := ownerOf(point)
	if sc.before == "" {
		k.rearm(victim, point)
		first, err = k.askUntilKilled(victim)
	} else { // killed once more, when it recovers
		k.rearm(victim, sc.before)
		first, err = k.askUntilKilled(victim)
		k.awaitKill(victim, sc.before, startTimeout)
		k.startArmed(victim, point)
	}
	k.awaitKill(victim, point, startTimeout)
	k.startAll()
	k.awaitReady()
	return first, err
}

// ownerOf is the service that a failpoint is in; the event log is tried in booking's.
func ownerOf(point string) string {
	service, _, _ := strings.Cut(point, ".")
	if service == "eventlog" {
		return "booking"
	}
	return service
}

// answer is what the tests read of an answer, whatever was asked.
type answer struct {
	AppointmentID string `json:"appointment_id"`
	IntakeID      string `json:"intake_id"`
	InjectionID   string `json:"injection_id"`
	PatientID     string `json:"patient_id"`
}

// ask sends the scene's request, each time with the same Idempotency-Key.
func (k *killer) ask() (answer, error) {
	var got answer
	header := http.Header{"Idempotency-Key": {"kill-" + strconv.Itoa(k.n)}}
	err := k.by.callWith(k.t.Context(), header, http.MethodPost, k.path, k.body, &got)
	return got, err
}

// askUntilKilled asks until there is an answer that stands or the program is gone: after its
// restart the others may need a moment to find the victim again.
func (k *killer) askUntilKilled(victim string) (got answer, err error) {
	k.t.Helper()
	eventually(k.t, "the request gets somewhere", func() (bool, string) {
		if got, err = k.ask(); err == nil || definite(err) != "" {
			return true, ""
		}
		return k.holder(victim).ended(), err.Error()
	})
	return got, err
}

// insist asks until there is an answer that stands: done, or refused for good.
func (k *killer) insist() (got answer, refusal string) {
	k.t.Helper()
	eventually(k.t, "the retry has an answer", func() (bool, string) {
		var err error
		if got, err = k.ask(); err == nil {
			return true, ""
		}
		refusal = definite(err)
		return refusal != "", err.Error()
	})
	return got, refusal
}

// definite is the reason of an answer that asking again does not change, "" for others: the
// connection broke, or something was not available.
func definite(err error) string {
	p, ok := err.(*problem) //nolint:errorlint // call returns it bare
	if !ok || p.Status == http.StatusServiceUnavailable || p.Status == http.StatusGatewayTimeout {
		return ""
	}
	return p.Reason
}

// awaitKill waits until the failpoint has killed the program that holds a service.
func (k *killer) awaitKill(service, point string, limit time.Duration) {
	k.t.Helper()
	select {
	case <-k.holder(service).gone:
		k.forget(service)
	case <-time.After(limit):
		k.t.Fatalf("%s was not reached", point)
	}
}

// TestKillWhilePlansAsks: booking is killed when a claim is granted, and plans, which asks
// booking about the claim after ten minutes, is killed before it asks and again with the
// answer in its hands. The minutes are taken from the clock by making the claim older; that
// the attempt's own process is gone is kept from booking's recovery by making it younger.
func TestKillWhilePlansAsks(t *testing.T) {
	t.Parallel()
	eachStack(t, func(t *testing.T, s *stack) {
		k := newKiller(t, s)
		k.n++
		scenes["book"].prepare(k)
		k.quiet()
		k.rearm("booking", "booking.claimed")
		if _, err := k.askUntilKilled("booking"); err == nil {
			t.Fatal("booked")
		}
		k.awaitKill("booking", "booking.claimed", startTimeout)
		if s.shape == "five" {
			s.programs["plans"].stop()
			s.forget("plans")
		}
		k.write("plans", `UPDATE ledger SET created_at = created_at - $1 WHERE state = 'HELD'`, (11 * time.Minute).Microseconds())
		k.write("booking", `UPDATE attempts SET created_at = created_at + $1 WHERE state = 'OPEN'`, time.Hour.Microseconds())
		for _, point := range []string{"plans.resolve_asking", "plans.resolve_answered"} {
			k.startArmed("plans", point)
			k.awaitKill("plans", point, 2*startTimeout) // it looks when it starts, and once a minute
			if n := s.value("plans", `SELECT count(*) FROM ledger WHERE state = 'HELD'`); n != 1 {
				t.Fatalf("%s: %d claims are held, want 1: it was freed by something else", point, n)
			}
		}
		if n := s.value("booking", `SELECT count(*) FROM attempts WHERE state = 'VOID'`); n != 1 {
			t.Errorf("%d attempts are void, want the one that plans asked about", n)
		}
		k.startAll()
		k.awaitReady()
		if _, refusal := k.insist(); refusal != "" {
			t.Errorf("the retry is refused: %s", refusal)
		}
		k.quiet()
		k.audit(1)
	})
}

// write changes exactly one row of a service's database.
func (s *stack) write(service, query string, args ...any) {
	s.t.Helper()
	var n int64
	err := s.db(service).Write(s.t.Context(), func(tx *sqldb.Tx) (err error) {
		n, err = tx.Exec(query, args...)
		return err
	})
	if err != nil || n != 1 {
		s.t.Fatalf("%s: %s: %d rows, %v", service, query, n, err)
	}
}
