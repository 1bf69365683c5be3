package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"go.opentelemetry.io/otel/attribute"
	otelcodes "go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"

	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/clock"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/telemetry"
)

// defaultTimeout is the deadline of a call whose context has none.
const defaultTimeout = 5 * time.Second

// maxReconnect is the longest wait between attempts to reach a peer: services come up in
// any order, and a call made meanwhile fails at once with UNAVAILABLE.
const maxReconnect = 3 * time.Second

// PeerConfig sets up a [Peer].
type PeerConfig struct {
	// Service is the service at the other end; calls are signed for it.
	Service string
	// Signer signs the calls. An edge signer (the gateway's) shows a person's call as the
	// person's own and sends nothing when nobody is signed in; any other shows the calling
	// service with every call, and the person as its subject.
	Signer *authn.Signer
	// Timeout is the deadline of calls whose context has none; 0 means 5 seconds.
	Timeout time.Duration
	// Telemetry receives spans and, for calls over a network, metrics; nil means the
	// process's default.
	Telemetry *telemetry.Telemetry
	// Clock measures durations; nil means the system's.
	Clock clock.Clock
	// Credentials are the transport's, for [Dial]; nil is plain text.
	Credentials credentials.TransportCredentials
}

// Peer is a connection to one service, to be given to the generated clients. Errors that
// come out of it are faults.
//
// It does not repeat calls. gRPC itself sends a call again that provably never reached the
// other side; whether anything else may be repeated only its caller knows, who has its
// request_id.
type Peer struct {
	conn      grpc.ClientConnInterface
	local     *inProcess // conn, when it is the in-process channel
	cfg       PeerConfig
	tracer    trace.Tracer
	durations metric.Float64Histogram // nil in process, where the server counts the same call
	network   *grpc.ClientConn        // nil unless dialed
}

// NewPeer wraps the in-process channel of a server, or any other connection. It fails when
// no signer is given.
func NewPeer(conn grpc.ClientConnInterface, cfg PeerConfig) (*Peer, error) {
	if cfg.Signer == nil || cfg.Service == "" {
		return nil, errors.New("rpc: a peer needs a service and a signer")
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.Clock == nil {
		cfg.Clock = clock.System
	}
	tracer, _ := instruments(cfg.Telemetry)
	p := &Peer{conn: conn, cfg: cfg, tracer: tracer}
	if local, ok := conn.(inProcess); ok {
		p.local = &local
	}
	return p, nil
}

// Dial returns a peer at a network address ("host:port", or a gRPC target such as
// "dns:///host:port", all of whose addresses take turns). It connects when first used and
// again whenever the connection is lost, so the other side may start later. It fails when
// the address cannot be one.
func Dial(address string, cfg PeerConfig) (*Peer, error) {
	if cfg.Credentials == nil {
		cfg.Credentials = insecure.NewCredentials()
	}
	retry := backoff.DefaultConfig
	retry.BaseDelay, retry.MaxDelay = 100*time.Millisecond, maxReconnect
	conn, err := grpc.NewClient(address,
		grpc.WithTransportCredentials(cfg.Credentials),
		grpc.WithNoProxy(), // peers are our own; a proxy of the environment is for the world outside
		grpc.WithDisableServiceConfig(),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig":[{"round_robin":{}}]}`),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: retry, MinConnectTimeout: 2 * time.Second}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxReceive)),
	)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", cfg.Service, err)
	}
	p, err := NewPeer(conn, cfg)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	p.network = conn
	_, meter := instruments(cfg.Telemetry)
	p.durations, err = telemetry.DurationHistogram(meter, "rpc.client.call.duration", "Duration of gRPC calls made.")
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return p, nil
}

// Close ends the connection of [Dial]; calls under way fail with CANCELED.
func (p *Peer) Close() error {
	if p.network == nil {
		return nil
	}
	return p.network.Close()
}

// Connect starts connecting now instead of at the first call.
func (p *Peer) Connect() {
	if p.network != nil {
		p.network.Connect()
	}
}

// Ready reports whether the other side could be called, as far as is known without calling
// it: UNAVAILABLE while the connection cannot be made. A connection that rests for lack of
// calls is ready.
func (p *Peer) Ready(context.Context) error {
	if p.network == nil {
		return nil
	}
	state := p.network.GetState()
	if state == connectivity.Ready || state == connectivity.Idle {
		return nil
	}
	return fault.New(fault.Unavailable, state.String(), "The service cannot be reached; try again.").
		With("service", p.cfg.Service)
}

// Service returns the name of the service at the other end.
func (p *Peer) Service() string { return p.cfg.Service }

// Invoke implements [grpc.ClientConnInterface].
func (p *Peer) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.cfg.Timeout)
		defer cancel()
	}
	start := p.cfg.Clock.Now()
	ctx, span, md, err := p.begin(ctx, method)
	switch {
	case err != nil:
	case p.local != nil:
		err = p.local.invoke(ctx, md, trace.SpanContextFromContext(ctx), method, args, reply, opts)
	default:
		telemetry.Propagator.Inject(ctx, carrier(md))
		err = p.conn.Invoke(metadata.NewOutgoingContext(ctx, md), method, args, reply, opts...)
	}
	return p.end(ctx, span, method, start, err)
}

