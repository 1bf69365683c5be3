package sqldb

import (
	"bytes"
	"context"
	"log/slog"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"
)

// The states of a member. Whoever moves it out of waiting owns it: the writer by starting
// it, its caller by taking it back.
const (
	waiting int32 = iota
	running
	withdrawn
)

// member is one write that waits for its group's commit.
type member struct {
	ctx   context.Context
	f     func(tx *Tx) error
	state atomic.Int32
	done  chan struct{} // closed when the rest may be read

	tx       *Tx // of the last run
	err      error
	raised   any // by panic
	panicked bool
	exited   bool // by runtime.Goexit
}

// start claims the member for the writer. It reports false when it is not to be run: it was
// taken back, or its time is over.
func (m *member) start() bool {
	if !m.state.CompareAndSwap(waiting, running) {
		return false
	}
	if m.err = m.ctx.Err(); m.err != nil {
		close(m.done)
		return false
	}
	return true
}

// run runs the function in a new transaction on c. A panic is kept for the caller. A Goexit
// cannot be stopped: it goes on through the writer, see writer.run.
func (m *member) run(db *DB, c *liteConn) {
	m.tx = &Tx{db: db, caller: m.ctx, now: db.clock.Now(), run: c}
	m.err, m.raised, m.panicked = nil, nil, false
	returned := false
	defer func() {
		if returned {
			return
		}
		if m.raised = recover(); m.raised != nil {
			m.panicked = true
			// The caller raises it again, from another stack than this one.
			db.log.LogAttrs(m.ctx, slog.LevelError, "a write function panicked", slog.String("stack", string(debug.Stack())))
		}
	}()
	m.err = runIn(m.tx, m.f)
	returned = true
}

// watch tells all who wait when a group takes long, again and again until it ends. It costs
// those who do not wait long a timer a group.
type watch struct {
	on    atomic.Bool
	timer *time.Timer
	bell  atomic.Pointer[chan struct{}]
}

func (w *watch) init() {
	bell := make(chan struct{})
	w.bell.Store(&bell)
	w.timer = time.AfterFunc(stuckAfter, w.ring)
	w.timer.Stop()
}

func (w *watch) start() {
	w.on.Store(true)
	w.timer.Reset(stuckAfter)
}

func (w *watch) stop() {
	w.on.Store(false)
	w.timer.Stop()
}

func (w *watch) ring() {
	if !w.on.Load() {
		return
	}
	next := make(chan struct{})
	close(*w.bell.Swap(&next))
	w.timer.Reset(stuckAfter)
}

// rung is closed the next time the bell rings.
func (w *watch) rung() <-chan struct{} { return *w.bell.Load() }

// goroutineID names the calling goroutine. It costs some microseconds, so it is asked only
// of those who have waited long.
func goroutineID() int64 {
	var buf [64]byte
	text := bytes.TrimPrefix(buf[:runtime.Stack(buf[:], false)], []byte("goroutine "))
	if end := bytes.IndexByte(text, ' '); end > 0 {
		text = text[:end]
	}
	id, _ := strconv.ParseInt(string(text), 10, 64)
	return id
}
