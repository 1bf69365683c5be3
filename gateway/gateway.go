// Package gateway is the clinic's front: HTTP outside, gRPC inside.
//
// It serves the public API that the services' protos declare, pages that work without
// JavaScript, live events, and what operators look at. It keeps no clinical state and no
// session of its own, so any number of gateways can run beside each other.
//
// # Asks
//
// directory, intake, plans, booking
//
// # Hears
//
// every event, as ids and types, to wake open screens
package gateway

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/upright-clinic/upright/gateway/internal/asset"
	"github.com/upright-clinic/upright/gateway/internal/edge"
	"github.com/upright-clinic/upright/gateway/internal/exchange"
	"github.com/upright-clinic/upright/gateway/internal/limit"
	"github.com/upright-clinic/upright/gateway/internal/live"
	"github.com/upright-clinic/upright/gateway/internal/page"
	"github.com/upright-clinic/upright/gateway/internal/pass"
	"github.com/upright-clinic/upright/gateway/internal/problem"
	"github.com/upright-clinic/upright/gateway/internal/route"
	"github.com/upright-clinic/upright/gateway/internal/session"
	"github.com/upright-clinic/upright/gateway/internal/transcode"
	"github.com/upright-clinic/upright/gateway/web"
	openapi "github.com/upright-clinic/upright/proto"
	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	eventsv1 "github.com/upright-clinic/upright/proto/gen/go/upright/events/v1"
	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/clock"
	"github.com/upright-clinic/upright/services/platform/daemon"
	"github.com/upright-clinic/upright/services/platform/eventbus"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/telemetry"
)

// Services are the services that the gateway asks, by the names that [Kit.Peer] takes.
var Services = []string{"directory", "intake", "plans", "booking"}

// Rate is how much one caller may do.
type Rate struct {
	// PerSecond is how many requests a second may go on for ever; negative: no limit.
	PerSecond float64
	// Burst is how many may come at once after a pause.
	Burst int
}

// Config is what an operator may choose. Its zero value works on plain HTTP.
type Config struct {
	// Secure is true when browsers reach the gateway over TLS, its own or a proxy's: the
	// session cookie is then bound to the host, and browsers are told to stay on TLS.
	Secure bool
	// Dev is the folder gateway/web of a checkout: pages are read from there and again for
	// each request. Empty: those built in.
	Dev string
	// AddressRate and AccountRate limit every request, by network address and by account;
	// zero means 100 a second with bursts of 400, and 50 with bursts of 200.
	AddressRate, AccountRate Rate
	// StrictRate limits signing in and registering, by network address; zero means one in
	// six seconds with bursts of 20.
	StrictRate Rate
	// MaxBody is the largest body of a request in bytes; zero means 1 MiB.
	MaxBody int64
	// TrustedProxies are the networks whose X-Forwarded-For is believed, such as
	// "10.0.0.0/8".
	TrustedProxies []string
	// Operators are the networks that may see /metrics; empty means this machine.
	Operators []string
	// ShowOutgoing shows the messages that wait to be sent, with the secrets in them, to the
	// front desk: for a demonstration, where nothing is sent.
	ShowOutgoing bool
	// Heartbeat is the time between signs of life of an event stream; zero means 15
	// seconds.
	Heartbeat time.Duration
}

// Kit is what the gateway stands on.
type Kit struct {
	// Peer returns the connection to a service, which signs calls as an edge does
	// (authn.NewEdgeSigner).
	Peer func(service string) grpc.ClientConnInterface
	// Bus says when there is something new for open screens; nil: they are polled for.
	Bus *eventbus.Bus
	// Telemetry receives spans and metrics; nil discards them.
	Telemetry *telemetry.Telemetry
	// LinkKey seals the links by which patients come in without signing in: pass.KeySize bytes
	// that every gateway of an installation shares and that outlive it. Nil makes a key that
	// dies with the process, and the links with it.
	LinkKey []byte
	// Checks are what must be there, or is good to have, for /readyz.
	Checks []daemon.Check
	// Clock tells the time; nil means the system's.
	Clock clock.Clock
	// Log receives what went wrong on our side; nil discards.
	Log *slog.Logger
}

// Gateway is the running front. It is an [http.Handler].
type Gateway struct {
	cfg      Config
	kit      Kit
	handler  http.Handler
	edge     *edge.Edge
	hub      *live.Hub
	sessions *session.Cache
	cookies  session.Cookies
	site     *page.Site
	api      *transcode.Mux
	table    *route.Table
}

