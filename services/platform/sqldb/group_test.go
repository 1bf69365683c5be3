package sqldb

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// openTest opens an SQLite database with two tables, for tests that look inside the writer.
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
	for _, table := range []string{
		`CREATE TABLE things (id integer PRIMARY KEY, body text NOT NULL)`,
		`CREATE TABLE children (id integer PRIMARY KEY, parent integer REFERENCES things (id) DEFERRABLE INITIALLY DEFERRED)`,
	} {
		err = db.Write(t.Context(), func(tx *Tx) error {
			_, err := tx.Exec(table)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return db
}

func add(tx *Tx) error {
	_, err := tx.Exec(`INSERT INTO things (body) VALUES ($1)`, "body")
	return err
}

func rows(t testing.TB, db *DB) (n int64) {
	t.Helper()
	if err := db.Read(context.Background(), func(tx *Tx) error { return tx.QueryRow(`SELECT count(*) FROM things`).Scan(&n) }); err != nil {
		t.Fatal(err)
	}
	return n
}

// pile starts n writes while the writer is held up and waits until all of them are queued,
// so that they share a commit. The returned function lets them go and gives their errors.
func pile(t testing.TB, db *DB, n int, f func(i int) func(tx *Tx) error) (release func() []error) {
	t.Helper()
	started, free := make(chan struct{}), make(chan struct{})
	begun := sync.OnceFunc(func() { close(started) })
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = db.Write(context.Background(), func(*Tx) error { // fails when the group does
			begun() // it may run again
			<-free
			return nil
		})
	})
	<-started
	errs := make([]error, n)
	for i := range n {
		wg.Go(func() { errs[i] = db.Write(context.Background(), f(i)) })
		for len(db.lite.writer.queue) <= i { // in order, so that tests know who is first
			runtime.Gosched()
		}
	}
	return func() []error {
		close(free)
		wg.Wait()
		return errs
	}
}

func same(f func(tx *Tx) error) func(int) func(tx *Tx) error {
	return func(int) func(tx *Tx) error { return f }
}

// What is kept in memory is brought up to date before any write of the group is answered, and
// whoever asks meanwhile is told that memory cannot say.
func TestMemoryIsNoOlderThanAnAnswer(t *testing.T) {
	t.Parallel()
	db := openTest(t)
	before := db.Stats().Writes
	w := db.lite.writer
	commit := w.commit
	var told, early, settled atomic.Int64
	look := func() {
		early.Add(db.Stats().Writes - before)
		if _, ok := db.Generation(); ok {
			settled.Add(1)
		}
	}
	release := pile(t, db, 10, func(i int) func(tx *Tx) error {
		return func(tx *Tx) error {
			if i == 0 { // on the writer's goroutine, which alone uses commit
				w.commit = func() error { defer look(); look(); return commit() }
			}
			tx.OnCommit(func() { told.Add(1); look() })
			return add(tx)
		}
	})
	for _, err := range release() {
		if err != nil {
			t.Error(err)
		}
	}
	if told.Load() != 10 || early.Load() != 0 || settled.Load() != 0 {
		t.Errorf("%d told, %d answers before one was, %d times memory counted as sure; want 10, 0, 0", told.Load(), early.Load(), settled.Load())
	}
	if _, ok := db.Generation(); !ok {
		t.Error("a generation is not sure after the commit")
	}
}

func TestManyWritesShareOneCommit(t *testing.T) {
	t.Parallel()
	db := openTest(t)
	before := db.Stats()
	release := pile(t, db, 40, same(add))
	for _, err := range release() {
		if err != nil {
			t.Error(err)
		}
	}
	after := db.Stats()
	if commits, writes := after.Commits-before.Commits, after.Writes-before.Writes; commits != 1 || writes != 41 {
		t.Errorf("%d commits for %d writes, want 1 for 41", commits, writes)
	}
	if n := rows(t, db); n != 40 {
		t.Errorf("%d rows", n)
	}
}

