package eventlog

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/upright-clinic/upright/services/platform/eventbus"
	"github.com/upright-clinic/upright/services/platform/failpoint"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

const (
	// relayBatch is the most events that one round numbers and publishes.
	relayBatch = 500
	// relayPoll finds what another process appended; our own commits ring.
	relayPoll = 250 * time.Millisecond
	// relayPace is the least time from round to round. The first event after a quiet moment
	// goes out at once; under load a round takes along what came meanwhile, so the relay
	// commits ten times a second however many bookings there are. Doubling the batch halves
	// what an event costs (measured at 900 events/s).
	relayPace = 100 * time.Millisecond
	// relayTimeout bounds the database work of one round.
	relayTimeout = 30 * time.Second
)

// relay numbers the log and publishes it. It is the state of the one active relay.
type relay struct {
	*Log
	head      Head
	confirmed int64            // the broker has confirmed everything up to here
	recorded  int64            // and the database knows of it up to here
	rest      <-chan time.Time // when to bother the broker again; nil: now

	published metric.Int64Counter
	self      metric.MeasurementOption
}

// Run numbers and publishes events until ctx ends; then it returns nil. Of several
// processes with the same database one is active at a time. That is economy, not
// safety: the lock on log_head serialises numbering, and repeated publishing is harmless.
func (l *Log) Run(ctx context.Context) error {
	runActive(ctx, l.db, "eventlog.relay", l.cfg.Log, func(ctx context.Context) error {
		r := &relay{Log: l}
		if err := r.start(ctx); err != nil {
			return err
		}
		r.run(ctx)
		return nil
	}, nil)
	return nil
}

// Wake makes the relay look now instead of at its next poll.
func (l *Log) Wake() { appended.ring(nil) }

// start finds where the broker's knowledge ends.
func (r *relay) start(ctx context.Context) error {
	var err error
	r.published, err = otel.Meter(scope).Int64Counter("upright.events.published",
		metric.WithDescription("Events confirmed by the broker."))
	report(err)
	r.self = metric.WithAttributeSet(attribute.NewSet(attribute.String("producer", r.cfg.Service)))
	return r.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		if r.head, err = readHead(tx, ""); err != nil {
			return err
		}
		err = tx.QueryRow(`select acked_pub_seq from log_head`).Scan(&r.confirmed)
		r.recorded = r.confirmed
		return err
	})
}

func (r *relay) run(ctx context.Context) {
	woken, stop := appended.listen(nil)
	defer stop()
	defer r.leave(ctx)
	for failures := 0; ctx.Err() == nil; {
		pace := time.NewTimer(relayPace)
		more, err := r.round(ctx)
		wait := jitter(relayPoll)
		switch {
		case err != nil:
			failures++
			wait = backoff(failures)
			r.rest = time.After(wait)
			r.cfg.Log.LogAttrs(ctx, slog.LevelWarn, "events wait to be published",
				slog.String("producer", r.cfg.Service), slog.Int("failures", failures), slog.Any("error", err))
		case more:
			wait = 0
		case r.rest == nil:
			failures = 0
		}
		select {
		case <-pace.C:
		case <-ctx.Done():
		}
		await(ctx, wait, woken)
	}
}

// round numbers what is new and publishes what is numbered. It reports whether there is
// more of either.
func (r *relay) round(ctx context.Context) (more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, relayTimeout)
	defer cancel()
	before := r.head.PubSeq
	fresh, err := r.look(ctx)
	if err != nil {
		return false, err
	}
	if fresh || r.recorded < r.confirmed {
		if err := r.number(ctx); err != nil {
			return false, err
		}
	}
	if r.head.PubSeq > before {
		numbered.ring(r.db)
		available.ring(r.cfg.Service)
		failpoint.Hit("eventlog.numbered")
	}
	more = r.head.PubSeq-before >= relayBatch
	if r.cfg.Bus == nil || r.confirmed >= r.head.PubSeq || !r.rested() {
		return more, nil
	}
	err = r.publish(ctx)
	return more || r.confirmed < r.head.PubSeq, err
}

// rested says whether enough time has passed since the broker last failed. Numbering
// goes on meanwhile: consumers pull.
func (r *relay) rested() bool {
	select {
	case <-r.rest:
		r.rest = nil
	default:
	}
	return r.rest == nil
}

