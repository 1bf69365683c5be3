package eventlog_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/upright-clinic/upright/services/platform/eventbus"
	"github.com/upright-clinic/upright/services/platform/eventbus/eventbustest"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// restored is a producer whose consumer has read twenty events, and which then lost the
// newest five as if an old backup had been put back.
type restored struct {
	from, to *sqldb.DB
	bus      *eventbus.Bus
	src      *source
	log      *eventlog.Log
	consumer *eventlog.Consumer
	stop     func() // the consumer
}

func restore(t *testing.T, d sqldb.Dialect, newEpoch bool) *restored {
	t.Helper()
	r := &restored{from: openDB(t, d), to: openDB(t, d), bus: eventbustest.Start(t)}
	r.log = newLog(r.from, r.bus)
	r.src = serve(t, r.log)
	stopRelay := running(t, r.log.Run)
	r.consumer = consumerOf(r.to, r.src, r.bus)
	stop := running(t, r.consumer.Run)
	happen(t, r.from, 1, 20, modulo(2))
	awaitPosition(t, r.consumer, 20)
	stop()
	stopRelay()
	execute(t, r.from, `delete from event_log where pub_seq > 15`)
	execute(t, r.from, `update log_head set last_pub_seq = 15, last_event_id = (select event_id from event_log where pub_seq = 15)`)
	if newEpoch {
		if err := eventlog.NewEpoch(t.Context(), r.from); err != nil {
			t.Fatal(err)
		}
	}
	running(t, r.log.Run)
	return r
}

// start runs the consumer and waits for it to stop with the reason.
func (r *restored) start(t *testing.T, reason string) {
	t.Helper()
	r.consumer = consumerOf(r.to, r.src, r.bus, func(cfg *eventlog.ConsumerConfig) { cfg.Compare = 50 * time.Millisecond })
	r.stop = running(t, r.consumer.Run)
	r.awaitHalt(t, reason)
}

func (r *restored) awaitHalt(t *testing.T, reason string) {
	t.Helper()
	eventually(t, "halted with "+reason, func() bool {
		err := r.consumer.Ready()
		return fault.Is(err, reason) && fault.IsKind(err, fault.FailedPrecondition)
	})
}

func (r *restored) awaitEffects(t *testing.T, n int) {
	t.Helper()
	eventually(t, "effects", func() bool { return len(applied(t, r.to)) >= n })
}

func (r *restored) reconcile(t *testing.T, position int64) int64 {
	t.Helper()
	pos, err := eventlog.Reconcile(t.Context(), r.to, eventlog.Reconciliation{
		Consumer: "reader", Producer: producerName, Source: r.src, Position: position,
	})
	if err != nil {
		t.Fatal(err)
	}
	return pos
}

func TestARestoredProducerStopsItsConsumers(t *testing.T) {
	t.Parallel()
	for reason, newEpoch := range map[string]bool{"EPOCH_CHANGED": true, "HEAD_BEHIND_CURSOR": false} {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, d sqldb.Dialect) {
				r := restore(t, d, newEpoch)
				r.start(t, reason)
				happen(t, r.from, 21, 23, modulo(2)) // the restored service lives on
				dense(t, r.from, 18)
				if got := len(applied(t, r.to)); got != 20 {
					t.Fatalf("%d effects while stopped, want the 20 of before", got)
				}
				r.stop() // a restart does not make it forget
				r.start(t, reason)
				if got := r.reconcile(t, 15); got != 15 {
					t.Errorf("Reconcile = %d, want 15", got)
				}
				r.awaitEffects(t, 23)
				eventually(t, "ready", func() bool { return r.consumer.Ready() == nil })
				happen(t, r.from, 24, 24, modulo(2))
				r.awaitEffects(t, 24)
				want := []int64{21, 22, 23, 24}
				if diff := cmp.Diff(want, applied(t, r.to)[20:]); diff != "" {
					t.Errorf("applied after reconciling (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// The restored producer has written as many events as it lost: positions fit, events do not.
func TestAnOvertakenHistoryIsNoticed(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]int64{"at the head": 5, "behind the head": 9} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, d sqldb.Dialect) {
				r := restore(t, d, false)
				happen(t, r.from, 21, 20+more, modulo(2))
				dense(t, r.from, int(15+more))
				r.start(t, "PREDECESSOR_MISMATCH")
				if got := r.reconcile(t, eventlog.ToHead); got != 15+more {
					t.Errorf("Reconcile to the head = %d, want %d", got, 15+more)
				}
				happen(t, r.from, 40, 41, modulo(2))
				r.awaitEffects(t, 22)
				if diff := cmp.Diff([]int64{40, 41}, applied(t, r.to)[20:]); diff != "" {
					t.Errorf("applied after reconciling (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// While it runs, a consumer meets the restored log through the bus.
func TestTheBusDoesNotHideARestore(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d sqldb.Dialect) {
		from, to, bus := openDB(t, d), openDB(t, d), eventbustest.Start(t)
		log := newLog(from, bus)
		running(t, log.Run)
		r := &restored{from: from, to: to, bus: bus, src: serve(t, log), log: log}
		r.consumer = consumerOf(to, r.src, bus, func(cfg *eventlog.ConsumerConfig) { cfg.Compare = time.Hour })
		running(t, r.consumer.Run)
		happen(t, from, 1, 5, modulo(1))
		awaitPosition(t, r.consumer, 5)
		if err := eventlog.NewEpoch(t.Context(), from); err != nil {
			t.Fatal(err)
		}
		happen(t, from, 6, 6, modulo(1))
		r.awaitHalt(t, "EPOCH_CHANGED")
		checkEffects(t, to, 5, modulo(1))
		r.reconcile(t, 5)
		r.awaitEffects(t, 6)
		checkEffects(t, to, 6, modulo(1))
	})
}

func TestReconcileTakesPositionsOfTheLogOnly(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d sqldb.Dialect) {
		r := restore(t, d, true)
		for _, position := range []int64{16, -2} {
			_, err := eventlog.Reconcile(t.Context(), r.to, eventlog.Reconciliation{
				Consumer: "reader", Producer: producerName, Source: r.src, Position: position,
			})
			if !fault.IsKind(err, fault.InvalidArgument) {
				t.Errorf("Reconcile at %d = %v, want INVALID_ARGUMENT", position, err)
			}
		}
		r.start(t, "EPOCH_CHANGED")
		if got := r.reconcile(t, 0); got != 0 {
			t.Errorf("Reconcile from the start = %d", got)
		}
		r.awaitEffects(t, 35)
	})
}
