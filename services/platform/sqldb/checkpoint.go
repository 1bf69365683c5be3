package sqldb

import (
	"database/sql"
	"sync/atomic"
)

const (
	// checkpointEvery is how many commits go by before the log is looked at.
	checkpointEvery = 64
	// longLog is how many pages (4 KiB each) the log may have before the writer helps. A
	// log can only start over in a moment in which all of it is in the file, and under a
	// steady load only the writer can make such a moment.
	longLog = 8192
)

// checkpointer moves committed pages from the write-ahead log into the file, on a
// connection of its own, so that no write waits for it.
type checkpointer struct {
	db      *DB
	pool    *sql.DB
	wake    chan struct{}
	stopped chan struct{}
	commits int // since the last wake; the writer's
	// help asks the writer for a checkpoint between two groups. What is left to move by
	// then is little.
	help atomic.Bool
}

func newCheckpointer(db *DB, pool *sql.DB) *checkpointer {
	c := &checkpointer{db: db, pool: pool, wake: make(chan struct{}, 1), stopped: make(chan struct{})}
	go c.run()
	return c
}

// committed counts a commit. Called by the writer only.
func (c *checkpointer) committed() {
	if c.commits++; c.commits < checkpointEvery {
		return
	}
	c.commits = 0
	select {
	case c.wake <- struct{}{}:
	default: // it is busy with the last one
	}
}

func (c *checkpointer) run() {
	defer close(c.stopped)
	var conn *liteConn
	for range c.wake {
		var err error
		if conn == nil {
			conn, err = openLiteConn(bg, c.pool)
		}
		var pages int
		if err == nil {
			pages, err = checkpoint(conn)
		}
		if err != nil {
			c.db.warn("checkpoint failed", err)
		}
		if pages > longLog {
			c.help.Store(true)
		}
	}
	if conn != nil {
		conn.close()
	}
}

// assist is the writer's part, between two groups: when the log has become long, it moves
// what is left to move, again after each group until the log has started over. The next write
// does that when all of it is in the file and no reader is in it any more.
func (c *checkpointer) assist(conn *liteConn) {
	if !c.help.Load() {
		return
	}
	pages, err := checkpoint(conn)
	if err != nil {
		c.db.warn("checkpoint failed", err)
	}
	if err != nil || pages >= 0 && pages <= longLog {
		c.help.Store(false)
	}
}

// checkpoint moves what no reader still needs in the log and waits for nobody. It tells how
// many pages the log has, -1 when another checkpoint is under way.
func checkpoint(conn *liteConn) (pages int, err error) {
	var busy, moved int
	err = conn.queryRow(bg, "PRAGMA wal_checkpoint(PASSIVE)", nil).Scan(&busy, &pages, &moved)
	return pages, err
}

func (c *checkpointer) close() {
	close(c.wake)
	<-c.stopped
}
