// Package edge is what every HTTP request passes before anything of the clinic's is asked:
// the path is plain, the body is small, the caller is not too fast, no other site sent it,
// the session is good and the row of the table lets its account in.
package edge

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"

	"google.golang.org/grpc/metadata"

	"github.com/upright-clinic/upright/gateway/internal/exchange"
	"github.com/upright-clinic/upright/gateway/internal/limit"
	"github.com/upright-clinic/upright/gateway/internal/problem"
	"github.com/upright-clinic/upright/gateway/internal/route"
	"github.com/upright-clinic/upright/gateway/internal/session"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/clock"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/rpc"
	"github.com/upright-clinic/upright/services/platform/telemetry"
)

// APIPrefix is where the public API begins. Below it, rows of the table without variables
// come first.
const APIPrefix = "/v1/"

const (
	headerRequestID  = "Idempotency-Key"
	headerBackground = "Upright-Background"
)

// Limits are how much callers may do.
type Limits struct {
	// Address and Account limit every request of a network address and of an account.
	Address, Account limit.Rate
	// Strict limits what anybody may do without being signed in and that tries passwords or
	// makes accounts, for each network address.
	Strict limit.Rate
	// Body is the largest body in bytes.
	Body int64
}

// Config says what is behind the edge and how strict it is.
type Config struct {
	// Table has every path but those of the API.
	Table *route.Table
	// API answers below [APIPrefix]; it asks [Edge.Admit] for each call.
	API http.Handler
	// Sessions finds out who sent a request.
	Sessions *session.Cache
	// Cookies reads the session cookie.
	Cookies session.Cookies
	// Limits are how much callers may do.
	Limits Limits
	// TrustedProxies are the addresses whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	// Operators are the addresses of those who run the machine.
	Operators []netip.Prefix
	// Fail writes the answer to a request that failed, in the form given.
	Fail func(w http.ResponseWriter, r *http.Request, form route.Form, f *fault.Error)
	// Clock tells the time.
	Clock clock.Clock
	// Log receives what went wrong on our side.
	Log *slog.Logger
}

// Edge is the front of the gateway.
type Edge struct {
	cfg     Config
	origin  *http.CrossOriginProtection
	headers map[route.Form]http.Header

	address, account, strict *limit.Bucket
}

// New returns the front of what cfg names.
func New(cfg Config) *Edge {
	e := &Edge{
		cfg: cfg, origin: http.NewCrossOriginProtection(), headers: headers(cfg.Cookies.Secure),
		address: limit.NewBucket(cfg.Limits.Address),
		account: limit.NewBucket(cfg.Limits.Account),
		strict:  limit.NewBucket(cfg.Limits.Strict),
	}
	return e
}

// ServeHTTP answers one request.
func (e *Edge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange.Exchange{RequestID: telemetry.TraceID(r.Context())}
	x.Address, x.Operator = e.client(r)
	r = r.WithContext(exchange.With(r.Context(), x))
	row, form, f := e.find(r)
	e.setHeaders(w.Header(), form)
	sent := &sent{ResponseWriter: w}
	defer e.recover(sent, r, form)
	most := e.cfg.Limits.Body
	if row != nil && row.Body > 0 {
		most = row.Body
	}
	if f == nil {
		f = e.pass(x, r, most)
	}
	if f != nil {
		e.fail(sent, r, row, form, f)
		return
	}
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = http.MaxBytesReader(w, r.Body, most)
	}
	if row == nil {
		e.cfg.API.ServeHTTP(sent, r)
		return
	}
	x.Route = row.Pattern
	telemetry.SetRoute(r.Context(), row.Pattern)
	ctx, f := e.admit(r, row.Access, row.Strict, row.Form)
	if f != nil {
		e.cfg.Fail(sent, r, form, f)
		return
	}
	e.cfg.Table.Serve(sent, r.WithContext(ctx))
}

// find decides who answers: a row of the table, or with none and no fault the API.
func (e *Edge) find(r *http.Request) (*route.Route, route.Form, *fault.Error) {
	api := strings.HasPrefix(r.URL.Path, APIPrefix)
	form := route.Page
	if api || !strings.Contains(r.Header.Get("Accept"), "text/html") {
		form = route.API
	}
	if !plain(r) || (api && strings.HasSuffix(r.URL.Path, "/")) { // the API has no empty ids
		return nil, form, problem.RouteNotFound()
	}
	if api && !e.cfg.Table.Has(r.URL.Path) {
		return nil, route.API, nil
	}
	row, allow := e.cfg.Table.Match(r)
	switch {
	case row != nil:
		return row, row.Form, nil
	case allow != "":
		return nil, form, problem.MethodNotAllowed().With("allow", allow)
	}
	return nil, form, problem.RouteNotFound()
}

// plain reports whether a path says what it seems to say. A path that needs cleaning or
// decoding to be understood is not there: two readers could understand it differently.
func plain(r *http.Request) bool {
	path := r.URL.Path
	if !strings.HasPrefix(path, "/") || len(path) > 2048 ||
		strings.Contains(path, "//") || strings.Contains(path, "/./") || strings.Contains(path, "/../") ||
		strings.HasSuffix(path, "/.") || strings.HasSuffix(path, "/..") {
		return false
	}
	for i := range len(path) {
		if c := path[i]; c < 0x20 || c == 0x7f || c == '\\' || c == '%' { // a percent sign left over was encoded twice
			return false
		}
	}
	raw := r.URL.RawPath // set only when the path was encoded in an unusual way
	if raw == "" {
		return true
	}
	raw = strings.ToLower(raw)
	for _, hidden := range [...]string{"%2f", "%5c", "%2e", "%25"} {
		if strings.Contains(raw, hidden) {
			return false
		}
	}
	return true
}

