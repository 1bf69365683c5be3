package eventlog_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/upright-clinic/upright/services/platform/eventbus"
	"github.com/upright-clinic/upright/services/platform/eventbus/eventbustest"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Reliability test 10: the broker loses everything, while the services are stopped and
// while they run. What consumers know equals what a rebuild from the log gives.
func TestABrokerWithoutItsStoreLosesNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d sqldb.Dialect) {
		srv := eventbustest.StartServer(t)
		from, to := openDB(t, d), openDB(t, d)
		log := newLog(from, srv.Bus())
		src := serve(t, log)
		changed := func(cfg *eventlog.ConsumerConfig) { cfg.Compare = 200 * time.Millisecond }

		stopRelay := running(t, log.Run)
		c := consumerOf(to, src, srv.Bus(), changed)
		stopConsumer := running(t, c.Run)
		happen(t, from, 1, 20, modulo(3))
		awaitPosition(t, c, 20)
		stopConsumer()
		happen(t, from, 21, 40, modulo(3)) // confirmed by the broker, not consumed
		eventually(t, "confirmed", func() bool {
			return count(t, from, `select (select count(*) from event_log) - acked_pub_seq from log_head`) == 0
		})
		stopRelay()
		happen(t, from, 41, 50, modulo(3)) // committed only
		srv.DeleteStore()
		srv.Restart()

		running(t, log.Run)
		c = consumerOf(to, src, srv.Bus(), changed)
		running(t, c.Run)
		awaitPosition(t, c, 50)
		for n := int64(51); n <= 80; n += 10 { // and while everything runs
			happen(t, from, n, n+4, modulo(3))
			srv.DeleteStore()
			happen(t, from, n+5, n+9, modulo(3))
			srv.Restart()
			eventually(t, "provisioned again", func() bool { return srv.HasStream(producerName) })
			srv.DeleteStream(producerName)
		}
		awaitPosition(t, c, 80)
		checkEffects(t, to, 80, modulo(3))

		fresh := openDB(t, d)
		rebuild := consumerOf(fresh, src, nil)
		running(t, rebuild.Run)
		awaitPosition(t, rebuild, 80)
		if diff := cmp.Diff(applied(t, fresh), applied(t, to)); diff != "" {
			t.Errorf("differs from a rebuild (-rebuild +live):\n%s", diff)
		}
	})
}

// Reliability test 11: between relay and consumer sits a proxy that delivers each message
// one to five times, shuffled, some of it long after the broker's memory of ids.
func TestDuplicatesAndDisorderChangeNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d sqldb.Dialect) {
		const n = 400
		near, far := eventbustest.Start(t), eventbustest.Start(t)
		from, to := openDB(t, d), openDB(t, d)
		log := newLog(from, near)
		src := serve(t, log)
		running(t, log.Run)
		startProxy(t, near, far, rand.New(rand.NewPCG(20261121, uint64(len(d)))))
		// Only what the bus brings makes it look: a gap is found by the message behind it.
		c := consumerOf(to, src, far, func(cfg *eventlog.ConsumerConfig) { cfg.Compare = time.Hour })
		running(t, c.Run)
		if err := c.WaitCaughtUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		happen(t, from, 1, n, modulo(7))
		awaitPosition(t, c, n)
		checkEffects(t, to, n, modulo(7))
		if c.Ready() != nil {
			t.Errorf("disorder was taken for a restored producer: %v", c.Ready())
		}
	})
}

// startProxy carries messages from near to far, as badly as a broker may.
func startProxy(t *testing.T, near, far *eventbus.Bus, rng *rand.Rand) {
	t.Helper()
	if err := far.EnsureStream(t.Context(), producerName); err != nil {
		t.Fatal(err)
	}
	in, ready := make(chan eventbus.Message, 1000), make(chan struct{}, 1)
	running(t, func(ctx context.Context) error {
		near.Subscribe(ctx, eventbus.Subscription{
			Producer: producerName, Durable: "proxy",
			Deliver: func(m eventbus.Message) { in <- m },
			Started: func() { ready <- struct{}{} },
		})
		return nil
	})
	running(t, func(ctx context.Context) error {
		var waiting []eventbus.Message
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for copies := 0; ; {
			select {
			case <-ctx.Done():
				return nil
			case m := <-in:
				for range 1 + rng.IntN(5) {
					again := m
					if copies++; rng.IntN(2) == 0 { // the broker has forgotten the id
						again.ID = fmt.Sprint(m.ID, "-", copies)
					}
					waiting = append(waiting, again)
				}
			case <-tick.C:
				rng.Shuffle(len(waiting), func(i, j int) { waiting[i], waiting[j] = waiting[j], waiting[i] })
				send := waiting[:len(waiting)-len(waiting)/4] // the rest comes much later
				if _, err := far.Publish(ctx, send...); err != nil && ctx.Err() == nil {
					return err
				}
				waiting = append([]eventbus.Message(nil), waiting[len(send):]...)
			}
		}
	})
	<-ready
}
