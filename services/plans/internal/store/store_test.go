package store

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
	"github.com/upright-clinic/upright/services/platform/sqldb/sqldbtest"
)

func TestMigrationsAreTheSame(t *testing.T) {
	t.Parallel()
	sqldbtest.SameMigrations(t, Migrations)
}

func write(t *testing.T, db *sqldb.DB, f func(tx *sqldb.Tx) error) {
	t.Helper()
	if err := db.Write(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

func entry(id, state, replaces string) Entry {
	at := time.Date(2027, 1, 4, 8, 0, 0, 123000, time.UTC)
	return Entry{
		ClinicID: "cln_a", ID: id, InjectionID: "inj" + id, PatientID: "pat_a", OriginPatientID: "pat_b", AppointmentID: "apt_" + id,
		PlanID: "pln_a", CourseID: "crs_a", Discipline: "FACET_JOINT_INJECTION", Kind: "FACET_JOINT_INJECTION", PractitionerID: "prac_a",
		State: state, Outcome: "BOOKED", Counts: true, RecordMissing: true, LocalDate: civil.MustParse("2027-01-04"),
		BookedDate: civil.MustParse("2027-01-05"), Month: civil.Month{Year: 2027, Month: time.January}, Start: at, Minutes: 30,
		Replaces: replaces, Region: "LUMBAR", Source: "CLINIC", DuplicateOf: "inj_x", PolicyVersion: 3, CreatedAt: at, Version: 1,
	}
}

// What goes in comes out, in rows of one statement and of several.
func TestEntriesComeBack(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, []sqldb.Set{Migrations}, func(t *testing.T, db *sqldb.DB) {
		var want []Entry
		for i := range 31 {
			want = append(want, entry(string(rune('A'+i)), "HELD", ""))
		}
		write(t, db, func(tx *sqldb.Tx) error {
			n, err := InsertEntries(tx, want...)
			if err == nil && n != len(want) {
				t.Errorf("%d rows were new, want %d", n, len(want))
			}
			return err
		})
		write(t, db, func(tx *sqldb.Tx) error {
			if n, err := InsertEntries(tx, want[3]); n != 0 || err != nil {
				t.Errorf("the same row again: %d, %v", n, err)
			}
			got, err := EntriesOfPatient(tx, "cln_a", "pat_a")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("entries (-want +got)\n%s", diff)
			}
			return err
		})
	})
}

// At most one live claim takes the place of another; a released one makes room.
func TestOneLiveReplacement(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, []sqldb.Set{Migrations}, func(t *testing.T, db *sqldb.DB) {
		write(t, db, func(tx *sqldb.Tx) error {
			for _, c := range []struct {
				e    Entry
				want int
			}{{entry("1", "CONFIRMED", ""), 1}, {entry("2", "HELD", "1"), 1}, {entry("3", "HELD", "1"), 0}, {entry("4", "RELEASED", "1"), 1}} {
				if n, err := InsertEntries(tx, c.e); n != c.want || err != nil {
					t.Errorf("%s: %d rows, %v, want %d", c.e.ID, n, err, c.want)
				}
			}
			e, _, err := EntryByID(tx, "cln_a", "2")
			if err != nil {
				return err
			}
			e.State = "RELEASED"
			if err := UpdateEntry(tx, &e); err != nil {
				return err
			}
			if n, err := InsertEntries(tx, entry("3", "HELD", "1")); n != 1 || err != nil {
				t.Errorf("after the release: %d rows, %v", n, err)
			}
			stale := e
			stale.Version = 1
			if err := UpdateEntry(tx, &stale); !fault.Is(err, "VERSION_MISMATCH") {
				t.Errorf("a stale row: %v", err)
			}
			return nil
		})
	})
}

// merge makes one person of two records.
func merge(tx *sqldb.Tx, from, to string) error {
	if err := LockPair(tx, "cln_a", from, to); err != nil {
		return err
	}
	if err := PointTo(tx, "cln_a", from, to); err != nil {
		return err
	}
	return Rehome(tx, "cln_a", from)
}

// owners tells whose the entries of records a, b and c are.
func owners(t *testing.T, tx *sqldb.Tx) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, id := range []string{"a", "b", "c"} {
		e, _, err := EntryByID(tx, "cln_a", "e"+id)
		if err != nil {
			t.Fatal(err)
		}
		out[id] = e.PatientID
	}
	return out
}

// Merges are followed through a chain, undone in any order, and give each origin its own.
func TestMergesOfMerges(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, []sqldb.Set{Migrations}, func(t *testing.T, db *sqldb.DB) {
		write(t, db, func(tx *sqldb.Tx) error {
			for _, id := range []string{"a", "b", "c"} {
				e := entry("e"+id, "CONFIRMED", "")
				e.PatientID, e.OriginPatientID = id, id
				if _, err := InsertEntries(tx, e); err != nil {
					return err
				}
			}
			if err := errors.Join(merge(tx, "a", "b"), merge(tx, "b", "c")); err != nil {
				return err
			}
			if h, err := LockHead(tx, "cln_a", "a"); err != nil || h.PatientID != "c" {
				t.Errorf("a belongs to %s, %v", h.PatientID, err)
			}
			if diff := cmp.Diff(map[string]string{"a": "c", "b": "c", "c": "c"}, owners(t, tx)); diff != "" {
				t.Errorf("merged (-want +got)\n%s", diff)
			}
			if err := errors.Join(PointTo(tx, "cln_a", "b", ""), Rehome(tx, "cln_a", "c")); err != nil {
				return err
			}
			if diff := cmp.Diff(map[string]string{"a": "b", "b": "b", "c": "c"}, owners(t, tx)); diff != "" {
				t.Errorf("b stands alone again, with what it had (-want +got)\n%s", diff)
			}
			return nil
		})
	})
}

func TestGatesKeepTheNewest(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, []sqldb.Set{Migrations}, func(t *testing.T, db *sqldb.DB) {
		write(t, db, func(tx *sqldb.Tx) error {
			for _, c := range []struct {
				version int64
				kept    bool
			}{{3, true}, {2, false}, {3, true}, {4, true}} {
				if kept, err := PutGate(tx, "cln_a", "pat_a", Gate{Version: c.version}); kept != c.kept || err != nil {
					t.Errorf("version %d: kept %v, %v", c.version, kept, err)
				}
			}
			g, known, err := GateOf(tx, "cln_a", "pat_a")
			if !known || g.Version != 4 {
				t.Errorf("%+v, %v", g, known)
			}
			return err
		})
	})
}

// Every table whose rows belong to a person follows merges.
func TestPersonalTablesAreAll(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(Migrations.FS, "sqlite/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	known := map[string]bool{}
	for _, table := range personal {
		known[table] = true
	}
	for _, name := range files {
		text, err := fs.ReadFile(Migrations.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range strings.Split(string(text), "CREATE TABLE ")[1:] {
			body, _, _ := strings.Cut(part, ");")
			table, columns, _ := strings.Cut(body, " (")
			if strings.Contains(columns, "origin_patient_id ") && !known[table] {
				t.Errorf("%s: %s is lost in a merge", name, table)
			}
		}
	}
}
