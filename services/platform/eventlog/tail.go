package eventlog

import (
	"context"
	"log/slog"
	"time"

	"google.golang.org/protobuf/proto"

	eventsv1 "github.com/upright-clinic/upright/proto/gen/go/upright/events/v1"
	"github.com/upright-clinic/upright/services/platform/eventbus"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// tailPoll finds what another process numbered; our own relay rings.
const tailPoll = 250 * time.Millisecond

// Tail calls f with the events of the service's own log after a position, in pub_seq
// order, each once, first the past and then the present, until ctx ends or f fails. It
// keeps nothing: it is for what each process holds in memory, such as day bitmaps.
// It returns f's error, or nil when ctx ended; a failing database is tried again.
func (l *Log) Tail(ctx context.Context, after int64, f func(Envelope) error) error {
	news, stop := numbered.listen(l.db)
	defer stop()
	poll := time.NewTicker(tailPoll)
	defer poll.Stop()
	for {
		var page []Envelope
		err := l.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
			page, err = l.page(tx, after, defaultPage)
			return err
		})
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			l.cfg.Log.LogAttrs(ctx, slog.LevelWarn, "event log cannot be read", slog.Any("error", err))
		}
		for _, e := range page {
			if err := f(e); err != nil {
				return err
			}
			after = e.PubSeq
		}
		if len(page) == defaultPage {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-news:
		case <-poll.C:
		}
	}
}

// Watch calls f with what a producer publishes from now on, for screens that are open
// here, until ctx ends. It misses what is published while the broker is away, so a
// screen also reloads at times.
func Watch(ctx context.Context, bus *eventbus.Bus, producer string, f func(Envelope)) {
	bus.Watch(ctx, producer, func(m eventbus.Message) {
		if e, err := receive(producer, m); err == nil {
			f(e)
		}
	})
}

// Headers of a published event, beside the broker's own message id.
const (
	headerEpoch    = "Upright-Epoch"
	headerPubSeq   = "Upright-Pub-Seq"
	headerPrevious = "Upright-Previous-Event-Id"
)

func receive(producer string, m eventbus.Message) (Envelope, error) {
	var e eventsv1.Event
	if err := proto.Unmarshal(m.Data, &e); err != nil {
		return Envelope{}, err
	}
	return envelope(producer, m.Header.Get(headerEpoch), &e), nil
}
