package sqldb

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// openTest opens an SQLite database with one table, for tests that look inside the writer.
func openTest(t testing.TB) *DB {
	t.Helper()
	db, err := Open(t.Context(), Config{URL: "sqlite:" + filepath.Join(t.TempDir(), "test.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	err = db.Write(t.Context(), func(tx *Tx) error {
		_, err := tx.Exec(`CREATE TABLE things (id integer PRIMARY KEY, body text NOT NULL)`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func add(tx *Tx) error {
	_, err := tx.Exec(`INSERT INTO things (body) VALUES ($1)`, "body")
	return err
}

func rows(t testing.TB, db *DB) (n int64) {
	t.Helper()
	if err := db.Read(t.Context(), func(tx *Tx) error { return tx.QueryRow(`SELECT count(*) FROM things`).Scan(&n) }); err != nil {
		t.Fatal(err)
	}
	return n
}

// hold keeps the writer busy until the returned function is called, so that writes pile up
// behind it and share a commit.
func hold(t testing.TB, db *DB) (release func()) {
	t.Helper()
	started, free, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		err := db.Write(context.Background(), func(*Tx) error {
			close(started)
			<-free
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}()
	<-started
	return func() {
		close(free)
		<-done
	}
}

// pile starts n writes while the writer is held and returns when all of them are queued.
func pile(t testing.TB, db *DB, n int, f func(i int) func(tx *Tx) error) (wait func() []error) {
	t.Helper()
	release := hold(t, db)
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = db.Write(context.Background(), f(i)) })
	}
	for len(db.writer.queue) < n { // each is queued before it waits
	}
	return func() []error {
		release()
		wg.Wait()
		return errs
	}
}

func TestManyWritesShareOneCommit(t *testing.T) {
	t.Parallel()
	db := openTest(t)
	wait := pile(t, db, 40, func(int) func(tx *Tx) error { return add })
	before := db.writer.commits.Load()
	for _, err := range wait() {
		if err != nil {
			t.Error(err)
		}
	}
	if got := db.writer.commits.Load() - before; got != 2 { // the holder's, and one for all
		t.Errorf("%d commits for 40 writes behind one", got)
	}
	if n := rows(t, db); n != 40 {
		t.Errorf("%d rows", n)
	}
}

// A refusal saw what the group wrote before it, so its answer waits for that to be durable
// as well, and it takes nobody with it.
func TestRefusalWaitsForTheGroupAndHurtsNobody(t *testing.T) {
	t.Parallel()
	db := openTest(t)
	no := errors.New("no")
	var last atomic.Int64
	wait := pile(t, db, 10, func(i int) func(tx *Tx) error {
		return func(tx *Tx) error {
			last.Store(db.writer.commits.Load())
			if err := add(tx); err != nil {
				return err
			}
			if i%2 == 0 {
				return no
			}
			return nil
		}
	})
	refused := 0
	for _, err := range wait() {
		if errors.Is(err, no) {
			refused++
		} else if err != nil {
			t.Error(err)
		}
	}
	if n := rows(t, db); refused != 5 || n != 5 {
		t.Errorf("%d refused, %d rows; want 5 and 5", refused, n)
	}
	if db.writer.commits.Load() <= last.Load() {
		t.Error("refusals were answered before the commit")
	}
}

// A statement that ends the whole transaction by itself (here: a raw ROLLBACK, as SQLite
// does on a full disk) has all members run again, and none is lost or doubled.
func TestOuterEndRunsTheMembersAgain(t *testing.T) {
	t.Parallel()
	db := openTest(t)
	var bad atomic.Int64
	wait := pile(t, db, 8, func(i int) func(tx *Tx) error {
		return func(tx *Tx) error {
			if err := add(tx); err != nil {
				return err
			}
			if i == 4 && bad.Add(1) == 1 {
				_, err := tx.Exec(`ROLLBACK`)
				return errors.Join(errors.New("disk full, as it were"), err)
			}
			return nil
		}
	})
	for i, err := range wait() {
		if err != nil {
			t.Errorf("member %d: %v", i, err)
		}
	}
	if n := rows(t, db); n != 8 || bad.Load() != 2 {
		t.Errorf("%d rows after %d tries of the bad one, want 8 and 2", n, bad.Load())
	}
}

// A commit that fails is an error for every member: never a success that is not there.
func TestFailedCommitIsNobodysSuccess(t *testing.T) {
	t.Parallel()
	db := openTest(t)
	err := db.Write(t.Context(), func(tx *Tx) error {
		_, err := tx.Exec(`CREATE TABLE child (id integer PRIMARY KEY, parent integer REFERENCES things (id) DEFERRABLE INITIALLY DEFERRED)`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	wait := pile(t, db, 4, func(i int) func(tx *Tx) error {
		return func(tx *Tx) error {
			if i == 0 { // found out only at the commit
				_, err := tx.Exec(`INSERT INTO child (parent) VALUES (99999)`)
				return err
			}
			return add(tx)
		}
	})
	for i, err := range wait() {
		if err == nil || !strings.Contains(err.Error(), "commit") {
			t.Errorf("member %d: %v, want the failed commit", i, err)
		}
	}
	if n := rows(t, db); n != 0 {
		t.Errorf("%d rows of a commit that failed", n)
	}
	if err := db.Write(t.Context(), add); err != nil {
		t.Errorf("the writer did not recover: %v", err)
	}
}

// A caller that goes away while its write runs changes nothing for the connection or the
// others.
func TestCancellationNeverReachesTheConnection(t *testing.T) {
	t.Parallel()
	db := openTest(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := db.Write(ctx, func(tx *Tx) error {
		cancel()
		if err := tx.Context().Err(); err != nil {
			t.Errorf("the transaction's context ended: %v", err)
		}
		return add(tx)
	})
	if err != nil || rows(t, db) != 1 {
		t.Errorf("%v, %d rows; want the write to be there", err, rows(t, db))
	}
}

func TestCloseFinishesWhatWasAccepted(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	db, err := Open(t.Context(), Config{URL: "sqlite:" + path})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Write(t.Context(), func(tx *Tx) error { _, err := tx.Exec(`CREATE TABLE things (id integer PRIMARY KEY, body text)`); return err }); err != nil {
		t.Fatal(err)
	}
	wait := pile(t, db, 20, func(int) func(tx *Tx) error { return add })
	closed := make(chan error, 1)
	go func() { closed <- db.Close() }()
	for _, err := range wait() {
		if err != nil {
			t.Error(err)
		}
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if err := db.Write(context.Background(), add); !errors.Is(err, errClosed) {
		t.Errorf("a write after Close: %v", err)
	}
}

// BenchmarkCommit puts group commit beside one commit a write, in one run:
//
//	go test -bench Commit -run '^$' ./sqldb
func BenchmarkCommit(b *testing.B) {
	for _, clients := range []int{1, 8, 32} {
		for _, way := range []string{"each", "group"} {
			b.Run(fmt.Sprintf("%s-%d", way, clients), func(b *testing.B) {
				db := openTest(b)
				var alone sync.Mutex
				var left atomic.Int64
				left.Store(int64(b.N))
				b.ResetTimer()
				var wg sync.WaitGroup
				for range clients {
					wg.Go(func() {
						for left.Add(-1) >= 0 {
							if way == "each" {
								alone.Lock()
							}
							if err := db.Write(b.Context(), add); err != nil {
								b.Error(err)
							}
							if way == "each" {
								alone.Unlock()
							}
						}
					})
				}
				wg.Wait()
			})
		}
	}
}
