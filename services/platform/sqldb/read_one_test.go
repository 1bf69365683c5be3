package sqldb_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/upright-clinic/upright/services/platform/sqldb"
)

func countOne(ctx context.Context, db *sqldb.DB) (n int, err error) {
	err = db.ReadOne(ctx, func(tx *sqldb.Tx) error { return tx.QueryRow(`SELECT count(*) FROM things`).Scan(&n) })
	return n, err
}

// Whoever's write returned is seen, by as many readers at once as there are.
func TestReadOneSeesEveryWriteBeforeIt(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		for n := 1; n <= 20; n++ {
			id := string(rune('a' + n))
			if err := db.Write(t.Context(), insert(id, id)); err != nil {
				t.Fatal(err)
			}
			var all sync.WaitGroup
			for range 6 {
				all.Go(func() {
					if got, err := countOne(t.Context(), db); err != nil || got != n {
						t.Errorf("%d rows, %v; want %d", got, err, n)
					}
				})
			}
			all.Wait()
		}
	})
}

func TestReadOneMakesOneQuery(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		const one = `SELECT 1`
		for name, f := range map[string]func(tx *sqldb.Tx) error{
			"writes":            insert("1", "one"),
			"writes by a query": func(tx *sqldb.Tx) error { return tx.QueryRow(`DELETE FROM things RETURNING at`).Scan(new(int)) },
			"asks twice": func(tx *sqldb.Tx) error {
				return errors.Join(tx.QueryRow(one).Scan(new(int)), tx.QueryRow(one).Scan(new(int)))
			},
			"passes a failure over":  func(tx *sqldb.Tx) error { _ = tx.QueryRow(`SELECT none FROM things`).Scan(new(int)); return nil },
			"reads inside of itself": func(tx *sqldb.Tx) error { _, err := countOne(tx.Context(), db); return err },
		} {
			if err := db.ReadOne(t.Context(), f); err == nil {
				t.Errorf("%s: no error", name)
			}
		}
		// Neither a failure nor rows left open spoil the connections for those who follow.
		for range 40 {
			err := db.ReadOne(t.Context(), func(tx *sqldb.Tx) error {
				_, err := tx.Query(`SELECT name FROM things UNION ALL SELECT 'a' UNION ALL SELECT 'b'`) //nolint:rowserrcheck // left open on purpose
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := db.Write(t.Context(), insert("1", "one")); err != nil {
			t.Fatal(err)
		}
		if n, err := countOne(t.Context(), db); err != nil || n != 1 {
			t.Errorf("%d rows, %v", n, err)
		}
		ended, end := context.WithCancel(t.Context())
		end()
		if _, err := countOne(ended, db); !errors.Is(err, context.Canceled) {
			t.Errorf("after the end of the caller: %v", err)
		}
	})
}

// BenchmarkRead puts one query inside a transaction beside the same without one.
func BenchmarkRead(b *testing.B) {
	db, err := sqldb.Open(b.Context(), sqldb.Config{URL: "sqlite:" + b.TempDir() + "/bench.db"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	for name, read := range map[string]func(context.Context, func(*sqldb.Tx) error) error{"Read": db.Read, "ReadOne": db.ReadOne} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := read(b.Context(), func(tx *sqldb.Tx) error { return tx.QueryRow(`SELECT 1`).Scan(new(int)) }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
