package sqldb_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/upright-clinic/upright/services/platform/sqldb"
	"github.com/upright-clinic/upright/services/platform/sqldb/sqldbtest"
)

// things is a schema for these tests, the same text for both databases.
var things = sqldb.Set{Name: "things", FS: fstest.MapFS{
	"sqlite/00001_things.sql":   {Data: []byte(thingsSQL)},
	"postgres/00001_things.sql": {Data: []byte(thingsSQL)},
}}

const thingsSQL = `-- +goose Up
CREATE TABLE things (clinic_id text NOT NULL, thing_id text NOT NULL, name text NOT NULL, at bigint,
  PRIMARY KEY (clinic_id, thing_id), CONSTRAINT things_clinic_id_name_key UNIQUE (clinic_id, name));
CREATE UNIQUE INDEX things_lower_name ON things (clinic_id, lower(name)) WHERE at > 100 AND at < 1000;
CREATE UNIQUE INDEX things_at_key ON things (at) WHERE at < 10;
CREATE TABLE counters (counter_id text PRIMARY KEY, n bigint NOT NULL);
-- +goose Down
DROP TABLE things; DROP TABLE counters;
`

func each(t *testing.T, f func(t *testing.T, db *sqldb.DB)) {
	t.Helper()
	sqldbtest.Each(t, []sqldb.Set{things}, f)
}

func insert(id, name string) func(tx *sqldb.Tx) error {
	return func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`INSERT INTO things (clinic_id, thing_id, name, at) VALUES ($1, $2, $3, $4)`, "c", id, name, sqldb.Micros(tx.Now()))
		return err
	}
}

func count(t *testing.T, db *sqldb.DB) (n int) {
	t.Helper()
	err := db.Read(t.Context(), func(tx *sqldb.Tx) error { return tx.QueryRow(`SELECT count(*) FROM things`).Scan(&n) })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestSameMigrations(t *testing.T) {
	t.Parallel()
	sqldbtest.SameMigrations(t, things)
}

func TestUniqueNamesTheConstraintAlike(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		insertAt := func(id, name string, at int64) error {
			return db.Write(t.Context(), func(tx *sqldb.Tx) error {
				_, err := tx.Exec(`INSERT INTO things (clinic_id, thing_id, name, at) VALUES ($1, $2, $3, $4)`, "c", id, name, at)
				return err
			})
		}
		for _, c := range []struct {
			id, name string
			at       int64
			want     string
		}{
			{"1", "one", 101, ""},
			{"1", "two", 99, "things_pkey"},
			{"2", "one", 99, "things_clinic_id_name_key"},
			{"3", "three", 2, ""},
			{"4", "four", 2, "things_at_key"},
			{"5", "ONE", 102, "things_lower_name"},
		} {
			err := insertAt(c.id, c.name, c.at)
			got, ok := sqldb.Unique(err)
			if ok != (c.want != "") || got != c.want {
				t.Errorf("%s %s at %d: Unique = %q, %v; want %q (%v)", c.id, c.name, c.at, got, ok, c.want, err)
			}
		}
		if _, ok := sqldb.Unique(errors.New("things_pkey")); ok {
			t.Error("any error with the name in it is taken for a violation")
		}
	})
}

func TestErrorLeavesNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		no := errors.New("no")
		committed := false
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			tx.OnCommit(func() { committed = true })
			return errors.Join(insert("1", "one")(tx), no)
		})
		if !errors.Is(err, no) || count(t, db) != 0 || committed {
			t.Errorf("err %v, rows %d, OnCommit ran %v", err, count(t, db), committed)
		}
	})
}

func TestPanicRollsBackAndReachesTheCaller(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		func() {
			defer func() {
				if recover() != "boom" {
					t.Error("the panic did not reach the caller")
				}
			}()
			_ = db.Write(t.Context(), func(tx *sqldb.Tx) error {
				_ = insert("1", "one")(tx)
				panic("boom")
			})
		}()
		if err := db.Write(t.Context(), insert("2", "two")); err != nil || count(t, db) != 1 {
			t.Errorf("after a panic: %v, %d rows", err, count(t, db))
		}
	})
}

func TestNestedWriteFails(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error { return db.Write(tx.Context(), insert("1", "one")) })
		if !errors.Is(err, sqldb.ErrNested) {
			t.Errorf("nested Write with the transaction's context: %v", err)
		}
		if db.Dialect() == sqldb.Postgres {
			return // a second connection: no deadlock to notice
		}
		err = db.Write(t.Context(), func(*sqldb.Tx) error { return db.Write(t.Context(), insert("1", "one")) })
		if !errors.Is(err, sqldb.ErrNested) {
			t.Errorf("nested Write with an outer context: %v", err)
		}
	})
}

