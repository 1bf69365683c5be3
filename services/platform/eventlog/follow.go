package eventlog

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	eventsv1 "github.com/upright-clinic/upright/proto/gen/go/upright/events/v1"
	"github.com/upright-clinic/upright/services/platform/eventbus"
)

const (
	// inboxSize is how many messages wait while a batch is applied.
	inboxSize = 256
	// pullPage is how many events one pull asks for.
	pullPage = 200
	// askTimeout bounds one question to the producer.
	askTimeout = 10 * time.Second
)

// consume is the loop of the active consumer. It ends with an error when the cursor is
// not ours to move: a haltError or errCursorMoved.
func (c *Consumer) consume(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	inbox := make(chan eventbus.Message, inboxSize)
	news, quit := c.subscribe(ctx, inbox)
	defer quit()
	operator := time.NewTicker(c.cfg.Poll)
	defer operator.Stop()
	compare := time.NewTimer(0)
	defer compare.Stop()
	for failures := 0; ; {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case m := <-inbox:
			if err = c.take(ctx, drain(inbox, m)); err != nil {
				pause(ctx, backoff(failures)) // or every message would try anew
			}
		case <-news:
			err = c.compare(ctx)
		case <-compare.C:
			err = c.compare(ctx)
			compare.Reset(c.interval())
		case <-operator.C:
			err = c.replay(ctx)
		}
		_, halted := errors.AsType[*haltError](err)
		switch {
		case err == nil:
			failures = 0
		case halted, errors.Is(err, errCursorMoved):
			return err
		case ctx.Err() == nil:
			failures++
			c.cfg.Log.LogAttrs(ctx, slog.LevelWarn, "events wait to be consumed", slog.Int("failures", failures), slog.Any("error", err))
			compare.Reset(backoff(failures))
		}
	}
}

// interval is the time to the next look at the producer's log.
func (c *Consumer) interval() time.Duration {
	d := c.cfg.Compare
	if c.cfg.Bus == nil || !c.cfg.Bus.Connected() {
		d = min(c.cfg.Poll, d)
	}
	return jitter(d)
}

// subscribe lets the bus fill the inbox. The channel receives when it is time to look at
// the producer's log: whenever a subscription starts, since what was published before
// may have been missed; or, without a bus, when the producer's relay is in this process.
func (c *Consumer) subscribe(ctx context.Context, inbox chan<- eventbus.Message) (news <-chan struct{}, quit func()) {
	if c.cfg.Bus == nil {
		return available.listen(c.cfg.Producer)
	}
	news, deaf := available.listen(c)
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.cfg.Bus.Subscribe(ctx, eventbus.Subscription{
			Producer: c.cfg.Producer, Durable: c.cfg.Name,
			Started: func() { available.ring(c) },
			Deliver: func(m eventbus.Message) {
				select {
				case inbox <- m:
				case <-ctx.Done():
				}
			},
		})
	}()
	return news, func() { cancel(); <-done; deaf() }
}

// drain takes along what has arrived behind a message.
func drain(inbox <-chan eventbus.Message, first eventbus.Message) []eventbus.Message {
	ms := []eventbus.Message{first}
	for len(ms) < inboxSize {
		select {
		case m := <-inbox:
			ms = append(ms, m)
		default:
			return ms
		}
	}
	return ms
}

// take applies messages and acknowledges them. One is used only when it fits the cursor
// exactly. Whatever else it says, a gap or an epoch that we do not know, is settled by
// the producer's log and not by a message that may be old.
func (c *Consumer) take(ctx context.Context, ms []eventbus.Message) error {
	events, explained := make([]Envelope, 0, len(ms)), true
	for _, m := range ms {
		e, err := receive(c.cfg.Producer, m)
		if err != nil || e.Epoch != c.cur.epoch {
			explained = false
			continue
		}
		events = append(events, e)
	}
	slices.SortFunc(events, func(a, b Envelope) int { return cmp.Compare(a.PubSeq, b.PubSeq) })
	next, run := c.cur, events[:0]
	for _, e := range events {
		switch {
		case e.PubSeq <= next.pos: // seen before, or twice in here
		case next.precedes(e):
			next = next.after(e)
			run = append(run, e)
		default:
			explained = false
		}
	}
	if err := c.advance(ctx, run); err != nil {
		return err
	}
	if !explained {
		if err := c.compare(ctx); err != nil {
			return err
		}
	}
	if err := ms[len(ms)-1].Ack(); err != nil {
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
		return c.halt(reasonEpoch)
	case head.GetPubSeq() < c.cur.pos:
		return c.halt(reasonBehind)
	case head.GetPubSeq() == c.cur.pos && head.GetEventId() != c.cur.last:
		return c.halt(reasonMismatch)
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
		return c.halt(reasonEpoch)
	}
	if len(page.GetEvents()) == 0 {
		return c.halt(reasonBehind) // its head was ahead of us a moment ago
	}
	events, next := make([]Envelope, 0, len(page.GetEvents())), c.cur
	for _, m := range page.GetEvents() {
		e := envelope(c.cfg.Producer, page.GetEpoch(), m)
		if !next.precedes(e) {
			return c.halt(reasonMismatch)
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
