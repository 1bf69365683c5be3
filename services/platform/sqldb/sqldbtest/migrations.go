package sqldbtest

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// SameMigrations checks that the set has the same files for both databases, and that they
// leave the same tables: columns of the same names and types, NULL in the same places, and
// unique constraints that sqldb.Unique calls by the same names.
func SameMigrations(t *testing.T, set sqldb.Set) {
	t.Helper()
	files := map[sqldb.Dialect][]string{}
	shape := map[sqldb.Dialect][]string{}
	for _, dialect := range []sqldb.Dialect{sqldb.SQLite, sqldb.Postgres} {
		entries, err := fs.ReadDir(set.FS, string(dialect))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			files[dialect] = append(files[dialect], e.Name())
		}
		shape[dialect] = shapeOf(t, Open(t, dialect, set))
	}
	if diff := cmp.Diff(files[sqldb.SQLite], files[sqldb.Postgres]); diff != "" || len(files[sqldb.SQLite]) == 0 {
		t.Errorf("migration files of %s (-sqlite +postgres):\n%s", set.Name, diff)
	}
	if diff := cmp.Diff(shape[sqldb.SQLite], shape[sqldb.Postgres]); diff != "" {
		t.Errorf("tables of %s (-sqlite +postgres):\n%s", set.Name, diff)
	}
}

// The queries give a table, a column, its type and whether it must have a value. A range
// that only an exclusion constraint needs has no twin in SQLite.
const (
	liteColumns = `SELECT m.name, c.name, lower(c.type), c."notnull" = 1 OR c.pk > 0
		FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'`
	postgresColumns = `SELECT table_name, column_name, data_type, is_nullable = 'NO' FROM information_schema.columns
		WHERE table_schema = current_schema() AND is_generated = 'NEVER' AND udt_name NOT IN ('int8range', 'tstzrange', 'daterange')`
)

// The queries give the names of unique constraints and indexes, primary keys aside. SQLite
// tells only a column list when one is violated, so that is what counts there.
const (
	liteUniques = `SELECT CASE WHEN EXISTS (SELECT 1 FROM pragma_index_info(i.name) WHERE name IS NULL) THEN i.name
			ELSE m.name || '_' || (SELECT group_concat(name, '_' ORDER BY seqno) FROM pragma_index_info(i.name)) || '_key' END
		FROM sqlite_master m, pragma_index_list(m.name) i WHERE m.type = 'table' AND i."unique" = 1 AND i.origin <> 'pk'`
	postgresUniques = `SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = current_schema() AND i.indisunique AND NOT i.indisprimary`
)

// shapeOf lists every column and unique constraint but goose's, in words that both
// databases share.
func shapeOf(t *testing.T, db *sqldb.DB) (out []string) {
	t.Helper()
	columns, uniques := liteColumns, liteUniques
	if db.Dialect() == sqldb.Postgres {
		columns, uniques = postgresColumns, postgresUniques
	}
	err := db.Read(t.Context(), func(tx *sqldb.Tx) error {
		rows, err := tx.Query(columns)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var table, column, kind string
			var required bool
			if err := rows.Scan(&table, &column, &kind, &required); err != nil {
				return err
			}
			out = append(out, fmt.Sprintf("%s.%s %s required=%v", table, column, kindOf(kind), required))
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Read(t.Context(), func(tx *sqldb.Tx) error {
		rows, err := tx.Query(uniques)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var name string
			if err := rows.Scan(&name); err != nil {
				return err
			}
			out = append(out, "unique "+name)
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	out = slices.DeleteFunc(out, func(s string) bool { return strings.HasPrefix(strings.TrimPrefix(s, "unique "), "goose_") })
	slices.Sort(out)
	return out
}

// kindOf gives types one name where the two databases have several for what Go scans alike.
func kindOf(kind string) string {
	switch kind {
	case "integer", "bigint", "smallint", "int":
		return "bigint"
	case "blob", "bytea":
		return "bytes"
	case "real", "double precision":
		return "real"
	case "character varying":
		return "text"
	}
	return kind
}
