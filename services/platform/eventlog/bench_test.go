package eventlog_test

import (
	"context"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	eventsv1 "github.com/upright-clinic/upright/proto/gen/go/upright/events/v1"
	"github.com/upright-clinic/upright/services/platform/clock"
	"github.com/upright-clinic/upright/services/platform/eventbus"
	"github.com/upright-clinic/upright/services/platform/eventbus/eventbustest"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// cpu is what this process has used, the broker included.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// measure runs f and reports its rate and cost for each of b.N events.
func measure(b *testing.B, f func()) {
	b.Helper()
	began := cpu(b)
	b.ResetTimer()
	f()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64((cpu(b)-began).Microseconds())/float64(b.N), "cpu-µs/event")
}

var benchRun atomic.Int64

// fill appends n events in transactions of a hundred.
func fill(b *testing.B, db *sqldb.DB, n int) {
	b.Helper()
	run := strconv.FormatInt(benchRun.Add(1), 10)
	for done := 0; done < n; {
		to := min(done+100, n)
		err := db.Write(b.Context(), func(tx *sqldb.Tx) error {
			for v := done; v < to; v++ {
				err := eventlog.Append(b.Context(), tx, eventlog.Event{
					AggregateType: "thing", AggregateID: run, AggregateVersion: int64(v) + 1,
					Message: &eventsv1.GetHeadResponse{Epoch: "apt_0193b2a1c0de7f00a1b2c3d4e5f60718", EventId: "pat_0193b2a1c0de7f00a1b2c3d4e5f60718"},
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		done = to
	}
}

func dialects(b *testing.B, f func(b *testing.B, d sqldb.Dialect)) {
	b.Helper()
	for _, d := range []sqldb.Dialect{sqldb.SQLite, sqldb.Postgres} {
		b.Run(string(d), func(b *testing.B) { f(b, d) })
	}
}

// What an event adds to the transaction of its change.
func BenchmarkAppend(b *testing.B) {
	dialects(b, func(b *testing.B, d sqldb.Dialect) {
		db := openDB(b, d)
		measure(b, func() { fill(b, db, b.N) })
	})
}

// From a full log to the broker's confirmation of everything, recorded in the database.
func BenchmarkRelay(b *testing.B) {
	dialects(b, func(b *testing.B, d sqldb.Dialect) {
		db := openDB(b, d)
		log := newLog(db, eventbustest.Start(b))
		fill(b, db, b.N)
		measure(b, func() {
			stop := running(b, log.Run)
			eventually(b, "all confirmed", func() bool {
				return count(b, db, `select count(*) from log_head where acked_pub_seq = $1`, b.N) == 1
			})
			stop()
		})
	})
}

// From the broker, or the producer's log, to the effects.
func BenchmarkConsume(b *testing.B) {
	for _, way := range []string{"bus", "pull"} {
		b.Run(way, func(b *testing.B) {
			dialects(b, func(b *testing.B, d sqldb.Dialect) {
				var bus *eventbus.Bus
				if way == "bus" {
					bus = eventbustest.Start(b)
				}
				from, to := openDB(b, d), openDB(b, d)
				log := newLog(from, bus)
				running(b, log.Run)
				c := consumerOf(to, serve(b, log), bus, func(cfg *eventlog.ConsumerConfig) {
					cfg.Compare = time.Hour
					cfg.Handlers = []eventlog.Handler{eventlog.On(
						func(_ context.Context, tx *sqldb.Tx, _ *eventsv1.GetHeadResponse, env eventlog.Envelope) error {
							return record(tx, env.PubSeq, env)
						})}
				})
				running(b, c.Run)
				if err := c.WaitCaughtUp(b.Context()); err != nil {
					b.Fatal(err)
				}
				measure(b, func() {
					fill(b, from, b.N)
					awaitPosition(b, c, int64(b.N))
				})
			})
		})
	}
}

// Time from commit to effect when an event comes every two milliseconds.
func BenchmarkDelay(b *testing.B) {
	dialects(b, func(b *testing.B, d sqldb.Dialect) {
		bus := eventbustest.Start(b)
		from, to := openDB(b, d), openDB(b, d)
		log := newLog(from, bus)
		running(b, log.Run)
		var delays []time.Duration
		c := consumerOf(to, serve(b, log), bus, func(cfg *eventlog.ConsumerConfig) {
			cfg.Compare = time.Hour
			cfg.Handlers = []eventlog.Handler{eventlog.On(
				func(_ context.Context, _ *sqldb.Tx, _ *eventsv1.GetHeadResponse, env eventlog.Envelope) error {
					delays = append(delays, clock.System.Now().Sub(env.RecordTime))
					return nil
				})}
		})
		stop := running(b, c.Run)
		if err := c.WaitCaughtUp(b.Context()); err != nil {
			b.Fatal(err)
		}
		measure(b, func() {
			tick := time.NewTicker(2 * time.Millisecond)
			defer tick.Stop()
			for range b.N {
				<-tick.C
				fill(b, from, 1)
			}
			awaitPosition(b, c, int64(b.N))
		})
		stop()
		slices.Sort(delays)
		b.ReportMetric(float64(delays[len(delays)/2].Microseconds())/1000, "p50-ms")
		b.ReportMetric(float64(delays[len(delays)*99/100].Microseconds())/1000, "p99-ms")
	})
}
