package gateway_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/upright-clinic/upright/gateway"
	"github.com/upright-clinic/upright/services/platform/fault"
)

func TestSigningInAndOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.do("POST", "/v1/sessions", "", `{"email":"reception@demo.clinic","password":"correct horse"}`)
	var got struct{ Token string }
	if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != 200 || got.Token != reception {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if cookie := a.header.Get("Set-Cookie"); cookie != "upright="+reception+"; Path=/; HttpOnly; SameSite=Lax" {
		t.Errorf("Set-Cookie %q", cookie)
	}
	if a := w.do("GET", "/v1/me", "", "", "Cookie", "upright="+reception); a.status != 200 || !strings.Contains(a.body, "acc_reception") {
		t.Errorf("with the cookie: %d %s", a.status, a.body)
	}
	out := w.do("DELETE", "/v1/sessions/current", reception, "")
	if out.status != 200 || !strings.Contains(out.header.Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("signing out: %d %v", out.status, out.header)
	}
	if a := w.do("GET", "/v1/me", reception, ""); a.status != 401 {
		t.Errorf("right after signing out: %d %s", a.status, a.body)
	}
	if a := w.do("POST", "/v1/sessions", "", `{"email":"reception@demo.clinic","password":"wrong"}`); a.status != 401 || a.problem(t)["reason"] != "SIGN_IN_FAILED" {
		t.Errorf("a wrong password: %d %s", a.status, a.body)
	}
}

func TestCookieOverTLS(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *gateway.Config, _ *gateway.Kit) { c.Secure = true })
	a := w.do("POST", "/v1/sessions", "", `{"email":"reception@demo.clinic","password":"correct horse"}`)
	if got := a.header.Get("Set-Cookie"); got != "__Host-upright="+reception+"; Path=/; HttpOnly; Secure; SameSite=Lax" {
		t.Errorf("Set-Cookie %q", got)
	}
	if got := a.header.Get("Strict-Transport-Security"); !strings.HasPrefix(got, "max-age=63072000") {
		t.Errorf("HSTS %q", got)
	}
	if a := w.do("GET", "/v1/me", "", "", "Cookie", "upright="+reception); a.status != 401 {
		t.Errorf("the cookie of plain HTTP: %d", a.status)
	}
}

func TestSessionThatEndsElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if a := w.do("GET", "/v1/me", reception, ""); a.status != 200 {
		t.Fatal(a.body)
	}
	w.dir.end(reception)
	w.clock.Advance(time.Second)
	if a := w.do("GET", "/v1/me", reception, ""); a.status != 401 || a.header.Get("WWW-Authenticate") == "" {
		t.Errorf("a second later: %d %v", a.status, a.header)
	}
	w.dir.mu.Lock()
	w.dir.down = fault.New(fault.Unavailable, "UNAVAILABLE", "down")
	w.dir.mu.Unlock()
	if a := w.do("GET", "/v1/me", clinician, ""); a.status != 503 {
		t.Errorf("while nobody can say: %d %s", a.status, a.body)
	}
	if a := w.do("GET", "/v1/clinics/spine", clinician, ""); a.status != 200 {
		t.Errorf("a public method does not need to know: %d %s", a.status, a.body)
	}
}

func TestBackgroundDoesNotKeepASession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 3 {
		w.clock.Advance(time.Second)
		w.do("GET", "/v1/me", reception, "", "Upright-Background", "1")
	}
	if w.dir.background != 3 || w.dir.resolved != 3 {
		t.Errorf("resolved %d, background %d", w.dir.resolved, w.dir.background)
	}
}

// TestEveryPathIsDenied tries every path of the table and of the API as everybody who may
// not, and finds none that answers.
func TestEveryPathIsDenied(t *testing.T) {
	t.Parallel()
	w := newWorld(t, noLimits)
	roles := map[string]string{"PATIENT": patient, "RECEPTIONIST": reception, "CLINICIAN": clinician, "ADMIN": admin, "PRIVACY_OFFICER": privacy}
	paths := w.gw.Paths()
	if len(paths) < 120 {
		t.Fatalf("only %d paths", len(paths))
	}
	w.spy.take()
	public := 0
	for _, p := range paths {
		path := fill(p.Pattern)
		body := ""
		if p.Method != "GET" && p.API {
			body = "{}"
		}
		if p.Access == "anybody" {
			public++
			continue
		}
		if p.Access == "operators" {
			if a := w.do(p.Method, path, admin, body, "X-Forwarded-For", "203.0.113.9"); a.status != 404 {
				t.Errorf("%s %s from elsewhere: %d", p.Method, path, a.status)
			}
			continue
		}
		if a := w.do(p.Method, path, "", body); !refused(a, p.API, 401) {
			t.Errorf("%s %s for nobody: %d", p.Method, path, a.status)
		}
		if a := w.do(p.Method, path, "forged", body); !refused(a, p.API, 401) {
			t.Errorf("%s %s with a forged token: %d", p.Method, path, a.status)
		}
		for role, token := range roles {
			if slices.Contains(strings.Split(p.Access, ", "), strings.ToLower(role)) {
				continue
			}
			if a := w.do(p.Method, path, token, body); a.status != 403 {
				t.Errorf("%s %s for %s: %d", p.Method, path, role, a.status)
			}
		}
	}
	if public == 0 || public > 34 {
		t.Errorf("%d public paths", public)
	}
	for _, call := range w.spy.take() {
		if call != "ResolveSession" && call != "GetClinic" {
			t.Errorf("a denied request reached %s", call)
		}
	}
}

