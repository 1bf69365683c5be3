package people

import "time"

// Backoff says how often somebody may try and be wrong. The zero Backoff never lets anybody
// wait.
type Backoff struct {
	// Free is how many failures have no consequence.
	Free int64
	// First is the wait after one failure more; it doubles with each that follows.
	First time.Duration
	// Most is the longest wait.
	Most time.Duration
	// Forgive is after how long without a failure one failure is forgotten.
	Forgive time.Duration
}

// Attempts is what is remembered of somebody's failures.
type Attempts struct {
	// Failures that are not forgotten.
	Failures int64
	// LastAt is when the last one was counted, or the last one was forgotten.
	LastAt time.Time
	// BlockedUntil is before when no attempt is heard.
	BlockedUntil time.Time
}

// Begin counts an attempt as failed before anybody knows how it ends, so that attempts made
// at the same moment cannot share one free try. It returns how long to wait when the attempt
// is not heard; nothing is counted then.
func (b Backoff) Begin(a Attempts, now time.Time) (next Attempts, wait time.Duration) {
	if now.Before(a.BlockedUntil) {
		return a, a.BlockedUntil.Sub(now)
	}
	a = b.forgive(a, now)
	a.Failures++
	a.LastAt = now
	a.BlockedUntil = now.Add(b.waitAfter(a.Failures))
	return a, 0
}

// Succeed takes back what Begin counted. Failures before it stay: whoever knows one password
// must not win free tries at another.
func (b Backoff) Succeed(a Attempts) Attempts {
	a.Failures = max(0, a.Failures-1)
	a.BlockedUntil = a.LastAt.Add(b.waitAfter(a.Failures))
	return a
}

// Forgotten reports whether nothing of the attempts matters any more.
func (b Backoff) Forgotten(a Attempts, now time.Time) bool {
	return !now.Before(a.BlockedUntil) && b.forgive(a, now).Failures == 0
}

// forgive forgets one failure for each whole period since the last change.
func (b Backoff) forgive(a Attempts, now time.Time) Attempts {
	if b.Forgive <= 0 || a.LastAt.IsZero() {
		return a
	}
	periods := int64(now.Sub(a.LastAt) / b.Forgive)
	if periods <= 0 {
		return a
	}
	forgotten := min(periods, a.Failures)
	a.Failures -= forgotten
	a.LastAt = a.LastAt.Add(time.Duration(periods) * b.Forgive)
	return a
}

// waitAfter is the wait that the n-th failure brings.
func (b Backoff) waitAfter(n int64) time.Duration {
	if n <= b.Free || b.First <= 0 {
		return 0
	}
	wait := b.First
	for i := b.Free + 1; i < n && wait < b.Most; i++ {
		wait *= 2
	}
	return min(wait, b.Most)
}
