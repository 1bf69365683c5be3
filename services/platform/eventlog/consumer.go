package eventlog

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	eventsv1 "github.com/upright-clinic/upright/proto/gen/go/upright/events/v1"
	"github.com/upright-clinic/upright/services/platform/clock"
	"github.com/upright-clinic/upright/services/platform/eventbus"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

const (
	defaultCompare = 30 * time.Second
	defaultPoll    = time.Second
	defaultRetry   = 50 * time.Millisecond
)

// ConsumerConfig says who hears whom.
type ConsumerConfig struct {
	// Name of the consumer, usually the service's. One consumer of a name is active at a
	// time; with the producer's it keys the cursor.
	Name string
	// Producer is the service that is heard.
	Producer string
	// Source is the producer's log.
	Source eventsv1.EventLogServiceClient
	// Bus brings events sooner; nil: they are polled.
	Bus *eventbus.Bus
	// Handlers, one for a type. Events of other types are ignored and counted.
	Handlers []Handler
	// Clock; nil: the system's.
	Clock clock.Clock
	// Log; nil: slog.Default.
	Log *slog.Logger
	// Compare is how often the cursor is compared with the producer's log, which finds
	// what the bus lost. 0 means 30 s.
	Compare time.Duration
	// Poll is how often the producer's log is asked while there is no bus, and the
	// database for an operator's decision. 0 means 1 s.
	Poll time.Duration
	// Retry is the pause after an event's first failed try; it doubles with each. 0 means
	// 50 ms, which makes the eighth try come after about 6 s.
	Retry time.Duration
}

// Consumer applies one producer's events to its own database, in order, each once.
type Consumer struct {
	db       *sqldb.DB
	cfg      ConsumerConfig
	handlers map[string]Handler

	cur      cursor // of the active consumer's goroutine alone
	tries    int    // of the event behind the cursor that failed
	waits    int    // and pauses made for it, outages included
	caughtUp chan struct{}
	once     sync.Once
	halted   atomic.Pointer[fault.Error]
	meters   meters
}

// NewConsumer makes a consumer that keeps its cursor in db, which has [Migrations]. It
// does nothing until Run.
func NewConsumer(db *sqldb.DB, cfg ConsumerConfig) *Consumer {
	if cfg.Clock == nil {
		cfg.Clock = clock.System
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	cfg.Log = cfg.Log.With(slog.String("consumer", cfg.Name), slog.String("producer", cfg.Producer))
	cfg.Compare = cmp.Or(cfg.Compare, defaultCompare)
	cfg.Poll = cmp.Or(cfg.Poll, defaultPoll)
	cfg.Retry = cmp.Or(cfg.Retry, defaultRetry)
	c := &Consumer{
		db: db, cfg: cfg, handlers: make(map[string]Handler, len(cfg.Handlers)), caughtUp: make(chan struct{}),
	}
	for _, h := range cfg.Handlers {
		c.handlers[h.Type] = h
	}
	c.meters.start(cfg)
	return c
}

// CaughtUp says whether the producer's log was read to the end that it had at some time
// after this start.
func (c *Consumer) CaughtUp() bool {
	select {
	case <-c.caughtUp:
		return true
	default:
		return false
	}
}

// WaitCaughtUp waits for [Consumer.CaughtUp] or the end of ctx, whose error it returns.
func (c *Consumer) WaitCaughtUp(ctx context.Context) error {
	select {
	case <-c.caughtUp:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Ready returns nil, or why the consumer has stopped and waits for [Reconcile]:
// FAILED_PRECONDITION with EPOCH_CHANGED, HEAD_BEHIND_CURSOR or PREDECESSOR_MISMATCH.
func (c *Consumer) Ready() error {
	if f := c.halted.Load(); f != nil {
		return f
	}
	return nil
}

// Run consumes until ctx ends; then it returns nil. Of several processes with the same
// database one is active at a time.
func (c *Consumer) Run(ctx context.Context) error {
	defer c.observe()()
	runActive(ctx, c.db, "eventlog.consumer."+c.cfg.Name+"."+c.cfg.Producer, c.cfg.Log, c.work, c.standBy)
	return nil
}

// standBy keeps CaughtUp true to its word while another process does the work.
func (c *Consumer) standBy(ctx context.Context) {
	head, err := c.askHead(ctx)
	if err != nil {
		return
	}
	if cur, err := c.load(ctx); err == nil && cur.epoch == head.GetEpoch() && cur.pos >= head.GetPubSeq() {
		c.once.Do(func() { close(c.caughtUp) })
	}
}

// work consumes until ctx ends or the database fails.
func (c *Consumer) work(ctx context.Context) error {
	cur, err := c.load(ctx)
	if err != nil {
		return err
	}
	c.cur = cur
	c.meters.pos.Store(cur.pos)
	if err := c.countParked(ctx); err != nil {
		return err
	}
	err = c.consume(ctx)
	halt, ok := errors.AsType[*haltError](err)
	if !ok {
		return err
	}
	c.halted.Store(halt.fault)
	defer c.halted.Store(nil)
	c.cfg.Log.LogAttrs(ctx, slog.LevelError, "events stop until an operator reconciles",
		slog.String("reason", halt.fault.Reason), slog.Int64("pos", c.cur.pos), slog.Int64("head", c.meters.head.Load()))
	return c.awaitReconcile(ctx)
}
