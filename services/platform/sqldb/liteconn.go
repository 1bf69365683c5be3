package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// maxStatements bounds the prepared statements kept on a connection. A program has some
// hundred; more means that somebody builds SQL text.
const maxStatements = 1000

// liteConn is one connection to a SQLite file with its prepared statements. It is used by
// one goroutine at a time.
//
// Statements without rows go to the driver directly: what database/sql does around them,
// locks and retries, is for connections that are shared, and a booking has ten of them.
type liteConn struct {
	conn   *sql.Conn
	raw    driver.ConnPrepareContext // conn's own
	stmts  map[string]*liteStmt
	values []driver.NamedValue // of the statement under way
}

// liteStmt is a statement, prepared when it is first used in either way, and the arguments
// that it takes in the order in which the driver wants them; nil when that is the caller's.
type liteStmt struct {
	text  string
	order []int
	rows  *sql.Stmt
	plain driver.StmtExecContext
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
	c := &liteConn{conn: conn, stmts: make(map[string]*liteStmt, 64)}
	err = conn.Raw(func(raw any) (err error) {
		var ok bool
		if c.raw, ok = raw.(driver.ConnPrepareContext); !ok {
			err = fmt.Errorf("sqldb: a %T prepares no statements", raw)
		}
		return err
	})
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return c, nil
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

func (c *liteConn) stmt(query string) *liteStmt {
	s := c.stmts[query]
	if s == nil {
		s = &liteStmt{}
		s.text, s.order = positional(query)
		c.stmts[query] = s
	}
	return s
}

// forRows is the statement as database/sql has it, whose rows callers scan.
func (c *liteConn) forRows(query string, args []any) (*sql.Stmt, []any, error) {
	s := c.stmt(query)
	if s.rows == nil {
		prepared, err := c.conn.PrepareContext(bg, s.text)
		if err != nil {
			return nil, nil, err
		}
		s.rows = prepared
	}
	args, err := s.arrange(args)
	return s.rows, args, err
}

// direct is the statement as the driver has it.
func (c *liteConn) direct(query string) (*liteStmt, error) {
	s := c.stmt(query)
	if s.plain != nil {
		return s, nil
	}
	prepared, err := c.raw.PrepareContext(bg, s.text)
	if err != nil {
		return nil, err
	}
	var ok bool
	if s.plain, ok = prepared.(driver.StmtExecContext); !ok {
		return nil, fmt.Errorf("sqldb: a %T runs no statements", prepared)
	}
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
	s, err := c.direct(query)
	if err != nil {
		return nil, err
	}
	if args, err = s.arrange(args); err != nil {
		return nil, err
	}
	c.values = c.values[:0]
	for i, arg := range args {
		v := arg
		switch arg.(type) {
		case string, int64, bool, []byte: // most are what the driver takes
		default:
			if v, err = driver.DefaultParameterConverter.ConvertValue(arg); err != nil {
				return nil, fmt.Errorf("sqldb: argument %d: %w", i+1, err)
			}
		}
		c.values = append(c.values, driver.NamedValue{Ordinal: i + 1, Value: v})
	}
	result, err := s.plain.ExecContext(bg, c.values)
	clear(c.values) // nothing of a patient stays behind
	return result, err
}

func (c *liteConn) query(_ context.Context, query string, args []any) (*sql.Rows, error) {
	s, args, err := c.forRows(query, args)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(bg, args...)
}

func (c *liteConn) queryRow(_ context.Context, query string, args []any) *sql.Row {
	s, args, err := c.forRows(query, args)
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
	c.forget()
}

// forget closes every statement.
func (c *liteConn) forget() {
	for _, s := range c.stmts {
		if s.rows != nil {
			_ = s.rows.Close()
		}
		if closer, ok := s.plain.(io.Closer); ok {
			_ = closer.Close()
		}
	}
	clear(c.stmts)
}

func (c *liteConn) close() {
	c.forget()
	_ = c.conn.Close()
}
