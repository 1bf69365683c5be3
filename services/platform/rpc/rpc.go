// Package rpc is how services ask each other: gRPC servers and connections that behave the
// same over a network and inside one process.
//
// A [Server] runs every call through one chain: telemetry, recovery, deadline, the caller's
// proof of identity, the method's access rule, validation, and the mapping of faults to
// statuses. Access is denied by default: a server with a method that has no rule does not
// start. A [Port] puts servers on a network address; [Server.InProcess] is the channel for
// the program that runs them all.
//
// A [Peer] is the client's side: it signs each call, gives it a deadline, passes the trace
// on and turns statuses back into faults.
package rpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fullstorydev/grpchan/inprocgrpc"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"

	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/clock"
	"github.com/upright-clinic/upright/services/platform/telemetry"
)

// MetadataRequestID carries the id that makes a retry the same request, for requests
// without a request_id field of their own.
const MetadataRequestID = "idempotency-key"

// MetadataClientAddress carries the network address that a person calls from, as an edge saw
// it: services throttle by it, and see the edge's own address otherwise.
const MetadataClientAddress = "upright-client-address"

// maxRequestID is the longest id of a request, in bytes.
const maxRequestID = 128

// defaultDeadline is what a unary call gets whose caller set no deadline.
const defaultDeadline = 10 * time.Second

// scope names our instruments and spans.
const scope = "github.com/upright-clinic/upright/services/platform/rpc"

// Config sets up a [Server].
type Config struct {
	// Service is the server's name; principals must be signed for it.
	Service string
	// Verifier checks signed principals. Without one every non-public call is refused.
	Verifier *authn.Verifier
	// Exchange turns the session token of an "authorization: Bearer" header into the
	// principal it stands for; nil refuses bearer tokens. It is asked for each call, so
	// that a session ended is a session refused.
	Exchange func(ctx context.Context, token string) (authn.Principal, error)
	// Telemetry receives spans and metrics; nil means the process's default.
	Telemetry *telemetry.Telemetry
	// Log receives one line for each failed call; nil discards.
	Log *slog.Logger
	// Clock measures durations; nil means the system's.
	Clock clock.Clock
	// Deadline is given to unary calls that come without one; 0 means 10 seconds.
	Deadline time.Duration
}

// Server holds the methods of one service and the chain in front of them. It is a
// [grpc.ServiceRegistrar]; register everything before the first call.
type Server struct {
	cfg       Config
	methods   map[string]*method
	services  []registered
	problems  []error
	channel   *inprocgrpc.Channel
	tracer    trace.Tracer
	durations metric.Float64Histogram
	drain     drain

	started atomic.Bool // set under mu
	mu      sync.Mutex
	port    *Port // of Serve
	stopped bool
}

// registered is one gRPC service with what serves it.
type registered struct {
	desc *grpc.ServiceDesc
	impl any
}

// NewServer returns a server without methods.
func NewServer(cfg Config) *Server {
	if cfg.Clock == nil {
		cfg.Clock = clock.System
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Deadline == 0 {
		cfg.Deadline = defaultDeadline
	}
	if cfg.Verifier == nil {
		cfg.Verifier = authn.NewVerifier(cfg.Service, nil, cfg.Clock)
	}
	s := &Server{cfg: cfg, methods: map[string]*method{}, channel: &inprocgrpc.Channel{}}
	tracer, meter := instruments(cfg.Telemetry)
	s.tracer = tracer
	var err error
	s.durations, err = telemetry.DurationHistogram(meter, "rpc.server.call.duration", "Duration of gRPC calls served.")
	if err != nil {
		s.problems = append(s.problems, err)
	}
	s.channel.WithServerUnaryInterceptor(s.unary).WithServerStreamInterceptor(s.stream).WithCloner(cloner{})
	return s
}

// instruments returns the tracer and the meter to use.
func instruments(t *telemetry.Telemetry) (trace.Tracer, metric.Meter) {
	if t == nil {
		return otel.Tracer(scope), otel.Meter(scope)
	}
	return t.Tracer(), t.Meter()
}

// RegisterService implements [grpc.ServiceRegistrar]. What is wrong with a service, such as
// a method without an access rule, is kept for [Server.Start] to report, all of it at once.
func (s *Server) RegisterService(desc *grpc.ServiceDesc, impl any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started.Load() {
		s.cfg.Log.Error("service registered after the start", slog.String("service", desc.ServiceName))
		return // its methods are unknown to the chain, which refuses them
	}
	if slices.ContainsFunc(s.services, func(r registered) bool { return r.desc.ServiceName == desc.ServiceName }) {
		s.problems = append(s.problems, fmt.Errorf("%s: registered twice", desc.ServiceName))
		return
	}
	for _, m := range desc.Methods {
		s.addMethod(desc.ServiceName, m.MethodName, impl, m.Handler)
	}
	for _, m := range desc.Streams {
		s.addMethod(desc.ServiceName, m.StreamName, impl, nil)
	}
	s.services = append(s.services, registered{desc: desc, impl: impl})
	s.channel.RegisterService(desc, impl)
}

// addMethod adds one method, or a problem.
func (s *Server) addMethod(service, name string, impl any, handler grpc.MethodHandler) {
	m, err := newMethod(service, name)
	if err != nil {
		s.problems = append(s.problems, err)
		return
	}
	m.impl, m.handler = impl, handler
	s.methods[m.full] = m
}

// Start closes registration. It fails, naming every culprit, when a method has no access
// rule, when a rule lets nobody call, and when a service is registered twice. Until it
// succeeded no call reaches a handler.
func (s *Server) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := errors.Join(s.problems...); err != nil {
		return fmt.Errorf("%s does not start: %w", s.cfg.Service, err)
	}
	s.started.Store(true)
	return nil
}

// Service returns the server's name.
func (s *Server) Service() string { return s.cfg.Service }

// Methods returns the full names of the registered methods ("/package.Service/Method"),
// sorted.
func (s *Server) Methods() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := make([]string, 0, len(s.methods))
	for name := range s.methods {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Serve starts the server on a port of its own and serves until [Server.Stop], or until the
// listener fails, whose error it returns. After Stop it closes the listener at once.
func (s *Server) Serve(lis net.Listener) error {
	port, err := NewPort(PortConfig{Log: s.cfg.Log, Clock: s.cfg.Clock, Telemetry: s.cfg.Telemetry}, s)
	if err != nil {
		return errors.Join(err, lis.Close())
	}
	s.mu.Lock()
	stopped := s.stopped
	s.port = port
	s.mu.Unlock()
	if stopped {
		return lis.Close()
	}
	return port.Serve(lis)
}

// Stop refuses new calls and waits for those under way until the context ends; then their
// contexts are cancelled as far as they come from the network. It returns the context's
// error when calls were left.
func (s *Server) Stop(ctx context.Context) error {
	err := s.drain.stop(ctx)
	s.mu.Lock()
	s.stopped = true
	port := s.port
	s.mu.Unlock()
	if port != nil {
		err = errors.Join(err, port.Stop(ctx))
	}
	return err
}
