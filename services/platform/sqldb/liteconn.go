package sqldb

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxStatements bounds the prepared statements kept on a connection. A program has some
// hundred; more means that somebody builds SQL text.
const maxStatements = 1000

// liteConn is one connection to a SQLite file with its prepared statements. It is used by
// one goroutine at a time.
type liteConn struct {
	conn  *sql.Conn
	stmts map[string]*liteStmt
}

// liteStmt is a prepared statement and the arguments that it takes, in the order in which
// the driver wants them; nil when that is the caller's own.
type liteStmt struct {
	*sql.Stmt
	order []int
}

// arrange puts the caller's arguments into the statement's order. It fails when there are
// fewer or more of them than the statement names.
func (s *liteStmt) arrange(args []any) ([]any, error) {
	if s.order == nil {
		return args, nil // database/sql counts these
	}
	if want := slices.Max(s.order) + 1; len(args) != want {
		return nil, fmt.Errorf("sqldb: expected %d arguments, got %d", want, len(args))
	}
	list := make([]any, len(s.order))
	for i, n := range s.order {
		list[i] = args[n]
	}
	return list, nil
}

func openLiteConn(ctx context.Context, pool *sql.DB) (*liteConn, error) {
	conn, err := pool.Conn(context.WithoutCancel(ctx))
	if err != nil {
		return nil, err
	}
	return &liteConn{conn: conn, stmts: make(map[string]*liteStmt, 64)}, nil
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

func (c *liteConn) stmt(query string) (*liteStmt, error) {
	if s := c.stmts[query]; s != nil {
		return s, nil
	}
	text, order := positional(query)
	prepared, err := c.conn.PrepareContext(bg, text)
	if err != nil {
		return nil, err
	}
	s := &liteStmt{Stmt: prepared, order: order}
	c.stmts[query] = s
	return s, nil
}

// positional replaces $1, $2 by question marks and tells which argument each one takes, or
// nil when they come in order, each once. The driver asks SQLite for the name of every named
// parameter at every execution, which costs more than binding a number; a question mark has
// no name. Quoted text and comments stay as they are.
func positional(query string) (text string, order []int) {
	var b strings.Builder
	inOrder := true
	for i := 0; i < len(query); {
		n := skipQuoted(query[i:])
		if n == 0 && query[i] == '$' {
			digits := i + 1
			for digits < len(query) && query[digits] >= '0' && query[digits] <= '9' {
				digits++
			}
			if number, err := strconv.Atoi(query[i+1 : digits]); err == nil && number > 0 {
				inOrder = inOrder && number == len(order)+1
				order = append(order, number-1)
				b.WriteByte('?')
				i = digits
				continue
			}
		}
		n = max(n, 1)
		b.WriteString(query[i : i+n])
		i += n
	}
	if inOrder {
		order = nil
	}
	return b.String(), order
}

// skipQuoted is the length of the quoted text or comment that s begins with; 0 when it
// begins with neither.
func skipQuoted(s string) int {
	end := func(from int, mark string) int {
		if i := strings.Index(s[from:], mark); i >= 0 {
			return from + i + len(mark)
		}
		return len(s)
	}
	switch {
	case s[0] == '\'' || s[0] == '"' || s[0] == '`':
		return end(1, s[:1]) // a doubled quote ends one text and begins the next
	case strings.HasPrefix(s, "--"):
		return end(2, "\n")
	case strings.HasPrefix(s, "/*"):
		return end(2, "*/")
	}
	return 0
}

func (c *liteConn) exec(_ context.Context, query string, args []any) (sql.Result, error) {
	s, err := c.stmt(query)
	if err != nil {
		return nil, err
	}
	if args, err = s.arrange(args); err != nil {
		return nil, err
	}
	return s.ExecContext(bg, args...)
}

func (c *liteConn) query(_ context.Context, query string, args []any) (*sql.Rows, error) {
	s, err := c.stmt(query)
	if err != nil {
		return nil, err
	}
	if args, err = s.arrange(args); err != nil {
		return nil, err
	}
	return s.QueryContext(bg, args...)
}

func (c *liteConn) queryRow(_ context.Context, query string, args []any) *sql.Row {
	s, err := c.stmt(query)
	if err != nil {
		return failedRow(err)
	}
	if args, err = s.arrange(args); err != nil {
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
