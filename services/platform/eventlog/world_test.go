package eventlog_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"

	eventsv1 "github.com/upright-clinic/upright/proto/gen/go/upright/events/v1"
	"github.com/upright-clinic/upright/services/platform/eventbus"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/sqldb"
	"github.com/upright-clinic/upright/services/platform/sqldb/sqldbtest"
)

// The tests' producer is a service named "events"; its events are messages of
// upright.events.v1, of which any will do. A ListEventsRequest{After: n} means "n happened".
const producerName = "events"

const patience = time.Minute

// effects are what a consumer of the tests does: one row for each application, so that a
// repetition shows, and a fold that another order would change.
var effects = sqldb.Set{Name: "effects", FS: fstest.MapFS{
	"sqlite/00001_effects.sql":   {Data: []byte(strings.Replace(effectsSQL, "IDENTITY", "integer primary key", 1))},
	"postgres/00001_effects.sql": {Data: []byte(strings.Replace(effectsSQL, "IDENTITY", "bigint generated always as identity primary key", 1))},
}}

const effectsSQL = `-- +goose Up
create table effects (id IDENTITY, event_id text not null, aggregate_id text not null, n bigint not null);
create table folds (aggregate_id text primary key, value bigint not null);
-- +goose Down
drop table effects;
drop table folds;
`

var quiet = slog.New(slog.DiscardHandler)

// each runs f for both databases.
func each(t *testing.T, f func(t *testing.T, dialect sqldb.Dialect)) {
	t.Helper()
	for _, d := range []sqldb.Dialect{sqldb.SQLite, sqldb.Postgres} {
		t.Run(string(d), func(t *testing.T) {
			t.Parallel()
			f(t, d)
		})
	}
}

func openDB(t testing.TB, d sqldb.Dialect) *sqldb.DB {
	t.Helper()
	return sqldbtest.Open(t, d, eventlog.Migrations, effects)
}

// running is something with a Run(ctx) error, and its end.
func running(t testing.TB, run func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v, want nil at the end of its context", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func newLog(db *sqldb.DB, bus *eventbus.Bus) *eventlog.Log {
	return eventlog.New(db, eventlog.Config{Service: producerName, Bus: bus, Log: quiet})
}

// source serves a log over gRPC; it can be cut off and counts what is asked.
type source struct {
	eventsv1.EventLogServiceClient
	down  atomic.Bool
	heads atomic.Int64 // how often the head was asked for
}

func serve(t testing.TB, log *eventlog.Log) *source {
	t.Helper()
	lis, srv := bufconn.Listen(1<<20), grpc.NewServer()
	log.Register(srv)
	go func() { _ = srv.Serve(lis) }()
	conn, err := grpc.NewClient("passthrough:bufconn", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return lis.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(); srv.Stop() })
	return &source{EventLogServiceClient: eventsv1.NewEventLogServiceClient(conn)}
}

func (s *source) GetHead(ctx context.Context, req *eventsv1.GetHeadRequest, opts ...grpc.CallOption) (*eventsv1.GetHeadResponse, error) {
	if s.down.Load() {
		return nil, status.Error(codes.Unavailable, "down")
	}
	defer s.heads.Add(1)
	return s.EventLogServiceClient.GetHead(ctx, req, opts...)
}

func (s *source) ListEvents(ctx context.Context, req *eventsv1.ListEventsRequest, opts ...grpc.CallOption) (*eventsv1.ListEventsResponse, error) {
	if s.down.Load() {
		return nil, status.Error(codes.Unavailable, "down")
	}
	return s.EventLogServiceClient.ListEvents(ctx, req, opts...)
}

// happen appends events n = from..to, spread over aggregates by name(n), each in its own
// transaction.
func happen(t testing.TB, db *sqldb.DB, from, to int64, name func(n int64) string) {
	t.Helper()
	for n := from; n <= to; n++ {
		if err := appendOne(t.Context(), db, name(n), n, &eventsv1.ListEventsRequest{After: n}); err != nil {
			t.Fatal(err)
		}
	}
}

func appendOne(ctx context.Context, db *sqldb.DB, aggregate string, version int64, m proto.Message) error {
	return db.Write(ctx, func(tx *sqldb.Tx) error {
		return eventlog.Append(ctx, tx, eventlog.Event{
			AggregateType: "thing", AggregateID: aggregate, AggregateVersion: version, Message: m,
		})
	})
}

func modulo(k int64) func(int64) string {
	return func(n int64) string { return fmt.Sprint("agg_", n%k) }
}

