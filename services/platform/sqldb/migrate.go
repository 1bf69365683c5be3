package sqldb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

// Set is one owner's migrations: FS has a folder sqlite and a folder postgres with files of
// equal names (00001_name.sql). Each set counts its versions in a table of its own.
type Set struct {
	Name string
	FS   fs.FS
}

// Migrate brings the database to the newest version of every set. Several processes may
// call it at once. It never goes back: a database newer than the program is an error.
func Migrate(ctx context.Context, db *DB, sets ...Set) error {
	return db.locked(ctx, func() error {
		for _, set := range sets {
			if err := db.migrate(ctx, set); err != nil {
				return fmt.Errorf("sqldb: migrate %s: %w", set.Name, err)
			}
		}
		return nil
	})
}

func (db *DB) migrate(ctx context.Context, set Set) error {
	files, err := fs.Sub(set.FS, string(db.dialect))
	if err != nil {
		return err
	}
	dialect, pool := goose.DialectPostgres, db.pool
	if db.dialect == SQLite {
		// The writer's own connection is pinned; migrations get one beside it.
		dialect, pool = goose.DialectSQLite3, db.migrationPool()
		defer pool.Close()
	}
	p, err := goose.NewProvider(dialect, pool, files, goose.WithTableName("goose_"+set.Name), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	_, err = p.Up(ctx)
	return err
}

// locked runs f while no other process migrates this database.
func (db *DB) locked(ctx context.Context, f func() error) (err error) {
	if db.dialect == SQLite {
		unlock, err := lockFile(db.path() + ".migrate")
		if err != nil {
			return err
		}
		return errors.Join(f(), unlock())
	}
	conn, err := db.pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	const key = `hashtext('upright migrate ' || $1)`
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock("+key+")", db.schema); err != nil {
		return err
	}
	defer func() {
		_, unlockErr := conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock("+key+")", db.schema)
		err = errors.Join(err, unlockErr)
	}()
	return f()
}
