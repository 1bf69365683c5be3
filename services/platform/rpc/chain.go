package rpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	otelcodes "go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/clock"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/telemetry"
)

// The chain, in order, for calls from the network and from the same process alike:
//
//	telemetry  span, duration by method and code
//	recovery   a panic becomes INTERNAL; its type and stack are logged, never its value
//	stopping   no new call once the server drains
//	deadline   a default when the caller set none; refused when too little is left
//	authn      signed principal, or bearer token through the exchange
//	access     the method's rule
//	request    protovalidate, request_id
//	handler
//	mapping    fault to status; private causes to the log, scrubbed
//
// It is one function instead of nested interceptors, since each nesting would cost every
// call two allocations and hide the order.

// unary is the interceptor of unary methods.
func (s *Server) unary(
	ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler,
) (response any, err error) {
	m := s.methods[info.FullMethod]
	if m == nil {
		return nil, ToStatus(foreign[codes.Unimplemented])
	}
	ctx, c := s.begin(ctx, m)
	defer func() {
		if panicked := recover(); panicked != nil {
			response, err = nil, s.recovered(ctx, m, panicked)
		}
		err = c.end(ctx, err)
	}()
	admitted, leave, err := s.admit(ctx, m, s.cfg.Deadline)
	if err != nil {
		return nil, err
	}
	defer leave()
	accepted, err := s.accept(admitted, m, request)
	if err != nil {
		return nil, err
	}
	return handler(accepted, request)
}

// stream is the interceptor of streaming methods. A stream may live as long as its caller
// wants it to, so no default deadline is set; each message received is checked.
func (s *Server) stream(
	server any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler,
) (err error) {
	m := s.methods[info.FullMethod]
	if m == nil {
		return ToStatus(foreign[codes.Unimplemented])
	}
	ctx, c := s.begin(ss.Context(), m)
	defer func() {
		if panicked := recover(); panicked != nil {
			err = s.recovered(ctx, m, panicked)
		}
		err = c.end(ctx, err)
	}()
	admitted, leave, err := s.admit(ctx, m, 0)
	if err != nil {
		return err
	}
	defer leave()
	return handler(server, &checkedStream{ServerStream: ss, ctx: admitted})
}

// checkedStream is a stream with the chain's context, and validation of what comes in.
type checkedStream struct {
	grpc.ServerStream
	ctx context.Context
}

// Context implements [grpc.ServerStream].
func (s *checkedStream) Context() context.Context { return s.ctx }

// RecvMsg implements [grpc.ServerStream].
func (s *checkedStream) RecvMsg(m any) error {
	if err := s.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	message, ok := m.(proto.Message)
	if !ok {
		return nil
	}
	return Validate(message)
}

// call is one call under way.
type call struct {
	server *Server
	method *method
	span   trace.Span
	start  time.Time
}

// begin starts the span of a call, under the caller's trace if it sent one.
func (s *Server) begin(ctx context.Context, m *method) (context.Context, call) {
	start := s.cfg.Clock.Now()
	ctx, span := telemetry.StartRemote(ctx, s.tracer, traceFrom(ctx), m.span,
		trace.WithSpanKind(trace.SpanKindServer), m.attrs)
	return ctx, call{server: s, method: m, span: span, start: start}
}

// end maps the error of a call to a status, counts and logs it, and ends the span.
func (c call) end(ctx context.Context, err error) error {
	took := c.server.cfg.Clock.Now().Sub(c.start)
	code := codes.OK
	if err != nil {
		f := asFault(err)
		code = codeOf(f.Kind)
		c.server.report(ctx, c.method, f, code, took)
		if c.span.IsRecording() {
			c.span.SetAttributes(spanCode(code), spanReason(f.Reason))
			if serverError(code) {
				c.span.SetStatus(otelcodes.Error, f.Reason)
			}
		}
		err = statusOf(f).Err()
	}
	c.span.End()
	c.server.durations.Record(ctx, took.Seconds(), c.method.labels.of(code))
	return err
}

// admit lets a call in: it sets the deadline and finds out who calls and whether the
// method's rule names them.
func (s *Server) admit(
	ctx context.Context, m *method, deadline time.Duration,
) (context.Context, context.CancelFunc, error) {
	done, err := s.drain.enter()
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel, err := withDeadline(ctx, deadline)
	if err != nil {
		done()
		return nil, nil, err
	}
	leave := func() { cancel(); done() }
	p, known, err := s.authenticate(ctx, m)
	if err != nil {
		leave()
		return nil, nil, err
	}
	if refusal := m.rule.check(p, known); refusal != nil {
		leave()
		return nil, nil, refusal.With("method", m.span)
	}
	if known {
		ctx = authn.With(ctx, p)
	}
	return ctx, leave, nil
}