// refused reports whether nobody was let in: a page leads to the sign-in page instead.
func refused(a answer, api bool, status int) bool {
	if api {
		return a.status == status
	}
	return a.status == status || (a.status == 303 && strings.HasPrefix(a.header.Get("Location"), "/sign-in?next="))
}

// fill puts something into the variables of a pattern.
func fill(pattern string) string {
	for {
		open := strings.IndexByte(pattern, '{')
		if open < 0 {
			return pattern
		}
		end := strings.IndexByte(pattern[open:], '}') + open
		value := "x1"
		if pattern[open:end+1] == "{$}" {
			value = ""
		}
		pattern = pattern[:open] + value + pattern[end+1:]
	}
}

func noLimits(c *gateway.Config, _ *gateway.Kit) {
	none := gateway.Rate{PerSecond: -1}
	c.AddressRate, c.AccountRate, c.StrictRate = none, none, none
}

// TestNoGETChangesAnything opens every page and method with GET and HEAD, as everybody, and
// sees no service asked to change something.
func TestNoGETChangesAnything(t *testing.T) {
	t.Parallel()
	w := newWorld(t, noLimits)
	b := w.browser(patient)
	b.post("/intake", url.Values{"patient": {"pat_1"}})
	w.spy.take()
	for _, p := range w.gw.Paths() {
		if p.Method != "GET" || strings.HasSuffix(p.Pattern, "events:watch") {
			continue
		}
		path := strings.NewReplacer("{intake_id}", "int_1", "{page}", "now", "{appointment_id}", "apt_1", "{patient_id}", "pat_1",
			"{plan_id}", "pln_1", "{clinic}", "spine", "{service}", "AppointmentService").Replace(p.Pattern)
		for _, token := range []string{"", patient, reception, clinician, admin} {
			w.do("GET", fill(path), token, "", "Accept", "text/html")
			w.do("HEAD", fill(path), token, "")
		}
	}
	calls := w.spy.take()
	if len(calls) < 100 {
		t.Errorf("only %d calls were made", len(calls))
	}
	for _, call := range calls {
		if mutating(call) {
			t.Errorf("a GET called %s", call)
		}
	}
}

func TestOtherSitesAreRefused(t *testing.T) {
	t.Parallel()
	form := "application/x-www-form-urlencoded"
	for name, tc := range map[string]struct {
		secure  bool
		method  string
		path    string
		headers []string
		status  int
	}{
		"cross site":                 {false, "POST", "/sign-out", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		"sibling":                    {false, "POST", "/sign-out", []string{"Sec-Fetch-Site", "same-site"}, 403},
		"same origin":                {false, "POST", "/sign-out", []string{"Sec-Fetch-Site", "same-origin"}, 303},
		"typed":                      {false, "POST", "/sign-out", []string{"Sec-Fetch-Site", "none"}, 303},
		"no browser":                 {false, "POST", "/sign-out", nil, 303},
		"old browser, other host":    {false, "POST", "/sign-out", []string{"Origin", "https://evil.example"}, 403},
		"old browser, null":          {false, "POST", "/sign-out", []string{"Origin", "null"}, 403},
		"old browser, sibling":       {false, "POST", "/sign-out", []string{"Origin", "http://a.clinic.example", "Host", "clinic.example"}, 403},
		"old browser, other port":    {false, "POST", "/sign-out", []string{"Origin", "http://clinic.example:81", "Host", "clinic.example"}, 403},
		"old browser, own":           {false, "POST", "/sign-out", []string{"Origin", "http://clinic.example", "Host", "clinic.example"}, 303},
		"http to https":              {true, "POST", "/sign-out", []string{"Origin", "http://clinic.example", "Host", "clinic.example"}, 403},
		"http to https, says same":   {true, "POST", "/sign-out", []string{"Origin", "http://clinic.example", "Host", "clinic.example", "Sec-Fetch-Site", "same-origin"}, 403},
		"https to https":             {true, "POST", "/sign-out", []string{"Origin", "https://clinic.example", "Host", "clinic.example"}, 303},
		"the API":                    {false, "POST", "/v1/appointments", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		"the API, DELETE":            {false, "DELETE", "/v1/sessions/current", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		"the API, unknown":           {false, "POST", "/v1/nothing", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		"looking is allowed":         {false, "GET", "/c/spine", []string{"Sec-Fetch-Site", "cross-site"}, 200},
		"looking under another Host": {false, "GET", "/c/spine", []string{"Sec-Fetch-Site", "cross-site", "Host", "other"}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(c *gateway.Config, _ *gateway.Kit) { c.Secure = tc.secure })
			r, err := http.NewRequestWithContext(t.Context(), tc.method, w.url+tc.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", form)
			for i := 0; i < len(tc.headers); i += 2 {
				if tc.headers[i] == "Host" {
					r.Host = tc.headers[i+1]
				}
				r.Header.Set(tc.headers[i], tc.headers[i+1])
			}
			client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
			res, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if res.StatusCode != tc.status {
				t.Errorf("%d, want %d", res.StatusCode, tc.status)
			}
		})
	}
}

func TestHeadersOnEveryPath(t *testing.T) {
	t.Parallel()
	w := newWorld(t, noLimits)
	for _, p := range append(w.gw.Paths(), gateway.Path{Method: "GET", Pattern: "/nowhere"}, gateway.Path{Method: "GET", Pattern: "/v1/nowhere", API: true}) {
		if strings.HasSuffix(p.Pattern, "events:watch") {
			continue
		}
		a := w.do(p.Method, fill(p.Pattern), "", "", "Accept", "text/html")
		csp := a.header.Get("Content-Security-Policy")
		if !strings.HasPrefix(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s %s: CSP %q", p.Method, p.Pattern, csp)
		}
		html := strings.HasPrefix(a.header.Get("Content-Type"), "text/html")
		if html && (!strings.Contains(csp, "script-src 'self'; style-src 'self'") || !strings.Contains(csp, "form-action 'self'") || a.header.Get("Permissions-Policy") == "") {
			t.Errorf("%s %s: a page with %q", p.Method, p.Pattern, csp)
		}
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin"} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s %s: %s %q", p.Method, p.Pattern, name, got)
			}
		}
		cached := strings.HasPrefix(p.Pattern, "/static/") || strings.HasPrefix(p.Pattern, "/diary/assets/") || p.Pattern == "/openapi.json"
		if got := a.header.Get("Cache-Control"); got != "no-store" && !cached {
			t.Errorf("%s %s: Cache-Control %q", p.Method, p.Pattern, got)
		}
		if a.header.Get("Strict-Transport-Security") != "" {
			t.Errorf("%s %s: HSTS on plain HTTP", p.Method, p.Pattern)
		}
		if a.header.Get("X-Request-Id") == "" {
			t.Errorf("%s %s: no request id", p.Method, p.Pattern)
		}
	}
}

func TestRateLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *gateway.Config, _ *gateway.Kit) {
		c.AddressRate, c.AccountRate, c.StrictRate = gateway.Rate{PerSecond: 1, Burst: 6}, gateway.Rate{PerSecond: 1, Burst: 3}, gateway.Rate{PerSecond: 0.1, Burst: 2}
		c.TrustedProxies = []string{"127.0.0.0/8"}
	})
	from := func(address string) []string { return []string{"X-Forwarded-For", "1.2.3.4, " + address} }
	status := func(token, address string) int { return w.do("GET", "/v1/me", token, "", from(address)...).status }
	for i := range 3 {
		if got := status(reception, "203.0.113.1"); got != 200 {
			t.Fatalf("request %d: %d", i, got)
		}
	}
	a := w.do("GET", "/v1/me", reception, "", from("203.0.113.2")...)
	if a.status != 429 || a.problem(t)["reason"] != "RATE_LIMITED" || a.header.Get("Retry-After") != "1" {
		t.Errorf("the account from another address: %d %v", a.status, a.header)
	}
	for range 3 {
		status(clinician, "203.0.113.1")
	}
	if got := status(admin, "203.0.113.1"); got != 429 {
		t.Errorf("another account from the address: %d", got)
	}
	if got := status(admin, "203.0.113.3"); got != 200 {
		t.Errorf("another account from another address: %d", got)
	}
	w.clock.Advance(time.Second)
	if got := status(reception, "203.0.113.1"); got != 200 {
		t.Errorf("a second later: %d", got)
	}
	guess := func() int {
		return w.do("POST", "/v1/sessions", "", `{"email":"a@b.c","password":"x"}`, from("203.0.113.4")...).status
	}
	if a, b, c := guess(), guess(), guess(); a != 401 || b != 401 || c != 429 {
		t.Errorf("guessing passwords: %d %d %d", a, b, c)
	}
}

func TestForwardedAddressesAreNotBelieved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *gateway.Config, _ *gateway.Kit) { c.AddressRate = gateway.Rate{PerSecond: 1, Burst: 2} })
	for i, want := range []int{404, 404, 429} {
		if a := w.do("GET", "/v1/nothing", "", "", "X-Forwarded-For", strings.Repeat("1", i+1)+".0.0.1"); a.status != want {
			t.Errorf("request %d: %d, want %d", i, a.status, want)
		}
	}
}

func TestMetricsAreForOperators(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if a := w.do("GET", "/metrics", "", ""); a.status != 200 || !strings.Contains(a.body, "http_server") {
		t.Errorf("from this machine: %d", a.status)
	}
	if a := w.do("GET", "/metrics", "", "", "X-Forwarded-For", "203.0.113.9"); a.status != 404 {
		t.Errorf("through a proxy that nobody trusts: %d", a.status)
	}
}
