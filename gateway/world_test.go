package gateway_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/upright-clinic/upright/gateway"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/clock"
	"github.com/upright-clinic/upright/services/platform/rpc"
	"github.com/upright-clinic/upright/services/platform/telemetry"
)

// noon is a Tuesday, ten in the morning in Vancouver.
var noon = time.Date(2026, 11, 24, 18, 0, 0, 0, time.UTC)

// world is a gateway in front of small services that speak the real protos through the
// real servers: signed principals, access rules, validation and all.
type world struct {
	t     testing.TB
	clock *clock.Fake
	spy   *spy
	dir   *directory
	in    *intake
	plans *plans
	care  *care
	book  *booking
	waits *waits
	gw    *gateway.Gateway
	url   string
}

// spy notes which methods are called, and with what.
type spy struct {
	mu    sync.Mutex
	calls []string
}

func (s *spy) note(method string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, method[strings.LastIndexByte(method, '/')+1:])
}

// take returns the methods called since the last time.
func (s *spy) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.calls
	s.calls = nil
	return calls
}

// spied is a connection that is watched.
type spied struct {
	grpc.ClientConnInterface
	spy *spy
}

func (c spied) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	c.spy.note(method)
	return c.ClientConnInterface.Invoke(ctx, method, args, reply, opts...)
}

// newWorld starts everything. change may alter the configuration.
func newWorld(t testing.TB, change ...func(*gateway.Config, *gateway.Kit)) *world {
	t.Helper()
	w := &world{t: t, clock: clock.NewFake(noon), spy: &spy{}}
	w.dir, w.in, w.plans, w.book, w.care = newDirectory(w), newIntake(), newPlans(), newBooking(), &care{}
	w.waits = newWaits(w)
	w.book.waits = w.waits
	ring, err := authn.GenerateKeyring(append([]string{"gateway"}, gateway.Services...)...)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ring.EdgeSigner("gateway", w.clock)
	if err != nil {
		t.Fatal(err)
	}
	quiet, err := telemetry.New(t.Context(), telemetry.Config{Service: "test", LogWriter: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	peers := map[string]grpc.ClientConnInterface{}
	for name, register := range map[string]func(grpc.ServiceRegistrar){
		"directory": w.dir.register, "intake": w.in.register, "plans": func(r grpc.ServiceRegistrar) { w.plans.register(r); w.care.register(r) }, "booking": w.book.register,
	} {
		server := rpc.NewServer(rpc.Config{Service: name, Verifier: ring.Verifier(name, w.clock), Telemetry: quiet})
		register(server)
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
		peer, err := rpc.NewPeer(server.InProcess(), rpc.PeerConfig{Service: name, Signer: signer, Telemetry: quiet})
		if err != nil {
			t.Fatal(err)
		}
		peers[name] = spied{peer, w.spy}
	}
	cfg := gateway.Config{Heartbeat: 50 * time.Millisecond}
	kit := gateway.Kit{
		Peer: func(service string) grpc.ClientConnInterface { return peers[service] }, Telemetry: quiet, Clock: w.clock,
		Log: slog.New(slog.DiscardHandler),
	}
	for _, f := range change {
		f(&cfg, &kit)
	}
	if w.gw, err = gateway.New(t.Context(), cfg, kit); err != nil {
		t.Fatal(err)
	}
	w.serve()
	return w
}

// serve puts the gateway on a port and runs its live part.
func (w *world) serve() {
	server := httptest.NewUnstartedServer(w.gw)
	server.Config = w.gw.Server()
	server.Start()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = w.gw.Run(ctx)
	}()
	w.url = server.URL
	w.t.Cleanup(func() {
		cancel()
		<-done
		server.Close()
	})
}

// listen puts another server for the gateway on a port, and turns to it.
func (w *world) listen(t *testing.T, server *http.Server) {
	t.Helper()
	s := httptest.NewUnstartedServer(w.gw)
	s.Config = server
	s.Start()
	t.Cleanup(s.CloseClientConnections)
	t.Cleanup(s.Close)
	w.url = s.URL
}

// The people of the clinic, by the token that their session has.
const (
	patient   = "token-patient"
	reception = "token-reception"
	clinician = "token-clinician"
	admin     = "token-admin"
	privacy   = "token-privacy"
)

var people = map[string]authn.Principal{
	patient:   {Subject: "acc_patient", ClinicID: "cln_1", Roles: []typev1.Role{typev1.Role_ROLE_PATIENT}, PatientIDs: []string{"pat_1"}, SessionID: "ses_1"},
	reception: {Subject: "acc_reception", ClinicID: "cln_1", Roles: []typev1.Role{typev1.Role_ROLE_RECEPTIONIST}, SessionID: "ses_2"},
	clinician: {Subject: "acc_clinician", ClinicID: "cln_1", Roles: []typev1.Role{typev1.Role_ROLE_CLINICIAN}, Profession: typev1.Profession_PROFESSION_PHYSICIAN, PractitionerID: "prac_1", SessionID: "ses_3"},
	admin:     {Subject: "acc_admin", ClinicID: "cln_1", Roles: []typev1.Role{typev1.Role_ROLE_ADMIN}, SessionID: "ses_4"},
	privacy:   {Subject: "acc_privacy", ClinicID: "cln_1", Roles: []typev1.Role{typev1.Role_ROLE_PRIVACY_OFFICER}, SessionID: "ses_5"},
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// problem reads a problem document.
func (a answer) problem(t testing.TB) map[string]any {
	t.Helper()
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("Content-Type %q: %.200s", got, a.body)
	}
	var doc map[string]any
	if err := json.Unmarshal([]byte(a.body), &doc); err != nil {
		t.Fatalf("no problem document: %v: %.300s", err, a.body)
	}
	return doc
}

// fields are the fields that a problem names.
func fields(doc map[string]any) (names []string) {
	list, _ := doc["violations"].([]any)
	for _, v := range list {
		one, _ := v.(map[string]any)
		name, _ := one["field"].(string)
		names = append(names, name)
	}
	return names
}

// do sends one request. headers are names and values in turns.
func (w *world) do(method, path, token, body string, headers ...string) answer {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(data)}
}

