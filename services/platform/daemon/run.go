package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/clock"
	"github.com/upright-clinic/upright/services/platform/eventbus"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/rpc"
	"github.com/upright-clinic/upright/services/platform/sqldb"
	"github.com/upright-clinic/upright/services/platform/telemetry"
)

// program is one run of a daemon.
type program struct {
	service  string
	build    Build
	exchange func(kit Kit) Exchange
	peers    []string
	logTo    io.Writer
	clock    clock.Clock
	flags    flags
	serving  func(grpc, http net.Addr) // tests learn the addresses from it

	tel     *telemetry.Telemetry
	log     *slog.Logger
	keys    *authn.Keyring
	signer  *authn.Signer
	server  *rpc.Server
	inward  credentials.TransportCredentials // of the gRPC port
	outward credentials.TransportCredentials // of connections to peers
	closers []func(ctx context.Context) error

	mu     sync.Mutex
	checks []Check

	connecting sync.Mutex
	conns      map[string]grpc.ClientConnInterface // by service
}

// errStarting is the state of a program whose service is not built yet.
var errStarting = fault.New(fault.Unavailable, "STARTING", "The service is starting.")

// run takes the program from its settings to its orderly end.
func (p *program) run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, p.closeAll(ctx)) }()
	if err := p.observe(ctx); err != nil {
		return err
	}
	if err := p.identify(); err != nil {
		return err
	}
	ops, err := p.serveProbes(ctx)
	if err != nil {
		return err
	}
	p.setCheck(Check{Name: "service", Required: true, Probe: func(context.Context) error { return errStarting }})
	kit, err := p.kit(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil // told to stop while waiting for the database
		}
		return err
	}
	return p.serve(ctx, kit, ops)
}

// onClose remembers what to close at the end, last opened first.
func (p *program) onClose(f func(ctx context.Context) error) { p.closers = append(p.closers, f) }

// closeAll closes everything within the stop timeout.
func (p *program) closeAll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.flags.StopTimeout)
	defer cancel()
	var errs []error
	for _, f := range slices.Backward(p.closers) {
		errs = append(errs, f(ctx))
	}
	return errors.Join(errs...)
}

// observe starts logs, traces and metrics.
func (p *program) observe(ctx context.Context) error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(p.flags.LogLevel)); err != nil {
		return fmt.Errorf("--log-level: %w", err)
	}
	tel, err := telemetry.Setup(ctx, telemetry.Config{
		Service: p.service, OTLP: p.flags.OTLP, TraceFile: p.flags.TraceFile, SampleRatio: p.flags.SampleRatio,
		LogFormat: p.flags.LogFormat, LogLevel: level, LogWriter: p.logTo,
	})
	if err != nil {
		return err
	}
	p.tel, p.log = tel, tel.Log()
	p.onClose(tel.Shutdown)
	return nil
}

// identify loads the keys and certificates that the daemon shows and believes.
func (p *program) identify() error {
	if p.flags.Keys == "" {
		return errNoKey
	}
	keys, err := authn.LoadKeyring(p.flags.Keys)
	if err != nil {
		return err
	}
	if p.signer, err = keys.Signer(p.service, p.clock); err != nil {
		return fmt.Errorf("--keys %s: %w", p.flags.Keys, err)
	}
	p.keys = keys
	p.inward, p.outward, err = p.flags.transport()
	return err
}

// Limits of the port for probes and metrics (reliability reference 5, "Edge").
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 30 * time.Second
	writeTimeout      = 60 * time.Second
	idleTimeout       = 120 * time.Second
	maxHeaderBytes    = 64 << 10
)

// serveProbes opens the port for probes and metrics, before anything that may take long,
// so that a daemon that waits can say what for.
func (p *program) serveProbes(ctx context.Context) (net.Addr, error) {
	var listen net.ListenConfig
	lis, err := listen.Listen(ctx, "tcp", p.flags.HTTP)
	if err != nil {
		return nil, fmt.Errorf("--http: %w", err)
	}
	server := &http.Server{
		Handler:           Probes(p.currentChecks, p.tel.MetricsHandler()),
		ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
	}
	go func() {
		if err := server.Serve(lis); !errors.Is(err, http.ErrServerClosed) {
			p.log.Error("probes are no longer served", slog.String("error", telemetry.Scrub(err.Error())))
		}
	}()
	p.onClose(server.Shutdown)
	return lis.Addr(), nil
}

// currentChecks returns the checks of /readyz.
func (p *program) currentChecks() []Check {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.checks)
}

// setCheck adds a check or replaces the one of the same name.
func (p *program) setCheck(c Check) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.checks, func(have Check) bool { return have.Name == c.Name })
	if i < 0 {
		p.checks = append(p.checks, c)
		return
	}
	p.checks[i] = c
}

// kit opens the database and the connections that the service stands on.
func (p *program) kit(ctx context.Context) (Kit, error) {
	db, err := p.openDatabase(ctx)
	if err != nil {
		return Kit{}, err
	}
	p.onClose(func(context.Context) error { return db.Close() })
	p.setCheck(Check{Name: "database", Required: true, Probe: db.Ping})
	kit := Kit{Service: p.service, DB: db, Peer: p.peer, Clock: p.clock, Log: p.log}
	if p.flags.NATS != "" {
		kit.Bus, err = eventbus.Connect(ctx, eventbus.Config{
			URL: p.flags.NATS, Name: p.service, Credentials: p.flags.NATSCredentials, RootCAs: p.flags.NATSCA,
			Replicas: p.flags.NATSReplicas, Log: p.log,
		})
		if err != nil {
			return Kit{}, fmt.Errorf("--nats: %w", err)
		}
		p.onClose(func(context.Context) error { kit.Bus.Close(); return nil })
		p.setCheck(Check{Name: "nats", Probe: func(context.Context) error {
			if !kit.Bus.Connected() {
				return fault.New(fault.Unavailable, "NOT_CONNECTED", "Events are pulled until the broker answers.")
			}
			return nil
		}})
	}
	p.onClose(p.closePeers)
	for _, service := range p.peers {
		p.peer(service)
	}
	return kit, nil
}

// openDatabase opens the database. It waits for a PostgreSQL that does not answer yet,
// saying so in /readyz, until the context ends; a SQLite file is there or wrong.
func (p *program) openDatabase(ctx context.Context) (*sqldb.DB, error) {
	url := p.flags.database()
	cfg := sqldb.Config{URL: url, Schema: p.flags.schema(), MaxConns: p.flags.MaxConns, Clock: p.clock, Log: p.log}
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		db, err := sqldb.Open(ctx, cfg)
		if err == nil {
			return db, nil
		}
		err = fmt.Errorf("open the database: %w", err)
		if !strings.HasPrefix(url, "postgres") {
			return nil, err
		}
		p.setCheck(Check{Name: "database", Required: true, Probe: func(context.Context) error { return err }})
		p.log.Warn("waiting for the database", slog.String("error", telemetry.Scrub(err.Error())))
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, errors.Join(ctx.Err(), err)
		}
	}
}

// Waits between attempts to open the database.
const (
	firstRetry = 250 * time.Millisecond
	lastRetry  = 5 * time.Second
)
