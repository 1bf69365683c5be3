package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/directory/internal/store"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// limiter is one thing that is counted, and how.
type limiter struct {
	key     string
	backoff people.Backoff
}

// limited gives the limiter of a value, of which only the hash is stored; what for keeps
// different counts of one value apart.
func limited(what, value string, backoff people.Backoff) limiter {
	sum := sha256.Sum256([]byte(what + "\x00" + value))
	return limiter{key: what + ":" + hex.EncodeToString(sum[:]), backoff: backoff}
}

// signInLimiters are those of a sign-in name and, when it is known, of a network address.
func (a *App) signInLimiters(emailKey, address string) []limiter {
	limiters := []limiter{limited("sign-in-name", emailKey, a.cfg.SignInName)}
	if address != "" {
		limiters = append(limiters, limited("sign-in-address", address, a.cfg.SignInAddress))
	}
	slices.SortFunc(limiters, func(a, b limiter) int { return strings.Compare(a.key, b.key) }) // one order of locks
	return limiters
}

// begin counts an attempt with every limiter before anybody knows how it ends.
// RESOURCE_EXHAUSTED, TOO_MANY_ATTEMPTS with retry_after_seconds when one of them makes the
// caller wait; nothing is counted then.
func (a *App) begin(ctx context.Context, limiters []limiter) error {
	return a.db.Write(ctx, func(tx *sqldb.Tx) error {
		for _, l := range limiters {
			attempts, err := store.LockAttempts(tx, l.key)
			if err != nil {
				return err
			}
			next, wait := l.backoff.Begin(attempts, a.clock.Now())
			if wait > 0 {
				return tooMany(wait)
			}
			if err := store.SaveAttempts(tx, l.key, next); err != nil {
				return err
			}
		}
		return nil
	})
}

// succeed takes back what begin counted, in the transaction of what succeeded.
func succeed(tx *sqldb.Tx, limiters []limiter) error {
	for _, l := range limiters {
		attempts, err := store.LockAttempts(tx, l.key)
		if err != nil {
			return err
		}
		if err := store.SaveAttempts(tx, l.key, l.backoff.Succeed(attempts)); err != nil {
			return err
		}
	}
	return nil
}

func tooMany(wait time.Duration) error {
	seconds := int64((wait + time.Second - 1) / time.Second)
	return fault.New(fault.ResourceExhausted, "TOO_MANY_ATTEMPTS", "Too many attempts. Wait a moment.").
		With("retry_after_seconds", strconv.FormatInt(seconds, 10))
}