// NewStream implements [grpc.ClientConnInterface]. A stream has no default deadline; its
// span covers the opening.
func (p *Peer) NewStream(
	ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption,
) (grpc.ClientStream, error) {
	start := p.cfg.Clock.Now()
	ctx, span, md, err := p.begin(ctx, method)
	var stream grpc.ClientStream
	if err == nil {
		telemetry.Propagator.Inject(ctx, carrier(md))
		stream, err = p.conn.NewStream(metadata.NewOutgoingContext(ctx, md), desc, method, opts...)
	}
	if err = p.end(ctx, span, method, start, err); err != nil {
		return nil, err
	}
	return faultStream{ClientStream: stream, peer: p}, nil
}

// faultStream turns the errors of a stream into faults; the end of the stream stays io.EOF.
type faultStream struct {
	grpc.ClientStream
	peer *Peer
}

// RecvMsg implements [grpc.ClientStream].
func (s faultStream) RecvMsg(m any) error { return s.peer.streamFault(s.ClientStream.RecvMsg(m)) }

// SendMsg implements [grpc.ClientStream].
func (s faultStream) SendMsg(m any) error { return s.peer.streamFault(s.ClientStream.SendMsg(m)) }

// begin starts the client's span and makes the metadata of a call. Metadata that the
// context carries is dropped: it belongs to the call that came in, except that an edge
// passes the person's request id and network address on.
func (p *Peer) begin(ctx context.Context, method string) (context.Context, trace.Span, metadata.MD, error) {
	ctx, span := telemetry.StartWith(ctx, p.tracer, method[1:],
		trace.WithSpanKind(trace.SpanKindClient))
	if span.IsRecording() {
		span.SetAttributes(attribute.String("rpc.system.name", "grpc"), attribute.String("rpc.method", method[1:]))
	}
	md := make(metadata.MD, 4)
	who, known := authn.From(ctx)
	if known || !p.cfg.Signer.Edge() {
		token, err := p.cfg.Signer.Sign(who, p.cfg.Service)
		if err != nil {
			return ctx, span, nil, fault.From(err)
		}
		md[authn.MetadataPrincipal] = []string{token}
	}
	if p.cfg.Signer.Edge() {
		if id := requestIDToPass(ctx); id != "" {
			md[MetadataRequestID] = []string{id}
		}
		if given, ok := metadata.FromOutgoingContext(ctx); ok && len(given[MetadataClientAddress]) == 1 {
			md[MetadataClientAddress] = given[MetadataClientAddress]
		}
	}
	return ctx, span, md, nil
}

// requestIDToPass is the request id of the call being made for a person. Services do not
// pass theirs on: one request may lead to several calls of the same method, and they would
// look like repetitions of each other.
func requestIDToPass(ctx context.Context) string {
	if id := requestid.From(ctx); id != "" {
		return id
	}
	if md, ok := metadata.FromOutgoingContext(ctx); ok {
		if values := md[MetadataRequestID]; len(values) == 1 {
			return values[0]
		}
	}
	return ""
}

// carrier lets trace context be written into metadata.
type carrier metadata.MD

var _ propagation.TextMapCarrier = carrier{}

// Get implements [propagation.TextMapCarrier].
func (c carrier) Get(key string) string {
	if values := c[key]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// Set implements [propagation.TextMapCarrier].
func (c carrier) Set(key, value string) { c[key] = []string{value} }

// Keys implements [propagation.TextMapCarrier].
func (c carrier) Keys() []string {
	keys := make([]string, 0, len(c))
	for key := range c {
		keys = append(keys, key)
	}
	return keys
}

// end turns the error of a call into a fault, counts the call and ends its span.
func (p *Peer) end(ctx context.Context, span trace.Span, method string, start time.Time, err error) error {
	code := codes.OK
	if err != nil {
		f := p.fault(err)
		err, code = f, codeOf(f.Kind)
		if span.IsRecording() {
			span.SetAttributes(spanCode(code), spanReason(f.Reason))
			if serverError(code) {
				span.SetStatus(otelcodes.Error, f.Reason)
			}
		}
	}
	span.End()
	if p.durations != nil {
		p.durations.Record(ctx, p.cfg.Clock.Now().Sub(start).Seconds(), metric.WithAttributes(
			attribute.String("rpc.method", method[1:]), attribute.String("rpc.response.status_code", code.String())))
	}
	return err
}

// fault turns an error of a call into the fault that our own caller may see. That the
// other side does not believe this service is a mistake of the installation, not of the
// person who waits: it must not end that person's session.
func (p *Peer) fault(err error) *fault.Error {
	f := asFault(FromStatus(err))
	switch {
	case f.Kind == fault.Unauthenticated && f.Reason == ReasonUnauthenticated && !p.cfg.Signer.Edge():
		return fault.New(fault.Internal, "PEER_REFUSED", "Something went wrong on our side.").
			With("service", p.cfg.Service).Because(err)
	case f.Kind == fault.Unavailable && f.Reason == "UNAVAILABLE":
		return f.With("service", p.cfg.Service)
	default:
		return f
	}
}

// streamFault is fault for streams, whose end is no failure.
func (p *Peer) streamFault(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return p.fault(err)
}
