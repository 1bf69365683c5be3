package sqldb

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/upright-clinic/upright/services/platform/clock"
	"github.com/upright-clinic/upright/services/platform/fault"
)

const (
	// maxGroup bounds how many writes share a commit.
	maxGroup = 256
	// maxGather bounds how long a group takes in more, so that its first does not wait for
	// a crowd.
	maxGather = 10 * time.Millisecond
	// stuckAfter is how long a group may take before those who wait are told to look
	// whether they wait for themselves.
	stuckAfter = 250 * time.Millisecond
	// maxLooks is how often a write without a deadline looks before it gives up: 30 s.
	maxLooks = 120
	// guardedGroups is how many groups keep savepoints after one that needed them.
	guardedGroups = 32
)

// writer owns SQLite's one writing connection and commits waiting writes in groups.
//
// Most groups have nothing to undo, so a group begins without savepoints, which cost as much
// as a statement each and a copy of every page that is touched. When a member fails that
// has already written something, the group is undone and run again with a savepoint for
// each member, and so are the next guardedGroups groups: refusals come together, as when
// many want the same slot.
//
// Only its goroutine touches conn, group, current and redo.
type writer struct {
	db    *DB
	conn  *liteConn
	queue chan *member

	mu      sync.RWMutex // guards closed against sends on queue
	closed  bool
	stopped chan struct{}

	group   []*member // ran in the open transaction
	guarded int       // so many groups more give each member a savepoint
	current *member   // is running
	redo    []*member // of a group that a Goexit ended, to be run again

	broken atomic.Pointer[error] // set for good once the disk lost what was written
	id     atomic.Int64          // of the goroutine
	stuck  watch
	commit func() error // sends COMMIT; tests make it fail
}

func newWriter(db *DB, conn *liteConn) *writer {
	w := &writer{db: db, conn: conn, queue: make(chan *member, maxGroup), stopped: make(chan struct{})}
	w.commit = func() error { return w.conn.command("COMMIT") }
	w.stuck.init()
	go w.run()
	return w
}

// write has f run by the writer and returns what became of it.
func (w *writer) write(ctx context.Context, f func(tx *Tx) error) error {
	if err := w.failure(); err != nil {
		return err
	}
	m := &member{ctx: ctx, f: f, done: make(chan struct{})}
	if err := w.enqueue(ctx, m); err != nil {
		return err
	}
	if err := w.await(ctx, m); err != nil {
		return err
	}
	switch {
	case m.exited:
		runtime.Goexit() // as f did, on the goroutine that f was meant for
	case m.panicked:
		panic(m.raised) // f's, not ours
	}
	return m.err
}

func (w *writer) enqueue(ctx context.Context, m *member) error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return errClosed
	}
	for looks := 0; ; looks++ {
		select {
		case w.queue <- m:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-w.stuck.rung():
			if err := w.look(looks); err != nil {
				return err
			}
		}
	}
}

// await returns nil when m was answered. Until it is started, m can be taken back: at the
// end of ctx, or when it turns out that it waits for itself.
func (w *writer) await(ctx context.Context, m *member) error {
	for looks := 0; ; looks++ {
		var err error
		select {
		case <-m.done:
			return nil
		case <-ctx.Done():
			err = ctx.Err()
		case <-w.stuck.rung():
			err = w.look(looks)
		}
		if err != nil {
			if m.state.CompareAndSwap(waiting, withdrawn) {
				return err
			}
			<-m.done
			return nil
		}
	}
}

// look is what a waiting write does when a group takes long. A Write inside a write function
// runs on the writer's own goroutine and would wait for ever.
func (w *writer) look(looks int) error {
	if goroutineID() == w.id.Load() {
		return ErrNested
	}
	if looks >= maxLooks {
		return fault.New(fault.Unavailable, "DATABASE_BUSY", "the database is busy; try again")
	}
	return nil
}

// run commits groups until the queue is closed and empty. A write function that calls
// runtime.Goexit, as a test that fails does, takes this goroutine with it: the deferred call
// starts another.
func (w *writer) run() {
	w.id.Store(goroutineID())
	finished := false
	defer func() {
		if !finished {
			w.redo = w.afterExit()
			go w.run()
		}
	}()
	for len(w.redo) > 0 {
		m := w.redo[0]
		w.redo = w.redo[1:]
		w.alone(m)
	}
	for m := range w.queue {
		w.commitGroup(m)
	}
	finished = true
	w.stuck.stop()
	w.conn.close()
	close(w.stopped)
}

