package app

import (
	"log/slog"
	"testing"

	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// BenchmarkResolveSession is what every request of a person costs directory.
func BenchmarkResolveSession(b *testing.B) {
	for _, dialect := range []sqldb.Dialect{sqldb.SQLite, sqldb.Postgres} {
		bundle := setup(b, dialect)
		bundle.newStaff("ida@demo.clinic", "RECEPTIONIST")
		bundle.register("rosa@example.org")
		for name, in := range map[string]SignIn{
			"staff": bundle.signIn("ida@demo.clinic", staffPassword), "patient": bundle.signIn("rosa@example.org", patientPassword),
		} {
			b.Run(string(dialect)+"/"+name, func(b *testing.B) {
				for b.Loop() {
					if _, err := bundle.ResolveSession(b.Context(), in.Token, false); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkSignIn is a sign-in at the cost of production.
func BenchmarkSignIn(b *testing.B) {
	bundle := setup(b, sqldb.SQLite)
	bundle.App = New(bundle.db, bundle.clock, slog.New(slog.DiscardHandler), Config{})
	bundle.newStaff("ida@demo.clinic", "RECEPTIONIST")
	for b.Loop() {
		bundle.signIn("ida@demo.clinic", staffPassword)
	}
}
