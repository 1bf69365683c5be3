package sqldb_test

import (
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/upright-clinic/upright/services/platform/sqldb"
	"github.com/upright-clinic/upright/services/platform/sqldb/sqldbtest"
)

// set makes a Set with the same files for both databases.
func set(name string, files map[string]string) sqldb.Set {
	m := fstest.MapFS{}
	for file, text := range files {
		for _, d := range []string{"sqlite", "postgres"} {
			m[d+"/"+file] = &fstest.MapFile{Data: []byte("-- +goose Up\n" + text + "\n-- +goose Down\n")}
		}
	}
	return sqldb.Set{Name: name, FS: m}
}

// Several programs that start together on one database take turns, and a second time there
// is nothing to do.
func TestMigrateTwiceAndAtOnce(t *testing.T) {
	t.Parallel()
	sqldbtest.EachURL(t, func(t *testing.T, url, schema string) {
		dbs := make([]*sqldb.DB, 8)
		for i := range dbs {
			dbs[i] = sqldbtest.OpenURL(t, sqldb.Config{URL: url, Schema: schema})
		}
		files := map[string]string{"00001_m.sql": `CREATE TABLE more (id text PRIMARY KEY);`}
		atOnce(t, dbs, things, set("more", files))
		files["00002_m.sql"] = `CREATE TABLE even_more (id text PRIMARY KEY);`
		files["00003_m.sql"] = `CREATE INDEX even_more_id ON even_more (id);`
		atOnce(t, dbs, things, set("more", files))
	})
}

// atOnce migrates through all handles at the same time, and then once more.
func atOnce(t *testing.T, dbs []*sqldb.DB, sets ...sqldb.Set) {
	t.Helper()
	start := make(chan struct{})
	var wg sync.WaitGroup
	for _, db := range dbs {
		wg.Go(func() {
			<-start
			for range 2 {
				if err := sqldb.Migrate(t.Context(), db, sets...); err != nil {
					t.Error(err)
				}
			}
		})
	}
	close(start)
	wg.Wait()
}

// A migration that fails leaves nothing behind, not of itself, not of those before it, not
// of other sets: the next start begins where this one did.
func TestFailedMigrationLeavesNothing(t *testing.T) {
	t.Parallel()
	sqldbtest.EachURL(t, func(t *testing.T, url, schema string) {
		db := sqldbtest.OpenURL(t, sqldb.Config{URL: url, Schema: schema})
		good := map[string]string{"00001_a.sql": `CREATE TABLE a (id text PRIMARY KEY);`}
		bad := map[string]string{"00001_b.sql": `CREATE TABLE b (id text PRIMARY KEY);`, "00002_b.sql": `CREATE TABLE b (id text PRIMARY KEY);`}
		err := sqldb.Migrate(t.Context(), db, set("good", good), set("bad", bad))
		if err == nil || !strings.Contains(err.Error(), "migrate bad") {
			t.Fatalf("a broken migration: %v", err)
		}
		for _, table := range []string{"a", "b", "goose_good", "goose_bad"} {
			err := db.Read(t.Context(), func(tx *sqldb.Tx) error {
				var n int
				return tx.QueryRow(`SELECT count(*) FROM ` + table).Scan(&n)
			})
			if err == nil {
				t.Errorf("table %s is there", table)
			}
		}
		delete(bad, "00002_b.sql")
		if err := sqldb.Migrate(t.Context(), db, set("good", good), set("bad", bad)); err != nil {
			t.Errorf("mended: %v", err)
		}
	})
}

// A program that is older than its database must not run on it.
func TestNewerDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	sqldbtest.EachURL(t, func(t *testing.T, url, schema string) {
		db := sqldbtest.OpenURL(t, sqldb.Config{URL: url, Schema: schema})
		files := map[string]string{"00001_a.sql": `CREATE TABLE a (id text PRIMARY KEY);`, "00002_a.sql": `CREATE TABLE b (id text PRIMARY KEY);`}
		if err := sqldb.Migrate(t.Context(), db, set("s", files)); err != nil {
			t.Fatal(err)
		}
		delete(files, "00002_a.sql")
		if err := sqldb.Migrate(t.Context(), db, set("s", files)); err == nil || !strings.Contains(err.Error(), "newer program") {
			t.Errorf("an older program: %v", err)
		}
	})
}

// Triggers, which hold semicolons, and exclusion constraints on text come through, and both
// are the same refusal.
func TestOverlapIsTheSameRefusal(t *testing.T) {
	t.Parallel()
	overlap := sqldb.Set{Name: "overlap", FS: fstest.MapFS{
		"sqlite/00001_claims.sql": {Data: []byte(`-- +goose Up
CREATE TABLE claims (clinic_id text NOT NULL, resource_id text NOT NULL, start_at bigint NOT NULL, end_at bigint NOT NULL);
-- +goose StatementBegin
CREATE TRIGGER claims_overlap BEFORE INSERT ON claims
WHEN EXISTS (SELECT 1 FROM claims c WHERE c.clinic_id = new.clinic_id AND c.resource_id = new.resource_id AND c.start_at < new.end_at AND c.end_at > new.start_at)
BEGIN
  SELECT RAISE(ABORT, 'overlap');
END;
-- +goose StatementEnd
-- +goose Down
DROP TABLE claims;`)},
		"postgres/00001_claims.sql": {Data: []byte(`-- +goose Up
CREATE TABLE claims (clinic_id text NOT NULL, resource_id text NOT NULL, start_at bigint NOT NULL, end_at bigint NOT NULL,
  CONSTRAINT claims_overlap EXCLUDE USING gist (clinic_id WITH =, resource_id WITH =, int8range(start_at, end_at) WITH &&));
-- +goose Down
DROP TABLE claims;`)},
	}}
	sqldbtest.Each(t, []sqldb.Set{overlap}, func(t *testing.T, db *sqldb.DB) {
		claim := func(resource string, start, end int64) error {
			return db.Write(t.Context(), func(tx *sqldb.Tx) error {
				_, err := tx.Exec(`INSERT INTO claims (clinic_id, resource_id, start_at, end_at) VALUES ($1, $2, $3, $4)`, "c", resource, start, end)
				return err
			})
		}
		for _, c := range []struct {
			resource   string
			start, end int64
			overlaps   bool
		}{{"room", 10, 20, false}, {"room", 20, 30, false}, {"other", 10, 20, false}, {"room", 19, 21, true}, {"room", 10, 20, true}} {
			err := claim(c.resource, c.start, c.end)
			if sqldb.Overlap(err) != c.overlaps || !c.overlaps && err != nil {
				t.Errorf("%s [%d, %d): %v", c.resource, c.start, c.end, err)
			}
			if _, unique := sqldb.Unique(err); unique {
				t.Errorf("an overlap is taken for a duplicate")
			}
		}
	})
}
