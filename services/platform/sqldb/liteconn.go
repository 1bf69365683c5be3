package sqldb

import (
	"context"
	"database/sql"
	"fmt"
)

// maxStatements bounds the prepared statements kept on a connection. A program has some
// hundred; more means that somebody builds SQL text.
const maxStatements = 1000

// liteConn is one connection to a SQLite file with its prepared statements. It is used by
// one goroutine at a time.
type liteConn struct {
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
}

func openLiteConn(ctx context.Context, pool *sql.DB) (*liteConn, error) {
	conn, err := pool.Conn(context.WithoutCancel(ctx))
	if err != nil {
		return nil, err
	}
	return &liteConn{conn: conn, stmts: make(map[string]*sql.Stmt, 64)}, nil
}

// checkDurable makes sure that a commit will survive a power cut. SQLite keeps quiet when it
// cannot have a write-ahead log, as on file systems without shared memory.
func (c *liteConn) checkDurable() error {
	var journal string
	if err := c.queryRow(bg, "PRAGMA journal_mode", nil).Scan(&journal); err != nil {
		return err
	}
	var level int
	if err := c.queryRow(bg, "PRAGMA synchronous", nil).Scan(&level); err != nil {
		return err
	}
	const full = 2
	if journal != "wal" || level < full {
		return fmt.Errorf("the file cannot be used durably here (journal_mode %s, synchronous %d; want wal, 2)", journal, level)
	}
	return nil
}

func (c *liteConn) stmt(query string) (*sql.Stmt, error) {
	if s := c.stmts[query]; s != nil {
		return s, nil
	}
	s, err := c.conn.PrepareContext(bg, query)
	if err != nil {
		return nil, err
	}
	c.stmts[query] = s
	return s, nil
}

func (c *liteConn) exec(_ context.Context, query string, args []any) (sql.Result, error) {
	s, err := c.stmt(query)
	if err != nil {
		return nil, err
	}
	return s.ExecContext(bg, args...)
}

func (c *liteConn) query(_ context.Context, query string, args []any) (*sql.Rows, error) {
	s, err := c.stmt(query)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(bg, args...)
}

func (c *liteConn) queryRow(_ context.Context, query string, args []any) *sql.Row {
	s, err := c.stmt(query)
	if err != nil {
		return failedRow(err)
	}
	return s.QueryRowContext(bg, args...)
}

// command runs a statement of our own, such as COMMIT.
func (c *liteConn) command(query string) error {
	_, err := c.exec(bg, query, nil)
	return err
}

// trim forgets the statements when there are too many. Only between transactions, when
// none of them has open rows.
func (c *liteConn) trim() {
	if len(c.stmts) <= maxStatements {
		return
	}
	for _, s := range c.stmts {
		_ = s.Close()
	}
	clear(c.stmts)
}

func (c *liteConn) close() {
	for _, s := range c.stmts {
		_ = s.Close()
	}
	_ = c.conn.Close()
}
