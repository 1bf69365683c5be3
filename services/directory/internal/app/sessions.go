package app

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"time"

	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/directory/internal/store"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// tokenPrefix makes a token that leaked recognisable to scanners.
const tokenPrefix = "ups_"

// tokenSize is the randomness of a token in bytes (reliability reference 4.1).
const tokenSize = 32

// touchAfter is how often the last use of a session is written down at most.
const touchAfter = time.Minute

// newToken gives a fresh token and the hash that is stored of it.
func newToken() (token string, hash []byte) {
	random := make([]byte, tokenSize)
	_, _ = rand.Read(random) // never fails
	token = tokenPrefix + base64.RawURLEncoding.EncodeToString(random)
	return token, tokenHash(token)
}

// tokenHash is what a token is found by. A token has more randomness than anybody can try, so
// that a fast hash is enough.
func tokenHash(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

// looksLikeToken spares the database what cannot be a token.
func looksLikeToken(token string) bool {
	return strings.HasPrefix(token, tokenPrefix) && len(token) == len(tokenPrefix)+base64.RawURLEncoding.EncodedLen(tokenSize)
}

// idleLimit is how long an account's sessions live without use.
func (a *App) idleLimit(account people.Account) time.Duration {
	if account.Kind == people.KindStaff {
		return a.cfg.StaffIdle
	}
	return a.cfg.PatientIdle
}

// live reports whether a session of the account may still be used now.
func (a *App) live(s store.Session, account people.Account, now time.Time) bool {
	return account.State == people.StateActive && now.Before(s.ExpireAt) && now.Before(s.LastUsedAt.Add(a.idleLimit(account)))
}

// errSession answers for a token of nobody and for a session that ended alike.
func errSession() error {
	return fault.New(fault.Unauthenticated, "SESSION_INVALID", "Sign in again.")
}
