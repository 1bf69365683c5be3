package session

import (
	"net/http"
	"strings"
	"time"
)

// Names of the session cookie. The prefix makes browsers accept it only from this very
// host over TLS (RFC 6265bis 4.1.3.2); on plain HTTP, which is for loopback and a closed
// network, it cannot be used.
const (
	SecureCookie = "__Host-upright"
	PlainCookie  = "upright"
)

// maxToken bounds what is taken for a token.
const maxToken = 512

// Cookies makes and reads the session cookie.
type Cookies struct {
	// Secure is true when browsers reach the gateway over TLS.
	Secure bool
}

// name of the cookie.
func (c Cookies) name() string {
	if c.Secure {
		return SecureCookie
	}
	return PlainCookie
}

// Token returns the token that a request carries: that of "Authorization: Bearer", or else
// that of the cookie. ok is false when it carries none; an Authorization header that is no
// bearer token is one that nobody knows, so that a client with a mistake is not taken for
// whoever the cookie belongs to.
func (c Cookies) Token(r *http.Request) (token string, ok bool) {
	if values := r.Header["Authorization"]; len(values) > 0 {
		scheme, rest, _ := strings.Cut(values[0], " ")
		if len(values) > 1 || !strings.EqualFold(scheme, "Bearer") || len(rest) > maxToken {
			return "", true
		}
		return strings.TrimSpace(rest), true
	}
	if len(r.Header["Cookie"]) == 0 {
		return "", false
	}
	cookie, err := r.Cookie(c.name())
	if err != nil || cookie.Value == "" || len(cookie.Value) > maxToken {
		return "", false
	}
	return cookie.Value, true
}

// Set gives the browser a session. The cookie has no lifetime of its own: it ends with the
// browser, and the directory ends it earlier.
func (c Cookies) Set(h http.Header, token string) {
	cookie := http.Cookie{ //nolint:gosec // Secure whenever browsers come over TLS; the demo on loopback has none
		Name: c.name(), Value: token, Path: "/",
		HttpOnly: true, Secure: c.Secure, SameSite: http.SameSiteLaxMode,
	}
	h.Add("Set-Cookie", cookie.String())
}

// Clear takes the browser's session away.
func (c Cookies) Clear(h http.Header) {
	cookie := http.Cookie{ //nolint:gosec // as in Set
		Name: c.name(), Path: "/", MaxAge: -1, Expires: time.Unix(1, 0).UTC(),
		HttpOnly: true, Secure: c.Secure, SameSite: http.SameSiteLaxMode,
	}
	h.Add("Set-Cookie", cookie.String())
}