// New builds a gateway. It makes no call. It fails when a path has no access rule, when a
// template or a text is broken, and when a network in cfg is none.
func New(ctx context.Context, cfg Config, kit Kit) (*Gateway, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if kit, err = kit.withDefaults(ctx); err != nil {
		return nil, err
	}
	g := &Gateway{cfg: cfg, kit: kit, cookies: session.Cookies{Secure: cfg.Secure}}
	g.sessions = session.NewCache(g.resolve(), kit.Clock)
	g.hub = live.NewHub(live.Config{Logs: logs(kit.Peer), Bus: kit.Bus, Log: kit.Log})
	static := asset.New(sub(web.Files(cfg.Dev), "static"), "/static/", cfg.Dev != "")
	dist := web.Dist(cfg.Dev)
	g.site, err = page.New(page.Config{
		Peer: kit.Peer, Files: web.Files(cfg.Dev), Reload: cfg.Dev != "", Asset: static.URL, Sessions: g.sessions, Cookies: g.cookies,
		Diary: web.Built(dist), Outgoing: cfg.ShowOutgoing, Document: openapi.Document, LinkKey: kit.LinkKey, Clock: kit.Clock, Log: kit.Log,
	})
	if err != nil {
		return nil, err
	}
	g.api, err = transcode.New(ctx, transcode.Config{Peer: kit.Peer, Admit: g.admit, Answer: g.answer, Fail: g.failAPI})
	if err != nil {
		return nil, err
	}
	if g.table, err = route.NewTable(append(g.site.Routes(), g.routes(static, dist)...)); err != nil {
		return nil, err
	}
	trusted, operators, err := cfg.networks()
	if err != nil {
		return nil, err
	}
	g.edge = edge.New(edge.Config{
		Table: g.table, API: g.api, Sessions: g.sessions, Cookies: g.cookies,
		Limits: edge.Limits{
			Address: limit.Rate(cfg.AddressRate), Account: limit.Rate(cfg.AccountRate), Strict: limit.Rate(cfg.StrictRate), Body: cfg.MaxBody,
		},
		TrustedProxies: trusted, Operators: operators, Fail: g.fail, Clock: kit.Clock, Log: kit.Log,
	})
	observe, err := telemetry.HTTP(telemetry.HTTPConfig{Telemetry: kit.Telemetry, Clock: kit.Clock})
	if err != nil {
		return nil, err
	}
	g.handler = observe(g.edge)
	return g, nil
}

// ServeHTTP answers one request.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) { g.handler.ServeHTTP(w, r) }

// Run hands events to open screens until ctx ends; then it sends every screen away, so
// that the server can stop.
func (g *Gateway) Run(ctx context.Context) error { return g.hub.Run(ctx) }

// Close releases what the gateway holds. Its connections belong to whoever made them.
func (g *Gateway) Close() error { return nil }

// Server returns an HTTP server for the gateway with the limits of an open port: headers
// within 5 seconds, a request within 30, an answer within 60, and 64 KiB of headers.
// Streams of events are not held to them.
func (g *Gateway) Server() *http.Server {
	return &http.Server{
		Handler:           g,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       120 * time.Second,
		MaxHeaderBytes:    64 << 10,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: 100},
		ErrorLog:          slog.NewLogLogger(g.kit.Log.Handler(), slog.LevelDebug),
	}
}

// withDefaults fills in what an operator did not choose.
func (c Config) withDefaults() (Config, error) {
	set := func(r *Rate, perSecond float64, burst int) {
		if r.PerSecond == 0 {
			*r = Rate{PerSecond: perSecond, Burst: burst}
		}
	}
	set(&c.AddressRate, 100, 400)
	set(&c.AccountRate, 50, 200)
	set(&c.StrictRate, 1.0/6, 20)
	if c.MaxBody == 0 {
		c.MaxBody = 1 << 20
	}
	if c.MaxBody < 0 {
		return c, errors.New("gateway: the largest body must not be negative")
	}
	if len(c.Operators) == 0 {
		c.Operators = []string{"127.0.0.0/8", "::1/128"}
	}
	return c, nil
}

// networks reads the networks of a configuration.
func (c Config) networks() (trusted, operators []netip.Prefix, err error) {
	parse := func(texts []string) (all []netip.Prefix, err error) {
		for _, text := range texts {
			p, err := netip.ParsePrefix(text)
			if err != nil {
				return nil, fmt.Errorf("gateway: %q is no network: %w", text, err)
			}
			all = append(all, p.Masked())
		}
		return all, nil
	}
	if trusted, err = parse(c.TrustedProxies); err != nil {
		return nil, nil, err
	}
	operators, err = parse(c.Operators)
	return trusted, operators, err
}

// withDefaults fills in what the caller left out.
func (k Kit) withDefaults(ctx context.Context) (Kit, error) {
	if k.Peer == nil {
		return k, errors.New("gateway: no connections to services")
	}
	if k.Clock == nil {
		k.Clock = clock.System
	}
	if k.LinkKey == nil {
		k.LinkKey = make([]byte, pass.KeySize)
		_, _ = rand.Read(k.LinkKey) // it never fails
	}
	if k.Log == nil {
		k.Log = slog.New(slog.DiscardHandler)
	}
	if k.Telemetry == nil {
		t, err := telemetry.New(ctx, telemetry.Config{Service: "gateway", LogLevel: slog.LevelError})
		if err != nil {
			return k, err
		}
		k.Telemetry = t
	}
	return k, nil
}

