package eventlog_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	eventsv1 "github.com/upright-clinic/upright/proto/gen/go/upright/events/v1"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// poisonable is a consumer whose handler does as it is told about event 5 of the
// aggregate "agg_1"; everything else it applies.
type poisonable struct {
	from, to *sqldb.DB
	src      *source
	c        *eventlog.Consumer
	poison   atomic.Pointer[func(tx *sqldb.Tx) error]
	tries    atomic.Int64
}

func newPoisonable(t *testing.T, d sqldb.Dialect, poison func(tx *sqldb.Tx) error) *poisonable {
	t.Helper()
	p := &poisonable{from: openDB(t, d), to: openDB(t, d)}
	p.poison.Store(&poison)
	log := newLog(p.from, nil)
	running(t, log.Run)
	happen(t, p.from, 1, 12, modulo(2)) // agg_1 has the odd ones
	p.src = serve(t, log)
	p.c = consumerOf(p.to, p.src, nil, func(cfg *eventlog.ConsumerConfig) {
		cfg.Handlers = []eventlog.Handler{eventlog.On(
			func(_ context.Context, tx *sqldb.Tx, m *eventsv1.ListEventsRequest, env eventlog.Envelope) error {
				if m.GetAfter() == 5 {
					p.tries.Add(1)
					if err := (*p.poison.Load())(tx); err != nil {
						return err
					}
				}
				return record(tx, m.GetAfter(), env)
			})}
	})
	running(t, p.c.Run)
	return p
}

func (p *poisonable) cure() {
	healthy := func(*sqldb.Tx) error { return nil }
	p.poison.Store(&healthy)
}

// parked lists what is parked as "event number: reason".
func (p *poisonable) parked(t *testing.T) []eventlog.Parked {
	t.Helper()
	list, err := eventlog.ListParked(t.Context(), p.to)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// Reliability test 12, for each way in which an event can fail for good.
func TestPoisonIsParkedAndOthersMove(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		poison         func(tx *sqldb.Tx) error
		reason, detail string
		attempts       int
	}{
		"panics": {
			poison: func(*sqldb.Tx) error { panic("out of cheese") },
			reason: "PANIC", detail: "out of cheese", attempts: 1,
		},
		"gives up": {
			poison: func(*sqldb.Tx) error { return eventlog.Park(fault.New(fault.NotFound, "PATIENT_UNKNOWN", "nobody")) },
			reason: "PATIENT_UNKNOWN", detail: "nobody", attempts: 1,
		},
		"fails eight times": {
			poison: func(*sqldb.Tx) error { return errors.New("no luck") },
			reason: "INTERNAL", detail: "no luck", attempts: 8,
		},
		"ruins its transaction": {
			poison: func(tx *sqldb.Tx) error {
				_, err := tx.Exec(`insert into no_such_table values (1)`)
				return eventlog.Park(err)
			},
			reason: "INTERNAL", attempts: 1, // each database has words of its own
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, d sqldb.Dialect) {
				p := newPoisonable(t, d, tc.poison)
				awaitPosition(t, p.c, 12)
				if diff := cmp.Diff([]int64{1, 2, 3, 4, 6, 8, 10, 12}, applied(t, p.to)); diff != "" {
					t.Errorf("applied beside the poison (-want +got):\n%s", diff)
				}
				list := p.parked(t)
				if len(list) != 4 || p.c.Stats().Parked != 4 {
					t.Fatalf("%d parked, Stats %+v; want events 5, 7, 9 and 11", len(list), p.c.Stats())
				}
				first := list[0]
				if first.Reason != tc.reason || !strings.Contains(first.Detail, tc.detail) || first.Attempts != tc.attempts {
					t.Errorf("parked as %s after %d attempts: %q", first.Reason, first.Attempts, first.Detail)
				}
				if first.PubSeq != 5 || first.AggregateID != "agg_1" || first.Consumer != "reader" || first.Producer != producerName {
					t.Errorf("parked %+v", first)
				}
				for i, behind := range list[1:] {
					if behind.Reason != "BEHIND_PARKED" || behind.PubSeq != int64(7+2*i) {
						t.Errorf("behind it: %+v", behind)
					}
				}
				p.replays(t)
			})
		})
	}
}

// replays checks that a replay of what is still poisoned changes nothing, and that a
// replay after the cure restores order, together with what came meanwhile.
func (p *poisonable) replays(t *testing.T) {
	t.Helper()
	before := p.tries.Load()
	p.replay(t, 4)
	eventually(t, "replay given up", func() bool {
		list := p.parked(t)
		return p.tries.Load() == before+1 && len(list) == 4 && !list[0].Replaying
	})
	p.cure()
	happen(t, p.from, 13, 14, modulo(2))
	p.replay(t, 0)
	eventually(t, "all replayed", func() bool { return len(p.parked(t)) == 0 })
	happen(t, p.from, 15, 16, modulo(2))
	awaitPosition(t, p.c, 16)
	checkEffects(t, p.to, 16, modulo(2))
	if got := p.c.Stats().Parked; got != 0 {
		t.Errorf("Stats says %d are parked", got)
	}
}

