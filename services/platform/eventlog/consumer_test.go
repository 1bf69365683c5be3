package eventlog_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	eventsv1 "github.com/upright-clinic/upright/proto/gen/go/upright/events/v1"
	"github.com/upright-clinic/upright/services/platform/eventbus"
	"github.com/upright-clinic/upright/services/platform/eventbus/eventbustest"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

func TestEventsArriveInOrderAndOnce(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"bus", "pull"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, d sqldb.Dialect) {
				var bus *eventbus.Bus
				if way == "bus" {
					bus = eventbustest.Start(t)
				}
				from, to := openDB(t, d), openDB(t, d)
				happen(t, from, 1, 30, modulo(4)) // before anybody listens
				log := newLog(from, bus)
				running(t, log.Run)
				c := consumerOf(to, serve(t, log), bus)
				running(t, c.Run)
				happen(t, from, 31, 90, modulo(4))
				awaitPosition(t, c, 90)
				checkEffects(t, to, 90, modulo(4))
				if !c.CaughtUp() || c.Ready() != nil {
					t.Errorf("CaughtUp %v, Ready %v", c.CaughtUp(), c.Ready())
				}
			})
		})
	}
}

func TestTheBusBringsEventsWithoutPulls(t *testing.T) {
	t.Parallel()
	bus := eventbustest.Start(t)
	from, to := openDB(t, sqldb.SQLite), openDB(t, sqldb.SQLite)
	log := newLog(from, bus)
	src := serve(t, log)
	c := consumerOf(to, src, bus, func(cfg *eventlog.ConsumerConfig) { cfg.Compare = time.Hour })
	running(t, log.Run)
	running(t, c.Run)
	if err := c.WaitCaughtUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	happen(t, from, 1, 5, modulo(1))
	awaitPosition(t, c, 5) // the subscription is surely there
	src.down.Store(true)
	happen(t, from, 6, 100, modulo(1))
	awaitPosition(t, c, 100)
	checkEffects(t, to, 100, modulo(1))
}

func TestARestartGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d sqldb.Dialect) {
		bus := eventbustest.Start(t)
		from, to := openDB(t, d), openDB(t, d)
		log := newLog(from, bus)
		running(t, log.Run)
		src := serve(t, log)
		for round := range int64(4) {
			c := consumerOf(to, src, bus)
			stop := running(t, c.Run)
			happen(t, from, round*20+1, round*20+10, modulo(3))
			awaitPosition(t, c, round*20+10)
			stop()
			happen(t, from, round*20+11, round*20+20, modulo(3))
		}
		c := consumerOf(to, src, bus)
		running(t, c.Run)
		awaitPosition(t, c, 80)
		checkEffects(t, to, 80, modulo(3))
	})
}

func TestUnknownTypesAreIgnoredAndCounted(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d sqldb.Dialect) {
		from, to := openDB(t, d), openDB(t, d)
		log := newLog(from, nil)
		running(t, log.Run)
		c := consumerOf(to, serve(t, log), nil)
		running(t, c.Run)
		happen(t, from, 1, 3, modulo(1))
		for v := int64(4); v <= 6; v++ {
			if err := appendOne(t.Context(), from, "agg_0", v, &eventsv1.GetHeadRequest{}); err != nil {
				t.Fatal(err)
			}
		}
		awaitPosition(t, c, 6)
		checkEffects(t, to, 3, modulo(1))
		if s := c.Stats(); s.Ignored != 3 || s.Parked != 0 {
			t.Errorf("Stats = %+v, want 3 ignored", s)
		}
	})
}

// An event that asks another service asks outside the transaction, after everything
// before it has had its effect.
func TestAskingComesBeforeTheTransaction(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d sqldb.Dialect) {
		from, to := openDB(t, d), openDB(t, d)
		log := newLog(from, nil)
		running(t, log.Run)
		happen(t, from, 1, 20, modulo(2))
		asking := eventlog.OnAsking(
			func(ctx context.Context, m *eventsv1.ListEventsRequest) (int64, error) {
				if err := to.Write(ctx, func(*sqldb.Tx) error { return nil }); err != nil {
					return 0, err // inside a transaction this fails as nested
				}
				return int64(len(applied(t, to))), nil
			},
			func(_ context.Context, tx *sqldb.Tx, m *eventsv1.ListEventsRequest, before int64, env eventlog.Envelope) error {
				if before != m.GetAfter()-1 {
					return eventlog.Park(errors.New("asked too early"))
				}
				return record(tx, m.GetAfter(), env)
			})
		c := consumerOf(to, serve(t, log), nil, func(cfg *eventlog.ConsumerConfig) { cfg.Handlers = []eventlog.Handler{asking} })
		running(t, c.Run)
		awaitPosition(t, c, 20)
		checkEffects(t, to, 20, modulo(2))
		if c.Stats().Parked != 0 {
			t.Error("an event was asked for before its predecessors had their effect")
		}
	})
}

