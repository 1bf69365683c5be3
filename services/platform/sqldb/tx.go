package sqldb

import (
	"context"
	"database/sql"
	"time"
)

// Tx is one transaction. It is used by one goroutine and not after its function returned.
type Tx struct {
	db     *DB
	ctx    context.Context
	now    time.Time
	run    runner
	commit []func()
}

// runner executes statements on whatever the transaction runs on.
type runner interface {
	exec(ctx context.Context, query string, args []any) (sql.Result, error)
	query(ctx context.Context, query string, args []any) (*sql.Rows, error)
	queryRow(ctx context.Context, query string, args []any) *sql.Row
}

// Exec runs a statement and tells how many rows it changed. Its text must be a constant:
// statements are prepared once a connection and kept by their text.
func (tx *Tx) Exec(query string, args ...any) (affected int64, err error) {
	res, err := tx.run.exec(tx.ctx, query, args)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// Query runs a query; the caller closes the rows before the next statement.
func (tx *Tx) Query(query string, args ...any) (*sql.Rows, error) {
	return tx.run.query(tx.ctx, query, args)
}

// QueryRow runs a query for one row; its Scan returns ErrNoRows when there is none.
func (tx *Tx) QueryRow(query string, args ...any) *sql.Row {
	return tx.run.queryRow(tx.ctx, query, args)
}

// Now is the transaction's one instant, UTC in microseconds. Running it again changes it.
func (tx *Tx) Now() time.Time { return tx.now }

// Context is the context to use inside the transaction. A Write with it fails as nested.
func (tx *Tx) Context() context.Context { return tx.ctx }

// OnCommit has f called once the transaction is durable, on the caller's goroutine, and not
// at all when it does not commit.
func (tx *Tx) OnCommit(f func()) { tx.commit = append(tx.commit, f) }

// Dialect tells which database the transaction is on.
func (tx *Tx) Dialect() Dialect { return tx.db.dialect }

// ForUpdate is the clause that locks the selected rows until the end: " FOR UPDATE", or
// nothing on SQLite, where a write has the whole database.
func (tx *Tx) ForUpdate() string { return tx.db.dialect.lock(" FOR UPDATE") }

// ForShare is the clause that keeps others from changing the selected rows until the end.
func (tx *Tx) ForShare() string { return tx.db.dialect.lock(" FOR SHARE") }

// SkipLocked is ForUpdate for taking whatever nobody else has.
func (tx *Tx) SkipLocked() string { return tx.db.dialect.lock(" FOR UPDATE SKIP LOCKED") }

func (tx *Tx) committed() {
	for _, f := range tx.commit {
		f()
	}
}

// poolRunner runs on a transaction of the pool with the pool's prepared statements.
type poolRunner struct {
	db *DB
	tx *sql.Tx
}

func (r poolRunner) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	s, err := r.db.stmts.get(ctx, r.db.pool, query)
	if err != nil {
		return nil, err
	}
	return r.tx.StmtContext(ctx, s), nil
}

func (r poolRunner) exec(ctx context.Context, query string, args []any) (sql.Result, error) {
	if r.db.dialect == Postgres { // pgx prepares and keeps by itself
		return r.tx.ExecContext(ctx, query, args...)
	}
	s, err := r.stmt(ctx, query)
	if err != nil {
		return nil, err
	}
	return s.ExecContext(ctx, args...)
}

func (r poolRunner) query(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	if r.db.dialect == Postgres {
		return r.tx.QueryContext(ctx, query, args...)
	}
	s, err := r.stmt(ctx, query)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(ctx, args...)
}

func (r poolRunner) queryRow(ctx context.Context, query string, args []any) *sql.Row {
	if r.db.dialect == Postgres {
		return r.tx.QueryRowContext(ctx, query, args...)
	}
	s, err := r.stmt(ctx, query)
	if err != nil {
		return r.tx.QueryRowContext(ctx, query, args...) // says the same error, as a Row
	}
	return s.QueryRowContext(ctx, args...)
}

// Micros is how instants are stored: microseconds since 1970, UTC.
func Micros(t time.Time) int64 { return t.UnixMicro() }

// Time is the instant that Micros stored.
func Time(micros int64) time.Time { return time.UnixMicro(micros).UTC() }

// NullMicros stores an instant that may be absent: NULL for the zero time.
func NullMicros(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: t.UnixMicro(), Valid: !t.IsZero()}
}

// NullTime is the instant that NullMicros stored, zero for NULL.
func NullTime(n sql.NullInt64) time.Time {
	if !n.Valid {
		return time.Time{}
	}
	return Time(n.Int64)
}
