package sqldb

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// maxGroup bounds how many writes share a commit, so that the first does not wait for a
// crowd; maxTries bounds how often a group is run when the outer transaction ends by itself.
const (
	maxGroup = 256
	maxTries = 8
)

// writer owns SQLite's one writing connection and commits waiting writes in groups.
type writer struct {
	db      *DB
	pool    *sql.DB
	conn    *sql.Conn
	stmts   map[string]*sql.Stmt
	queue   chan *member
	stopped chan struct{}
	mu      sync.RWMutex // guards closed against sends on queue
	closed  bool
	running atomic.Pointer[[]byte] // id of the writer's goroutine while a member runs
	commits atomic.Int64
}

// member is one write that waits for its group's commit.
type member struct {
	ctx   context.Context
	f     func(tx *Tx) error
	tx    *Tx
	err   error
	panic any
	done  chan struct{}
}

// errClosed is returned for writes after Close.
var errClosed = errors.New("sqldb: database is closed")

// bg is the context of every statement on the writer's connection: a caller that gives up
// must not leave the group's transaction half-way.
var bg = context.Background()

func newWriter(ctx context.Context, db *DB, pool *sql.DB) (*writer, error) {
	pool.SetMaxOpenConns(1)
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	w := &writer{db: db, pool: pool, conn: conn, stmts: map[string]*sql.Stmt{}, queue: make(chan *member, 1024), stopped: make(chan struct{})}
	go w.loop()
	return w, nil
}

func (w *writer) write(ctx context.Context, f func(tx *Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if id := w.running.Load(); id != nil && bytes.Equal(*id, goroutine()) {
		return ErrNested
	}
	m := &member{ctx: ctx, f: f, done: make(chan struct{})}
	w.mu.RLock()
	if w.closed {
		w.mu.RUnlock()
		return errClosed
	}
	w.queue <- m
	w.mu.RUnlock()
	<-m.done
	if m.panic != nil {
		panic(m.panic)
	}
	if m.err == nil {
		m.tx.committed()
	}
	return m.err
}

// loop commits whatever waits, until the queue is closed and empty.
func (w *writer) loop() {
	defer close(w.stopped)
	id := goroutine()
	for first := range w.queue {
		group := append(make([]*member, 0, 8), first)
	fill:
		for len(group) < maxGroup {
			select {
			case m, ok := <-w.queue:
				if !ok {
					break fill
				}
				group = append(group, m)
			default:
				break fill
			}
		}
		w.commit(group, &id)
		for _, m := range group {
			close(m.done)
		}
	}
}

// commit runs a group and makes it durable. When the outer transaction ends by itself, the
// members are run again from the start; when that does not help, all of them fail.
func (w *writer) commit(group []*member, id *[]byte) {
	var err error
	for try := range maxTries {
		if err = w.try(group, id); err == nil {
			return
		}
		w.rollback()
		if !Retryable(err) && !errors.Is(err, errOuterEnded) {
			break
		}
		if try > 1 { // another process has the file: give it time
			wait := time.NewTimer(time.Duration(try) * 10 * time.Millisecond)
			<-wait.C
		}
	}
	for _, m := range group {
		if m.err == nil && m.panic == nil {
			m.err = fmt.Errorf("sqldb: commit: %w", err)
		}
	}
}

// errOuterEnded says that an error in one member ended the transaction of all.
var errOuterEnded = errors.New("sqldb: the group's transaction ended")

func (w *writer) try(group []*member, id *[]byte) error {
	if err := w.command("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	for _, m := range group {
		if err := w.member(m, id); err != nil {
			return err
		}
	}
	if err := w.command("COMMIT"); err != nil {
		return err
	}
	w.commits.Add(1)
	return nil
}

// member runs one write in a savepoint. It returns an error only when the transaction of
// the whole group is gone.
func (w *writer) member(m *member, id *[]byte) error {
	m.err, m.panic = nil, nil
	if m.err = m.ctx.Err(); m.err != nil {
		return nil
	}
	if err := w.command("SAVEPOINT member"); err != nil {
		return err
	}
	m.tx = &Tx{db: w.db, ctx: context.WithValue(context.WithoutCancel(m.ctx), insideKey{}, true), now: w.db.clock.Now(), run: w}
	w.running.Store(id)
	m.err, m.panic = protect(m.f, m.tx)
	w.running.Store(nil)
	if m.err == nil && m.panic == nil {
		return w.command("RELEASE member")
	}
	if err := w.command("ROLLBACK TO member"); err != nil {
		return errors.Join(errOuterEnded, err)
	}
	return w.command("RELEASE member")
}

func protect(f func(tx *Tx) error, tx *Tx) (err error, caught any) { //nolint:revive,staticcheck // the panic is the second answer, not an error
	defer func() { caught = recover() }()
	return f(tx), nil
}

// rollback ends the transaction if there still is one.
func (w *writer) rollback() { _ = w.command("ROLLBACK") }

func (w *writer) command(query string) error {
	_, err := w.exec(bg, query, nil)
	return err
}

func (w *writer) stmt(query string) (*sql.Stmt, error) {
	if s := w.stmts[query]; s != nil {
		return s, nil
	}
	s, err := w.conn.PrepareContext(bg, query)
	if err != nil {
		return nil, err
	}
	w.stmts[query] = s
	return s, nil
}

func (w *writer) exec(_ context.Context, query string, args []any) (sql.Result, error) {
	s, err := w.stmt(query)
	if err != nil {
		return nil, err
	}
	return s.ExecContext(bg, args...)
}

func (w *writer) query(_ context.Context, query string, args []any) (*sql.Rows, error) {
	s, err := w.stmt(query)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(bg, args...)
}

func (w *writer) queryRow(_ context.Context, query string, args []any) *sql.Row {
	s, err := w.stmt(query)
	if err != nil {
		return w.conn.QueryRowContext(bg, query, args...) // says the same error, as a Row
	}
	return s.QueryRowContext(bg, args...)
}

func (w *writer) close() error {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return nil
	}
	w.closed = true
	close(w.queue)
	w.mu.Unlock()
	<-w.stopped
	for _, s := range w.stmts {
		_ = s.Close()
	}
	return errors.Join(w.conn.Close(), w.pool.Close())
}

// insideKey marks the context of a running write function.
type insideKey struct{}

func insideWrite(ctx context.Context) bool { return ctx.Value(insideKey{}) != nil }

// goroutine names the calling goroutine. A write function that calls Write with an outer
// context would wait for itself; this is how that is noticed instead.
func goroutine() []byte {
	var buf [40]byte
	b := buf[:runtime.Stack(buf[:], false)]
	b = bytes.TrimPrefix(b, []byte("goroutine "))
	return bytes.Clone(b[:max(0, bytes.IndexByte(b, ' '))])
}