// The broker loses the newest events after confirming them, and nothing follows that
// would show the gap.
func TestALostTailIsFound(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d sqldb.Dialect) {
		srv := eventbustest.StartServer(t)
		from, to := openDB(t, d), openDB(t, d)
		deaf := eventbustest.Start(t) // another broker: nothing ever comes from here
		log := newLog(from, srv.Bus())
		running(t, log.Run)
		c := consumerOf(to, serve(t, log), deaf, func(cfg *eventlog.ConsumerConfig) { cfg.Compare = 50 * time.Millisecond })
		running(t, c.Run)
		if err := c.WaitCaughtUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		happen(t, from, 1, 10, modulo(2))
		awaitPosition(t, c, 10)
		checkEffects(t, to, 10, modulo(2))
	})
}

// What was published before the subscription began never comes; its beginning makes the
// consumer look.
func TestASubscriptionBeginsWithALook(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d sqldb.Dialect) {
		srv := eventbustest.StartServer(t)
		srv.Stop()
		from, to := openDB(t, d), openDB(t, d)
		log := newLog(from, nil)
		running(t, log.Run)
		c := consumerOf(to, serve(t, log), srv.Bus(), func(cfg *eventlog.ConsumerConfig) { cfg.Compare, cfg.Poll = time.Hour, time.Hour })
		running(t, c.Run)
		if err := c.WaitCaughtUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		happen(t, from, 1, 5, modulo(1))
		dense(t, from, 5)
		srv.Restart()
		awaitPosition(t, c, 5)
		checkEffects(t, to, 5, modulo(1))
	})
}

func TestTwoOfANameAreActiveOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d sqldb.Dialect) {
		bus := eventbustest.Start(t)
		from, to := openDB(t, d), openDB(t, d)
		log := newLog(from, bus)
		running(t, log.Run)
		src := serve(t, log)
		happen(t, from, 1, 10, modulo(3))
		a, b := consumerOf(to, src, bus), consumerOf(to, src, bus)
		stopA := running(t, a.Run)
		awaitPosition(t, a, 10)
		running(t, b.Run)
		if err := b.WaitCaughtUp(t.Context()); err != nil {
			t.Fatalf("standing by, the cursor of the other tells that all is read: %v", err)
		}
		happen(t, from, 11, 40, modulo(3))
		awaitPosition(t, a, 40)
		if got := b.Stats().Position; got != 0 {
			t.Errorf("both are active: the second is at %d", got)
		}
		stopA()
		happen(t, from, 41, 60, modulo(3))
		awaitPosition(t, b, 60)
		checkEffects(t, to, 60, modulo(3))
	})
}

// Who stands by has not caught up while the active one has not.
func TestStandingByIsNotCatchingUp(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d sqldb.Dialect) {
		p := newPoisonable(t, d, func(*sqldb.Tx) error { return fault.New(fault.Unavailable, "DIRECTORY_AWAY", "later") })
		eventually(t, "the active one waits", func() bool { return p.tries.Load() > 2 })
		second := consumerOf(p.to, p.src, nil)
		asked := p.src.heads.Load()
		running(t, second.Run)
		eventually(t, "it looks twice", func() bool { return p.src.heads.Load() >= asked+2 })
		if second.CaughtUp() {
			t.Error("caught up with a cursor that is behind")
		}
		p.cure()
		if err := second.WaitCaughtUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		checkEffects(t, p.to, 12, modulo(2))
	})
}

// Without the lock, as after a network partition, the cursor itself keeps two consumers
// of a name from applying an event twice.
func TestTheCursorIsSafeWithoutTheLock(t *testing.T) {
	t.Parallel()
	for _, d := range []sqldb.Dialect{sqldb.Postgres} { // on SQLite one process has the file
		from := openDB(t, d)
		log := newLog(from, nil)
		running(t, log.Run)
		src := serve(t, log)
		to := openDB(t, d)
		a, b := consumerOf(to, src, nil), consumerOf(to, src, nil)
		running(t, func(ctx context.Context) error { return eventlog.ConsumeWithoutLock(ctx, a) })
		running(t, func(ctx context.Context) error { return eventlog.ConsumeWithoutLock(ctx, b) })
		happen(t, from, 1, 200, modulo(5))
		eventually(t, "all applied", func() bool { return len(applied(t, to)) >= 200 })
		checkEffects(t, to, 200, modulo(5))
	}
}

func TestCaughtUpWaitsForTheProducer(t *testing.T) {
	t.Parallel()
	from, to := openDB(t, sqldb.SQLite), openDB(t, sqldb.SQLite)
	log := newLog(from, nil)
	running(t, log.Run)
	happen(t, from, 1, 5, modulo(1))
	eventually(t, "the five are shown to consumers", func() bool {
		head, err := log.Head(t.Context())
		return err == nil && head.PubSeq == 5
	})
	src := serve(t, log)
	src.down.Store(true)
	c := consumerOf(to, src, nil)
	running(t, c.Run)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := c.WaitCaughtUp(ctx); !errors.Is(err, context.DeadlineExceeded) || c.CaughtUp() {
		t.Errorf("caught up with a producer that does not answer: %v", err)
	}
	src.down.Store(false)
	if err := c.WaitCaughtUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{1, 2, 3, 4, 5}, applied(t, to)); diff != "" {
		t.Error(diff)
	}
}
