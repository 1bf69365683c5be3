package people

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

var (
	noon    = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	backoff = Backoff{Free: 3, First: time.Second, Most: time.Minute, Forgive: 10 * time.Minute}
)

// The story of somebody who keeps trying.
func TestBackoff(t *testing.T) {
	t.Parallel()
	var a Attempts
	now := noon
	for i, want := range []time.Duration{0, 0, 0, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 32 * time.Second, time.Minute, time.Minute} {
		var wait time.Duration
		if a, wait = backoff.Begin(a, now); wait != 0 {
			t.Fatalf("attempt %d after its wait is not heard for %s", i+1, wait)
		}
		if got := a.BlockedUntil.Sub(now); got != want {
			t.Errorf("failure %d makes wait %s, want %s", i+1, got, want)
		}
		if want > 0 {
			before := a
			if a, wait = backoff.Begin(a, now.Add(want/2)); wait != want/2 || a != before {
				t.Errorf("failure %d: halfway the wait is %s and counted %v", i+1, wait, a != before)
			}
		}
		now = now.Add(want)
	}
	if backoff.Forgotten(a, now) {
		t.Error("eleven failures are forgotten at once")
	}
	if !backoff.Forgotten(a, now.Add(11*10*time.Minute)) {
		t.Error("eleven failures are remembered after eleven periods")
	}
}

// Knowing one password wins no tries at another.
func TestSuccessDoesNotForgive(t *testing.T) {
	t.Parallel()
	var a Attempts
	guesses := 0
	for range 100 {
		next, wait := backoff.Begin(a, noon) // a guess
		if wait > 0 {
			break
		}
		a = next
		guesses++
		if own, wait := backoff.Begin(a, noon); wait == 0 { // the own password
			a = backoff.Succeed(own)
		}
	}
	if guesses > int(backoff.Free)+1 {
		t.Errorf("%d guesses at one instant", guesses)
	}
}

// However attempts fall, no more fail in a span of time than were free, forgiven, or waited
// for.
func TestBackoffBoundsGuesses(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var a Attempts
		now, failed := noon, int64(0)
		for range rapid.IntRange(1, 200).Draw(t, "attempts") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(3*time.Minute)).Draw(t, "pause")))
			next, wait := backoff.Begin(a, now)
			if wait > 0 {
				continue
			}
			if rapid.Bool().Draw(t, "right") {
				a = backoff.Succeed(next)
			} else {
				a = next
				failed++
			}
		}
		span := now.Sub(noon)
		most := backoff.Free + 7 /* waits of 1 to 64 seconds */ + int64(span/backoff.Forgive) + int64(span/backoff.Most)
		if failed > most {
			t.Fatalf("%d failures in %s, most is %d", failed, span, most)
		}
	})
}

func TestNoBackoff(t *testing.T) {
	t.Parallel()
	var a Attempts
	for range 1000 {
		var wait time.Duration
		if a, wait = (Backoff{}).Begin(a, noon); wait > 0 {
			t.Fatal("the zero Backoff makes wait")
		}
	}
}
