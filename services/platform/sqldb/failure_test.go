package sqldb

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/upright-clinic/upright/services/platform/fault"
)

// A statement that ends the whole transaction by itself has all members run again, and none
// is lost or doubled.
func TestOuterEndRunsTheMembersAgain(t *testing.T) {
	t.Parallel()
	db := openTest(t)
	var tries atomic.Int64
	hooks := make([]atomic.Int64, 8)
	release := pile(t, db, 8, func(i int) func(tx *Tx) error {
		return func(tx *Tx) error {
			tx.OnCommit(func() { hooks[i].Add(1) })
			if err := add(tx); err != nil {
				return err
			}
			if i == 4 && tries.Add(1) == 1 {
				_, err := tx.Exec(`ROLLBACK`)
				return errors.Join(errors.New("disk full, as it were"), err)
			}
			return nil
		}
	})
	for i, err := range release() {
		if err != nil || hooks[i].Load() != 1 {
			t.Errorf("member %d: %v, told %d times", i, err, hooks[i].Load())
		}
	}
	if n := rows(t, db); n != 8 || tries.Load() != 2 {
		t.Errorf("%d rows after %d tries of the bad one, want 8 and 2", n, tries.Load())
	}
}

// A disk that is really full, by SQLite's own limit: SQLite undoes everything, those who fit
// are saved, those who do not are told why, and it goes on when there is space.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	db := openTest(t)
	var pages int
	err := db.Write(t.Context(), func(tx *Tx) error {
		if err := tx.QueryRow(`PRAGMA page_count`).Scan(&pages); err != nil {
			return err
		}
		return tx.QueryRow(fmt.Sprintf(`PRAGMA max_page_count = %d`, pages+4)).Scan(&pages)
	})
	if err != nil {
		t.Fatal(err)
	}
	big := func(tx *Tx) error {
		_, err := tx.Exec(`INSERT INTO things (body) VALUES (zeroblob(100000))`)
		return err
	}
	release := pile(t, db, 5, func(i int) func(tx *Tx) error {
		if i == 2 {
			return big
		}
		return add
	})
	for i, err := range release() {
		if full := fault.Is(err, "DISK_FULL") && fault.IsKind(err, fault.ResourceExhausted); full != (i == 2) || !full && err != nil {
			t.Errorf("member %d: %v", i, err)
		}
	}
	if n := rows(t, db); n != 4 {
		t.Errorf("%d rows, want 4", n)
	}
	_ = db.Write(t.Context(), func(tx *Tx) error { return tx.QueryRow(`PRAGMA max_page_count = 100000`).Scan(&pages) })
	if err := db.Write(t.Context(), big); err != nil {
		t.Errorf("with space again: %v", err)
	}
}

// A constraint that is looked at only at the commit fails the one who broke it.
func TestDeferredConstraintHurtsNobodyElse(t *testing.T) {
	t.Parallel()
	db := openTest(t)
	release := pile(t, db, 4, func(i int) func(tx *Tx) error {
		if i != 1 {
			return add
		}
		return func(tx *Tx) error {
			_, err := tx.Exec(`INSERT INTO children (parent) VALUES (99999)`)
			return err
		}
	})
	for i, err := range release() {
		if (err != nil) != (i == 1) || i == 1 && !constraint(err) {
			t.Errorf("member %d: %v", i, err)
		}
	}
	if n := rows(t, db); n != 3 {
		t.Errorf("%d rows, want 3", n)
	}
}

// A commit that fails is an error for every member, refused ones included: never a success
// that is not there.
func TestFailedCommitIsNobodysSuccess(t *testing.T) {
	t.Parallel()
	db := openTest(t)
	w := db.lite.writer
	commit, broken, no := w.commit, errors.New("no space on device, as it were"), errors.New("no")
	told := false
	release := pile(t, db, 4, func(i int) func(tx *Tx) error {
		return func(tx *Tx) error {
			tx.OnCommit(func() { told = true })
			w.commit = func() error { w.commit = commit; return broken }
			if i == 2 {
				return no
			}
			return add(tx)
		}
	})
	for i, err := range release() {
		if !errors.Is(err, broken) {
			t.Errorf("member %d: %v, want the failed commit", i, err)
		}
	}
	if n := rows(t, db); n != 0 || told {
		t.Errorf("%d rows of a commit that failed; OnCommit ran: %v", n, told)
	}
	if err := db.Write(t.Context(), add); err != nil {
		t.Errorf("the writer did not recover: %v", err)
	}
}

