package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
)

// Set is one owner's migrations: FS has a folder sqlite and a folder postgres with files of
// equal names (00001_name.sql). Each set counts its versions in a table of its own. A
// migration that says NO TRANSACTION cannot be: see Migrate.
type Set struct {
	Name string
	FS   fs.FS
}

// Migrate brings the database to the newest version of every set, in one transaction: all
// of it is there afterwards, or nothing new. Several processes may call it at once; they
// take turns. It never goes back: a database that has a migration which the program does
// not know is an error.
func Migrate(ctx context.Context, db *DB, sets ...Set) error {
	outer, err := db.beginMigration(ctx)
	if err != nil {
		return fmt.Errorf("sqldb: migrate: %w", infrastructure(err))
	}
	for _, set := range sets {
		if err := migrate(ctx, db.dialect, outer.pool, set); err != nil {
			return errors.Join(fmt.Errorf("sqldb: migrate %s: %w", set.Name, infrastructure(err)), outer.end("ROLLBACK"))
		}
	}
	if err := outer.end("COMMIT"); err != nil {
		return fmt.Errorf("sqldb: migrate: %w", infrastructure(err))
	}
	return nil
}

func migrate(ctx context.Context, dialect Dialect, pool *sql.DB, set Set) error {
	files, err := fs.Sub(set.FS, string(dialect))
	if err != nil {
		return err
	}
	kind := goose.DialectPostgres
	if dialect == SQLite {
		kind = goose.DialectSQLite3
	}
	provider, err := goose.NewProvider(kind, pool, files,
		goose.WithTableName("goose_"+set.Name), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	applied, target, err := provider.GetVersions(ctx)
	if err != nil {
		return err
	}
	if applied > target {
		return fmt.Errorf("the database is at version %d and this program knows only %d: use a newer program", applied, target)
	}
	if applied == target {
		return nil
	}
	_, err = provider.Up(ctx)
	return err
}

// migration is the one transaction that all sets are migrated in. Its pool has that one
// connection, on which the transactions that goose opens are savepoints.
type migration struct {
	pool *sql.DB
	conn *singleConn
}

func (db *DB) beginMigration(ctx context.Context) (*migration, error) {
	conn, err := db.migrationConn(ctx)
	if err != nil {
		return nil, err
	}
	m := &migration{conn: &singleConn{Conn: conn}}
	m.pool = sql.OpenDB(m.conn)
	m.pool.SetMaxOpenConns(1)
	begin := []string{"BEGIN IMMEDIATE"}
	if db.dialect == Postgres {
		begin = []string{
			"BEGIN", "SET LOCAL lock_timeout = 0",
			"SELECT pg_advisory_xact_lock(hashtextextended('upright migrate ' || current_database() || '." + db.schema + "', 0))",
		}
	}
	for _, statement := range begin {
		if err := m.conn.command(ctx, statement); err != nil {
			return nil, errors.Join(err, m.close())
		}
	}
	return m, nil
}

// migrationConn opens a connection of its own: the pool's are pinned by others or have
// settings that a migration does without.
func (db *DB) migrationConn(ctx context.Context) (driver.Conn, error) {
	if db.dialect == SQLite {
		connector, err := sqlite.NewConnector(db.lite.address)
		if err != nil {
			return nil, err
		}
		return connector.Connect(ctx)
	}
	address, err := postgresAddress(Config{URL: db.url, Schema: db.schema})
	if err != nil {
		return nil, err
	}
	return stdlib.GetConnector(*address).Connect(ctx)
}

func (m *migration) end(statement string) error {
	return errors.Join(m.conn.command(context.Background(), statement), m.close())
}

func (m *migration) close() error { return errors.Join(m.pool.Close(), m.conn.Conn.Close()) }

// singleConn is a connector that always gives the same connection, and that connection,
// inside a transaction that others begin and end: a transaction opened through it is a
// savepoint.
type singleConn struct {
	driver.Conn
}

func (c *singleConn) Connect(context.Context) (driver.Conn, error) { return c, nil }
func (c *singleConn) Driver() driver.Driver                        { return nil }

// Close leaves the connection open for its owner.
func (c *singleConn) Close() error { return nil }

func (c *singleConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
}

func (c *singleConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
}

func (c *singleConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	return c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, query)
}

// BeginTx sets a savepoint.
func (c *singleConn) BeginTx(ctx context.Context, _ driver.TxOptions) (driver.Tx, error) {
	if err := c.command(ctx, "SAVEPOINT migration"); err != nil {
		return nil, err
	}
	return savepoint{c}, nil
}

func (c *singleConn) command(ctx context.Context, statement string) error {
	_, err := c.ExecContext(ctx, statement, nil)
	return err
}

// savepoint is a driver's transaction inside another.
type savepoint struct{ conn *singleConn }

func (s savepoint) Commit() error {
	return s.conn.command(context.Background(), "RELEASE SAVEPOINT migration")
}

func (s savepoint) Rollback() error {
	if err := s.conn.command(context.Background(), "ROLLBACK TO SAVEPOINT migration"); err != nil {
		return err
	}
	return s.Commit()
}
