// Package eventbus carries events between services over NATS JetStream. It is the only
// importer of nats.go.
//
// The broker is a hint, never the truth: every event is already durable in its
// producer's database, and a consumer that misses one pulls it from there
// (package eventlog). So a stream may be deleted, restored or be absent, and the bus
// only has to come back by itself: it reconnects for ever and provisions again what is gone.
package eventbus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// dedupWindow outlives a publish and its first retry. A longer one would cost memory
	// for each id and gain nothing: consumers ignore what they have.
	dedupWindow = time.Minute
	// ackTimeout is how long a publish waits for its PubAck: longer than the 6 to 8
	// seconds that a three-node cluster needs to elect a leader.
	ackTimeout = 10 * time.Second
	// apiTimeout bounds one call to the JetStream API.
	apiTimeout = 5 * time.Second

	defaultMaxBytes = 256 << 20
	defaultMaxAge   = 72 * time.Hour
)

// Config says where the broker is and how streams are made there.
type Config struct {
	// URL is one or more server addresses, separated by commas. Ignored with InProcess.
	URL string
	// InProcess is a server in this process (a *server.Server of nats-server).
	InProcess interface {
		InProcessConn() (net.Conn, error)
	}
	// Name of this client as the server's monitoring shows it.
	Name string
	// Credentials is the path of a NATS credentials file; empty: none.
	Credentials string
	// RootCAs is the path of a PEM file with the authorities that sign the servers'
	// certificates; empty: the system's.
	RootCAs string
	// Replicas of each stream: 1, or 3 in a cluster of three nodes. 0 means 1.
	Replicas int
	// MaxBytes of each stream. A full stream refuses, and the event waits in its
	// producer's log. 0 means 256 MiB.
	MaxBytes int64
	// MaxAge of a message. The log keeps events for ever, the stream only while a
	// consumer may still be on its way to them. 0 means 72 hours.
	MaxAge time.Duration
	// Log receives disconnections and recoveries; nil: slog.Default.
	Log *slog.Logger
}

// Bus is one connection to the broker, safe for concurrent use.
type Bus struct {
	nc  *nats.Conn
	js  jetstream.JetStream
	cfg Config
	log *slog.Logger
}

// Connect returns at once, whether or not the broker answers: services start in any
// order, and the connection is retried for ever. It fails on an unusable configuration
// (a malformed URL, an unreadable credentials file).
func Connect(ctx context.Context, cfg Config) (*Bus, error) {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	cfg.Replicas = max(cfg.Replicas, 1)
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = defaultMaxBytes
	}
	if cfg.MaxAge == 0 {
		cfg.MaxAge = defaultMaxAge
	}
	b := &Bus{cfg: cfg, log: cfg.Log}
	nc, err := nats.Connect(cfg.URL, b.options(ctx)...)
	if err != nil {
		return nil, fmt.Errorf("eventbus: connect: %w", err)
	}
	b.nc = nc
	b.js, err = jetstream.New(nc, jetstream.WithDefaultTimeout(apiTimeout), jetstream.WithPublishAsyncTimeout(ackTimeout))
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("eventbus: jetstream: %w", err)
	}
	return b, nil
}

func (b *Bus) options(ctx context.Context) []nats.Option {
	quiet := context.WithoutCancel(ctx)
	opts := []nats.Option{
		nats.Name(b.cfg.Name),
		nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(250 * time.Millisecond),
		nats.ReconnectJitter(100*time.Millisecond, time.Second),
		// What cannot be sent now fails now: the relay knows what is unsent and sends it
		// again in order.
		nats.ReconnectBufSize(-1),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			b.log.LogAttrs(quiet, slog.LevelWarn, "event broker disconnected", slog.Any("error", err))
		}),
		nats.ReconnectHandler(func(*nats.Conn) {
			b.log.LogAttrs(quiet, slog.LevelInfo, "event broker reconnected")
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			b.log.LogAttrs(quiet, slog.LevelWarn, "event broker reports an error", slog.Any("error", err))
		}),
	}
	if b.cfg.InProcess != nil {
		opts = append(opts, nats.InProcessServer(b.cfg.InProcess))
	}
	if b.cfg.Credentials != "" {
		opts = append(opts, nats.UserCredentials(b.cfg.Credentials))
	}
	if b.cfg.RootCAs != "" {
		opts = append(opts, nats.RootCAs(b.cfg.RootCAs))
	}
	return opts
}

// Connected says whether the broker answers now. Services work without it, slower.
func (b *Bus) Connected() bool { return b.nc.IsConnected() }

// Close ends the connection. What is not confirmed yet is published again by the
// relay after the next start.
func (b *Bus) Close() { b.nc.Close() }

// StreamName is the stream that holds a producer's events, UPRIGHT_BOOKING for booking.
func StreamName(producer string) string { return "UPRIGHT_" + strings.ToUpper(producer) }

// EnsureStream makes the producer's stream when it is missing. An existing one is left
// as its administrator made it. It fails when the broker cannot be reached or this
// client may not create streams.
func (b *Bus) EnsureStream(ctx context.Context, producer string) error {
	_, err := b.stream(ctx, producer)
	return err
}

func (b *Bus) stream(ctx context.Context, producer string) (jetstream.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*apiTimeout)
	defer cancel()
	name := StreamName(producer)
	s, err := b.js.Stream(ctx, name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		s, err = b.js.CreateStream(ctx, jetstream.StreamConfig{
			Name:        name,
			Description: "Events of " + producer + ". A hint: the truth is the producer's event log.",
			Subjects:    []string{"upright." + producer + ".v1.>"},
			Storage:     jetstream.FileStorage,
			Retention:   jetstream.LimitsPolicy,
			Discard:     jetstream.DiscardNew,
			MaxBytes:    b.cfg.MaxBytes,
			MaxAge:      b.cfg.MaxAge,
			Replicas:    b.cfg.Replicas,
			Duplicates:  dedupWindow,
			// One fsync for a batch instead of one for a message; see Publish.
			AllowAtomicPublish: true,
		})
	}
	if err != nil {
		return nil, fmt.Errorf("eventbus: stream %s: %w", name, err)
	}
	return s, nil
}

// persist runs f until ctx ends, waiting longer after each failure, up to five seconds.
func (b *Bus) persist(ctx context.Context, what, producer string, f func(context.Context) error) {
	const first, longest = 100 * time.Millisecond, 5 * time.Second
	for wait := first; ctx.Err() == nil; wait = min(2*wait, longest) {
		healthy := time.AfterFunc(longest, func() {})
		err := f(ctx)
		if !healthy.Stop() {
			wait = first // it had worked for a while
		}
		if ctx.Err() != nil {
			return
		}
		level := slog.LevelWarn
		if wait > first {
			level = slog.LevelDebug // said once
		}
		b.log.LogAttrs(ctx, level, "event subscription is set up again",
			slog.String("what", what), slog.String("producer", producer), slog.Any("error", err))
		select {
		case <-ctx.Done():
		case <-time.After(wait + rand.N(wait/4)): //nolint:gosec // jitter, not a secret
		}
	}
}
