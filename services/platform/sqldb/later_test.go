package sqldb_test

import (
	"errors"
	"testing"

	"github.com/upright-clinic/upright/services/platform/sqldb"
	"github.com/upright-clinic/upright/services/platform/sqldb/sqldbtest"
)

var errExplained = errors.New("sqldb_test: it is there already")

func explained(err error) error {
	if _, ok := sqldb.Unique(err); ok {
		return errExplained
	}
	return err
}

// insertLater adds a counter without waiting for the answer.
func insertLater(tx *sqldb.Tx, id string) error {
	return tx.Later(`INSERT INTO counters (counter_id, n) VALUES ($1, 1)`, explained, id)
}

// value reads a counter, 0 when there is none.
func value(t *testing.T, db *sqldb.DB, id string) (n int) {
	t.Helper()
	err := db.Read(t.Context(), func(tx *sqldb.Tx) error {
		return tx.QueryRow(`SELECT coalesce(sum(n), 0) FROM counters WHERE counter_id = $1`, id).Scan(&n)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// What is to be done later is done in its place: before every statement that comes after it,
// and before the commit.
func TestLaterKeepsItsPlace(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			if err := insertLater(tx, "a"); err != nil {
				return err
			}
			n, err := tx.Exec(`UPDATE counters SET n = n + 10 WHERE counter_id = 'a'`)
			if err != nil || n != 1 {
				t.Errorf("the update after it changed %d rows: %v", n, err)
			}
			if err := tx.Later(`UPDATE counters SET n = n * 2 WHERE counter_id = $1`, nil, "a"); err != nil {
				return err
			}
			var got int
			if err := tx.QueryRow(`SELECT n FROM counters WHERE counter_id = 'a'`).Scan(&got); err != nil || got != 22 {
				t.Errorf("the query after it reads %d: %v", got, err)
			}
			return tx.Later(`UPDATE counters SET n = n + 1 WHERE counter_id = $1`, nil, "a")
		})
		if got := value(t, db, "a"); err != nil || got != 23 {
			t.Errorf("the counter is %d, want 23: %v", got, err)
		}
	})
}

// What it fails with is explained by whoever asked for it, whether the next statement hears of it
// or the commit; nothing of the transaction stays, and the connection is good for the next.
func TestLaterFails(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		if err := db.Write(t.Context(), func(tx *sqldb.Tx) error { return insertLater(tx, "there") }); err != nil {
			t.Fatal(err)
		}
		for name, after := range map[string]func(tx *sqldb.Tx) error{
			"the commit":        func(*sqldb.Tx) error { return nil },
			"an exec":           func(tx *sqldb.Tx) error { _, err := tx.Exec(`UPDATE counters SET n = 7`); return err },
			"a row":             func(tx *sqldb.Tx) error { var n int; return tx.QueryRow(`SELECT 1`).Scan(&n) },
			"another for later": func(tx *sqldb.Tx) error { return insertLater(tx, "third") },
			"a query": func(tx *sqldb.Tx) error {
				rows, err := tx.Query(`SELECT 1`)
				if err == nil {
					err = errors.Join(rows.Close(), rows.Err())
				}
				return err
			},
		} {
			committed := false
			err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
				tx.OnCommit(func() { committed = true })
				if err := insertLater(tx, "other"); err != nil {
					return err
				}
				if err := insertLater(tx, "there"); err != nil {
					return err
				}
				return after(tx)
			})
			if !errors.Is(err, errExplained) || committed {
				t.Errorf("before %s: %v, committed %v", name, err, committed)
			}
			if value(t, db, "other") != 0 || value(t, db, "third") != 0 || value(t, db, "there") != 1 {
				t.Errorf("before %s: something of a failed write is there", name)
			}
		}
		if err := db.Write(t.Context(), func(tx *sqldb.Tx) error { return insertLater(tx, "last") }); err != nil || value(t, db, "last") != 1 {
			t.Errorf("after failures: %v", err)
		}
	})
}

// A conflict that another run may not meet is hidden by no explanation.
func TestLaterIsRunAgain(t *testing.T) {
	t.Parallel()
	db := sqldbtest.Open(t, sqldb.Postgres, things)
	for id, next := range map[string]func(tx *sqldb.Tx) error{
		"commit":    func(*sqldb.Tx) error { return nil },
		"statement": func(tx *sqldb.Tx) error { _, err := tx.Exec(`UPDATE counters SET n = 7 WHERE n > 7`); return err },
	} {
		runs := 0
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			if runs++; runs > 1 {
				return insertLater(tx, id)
			}
			deadlock := `DO $$ BEGIN RAISE EXCEPTION 'deadlock' USING ERRCODE = '40P01'; END $$`
			if err := tx.Later(deadlock, func(error) error { return errExplained }); err != nil {
				return err
			}
			return next(tx)
		})
		if err != nil || runs != 2 || value(t, db, id) != 1 {
			t.Errorf("heard of by the %s: %v after %d runs", id, err, runs)
		}
	}
}
