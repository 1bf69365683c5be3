package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	_ "modernc.org/sqlite" // the driver named "sqlite"
)

// lite is one SQLite file: its one writer, its readers, and the checkpointer that moves
// committed pages from the log into the file beside them.
type lite struct {
	address string  // of the file, for the driver
	pool    *sql.DB // every connection to the file
	writer  *writer
	readers *readers
	ckpt    *checkpointer
	closing sync.Once
}

// bg is the context of every statement on SQLite: a caller that gives up must not leave a
// shared transaction half-way, and a context that can end costs a goroutine a statement.
var bg = context.Background()

// liteAddress gives the driver's address of the file with what every connection needs:
// foreign keys are off by default; FULL is what makes a commit survive a power cut; another
// process (a backup, a second program) may hold the lock for a moment; LIKE tells case
// apart as on PostgreSQL; a savepoint's undo pages stay in memory; and the log is moved into
// the file by the checkpointer, not by whoever's commit makes it too long.
func liteAddress(path string) string {
	q := url.Values{"_pragma": {
		"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "case_sensitive_like(1)",
		"recursive_triggers(1)", // REPLACE deletes: a trigger against that must see it
		"temp_store(MEMORY)", "wal_autocheckpoint(0)", "journal_size_limit(67108864)",
	}}
	file := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}
	return file.String()
}

// writerCache lets the writer keep 64 MiB of pages instead of 2. Its pages stay good from one
// transaction to the next, while a reader starts afresh after every commit. A small clinic
// never fills it; at a million appointments it saves reading the pages that a booking changes.
const writerCache = "PRAGMA cache_size = -65536"

func openSQLite(ctx context.Context, path string, cfg Config) (*DB, error) {
	if path == "" {
		return nil, errors.New("sqldb: the SQLite address names no file")
	}
	if err := makeFile(path); err != nil {
		return nil, fmt.Errorf("sqldb: %w", err)
	}
	if cfg.MaxConns == 0 {
		cfg.MaxConns = max(4, runtime.GOMAXPROCS(0))
	}
	pool, err := sql.Open("sqlite", liteAddress(path))
	if err != nil {
		return nil, err
	}
	pool.SetMaxIdleConns(0) // connections are pinned by those who use them
	db := &DB{dialect: SQLite, clock: cfg.Clock, log: cfg.Log, url: cfg.URL}
	first, err := openLiteConn(ctx, pool)
	if err == nil {
		err = errors.Join(first.checkDurable(), first.command(writerCache))
	}
	if err != nil {
		if first != nil {
			first.close()
		}
		return nil, errors.Join(fmt.Errorf("sqldb: open %s: %w", filepath.Base(path), err), pool.Close())
	}
	db.lite = &lite{address: liteAddress(path), pool: pool, readers: &readers{pool: pool, slots: make(chan struct{}, cfg.MaxConns)}}
	db.lite.ckpt = newCheckpointer(db, pool)
	db.lite.writer = newWriter(db, first)
	return db, nil
}

// makeFile makes the file, if it is not there, so that only its owner can read it. SQLite
// gives the files beside it the same mode.
func makeFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the operator's path
	if err != nil {
		return err
	}
	return f.Close()
}

// read runs f on a reader. The snapshot is that of its first query.
func (l *lite) read(ctx context.Context, db *DB, f func(tx *Tx) error) error {
	c, err := l.readers.take(ctx)
	if err != nil {
		return err
	}
	defer l.readers.give(c)
	begin, _ := SQLite.begin(true)
	if err := c.command(begin); err != nil {
		return err
	}
	return runIn(&Tx{db: db, caller: ctx, now: db.clock.Now(), run: c}, f)
}

// readOne runs f, whose one query is a transaction of its own, on a reader.
func (l *lite) readOne(ctx context.Context, db *DB, f func(tx *Tx) error) error {
	c, err := l.readers.take(ctx)
	if err != nil {
		return err
	}
	tx := &Tx{db: db, caller: ctx, now: db.clock.Now(), run: c, single: true}
	defer func() { l.readers.put(c, tx.failed == nil) }()
	return runIn(tx, f)
}

// close ends the writer after what it accepted, then everything else. The last connection
// that closes moves the log into the file. It may be called again.
func (l *lite) close() (err error) {
	l.closing.Do(func() {
		l.writer.close()
		l.ckpt.close()
		l.readers.close()
		err = l.pool.Close()
	})
	return err
}

// readers are the connections that only read. They are opened when they are needed and the
// one used last is taken first, since its statements and pages are warm.
type readers struct {
	pool  *sql.DB
	slots chan struct{} // one token for each reader in use

	mu     sync.Mutex
	idle   []*liteConn
	closed bool
}

func (r *readers) take(ctx context.Context) (*liteConn, error) {
	select {
	case r.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		<-r.slots
		return nil, errClosed
	}
	if n := len(r.idle); n > 0 {
		c := r.idle[n-1]
		r.idle = r.idle[:n-1]
		r.mu.Unlock()
		return c, nil
	}
	r.mu.Unlock()
	c, err := openLiteConn(bg, r.pool)
	if err == nil {
		if err = c.command("PRAGMA query_only = 1"); err != nil {
			c.close()
		}
	}
	if err != nil {
		<-r.slots
		return nil, err
	}
	return c, nil
}

// give ends the reader's transaction and puts it back.
func (r *readers) give(c *liteConn) { r.put(c, c.command("ROLLBACK") == nil) }

// put puts a reader without a transaction back, or closes it when it is no longer good for
// another.
func (r *readers) put(c *liteConn, good bool) {
	defer func() { <-r.slots }()
	c.trim()
	r.mu.Lock()
	keep := good && !r.closed
	if keep {
		r.idle = append(r.idle, c)
	}
	r.mu.Unlock()
	if !keep {
		c.close()
	}
}

func (r *readers) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for _, c := range r.idle {
		c.close()
	}
	r.idle = nil
}