// look reads the head and whether there are events without a number, without a lock.
func (r *relay) look(ctx context.Context) (fresh bool, err error) {
	err = r.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		if r.head, err = readHead(tx, ""); err != nil {
			return err
		}
		return tx.QueryRow(`select exists (select 1 from event_log where pub_seq is null)
			or exists (select 1 from event_log where pub_seq > $1)`, r.head.PubSeq).Scan(&fresh)
	})
	return fresh, err
}

// number gives the next dense numbers to committed events, in id order, and records what
// the broker has confirmed since, in one transaction. An event whose transaction commits
// later than one with a higher id gets a later number: nothing is ever skipped.
func (r *relay) number(ctx context.Context) error {
	head, confirmed := r.head, r.confirmed
	err := r.db.Write(ctx, func(tx *sqldb.Tx) (err error) {
		if head, err = readHead(tx, tx.ForUpdate()); err != nil {
			return err
		}
		_, err = tx.Exec(`update event_log set pub_seq = n.seq
			from (select id, cast($1 as bigint) + row_number() over (order by id) as seq
				from (select id from event_log where pub_seq is null order by id limit $2) as fresh) as n
			where event_log.id = n.id`, head.PubSeq, relayBatch)
		if err != nil {
			return err
		}
		err = tx.QueryRow(`select pub_seq, event_id from event_log where pub_seq is not null order by pub_seq desc limit 1`).
			Scan(&head.PubSeq, &head.EventID)
		if err != nil && !errors.Is(err, sqldb.ErrNoRows) {
			return err
		}
		_, err = tx.Exec(`update log_head set last_pub_seq = $1, last_event_id = $2, acked_pub_seq = case when acked_pub_seq < $3 then $3 else acked_pub_seq end`, head.PubSeq, head.EventID, confirmed)
		return err
	})
	if err == nil {
		r.head, r.recorded = head, confirmed
	}
	return err
}

// publish sends one batch of numbered events and notes how far the broker confirmed.
func (r *relay) publish(ctx context.Context) error {
	var page []Envelope
	err := r.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		page, err = r.page(tx, r.confirmed, relayBatch)
		return err
	})
	if err != nil || len(page) == 0 {
		return err
	}
	messages := make([]eventbus.Message, 0, len(page))
	for _, e := range page {
		m, err := e.publication()
		if err != nil {
			return err
		}
		if strings.HasPrefix(m.Subject, "upright."+r.cfg.Service+".v1.") {
			messages = append(messages, m)
			continue
		}
		// A mistake of the program. No stream takes it and the rest must not wait for it;
		// consumers meet it when they pull.
		r.cfg.Log.LogAttrs(ctx, slog.LevelError, "an event of another service's type is not published",
			slog.String("producer", r.cfg.Service), slog.String("type", e.Type), slog.Int64("pub_seq", e.PubSeq))
		break
	}
	if len(messages) == 0 {
		r.confirmed = page[0].PubSeq
		return nil
	}
	n, err := r.cfg.Bus.Publish(ctx, messages...)
	if n > 0 {
		r.confirmed = page[n-1].PubSeq
		r.published.Add(ctx, int64(n), r.self)
		failpoint.Hit("eventlog.published")
	}
	if err != nil {
		// The stream may be gone. If it can be made, the next round finds it.
		if again := r.cfg.Bus.EnsureStream(ctx, r.cfg.Service); again != nil {
			return again
		}
	}
	return err
}

func (e Envelope) publication() (eventbus.Message, error) {
	data, err := proto.Marshal(e.message())
	if err != nil {
		return eventbus.Message{}, err
	}
	h := make(eventbus.Header, 8)
	h.Set(headerEpoch, e.Epoch)
	h.Set(headerPubSeq, strconv.FormatInt(e.PubSeq, 10))
	h.Set(headerPrevious, e.PreviousID)
	if e.Trace != "" {
		h.Set(traceparentKey, e.Trace)
	}
	return eventbus.Message{
		Subject: eventbus.Subject(protoreflect.FullName(e.Type)), ID: e.EventID, Header: h, Data: data,
	}, nil
}

// leave records the last confirmations, so that the next start does not repeat them.
func (r *relay) leave(ctx context.Context) {
	if r.recorded == r.confirmed {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := r.number(ctx); err != nil {
		r.cfg.Log.LogAttrs(ctx, slog.LevelInfo, "confirmed events will be published again", slog.Any("error", err))
	}
}