// afterExit undoes the group of a member that called Goexit, answers that member, and gives
// those that have to be run again.
func (w *writer) afterExit() []*member {
	w.rollback()
	again := append(slices.Clone(w.group), w.redo...)
	w.clearGroup()
	if m := w.current; m != nil {
		w.current = nil
		m.exited = true
		w.answer(m)
	}
	return again
}

// commitGroup runs first and whatever else waits in one transaction, commits it and answers
// all of them.
func (w *writer) commitGroup(first *member) {
	if !first.start() {
		return
	}
	w.stuck.start()
	defer w.stuck.stop()
	begin, _ := SQLite.begin(false)
	if err := w.conn.command(begin); err != nil {
		w.rollback()
		w.refuse(first, err)
		return
	}
	end := clock.System.Now().Add(maxGather)
	run := w.unguarded
	if w.guarded > 0 {
		w.guarded--
		run = w.inSavepoint
	}
	for m := first; m != nil; m = w.next(end) {
		w.current = m
		intact := run(m)
		w.current = nil
		w.group = append(w.group, m)
		if !intact && w.lone(m) {
			return
		}
		if !intact && !w.again() {
			w.rollback()
			w.eachAlone()
			return
		}
		if w.guarded > 0 {
			run = w.inSavepoint
		}
	}
	err := w.end()
	if err == nil {
		return
	}
	w.rollback()
	if constraint(err) && len(w.group) > 1 {
		w.eachAlone() // a deferred constraint: only one of them is to blame
		return
	}
	w.notCommitted(err)
}

// next starts another member of the group, if one waits. Those who are just about to ask
// get the processor once, since a commit costs far more than that.
func (w *writer) next(end time.Time) *member {
	yielded := false
	for len(w.group) < maxGroup {
		select {
		case m, ok := <-w.queue:
			if !ok {
				return nil
			}
			if m.start() {
				return m
			}
		default:
			if yielded || clock.System.Now().After(end) {
				return nil
			}
			yielded = true
			runtime.Gosched()
		}
	}
	return nil
}

// unguarded runs one member without a savepoint. It reports false when the member failed and
// left something behind that must be undone, or when the transaction of the whole group is
// gone.
func (w *writer) unguarded(m *member) (intact bool) {
	m.run(w.db, w.conn)
	if m.err == nil && !m.panicked {
		return true
	}
	if m.tx.wrote || m.tx.retryable(m.err) {
		return false
	}
	// A constraint undoes its own statement and no more; after any other failure nobody
	// knows what is left of the transaction.
	return m.tx.failed == nil || constraint(m.tx.failed)
}

// lone undoes and answers a member that failed in a group of its own: what it saw is durable
// already. It reports false when others share the group, or another run may help.
func (w *writer) lone(m *member) bool {
	if len(w.group) > 1 || m.tx.retryable(m.err) {
		return false
	}
	w.rollback()
	w.answer(m)
	w.clearGroup()
	return true
}

// again undoes the group and runs its members once more with savepoints. It reports false
// when they had savepoints already, or when that does not do either.
func (w *writer) again() bool {
	if w.guarded > 0 {
		return false
	}
	w.guarded = guardedGroups
	w.rollback()
	w.db.stats.reruns.Add(int64(len(w.group)))
	begin, _ := SQLite.begin(false)
	if w.conn.command(begin) != nil {
		return false
	}
	w.redo, w.group = append(w.group, w.redo...), nil
	for n := len(w.redo); n > 0; n-- {
		m := w.redo[0]
		w.redo = w.redo[1:]
		w.current = m
		intact := w.inSavepoint(m)
		w.current = nil
		w.group = append(w.group, m)
		if !intact {
			return false
		}
	}
	return true
}

