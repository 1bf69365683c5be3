// Package eventlog tells other services what happened, without losing, repeating or
// reordering any of it.
//
// A producer appends an event in the transaction of the change it tells of ([Append]).
// A relay ([Log.Run]) gives committed events dense numbers, pub_seq, and publishes them
// to the event bus. A [Consumer] keeps a cursor in its own database: it applies the
// event at pos+1 and moves the cursor in one transaction, ignores what it has, and pulls
// what it misses from the producer over gRPC. The numbered log is the truth; the bus
// only says sooner that there is something in it, so everything here works without one.
//
// An event that cannot be applied is parked with a reason, and so are later events of
// the same aggregate; the others go on ([ListParked], [Replay]). A producer that was
// restored from a backup stops its consumers until an operator decides ([Reconcile]).
package eventlog

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/upright-clinic/upright/services/platform/clock"
	"github.com/upright-clinic/upright/services/platform/eventbus"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

//go:embed migrations
var migrations embed.FS

// Migrations makes the tables event_log, log_head, cursors and parked, which every
// service database has. The log's epoch is drawn when they are made.
var Migrations = sqldb.Set{Name: "eventlog", FS: func() fs.FS {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the name is fixed and embedded
	}
	return dir
}()}

// Envelope is an event as it stands in a producer's log.
type Envelope struct {
	// Producer is the service whose log it is.
	Producer string
	// Epoch of that log; another one means that the log was restored from a backup.
	Epoch string
	// PubSeq is the dense position in the log, from 1.
	PubSeq int64
	// EventID is unique for ever and ordered by time.
	EventID string
	// PreviousID is the EventID at PubSeq-1; empty at 1.
	PreviousID string
	// Type is the full name of the message in Payload.
	Type string
	// AggregateType is the kind of thing it happened to.
	AggregateType string
	// AggregateID is the thing's id.
	AggregateID string
	// AggregateVersion is the thing's version after the event, from 1.
	AggregateVersion int64
	// Payload is the event message, binary.
	Payload []byte
	// Trace is the W3C traceparent of the change; may be empty.
	Trace string
	// RecordTime is when the event was appended, UTC, microseconds.
	RecordTime time.Time
}

// Head is the end of a log.
type Head struct {
	// Epoch of the log.
	Epoch string
	// PubSeq is the newest number given; 0 when the log is empty.
	PubSeq int64
	// EventID at PubSeq; empty when the log is empty.
	EventID string
}

// Config of a producer's log.
type Config struct {
	// Service that owns the log: events are messages of upright.<Service>.v1.
	Service string
	// Bus to publish to; nil: events are numbered and wait to be pulled.
	Bus *eventbus.Bus
	// Clock; nil: the system's.
	Clock clock.Clock
	// Log; nil: slog.Default.
	Log *slog.Logger
}

// Log is a service's own event log.
type Log struct {
	db  *sqldb.DB
	cfg Config
}

// New opens the log kept in db, which has [Migrations]. It does nothing until Run.
func New(db *sqldb.DB, cfg Config) *Log {
	if cfg.Clock == nil {
		cfg.Clock = clock.System
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return &Log{db: db, cfg: cfg}
}

// Head returns the end of the log. It fails when the database does.
func (l *Log) Head(ctx context.Context) (Head, error) {
	var h Head
	err := l.db.Read(ctx, func(tx *sqldb.Tx) error {
		var err error
		h, err = readHead(tx, "")
		return err
	})
	return h, err
}

func readHead(tx *sqldb.Tx, lock string) (Head, error) {
	var h Head
	err := tx.QueryRow(`select epoch, last_pub_seq, last_event_id from log_head`+lock).Scan(&h.Epoch, &h.PubSeq, &h.EventID)
	if err != nil {
		return h, fmt.Errorf("eventlog: read the head: %w", err)
	}
	return h, nil
}

// NewEpoch marks the log as restored: every consumer stops and asks for [Reconcile].
// Whatever restores a database from a backup calls it before the service starts. It
// fails when the database does.
func NewEpoch(ctx context.Context, db *sqldb.DB) error {
	epoch := ident.New("epoch")
	return db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`update log_head set epoch = $1`, epoch)
		return err
	})
}

// page reads the events after a position, in order. It reads one more row, the one at
// that position, for its id.
func (l *Log) page(tx *sqldb.Tx, after int64, limit int) (events []Envelope, err error) {
	h, err := readHead(tx, "")
	if err != nil {
		return nil, err
	}
	rows, err := tx.Query(`select pub_seq, event_id, type, aggregate_type, aggregate_id, aggregate_version, payload, trace, at
		from event_log where pub_seq >= $1 and pub_seq <= $2 order by pub_seq limit $3`, after, h.PubSeq, limit+1)
	if err != nil {
		return nil, fmt.Errorf("eventlog: read events: %w", err)
	}
	defer rows.Close()
	previous := ""
	for rows.Next() {
		e := Envelope{Producer: l.cfg.Service, Epoch: h.Epoch, PreviousID: previous}
		var at int64
		err := rows.Scan(&e.PubSeq, &e.EventID, &e.Type, &e.AggregateType, &e.AggregateID, &e.AggregateVersion, &e.Payload, &e.Trace, &at)
		if err != nil {
			return nil, fmt.Errorf("eventlog: read an event: %w", err)
		}
		e.RecordTime = sqldb.Time(at)
		previous = e.EventID
		if e.PubSeq > after && len(events) < limit {
			events = append(events, e)
		}
	}
	return events, rows.Err()
}
