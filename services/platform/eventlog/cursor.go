package eventlog

import (
	"context"
	"errors"

	eventsv1 "github.com/upright-clinic/upright/proto/gen/go/upright/events/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Why a consumer stops. Each means that the producer's log is not the one we read.
const (
	reasonEpoch    = "EPOCH_CHANGED"
	reasonBehind   = "HEAD_BEHIND_CURSOR"
	reasonMismatch = "PREDECESSOR_MISMATCH"
)

// cursor is how far a consumer has read a producer's log.
type cursor struct {
	epoch      string // "" until the producer was first asked
	pos        int64
	last       string // the event's id at pos
	reconciled int64  // when an operator last set it, µs
}

func (c cursor) precedes(e Envelope) bool { return e.PubSeq == c.pos+1 && e.PreviousID == c.last }

func (c cursor) after(e Envelope) cursor {
	c.pos, c.last = e.PubSeq, e.EventID
	return c
}

// errCursorMoved says that another process or an operator moved the cursor. The
// consumer starts over from where it is now.
var errCursorMoved = errors.New("eventlog: the cursor was moved meanwhile")

const selectCursor = `select epoch, pos, last_event_id, reconciled_at from cursors where consumer = $1 and producer = $2`

func (c *Consumer) load(ctx context.Context) (cur cursor, err error) {
	err = c.db.Read(ctx, func(tx *sqldb.Tx) error {
		cur, err = c.readCursor(tx, "")
		return err
	})
	return cur, err
}

func (c *Consumer) readCursor(tx *sqldb.Tx, lock string) (cur cursor, err error) {
	err = tx.QueryRow(selectCursor+lock, c.cfg.Name, c.cfg.Producer).Scan(&cur.epoch, &cur.pos, &cur.last, &cur.reconciled)
	if errors.Is(err, sqldb.ErrNoRows) {
		return cursor{}, nil
	}
	return cur, err
}

// lockCursor makes the transaction the only one that may move the cursor.
func (c *Consumer) lockCursor(tx *sqldb.Tx) error {
	cur, err := c.readCursor(tx, tx.ForUpdate())
	if err == nil && cur != c.cur {
		return errCursorMoved
	}
	return err
}

func (c *Consumer) moveCursor(tx *sqldb.Tx, to cursor) error {
	_, err := tx.Exec(`update cursors set pos = $3, last_event_id = $4 where consumer = $1 and producer = $2`,
		c.cfg.Name, c.cfg.Producer, to.pos, to.last)
	return err
}

// adopt begins to read a log that was never read before.
func (c *Consumer) adopt(ctx context.Context, epoch string) error {
	err := c.db.Write(ctx, func(tx *sqldb.Tx) error {
		n, err := tx.Exec(`insert into cursors (consumer, producer, epoch, pos, last_event_id, reconciled_at)
			values ($1, $2, $3, 0, '', 0) on conflict do nothing`, c.cfg.Name, c.cfg.Producer, epoch)
		if err == nil && n == 0 {
			return errCursorMoved
		}
		return err
	})
	if err == nil {
		c.cur.epoch = epoch
	}
	return err
}

// haltError stops a consumer until an operator has decided.
type haltError struct{ fault *fault.Error }

func (e *haltError) Error() string { return e.fault.Error() }

func (c *Consumer) halt(reason string) error {
	return &haltError{fault.New(fault.FailedPrecondition, reason,
		"A producer's event log is not the one that was read before. Run: upright events reconcile.").
		With("consumer", c.cfg.Name).With("producer", c.cfg.Producer)}
}

// awaitReconcile waits until an operator has set the cursor.
func (c *Consumer) awaitReconcile(ctx context.Context) error {
	for pause(ctx, c.cfg.Poll) {
		cur, err := c.load(ctx)
		if err != nil {
			return err
		}
		if cur != c.cur {
			return nil
		}
	}
	return nil
}

// ToHead is the position that skips whatever the producer's log has now.
const ToHead int64 = -1

// Reconciliation is an operator's decision about a consumer that stopped.
type Reconciliation struct {
	// Consumer and Producer name the cursor.
	Consumer, Producer string
	// Source is the producer's log as it is now.
	Source eventsv1.EventLogServiceClient
	// Position to go on behind: [ToHead] takes the producer's log as read, 0 applies all
	// of it again, which only handlers that may see an event twice bear.
	Position int64
}

// Reconcile sets a cursor to a position in the producer's present log and returns that
// position. The consumer goes on within its poll interval, without a restart. What the
// producer lost, and what the consumer has of it, is for the operator to compare first.
//
// It fails with INVALID_ARGUMENT on position when the log is shorter than that, and when
// the producer or the database cannot be reached.
func Reconcile(ctx context.Context, db *sqldb.DB, r Reconciliation) (int64, error) {
	head, err := r.Source.GetHead(ctx, &eventsv1.GetHeadRequest{})
	if err != nil {
		return 0, err
	}
	at := cursor{epoch: head.GetEpoch(), pos: head.GetPubSeq(), last: head.GetEventId()}
	switch {
	case r.Position == ToHead || r.Position == at.pos:
	case r.Position < 0 || r.Position > at.pos:
		return 0, fault.Invalid("position", "must be a position in the producer's log")
	case r.Position == 0:
		at.pos, at.last = 0, ""
	default:
		page, err := r.Source.ListEvents(ctx, &eventsv1.ListEventsRequest{After: r.Position - 1, PageSize: 1})
		if err != nil {
			return 0, err
		}
		if len(page.GetEvents()) == 0 || page.GetEpoch() != at.epoch {
			return 0, fault.New(fault.Aborted, reasonEpoch, "The producer's log changed meanwhile. Try again.")
		}
		at.pos, at.last = r.Position, page.GetEvents()[0].GetEventId()
	}
	err = db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`insert into cursors (consumer, producer, epoch, pos, last_event_id, reconciled_at)
			values ($1, $2, $3, $4, $5, $6) on conflict (consumer, producer) do update set
			epoch = excluded.epoch, pos = excluded.pos, last_event_id = excluded.last_event_id, reconciled_at = excluded.reconciled_at`,
			r.Consumer, r.Producer, at.epoch, at.pos, at.last, sqldb.Micros(tx.Now()))
		return err
	})
	return at.pos, err
}
