package session_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/upright-clinic/upright/gateway/internal/session"
)

func TestToken(t *testing.T) {
	t.Parallel()
	secure, plain := session.Cookies{Secure: true}, session.Cookies{}
	for name, tc := range map[string]struct {
		cookies session.Cookies
		headers []string
		token   string
		ok      bool
	}{
		"none":                   {secure, nil, "", false},
		"bearer":                 {secure, []string{"Authorization: Bearer abc"}, "abc", true},
		"bearer, other case":     {secure, []string{"Authorization: bearer abc"}, "abc", true},
		"bearer before cookie":   {plain, []string{"Authorization: Bearer abc", "Cookie: upright=def"}, "abc", true},
		"basic is nobody":        {plain, []string{"Authorization: Basic abc", "Cookie: upright=def"}, "", true},
		"two are nobody":         {plain, []string{"Authorization: Bearer a", "Authorization: Bearer b"}, "", true},
		"too long is nobody":     {plain, []string{"Authorization: Bearer " + strings.Repeat("a", 600)}, "", true},
		"cookie":                 {plain, []string{"Cookie: a=b; upright=def"}, "def", true},
		"secure cookie":          {secure, []string{"Cookie: __Host-upright=def"}, "def", true},
		"plain cookie under TLS": {secure, []string{"Cookie: upright=def"}, "", false},
		"secure name, plain":     {plain, []string{"Cookie: __Host-upright=def"}, "", false},
		"empty cookie":           {plain, []string{"Cookie: upright="}, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest("GET", "/", nil)
			for _, h := range tc.headers {
				key, value, _ := strings.Cut(h, ": ")
				r.Header.Add(key, value)
			}
			if token, ok := tc.cookies.Token(r); token != tc.token || ok != tc.ok {
				t.Errorf("Token = %q, %v; want %q, %v", token, ok, tc.token, tc.ok)
			}
		})
	}
}

func TestCookieFlags(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		cookies session.Cookies
		set     string
		clear   string
	}{
		"TLS":   {session.Cookies{Secure: true}, "__Host-upright=abc; Path=/; HttpOnly; Secure; SameSite=Lax", "__Host-upright=; Path=/; Expires=Thu, 01 Jan 1970 00:00:01 GMT; Max-Age=0; HttpOnly; Secure; SameSite=Lax"},
		"plain": {session.Cookies{}, "upright=abc; Path=/; HttpOnly; SameSite=Lax", "upright=; Path=/; Expires=Thu, 01 Jan 1970 00:00:01 GMT; Max-Age=0; HttpOnly; SameSite=Lax"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := http.Header{}
			tc.cookies.Set(h, "abc")
			if got := h.Get("Set-Cookie"); got != tc.set {
				t.Errorf("set %q, want %q", got, tc.set)
			}
			h = http.Header{}
			tc.cookies.Clear(h)
			if got := h.Get("Set-Cookie"); got != tc.clear {
				t.Errorf("clear %q, want %q", got, tc.clear)
			}
		})
	}
}
