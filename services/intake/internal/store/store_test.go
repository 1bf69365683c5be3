package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/upright-clinic/upright/services/intake/internal/store"
	"github.com/upright-clinic/upright/services/platform/sqldb"
	"github.com/upright-clinic/upright/services/platform/sqldb/sqldbtest"
)

func TestMigrationsAreTheSame(t *testing.T) {
	t.Parallel()
	sqldbtest.SameMigrations(t, store.Migrations)
}

var at = time.Date(2026, 3, 27, 8, 0, 0, 123000, time.UTC)

// write runs f in a transaction that must succeed.
func write(t *testing.T, db *sqldb.DB, f func(tx *sqldb.Tx) error) {
	t.Helper()
	if err := db.Write(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

// Rows come back as they went in, and only in their clinic.
func TestIntakesRoundTrip(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, []sqldb.Set{store.Migrations}, func(t *testing.T, db *sqldb.DB) {
		draft := store.Intake{
			ClinicID: "cln_a", IntakeID: "int_1", PatientID: "pat_1", QuestionnaireID: "q", QuestionnaireVersion: 1, Language: "en",
			State: "DRAFT", CreatedBy: "acc_1", CreatedAt: at, UpdatedAt: at, Version: 1,
		}
		done := draft
		done.IntakeID, done.State, done.SubmittedAt, done.ExpiresAt, done.Level, done.ComputedLevel = "int_2", "SUBMITTED", at, at.Add(time.Hour), 3, 2
		write(t, db, func(tx *sqldb.Tx) error {
			if err := store.AddPatient(tx, "cln_a", "pat_1"); err != nil {
				return err
			}
			if err := store.InsertIntake(tx, draft); err != nil {
				return err
			}
			if err := store.InsertIntake(tx, done); err != nil {
				return err
			}
			for n, value := range []string{`"no"`, `"yes"`} {
				r := store.Revision{QuestionID: "fever", Revision: int64(n + 1), Value: value, AnsweredBy: "acc_1", AnsweredAs: "PATIENT", AnsweredAt: at}
				if err := store.PutAnswer(tx, "cln_a", "int_1", int64(n+2), r); err != nil {
					return err
				}
			}
			return nil
		})
		write(t, db, func(tx *sqldb.Tx) error {
			got, ok, err := store.LockIntake(tx, "cln_a", "int_2")
			if d := cmp.Diff(done, got); err != nil || !ok || d != "" {
				t.Errorf("%v %v %s", ok, err, d)
			}
			if _, ok, err := store.GetIntake(tx, "cln_b", "int_2"); err != nil || ok {
				t.Errorf("another clinic's: %v, %v", ok, err)
			}
			list, err := store.ListIntakes(tx, "cln_a", "pat_1", "", 10)
			if d := cmp.Diff([]store.Intake{done, draft}, list); err != nil || d != "" {
				t.Errorf("%v %s", err, d)
			}
			list, err = store.ListIntakes(tx, "cln_a", "pat_1", "int_2", 10)
			if d := cmp.Diff([]store.Intake{draft}, list); err != nil || d != "" {
				t.Errorf("%v %s", err, d)
			}
			answers, err := store.Answers(tx, "cln_a", "int_1")
			want := []store.Answer{{QuestionID: "fever", Value: `"yes"`, Revision: 2, IntakeVersion: 3}}
			if d := cmp.Diff(want, answers); err != nil || d != "" {
				t.Errorf("%v %s", err, d)
			}
			revisions, err := store.Revisions(tx, "cln_a", "int_1")
			if err != nil || len(revisions) != 2 || !revisions[1].AnsweredAt.Equal(at) {
				t.Errorf("%v %v", revisions, err)
			}
			return nil
		})
	})
}

// A result and a revision are written once; a task takes one change of a version.
func TestWhatIsWrittenOnceStays(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, []sqldb.Set{store.Migrations}, func(t *testing.T, db *sqldb.DB) {
		result := store.Result{RuleSetVersion: "q@1", ComputedLevel: 2, JSON: "{}", TriagedAt: at}
		put := func(tx *sqldb.Tx) error { return store.PutResult(tx, "cln_a", "int_1", result) }
		write(t, db, put)
		if err := db.Write(t.Context(), put); err == nil {
			t.Error("a second result was taken")
		}
		task := store.Task{ClinicID: "cln_a", TaskID: "tsk_1", IntakeID: "int_1", PatientID: "pat_1", State: "OPEN", Level: 3, RaisedBy: "INTAKE", DueAt: at, CreatedAt: at, Version: 1}
		write(t, db, func(tx *sqldb.Tx) error { return store.InsertTask(tx, task) })
		second := task
		second.TaskID = "tsk_2"
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error { return store.InsertTask(tx, second) })
		if name, ok := sqldb.Unique(err); !ok || name != "triage_tasks_clinic_id_intake_id_key" {
			t.Errorf("a second task of an intake: %q, %v", name, err)
		}
		second.IntakeID = ""
		third := second
		third.TaskID = "tsk_3"
		write(t, db, func(tx *sqldb.Tx) error { return store.InsertTask(tx, second) })
		write(t, db, func(tx *sqldb.Tx) error { return store.InsertTask(tx, third) })
		write(t, db, func(tx *sqldb.Tx) error {
			for _, want := range []bool{true, false} {
				if ok, err := store.UpdateTask(tx, task); err != nil || ok != want {
					t.Errorf("update: %v, %v; want %v", ok, err, want)
				}
			}
			return nil
		})
	})
}