// inSavepoint runs one member. It reports false when the transaction of the whole group is
// gone: SQLite ends it by itself when the disk is full or fails.
func (w *writer) inSavepoint(m *member) (intact bool) {
	if w.conn.command("SAVEPOINT member") != nil {
		return false
	}
	m.run(w.db, w.conn)
	if m.err != nil || m.panicked {
		if w.conn.command("ROLLBACK TO member") != nil {
			return false
		}
	}
	return w.conn.command("RELEASE member") == nil && !m.tx.retryable(m.err)
}

// eachAlone runs the members of an undone group again, each in a transaction of its own, so
// that whatever was wrong with one of them does not reach the others.
func (w *writer) eachAlone() {
	w.redo = append(slices.Clone(w.group), w.redo...)
	w.clearGroup()
	for len(w.redo) > 0 {
		m := w.redo[0]
		w.redo = w.redo[1:]
		w.alone(m)
	}
}

// alone runs one member again, in a transaction of its own.
func (w *writer) alone(m *member) {
	w.db.stats.reruns.Add(1)
	begin, _ := SQLite.begin(false)
	if err := w.conn.command(begin); err != nil {
		w.rollback()
		w.refuse(m, err)
		return
	}
	w.current = m
	m.run(w.db, w.conn)
	w.current = nil
	if m.err != nil || m.panicked {
		w.rollback()
		w.answer(m)
		return
	}
	w.group = append(w.group, m)
	if err := w.end(); err != nil {
		w.rollback()
		w.notCommitted(err)
	}
}

// end commits the group and answers its members. All that asked for it hear that their
// transaction is durable before any member is answered: what the group changed together
// shows in one member's answer as in another's, so nothing kept in memory may be older.
func (w *writer) end() error {
	w.db.unsettled.Store(true)
	defer w.db.unsettled.Store(false)
	if err := w.commit(); err != nil {
		return err
	}
	w.db.stats.commits.Add(1)
	for _, m := range w.group {
		if m.err == nil && !m.panicked {
			m.tx.committed()
		}
	}
	w.db.unsettled.Store(false)
	w.committed()
	return nil
}

// committed answers the members of a group that is durable.
func (w *writer) committed() {
	for _, m := range w.group {
		w.answer(m)
	}
	w.clearGroup()
	w.conn.trim()
	w.db.lite.ckpt.committed()
	w.db.lite.ckpt.assist(w.conn)
}

// notCommitted answers a group that is not there: whoever succeeded did not, and whoever was
// refused may have been refused because of one who did not.
func (w *writer) notCommitted(err error) {
	if fsyncFailed(err) {
		failure := error(fault.New(fault.Unavailable, "DATABASE_FAILED", "the database cannot save anything at the moment").Because(err))
		w.broken.CompareAndSwap(nil, &failure)
		w.db.warn("the disk did not keep what was written: check it, then restart", err)
	}
	for _, m := range w.group {
		w.refuse(m, err)
	}
	w.clearGroup()
}

// refuse answers a member whose transaction could not begin or end.
func (w *writer) refuse(m *member, err error) {
	if broken := w.failure(); broken != nil {
		err = broken
	}
	m.err = err
	w.answer(m)
}

func (w *writer) answer(m *member) {
	w.db.stats.writes.Add(1)
	close(m.done)
}

func (w *writer) clearGroup() {
	clear(w.group)
	w.group = w.group[:0]
}

// rollback ends the transaction if there still is one. A connection that does not let go of
// it is replaced.
func (w *writer) rollback() {
	err := w.conn.command("ROLLBACK")
	if code, _ := sqliteCode(err); err == nil || code == sqlite3.SQLITE_ERROR { // no transaction is active
		return
	}
	w.db.warn("rollback failed, connecting anew", err)
	fresh, err := openLiteConn(bg, w.db.lite.pool)
	if err == nil {
		err = fresh.command(writerCache)
	}
	if err != nil {
		w.db.warn("cannot connect anew", err)
		return
	}
	w.conn.close()
	w.conn = fresh
}

// failure says why nothing can be written any more, if so.
func (w *writer) failure() error {
	if err := w.broken.Load(); err != nil {
		return *err
	}
	return nil
}

// close ends the writer after everything it accepted. It may be called again.
func (w *writer) close() {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.queue)
	}
	w.mu.Unlock()
	<-w.stopped
}
