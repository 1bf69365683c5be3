package sqldb

import (
	"database/sql"
	"errors"
	"os"
	"strings"
	"syscall"
)

// path is the SQLite file.
func (db *DB) path() string { return strings.TrimPrefix(db.url, "sqlite:") }

// migrationPool opens connections for migrations. They sync only at checkpoints, which
// spares a start on an empty folder dozens of fsyncs: in WAL mode the file stays consistent
// whatever happens, and what a power cut takes back the next start migrates again. The
// first real commit syncs everything before it.
func (db *DB) migrationPool() *sql.DB {
	pool, err := sql.Open("sqlite", "file:"+db.path()+"?"+pragmas+"&_pragma=synchronous(NORMAL)&_txlock=immediate")
	if err != nil { // the same driver and address opened before
		panic(err)
	}
	pool.SetMaxOpenConns(1)
	return pool
}

// lockFile takes an exclusive lock, waiting for whoever has it. The lock goes with the
// process, however it ends.
func lockFile(path string) (unlock func() error, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f.Close, nil
}