// Decisions are numbered, gates are made when they are missing, facts come newest first.
func TestGatesFactsAndDecisions(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, []sqldb.Set{store.Migrations}, func(t *testing.T, db *sqldb.DB) {
		write(t, db, func(tx *sqldb.Tx) error {
			if err := store.AddPatient(tx, "cln_a", "pat_1"); err != nil {
				return err
			}
			for level := 2; level <= 3; level++ {
				if err := store.AddDecision(tx, "cln_a", "int_1", store.Decision{FromLevel: level - 1, ToLevel: level, Reason: "r", By: "acc_1", As: "CLINICIAN", At: at}); err != nil {
					return err
				}
			}
			got, err := store.Decisions(tx, "cln_a", "int_1")
			if err != nil || len(got) != 2 || got[1].ToLevel != 3 || !got[1].At.Equal(at) {
				t.Errorf("%v %v", got, err)
			}
			g, err := store.LockGate(tx, "cln_a", "pat_1")
			if err != nil || g.Version != 0 || !g.ExpiresAt.IsZero() {
				t.Errorf("%+v %v", g, err)
			}
			g.Version, g.Level, g.TriageDate, g.ExpiresAt, g.IntakeID = 1, 4, "2026-03-27", at, "int_1"
			if err := store.PutGate(tx, "cln_a", g); err != nil {
				return err
			}
			gates, err := store.Gates(tx, "cln_a", "pat_1")
			if d := cmp.Diff([]store.Gate{g}, gates); err != nil || d != "" {
				t.Errorf("%v %s", err, d)
			}
			for n, id := range []string{"fact_1", "fact_2"} {
				f := store.Fact{FactID: id, PatientID: "pat_1", QuestionID: "fever", Value: `"no"`, SaidBy: "PATIENT", RecordedBy: "acc_1", RecordedAt: at.Add(time.Duration(n) * time.Second)}
				if err := store.AddFact(tx, "cln_a", f); err != nil {
					return err
				}
			}
			facts, err := store.Facts(tx, "cln_a", "pat_1")
			if err != nil || len(facts) != 2 || facts[0].FactID != "fact_2" {
				t.Errorf("%v %v", facts, err)
			}
			if foreign, err := store.Facts(tx, "cln_b", "pat_1"); err != nil || len(foreign) != 0 {
				t.Errorf("%v %v", foreign, err)
			}
			return nil
		})
	})
}