// leastTime is the time below which a call is not worth starting: its answer would come
// after its caller stopped waiting.
const leastTime = 3 * time.Millisecond

// withDeadline gives the context a deadline when it has none and fallback is not 0. It
// refuses with CANCELED when the caller is gone and with DEADLINE_EXCEEDED when less than
// leastTime is left. Deadlines are the machine's time, whatever clock the server has.
func withDeadline(
	ctx context.Context, fallback time.Duration,
) (context.Context, context.CancelFunc, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		if deadline.Sub(clock.System.Now()) < leastTime {
			return nil, nil, foreign[codes.DeadlineExceeded]
		}
		return ctx, func() {}, nil
	}
	if fallback == 0 {
		return ctx, func() {}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, fallback)
	return ctx, cancel, nil
}

// authenticate finds the caller in the metadata. Credentials that are no good count as
// none on a public method, which must work for a browser with a stale session; elsewhere
// they are refused.
func (s *Server) authenticate(ctx context.Context, m *method) (authn.Principal, bool, error) {
	p, known, err := s.caller(ctx)
	if err == nil {
		return p, known, nil
	}
	if m.rule.public {
		return authn.Principal{}, false, nil
	}
	var outage *fault.Error
	if errors.As(err, &outage) {
		return authn.Principal{}, false, outage // it says nothing about the token
	}
	return authn.Principal{}, false, foreign[codes.Unauthenticated].With("method", m.span).Because(err)
}

// caller reads the credentials of a call. An error that is a fault means that they could
// not be judged; any other that they are no good.
func (s *Server) caller(ctx context.Context) (authn.Principal, bool, error) {
	if token := first(ctx, authn.MetadataPrincipal); token != "" {
		p, err := s.cfg.Verifier.Verify(token)
		return p, err == nil, err
	}
	header := first(ctx, authn.MetadataAuthorization)
	if header == "" {
		return authn.Principal{}, false, nil
	}
	scheme, token, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "bearer") || s.cfg.Exchange == nil {
		return authn.Principal{}, false, errors.New("rpc: no bearer token, or none is accepted here")
	}
	p, err := s.cfg.Exchange(ctx, token)
	if err == nil {
		return p, true, nil
	}
	f := asFault(err)
	if slices.Contains(refusals, f.Kind) {
		err = fmt.Errorf("rpc: the exchange refuses the token: %s", f.Reason)
		return authn.Principal{}, false, err
	}
	return authn.Principal{}, false, f
}

// refusals are the kinds of fault by which an exchange says that a token is no good. Any
// other means that it could not find out, which must not sign anybody out.
var refusals = []fault.Kind{
	fault.Unauthenticated, fault.PermissionDenied, fault.NotFound, fault.InvalidArgument, fault.FailedPrecondition,
}

// first returns the value of a metadata key. A key that was sent twice counts as not sent:
// which of the two a proxy in front looked at cannot be known.
func first(ctx context.Context, key string) string {
	values := metadata.ValueFromIncomingContext(ctx, key)
	if len(values) != 1 {
		return ""
	}
	return values[0]
}

// accept validates a request and puts its request_id into the context.
func (s *Server) accept(ctx context.Context, m *method, request any) (context.Context, error) {
	message, ok := request.(proto.Message)
	if !ok {
		return nil, fault.From(fmt.Errorf("rpc: a %T is no message", request))
	}
	if err := Validate(message); err != nil {
		return nil, err
	}
	id := m.requestIDOf(request)
	if id == "" {
		id = first(ctx, MetadataRequestID)
		if len(id) > maxRequestID {
			return nil, fault.Invalid("request_id", fmt.Sprintf("is longer than %d bytes", maxRequestID))
		}
	}
	if id != "" {
		ctx = requestid.With(ctx, id)
	}
	return ctx, nil
}

// recovered logs a panic and returns the fault that stands for it. What was passed to
// panic may hold anything of the request, so only its type is logged; an error of the Go
// runtime speaks of indexes and types alone and is logged in full.
func (s *Server) recovered(ctx context.Context, m *method, panicked any) error {
	attrs := []slog.Attr{
		slog.String("method", m.span),
		slog.String("panic_type", fmt.Sprintf("%T", panicked)),
		slog.String("stack", string(debug.Stack())),
	}
	var failure runtime.Error
	if err, ok := panicked.(error); ok && errors.As(err, &failure) && strings.HasPrefix(fmt.Sprintf("%T", failure), "runtime.") {
		attrs = append(attrs, slog.String("panic", telemetry.Scrub(failure.Error())))
	}
	s.cfg.Log.LogAttrs(ctx, slog.LevelError, "handler panicked", attrs...)
	return fault.New(fault.Internal, "INTERNAL", "Something went wrong on our side.")
}
