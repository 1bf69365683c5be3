package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver named "pgx"
)

// schemaName keeps a schema usable without quoting.
var schemaName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

// prepareSchema makes the schema, and the extension that exclusion constraints on text
// need, under a lock of its own: several services may start on one database at once.
const prepareSchema = `SELECT pg_advisory_xact_lock(7265901);
CREATE EXTENSION IF NOT EXISTS btree_gist WITH SCHEMA public;
CREATE SCHEMA IF NOT EXISTS `

func openPostgres(ctx context.Context, cfg Config) (*DB, error) {
	if cfg.Schema == "" {
		cfg.Schema = "public"
	}
	if !schemaName.MatchString(cfg.Schema) {
		return nil, fmt.Errorf("sqldb: %q is no schema name: want lower-case letters, digits and underscores", cfg.Schema)
	}
	address, err := withQuery(cfg.URL, map[string]string{"search_path": cfg.Schema + ",public", "synchronous_commit": "on", "timezone": "UTC"})
	if err != nil {
		return nil, err
	}
	pool, err := sql.Open("pgx", address)
	if err != nil {
		return nil, errors.New("sqldb: the PostgreSQL address cannot be read")
	}
	pool.SetMaxOpenConns(cfg.MaxConns)
	pool.SetMaxIdleConns(cfg.MaxConns)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	db := &DB{dialect: Postgres, clock: cfg.Clock, pool: pool, url: cfg.URL, schema: cfg.Schema}
	if err := db.prepareSchema(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("sqldb: prepare schema %s: %w", cfg.Schema, err), pool.Close())
	}
	return db, nil
}

func (db *DB) prepareSchema(ctx context.Context) error {
	tx, err := db.pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	if _, err := tx.ExecContext(ctx, prepareSchema+db.schema); err != nil {
		return err
	}
	return tx.Commit()
}

// writePostgres runs f in a READ COMMITTED transaction, again after a deadlock or the like.
func (db *DB) writePostgres(ctx context.Context, f func(tx *Tx) error) error {
	for try := 1; ; try++ {
		tx, err := db.once(ctx, f)
		if err == nil {
			tx.committed()
			return nil
		}
		if !Retryable(err) || try == maxTries {
			return err
		}
		wait := time.NewTimer(time.Duration(rand.Int64N(int64(try) * int64(10*time.Millisecond)))) //nolint:gosec // jitter, not a secret
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return errors.Join(ctx.Err(), err)
		}
	}
}

// once runs f one time. The deferred rollback also ends a transaction whose f panicked.
func (db *DB) once(ctx context.Context, f func(tx *Tx) error) (*Tx, error) {
	std, err := db.pool.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return nil, err
	}
	defer std.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	tx := &Tx{db: db, ctx: context.WithValue(ctx, insideKey{}, true), now: db.clock.Now(), run: poolRunner{db, std}}
	if err := f(tx); err != nil {
		return nil, err
	}
	return tx, std.Commit()
}
