package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/stdlib"
)

const (
	// maxTries bounds how often a write is run on PostgreSQL.
	maxTries = 10
	// maxPause bounds the jittered pause between two tries; the first is up to 2 ms.
	maxPause = 100 * time.Millisecond
	// commitGrace is how long a transaction may outlive its caller, for the commit.
	commitGrace = 10 * time.Second
	// transactionLimit bounds a transaction whose caller has no deadline.
	transactionLimit = 5 * time.Minute
)

// schemaName keeps a schema usable without quoting.
var schemaName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

func openPostgres(ctx context.Context, cfg Config) (*DB, error) {
	if cfg.Schema == "" {
		cfg.Schema = "public"
	}
	if !schemaName.MatchString(cfg.Schema) {
		return nil, fmt.Errorf("sqldb: %q is no schema name: want lower-case letters, digits and underscores", cfg.Schema)
	}
	if cfg.MaxConns == 0 {
		cfg.MaxConns = 16
	}
	address, err := postgresAddress(cfg)
	if err != nil {
		return nil, err
	}
	pool := stdlib.OpenDB(*address)
	pool.SetMaxOpenConns(cfg.MaxConns)
	pool.SetMaxIdleConns(cfg.MaxConns)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	db := &DB{dialect: Postgres, clock: cfg.Clock, log: cfg.Log, pool: pool, url: cfg.URL, schema: cfg.Schema}
	if err := db.prepare(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("sqldb: open PostgreSQL schema %s: %w", cfg.Schema, infrastructure(err)), pool.Close())
	}
	return db, nil
}

func postgresAddress(cfg Config) (*pgx.ConnConfig, error) {
	address, err := pgx.ParseConfig(cfg.URL)
	if err != nil {
		// pgx repeats the address, without its password; say no more than needed.
		return nil, errors.New("sqldb: the PostgreSQL address cannot be read")
	}
	for name, value := range map[string]string{
		"search_path": cfg.Schema + ",public", "synchronous_commit": "on", "timezone": "UTC",
		// A lock that takes longer is given up and the write run again, until its deadline.
		"lock_timeout": "5s",
		// What a process that died with its machine holds is let go of.
		"idle_in_transaction_session_timeout": "60s",
	} {
		address.RuntimeParams[name] = value
	}
	if _, named := address.RuntimeParams["application_name"]; !named {
		address.RuntimeParams["application_name"] = "upright " + cfg.Schema
	}
	// The end of a context cancels the statement and keeps the connection, instead of
	// throwing the connection away while the statement goes on.
	address.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: 2 * time.Second}
	}
	return address, nil
}

