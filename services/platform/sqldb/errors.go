package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/upright-clinic/upright/services/platform/fault"
)

// ErrNoRows is what a row's Scan returns when there is none.
var ErrNoRows = sql.ErrNoRows

// ErrNested is returned by a Write or Read that was called inside a transaction's function.
// An inner Write would wait for the outer one for ever; an inner Read would not see it.
var ErrNested = errors.New("sqldb: a transaction inside a transaction")

// errClosed is the cause when a database was used after Close.
var errClosed = errors.New("sqldb: the database is closed")

// errOutcomeUnknown marks a commit that was sent and never answered.
var errOutcomeUnknown = errors.New("sqldb: the commit was not answered")

// errLost marks what failed because the connection to PostgreSQL broke.
var errLost = errors.New("sqldb: the connection broke")

// errAborted is what a transaction says to statements after one of them failed.
var errAborted = errors.New("sqldb: a statement after a failed one")

// errRowsOpen is what a transaction says to a statement while rows are open. SQLite would
// let it pass, PostgreSQL cannot.
var errRowsOpen = errors.New("sqldb: a statement while the rows of another are open")

// errTxOver is what a transaction says after its function returned.
var errTxOver = errors.New("sqldb: the transaction is over")

// errOneQuery is what ReadOne says to anything but one SELECT.
var errOneQuery = errors.New("sqldb: ReadOne makes one query, a SELECT")

// insideKey marks the context that a running transaction hands out.
type insideKey struct{}

func inside(ctx context.Context) bool { return ctx.Value(insideKey{}) != nil }

// infrastructure turns errors of the database itself into faults that callers can act on.
// Everything else, such as the refusals of a write function, stays as it is.
func infrastructure(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	switch {
	case errors.Is(err, errOutcomeUnknown):
		return fault.New(fault.Unavailable, "OUTCOME_UNKNOWN",
			"the connection to the database broke while it was saving; send the same request again").Because(err)
	case diskFull(err):
		return fault.New(fault.ResourceExhausted, "DISK_FULL", "there is no space left to save to").Because(err)
	case Retryable(err):
		return fault.New(fault.Unavailable, "DATABASE_BUSY", "too many are changing the same thing; try again").Because(err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case unreachable(err):
		return fault.New(fault.Unavailable, "DATABASE_UNAVAILABLE", "the database cannot be reached at the moment").Because(err)
	}
	return err
}

func diskFull(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code == "53100"
	}
	code, ok := sqliteCode(err)
	return ok && code&0xff == sqlite3.SQLITE_FULL
}

// unreachable reports whether the database is gone rather than the statement wrong.
func unreachable(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		// Connection exceptions, out of connections, shutting down or starting up.
		return strings.HasPrefix(pg.Code, "08") || strings.HasPrefix(pg.Code, "53") ||
			pg.Code == "57P01" || pg.Code == "57P02" || pg.Code == "57P03" || pg.Code == "57P05"
	}
	if code, ok := sqliteCode(err); ok {
		switch code & 0xff {
		case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_PROTOCOL:
			return true
		}
		return false
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	return errors.Is(err, errClosed) || errors.Is(err, errLost) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, driver.ErrBadConn)
}

// fsyncFailed reports whether the disk refused to keep what was written. After that no
// later success can be believed: the pages may be gone from memory and never on disk.
func fsyncFailed(err error) bool {
	code, ok := sqliteCode(err)
	return ok && (code == sqlite3.SQLITE_IOERR_FSYNC || code == sqlite3.SQLITE_IOERR_DIR_FSYNC)
}

// coded is SQLite's error, as far as the code matters.
type coded interface {
	error
	Code() int
}

func sqliteCode(err error) (code int, ok bool) {
	lite, ok := errors.AsType[coded](err)
	if !ok {
		return 0, false
	}
	return lite.Code(), true
}
