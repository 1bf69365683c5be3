package audit_test

import (
	"testing"

	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/sqldb"
	"github.com/upright-clinic/upright/services/platform/sqldb/sqldbtest"
)

func TestSameMigrations(t *testing.T) {
	t.Parallel()
	sqldbtest.SameMigrations(t, audit.Migrations)
}

func TestRowSaysWhoDidWhat(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, []sqldb.Set{audit.Migrations}, func(t *testing.T, db *sqldb.DB) {
		ctx := authn.With(t.Context(), authn.Principal{Subject: "acc_1", ClinicID: "cln_1", SessionID: "ses_1", Roles: []typev1.Role{typev1.Role_ROLE_CLINICIAN}})
		if err := audit.Read(ctx, db, audit.Entry{Action: "plan.read", Resource: "pln_1", PatientID: "pat_1", Facts: map[string]string{"why": "CARE"}}); err != nil {
			t.Fatal(err)
		}
		var clinic, actor, roles, session, action, resource, patient, facts string
		err := db.Read(ctx, func(tx *sqldb.Tx) error {
			return tx.QueryRow(`SELECT clinic_id, actor, roles, session_id, action, resource_id, patient_id, facts FROM audit_log`).
				Scan(&clinic, &actor, &roles, &session, &action, &resource, &patient, &facts)
		})
		got := []string{clinic, actor, roles, session, action, resource, patient, facts}
		for i, want := range []string{"cln_1", "acc_1", "CLINICIAN", "ses_1", "plan.read", "pln_1", "pat_1", `{"why":"CARE"}`} {
			if err != nil || got[i] != want {
				t.Errorf("column %d is %q, want %q (%v)", i, got[i], want, err)
			}
		}
	})
}

// The database refuses to change history, whoever asks.
func TestRowsStay(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, []sqldb.Set{audit.Migrations}, func(t *testing.T, db *sqldb.DB) {
		if err := audit.Read(t.Context(), db, audit.Entry{Action: "a"}); err != nil {
			t.Fatal(err)
		}
		queries := []string{`UPDATE audit_log SET actor = 'x'`, `UPDATE audit_log SET audit_id = audit_id + 1`, `DELETE FROM audit_log`}
		if db.Dialect() == sqldb.Postgres {
			queries = append(queries, `TRUNCATE audit_log`)
		} else {
			queries = append(queries, `INSERT OR REPLACE INTO audit_log SELECT * FROM audit_log`)
		}
		for _, query := range queries {
			err := db.Write(t.Context(), func(tx *sqldb.Tx) error { _, err := tx.Exec(query); return err })
			if err == nil {
				t.Errorf("%s went through", query)
			}
		}
	})
}

// No row, no answer.
func TestFailingRowFailsTheAnswer(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, nil, func(t *testing.T, db *sqldb.DB) {
		if err := audit.Read(t.Context(), db, audit.Entry{Action: "a"}); err == nil {
			t.Error("the answer would have left without its row")
		}
	})
}