func (p *poisonable) replay(t *testing.T, want int64) {
	t.Helper()
	n, err := eventlog.Replay(t.Context(), p.to, eventlog.Selection{AggregateID: "agg_1"})
	if err != nil || (want != 0 && n != want) {
		t.Fatalf("Replay = %d, %v; want %d", n, err, want)
	}
}

// A service that is away is not the event's fault, however long it takes.
func TestAnOutageIsNotPoison(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d sqldb.Dialect) {
		p := newPoisonable(t, d, func(*sqldb.Tx) error { return fault.New(fault.Unavailable, "DIRECTORY_AWAY", "later") })
		eventually(t, "tried often", func() bool { return p.tries.Load() > 10 })
		if got := p.c.Stats(); got.Position != 4 || got.Parked != 0 {
			t.Errorf("Stats = %+v, want the cursor to wait at 4", got)
		}
		p.cure()
		awaitPosition(t, p.c, 12)
		checkEffects(t, p.to, 12, modulo(2))
	})
}

// What fails only at the commit is found, too.
func TestAFailedCommitIsTracedToItsEvent(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d sqldb.Dialect) {
		var to *sqldb.DB
		deferred := func(tx *sqldb.Tx) error {
			_, err := tx.Exec(`insert into children (parent) values ('nobody')`)
			return err
		}
		p := newPoisonable(t, d, func(tx *sqldb.Tx) error { return fault.New(fault.Unavailable, "WAIT", "until the table is there") })
		to = p.to
		execute(t, to, `create table parents (id text primary key)`)
		execute(t, to, `create table children (parent text references parents (id) deferrable initially deferred)`)
		p.poison.Store(&deferred)
		awaitPosition(t, p.c, 12)
		if list := p.parked(t); len(list) != 4 || list[0].PubSeq != 5 || list[0].Attempts != 8 {
			t.Errorf("parked %+v, want 5 and those behind it", list)
		}
		if diff := cmp.Diff([]int64{1, 2, 3, 4, 6, 8, 10, 12}, applied(t, to)); diff != "" {
			t.Errorf("applied beside the poison (-want +got):\n%s", diff)
		}
	})
}

func TestAskingMayFailForGood(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d sqldb.Dialect) {
		from, to := openDB(t, d), openDB(t, d)
		log := newLog(from, nil)
		running(t, log.Run)
		happen(t, from, 1, 6, modulo(3))
		var cured atomic.Bool
		c := consumerOf(to, serve(t, log), nil, func(cfg *eventlog.ConsumerConfig) {
			cfg.Handlers = []eventlog.Handler{eventlog.OnAsking(
				func(_ context.Context, m *eventsv1.ListEventsRequest) (int64, error) {
					if m.GetAfter() == 2 && !cured.Load() {
						panic("who?")
					}
					return m.GetAfter(), nil
				},
				func(_ context.Context, tx *sqldb.Tx, _ *eventsv1.ListEventsRequest, n int64, env eventlog.Envelope) error {
					return record(tx, n, env)
				})}
		})
		running(t, c.Run)
		awaitPosition(t, c, 6)
		if diff := cmp.Diff([]int64{1, 3, 4, 6}, applied(t, to)); diff != "" {
			t.Errorf("applied (-want +got):\n%s", diff)
		}
		cured.Store(true)
		if n, err := eventlog.Replay(t.Context(), to, eventlog.Selection{}); n != 2 || err != nil {
			t.Fatalf("Replay = %d, %v", n, err)
		}
		eventually(t, "replayed", func() bool { return len(applied(t, to)) == 6 })
		checkEffects(t, to, 6, modulo(3))
	})
}

// A payload that cannot be read will never be: no eight tries.
func TestAnUnreadablePayloadIsParked(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d sqldb.Dialect) {
		from, to := openDB(t, d), openDB(t, d)
		log := newLog(from, nil)
		happen(t, from, 1, 2, modulo(2))
		execute(t, from, `update event_log set payload = $1 where id = 1`, []byte("\xff\xff\xff"))
		running(t, log.Run)
		c := consumerOf(to, serve(t, log), nil)
		running(t, c.Run)
		awaitPosition(t, c, 2)
		list, err := eventlog.ListParked(t.Context(), to)
		if err != nil || len(list) != 1 || list[0].PubSeq != 1 || list[0].Attempts != 1 {
			t.Errorf("parked %+v, %v", list, err)
		}
	})
}
