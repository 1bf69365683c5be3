package eventlog

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	eventsv1 "github.com/upright-clinic/upright/proto/gen/go/upright/events/v1"
	"github.com/upright-clinic/upright/services/platform/clock"
	"github.com/upright-clinic/upright/services/platform/eventbus"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

const (
	// inboxSize is how many messages wait while a batch is applied.
	inboxSize = 1024
	// pullPage is how many events one pull asks for.
	pullPage = 200
	// askTimeout bounds one question to the producer.
	askTimeout = 10 * time.Second
	// longestRetry is the longest pause after failures.
	longestRetry = 5 * time.Second

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
	inbox    chan eventbus.Message
	caughtUp chan struct{}
	once     sync.Once
	halted   atomic.Pointer[haltError]
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
	if h := c.halted.Load(); h != nil {
		return h.fault
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
	var halt *haltError
	if !errors.As(err, &halt) {
		return err
	}
	c.halted.Store(halt)
	defer c.halted.Store(nil)
	c.cfg.Log.LogAttrs(ctx, slog.LevelError, "events stop until an operator reconciles",
		slog.String("reason", halt.fault.Reason), slog.Int64("pos", c.cur.pos), slog.Int64("head", halt.head))
	return c.awaitReconcile(ctx)
}

// consume is the loop of the active consumer. It ends with an error: the database's, or
// a haltError.
func (c *Consumer) consume(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	subscribed, stopBus := c.subscribe(ctx)
	defer stopBus()
	news, stopNews := available.listen(c.cfg.Producer)
	defer stopNews()
	if c.cfg.Bus != nil {
		news = nil // the bus brings the event itself
	}
	operator := time.NewTicker(c.cfg.Poll)
	defer operator.Stop()
	compare := time.NewTimer(0)
	defer compare.Stop()
	for failures := 0; ; {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case m := <-c.inbox:
			err = c.take(ctx, m)
		case <-operator.C:
			err = c.replay(ctx)
		case <-subscribed:
			err = c.compare(ctx)
		case <-news:
			err = c.compare(ctx)
		case <-compare.C:
			err = c.compare(ctx)
			compare.Reset(c.interval())
		}
		var halt *haltError
		switch {
		case err == nil:
			failures = 0
		case errors.As(err, &halt), errors.Is(err, errCursorMoved):
			return err
		case ctx.Err() == nil:
			failures++
			c.cfg.Log.LogAttrs(ctx, slog.LevelWarn, "events wait to be consumed", slog.Int("failures", failures), slog.Any("error", err))
			compare.Reset(min(100*time.Millisecond<<min(failures, 6), longestRetry))
		}
	}
}

// interval is the time to the next look at the producer's log.
func (c *Consumer) interval() time.Duration {
	d := c.cfg.Compare
	if c.cfg.Bus == nil || !c.cfg.Bus.Connected() {
		d = min(c.cfg.Poll, d)
	}
	return d + rand.N(d/8+1)
}

// subscribe lets the bus fill the inbox. The channel receives each time a subscription
// starts: what was published before may have been missed.
func (c *Consumer) subscribe(ctx context.Context) (<-chan struct{}, func()) {
	c.inbox = make(chan eventbus.Message, inboxSize)
	if c.cfg.Bus == nil {
		return nil, func() {}
	}
	started, done := make(chan struct{}, 1), make(chan struct{})
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer close(done)
		c.cfg.Bus.Subscribe(ctx, eventbus.Subscription{
			Producer: c.cfg.Producer, Durable: c.cfg.Name,
			Started: func() {
				select {
				case started <- struct{}{}:
				default:
				}
			},
			Deliver: func(m eventbus.Message) {
				select {
				case c.inbox <- m:
				case <-ctx.Done():
				}
			},
		})
	}()
	return started, func() { cancel(); <-done }
}

// take applies a message and what has arrived behind it, then acknowledges. A message is
// used only when it fits the cursor exactly. Whatever else it says, a gap or an epoch
// that we do not know, is settled by the producer's log, not by a message that may be old.
func (c *Consumer) take(ctx context.Context, last eventbus.Message) error {
	fits := func(m eventbus.Message, events []Envelope) ([]Envelope, bool) {
		e, err := receive(c.cfg.Producer, m)
		if err != nil || e.Epoch != c.cur.epoch {
			return events, false
		}
		return append(events, e), true
	}
	events, clear := fits(last, nil)
	for range min(len(c.inbox), inboxSize-1) {
		last = <-c.inbox
		var ok bool
		events, ok = fits(last, events)
		clear = clear && ok
	}
	slices.SortFunc(events, func(a, b Envelope) int { return cmp.Compare(a.PubSeq, b.PubSeq) })
	next := c.cur
	run := events[:0]
	for _, e := range events {
		switch {
		case e.PubSeq <= next.pos: // seen before, or twice in here
		case next.precedes(e):
			next = next.after(e)
			run = append(run, e)
		default:
			clear = false
		}
	}
	if err := c.advance(ctx, run); err != nil {
		return err
	}
	if !clear {
		if err := c.compare(ctx); err != nil {
			return err
		}
	}
	if err := last.Ack(); err != nil {
		c.cfg.Log.LogAttrs(ctx, slog.LevelDebug, "a message will come again", slog.Any("error", err))
	}
	return nil
}

// compare reads the producer's log from the cursor to its head.
func (c *Consumer) compare(ctx context.Context) error {
	head, err := c.askHead(ctx)
	if err != nil {
		return err
	}
	if c.cur.epoch == "" {
		if err := c.adopt(ctx, head.GetEpoch()); err != nil {
			return err
		}
	}
	c.meters.head.Store(head.GetPubSeq())
	switch {
	case head.GetEpoch() != c.cur.epoch:
		return c.halt(reasonEpoch, head.GetPubSeq())
	case head.GetPubSeq() < c.cur.pos:
		return c.halt(reasonBehind, head.GetPubSeq())
	case head.GetPubSeq() == c.cur.pos && head.GetEventId() != c.cur.last:
		return c.halt(reasonMismatch, head.GetPubSeq())
	}
	for c.cur.pos < head.GetPubSeq() {
		if err := c.pull(ctx); err != nil {
			return err
		}
	}
	c.once.Do(func() { close(c.caughtUp) })
	return nil
}

// pull applies the next page of the producer's log.
func (c *Consumer) pull(ctx context.Context) error {
	ask, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	page, err := c.cfg.Source.ListEvents(ask, &eventsv1.ListEventsRequest{After: c.cur.pos, PageSize: pullPage})
	if err != nil {
		return err
	}
	if page.GetEpoch() != c.cur.epoch {
		return c.halt(reasonEpoch, 0)
	}
	if len(page.GetEvents()) == 0 {
		return c.halt(reasonBehind, 0) // its head was ahead of us a moment ago
	}
	events, next := make([]Envelope, 0, len(page.GetEvents())), c.cur
	for _, m := range page.GetEvents() {
		e := envelope(c.cfg.Producer, page.GetEpoch(), m)
		if !next.precedes(e) {
			return c.halt(reasonMismatch, e.PubSeq)
		}
		next = next.after(e)
		events = append(events, e)
	}
	return c.advance(ctx, events)
}

func (c *Consumer) askHead(ctx context.Context) (*eventsv1.GetHeadResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	return c.cfg.Source.GetHead(ctx, &eventsv1.GetHeadRequest{})
}
