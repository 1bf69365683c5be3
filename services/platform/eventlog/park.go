package eventlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
	"github.com/upright-clinic/upright/services/platform/telemetry"
)

// reasonBehindParked is why an event waits that is itself without fault.
const reasonBehindParked = "BEHIND_PARKED"

// aggregate is what parking keeps in order.
type aggregate struct{ kind, id string }

func (e Envelope) aggregate() aggregate { return aggregate{e.AggregateType, e.AggregateID} }

// parking is why an event is parked.
type parking struct {
	reason   string
	detail   string
	attempts int
}

// Parked is an event that could not be applied, or waits behind one.
type Parked struct {
	Envelope

	// Consumer that could not apply it.
	Consumer string
	// Reason is the stable code of the failure: PANIC, BEHIND_PARKED, or the fault's own.
	Reason string
	// Detail is the failure's text, values removed.
	Detail string
	// Attempts to apply it that failed.
	Attempts int
	// ParkTime is when it was parked, UTC.
	ParkTime time.Time
	// Replaying says that [Replay] was asked for and is to come.
	Replaying bool
}

// park moves the cursor over an event and keeps the event, in one transaction.
func (c *Consumer) park(ctx context.Context, e Envelope, why parking) error {
	next := c.cur.after(e)
	err := c.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := c.lockCursor(tx); err != nil {
			return err
		}
		if err := c.insertParked(tx, e, why); err != nil {
			return err
		}
		return c.moveCursor(tx, next)
	})
	if err != nil {
		return err
	}
	c.cur = next
	c.count(ctx, e, 0, 0, 1)
	return nil
}

func (c *Consumer) insertParked(tx *sqldb.Tx, e Envelope, why parking) error {
	_, err := tx.Exec(`insert into parked (consumer, producer, epoch, pub_seq, previous_id, event_id,
		aggregate_type, aggregate_id, aggregate_version, type, payload, trace, at, reason, detail, attempts, parked_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
		on conflict do nothing`,
		c.cfg.Name, e.Producer, e.Epoch, e.PubSeq, e.PreviousID, e.EventID,
		e.AggregateType, e.AggregateID, e.AggregateVersion, e.Type, e.Payload, e.Trace, sqldb.Micros(e.RecordTime),
		why.reason, why.detail, why.attempts, sqldb.Micros(tx.Now()))
	return err
}

// blocked lists the aggregates that have a parked event.
func (c *Consumer) blocked(tx *sqldb.Tx) (map[aggregate]bool, error) {
	return aggregates(tx, `select distinct aggregate_type, aggregate_id from parked where consumer = $1 and producer = $2`,
		c.cfg.Name, c.cfg.Producer)
}

func aggregates(tx *sqldb.Tx, query string, args ...any) (map[aggregate]bool, error) {
	rows, err := tx.Query(query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found map[aggregate]bool // nearly always none
	for rows.Next() {
		var a aggregate
		if err := rows.Scan(&a.kind, &a.id); err != nil {
			return nil, err
		}
		if found == nil {
			found = make(map[aggregate]bool)
		}
		found[a] = true
	}
	return found, rows.Err()
}

func (c *Consumer) countParked(ctx context.Context) error {
	var n int64
	err := c.db.Read(ctx, func(tx *sqldb.Tx) error {
		return tx.QueryRow(`select count(*) from parked where consumer = $1 and producer = $2`, c.cfg.Name, c.cfg.Producer).Scan(&n)
	})
	c.meters.parked.Store(n)
	return err
}

const selectParked = `select consumer, producer, epoch, pub_seq, previous_id, event_id, aggregate_type, aggregate_id, aggregate_version,
	type, payload, trace, at, reason, detail, attempts, parked_at, replay_at is not null from parked `

func listParked(tx *sqldb.Tx, query string, args ...any) (list []Parked, err error) {
	rows, err := tx.Query(query, args...)
	if err != nil {
		return nil, fmt.Errorf("eventlog: list parked events: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var p Parked
		var at, parkedAt int64
		err := rows.Scan(&p.Consumer, &p.Producer, &p.Epoch, &p.PubSeq, &p.PreviousID, &p.EventID,
			&p.AggregateType, &p.AggregateID, &p.AggregateVersion, &p.Type, &p.Payload, &p.Trace, &at,
			&p.Reason, &p.Detail, &p.Attempts, &parkedAt, &p.Replaying)
		if err != nil {
			return nil, fmt.Errorf("eventlog: read a parked event: %w", err)
		}
		p.RecordTime, p.ParkTime = sqldb.Time(at), sqldb.Time(parkedAt)
		list = append(list, p)
	}
	return list, rows.Err()
}

// ListParked returns every parked event in the order in which they came. It fails when
// the database does.
func ListParked(ctx context.Context, db *sqldb.DB) (list []Parked, err error) {
	err = db.Read(ctx, func(tx *sqldb.Tx) error {
		list, err = listParked(tx, selectParked+`order by id`)
		return err
	})
	return list, err
}

// Selection picks parked events; an empty field means any.
type Selection struct {
	Consumer, Producer, AggregateType, AggregateID string
}

// Replay asks the consumers of this database to apply parked events again, each
// aggregate's in their order, and returns how many events it picked. The consumers do
// it within their poll interval; an event that fails again stays parked, and so do those
// behind it. It fails when the database does.
func Replay(ctx context.Context, db *sqldb.DB, s Selection) (int64, error) {
	var n int64
	err := db.Write(ctx, func(tx *sqldb.Tx) (err error) {
		n, err = tx.Exec(`update parked set replay_at = $1
			where ($2 = '' or consumer = $2) and ($3 = '' or producer = $3)
			and ($4 = '' or aggregate_type = $4) and ($5 = '' or aggregate_id = $5)`,
			sqldb.Micros(tx.Now()), s.Consumer, s.Producer, s.AggregateType, s.AggregateID)
		return err
	})
	return n, err
}

// replay applies what an operator asked for.
func (c *Consumer) replay(ctx context.Context) error {
	if c.meters.parked.Load() == 0 {
		return nil
	}
	var asked map[aggregate]bool
	err := c.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		asked, err = aggregates(tx, `select distinct aggregate_type, aggregate_id from parked
			where consumer = $1 and producer = $2 and replay_at is not null`, c.cfg.Name, c.cfg.Producer)
		return err
	})
	for a := range asked {
		if err := c.replayAggregate(ctx, a); err != nil {
			return err
		}
	}
	return err
}

