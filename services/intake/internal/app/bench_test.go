package app

import (
	"context"
	"fmt"
	"log/slog"
	"syscall"
	"testing"
	"time"

	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/intake/internal/store"
	"github.com/upright-clinic/upright/services/intake/internal/triage"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/clock"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
	"github.com/upright-clinic/upright/services/platform/sqldb/sqldbtest"
)

const clinic = "cln_a"

// sets are the tables of intake.
func sets() []sqldb.Set {
	return []sqldb.Set{eventlog.Migrations, requestid.Migrations, audit.Migrations, store.Migrations}
}

func newApp(tb testing.TB, db *sqldb.DB) *App {
	tb.Helper()
	forms, err := triage.Shipped()
	if err != nil {
		tb.Fatal(err)
	}
	return New(db, NewForms(forms, clock.System), Directory{}, slog.New(slog.DiscardHandler))
}

func clinician(ctx context.Context) context.Context {
	return authn.With(ctx, authn.Principal{Subject: "acc_clinician", ClinicID: clinic, Roles: []typev1.Role{typev1.Role_ROLE_CLINICIAN}})
}

// screened makes a patient with a whole form's facts and as many things against treatments as there are.
func screened(tb testing.TB, a *App, patientID string) {
	tb.Helper()
	ctx := clinician(tb.Context())
	err := a.db.Write(ctx, func(tx *sqldb.Tx) error { return store.AddPatient(tx, clinic, patientID) })
	if err != nil {
		tb.Fatal(err)
	}
	set, err := a.forms.Facts(clinic)
	if err != nil {
		tb.Fatal(err)
	}
	for n, id := range set.ContraindicationQuestions() {
		in := RecordClinicalFact{PatientID: patientID, QuestionID: id, Value: answerOf(set, id, n), SaidBy: "PATIENT"}
		if _, _, err := a.RecordClinicalFact(ctx, in); err != nil {
			tb.Fatal(err)
		}
	}
}

// answerOf returns the nth of the answers that fit a question, beginning anew after the last.
func answerOf(set *triage.Set, id string, n int) triage.Answer {
	q, _ := set.Question(id)
	switch q.Type {
	case triage.TypeInt:
		return triage.Num(float64(q.Min + int64(n)%(q.Max-q.Min+1)))
	case triage.TypeMulti:
		if n %= len(q.Options) + 1; n == len(q.Options) {
			return triage.Multi()
		}
		return triage.Multi(q.Options[n].ID)
	case triage.TypeChoice:
	}
	return triage.Choice(q.Options[n%len(q.Options)].ID)
}

// BenchmarkBookingGate puts the one query that a booking costs beside reading everything
// that the gate follows from, in one run:
//
//	go test -bench BookingGate -run '^$' ./internal/app
func BenchmarkBookingGate(b *testing.B) {
	a := newApp(b, sqldbtest.Open(b, sqldb.SQLite, sets()...))
	ctx := authn.WithService(b.Context(), "booking", clinic)
	p, err := scopedCaller(ctx, clinic)
	if err != nil {
		b.Fatal(err)
	}
	screened(b, a, "pat_screened")
	if err := a.db.Write(ctx, func(tx *sqldb.Tx) error { return store.AddPatient(tx, clinic, "pat_new") }); err != nil {
		b.Fatal(err)
	}
	for _, patientID := range []string{"pat_new", "pat_screened"} {
		for name, read := range map[string]func() (GateView, error){
			"from-facts": func() (GateView, error) { return a.readGate(ctx, p, patientID) },
			"kept":       func() (GateView, error) { return a.BookingGate(ctx, clinic, patientID) },
		} {
			b.Run(fmt.Sprintf("%s/%s", patientID, name), func(b *testing.B) {
				b.ReportAllocs()
				before := cpuTime(b)
				for b.Loop() {
					if _, err := read(); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(cpuTime(b)-before)/float64(time.Microsecond)/float64(b.N), "cpu-µs/op")
			})
		}
	}
}

// cpuTime is what the process has used: it does not grow with what else the machine does.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
