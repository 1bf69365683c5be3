package app

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/intake/internal/store"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/sqldb"
	"github.com/upright-clinic/upright/services/platform/sqldb/sqldbtest"
)

// people are few, so that merges and facts meet.
var people = []string{"pat_a", "pat_b", "pat_c", "pat_d"}

// change does one thing that a gate follows from, by chance. Refusals are part of it. Merges
// are heard of one after the other: a consumer's events wait for its cursor.
func change(ctx context.Context, t *testing.T, a *App, r *rand.Rand, heard *sync.Mutex) string {
	t.Helper()
	set, err := a.forms.Facts(clinic)
	if err != nil {
		t.Fatal(err)
	}
	who, other := people[r.IntN(len(people))], people[r.IntN(len(people))]
	switch r.IntN(10) {
	case 0, 1:
		heard.Lock()
		defer heard.Unlock()
		err := a.db.Write(ctx, func(tx *sqldb.Tx) error { return a.OnPatientMerged(ctx, tx, clinic, who, other) })
		return fmt.Sprint("merge ", other, " into ", who, ": ", err)
	case 2, 3:
		heard.Lock()
		defer heard.Unlock()
		err := a.db.Write(ctx, func(tx *sqldb.Tx) error { return a.OnPatientUnmerged(ctx, tx, clinic, who, other) })
		return fmt.Sprint("unmerge ", other, " from ", who, ": ", err)
	case 4, 5:
		c := set.Contraindications[r.IntN(len(set.Contraindications))]
		_, _, err := a.ReleaseContraindication(ctx, ReleaseContraindication{PatientID: who, ContraindicationID: c.ID, Reason: "seen"})
		return fmt.Sprint("release ", c.ID, " of ", who, ": ", err)
	case 6:
		yes := map[string]bool{}
		for _, m := range set.MiniScreen {
			yes[m.ID] = r.IntN(4) == 0
		}
		_, err := a.RecordMiniScreen(ctx, RecordMiniScreen{PatientID: who, Answers: yes})
		return fmt.Sprint("mini-screen of ", who, ": ", err)
	}
	questions := set.ContraindicationQuestions()
	q := questions[r.IntN(len(questions))]
	_, _, err = a.RecordClinicalFact(ctx, RecordClinicalFact{PatientID: who, QuestionID: q, Value: answerOf(set, q, r.IntN(100)), SaidBy: "PATIENT"})
	return fmt.Sprint("fact ", q, " of ", who, ": ", err)
}

// physician may release everything.
func physician(ctx context.Context) context.Context {
	return authn.With(ctx, authn.Principal{
		Subject: "acc_physician", ClinicID: clinic, Roles: []typev1.Role{typev1.Role_ROLE_CLINICIAN}, Profession: typev1.Profession_PROFESSION_PHYSICIAN,
	})
}

func addPeople(t *testing.T, a *App) {
	t.Helper()
	err := a.db.Write(t.Context(), func(tx *sqldb.Tx) error {
		for _, id := range people {
			if err := store.AddPatient(tx, clinic, id); err != nil {
				return err
			}
		}
		return store.PutClinic(tx, clinic, "Europe/Berlin")
	})
	if err != nil {
		t.Fatal(err)
	}
}

// compareGates checks that what is kept beside the gates is what follows from the facts, and
// that it was what answered.
func compareGates(ctx context.Context, t *testing.T, a *App) (blocked int) {
	t.Helper()
	set, err := a.forms.Facts(clinic)
	if err != nil {
		t.Fatal(err)
	}
	p, err := callerOf(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range people {
		want, err := a.readGate(ctx, p, id)
		if err != nil {
			t.Fatal(err)
		}
		want.Audience = Clinicians
		got, err := a.BookingGate(ctx, clinic, id)
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Fatalf("gate of %s, from the facts and as kept: %v\n%s", id, err, d)
		}
		err = a.db.ReadOne(ctx, func(tx *sqldb.Tx) error {
			rows, err := store.Records(tx, clinic, id)
			if err != nil {
				return err
			}
			if _, counts, err := keptGate(rows, id, set.RuleSetVersion(), p, tx.Now()); err != nil || !counts {
				return fmt.Errorf("what is kept for %s does not count: %w", id, err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		blocked += len(got.Gate.Blocked) + len(got.Gate.ReleaseNeeded)
	}
	return blocked
}

// Whatever happens, in whatever order, the gate that booking is told is the one that follows
// from the facts.
func TestKeptGateIsTheGate(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, sets(), func(t *testing.T, db *sqldb.DB) {
		a, ctx := newApp(t, db), physician(t.Context())
		addPeople(t, a)
		compareGates(ctx, t, a)
		r := rand.New(rand.NewPCG(1, 2))
		var blocked int
		for range 150 {
			did := change(ctx, t, a, r, &sync.Mutex{})
			if blocked += compareGates(ctx, t, a); t.Failed() {
				t.Fatal(did)
			}
		}
		if blocked == 0 {
			t.Error("nothing was ever blocked: the test tests nothing")
		}
	})
}

// Facts, releases and merges of the same people by many at once, as several processes do on
// PostgreSQL, leave what follows from all of them.
func TestKeptGateUnderConcurrentChanges(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, sets(), func(t *testing.T, db *sqldb.DB) {
		a, ctx := newApp(t, db), physician(t.Context())
		addPeople(t, a)
		var heard sync.Mutex
		for round := range 20 {
			var all sync.WaitGroup
			for n := range 8 {
				all.Go(func() { change(ctx, t, a, rand.New(rand.NewPCG(uint64(round), uint64(n))), &heard) })
			}
			all.Wait()
			compareGates(ctx, t, a)
		}
	})
}

// A record whose root is not a root is no record that stands alone: the facts decide.
func TestGateOfABrokenChainIsReadFromFacts(t *testing.T) {
	t.Parallel()
	rows := []store.Record{{RootID: "pat_b", Gate: store.Gate{PatientID: "pat_a"}}}
	p := authn.Principal{Subject: "acc_clinician", ClinicID: clinic, Roles: []typev1.Role{typev1.Role_ROLE_CLINICIAN}}
	if _, counts, err := keptGate(rows, "pat_a", "rules", p, time.Time{}); err != nil || counts {
		t.Errorf("counts %v, %v", counts, err)
	}
}

// After an update of the rules, what the old ones made of the facts does not count.
func TestKeptByOtherRulesDoesNotCount(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, sets(), func(t *testing.T, db *sqldb.DB) {
		a, ctx := newApp(t, db), physician(t.Context())
		screened(t, a, "pat_a")
		want, err := a.BookingGate(ctx, clinic, "pat_a")
		if err != nil || len(want.Gate.Blocked) == 0 {
			t.Fatalf("%v %v", want, err)
		}
		err = db.Write(ctx, func(tx *sqldb.Tx) error {
			g, err := store.LockGate(tx, clinic, "pat_a")
			if err != nil {
				return err
			}
			g.Known, g.KnownBy = "", "upright-intake@0+sha256:0"
			return store.PutGate(tx, clinic, g)
		})
		if err != nil {
			t.Fatal(err)
		}
		got, err := a.BookingGate(ctx, clinic, "pat_a")
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("%v %s", err, d)
		}
	})
}
