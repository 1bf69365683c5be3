package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/upright-clinic/upright/gateway"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/clock"
	"github.com/upright-clinic/upright/services/platform/config"
	"github.com/upright-clinic/upright/services/platform/daemon"
	"github.com/upright-clinic/upright/services/platform/eventbus"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/rpc"
	"github.com/upright-clinic/upright/services/platform/telemetry"
)

// flags are the settings, each also a variable UPRIGHT_… and a key of the file named by
// --config.
type flags struct {
	Listen  string `default:"127.0.0.1:8080" help:"Address of the HTTP port; port 0 takes any free one." placeholder:"ADDR"`
	TLSCert string `name:"tls-cert" help:"Certificate for browsers (PEM)." placeholder:"FILE"`
	TLSKey  string `name:"tls-key" help:"Its private key (PEM)." placeholder:"FILE"`
	Secure  bool   `help:"A proxy in front speaks TLS with browsers."`

	TrustedProxy []string `help:"Network whose X-Forwarded-For is believed." placeholder:"CIDR"`
	Operator     []string `help:"Network that may see /metrics (default: this machine)." placeholder:"CIDR"`
	RateLimit    float64  `default:"100" help:"Requests a second from one address; half of it for one account; negative: no limit." placeholder:"N"`

	Peer    map[string]string `help:"Where a service is; give it for directory, intake, plans and booking." placeholder:"NAME=ADDR"`
	Keys    string            `required:"" help:"Folder with gateway.key." placeholder:"DIR"`
	PeerCA  string            `name:"peer-ca" help:"Authorities of the services' certificates (PEM); speaks TLS with them." placeholder:"FILE"`
	PeerCrt string            `name:"peer-cert" help:"Certificate shown to services (PEM)." placeholder:"FILE"`
	PeerKey string            `name:"peer-key" help:"Its private key (PEM)." placeholder:"FILE"`

	NATS            string `name:"nats" help:"Event broker; without it open screens learn of events by polling." placeholder:"URL"`
	NATSCredentials string `name:"nats-credentials" help:"NATS credentials file." placeholder:"FILE"`
	NATSCA          string `name:"nats-ca" help:"Authorities of the NATS servers (PEM)." placeholder:"FILE"`

	Dev         string        `help:"Read pages from this folder (gateway/web of a checkout) for each request." placeholder:"DIR"`
	OTLP        string        `name:"otlp" help:"Collector for traces: http://host:4317 or https://…." placeholder:"URL"`
	TraceFile   string        `help:"Append spans to this file as JSON; - is standard error." placeholder:"FILE"`
	SampleRatio float64       `default:"1" help:"Share of traces that are recorded when they go anywhere."`
	LogLevel    string        `default:"info" enum:"debug,info,warn,error" help:"Least level that is logged: debug, info, warn or error."`
	LogFormat   string        `default:"json" enum:"json,text" help:"Log lines: json or text."`
	StopTimeout time.Duration `default:"15s" help:"How long requests under way may take when the program stops."`
}

// program is a gateway with what it stands on.
type program struct {
	flags   flags
	tel     *telemetry.Telemetry
	log     *slog.Logger
	conns   map[string]grpc.ClientConnInterface
	checks  []daemon.Check
	linkKey []byte
	closers []func(context.Context) error
}

// run serves until ctx ends and everything is closed. listening is called with the address
// once there is one.
func run(ctx context.Context, args []string, logTo io.Writer, listening func(net.Addr)) (err error) {
	p := &program{conns: map[string]grpc.ClientConnInterface{}}
	if _, err := config.Parse(&p.flags, config.Options{
		Name: "gatewayd", Description: "Serves the public HTTP interface and the pages.", Args: args, Exit: os.Exit,
	}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close(ctx)) }()
	if err := p.observe(ctx, logTo); err != nil {
		return err
	}
	if err := p.connect(); err != nil {
		return err
	}
	bus, err := p.bus(ctx)
	if err != nil {
		return err
	}
	g, err := gateway.New(ctx, p.config(), gateway.Kit{
		Peer: func(service string) grpc.ClientConnInterface { return p.conns[service] },
		Bus:  bus, LinkKey: p.linkKey, Telemetry: p.tel, Checks: p.checks, Clock: clock.System, Log: p.log,
	})
	if err != nil {
		return err
	}
	p.closers = append(p.closers, func(context.Context) error { return g.Close() })
	return p.serve(ctx, g, listening)
}

// config is the gateway's part of the flags.
func (p *program) config() gateway.Config {
	return gateway.Config{
		Secure: p.flags.Secure || p.flags.TLSCert != "", Dev: p.flags.Dev,
		AddressRate:    gateway.Rate{PerSecond: p.flags.RateLimit, Burst: int(4 * p.flags.RateLimit)},
		AccountRate:    gateway.Rate{PerSecond: p.flags.RateLimit / 2, Burst: int(2 * p.flags.RateLimit)},
		TrustedProxies: p.flags.TrustedProxy, Operators: p.flags.Operator,
	}
}

// observe starts logs, traces and metrics.
func (p *program) observe(ctx context.Context, logTo io.Writer) error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(p.flags.LogLevel)); err != nil {
		return fmt.Errorf("--log-level: %w", err)
	}
	tel, err := telemetry.Setup(ctx, telemetry.Config{
		Service: "gateway", OTLP: p.flags.OTLP, TraceFile: p.flags.TraceFile, SampleRatio: p.flags.SampleRatio,
		LogFormat: p.flags.LogFormat, LogLevel: level, LogWriter: logTo,
	})
	if err != nil {
		return err
	}
	p.tel, p.log = tel, tel.Log()
	p.closers = append(p.closers, tel.Shutdown)
	return nil
}

