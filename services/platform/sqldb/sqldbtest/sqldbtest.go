// Package sqldbtest gives each test databases of its own, of both kinds. PostgreSQL is the
// one at UPRIGHT_TEST_POSTGRES, which `make test` sets; a test that finds none fails.
package sqldbtest

import (
	"context"
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/upright-clinic/upright/services/platform/clock"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Variable is the environment variable with the address of a PostgreSQL server whose user
// may make schemas and extensions.
const Variable = "UPRIGHT_TEST_POSTGRES"

// Each runs f on a migrated SQLite database and on a migrated PostgreSQL schema, as
// parallel subtests named "sqlite" and "postgres".
func Each(t *testing.T, sets []sqldb.Set, f func(t *testing.T, db *sqldb.DB)) {
	t.Helper()
	EachURL(t, func(t *testing.T, url, schema string) {
		f(t, OpenURL(t, sqldb.Config{URL: url, Schema: schema}, sets...))
	})
}

// EachURL runs f with the address of an empty database of each kind. What is at the address
// goes away when the subtest ends.
func EachURL(t *testing.T, f func(t *testing.T, address, schema string)) {
	t.Helper()
	for _, dialect := range []sqldb.Dialect{sqldb.SQLite, sqldb.Postgres} {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			url, schema := Address(t, dialect)
			f(t, url, schema)
		})
	}
}

// Open gives one migrated database of the dialect, gone when the test ends.
func Open(t testing.TB, dialect sqldb.Dialect, sets ...sqldb.Set) *sqldb.DB {
	t.Helper()
	url, schema := Address(t, dialect)
	return OpenURL(t, sqldb.Config{URL: url, Schema: schema}, sets...)
}

// OpenAt is Open with transactions that take their instant from the clock.
func OpenAt(t testing.TB, dialect sqldb.Dialect, at clock.Clock, sets ...sqldb.Set) *sqldb.DB {
	t.Helper()
	url, schema := Address(t, dialect)
	return OpenURL(t, sqldb.Config{URL: url, Schema: schema, Clock: at}, sets...)
}

// OpenURL opens and migrates the database and closes it when the test ends.
func OpenURL(t testing.TB, cfg sqldb.Config, sets ...sqldb.Set) *sqldb.DB {
	t.Helper()
	db, err := sqldb.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close the database: %v", err)
		}
	})
	if err := sqldb.Migrate(t.Context(), db, sets...); err != nil {
		t.Fatal(err)
	}
	return db
}

// Address gives an empty database of the dialect: a file in the test's folder, or a schema
// that is dropped when the test ends.
func Address(t testing.TB, dialect sqldb.Dialect) (url, schema string) {
	t.Helper()
	if dialect == sqldb.SQLite {
		return "sqlite:" + filepath.Join(t.TempDir(), "test.db"), ""
	}
	url = os.Getenv(Variable)
	if url == "" {
		t.Fatalf("no PostgreSQL for the test: run `make test`, or set %s to the address of a server", Variable)
	}
	schema = strings.ToLower(ident.New("t"))
	t.Cleanup(func() { dropSchema(t, url, schema) })
	return url, schema
}

func dropSchema(t testing.TB, url, schema string) {
	// The test's own context is over by now.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Error(err)
		return
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, "DROP SCHEMA IF EXISTS "+schema+" CASCADE"); err != nil {
		t.Errorf("drop the test's schema: %v", err)
	}
}

// Database makes an empty PostgreSQL database beside the one at the address and gives its
// own address, for programs that make their schemas themselves. It is dropped when the test
// ends.
func Database(t testing.TB, address string) string {
	t.Helper()
	name := strings.ToLower(ident.New("d"))
	server, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := server.ExecContext(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if _, err := server.ExecContext(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
		_ = server.Close()
	})
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}
