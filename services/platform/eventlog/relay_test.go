package eventlog_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/wrapperspb"

	eventsv1 "github.com/upright-clinic/upright/proto/gen/go/upright/events/v1"
	"github.com/upright-clinic/upright/services/platform/eventbus/eventbustest"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
	"github.com/upright-clinic/upright/services/platform/sqldb/sqldbtest"
)

func TestMigrationsAreTheSameForBoth(t *testing.T) {
	t.Parallel()
	sqldbtest.SameMigrations(t, eventlog.Migrations)
}

func TestAnEventIsNotWithoutItsChange(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d sqldb.Dialect) {
		db := openDB(t, d)
		refused := errors.New("refused")
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			err := eventlog.Append(t.Context(), tx, eventlog.Event{
				AggregateType: "thing", AggregateID: "a", AggregateVersion: 1, Message: &eventsv1.ListEventsRequest{},
			})
			return errors.Join(err, refused)
		})
		if !errors.Is(err, refused) || count(t, db, `select count(*) from event_log`) != 0 {
			t.Errorf("the event stayed without its change (%v)", err)
		}
	})
}

func TestAVersionHappensOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d sqldb.Dialect) {
		db := openDB(t, d)
		happen(t, db, 1, 1, modulo(1))
		err := appendOne(t.Context(), db, "agg_0", 1, &eventsv1.ListEventsRequest{})
		if !fault.Is(err, "VERSION_MISMATCH") || !fault.IsKind(err, fault.Aborted) {
			t.Errorf("Append of a version that is there = %v, want ABORTED/VERSION_MISMATCH", err)
		}
		for _, e := range []eventlog.Event{
			{AggregateID: "a", AggregateVersion: 1, Message: &eventsv1.Event{}},
			{AggregateType: "thing", AggregateVersion: 1, Message: &eventsv1.Event{}},
			{AggregateType: "thing", AggregateID: "a", Message: &eventsv1.Event{}},
			{AggregateType: "thing", AggregateID: "a", AggregateVersion: 2, Message: &eventsv1.Event{Payload: make([]byte, 1<<17)}},
		} {
			err := db.Write(t.Context(), func(tx *sqldb.Tx) error { return eventlog.Append(t.Context(), tx, e) })
			if !fault.Is(err, "UNFIT_EVENT") {
				t.Errorf("Append(%s %s %d) = %v, want UNFIT_EVENT", e.AggregateType, e.AggregateID, e.AggregateVersion, err)
			}
		}
	})
}

// dense waits until every event has a number and checks that they are 1..n.
func dense(t *testing.T, db *sqldb.DB, n int) {
	t.Helper()
	eventually(t, "all numbered", func() bool {
		return count(t, db, `select count(*) from event_log where pub_seq <= (select last_pub_seq from log_head)`) == int64(n)
	})
	seqs := sequence(t, db)
	slices.Sort(seqs)
	for i, s := range seqs {
		if s != int64(i)+1 {
			t.Fatalf("position %d has number %d", i+1, s)
		}
	}
}

func TestNumbersAreDenseAndConfirmed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d sqldb.Dialect) {
		const n = 1234 // several rounds
		db := openDB(t, d)
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			for v := range int64(n) {
				err := eventlog.Append(t.Context(), tx, eventlog.Event{
					AggregateType: "thing", AggregateID: "a", AggregateVersion: v + 1, Message: &eventsv1.ListEventsRequest{},
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		log := newLog(db, eventbustest.Start(t))
		running(t, log.Run)
		dense(t, db, n)
		if !slices.IsSorted(sequence(t, db)) {
			t.Error("numbers are not in id order")
		}
		eventually(t, "all confirmed", func() bool {
			return count(t, db, `select (select count(*) from event_log) - acked_pub_seq from log_head`) == 0
		})
		head, err := log.Head(t.Context())
		if err != nil || head.PubSeq != n || head.Epoch == "" || head.EventID == "" {
			t.Errorf("Head = %+v, %v", head, err)
		}
	})
}

// Many relays at once, and writers all the while: the lock on log_head keeps numbers
// dense and final, even where nothing else keeps the relays apart.
func TestManyRelaysNumberAsOne(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d sqldb.Dialect) {
		bus := eventbustest.Start(t)
		db, to := openDB(t, d), openDB(t, d)
		log := newLog(db, bus)
		for range 2 {
			running(t, func(ctx context.Context) error { return eventlog.RelayWithoutLock(ctx, log) })
		}
		for range 3 {
			running(t, func(ctx context.Context) error { return eventlog.NumberForEver(ctx, log) })
		}
		c := consumerOf(to, serve(t, log), bus)
		running(t, c.Run)
		var writers sync.WaitGroup
		for w := range int64(4) {
			writers.Go(func() { happen(t, db, 1, 50, func(int64) string { return string(rune('a' + w)) }) })
		}
		writers.Wait()
		dense(t, db, 200)
		awaitPosition(t, c, 200)
		list := func(db *sqldb.DB, query string) (ids []string) {
			read(t, db, query, func(scan func(...any) error) error {
				var id string
				err := scan(&id)
				ids = append(ids, id)
				return err
			})
			return ids
		}
		want, got := list(db, `select event_id from event_log order by pub_seq`), list(to, `select event_id from effects order by id`)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("numbers changed after they were given, or events were repeated (-log +consumer):\n%s", diff)
		}
	})
}

