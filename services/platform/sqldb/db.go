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
package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"

	"github.com/upright-clinic/upright/services/platform/clock"
)

// Config says which database.
type Config struct {
	// URL is "sqlite:/path/to/file.db" or "postgres://user@host/database?…".
	URL string
	// Schema is the PostgreSQL schema that the service lives in, made when it is missing.
	// SQLite ignores it: there a service has a file of its own.
	Schema string
	// MaxConns bounds the connections of the pool; 0 means 16.
	MaxConns int
	// Clock gives Tx.Now; nil is the system's.
	Clock clock.Clock
}

// DB is an open database. It is safe for concurrent use.
type DB struct {
	dialect Dialect
	clock   clock.Clock
	pool    *sql.DB // PostgreSQL's connections, or SQLite's readers
	writer  *writer // SQLite only
	stmts   stmtCache
	url     string
	schema  string
}

// ErrNoRows is what a row's Scan returns when there is none.
var ErrNoRows = sql.ErrNoRows

// ErrNested is returned by a Write that was called inside a write function. The inner one
// would wait for the outer one for ever.
var ErrNested = errors.New("sqldb: Write inside a write function")

// Open opens the database and makes sure that it answers. It does not migrate it.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	if cfg.Clock == nil {
		cfg.Clock = clock.System
	}
	if cfg.MaxConns == 0 {
		cfg.MaxConns = 16
	}
	scheme, path, ok := strings.Cut(cfg.URL, ":")
	switch {
	case ok && scheme == "sqlite":
		return openSQLite(ctx, path, cfg)
	case ok && (scheme == "postgres" || scheme == "postgresql"):
		return openPostgres(ctx, cfg)
	}
	return nil, fmt.Errorf("sqldb: database address must start with sqlite: or postgres: (it starts with %q)", scheme)
}

// Write runs f in a transaction and returns when its effects are durable, or with f's error
// when they are not there at all. f may run again after a conflict with other writers.
// ctx's end is noticed before f runs; on SQLite it never reaches the connection.
func (db *DB) Write(ctx context.Context, f func(tx *Tx) error) error {
	if insideWrite(ctx) {
		return ErrNested
	}
	if db.writer != nil {
		return db.writer.write(ctx, f)
	}
	return db.writePostgres(ctx, f)
}

// Read runs f on a consistent snapshot that nothing can be written through.
func (db *DB) Read(ctx context.Context, f func(tx *Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	opts := &sql.TxOptions{ReadOnly: true}
	conn := ctx
	if db.dialect == Postgres {
		opts.Isolation = sql.LevelRepeatableRead
	} else {
		// A read takes no lock that others wait for, and a context that can end costs a
		// goroutine a statement.
		conn = context.WithoutCancel(ctx)
	}
	std, err := db.pool.BeginTx(conn, opts)
	if err != nil {
		return err
	}
	defer std.Rollback() //nolint:errcheck // a snapshot has nothing to lose
	tx := &Tx{db: db, ctx: conn, now: db.clock.Now(), run: poolRunner{db, std}}
	return f(tx)
}

// Dialect tells which database it is.
func (db *DB) Dialect() Dialect { return db.dialect }

// Ping asks whether the database answers.
func (db *DB) Ping(ctx context.Context) error { return db.pool.PingContext(ctx) }

// Close waits for the writes that were accepted and closes every connection.
func (db *DB) Close() error {
	var err error
	if db.writer != nil {
		err = db.writer.close()
	}
	db.stmts.close()
	return errors.Join(err, db.pool.Close())
}

// stmtCache keeps prepared statements by their text. database/sql prepares each again on
// every connection that it is used on, and keeps those.
type stmtCache struct {
	mu sync.RWMutex
	m  map[string]*sql.Stmt
}

func (c *stmtCache) get(ctx context.Context, pool *sql.DB, query string) (*sql.Stmt, error) {
	c.mu.RLock()
	s := c.m[query]
	c.mu.RUnlock()
	if s != nil {
		return s, nil
	}
	s, err := pool.PrepareContext(context.WithoutCancel(ctx), query)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if other := c.m[query]; other != nil {
		_ = s.Close()
		return other, nil
	}
	if c.m == nil {
		c.m = map[string]*sql.Stmt{}
	}
	c.m[query] = s
	return s, nil
}

func (c *stmtCache) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.m {
		_ = s.Close()
	}
	c.m = nil
}

func withQuery(address string, set map[string]string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", errors.New("sqldb: the database address is not a URL")
	}
	q := u.Query()
	for k, v := range set {
		q.Set(k, v)
	}
	u.RawQuery = q.Encode()
	return u.String(), nil
}
