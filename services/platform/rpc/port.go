package rpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"

	"github.com/upright-clinic/upright/services/platform/clock"
	"github.com/upright-clinic/upright/services/platform/telemetry"
)

// Limits of a port (reliability reference 5, "Edge").
const (
	maxReceive  = 10 << 20 // bytes of one message: a picture of 8 MiB fits
	maxStreams  = 100      // concurrent calls of one connection
	maxHeaders  = 64 << 10
	handshake   = 5 * time.Second
	leastPing   = 20 * time.Second // more frequent keepalive pings end a connection
	idleAfter   = 15 * time.Minute
	pingAfter   = 2 * time.Minute
	pingTimeout = 20 * time.Second
)

// PortConfig sets up a [Port].
type PortConfig struct {
	// Credentials are the transport's, such as TLS; nil is plain text, for loopback and
	// for a mesh that encrypts.
	Credentials credentials.TransportCredentials
	// Telemetry, Log and Clock are as in [Config], for health and reflection.
	Telemetry *telemetry.Telemetry
	Log       *slog.Logger
	Clock     clock.Clock
}

// Port serves one or several servers on one network address, with health and reflection.
type Port struct {
	grpc   *grpc.Server
	health *health.Server
	owner  map[string]*Server
}

// NewPort starts the servers and binds their methods. A gRPC service that more than one of
// them has, such as the event log in a program of several services, would be ambiguous
// here and is left out: it stays reachable in the process. It fails when a server's
// [Server.Start] does.
func NewPort(cfg PortConfig, servers ...*Server) (*Port, error) {
	p := &Port{health: health.NewServer(), owner: map[string]*Server{}}
	if cfg.Credentials == nil {
		cfg.Credentials = insecure.NewCredentials()
	}
	p.grpc = grpc.NewServer(
		grpc.Creds(cfg.Credentials),
		grpc.UnaryInterceptor(p.unary),
		grpc.StreamInterceptor(p.stream),
		grpc.MaxRecvMsgSize(maxReceive),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.MaxHeaderListSize(maxHeaders),
		grpc.ConnectionTimeout(handshake),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: leastPing, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionIdle: idleAfter, Time: pingAfter, Timeout: pingTimeout,
		}),
	)
	infrastructure := NewServer(Config{
		Service: "infrastructure", Telemetry: cfg.Telemetry, Log: cfg.Log, Clock: cfg.Clock,
	})
	healthv1.RegisterHealthServer(infrastructure, p.health)
	reflectionv1.RegisterServerReflectionServer(infrastructure,
		reflection.NewServerV1(reflection.ServerOptions{Services: p.grpc}))
	servers = append(servers, infrastructure)
	holders := map[string]int{}
	for _, s := range servers {
		if err := s.Start(); err != nil {
			return nil, err
		}
		for _, r := range s.services {
			holders[r.desc.ServiceName]++
		}
	}
	for _, s := range servers {
		for _, r := range s.services {
			if holders[r.desc.ServiceName] == 1 {
				p.bind(s, r)
			}
		}
	}
	return p, nil
}

// bind puts one gRPC service of a server on the port.
func (p *Port) bind(s *Server, r registered) {
	for _, m := range r.desc.Methods {
		p.owner["/"+r.desc.ServiceName+"/"+m.MethodName] = s
	}
	for _, m := range r.desc.Streams {
		p.owner["/"+r.desc.ServiceName+"/"+m.StreamName] = s
	}
	p.grpc.RegisterService(r.desc, r.impl)
}

// unary hands a call to the chain of the server that owns its method.
func (p *Port) unary(
	ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler,
) (any, error) {
	s := p.owner[info.FullMethod]
	if s == nil {
		return nil, ToStatus(foreign[codes.Unimplemented])
	}
	return s.unary(ctx, request, info, handler)
}

// stream hands a stream to the chain of the server that owns its method.
func (p *Port) stream(server any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	s := p.owner[info.FullMethod]
	if s == nil {
		return ToStatus(foreign[codes.Unimplemented])
	}
	return s.stream(server, ss, info, handler)
}

// SetHealth tells gRPC health checks whether a service, or with "" the whole port, is
// ready.
func (p *Port) SetHealth(service string, ready bool) {
	status := healthv1.HealthCheckResponse_NOT_SERVING
	if ready {
		status = healthv1.HealthCheckResponse_SERVING
	}
	p.health.SetServingStatus(service, status)
}

// Serve serves until [Port.Stop], and then returns nil, or until the listener fails.
func (p *Port) Serve(lis net.Listener) error {
	if err := p.grpc.Serve(lis); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("serve gRPC: %w", err)
	}
	return nil
}

// Stop tells health watchers, takes no new calls and waits for those under way until the
// context ends; then it cuts them off and returns the context's error.
func (p *Port) Stop(ctx context.Context) error {
	p.health.Shutdown()
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.grpc.GracefulStop()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		p.grpc.Stop()
		<-done
		return ctx.Err()
	}
}