// happened is the handler of the tests' event.
func happened() eventlog.Handler {
	return eventlog.On(func(_ context.Context, tx *sqldb.Tx, m *eventsv1.ListEventsRequest, env eventlog.Envelope) error {
		return record(tx, m.GetAfter(), env)
	})
}

func record(tx *sqldb.Tx, n int64, env eventlog.Envelope) error {
	if _, err := tx.Exec(`insert into effects (event_id, aggregate_id, n) values ($1, $2, $3)`, env.EventID, env.AggregateID, n); err != nil {
		return err
	}
	_, err := tx.Exec(`insert into folds (aggregate_id, value) values ($1, $2)
		on conflict (aggregate_id) do update set value = (folds.value * 31 + excluded.value) % 1000003`, env.AggregateID, n)
	return err
}

// oracle is what folds must hold after events n = 1..last.
func oracle(last int64, name func(int64) string) map[string]int64 {
	want := map[string]int64{}
	for n := int64(1); n <= last; n++ {
		if v, ok := want[name(n)]; ok {
			want[name(n)] = (v*31 + n) % 1000003
		} else {
			want[name(n)] = n
		}
	}
	return want
}

// checkEffects checks that events 1..last had their effect, each once, in order.
func checkEffects(t testing.TB, db *sqldb.DB, last int64, name func(int64) string) {
	t.Helper()
	if got, want := applied(t, db), last; int64(len(got)) != want {
		t.Errorf("%d effects, want %d: %v", len(got), want, got)
	}
	folds := map[string]int64{}
	read(t, db, `select aggregate_id, value from folds`, func(scan func(...any) error) error {
		var id string
		var v int64
		err := scan(&id, &v)
		folds[id] = v
		return err
	})
	if diff := cmp.Diff(oracle(last, name), folds); diff != "" {
		t.Errorf("state differs from the sequential oracle (-want +got):\n%s", diff)
	}
}

// applied lists n of the effects in the order in which they were had.
func applied(t testing.TB, db *sqldb.DB) (ns []int64) {
	t.Helper()
	read(t, db, `select n from effects order by id`, func(scan func(...any) error) error {
		var n int64
		err := scan(&n)
		ns = append(ns, n)
		return err
	})
	return ns
}

// sequence lists pub_seq of the log in id order; 0 for none.
func sequence(t testing.TB, db *sqldb.DB) (seqs []int64) {
	t.Helper()
	read(t, db, `select coalesce(pub_seq, 0) from event_log order by id`, func(scan func(...any) error) error {
		var n int64
		err := scan(&n)
		seqs = append(seqs, n)
		return err
	})
	return seqs
}

func count(t testing.TB, db *sqldb.DB, query string, args ...any) (n int64) {
	t.Helper()
	err := db.Read(context.WithoutCancel(t.Context()), func(tx *sqldb.Tx) error { return tx.QueryRow(query, args...).Scan(&n) })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func read(t testing.TB, db *sqldb.DB, query string, f func(scan func(...any) error) error) {
	t.Helper()
	err := db.Read(context.WithoutCancel(t.Context()), func(tx *sqldb.Tx) error {
		rows, err := tx.Query(query)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			if err := f(rows.Scan); err != nil {
				return err
			}
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
}

func execute(t testing.TB, db *sqldb.DB, query string, args ...any) {
	t.Helper()
	err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
		_, err := tx.Exec(query, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits until f is true.
func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(patience)
	for !f() {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("not in %v: %s", patience, what)
		}
	}
}

func awaitPosition(t testing.TB, c *eventlog.Consumer, pos int64) {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("consumer: %+v, Ready %v", c.Stats(), c.Ready())
		}
	})
	eventually(t, fmt.Sprintf("cursor at %d", pos), func() bool { return c.Stats().Position >= pos })
}

// consumerOf makes a consumer that compares and polls fast; change may adjust it.
func consumerOf(db *sqldb.DB, src eventsv1.EventLogServiceClient, bus *eventbus.Bus, change ...func(*eventlog.ConsumerConfig)) *eventlog.Consumer {
	cfg := eventlog.ConsumerConfig{
		Name: "reader", Producer: producerName, Source: src, Bus: bus, Handlers: []eventlog.Handler{happened()},
		Log: quiet, Poll: 20 * time.Millisecond, Retry: time.Millisecond,
	}
	for _, f := range change {
		f(&cfg)
	}
	return eventlog.NewConsumer(db, cfg)
}