// After the disk refused to keep what was written, no later success can be believed.
func TestLostFsyncStopsAllWrites(t *testing.T) {
	t.Parallel()
	db := openTest(t)
	w := db.lite.writer
	err := db.Write(t.Context(), func(tx *Tx) error {
		w.commit = func() error { return fsyncError{} }
		return add(tx)
	})
	for range 2 {
		if !fault.Is(err, "DATABASE_FAILED") || !fault.IsKind(err, fault.Unavailable) {
			t.Errorf("want DATABASE_FAILED: %v", err)
		}
		err = db.Write(t.Context(), add)
	}
	if err := db.Ping(t.Context()); !fault.Is(err, "DATABASE_FAILED") {
		t.Errorf("Ping says %v", err)
	}
	if n := rows(t, db); n != 0 {
		t.Errorf("%d rows", n)
	}
}

// What a function does after a failed statement is not done, and a failure that it passes
// over is not a success: PostgreSQL has no other way.
func TestNothingHappensAfterAFailedStatement(t *testing.T) {
	t.Parallel()
	db := openTest(t)
	for name, bad := range map[string]func(tx *Tx) error{
		"exec":  func(tx *Tx) error { _, err := tx.Exec(`INSERT INTO things (id) VALUES (1)`); return err },
		"query": func(tx *Tx) error { rows, err := tx.Query(`SELECT nothing FROM things`); _ = rows; return err }, //nolint:sqlclosecheck,rowserrcheck // it fails
		"row": func(tx *Tx) error {
			var n int
			return tx.QueryRow(`INSERT INTO things (id, body) VALUES (1, NULL) RETURNING id`).Scan(&n)
		},
		"rows open": func(tx *Tx) error {
			_, _ = tx.Query(`SELECT name FROM sqlite_master`) //nolint:sqlclosecheck,rowserrcheck // left open on purpose
			return add(tx)
		},
	} {
		err := db.Write(t.Context(), func(tx *Tx) error {
			first := bad(tx)
			if second := add(tx); first == nil || !errors.Is(second, errAborted) {
				t.Errorf("%s: %v, then %v", name, first, second)
			}
			return nil
		})
		if err == nil || rows(t, db) != 0 {
			t.Errorf("%s: %v, %d rows", name, err, rows(t, db))
		}
	}
}

func TestTransactionIsOverAfterItsFunction(t *testing.T) {
	t.Parallel()
	db := openTest(t)
	var kept *Tx
	_ = db.Write(t.Context(), func(tx *Tx) error { kept = tx; return nil })
	if err := add(kept); !errors.Is(err, errTxOver) {
		t.Errorf("a statement afterwards: %v", err)
	}
}

// A second process that holds the lock for longer than we wait makes a busy database, not an
// internal error.
func TestAnotherProcessHoldsTheLock(t *testing.T) {
	t.Parallel()
	db := openTest(t)
	other, err := openLiteConn(bg, db.lite.pool)
	if err != nil {
		t.Fatal(err)
	}
	defer other.close()
	var ms int
	_ = db.Write(t.Context(), func(tx *Tx) error { return tx.QueryRow(`PRAGMA busy_timeout = 20`).Scan(&ms) })
	if err := errors.Join(other.command(`BEGIN IMMEDIATE`), db.Write(t.Context(), func(*Tx) error { return nil })); err == nil {
		t.Fatal("two writers at once")
	} else if !fault.Is(err, "DATABASE_BUSY") {
		t.Errorf("%v", err)
	}
	if err := errors.Join(other.command(`ROLLBACK`), db.Write(context.Background(), add)); err != nil {
		t.Error(err)
	}
}

// fsyncError stands for SQLite's error of a failed fsync, which cannot be made at will.
type fsyncError struct{}

func (fsyncError) Error() string { return "disk I/O error" }
func (fsyncError) Code() int     { return sqlite3.SQLITE_IOERR_FSYNC }
