package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"google.golang.org/grpc"

	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/rpc"
)

// serve builds the service and serves it until the context ends or it fails.
func (p *program) serve(ctx context.Context, kit Kit, ops net.Addr) error {
	cfg := rpc.Config{
		Service: p.service, Verifier: p.keys.Verifier(p.service, p.clock),
		Telemetry: p.tel, Log: p.log, Clock: p.clock,
	}
	if p.exchange != nil {
		cfg.Exchange = p.exchange(kit)
	}
	p.server = rpc.NewServer(cfg)
	svc, err := p.build(ctx, kit)
	if err != nil {
		return fmt.Errorf("build %s: %w", p.service, err)
	}
	p.onClose(func(context.Context) error { return svc.Close() })
	svc.Register(p.server)
	port, err := rpc.NewPort(rpc.PortConfig{Credentials: p.inward, Telemetry: p.tel, Log: p.log, Clock: p.clock}, p.server)
	if err != nil {
		return err
	}
	var listen net.ListenConfig
	lis, err := listen.Listen(ctx, "tcp", p.flags.Listen)
	if err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	p.setCheck(Check{Name: "service", Required: true, Probe: svc.Ready})
	p.log.Info("serving", slog.String("grpc", lis.Addr().String()), slog.String("http", ops.String()))
	if p.serving != nil {
		p.serving(lis.Addr(), ops)
	}
	return p.work(ctx, svc, port, lis)
}

// work runs the service and its port side by side until the context ends or one of them
// fails, and stops both: first no new calls, then those under way, then the service's own
// work, on which those calls may depend.
func (p *program) work(ctx context.Context, svc Service, port *rpc.Port, lis net.Listener) error {
	running, stopRunning := context.WithCancel(context.WithoutCancel(ctx))
	defer stopRunning()
	ran, served := make(chan error, 1), make(chan error, 1)
	go func() { ran <- p.runUntil(running, svc) }()
	go func() { served <- port.Serve(lis) }()
	watching, stopWatching := context.WithCancel(ctx)
	go p.watch(watching, port)

	var failure error
	select {
	case <-ctx.Done():
		p.log.Info("stopping")
	case failure = <-ran:
		ran <- nil
	case failure = <-served:
		served <- nil
	}
	stopWatching()
	p.setCheck(Check{Name: "service", Required: true, Probe: func(context.Context) error { return errStopping }})
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.flags.StopTimeout)
	defer cancel()
	if err := errors.Join(port.Stop(stopping), p.server.Stop(stopping)); err != nil {
		p.log.Warn("calls under way were cut off", slog.String("error", reasonOf(err)))
	}
	stopRunning()
	return errors.Join(failure, <-served, p.awaitEnd(stopping, ran))
}

// runUntil runs the service's own work, which may end only when it is told to.
func (p *program) runUntil(ctx context.Context, svc Service) error {
	err := svc.Run(ctx)
	if err == nil && ctx.Err() == nil {
		err = errors.New("it ended by itself")
	}
	if err != nil {
		return fmt.Errorf("run %s: %w", p.service, err)
	}
	return nil
}

// errStopping is the state of a program that takes no new calls.
var errStopping = fault.New(fault.Unavailable, "STOPPING", "The service is stopping.")

// awaitEnd waits for the service's own work to end.
func (p *program) awaitEnd(ctx context.Context, ran <-chan error) error {
	select {
	case err := <-ran:
		return err
	case <-ctx.Done():
		return fmt.Errorf("run %s: it did not end within %s", p.service, p.flags.StopTimeout)
	}
}

// lookEvery is how often gRPC health and the log learn of a change in readiness.
const lookEvery = time.Second

// watch keeps gRPC health in step with /readyz, and logs each change with its reasons.
func (p *program) watch(ctx context.Context, port *rpc.Port) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	port.SetHealth("", false)
	for was, known := false, false; ; {
		now := look(ctx, p.currentChecks())
		if ctx.Err() != nil {
			return
		}
		if !known || now.Ready != was {
			was, known = now.Ready, true
			port.SetHealth("", now.Ready)
			p.logReadiness(ctx, now)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// logReadiness logs whether the program is ready and what it lacks.
func (p *program) logReadiness(ctx context.Context, now readiness) {
	attrs := []slog.Attr{slog.Bool("ready", now.Ready)}
	for _, s := range now.Checks {
		if !s.Ready {
			attrs = append(attrs, slog.Group("lacks", slog.String("name", s.Name), slog.String("reason", s.Reason)))
		}
	}
	p.log.LogAttrs(ctx, slog.LevelInfo, "readiness", attrs...)
}

// peer returns the connection to a service, making it the first time.
func (p *program) peer(service string) grpc.ClientConnInterface {
	p.connecting.Lock()
	defer p.connecting.Unlock()
	conn, ok := p.conns[service]
	if !ok {
		conn = p.connect(service)
		p.conns[service] = conn
	}
	return conn
}

// connect makes the connection to a service. The daemon itself is reached in process.
func (p *program) connect(service string) grpc.ClientConnInterface {
	cfg := rpc.PeerConfig{
		Service: service, Signer: p.signer, Telemetry: p.tel, Clock: p.clock, Credentials: p.outward,
	}
	if service == p.service {
		return self{program: p, cfg: cfg}
	}
	check := Check{Name: "peer " + service}
	address, known := p.flags.Peer[service]
	var peer *rpc.Peer
	var err error
	if known {
		peer, err = rpc.Dial(address, cfg)
	} else {
		err = fault.New(fault.Unavailable, "PEER_NOT_CONFIGURED", "The service cannot be reached.").With("service", service)
	}
	if err != nil {
		p.log.Warn("a peer cannot be called", slog.String("peer", service), slog.String("reason", reasonOf(err)))
		check.Probe = func(context.Context) error { return err }
		p.setCheck(check)
		return unreachable{err: err}
	}
	peer.Connect()
	check.Probe = peer.Ready
	p.setCheck(check)
	return peer
}

// closePeers closes the connections to all services.
func (p *program) closePeers(context.Context) error {
	p.connecting.Lock()
	defer p.connecting.Unlock()
	var errs []error
	for _, conn := range p.conns {
		if peer, ok := conn.(*rpc.Peer); ok {
			errs = append(errs, peer.Close())
		}
	}
	return errors.Join(errs...)
}

// unreachable fails each call with the same error.
type unreachable struct{ err error }

// Invoke implements [grpc.ClientConnInterface].
func (u unreachable) Invoke(context.Context, string, any, any, ...grpc.CallOption) error {
	return u.err
}

// NewStream implements [grpc.ClientConnInterface].
func (u unreachable) NewStream(
	context.Context, *grpc.StreamDesc, string, ...grpc.CallOption,
) (grpc.ClientStream, error) {
	return nil, u.err
}

// self reaches the daemon's own server, which is made after the kit.
type self struct {
	program *program
	cfg     rpc.PeerConfig
}

// peer wraps the in-process channel.
func (s self) peer() (*rpc.Peer, error) {
	if s.program.server == nil {
		return nil, errStarting
	}
	return rpc.NewPeer(s.program.server.InProcess(), s.cfg)
}

// Invoke implements [grpc.ClientConnInterface].
func (s self) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	peer, err := s.peer()
	if err != nil {
		return err
	}
	return peer.Invoke(ctx, method, args, reply, opts...)
}

// NewStream implements [grpc.ClientConnInterface].
func (s self) NewStream(
	ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption,
) (grpc.ClientStream, error) {
	peer, err := s.peer()
	if err != nil {
		return nil, err
	}
	return peer.NewStream(ctx, desc, method, opts...)
}