// prepare makes the schema, and the extension that exclusion constraints on text need. Both
// can fail when two do it at once, hence the lock. A user who may not make the extension
// goes on without: a migration that needs it will say so.
func (db *DB) prepare(ctx context.Context) error {
	var schema, extension bool
	var collation string
	err := db.pool.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1),
		EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'btree_gist'),
		(SELECT datcollate FROM pg_database WHERE datname = current_database())`, db.schema).Scan(&schema, &extension, &collation)
	if err != nil {
		return err
	}
	switch collation {
	case "C", "POSIX", "C.UTF-8", "C.utf8":
	default:
		db.log.LogAttrs(ctx, slog.LevelWarn, "the database sorts text by the rules of a language; see the package comment of sqldb",
			slog.String("collation", collation))
	}
	if !extension {
		if err := db.locked(ctx, `CREATE EXTENSION IF NOT EXISTS btree_gist WITH SCHEMA public`); err != nil {
			if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || pg.Code != "42501" {
				return err
			}
			db.warn("the extension btree_gist is missing and may not be made", err)
		}
	}
	if !schema {
		return db.locked(ctx, `CREATE SCHEMA IF NOT EXISTS `+db.schema)
	}
	return nil
}

// locked runs one statement while no other program of ours changes the database's shape.
func (db *DB) locked(ctx context.Context, statement string) error {
	tx, err := db.pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	if err := advisoryLock(ctx, tx, "prepare"); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, statement); err != nil {
		return err
	}
	return tx.Commit()
}

// advisoryLock waits, as long as ctx lasts, for a lock that goes with the transaction.
func advisoryLock(ctx context.Context, tx *sql.Tx, what string) error {
	if _, err := tx.ExecContext(ctx, `SET LOCAL lock_timeout = 0`); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, "upright "+what)
	return err
}

// writePostgres runs f in a READ COMMITTED transaction, again after a deadlock or the like.
func (db *DB) writePostgres(ctx context.Context, f func(tx *Tx) error) error {
	defer db.stats.writes.Add(1)
	pause := 2 * time.Millisecond
	for try := 1; ; try++ {
		tx, err := db.onceWrite(ctx, f)
		if err == nil {
			db.stats.commits.Add(1)
			tx.committed()
			return nil
		}
		again := Retryable(err) || tx != nil && tx.retryable(err)
		if !again || try == maxTries || errors.Is(err, errOutcomeUnknown) {
			return err
		}
		timer := time.NewTimer(rand.N(pause))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
		pause = min(2*pause, maxPause)
		db.stats.reruns.Add(1)
	}
}

// readPostgres runs f in a read-only REPEATABLE READ transaction, one snapshot for all of it.
func (db *DB) readPostgres(ctx context.Context, f func(tx *Tx) error) error {
	conn, err := db.pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // gives it back to the pool
	life, cancel := lifetime(ctx)
	defer cancel()
	_, options := Postgres.begin(true)
	std, err := conn.BeginTx(life, options)
	if err != nil {
		return lost(ctx, conn, err)
	}
	defer std.Rollback() //nolint:errcheck // it has read: there is nothing to keep
	if err := runIn(&Tx{db: db, caller: ctx, now: db.clock.Now(), run: pgSession{std}}, f); err != nil {
		return lost(ctx, conn, err)
	}
	return nil
}

// readOnePostgres runs f, whose one query is a transaction of its own.
func (db *DB) readOnePostgres(ctx context.Context, f func(tx *Tx) error) error {
	conn, err := db.pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // gives it back to the pool
	if err := runIn(&Tx{db: db, caller: ctx, now: db.clock.Now(), run: pgSession{conn}, single: true}, f); err != nil {
		return lost(ctx, conn, err)
	}
	return nil
}

// onceWrite runs f one time. The caller's ctx ends the wait for a connection and every
// statement; the transaction itself lives a little longer, so that a commit is not cut off
// in the middle, whose outcome nobody would know.
func (db *DB) onceWrite(ctx context.Context, f func(tx *Tx) error) (tx *Tx, err error) {
	conn, err := db.pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close() //nolint:errcheck // gives it back to the pool
	life, cancel := lifetime(ctx)
	defer cancel()
	run := &pgWrite{pgSession: pgSession{conn}, conn: conn}
	defer run.rollback(life)
	tx = &Tx{db: db, caller: ctx, now: db.clock.Now(), run: run}
	defer func() {
		if run.cause != nil { // what was made of it must not hide that another run may help
			tx.failed = run.cause
		}
	}()
	if err := runIn(tx, f); err != nil {
		return tx, lost(ctx, conn, err)
	}
	if err := run.commit(life); err != nil {
		if err = lost(ctx, conn, err); errors.Is(err, errLost) {
			err = fmt.Errorf("%w: %w", errOutcomeUnknown, err)
		}
		return tx, err
	}
	return tx, nil
}

// lifetime gives the context that a transaction of a caller with ctx lives in.
func lifetime(ctx context.Context) (context.Context, context.CancelFunc) {
	life := context.WithoutCancel(ctx)
	if deadline, ok := ctx.Deadline(); ok {
		return context.WithDeadline(life, deadline.Add(commitGrace))
	}
	return context.WithTimeout(life, transactionLimit)
}

// lost marks err as the consequence of a broken connection, or of the caller's ctx, if it is.
func lost(ctx context.Context, conn *sql.Conn, err error) error {
	broken := false
	rawErr := conn.Raw(func(driver any) error {
		c, ok := driver.(*stdlib.Conn)
		broken = ok && c.Conn().IsClosed()
		return nil
	})
	if pg, told := errors.AsType[*pgconn.PgError](err); told {
		if pg.Code == "57014" && ctx.Err() != nil { // the statement was cancelled, by us
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
		return err // the server said why
	}
	if broken || rawErr != nil {
		return fmt.Errorf("%w: %w", errLost, err)
	}
	return err
}

// pgSession runs statements on a PostgreSQL transaction, or on a connection without one.
// pgx prepares them once a connection and keeps them by their text.
type pgSession struct{ on pgRunner }

// pgRunner is what *sql.Tx and *sql.Conn have in common.
type pgRunner interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func (s pgSession) exec(ctx context.Context, query string, args []any) (sql.Result, error) {
	return s.on.ExecContext(ctx, query, args...)
}

func (s pgSession) query(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	return s.on.QueryContext(ctx, query, args...)
}

func (s pgSession) queryRow(ctx context.Context, query string, args []any) *sql.Row {
	return s.on.QueryRowContext(ctx, query, args...)
}
