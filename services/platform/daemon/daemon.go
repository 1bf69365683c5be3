// Package daemon is the whole main of a program that serves one service: settings, keys,
// database, event broker, connections to the other services, gRPC, health, readiness,
// metrics, signals and an orderly end. What is left to cmd/<service>d is one line.
//
// Daemons start in any order. One waits for PostgreSQL as long as it takes, works without
// the broker and without its peers, and says in /readyz what it lacks.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"google.golang.org/grpc"

	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/clock"
	"github.com/upright-clinic/upright/services/platform/config"
	"github.com/upright-clinic/upright/services/platform/eventbus"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Kit is what a service stands on. The program that runs it fills it in: a daemon with its
// own database and connections, the all-in-one program with shared ones.
type Kit struct {
	// Service is the service's name.
	Service string
	// DB is the service's own database, not migrated yet.
	DB *sqldb.DB
	// Bus is the event broker; nil means that events are only pulled.
	Bus *eventbus.Bus
	// Peer returns the connection to another service, signed in this one's name. Calls
	// through it fail with UNAVAILABLE while the other side is down, and with UNAVAILABLE /
	// PEER_NOT_CONFIGURED when nobody said where it is.
	Peer func(service string) grpc.ClientConnInterface
	// Clock tells the time.
	Clock clock.Clock
	// Log takes lines with ids and codes only.
	Log *slog.Logger
}

// Service is the door of a service, as a daemon and the all-in-one program use it.
type Service interface {
	// Register puts the service's methods on a server.
	Register(r grpc.ServiceRegistrar)
	// Run does the service's own work, such as relaying events, until the context ends,
	// and then returns nil. An error ends the program.
	Run(ctx context.Context) error
	// Ready says why the service cannot answer yet, or nil.
	Ready(ctx context.Context) error
	// Close lets go of what New took, after Run has returned.
	Close() error
}

// Build makes the service from its kit. It may migrate the database and makes no calls. It
// is called again after a start that failed, never twice in one process.
type Build func(ctx context.Context, kit Kit) (Service, error)

// Exchange turns a session token into the principal it stands for.
type Exchange func(ctx context.Context, token string) (authn.Principal, error)

// Option changes what [Main] does.
type Option func(*program)

// WithExchange accepts "authorization: Bearer" tokens on the gRPC port. How a token is
// looked up is not the platform's business, so the caller says it; calls that it makes
// through the kit are in the daemon's own name.
func WithExchange(exchange func(kit Kit) Exchange) Option {
	return func(p *program) { p.exchange = exchange }
}

// WithPeers names the services that the daemon will ask, so that /readyz can say how it
// stands with each, and a missing --peer is noticed at the start.
func WithPeers(services ...string) Option {
	return func(p *program) { p.peers = services }
}

// Main runs a daemon until SIGINT or SIGTERM and exits the process: with 0 after an orderly
// end, with 1 when the start or the service failed. A second signal ends it at once.
func Main(service string, build Build, options ...Option) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // from now on a signal does what it does by default
	if err := Run(ctx, service, build, config.Args(), os.Stderr, options...); err != nil {
		_, _ = fmt.Fprintf(os.Stderr, "%sd: %v\n", service, err)
		os.Exit(1)
	}
}

// Run is [Main] as a function: it takes the arguments, logs to a writer and returns when
// ctx ended and everything is closed. Help goes to standard output.
func Run(
	ctx context.Context, service string, build Build, args []string, log io.Writer, options ...Option,
) error {
	p := &program{
		service: service, build: build, logTo: log, clock: clock.System, conns: map[string]grpc.ClientConnInterface{},
	}
	for _, option := range options {
		option(p)
	}
	p.flags.defaults(service)
	_, err := config.Parse(&p.flags, config.Options{
		Name:        service + "d",
		Description: "Serves " + service + " over gRPC.",
		Args:        args,
		Exit:        os.Exit,
	})
	if err != nil {
		return err
	}
	return p.run(ctx)
}

// errNoKey is why a daemon without a key of its own does not start.
var errNoKey = errors.New("a daemon needs --keys: a folder with its own .key and every service's .pub")
