package sqldb

import (
	"database/sql"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Dialect is which database it is. All that differs between the two is in its five hooks:
// the name of a violated constraint (Unique), the error of an overlap (Overlap), which
// errors are worth another try (Retryable), the lock clauses, and how a transaction begins.
type Dialect string

// The two databases.
const (
	SQLite   Dialect = "sqlite"
	Postgres Dialect = "postgres"
)

// lock gives the clause, or nothing on SQLite, where a writer has the whole database.
func (d Dialect) lock(clause string) string {
	if d == SQLite {
		return ""
	}
	return clause
}

// begin says how a transaction opens: by a statement on SQLite, by options on PostgreSQL.
func (d Dialect) begin(readOnly bool) (statement string, options *sql.TxOptions) {
	switch {
	case d == SQLite && readOnly:
		return "BEGIN", nil
	case d == SQLite:
		return "BEGIN IMMEDIATE", nil // a read lock that is upgraded later does not wait its turn
	case readOnly:
		return "", &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
	}
	return "", &sql.TxOptions{Isolation: sql.LevelReadCommitted}
}

// Unique gives the name of the unique constraint that err says was violated, as PostgreSQL
// would name it: <table>_<columns>_key, or <table>_pkey. Name constraints and unique indexes
// so in the migrations of both databases: SQLite only tells the columns.
func Unique(err error) (constraint string, ok bool) {
	if pg, is := errors.AsType[*pgconn.PgError](err); is {
		return pg.ConstraintName, pg.Code == "23505"
	}
	lite, is := errors.AsType[*sqlite.Error](err)
	if !is {
		return "", false
	}
	switch lite.Code() {
	case sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID:
		table, _ := violated(lite.Error())
		return table + "_pkey", true
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE:
		table, columns := violated(lite.Error())
		if index, named := strings.CutPrefix(table, "index '"); named { // an index on an expression
			return strings.TrimSuffix(index, "'"), true
		}
		return table + "_" + strings.Join(columns, "_") + "_key", true
	}
	return "", false
}

// violated reads "… constraint failed: table.a, table.b (2067)", the only place where
// SQLite says which constraint it was.
func violated(message string) (table string, columns []string) {
	list := message
	if i := strings.LastIndex(list, "constraint failed: "); i >= 0 {
		list = list[i+len("constraint failed: "):]
	}
	list, _, _ = strings.Cut(list, " (")
	for part := range strings.SplitSeq(list, ", ") {
		var column string
		table, column, _ = strings.Cut(part, ".")
		columns = append(columns, column)
	}
	return table, columns
}

// Overlap reports whether the database refused a row because it overlaps another: a
// violated exclusion constraint, or a trigger's RAISE(ABORT, 'overlap').
func Overlap(err error) bool {
	if pg, is := errors.AsType[*pgconn.PgError](err); is {
		return pg.Code == "23P01"
	}
	lite, is := errors.AsType[*sqlite.Error](err)
	return is && lite.Code() == sqlite3.SQLITE_CONSTRAINT_TRIGGER && strings.Contains(lite.Error(), "overlap")
}

// Retryable reports whether the transaction may simply be run again: a deadlock, a
// serialisation failure, a lock that was not to be had, or a plan that another process's
// migration made useless. Write does so by itself; callers see it only when that did not
// help.
func Retryable(err error) bool {
	if pg, is := errors.AsType[*pgconn.PgError](err); is {
		switch pg.Code {
		case "40001", "40P01", "55P03":
			return true
		case "0A000":
			return strings.Contains(pg.Message, "cached plan")
		}
		return false
	}
	code, is := sqliteCode(err)
	return is && (code&0xff == sqlite3.SQLITE_BUSY || code&0xff == sqlite3.SQLITE_LOCKED)
}

// constraint reports whether err is a constraint that was violated, of whatever kind.
func constraint(err error) bool {
	if pg, is := errors.AsType[*pgconn.PgError](err); is {
		return strings.HasPrefix(pg.Code, "23")
	}
	code, is := sqliteCode(err)
	return is && code&0xff == sqlite3.SQLITE_CONSTRAINT
}
