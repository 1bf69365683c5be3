package sqldb_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
	"github.com/upright-clinic/upright/services/platform/sqldb/sqldbtest"
)

func counter(tx *sqldb.Tx) error {
	_, err := tx.Exec(`INSERT INTO counters (counter_id, n) VALUES ('a', 1) ON CONFLICT (counter_id) DO UPDATE SET n = counters.n + 1`)
	return err
}

// A function that makes another error of a conflict, or none at all, is run again all the
// same.
func TestHiddenConflictIsRunAgain(t *testing.T) {
	t.Parallel()
	db := sqldbtest.Open(t, sqldb.Postgres, things)
	for name, hide := range map[string]func(error) error{
		"as it is": func(err error) error { return err },
		"replaced": func(error) error { return errors.New("something else") },
		"dropped":  func(error) error { return nil },
	} {
		runs := 0
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			if runs++; runs == 1 {
				_, err := tx.Exec(`DO $$ BEGIN RAISE EXCEPTION 'serialisation' USING ERRCODE = '40001'; END $$`)
				return hide(err)
			}
			return counter(tx)
		})
		if err != nil || runs != 2 {
			t.Errorf("%s: %v after %d runs", name, err, runs)
		}
	}
}

// A conflict that does not end is a busy database, after a bounded number of tries.
func TestEndlessConflictGivesUp(t *testing.T) {
	t.Parallel()
	db := sqldbtest.Open(t, sqldb.Postgres, things)
	runs := 0
	err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
		runs++
		_, err := tx.Exec(`DO $$ BEGIN RAISE EXCEPTION 'deadlock' USING ERRCODE = '40P01'; END $$`)
		return err
	})
	if !fault.Is(err, "DATABASE_BUSY") || !fault.IsKind(err, fault.Unavailable) || runs != 10 {
		t.Errorf("%v after %d runs", err, runs)
	}
}

// A caller that gives up while it waits for a lock is let go, and its connection is still
// good; one that gives up after its last statement finds its write done.
func TestDeadlineEndsALockWaitButNeverACommit(t *testing.T) {
	t.Parallel()
	address, schema := sqldbtest.Address(t, sqldb.Postgres)
	db := sqldbtest.OpenURL(t, sqldb.Config{URL: address, Schema: schema, MaxConns: 2}, things)
	if err := db.Write(t.Context(), counter); err != nil {
		t.Fatal(err)
	}
	err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
		if err := counter(tx); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
		defer cancel()
		if err := db.Write(ctx, counter); !fault.IsKind(err, fault.DeadlineExceeded) && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waiting for a lock until the deadline: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = db.Write(ctx, func(tx *sqldb.Tx) error {
		defer cancel()
		return counter(tx)
	})
	if err != nil {
		t.Errorf("given up just before the commit: %v", err)
	}
	var n int
	err = db.Read(t.Context(), func(tx *sqldb.Tx) error { return tx.QueryRow(`SELECT n FROM counters`).Scan(&n) })
	if err != nil || n != 3 {
		t.Errorf("counter is %d (%v), want 3", n, err)
	}
}

// A server that goes away in the middle is an unavailable database, nothing is written, and
// the next write finds a new connection.
func TestServerGoesAway(t *testing.T) {
	t.Parallel()
	db := sqldbtest.Open(t, sqldb.Postgres, things)
	err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
		if err := counter(tx); err != nil {
			return err
		}
		var ok bool
		return tx.QueryRow(`SELECT pg_terminate_backend(pg_backend_pid())`).Scan(&ok)
	})
	if !fault.Is(err, "DATABASE_UNAVAILABLE") || !fault.IsKind(err, fault.Unavailable) {
		t.Errorf("%v", err)
	}
	if err := db.Write(t.Context(), counter); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	if err := db.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestPostgresIsSetUpDurablyAndPortably(t *testing.T) {
	t.Parallel()
	db := sqldbtest.Open(t, sqldb.Postgres, things)
	for setting, want := range map[string]string{
		"synchronous_commit": "on", "TimeZone": "UTC", "transaction_isolation": "read committed", "transaction_read_only": "off",
	} {
		var got string
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error { return tx.QueryRow(`SELECT current_setting($1)`, setting).Scan(&got) })
		if err != nil || got != want {
			t.Errorf("%s = %q, want %q (%v)", setting, got, want, err)
		}
	}
	var isolation string
	err := db.Read(t.Context(), func(tx *sqldb.Tx) error { return tx.QueryRow(`SHOW transaction_isolation`).Scan(&isolation) })
	if err != nil || isolation != "repeatable read" {
		t.Errorf("a read is %q (%v)", isolation, err)
	}
}
