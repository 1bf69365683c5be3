package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// pgWrite runs the statements of one write on PostgreSQL. What nobody waits for the answer of
// (Tx.Later, the begin and the commit) is sent together with what comes next: a booking takes
// three turns of the network instead of nine, and holds its locks for one of them.
type pgWrite struct {
	pgSession
	conn    *sql.Conn
	waiting []later
	begun   bool  // the begin was sent
	ended   bool  // the transaction is over: nothing to roll back
	cause   error // the database's own error, when a later one was explained
}

// later is a statement that waits for the next.
type later struct {
	query   string
	args    []any
	explain func(error) error
}

const (
	beginWrite    = "begin isolation level read committed"
	commitWrite   = "commit"
	rollbackWrite = "rollback"
)

// send sends what waits and then the statements given, in one turn, and returns the answer to
// the last. After the first that fails the others are not run.
func (w *pgWrite) send(ctx context.Context, last ...later) (tag string, affected int64, err error) {
	all := slices.Concat(w.waiting, last)
	w.waiting = nil
	if !w.begun {
		w.begun = true
		all = append([]later{{query: beginWrite}}, all...)
	}
	err = w.conn.Raw(func(raw any) error {
		std, ok := raw.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("sqldb: a connection of the pool is a %T", raw)
		}
		batch := &pgx.Batch{}
		for _, l := range all {
			batch.Queue(l.query, l.args...)
		}
		answers := std.Conn().SendBatch(ctx, batch)
		for _, l := range all {
			answer, err := answers.Exec()
			if err != nil {
				w.cause = err
				if l.explain != nil {
					err = l.explain(err)
				}
				_ = answers.Close() // it says the same again
				return err
			}
			tag, affected = answer.String(), answer.RowsAffected()
		}
		return answers.Close()
	})
	return tag, affected, err
}

// later implements postponer.
func (w *pgWrite) later(query string, args []any, explain func(error) error) {
	w.waiting = append(w.waiting, later{query, args, explain})
}

// flush sends what waits, and at the least the begin.
func (w *pgWrite) flush(ctx context.Context) error {
	if w.begun && len(w.waiting) == 0 {
		return nil
	}
	_, _, err := w.send(ctx)
	return err
}

func (w *pgWrite) exec(ctx context.Context, query string, args []any) (sql.Result, error) {
	if w.begun && len(w.waiting) == 0 {
		return w.pgSession.exec(ctx, query, args)
	}
	_, affected, err := w.send(ctx, later{query: query, args: args})
	return driver.RowsAffected(affected), err
}

func (w *pgWrite) query(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	if err := w.flush(ctx); err != nil {
		return nil, err
	}
	return w.pgSession.query(ctx, query, args)
}

func (w *pgWrite) queryRow(ctx context.Context, query string, args []any) *sql.Row {
	if err := w.flush(ctx); err != nil {
		return failedRow(err)
	}
	return w.pgSession.queryRow(ctx, query, args)
}

// commit sends what waits with the commit. A write that asked nothing has nothing to commit.
func (w *pgWrite) commit(ctx context.Context) error {
	if !w.begun && len(w.waiting) == 0 {
		w.ended = true
		return nil
	}
	tag, _, err := w.send(ctx, later{query: commitWrite})
	if err == nil && tag != "COMMIT" {
		err = fmt.Errorf("sqldb: the transaction ended with %s", tag)
	}
	w.ended = err == nil
	return err
}

// rollback undoes what was not committed. A connection that cannot do that is thrown away.
func (w *pgWrite) rollback(ctx context.Context) {
	if w.ended || !w.begun {
		return
	}
	w.ended = true
	if _, err := w.conn.ExecContext(ctx, rollbackWrite); err != nil {
		_ = w.conn.Raw(func(any) error { return driver.ErrBadConn })
	}
}
