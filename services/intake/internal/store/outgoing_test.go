package store_test

import (
	"io/fs"
	"path"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/upright-clinic/upright/services/intake/internal/store"
	"github.com/upright-clinic/upright/services/platform/sqldb"
	"github.com/upright-clinic/upright/services/platform/sqldb/sqldbtest"
)

// before is the migrations of the files whose names sort before one.
func before(t *testing.T, name string) sqldb.Set {
	t.Helper()
	files := fstest.MapFS{}
	err := fs.WalkDir(store.Migrations.FS, ".", func(at string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Base(at) >= name {
			return err
		}
		data, err := fs.ReadFile(store.Migrations.FS, at)
		files[at] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sqldb.Set{Name: store.Migrations.Name, FS: files}
}

// The two tables of messages that there were become one, and no row is lost.
func TestOneOutgoingKeepsEveryRow(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, []sqldb.Set{before(t, "00030")}, func(t *testing.T, db *sqldb.DB) {
		micros, later := sqldb.Micros(at), sqldb.Micros(at.Add(time.Hour))
		write(t, db, func(tx *sqldb.Tx) error {
			_, err := tx.Exec(`INSERT INTO outgoing (clinic_id, message_id, intake_id, patient_id, kind, language, link, created_at, expires_at)
				VALUES ('cln_a', 'msg_1', 'int_1', 'pat_1', 'RESUME_LINK', 'es', '/f/secret', $1, $2)`, micros, later)
			if err != nil {
				return err
			}
			_, err = tx.Exec(`INSERT INTO notices (clinic_id, message_id, kind, about, patient_id, account_id, intake_id, task_id, language, created_at)
				VALUES ('cln_a', 'msg_2', 'FORM_UNFINISHED', 'int_1', 'pat_1', '', 'int_1', '', 'en', $1),
				('cln_b', 'msg_3', 'TASK_LATE', 'tsk_1/2', '', 'acc_1', '', 'tsk_1', 'en', $1)`, micros)
			return err
		})
		if err := sqldb.Migrate(t.Context(), db, store.Migrations); err != nil {
			t.Fatal(err)
		}
		want := []store.Message{
			{ClinicID: "cln_a", MessageID: "msg_2", Kind: "FORM_UNFINISHED", About: "int_1", PatientID: "pat_1", IntakeID: "int_1", Language: "en", CreatedAt: at},
			{ClinicID: "cln_a", MessageID: "msg_1", Kind: "RESUME_LINK", About: "int_1", PatientID: "pat_1", IntakeID: "int_1", Language: "es", Link: "/f/secret", CreatedAt: at, ExpiresAt: at.Add(time.Hour)},
			{ClinicID: "cln_b", MessageID: "msg_3", Kind: "TASK_LATE", About: "tsk_1/2", AccountID: "acc_1", TaskID: "tsk_1", Language: "en", CreatedAt: at},
		}
		write(t, db, func(tx *sqldb.Tx) error {
			got, err := store.Messages(tx, "cln_a", "", 10)
			if err != nil {
				return err
			}
			others, err := store.Messages(tx, "cln_b", "", 10)
			if d := cmp.Diff(want, append(got, others...)); d != "" {
				t.Error(d)
			}
			return err
		})
	})
}

// A message that is nothing but its link goes with it; a reminder goes on without, since it
// also says that the patient was reminded. A message of a kind about one thing is added once.
func TestLinksGoOutOfMessages(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, []sqldb.Set{store.Migrations}, func(t *testing.T, db *sqldb.DB) {
		message := func(id, kind, intake string, expires time.Time) store.Message {
			return store.Message{ClinicID: "cln_a", MessageID: id, Kind: kind, About: intake, PatientID: "pat_1", IntakeID: intake, Language: "en", Link: "/f/" + id, CreatedAt: at, ExpiresAt: expires}
		}
		far := time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
		old, only := message("msg_1", "FORM_UNFINISHED", "int_1", at), message("msg_2", "RESUME_LINK", "int_2", at)
		one, two := message("msg_3", "FORM_UNFINISHED", "int_3", far), message("msg_4", "RESUME_LINK", "int_3", far)
		write(t, db, func(tx *sqldb.Tx) error {
			for _, m := range []store.Message{old, only, one, two} {
				if added, err := store.AddMessage(tx, m); err != nil || !added {
					t.Errorf("%s: %v, %v", m.MessageID, added, err)
				}
			}
			again := one
			again.MessageID = "msg_9"
			if added, err := store.AddMessage(tx, again); err != nil || added {
				t.Errorf("added twice: %v, %v", added, err)
			}
			return nil
		})
		ids := func(list []store.Message) (out []string) {
			for _, m := range list {
				out = append(out, m.MessageID+m.Link)
			}
			return out
		}
		see := func(tx *sqldb.Tx, what string, want ...string) {
			got, err := store.Messages(tx, "cln_a", "", 10)
			if d := cmp.Diff(want, ids(got)); err != nil || d != "" {
				t.Errorf("%s: %v %s", what, err, d)
			}
		}
		write(t, db, func(tx *sqldb.Tx) error {
			see(tx, "at first", "msg_4/f/msg_4", "msg_3/f/msg_3", "msg_2/f/msg_2", "msg_1/f/msg_1")
			if err := store.PurgeForms(tx, "RESUME_LINK"); err != nil {
				return err
			}
			see(tx, "when some are old", "msg_4/f/msg_4", "msg_3/f/msg_3", "msg_1")
			if err := store.DropLinks(tx, "cln_b", "int_3", "RESUME_LINK"); err != nil {
				return err
			}
			if err := store.DropLinks(tx, "cln_a", "int_3", "RESUME_LINK"); err != nil {
				return err
			}
			see(tx, "without links", "msg_3", "msg_1")
			links, err := store.MessagesWithLinks(tx, "cln_a", 10)
			if len(links) != 0 {
				t.Errorf("%v", links)
			}
			return err
		})
	})
}