// A refusal saw what the group wrote before it, so its answer waits for that to be durable
// as well, and it takes nobody with it.
func TestRefusalWaitsForTheCommitAndHurtsNobody(t *testing.T) {
	t.Parallel()
	no := errors.New("no")
	for name, refuse := range map[string]func(tx *Tx) error{
		"it wrote": func(tx *Tx) error { return errors.Join(add(tx), no) }, // and so the group runs again
		"it read": func(tx *Tx) error {
			var n int
			return errors.Join(tx.QueryRow(`SELECT count(*) FROM things`).Scan(&n), no)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := openTest(t)
			w, before := db.lite.writer, db.Stats().Writes
			var early atomic.Int64
			commit := w.commit
			release := pile(t, db, 10, func(i int) func(tx *Tx) error {
				if i%2 == 1 {
					return refuse
				}
				return func(tx *Tx) error {
					if i == 0 { // on the writer's goroutine, which alone uses commit
						w.commit = func() error {
							early.Store(db.Stats().Writes - before)
							return commit()
						}
					}
					return add(tx)
				}
			})
			refused := 0
			for _, err := range release() {
				if errors.Is(err, no) {
					refused++
				} else if err != nil {
					t.Error(err)
				}
			}
			if n := rows(t, db); refused != 5 || n != 5 || early.Load() != 0 {
				t.Errorf("%d refused, %d rows, %d answered before the commit; want 5, 5, 0", refused, n, early.Load())
			}
		})
	}
}

// A caller that goes away while its write runs changes nothing for the connection or for
// the others; one that goes away before is not run.
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

	ctx, cancel = context.WithCancel(t.Context())
	ran := false
	release := pile(t, db, 1, same(add))
	late := make(chan error)
	go func() {
		late <- db.Write(ctx, func(*Tx) error { ran = true; return nil })
	}()
	for len(db.lite.writer.queue) < 2 {
		runtime.Gosched()
	}
	cancel()
	if err := <-late; !errors.Is(err, context.Canceled) { // while the writer is still held up
		t.Errorf("a write taken back while it waited: %v", err)
	}
	if errs := release(); errs[0] != nil || ran {
		t.Errorf("its neighbour: %v; it ran: %v", errs[0], ran)
	}
}