// Reliability test 9: a transaction takes a low id and commits after higher ones were
// numbered and consumed. Only PostgreSQL has writers that overtake each other.
func TestASlowTransactionIsNotSkipped(t *testing.T) {
	t.Parallel()
	db, to := openDB(t, sqldb.Postgres), openDB(t, sqldb.Postgres)
	bus := eventbustest.Start(t)
	log := newLog(db, bus)
	running(t, log.Run)
	c := consumerOf(to, serve(t, log), bus)
	running(t, c.Run)

	appended, commit, slow := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		slow <- db.Write(t.Context(), func(tx *sqldb.Tx) error {
			err := eventlog.Append(t.Context(), tx, eventlog.Event{
				AggregateType: "thing", AggregateID: "slow", AggregateVersion: 1, Message: &eventsv1.ListEventsRequest{After: 1000},
			})
			if err == nil { // the next statement sends it
				_, err = tx.Exec(`select 1`)
			}
			close(appended)
			<-commit
			return err
		})
	}()
	<-appended
	happen(t, db, 1, 20, modulo(3))
	awaitPosition(t, c, 20)
	close(commit)
	if err := <-slow; err != nil {
		t.Fatal(err)
	}
	awaitPosition(t, c, 21)
	if got := sequence(t, db); got[0] != 21 || got[1] != 1 {
		t.Errorf("numbers in id order = %v, want the slow one's last", got)
	}
	if got := applied(t, to); len(got) != 21 || got[20] != 1000 {
		t.Errorf("applied %v, want 1..20 and then 1000", got)
	}
}

func TestTheRelayOutlivesTheBroker(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d sqldb.Dialect) {
		srv := eventbustest.StartServer(t)
		db := openDB(t, d)
		log := newLog(db, srv.Bus())
		running(t, log.Run)
		happen(t, db, 1, 5, modulo(1))
		unconfirmed := func() int64 {
			return count(t, db, `select (select count(*) from event_log) - acked_pub_seq from log_head`)
		}
		eventually(t, "confirmed", func() bool { return unconfirmed() == 0 })
		srv.Stop()
		happen(t, db, 6, 10, modulo(1))
		dense(t, db, 10)
		happen(t, db, 11, 11, modulo(1)) // its round records what the one before confirmed
		dense(t, db, 11)
		if unconfirmed() != 6 {
			t.Errorf("%d unconfirmed while the broker is away, want 6", unconfirmed())
		}
		srv.Restart()
		eventually(t, "confirmed after the restart", func() bool { return unconfirmed() == 0 })
	})
}

// While the broker is away, every append wakes the relay. It numbers, and asks the broker
// now and then.
func TestABrokerThatIsAwayIsNotPestered(t *testing.T) {
	t.Parallel()
	srv := eventbustest.StartServer(t)
	db, warnings := openDB(t, sqldb.SQLite), &lineCounter{}
	log := eventlog.New(db, eventlog.Config{Service: producerName, Bus: srv.Bus(), Log: slog.New(slog.NewTextHandler(warnings, nil))})
	srv.Stop()
	running(t, log.Run)
	for n := int64(1); n <= 25; n++ { // each its own round
		happen(t, db, n, n, modulo(1))
		dense(t, db, int(n))
	}
	if n := warnings.lines.Load(); n == 0 || n > 10 {
		t.Errorf("%d complaints in 25 rounds, want a few", n)
	}
	srv.Restart()
	eventually(t, "confirmed", func() bool {
		return count(t, db, `select (select count(*) from event_log) - acked_pub_seq from log_head`) == 0
	})
}

type lineCounter struct{ lines atomic.Int64 }

func (c *lineCounter) Write(p []byte) (int, error) {
	c.lines.Add(1)
	return len(p), nil
}

