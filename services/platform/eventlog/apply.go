package eventlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/upright-clinic/upright/services/platform/failpoint"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
	"github.com/upright-clinic/upright/services/platform/telemetry"
)

const (
	// applyBatch is the most events that one transaction applies: enough to share a
	// commit, few enough not to keep SQLite's one writer from the bookings.
	applyBatch = 50
	// applyTimeout bounds asking and applying one batch.
	applyTimeout = 30 * time.Second
	// maxTries is how often an event fails before it is parked.
	maxTries = 8
)

// job is an event on its way through its handler.
type job struct {
	env     Envelope
	handler Handler
	wanted  bool // there is a handler for its type
	ctx     context.Context
	span    trace.Span
	answer  any
}

// advance applies events that follow the cursor, in order.
func (c *Consumer) advance(ctx context.Context, events []Envelope) error {
	for len(events) > 0 {
		n, err := c.applyBatch(ctx, events[:c.batch(events)])
		if err != nil {
			return err
		}
		events = events[n:]
	}
	return nil
}

// batch is how many of the events share a transaction. One that asks another service
// begins a batch: it asks after those before it have had their effect.
func (c *Consumer) batch(events []Envelope) int {
	n := min(len(events), applyBatch)
	for i := 1; i < n; i++ {
		if c.handlers[events[i].Type].Ask != nil {
			return i
		}
	}
	return n
}

// applyBatch applies the longest run of events that succeeds, in one transaction, and
// returns its length. When the first one fails it is parked (1), or a pause is made and
// it is for the caller to try again (0).
func (c *Consumer) applyBatch(ctx context.Context, events []Envelope) (int, error) {
	work, cancel := context.WithTimeout(ctx, applyTimeout)
	defer cancel()
	jobs := make([]job, len(events))
	for i, e := range events {
		jobs[i] = c.begin(work, e)
	}
	defer func() {
		for _, j := range jobs {
			j.span.End()
		}
	}()
	first := &jobs[0]
	if first.handler.Ask != nil {
		err := protect(func() (err error) {
			first.answer, err = first.handler.Ask(first.ctx, first.env)
			return err
		})
		if err != nil {
			return c.failed(ctx, *first, err)
		}
	}
	for n := len(jobs); ; {
		reached, err := c.commit(work, jobs[:n])
		switch {
		case err == nil:
			c.tries, c.waits = 0, 0
			return n, nil
		case reached < 0: // the database's fault, or somebody moved the cursor
			return 0, err
		case reached == 0 || n == 1:
			return c.failed(ctx, *first, err)
		case reached == n: // all were applied and the commit failed: who was it?
			n = 1
		default: // nothing of the transaction stays; those before the failed one come alone
			n = reached
		}
	}
}

// begin opens the span of an event under the trace of the change that it tells of.
func (c *Consumer) begin(ctx context.Context, e Envelope) job {
	j := job{env: e, ctx: ctx, span: trace.SpanFromContext(ctx)}
	if j.handler, j.wanted = c.handlers[e.Type]; !j.wanted {
		return j
	}
	parent := traceparent(e.Trace)
	ctx = propagation.TraceContext{}.Extract(ctx, &parent)
	j.ctx, j.span = telemetry.Start(ctx, "consume "+e.Type, trace.WithSpanKind(trace.SpanKindConsumer))
	if j.span.IsRecording() {
		j.span.SetAttributes(attribute.String("messaging.message.id", e.EventID),
			attribute.String("messaging.consumer.group.name", c.cfg.Name), attribute.Int64("upright.pub_seq", e.PubSeq))
	}
	return j
}

// commit applies jobs and moves the cursor behind them in one transaction. With an error
// it tells how far it came: -1 is not even to the first job, len(jobs) to the commit.
func (c *Consumer) commit(ctx context.Context, jobs []job) (reached int, err error) {
	next := c.cur
	for _, j := range jobs {
		next = next.after(j.env)
	}
	var parked, ignored int64
	err = c.db.Write(ctx, func(tx *sqldb.Tx) error {
		reached, parked, ignored = -1, 0, 0
		if err := c.lockCursor(tx); err != nil {
			return err
		}
		blocked, err := c.blocked(tx)
		if err != nil {
			return err
		}
		for i, j := range jobs {
			reached = i
			switch {
			case !j.wanted:
				ignored++
			case blocked[j.env.aggregate()]:
				parked++
				err = c.insertParked(tx, j.env, parking{reason: reasonBehindParked})
			default:
				err = protect(func() error { return j.handler.Apply(j.ctx, tx, j.env, j.answer) })
			}
			if err != nil {
				return err
			}
		}
		reached = len(jobs)
		return c.moveCursor(tx, next)
	})
	if err != nil {
		return reached, err
	}
	c.cur = next
	c.count(ctx, jobs[0].env, int64(len(jobs))-ignored-parked, ignored, parked)
	failpoint.Hit("eventlog.applied")
	return reached, nil
}

// failed deals with an event whose handler failed: tried again after a pause, or parked.
func (c *Consumer) failed(ctx context.Context, j job, err error) (int, error) {
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	f := fault.From(err)
	j.span.SetStatus(codes.Error, f.Reason)
	c.waits++
	if !outage(f) {
		c.tries++
	}
	attrs := []slog.Attr{
		slog.String("event_id", j.env.EventID), slog.String("type", j.env.Type), slog.Int64("pub_seq", j.env.PubSeq),
		slog.Int("tries", c.tries), slog.String("reason", f.Reason), slog.String("error", telemetry.Scrub(err.Error())),
	}
	if c.tries < maxTries && !forGood(err) {
		c.cfg.Log.LogAttrs(j.ctx, slog.LevelWarn, "event is tried again", attrs...)
		pause(ctx, min(c.cfg.Retry<<min(c.waits-1, 10), longestRetry))
		return 0, nil
	}
	c.cfg.Log.LogAttrs(j.ctx, slog.LevelError, "event is parked", attrs...)
	if err := c.park(ctx, j.env, parking{reason: f.Reason, detail: detail(err), attempts: max(c.tries, 1)}); err != nil {
		return 0, err
	}
	c.tries, c.waits = 0, 0
	return 1, nil
}

// outage says that somebody we need is not there. That is not the event's fault: it is
// tried until they are back, and what comes after it waits.
func outage(f *fault.Error) bool {
	return f.Kind == fault.Unavailable || f.Kind == fault.DeadlineExceeded || f.Kind == fault.Canceled
}

// errPanic is why an event whose handler panicked is parked at once.
var errPanic = fault.New(fault.Internal, "PANIC", "The handler of an event panicked.")

func protect(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = Park(errPanic.Because(fmt.Errorf("panic: %v\n%s", p, debug.Stack())))
		}
	}()
	return f()
}

// detail is what an operator needs to see, without values of other people's errors.
func detail(err error) string {
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Unwrap() != nil {
		err = fmt.Errorf("%s: %w", f.Message, f.Unwrap())
	}
	text := []rune(telemetry.Scrub(err.Error()))
	return string(text[:min(len(text), 1000)])
}