func TestPanicIsRaisedWhereItBelongs(t *testing.T) {
	t.Parallel()
	db := openTest(t)
	var caught atomic.Value
	release := pile(t, db, 3, same(add))
	var wg sync.WaitGroup
	wg.Go(func() {
		defer func() { caught.Store(recover()) }()
		_ = db.Write(context.Background(), func(tx *Tx) error {
			if err := add(tx); err != nil {
				return err
			}
			_, _ = tx.Query(`SELECT id FROM things`) //nolint:sqlclosecheck,rowserrcheck // left open on purpose
			panic("boom")
		})
	})
	for len(db.lite.writer.queue) < 4 {
		runtime.Gosched()
	}
	for _, err := range release() {
		if err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
	if n := rows(t, db); caught.Load() != "boom" || n != 3 {
		t.Errorf("caught %v, %d rows; want boom and 3", caught.Load(), n)
	}
}

// A test that fails inside a write function ends its goroutine, which is the writer's.
func TestGoexitEndsTheCallerOnly(t *testing.T) {
	t.Parallel()
	db := openTest(t)
	release := pile(t, db, 3, same(add))
	ended, passed := make(chan struct{}), false
	go func() {
		defer close(ended)
		_ = db.Write(context.Background(), func(tx *Tx) error {
			_ = add(tx)
			runtime.Goexit()
			return nil
		})
		passed = true
	}()
	for len(db.lite.writer.queue) < 4 {
		runtime.Gosched()
	}
	for _, err := range release() {
		if err != nil {
			t.Error(err)
		}
	}
	<-ended
	if err := db.Write(t.Context(), add); err != nil {
		t.Error(err)
	}
	if n := rows(t, db); passed || n != 4 {
		t.Errorf("%d rows, want 4; Write returned: %v", n, passed)
	}
}

// With the outer context nothing tells the inner write that it is one, until it has waited.
func TestNestedWriteIsNoticedWithTheOuterContext(t *testing.T) {
	t.Parallel()
	db := openTest(t)
	err := db.Write(t.Context(), func(tx *Tx) error {
		return errors.Join(add(tx), db.Write(context.Background(), add))
	})
	if !errors.Is(err, ErrNested) || rows(t, db) != 0 {
		t.Errorf("%v, %d rows", err, rows(t, db))
	}
	for _, inner := range []func(context.Context, func(*Tx) error) error{db.Write, db.Read} {
		err := db.Write(t.Context(), func(tx *Tx) error { return inner(tx.Context(), add) })
		if !errors.Is(err, ErrNested) {
			t.Errorf("with the transaction's context: %v", err)
		}
	}
}

// A write function that waits for another goroutine's write cannot be told apart from a slow
// one; the inner deadline ends it.
func TestNestedWriteElsewhereEndsWithItsDeadline(t *testing.T) {
	t.Parallel()
	db := openTest(t)
	err := db.Write(t.Context(), func(*Tx) error {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		inner := make(chan error)
		go func() { inner <- db.Write(ctx, add) }()
		return <-inner
	})
	if !errors.Is(err, context.DeadlineExceeded) || rows(t, db) != 0 {
		t.Errorf("%v, %d rows", err, rows(t, db))
	}
}

func TestCloseFinishesWhatWasAccepted(t *testing.T) {
	t.Parallel()
	db := openTest(t)
	release := pile(t, db, 20, same(add))
	closed := make(chan error, 1)
	go func() { closed <- db.Close() }()
	for _, err := range release() {
		if err != nil {
			t.Error(err)
		}
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	for _, use := range []func(context.Context, func(*Tx) error) error{db.Write, db.Read} {
		if err := use(context.Background(), add); !errors.Is(err, errClosed) {
			t.Errorf("after Close: %v", err)
		}
	}
}

// Statements are prepared once: the cache does not grow with use, and is emptied when
// somebody builds SQL text.
func TestStatementsAreKeptByText(t *testing.T) {
	t.Parallel()
	db := openTest(t)
	w := db.lite.writer
	for range 3 {
		if err := db.Write(t.Context(), add); err != nil {
			t.Fatal(err)
		}
	}
	var before, after int
	_ = db.Write(t.Context(), func(*Tx) error { before = len(w.conn.stmts); return nil })
	_ = db.Write(t.Context(), func(tx *Tx) error { err := add(tx); after = len(w.conn.stmts); return err })
	if before != after {
		t.Errorf("%d statements, then %d", before, after)
	}
	for i := range maxStatements + 10 {
		err := db.Write(t.Context(), func(tx *Tx) error {
			var n int
			return tx.QueryRow(fmt.Sprintf(`SELECT %d`, i)).Scan(&n)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	_ = db.Write(t.Context(), func(*Tx) error { after = len(w.conn.stmts); return nil })
	if after > maxStatements/2 {
		t.Errorf("%d statements are kept", after)
	}
}

// A group begins without savepoints. A member that refuses before it wrote anything costs
// nothing; one that refuses after it wrote has the group run again, once, and the groups
// that follow run each member in a savepoint at once.
func TestGroupsBeginWithoutSavepoints(t *testing.T) {
	t.Parallel()
	db := openTest(t)
	no := errors.New("no")
	runs := func(refuse func(tx *Tx) error) (reruns int64) {
		before := db.Stats().Reruns
		release := pile(t, db, 6, func(i int) func(tx *Tx) error {
			if i == 3 {
				return refuse
			}
			return add
		})
		for i, err := range release() {
			if (i == 3) != errors.Is(err, no) || i != 3 && err != nil {
				t.Errorf("member %d: %v", i, err)
			}
		}
		return db.Stats().Reruns - before
	}
	wrote := func(tx *Tx) error { return errors.Join(add(tx), no) }
	clash := func(tx *Tx) error {
		_, err := tx.Exec(`INSERT INTO things (id, body) VALUES (1, 'again')`)
		return errors.Join(err, no)
	}
	for i, tc := range []struct {
		what   string
		refuse func(tx *Tx) error
		reruns int64
	}{
		{"refused before it wrote", func(*Tx) error { return no }, 0},
		{"refused by a constraint before it wrote", clash, 0},
		{"refused after it wrote", wrote, 5}, // the one that held the writer up, three, and itself
		{"refused after it wrote, in a guarded group", wrote, 0},
	} {
		if n := runs(tc.refuse); n != tc.reruns {
			t.Errorf("%s: %d runs again, want %d", tc.what, n, tc.reruns)
		}
		if n := rows(t, db); n != int64(5*(i+1)) {
			t.Errorf("%s: %d rows, want %d", tc.what, n, 5*(i+1))
		}
	}
}

// Alone, a member that refuses after it wrote is undone without another run.
func TestALoneRefusalRunsOnce(t *testing.T) {
	t.Parallel()
	db := openTest(t)
	no, ran := errors.New("no"), 0
	err := db.Write(t.Context(), func(tx *Tx) error {
		ran++
		return errors.Join(add(tx), no)
	})
	if n := rows(t, db); !errors.Is(err, no) || ran != 1 || n != 0 {
		t.Errorf("%v after %d runs, %d rows", err, ran, n)
	}
	if err := db.Write(t.Context(), add); err != nil || rows(t, db) != 1 {
		t.Errorf("the next write: %v", err)
	}
}