// A message of another package has no stream. That is a mistake, and it must not keep
// the rest from being published, nor itself from being consumed.
func TestAForeignTypeHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	bus := eventbustest.Start(t)
	db, to := openDB(t, sqldb.SQLite), openDB(t, sqldb.SQLite)
	log := newLog(db, bus)
	happen(t, db, 1, 3, modulo(1))
	if err := appendOne(t.Context(), db, "foreign", 1, wrapperspb.Int64(1)); err != nil {
		t.Fatal(err)
	}
	happen(t, db, 4, 6, modulo(1))
	running(t, log.Run)
	c := consumerOf(to, serve(t, log), bus)
	running(t, c.Run)
	awaitPosition(t, c, 7)
	checkEffects(t, to, 6, modulo(1))
	eventually(t, "all confirmed", func() bool {
		return count(t, db, `select (select count(*) from event_log) - acked_pub_seq from log_head`) == 0
	})
}

func TestTailShowsPastAndPresent(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d sqldb.Dialect) {
		db := openDB(t, d)
		log := newLog(db, nil)
		running(t, log.Run)
		happen(t, db, 1, 700, modulo(1)) // more than a page
		got := make(chan int64, 1000)
		running(t, func(ctx context.Context) error {
			return log.Tail(ctx, 2, func(e eventlog.Envelope) error { got <- e.PubSeq; return nil })
		})
		next := func(want int64) {
			select {
			case n := <-got:
				if n != want {
					t.Fatalf("tail shows %d, want %d", n, want)
				}
			case <-time.After(patience):
				t.Fatalf("tail does not show %d", want)
			}
		}
		for n := int64(3); n <= 700; n++ {
			next(n)
		}
		happen(t, db, 701, 705, modulo(1))
		for n := int64(701); n <= 705; n++ {
			next(n)
		}
		enough := errors.New("enough")
		if err := log.Tail(t.Context(), 0, func(eventlog.Envelope) error { return enough }); !errors.Is(err, enough) {
			t.Errorf("Tail = %v, want the callback's error", err)
		}
	})
}

func TestListEventsIsPagedAndChained(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d sqldb.Dialect) {
		db := openDB(t, d)
		log := newLog(db, nil)
		src := serve(t, log)
		empty, err := src.ListEvents(t.Context(), &eventsv1.ListEventsRequest{})
		if err != nil || len(empty.GetEvents()) != 0 || empty.GetEpoch() == "" {
			t.Fatalf("of an empty log: %v, %v", empty, err)
		}
		running(t, log.Run)
		happen(t, db, 1, 1100, modulo(1))
		dense(t, db, 1100)
		sizes := map[int32]int{0: 500, 7: 7, 1000: 1000, 5000: 1000, -1: 500}
		for asked, want := range sizes {
			page, err := src.ListEvents(t.Context(), &eventsv1.ListEventsRequest{PageSize: asked})
			if err != nil || len(page.GetEvents()) != want {
				t.Errorf("page_size %d gives %d events, want %d (%v)", asked, len(page.GetEvents()), want, err)
			}
		}
		previous := ""
		for after := int64(0); ; {
			page, err := src.ListEvents(t.Context(), &eventsv1.ListEventsRequest{After: after, PageSize: 300})
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page.GetEvents() {
				after++
				if e.GetPubSeq() != after || e.GetPreviousEventId() != previous {
					t.Fatalf("at %d: pub_seq %d after %q, want %q", after, e.GetPubSeq(), e.GetPreviousEventId(), previous)
				}
				previous = e.GetEventId()
			}
			if len(page.GetEvents()) < 300 {
				break
			}
		}
		head, err := src.GetHead(t.Context(), &eventsv1.GetHeadRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]any{int64(1100), previous}, []any{head.GetPubSeq(), head.GetEventId()}); diff != "" {
			t.Errorf("head (-want +got):\n%s", diff)
		}
		if _, err := src.ListEvents(t.Context(), &eventsv1.ListEventsRequest{After: -1}); err == nil {
			t.Error("a negative position is accepted")
		}
	})
}

// A page of large events ends before gRPC's limit, and the reader goes on behind it.
func TestLargeEventsArriveInSmallerPages(t *testing.T) {
	t.Parallel()
	from, to := openDB(t, sqldb.SQLite), openDB(t, sqldb.SQLite)
	log := newLog(from, nil)
	src := serve(t, log)
	for v := range int64(100) {
		if err := appendOne(t.Context(), from, "a", v+1, &eventsv1.Event{Payload: make([]byte, 60<<10)}); err != nil {
			t.Fatal(err)
		}
	}
	running(t, log.Run)
	dense(t, from, 100)
	page, err := src.ListEvents(t.Context(), &eventsv1.ListEventsRequest{})
	if n := len(page.GetEvents()); err != nil || n == 0 || n > 20 {
		t.Errorf("a page of %d large events, %v", n, err)
	}
	c := consumerOf(to, src, nil)
	running(t, c.Run)
	awaitPosition(t, c, 100)
}