func TestReadCannotWriteAndSeesOneSnapshot(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		if err := db.Read(t.Context(), insert("1", "one")); err == nil {
			t.Error("a read wrote")
		}
		err := db.Read(t.Context(), func(tx *sqldb.Tx) error {
			var before, after int
			if err := tx.QueryRow(`SELECT count(*) FROM things`).Scan(&before); err != nil {
				return err
			}
			if err := db.Write(t.Context(), insert("1", "one")); err != nil {
				return err
			}
			if err := tx.QueryRow(`SELECT count(*) FROM things`).Scan(&after); err != nil {
				return err
			}
			if before != after {
				t.Errorf("a snapshot moved from %d to %d rows", before, after)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestPlaceholdersGoByNumber(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		var a, b string
		err := db.Read(t.Context(), func(tx *sqldb.Tx) error {
			return tx.QueryRow(`SELECT cast($2 as text), cast($1 as text)`, "one", "two").Scan(&a, &b)
		})
		if err != nil || a != "two" || b != "one" {
			t.Errorf("got %q, %q, %v", a, b, err)
		}
	})
}

// Text sorts and compares by its bytes on both, and case tells names apart.
func TestTextOrderAndCase(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		for i, name := range []string{"b", "A", "a", "B", "é", "Z", "_"} {
			if err := db.Write(t.Context(), insert(fmt.Sprint(i), name)); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		err := db.Read(t.Context(), func(tx *sqldb.Tx) error {
			rows, err := tx.Query(`SELECT name FROM things ORDER BY name`)
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
				var s string
				if err := rows.Scan(&s); err != nil {
					return err
				}
				got = append(got, s)
			}
			return rows.Err()
		})
		if want := []string{"A", "B", "Z", "_", "a", "b", "é"}; err != nil || !slices.Equal(got, want) {
			t.Errorf("order %q, want %q (%v)", got, want, err)
		}
	})
}

// What is easily forgotten to be different: LIKE tells case apart, booleans scan, NULL is
// no value, integer division cuts off, and || joins text.
func TestExpressionsMeanTheSame(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		var like, isNull bool
		var seven int
		var text string
		var none sql.NullString
		err := db.Read(t.Context(), func(tx *sqldb.Tx) error {
			return tx.QueryRow(`SELECT 'Anna' LIKE 'a%', cast(NULL as text) IS NULL, cast($1 as bigint) / 2, cast($2 as text) || 'b', cast(NULL as text)`,
				int64(15), "a").Scan(&like, &isNull, &seven, &text, &none)
		})
		if err != nil || like || !isNull || seven != 7 || text != "ab" || none.Valid {
			t.Errorf("LIKE %v, IS NULL %v, 15/2 = %d, %q, %v (%v)", like, isNull, seven, text, none, err)
		}
	})
}

func TestInstantsKeepTheirMicroseconds(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		var wrote time.Time
		var stored int64
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			wrote = tx.Now()
			return insert("1", "one")(tx)
		})
		if err == nil {
			err = db.Read(t.Context(), func(tx *sqldb.Tx) error { return tx.QueryRow(`SELECT at FROM things`).Scan(&stored) })
		}
		if err != nil || !sqldb.Time(stored).Equal(wrote) || sqldb.Time(stored).Location() != time.UTC {
			t.Errorf("wrote %v, read %v (%v)", wrote, sqldb.Time(stored), err)
		}
	})
}

// Two rows locked in opposite orders by many writers: on PostgreSQL real deadlocks, and
// none of them reaches a caller.
func TestDeadlocksAreRunAgain(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		add := func(tx *sqldb.Tx, id string) error {
			_, err := tx.Exec(`UPDATE counters SET n = n + 1 WHERE counter_id = $1`, id)
			return err
		}
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.Exec(`INSERT INTO counters (counter_id, n) VALUES ('a', 0), ('b', 0)`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		const writers = 6
		var runs atomic.Int64
		var wg sync.WaitGroup
		for i := range writers {
			wg.Go(func() {
				first, second := "a", "b"
				if i%2 == 1 {
					first, second = second, first
				}
				err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
					runs.Add(1)
					return errors.Join(add(tx, first), add(tx, second))
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		var a, b int
		err = db.Read(t.Context(), func(tx *sqldb.Tx) error {
			return tx.QueryRow(`SELECT (SELECT n FROM counters WHERE counter_id = 'a'), (SELECT n FROM counters WHERE counter_id = 'b')`).Scan(&a, &b)
		})
		if err != nil || a != writers || b != writers {
			t.Errorf("a = %d, b = %d, want %d each (%v)", a, b, writers, err)
		}
	})
}

func TestGivenUpBeforeItRan(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := db.Write(ctx, insert("1", "one")); !errors.Is(err, context.Canceled) || count(t, db) != 0 {
			t.Errorf("a write that was given up: %v, %d rows", err, count(t, db))
		}
	})
}

func TestAddressesThatCannotWork(t *testing.T) {
	t.Parallel()
	for _, cfg := range []sqldb.Config{
		{URL: ""},
		{URL: "mysql://x"},
		{URL: "postgres://127.0.0.1:1/none?connect_timeout=1"},
		{URL: "postgres://127.0.0.1:1/none", Schema: `x"; DROP`},
	} {
		if db, err := sqldb.Open(t.Context(), cfg); err == nil {
			t.Errorf("%q opened", cfg.URL)
			_ = db.Close()
		}
	}
}
