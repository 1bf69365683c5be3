package eventbus

import (
	"context"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Subscription says what to deliver and to whom.
type Subscription struct {
	// Producer whose messages they are.
	Producer string
	// Durable names the subscription at the broker: after a restart it goes on where it
	// stopped, however often a message was delivered before. One process at a time may
	// use a name; two would share the messages.
	Durable string
	// Deliver receives one message after the other. It must give way when the context of
	// Subscribe ends.
	Deliver func(Message)
	// Started is called when messages begin to come, and again whenever the subscription
	// had to be made anew: what was published before may never come. May be nil.
	Started func()
}

// Subscribe delivers new messages until ctx ends. A missing stream or consumer is made
// again for ever, so the subscriber must be able to find what it missed meanwhile.
func (b *Bus) Subscribe(ctx context.Context, s Subscription) {
	b.persist(ctx, "consumer "+s.Durable, s.Producer, func(ctx context.Context) error {
		if err := b.EnsureStream(ctx, s.Producer); err != nil {
			return err
		}
		api, cancel := context.WithTimeout(ctx, apiTimeout)
		defer cancel()
		c, err := b.js.CreateOrUpdateConsumer(api, StreamName(s.Producer), jetstream.ConsumerConfig{
			Durable:           strings.ReplaceAll(s.Durable, ".", "_"), // a dot would be part of a subject
			DeliverPolicy:     jetstream.DeliverNewPolicy,
			AckPolicy:         jetstream.AckAllPolicy,
			AckWait:           30 * time.Second,
			MaxDeliver:        -1, // after MaxDeliver a message would vanish; poison is parked in the database
			MaxAckPending:     4096,
			InactiveThreshold: b.cfg.MaxAge,
		})
		if err != nil {
			return err
		}
		return consume(ctx, c, s.Started, func(m jetstream.Msg) { s.Deliver(decode(m, true)) })
	})
}

// Watch delivers the producer's messages from now on to f, in order and without
// acknowledgement, until ctx ends: for screens, which show the present and load the
// past. Messages sent while the broker is away are missed.
func (b *Bus) Watch(ctx context.Context, producer string, f func(Message)) {
	b.persist(ctx, "watch", producer, func(ctx context.Context) error {
		if err := b.EnsureStream(ctx, producer); err != nil {
			return err
		}
		api, cancel := context.WithTimeout(ctx, apiTimeout)
		defer cancel()
		c, err := b.js.OrderedConsumer(api, StreamName(producer), jetstream.OrderedConsumerConfig{
			DeliverPolicy: jetstream.DeliverNewPolicy,
		})
		if err != nil {
			return err
		}
		return consume(ctx, c, nil, func(m jetstream.Msg) { f(decode(m, false)) })
	})
}

// consume runs until ctx ends or something about the subscription is wrong, whatever
// it is: the caller sets it up anew.
func consume(ctx context.Context, c jetstream.Consumer, started func(), f func(jetstream.Msg)) error {
	failed := make(chan error, 1)
	cc, err := c.Consume(f, jetstream.PullMaxMessages(500), jetstream.ConsumeErrHandler(
		func(_ jetstream.ConsumeContext, err error) {
			select {
			case failed <- err:
			default:
			}
		}))
	if err != nil {
		return err
	}
	defer cc.Stop()
	if started != nil {
		started()
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}
