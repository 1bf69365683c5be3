package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strings"
	"time"
)

// Tx is one transaction. It is used by one goroutine and not after its function returned.
// After a statement failed, whatever it was, all others fail too: PostgreSQL would not do
// them, and SQLite may have undone what came before.
type Tx struct {
	db     *DB
	caller context.Context // of whoever called Write or Read
	inner  context.Context // made when asked for
	now    time.Time
	run    session
	rows   *sql.Rows // the last query's, perhaps still open
	failed error     // the first statement that failed
	over   bool
	single bool // ReadOne's: there is no transaction around the statement
	spent  bool // the one statement of a single was made
	wrote  bool // a statement succeeded that may have changed something
	commit []func()
}

// session is a connection inside a transaction, with its prepared statements.
type session interface {
	exec(ctx context.Context, query string, args []any) (sql.Result, error)
	query(ctx context.Context, query string, args []any) (*sql.Rows, error)
	queryRow(ctx context.Context, query string, args []any) *sql.Row
}

// Exec runs a statement and tells how many rows it changed. Its text must be a constant:
// statements are prepared once a connection and kept by their text.
func (tx *Tx) Exec(query string, args ...any) (affected int64, err error) {
	if err := tx.ready(query); err != nil {
		return 0, err
	}
	res, err := tx.run.exec(tx.caller, query, args)
	if err != nil {
		return 0, tx.fail(err)
	}
	affected, err = res.RowsAffected()
	tx.wrote = tx.wrote || affected != 0 || !changesRows(query)
	return affected, err
}

// Later runs a statement that nobody waits for the answer of: at once on SQLite, on PostgreSQL
// together with the next statement or the commit, which saves a turn of the network. What it
// fails with, turned by explain into what the caller makes of it, is the error of that
// statement, or of the Write. explain may be nil, and is not called without an error.
func (tx *Tx) Later(query string, explain func(error) error, args ...any) error {
	on, postpones := tx.run.(postponer)
	if !postpones {
		_, err := tx.Exec(query, args...)
		if err != nil && explain != nil {
			return explain(err)
		}
		return err
	}
	if err := tx.ready(query); err != nil {
		return err
	}
	on.later(query, args, explain)
	tx.wrote = true
	return nil
}

// postponer is a session that can send statements together.
type postponer interface {
	later(query string, args []any, explain func(error) error)
}

// Query runs a query; the caller closes the rows before the next statement and looks at
// their Err.
func (tx *Tx) Query(query string, args ...any) (*sql.Rows, error) {
	if err := tx.ready(query); err != nil {
		return nil, err
	}
	rows, err := tx.run.query(tx.caller, query, args)
	if err != nil {
		return nil, tx.fail(err)
	}
	tx.rows = rows
	tx.wrote = tx.wrote || !isSelect(query)
	return rows, nil
}

// QueryRow runs a query for one row; its Scan, which must be called, returns ErrNoRows when
// there is none.
func (tx *Tx) QueryRow(query string, args ...any) *sql.Row {
	if err := tx.ready(query); err != nil {
		return failedRow(err)
	}
	row := tx.run.queryRow(tx.caller, query, args)
	if err := row.Err(); err != nil {
		_ = tx.fail(err)
	}
	tx.wrote = tx.wrote || !isSelect(query)
	return row
}

// isSelect reports whether the statement only reads. One that begins otherwise, with "with"
// for example, counts as one that may write.
func isSelect(query string) bool { return begins(query, "select") }

// changesRows reports whether the number of affected rows says all that the statement did.
func changesRows(query string) bool {
	return begins(query, "insert") || begins(query, "update") || begins(query, "delete")
}

// begins reports whether the first word of a query is a word in lower case.
func begins(query, word string) bool {
	query = strings.TrimLeft(query, " \t\n")
	return len(query) > len(word) && query[len(word)] <= ' ' && strings.EqualFold(query[:len(word)], word)
}

// ready says why the statement may not follow, if so.
func (tx *Tx) ready(query string) error {
	switch {
	case tx.over:
		return errTxOver
	case tx.single:
		if tx.spent || !strings.HasPrefix(query, "SELECT ") {
			return tx.fail(errOneQuery)
		}
		tx.spent = true
	case tx.failed == nil && tx.rows != nil:
		if err := tx.closedRows(); err != nil {
			return err
		}
	}
	if tx.failed != nil {
		return fmt.Errorf("%w: %w", errAborted, tx.failed)
	}
	return nil
}