// connect makes a connection to each service, signed as an edge: a person's call is the
// person's own.
func (p *program) connect() error {
	keys, err := authn.LoadKeyring(p.flags.Keys)
	if err != nil {
		return err
	}
	signer, err := keys.EdgeSigner("gateway", clock.System)
	if err != nil {
		return fmt.Errorf("--keys %s: %w", p.flags.Keys, err)
	}
	if p.linkKey, err = keys.Secret("gateway", "links"); err != nil { // the same for every gateway with this key
		return fmt.Errorf("--keys %s: %w", p.flags.Keys, err)
	}
	transport, err := p.transport()
	if err != nil {
		return err
	}
	for name := range p.flags.Peer {
		if !slices.Contains(gateway.Services, name) {
			return fmt.Errorf("--peer %s: there is no such service", name)
		}
	}
	for _, name := range gateway.Services {
		address, ok := p.flags.Peer[name]
		if !ok {
			return fmt.Errorf("--peer %s=ADDR is missing", name)
		}
		peer, err := rpc.Dial(address, rpc.PeerConfig{Service: name, Signer: signer, Telemetry: p.tel, Credentials: transport})
		if err != nil {
			return fmt.Errorf("--peer %s: %w", name, err)
		}
		peer.Connect()
		p.conns[name] = peer
		p.checks = append(p.checks, daemon.Check{Name: "peer " + name, Required: true, Probe: peer.Ready})
		p.closers = append(p.closers, func(context.Context) error { return peer.Close() })
	}
	return nil
}

// transport is how services are spoken to: plain text, or TLS with their authorities.
func (p *program) transport() (credentials.TransportCredentials, error) {
	if p.flags.PeerCA == "" {
		return nil, nil //nolint:nilnil // rpc.Dial takes nil for plain text
	}
	text, err := os.ReadFile(p.flags.PeerCA)
	if err != nil {
		return nil, fmt.Errorf("--peer-ca: %w", err)
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: x509.NewCertPool()}
	if !cfg.RootCAs.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("--peer-ca: no certificate in %s", p.flags.PeerCA)
	}
	if p.flags.PeerCrt != "" {
		pair, err := tls.LoadX509KeyPair(p.flags.PeerCrt, p.flags.PeerKey)
		if err != nil {
			return nil, fmt.Errorf("--peer-cert: %w", err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return credentials.NewTLS(cfg), nil
}

// bus connects to the event broker, if there is one.
func (p *program) bus(ctx context.Context) (*eventbus.Bus, error) {
	if p.flags.NATS == "" {
		return nil, nil //nolint:nilnil // the gateway takes nil for "poll"
	}
	bus, err := eventbus.Connect(ctx, eventbus.Config{
		URL: p.flags.NATS, Name: "gateway", Credentials: p.flags.NATSCredentials, RootCAs: p.flags.NATSCA, Log: p.log,
	})
	if err != nil {
		return nil, fmt.Errorf("--nats: %w", err)
	}
	p.closers = append(p.closers, func(context.Context) error { bus.Close(); return nil })
	p.checks = append(p.checks, daemon.Check{Name: "nats", Probe: func(context.Context) error {
		if !bus.Connected() {
			return fault.New(fault.Unavailable, "NOT_CONNECTED", "Open screens learn of events by polling.")
		}
		return nil
	}})
	return bus, nil
}

// serve answers HTTP until ctx ends, then lets requests under way finish.
func (p *program) serve(ctx context.Context, g *gateway.Gateway, listening func(net.Addr)) error {
	server, lis, err := p.open(ctx, g)
	if err != nil {
		return err
	}
	watching, stopWatching := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWatching()
	ended := make(chan error, 2)
	go func() { ended <- g.Run(watching) }()
	go func() {
		if server.TLSConfig != nil {
			ended <- server.ServeTLS(lis, "", "")
			return
		}
		ended <- server.Serve(lis)
	}()
	p.log.LogAttrs(ctx, slog.LevelInfo, "serving", slog.String("address", lis.Addr().String()), slog.Bool("tls", server.TLSConfig != nil))
	if listening != nil {
		listening(lis.Addr())
	}
	select {
	case <-ctx.Done():
	case err := <-ended:
		return fmt.Errorf("serve HTTP: %w", err)
	}
	stopWatching() // screens are told to go, or the server would wait for them
	timeout, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.flags.StopTimeout)
	defer cancel()
	if err := server.Shutdown(timeout); err != nil {
		return errors.Join(fmt.Errorf("stop: %w", err), server.Close())
	}
	for range 2 {
		if err := <-ended; err != nil && !errors.Is(err, http.ErrServerClosed) {
			return err
		}
	}
	return nil
}

// open takes the address and, for TLS, the certificate.
func (p *program) open(ctx context.Context, g *gateway.Gateway) (*http.Server, net.Listener, error) {
	server := g.Server()
	if p.flags.TLSCert != "" {
		pair, err := tls.LoadX509KeyPair(p.flags.TLSCert, p.flags.TLSKey)
		if err != nil {
			return nil, nil, fmt.Errorf("--tls-cert: %w", err)
		}
		server.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	}
	var listen net.ListenConfig
	lis, err := listen.Listen(ctx, "tcp", p.flags.Listen)
	if err != nil {
		return nil, nil, fmt.Errorf("--listen: %w", err)
	}
	return server, lis, nil
}

// close closes everything, last opened first.
func (p *program) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.flags.StopTimeout)
	defer cancel()
	var errs []error
	for _, f := range slices.Backward(p.closers) {
		errs = append(errs, f(ctx))
	}
	return errors.Join(errs...)
}
