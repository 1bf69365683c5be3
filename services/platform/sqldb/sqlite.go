package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	_ "modernc.org/sqlite" // the driver named "sqlite"
)

// pragmas are set on every connection: foreign keys are off by default, FULL is what makes
// a commit survive a power cut, and a second process may hold the lock for a moment.
const pragmas = "_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_pragma=cache_size(-8192)&_pragma=temp_store(MEMORY)"

func openSQLite(ctx context.Context, path string, cfg Config) (*DB, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("sqldb: %w", err)
	}
	db := &DB{dialect: SQLite, clock: cfg.Clock, url: cfg.URL}
	writing, err := sql.Open("sqlite", "file:"+path+"?"+pragmas)
	if err != nil {
		return nil, err
	}
	if db.writer, err = newWriter(ctx, db, writing); err != nil {
		return nil, errors.Join(fmt.Errorf("sqldb: open %s: %w", filepath.Base(path), err), writing.Close())
	}
	db.pool, err = sql.Open("sqlite", "file:"+path+"?"+pragmas+"&_pragma=query_only(1)")
	if err != nil {
		return nil, errors.Join(err, db.writer.close())
	}
	readers := min(max(4, 2*runtime.NumCPU()), cfg.MaxConns)
	db.pool.SetMaxOpenConns(readers)
	db.pool.SetMaxIdleConns(readers)
	return db, nil
}