// logs are the services' event logs.
func logs(peer func(string) grpc.ClientConnInterface) map[string]eventsv1.EventLogServiceClient {
	all := make(map[string]eventsv1.EventLogServiceClient, len(Services))
	for _, service := range Services {
		all[service] = eventsv1.NewEventLogServiceClient(peer(service))
	}
	return all
}

// resolve asks the directory whose session a token is. The gateway asks in its own name.
func (g *Gateway) resolve() session.Source {
	accounts := directoryv1.NewAccountServiceClient(g.kit.Peer("directory"))
	forms := intakev1.NewFormServiceClient(g.kit.Peer("intake"))
	return func(ctx context.Context, token string, background bool) (*session.Session, error) {
		if strings.HasPrefix(token, formToken) {
			return resolveForm(ctx, forms, token)
		}
		got, err := accounts.ResolveSession(authn.WithService(ctx, "gateway", ""), &directoryv1.ResolveSessionRequest{
			Token: token, Background: background,
		})
		if fault.IsKind(err, fault.InvalidArgument) {
			return nil, session.SignedOut() // it cannot be a token
		}
		if err != nil {
			return nil, err
		}
		ends := got.GetExpireTime().AsTime()
		if idle := got.GetIdleExpireTime(); idle != nil && idle.AsTime().Before(ends) {
			ends = idle.AsTime()
		}
		return &session.Session{ExpireTime: ends, Principal: authn.Principal{
			Subject: got.GetAccountId(), ClinicID: got.GetClinicId(), Roles: got.GetRoles(), Profession: got.GetProfession(),
			PractitionerID: got.GetPractitionerId(), PatientIDs: got.GetPatientIds(), SessionID: got.GetSessionId(),
		}}, nil
	}
}

// formToken begins the token of a session that a link to a form began.
const formToken = "frm_"

// resolveForm asks intake whose a session for one form is.
func resolveForm(ctx context.Context, forms intakev1.FormServiceClient, token string) (*session.Session, error) {
	got, err := forms.ResolveFormSession(authn.WithService(ctx, "gateway", ""), &intakev1.ResolveFormSessionRequest{Token: token})
	if fault.IsKind(err, fault.InvalidArgument) {
		return nil, session.SignedOut()
	}
	if err != nil {
		return nil, err
	}
	return &session.Session{Form: got.GetIntakeId(), ExpireTime: got.GetExpireTime().AsTime(), Principal: authn.Principal{
		Subject: got.GetSessionId(), ClinicID: got.GetClinicId(), Roles: []typev1.Role{typev1.Role_ROLE_PATIENT},
		PatientIDs: []string{got.GetPatientId()}, SessionID: got.GetSessionId(),
	}}, nil
}

// admit lets a call of the API in, or not.
func (g *Gateway) admit(r *http.Request, b *transcode.Binding) (context.Context, *fault.Error) {
	return g.edge.Admit(r, b.Path, b.Access, b.Strict)
}

// answer gives browsers their session with the answer to signing in, and takes it away
// with the one to signing out.
func (g *Gateway) answer(ctx context.Context, h http.Header, response proto.Message) {
	var message any = response
	switch m := message.(type) {
	case *directoryv1.SignInResponse:
		g.cookies.Set(h, m.GetToken())
	case *directoryv1.SignOutResponse:
		g.sessions.Forget(exchange.From(ctx).Token)
		g.cookies.Clear(h)
	}
}

// fail answers for a request that failed, in the form that its client reads.
func (g *Gateway) fail(w http.ResponseWriter, r *http.Request, form route.Form, f *fault.Error) {
	if form == route.Page || form == route.File {
		g.site.Fail(w, r, f)
		return
	}
	g.failAPI(w, r, f)
}

// failAPI answers with a problem document. Failures of ours are logged with their cause.
func (g *Gateway) failAPI(w http.ResponseWriter, r *http.Request, f *fault.Error) {
	x := exchange.From(r.Context())
	if f.Kind == fault.Internal {
		g.kit.Log.LogAttrs(r.Context(), slog.LevelError, "request failed", slog.String("route", x.Route), slog.String("reason", f.Reason),
			slog.String("cause", causeOf(f)))
	}
	problem.Write(w, f, x.RequestID)
}

// causeOf is the private cause of a fault, without values.
func causeOf(f *fault.Error) string {
	if cause := f.Unwrap(); cause != nil {
		return telemetry.Scrub(cause.Error())
	}
	return ""
}
