// Package sqldb is one database, SQLite or PostgreSQL, behind one kind of transaction.
//
// Callers write one SQL text with $1 placeholders and pass the transaction as an argument:
// [DB.Write] and [DB.Read]. A write function may run more than once, so it has no effect
// outside its transaction and makes no call to anybody else. What differs between the two
// databases is in [Dialect] and in the migrations.
//
// On SQLite one writer takes all waiting writes, runs each in a savepoint and commits once
// (group commit): every answer, refusals included, waits for the commit that makes what it
// saw durable. On PostgreSQL a write is a READ COMMITTED transaction that is run again after
// a deadlock or a serialisation failure.
//
// What both do alike, so that a test on one tells about the other: a transaction is of no
// use after a failed statement, rows are closed before the next statement, text is compared
// and sorted by its bytes. The last needs a PostgreSQL database whose collation is C or
// C.UTF-8: CREATE DATABASE upright TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C'
// LC_CTYPE 'C.UTF-8'. Elsewhere lists come in the order of that database's language.
package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/upright-clinic/upright/services/platform/clock"
)

// Config says which database.
type Config struct {
	// URL is "sqlite:/path/to/file.db" or "postgres://user@host/database?…".
	URL string
	// Schema is the PostgreSQL schema that the service lives in, made when it is missing;
	// empty means public. SQLite ignores it: there a service has a file of its own.
	Schema string
	// MaxConns bounds PostgreSQL's pool and SQLite's readers; 0 means 16 and 4.
	MaxConns int
	// Clock gives Tx.Now; nil is the system's.
	Clock clock.Clock
	// Log hears of what an operator should know, such as a database that had to be waited
	// for; nil is silence.
	Log *slog.Logger
}

// DB is an open database. It is safe for concurrent use.
type DB struct {
	dialect Dialect
	clock   clock.Clock
	log     *slog.Logger
	schema  string
	stats   stats

	unsettled atomic.Bool // a commit to SQLite is under way, or OnCommit's functions are

	pool *sql.DB // PostgreSQL's connections
	lite *lite   // SQLite's writer and readers
	url  string  // as it was given, for migrations
}

// Open opens the database and makes sure that it answers and keeps what it commits. It does
// not migrate it. It fails when the address is wrong, the database cannot be reached, or
// SQLite cannot use a write-ahead log where the file is (a network file system).
func Open(ctx context.Context, cfg Config) (*DB, error) {
	if cfg.Clock == nil {
		cfg.Clock = clock.System
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	scheme, path, ok := strings.Cut(cfg.URL, ":")
	switch {
	case ok && scheme == "sqlite":
		return openSQLite(ctx, path, cfg)
	case ok && (scheme == "postgres" || scheme == "postgresql"):
		return openPostgres(ctx, cfg)
	}
	// The address may hold a password: say no more of it than its beginning.
	return nil, errors.New("sqldb: a database address starts with \"sqlite:\" or \"postgres:\"")
}

// Write runs f in a transaction and returns when its effects are durable, or with f's error
// when they are not there at all. f may run again, after a conflict with other writers or
// when the group that it shared a commit with had to be undone.
//
// While f waits for its turn, the end of ctx takes it back. On SQLite a started f runs to
// its end whatever becomes of ctx; on PostgreSQL ctx ends its statements, but never the
// commit. Inside f's transaction another Write or Read fails with ErrNested.
//
// Besides f's own errors it fails with RESOURCE_EXHAUSTED/DISK_FULL, UNAVAILABLE with
// DATABASE_BUSY (conflicts that would not end), DATABASE_UNAVAILABLE (it did not happen),
// OUTCOME_UNKNOWN (PostgreSQL went away during the commit: ask, or send the same request id
// again) or DATABASE_FAILED (the disk did not keep what SQLite wrote: only a restart tells
// what is there).
func (db *DB) Write(ctx context.Context, f func(tx *Tx) error) error {
	if inside(ctx) {
		return ErrNested
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if db.lite != nil {
		return infrastructure(db.lite.writer.write(ctx, f))
	}
	return infrastructure(db.writePostgres(ctx, f))
}

// Read runs f on a consistent snapshot that nothing can be written through. f runs once.
// It sees every Write that returned before it began. On SQLite the end of ctx is noticed
// only while waiting for a free reader: queries there are short, and end by themselves.
func (db *DB) Read(ctx context.Context, f func(tx *Tx) error) error {
	if inside(ctx) {
		return ErrNested
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if db.lite != nil {
		return infrastructure(db.lite.read(ctx, db, f))
	}
	return infrastructure(db.readPostgres(ctx, f))
}

// ReadOne is Read for a function that makes one query and no more. A single query is a
// consistent snapshot by itself, so no transaction is opened and ended around it: on SQLite
// that saves two of three statements, on PostgreSQL two of three round trips. A second
// statement fails, and so does one that is not a SELECT.
func (db *DB) ReadOne(ctx context.Context, f func(tx *Tx) error) error {
	if inside(ctx) {
		return ErrNested
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if db.lite != nil {
		return infrastructure(db.lite.readOne(ctx, db, f))
	}
	return infrastructure(db.readOnePostgres(ctx, f))
}

// Now is what Tx.Now of a transaction that begins now would be.
func (db *DB) Now() time.Time { return db.clock.Now() }

// Dialect tells which database it is.
func (db *DB) Dialect() Dialect { return db.dialect }

// Ping asks whether the database answers, and on SQLite whether writes still reach the disk.
func (db *DB) Ping(ctx context.Context) error {
	if db.lite == nil {
		return infrastructure(db.pool.PingContext(ctx))
	}
	if err := db.lite.writer.failure(); err != nil {
		return err
	}
	return db.Read(ctx, func(tx *Tx) error {
		var one int
		return tx.QueryRow(`SELECT 1`).Scan(&one)
	})
}

// Stats counts what the database did since Open, for metrics and tests.
type Stats struct {
	// Writes is how many write functions were answered, refusals included.
	Writes int64
	// Commits is how many commits that took. On SQLite each is one fsync, shared.
	Commits int64
	// Reruns is how often write functions were run again.
	Reruns int64
}

// stats are the counters behind Stats.
type stats struct{ writes, commits, reruns atomic.Int64 }

// Stats gives the counts so far.
func (db *DB) Stats() Stats {
	return Stats{Writes: db.stats.writes.Load(), Commits: db.stats.commits.Load(), Reruns: db.stats.reruns.Load()}
}

// Generation counts the commits of this process to a SQLite file, before those who wrote
// hear of it: what was read at a generation is still so while it is the same, but for what
// another program wrote. ok is false while a commit is under way, which others may see before
// it is counted and before OnCommit's functions were called: memory cannot tell then, only
// the database. It is always false on PostgreSQL, where others write as a rule.
func (db *DB) Generation() (n int64, ok bool) {
	ok = db.lite != nil && !db.unsettled.Load()
	return db.stats.commits.Load(), ok
}

// Close waits for the writes that were accepted and closes every connection. Later calls
// fail with DATABASE_UNAVAILABLE.
func (db *DB) Close() error {
	if db.lite != nil {
		return db.lite.close()
	}
	return db.pool.Close()
}

// warn tells the operator of something that callers only see as slowness or a failure.
func (db *DB) warn(msg string, err error) {
	db.log.LogAttrs(context.Background(), slog.LevelWarn, msg,
		slog.String("database", string(db.dialect)), slog.String("error", fmt.Sprint(err)))
}
