package sqldb

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Dialect is which database it is. Its differences are the five hooks: the name of a
// violated constraint (Unique), the error of an overlap (Overlap), which errors are worth
// another try (Retryable), the lock clauses of Tx, and how a write begins.
type Dialect string

// The two databases.
const (
	SQLite   Dialect = "sqlite"
	Postgres Dialect = "postgres"
)

func (d Dialect) lock(clause string) string {
	if d == SQLite {
		return ""
	}
	return clause
}

// Unique gives the name of the unique constraint that err says was violated, as PostgreSQL
// would name it: <table>_<columns>_key, or <table>_pkey.
func Unique(err error) (constraint string, ok bool) {
	if pg, is := errors.AsType[*pgconn.PgError](err); is {
		return pg.ConstraintName, pg.Code == "23505"
	}
	lite, is := errors.AsType[*sqlite.Error](err)
	if !is {
		return "", false
	}
	switch lite.Code() {
	case sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		table, _ := violated(lite)
		return table + "_pkey", true
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE:
		table, columns := violated(lite)
		return table + "_" + strings.Join(columns, "_") + "_key", true
	}
	return "", false
}

// violated reads "… constraint failed: table.a, table.b (2067)", the only place where
// SQLite says which constraint it was.
func violated(err *sqlite.Error) (table string, columns []string) {
	_, list, _ := strings.Cut(err.Error(), "constraint failed: ")
	_, more, twice := strings.Cut(list, "constraint failed: ")
	if twice {
		list = more
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
// serialisation failure or a lock that was not to be had.
func Retryable(err error) bool {
	if pg, is := errors.AsType[*pgconn.PgError](err); is {
		return pg.Code == "40001" || pg.Code == "40P01" || pg.Code == "55P03"
	}
	lite, is := errors.AsType[*sqlite.Error](err)
	return is && (lite.Code()&0xff == sqlite3.SQLITE_BUSY || lite.Code()&0xff == sqlite3.SQLITE_LOCKED)
}
