package sqldb_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/upright-clinic/upright/services/platform/sqldb"
	"github.com/upright-clinic/upright/services/platform/sqldb/sqldbtest"
)

// childVariable makes this test binary write until it is killed.
const childVariable = "SQLDB_TEST_CHILD"

// Whatever was answered is there after the program was killed, and nothing is there twice.
func TestAnsweredWritesSurviveAKill(t *testing.T) {
	t.Parallel()
	if path := os.Getenv(childVariable); path != "" {
		writeUntilKilled(t, path)
		return
	}
	path := filepath.Join(t.TempDir(), "kill.db")
	answered := map[string]bool{}
	for range 3 {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestAnsweredWritesSurviveAKill$") //nolint:gosec // itself
		child.Env = append(os.Environ(), childVariable+"="+path)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; n < 200 && lines.Scan(); n++ {
			answered[lines.Text()] = true
		}
		_ = child.Process.Kill()
		for lines.Scan() { // answered before the kill reached it; the last line may be cut
			if id := lines.Text(); strings.HasSuffix(id, ".") {
				answered[id] = true
			}
		}
		_ = child.Wait()
	}
	if len(answered) < 600 {
		t.Fatalf("only %d answers", len(answered))
	}
	db := sqldbtest.OpenURL(t, sqldb.Config{URL: "sqlite:" + path}, things)
	err := db.Read(t.Context(), func(tx *sqldb.Tx) error {
		var broken string
		if err := tx.QueryRow(`PRAGMA integrity_check`).Scan(&broken); err != nil || broken != "ok" {
			t.Errorf("integrity_check: %s, %v", broken, err)
		}
		for id := range answered {
			var n int
			if err := tx.QueryRow(`SELECT count(*) FROM things WHERE clinic_id = $1 AND thing_id = $2`, "c", id).Scan(&n); err != nil {
				return err
			}
			if n != 1 {
				t.Errorf("%s was answered and is there %d times", id, n)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// writeUntilKilled prints each id once its write was answered.
func writeUntilKilled(t *testing.T, path string) {
	db := sqldbtest.OpenURL(t, sqldb.Config{URL: "sqlite:" + path}, things)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%d-%d-%d.", os.Getpid(), w, i)
				if err := db.Write(context.Background(), insert(id, id)); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				_, _ = fmt.Fprintln(os.Stdout, id)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

// The write-ahead log starts over again and again under a load that never pauses, with
// readers that come and go.
func TestLogDoesNotGrowForEver(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log.db")
	db := sqldbtest.OpenURL(t, sqldb.Config{URL: "sqlite:" + path}, things)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	wg.Go(func() {
		for ctx.Err() == nil {
			_ = count(t, db)
		}
	})
	body := strings.Repeat("x", 400_000) // a hundred pages
	// On a busy machine a reader may be in the log's way for long: then it starts over later.
	const few, many, pageSize = 600, 1800, 4096
	for i := 1; ; i++ {
		if err := db.Write(t.Context(), insert(fmt.Sprint(i), fmt.Sprint(i)+body)); err != nil {
			t.Fatal(err)
		}
		if i < few {
			continue
		}
		log, err := os.Stat(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		pages := log.Size() / pageSize
		if pages <= int64(i)*100/2 {
			t.Logf("the log has %d pages after %d were written", pages, i*100)
			break
		}
		if i == many {
			t.Fatalf("the log has %d pages after %d were written", pages, i*100)
		}
	}
}

// Patients' records are for the owner of the file alone, whatever the umask, and any path
// will do.
func TestFilesAreTheOwnersAlone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a b", "50%20?#&", "c.db")
	db := sqldbtest.OpenURL(t, sqldb.Config{URL: "sqlite:" + path}, things)
	if err := db.Write(t.Context(), insert("1", "one")); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(file)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", filepath.Base(file), info, err)
		}
	}
	folder, err := os.Stat(filepath.Dir(path))
	if err != nil || folder.Mode().Perm() != 0o700 {
		t.Errorf("folder: %v, %v", folder, err)
	}
}
