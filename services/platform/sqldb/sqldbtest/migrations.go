package sqldbtest

import (
	"database/sql"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// SameMigrations checks that the set has the same files for both databases, and that they
// leave the same tables with the same columns.
func SameMigrations(t *testing.T, set sqldb.Set) {
	t.Helper()
	files := map[sqldb.Dialect][]string{}
	columns := map[sqldb.Dialect][]string{}
	for _, dialect := range []sqldb.Dialect{sqldb.SQLite, sqldb.Postgres} {
		entries, err := fs.ReadDir(set.FS, string(dialect))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			files[dialect] = append(files[dialect], e.Name())
		}
		columns[dialect] = tableColumns(t, Open(t, dialect, set))
	}
	if diff := cmp.Diff(files[sqldb.SQLite], files[sqldb.Postgres]); diff != "" || len(files[sqldb.SQLite]) == 0 {
		t.Errorf("migration files of %s (-sqlite +postgres):\n%s", set.Name, diff)
	}
	if diff := cmp.Diff(columns[sqldb.SQLite], columns[sqldb.Postgres]); diff != "" {
		t.Errorf("columns of %s (-sqlite +postgres):\n%s", set.Name, diff)
	}
}

// tableColumns lists table.column of every table but goose's.
func tableColumns(t *testing.T, db *sqldb.DB) (out []string) {
	t.Helper()
	query := `SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'`
	if db.Dialect() == sqldb.Postgres {
		// A column that only an exclusion constraint needs (a range) has no twin in SQLite.
		query = `SELECT table_name, column_name FROM information_schema.columns
			WHERE table_schema = current_schema() AND is_generated = 'NEVER' AND udt_name NOT IN ('int8range', 'tstzrange')`
	}
	err := db.Read(t.Context(), func(tx *sqldb.Tx) error {
		rows, err := tx.Query(query)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var table, column sql.NullString
			if err := rows.Scan(&table, &column); err != nil {
				return err
			}
			if !strings.HasPrefix(table.String, "goose_") {
				out = append(out, table.String+"."+column.String)
			}
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}