// pass is what a request must pass whatever its row: the limit of its address, no other
// site behind it, and a body that is not announced as too large.
func (e *Edge) pass(x *exchange.Exchange, r *http.Request, most int64) *fault.Error {
	if ok, retry := e.address.Take(x.Address, e.cfg.Clock.Now()); !ok {
		return problem.RateLimited(retry)
	}
	if f := e.checkOrigin(r); f != nil {
		return f
	}
	if r.ContentLength > most {
		return problem.BodyTooLarge(most)
	}
	return nil
}

// checkOrigin refuses what a browser sends on behalf of another site. Browsers that do not
// say which site they come from are compared by host alone (http.CrossOriginProtection), so
// behind TLS an origin on plain HTTP, which anybody on the network can be, is refused here.
func (e *Edge) checkOrigin(r *http.Request) *fault.Error {
	err := e.origin.Check(r)
	if err == nil && e.cfg.Cookies.Secure && !safe(r.Method) {
		if origin := r.Header.Get("Origin"); origin != "" && !strings.HasPrefix(origin, "https://") {
			err = fmt.Errorf("origin is not on https")
		}
	}
	if err != nil {
		return fault.New(fault.PermissionDenied, problem.ReasonCrossOrigin, "another site sent this request").Because(err)
	}
	return nil
}

// safe reports whether a method changes nothing (RFC 9110 section 9.2.1).
func safe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// Admit finds out who sent a call of the API and lets it in or not. The context that it
// returns carries the caller and the id that makes a retry the same request.
func (e *Edge) Admit(r *http.Request, pattern string, access route.Access, strict bool) (context.Context, *fault.Error) {
	exchange.From(r.Context()).Route = pattern
	telemetry.SetRoute(r.Context(), pattern)
	return e.admit(r, access, strict, route.API)
}

// admit checks limits and access. Without a session nobody is signed in; what is wrong
// with a session matters only where somebody must be.
func (e *Edge) admit(r *http.Request, access route.Access, strict bool, form route.Form) (context.Context, *fault.Error) {
	ctx := r.Context()
	x := exchange.From(ctx)
	if strict {
		if ok, retry := e.strict.Take(x.Address, e.cfg.Clock.Now()); !ok {
			return nil, problem.RateLimited(retry)
		}
	}
	caller := route.Caller{Operator: x.Operator}
	if form != route.File && (!access.IsPublic() || form == route.Page) {
		if f := e.identify(r, x); f != nil && !access.IsPublic() {
			return nil, f
		}
		if x.Session != nil {
			caller.Principal, caller.Form = &x.Session.Principal, x.Session.Form != ""
			ctx = authn.With(ctx, x.Session.Principal)
			if ok, retry := e.account.Take(x.Session.Principal.Subject, e.cfg.Clock.Now()); !ok {
				return nil, problem.RateLimited(retry)
			}
		}
	}
	if f := access.Check(caller); f != nil {
		return nil, f
	}
	if strict {
		// The directory, which throttles sign-ins, believes the address of a call that the
		// gateway signs in its own name.
		ctx = metadata.AppendToOutgoingContext(authn.WithService(ctx, "gateway", ""), rpc.MetadataClientAddress, x.Address)
	}
	if id := r.Header.Get(headerRequestID); id != "" {
		ctx = requestid.With(ctx, id)
	}
	return ctx, nil
}

// identify finds the session that a request belongs to.
func (e *Edge) identify(r *http.Request, x *exchange.Exchange) *fault.Error {
	token, ok := e.cfg.Cookies.Token(r)
	if !ok {
		return nil
	}
	if token == "" {
		return session.SignedOut()
	}
	background := r.Header.Get(headerBackground) != ""
	found, err := e.cfg.Sessions.Resolve(r.Context(), token, background)
	if err != nil {
		f := fault.From(err)
		if f.Kind == fault.Unauthenticated {
			return session.SignedOut()
		}
		return f
	}
	x.Session, x.Token = found, token
	return nil
}

// fail answers for a request that did not come as far as its row's access.
func (e *Edge) fail(w http.ResponseWriter, r *http.Request, row *route.Route, form route.Form, f *fault.Error) {
	if row != nil {
		exchange.From(r.Context()).Route = row.Pattern
		telemetry.SetRoute(r.Context(), row.Pattern)
	}
	if allow := f.Facts["allow"]; allow != "" {
		w.Header().Set("Allow", allow)
	}
	e.cfg.Fail(w, r, form, f)
}

// recover answers for a handler that panicked. The value may hold anything of the request,
// so only its type is logged. http.ErrAbortHandler ends the connection on purpose.
func (e *Edge) recover(w *sent, r *http.Request, form route.Form) {
	failure := recover()
	if failure == nil {
		return
	}
	if failure == http.ErrAbortHandler { //nolint:errorlint // panic values are compared as net/http does
		panic(failure)
	}
	e.cfg.Log.LogAttrs(r.Context(), slog.LevelError, "handler panicked",
		slog.String("route", exchange.From(r.Context()).Route),
		slog.String("panic_type", fmt.Sprintf("%T", failure)), slog.String("stack", string(debug.Stack())))
	if w.begun {
		panic(http.ErrAbortHandler) // half an answer must not look like a whole one
	}
	e.cfg.Fail(w, r, form, fault.New(fault.Internal, "INTERNAL", "something went wrong on our side"))
}

// sent is an answer that knows whether it has begun.
type sent struct {
	http.ResponseWriter
	begun bool
}

// WriteHeader implements http.ResponseWriter.
func (s *sent) WriteHeader(status int) {
	s.begun = true
	s.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (s *sent) Write(b []byte) (int, error) {
	s.begun = true
	return s.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (s *sent) Unwrap() http.ResponseWriter { return s.ResponseWriter }