// browser is a person with cookies, who follows redirects and does not run scripts.
type browser struct {
	w      *world
	client *http.Client
	// path is where the browser is after redirects.
	path string
}

func (w *world) browser(token string) *browser {
	w.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	if token != "" {
		u, err := url.Parse(w.url)
		if err != nil {
			w.t.Fatal(err)
		}
		jar.SetCookies(u, []*http.Cookie{{Name: "upright", Value: token, Path: "/"}})
	}
	return &browser{w: w, client: &http.Client{Jar: jar}}
}

// get opens a page.
func (b *browser) get(path string) answer { return b.send("GET", path, nil) }

// post sends a form.
func (b *browser) post(path string, form url.Values) answer { return b.send("POST", path, form) }

func (b *browser) send(method, path string, form url.Values) answer {
	b.w.t.Helper()
	r, err := http.NewRequestWithContext(b.w.t.Context(), method, b.w.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.w.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html,application/xhtml+xml")
	if method == "POST" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		r.Header.Set("Origin", b.w.url)
	}
	res, err := b.client.Do(r)
	if err != nil {
		b.w.t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		b.w.t.Fatal(err)
	}
	b.path = res.Request.URL.RequestURI()
	a := answer{res.StatusCode, res.Header, string(data)}
	checkHTML(b.w.t, method+" "+path, a)
	return a
}

// wants fails when the page does not have every text.
func (a answer) wants(t testing.TB, status int, texts ...string) answer {
	t.Helper()
	if a.status != status {
		t.Errorf("status %d, want %d: %s", a.status, status, a.main())
	}
	for _, text := range texts {
		if !strings.Contains(a.body, text) {
			t.Errorf("the page has no %q: %s", text, a.main())
		}
	}
	return a
}

// main is the part of a page that matters, shortened, for a message of a test.
func (a answer) main() string {
	_, body, found := strings.Cut(a.body, "<main")
	if !found {
		body = a.body
	}
	return strings.Join(strings.Fields(body[:min(len(body), 1500)]), " ")
}

// lacks fails when the page has one of the texts.
func (a answer) lacks(t testing.TB, texts ...string) answer {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(a.body, text) {
			t.Errorf("the page has %q: %s", text, a.main())
		}
	}
	return a
}

// hidden returns the hidden fields of the form with the action.
func (a answer) hidden(t testing.TB, action string) url.Values {
	t.Helper()
	form := url.Values{}
	for _, f := range parseHTML(t, a.body).all("form") {
		if f.attr("action") != action {
			continue
		}
		for _, in := range f.all("input") {
			if in.attr("type") == "hidden" {
				form.Add(in.attr("name"), in.attr("value"))
			}
		}
		return form
	}
	t.Fatalf("no form for %s in %s", action, a.body)
	return nil
}

// hash tells whether two texts are the same without printing them.
func hash(s string) [32]byte { return sha256.Sum256([]byte(s)) }

// mutating reports whether a method changes something, by its name.
func mutating(method string) bool {
	for _, reading := range []string{"Get", "List", "Search", "BatchGet", "Check", "Explain", "Evaluate", "Resolve"} {
		if strings.HasPrefix(method, reading) {
			return slices.Contains([]string{"ResolveIssue", "CheckInAppointment"}, method)
		}
	}
	return true
}