// closedRows looks after the last query: an error met while reading its rows counts as a
// failed statement, and open rows would be in the way of the next one.
func (tx *Tx) closedRows() error {
	if _, err := tx.rows.Columns(); err == nil { // closed rows have none
		return tx.fail(errRowsOpen)
	}
	if err := tx.rows.Err(); err != nil {
		_ = tx.fail(err)
	}
	tx.rows = nil
	return nil
}

func (tx *Tx) fail(err error) error {
	if tx.failed == nil {
		tx.failed = err
	}
	return err
}

// end closes what the function left open and gives the error of the whole: f's own, or that
// of a statement whose failure f passed over.
func (tx *Tx) end(err error) error {
	if tx.rows != nil {
		if rowsErr := tx.rows.Err(); rowsErr != nil {
			_ = tx.fail(rowsErr)
		}
		if closeErr := tx.rows.Close(); closeErr != nil {
			_ = tx.fail(closeErr)
		}
		tx.rows = nil
	}
	tx.over = true
	if err == nil && tx.failed != nil {
		return fmt.Errorf("sqldb: a failed statement was passed over: %w", tx.failed)
	}
	return err
}

// retryable reports whether the transaction failed for a reason that another run may not
// meet, even if the function made another error of it.
func (tx *Tx) retryable(err error) bool { return Retryable(err) || Retryable(tx.failed) }

// Now is the transaction's one instant, UTC in microseconds. Running it again changes it.
func (tx *Tx) Now() time.Time { return tx.now }

// Context is the caller's context, marked so that a Write or Read with it fails as nested.
// On SQLite it does not end with the caller's.
func (tx *Tx) Context() context.Context {
	if tx.inner == nil {
		outer := tx.caller
		if tx.db.dialect == SQLite {
			outer = context.WithoutCancel(outer)
		}
		tx.inner = context.WithValue(outer, insideKey{}, true)
	}
	return tx.inner
}

// OnCommit has f called once the transaction is durable and before Write returns; not at all
// when it does not commit. On SQLite that is also before any other Write that shared the
// commit returns: a memory that f brings up to date is never older than an answer. f is
// quick, takes no lock that is held around a Write, and must not panic.
func (tx *Tx) OnCommit(f func()) { tx.commit = append(tx.commit, f) }

// DB is the database that the transaction is on.
func (tx *Tx) DB() *DB { return tx.db }

// Dialect tells which database the transaction is on.
func (tx *Tx) Dialect() Dialect { return tx.db.dialect }

// ForUpdate is the clause that locks the selected rows until the end: " FOR UPDATE", or
// nothing on SQLite, where a write has the whole database.
func (tx *Tx) ForUpdate() string { return tx.db.dialect.lock(" FOR UPDATE") }

// ForShare is the clause that keeps others from changing the selected rows until the end.
func (tx *Tx) ForShare() string { return tx.db.dialect.lock(" FOR SHARE") }

// SkipLocked is the clause, instead of ForUpdate, that takes whatever nobody else has:
// " FOR UPDATE SKIP LOCKED", or nothing on SQLite.
func (tx *Tx) SkipLocked() string { return tx.db.dialect.lock(" FOR UPDATE SKIP LOCKED") }

// committed tells those who asked that the transaction is durable.
func (tx *Tx) committed() {
	for _, f := range tx.commit {
		f()
	}
}

// runIn runs f in tx and turns what it left behind into one error. A panic passes through,
// with everything that f opened closed behind it.
func runIn(tx *Tx, f func(tx *Tx) error) error {
	returned := false
	defer func() {
		if !returned {
			_ = tx.end(nil)
		}
	}()
	err := f(tx)
	returned = true
	return tx.end(err)
}

// failedRow gives a Row whose Scan returns err. Only database/sql can make one, so it is
// asked of a database that there is not.
func failedRow(err error) *sql.Row {
	none := sql.OpenDB(failing{err})
	defer none.Close() //nolint:errcheck // it never opened anything
	return none.QueryRowContext(context.Background(), "")
}

// failing is a database that cannot be connected to, for the reason it holds.
type failing struct{ err error }

func (f failing) Connect(context.Context) (driver.Conn, error) { return nil, f.err }
func (f failing) Driver() driver.Driver                        { return nil }