// replayAggregate applies an aggregate's parked events until none is left or one fails.
func (c *Consumer) replayAggregate(ctx context.Context, a aggregate) error {
	for ctx.Err() == nil {
		var next []Parked
		err := c.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
			next, err = listParked(tx, selectParked+`where consumer = $1 and producer = $2
				and aggregate_type = $3 and aggregate_id = $4 order by id limit 1`, c.cfg.Name, c.cfg.Producer, a.kind, a.id)
			return err
		})
		if err != nil || len(next) == 0 {
			return err
		}
		if err := c.replayOne(ctx, next[0].Envelope); err != nil {
			return c.replayFailed(ctx, next[0].Envelope, err)
		}
		c.meters.parked.Add(-1)
	}
	return nil
}

func (c *Consumer) replayOne(ctx context.Context, e Envelope) error {
	ctx, cancel := context.WithTimeout(ctx, applyTimeout)
	defer cancel()
	j := c.begin(ctx, e)
	defer j.span.End()
	if j.handler.Ask != nil {
		err := protect(func() (err error) {
			j.answer, err = j.handler.Ask(j.ctx, e)
			return err
		})
		if err != nil {
			return err
		}
	}
	return c.db.Write(ctx, func(tx *sqldb.Tx) error {
		// The cursor's lock keeps an event of this aggregate from arriving in between.
		if err := c.lockCursor(tx); err != nil {
			return err
		}
		n, err := tx.Exec(`delete from parked where consumer = $1 and producer = $2 and event_id = $3`,
			c.cfg.Name, c.cfg.Producer, e.EventID)
		if err != nil || n == 0 || !j.wanted {
			return err
		}
		return protect(func() error { return j.handler.Apply(j.ctx, tx, e, j.answer) })
	})
}

// replayFailed notes the failure and waits for the next request; an outage keeps this one.
func (c *Consumer) replayFailed(ctx context.Context, e Envelope, err error) error {
	if errors.Is(err, errCursorMoved) {
		return err
	}
	f := fault.From(err)
	c.cfg.Log.LogAttrs(ctx, slog.LevelWarn, "event cannot be replayed",
		slog.String("event_id", e.EventID), slog.String("type", e.Type), slog.String("reason", f.Reason),
		slog.String("error", telemetry.Scrub(err.Error())))
	if ctx.Err() != nil || outage(f) {
		return err
	}
	return c.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`update parked set reason = $4, detail = $5, attempts = attempts + 1
			where consumer = $1 and producer = $2 and event_id = $3`, c.cfg.Name, c.cfg.Producer, e.EventID, f.Reason, detail(err))
		if err != nil {
			return err
		}
		_, err = tx.Exec(`update parked set replay_at = null
			where consumer = $1 and producer = $2 and aggregate_type = $3 and aggregate_id = $4`,
			c.cfg.Name, c.cfg.Producer, e.AggregateType, e.AggregateID)
		return err
	})
}
