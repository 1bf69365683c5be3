package store_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/sqldb"
	"github.com/upright-clinic/upright/services/platform/sqldb/sqldbtest"
)

const clinic = "cln_a"

var at = time.Date(2026, 11, 20, 8, 0, 0, 123000, time.UTC)

// each runs f on both databases.
func each(t *testing.T, f func(t *testing.T, db *sqldb.DB)) {
	t.Helper()
	sqldbtest.Each(t, []sqldb.Set{store.Migrations}, f)
}

// write runs f in a transaction that must succeed.
func write(t *testing.T, db *sqldb.DB, f func(tx *sqldb.Tx) error) {
	t.Helper()
	if err := db.Write(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

func TestMigrationsAreTheSame(t *testing.T) {
	t.Parallel()
	sqldbtest.SameMigrations(t, store.Migrations)
}

func claim(resource string, from, to schedule.Slot, holder string, override bool) store.Claim {
	return store.Claim{ResourceID: resource, Span: schedule.Span{From: from, To: to}, HolderID: holder, Override: override}
}

// TestDatabaseRefusesOverlap inserts claims at random, without any check or lock, and compares
// what the database lets in with the rule: a claim that nobody overrode may lie over nothing,
// overridden or not; an overridden one over anything.
func TestDatabaseRefusesOverlap(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		rng := rand.New(rand.NewPCG(1, 2))
		var in []store.Claim
		for i := range 400 {
			from := schedule.Slot(5_900_000 + rng.IntN(2000))
			length := schedule.Slot(1 + rng.IntN(12))
			if rng.IntN(20) == 0 {
				length = 288 // the longest that there may be
			}
			c := claim(fmt.Sprint("room_", rng.IntN(3)), from, from+length, fmt.Sprint("apt_", i), rng.IntN(8) == 0)
			ok := true
			for _, o := range in {
				ok = ok && (c.Override || o.ResourceID != c.ResourceID || !o.Span.Overlaps(c.Span))
			}
			err := db.Write(t.Context(), func(tx *sqldb.Tx) error { return store.InsertClaims(tx, clinic, []store.Claim{c}, errOverlap) })
			if ok != (err == nil) || err != nil && !errors.Is(err, errOverlap) {
				t.Fatalf("claim %+v: allowed %v, error %v", c, ok, err)
			}
			if ok {
				in = append(in, c)
			}
			if len(in) > 0 && rng.IntN(5) == 0 { // what is given back is free
				gone := in[rng.IntN(len(in))]
				write(t, db, func(tx *sqldb.Tx) error { return store.RemoveClaims(tx, clinic, []store.Claim{gone}) })
				in = removed(in, gone)
			}
		}
		if len(in) < 20 {
			t.Errorf("only %d claims", len(in))
		}
		// Another clinic's diary is another diary.
		c := in[0]
		write(t, db, func(tx *sqldb.Tx) error { return store.InsertClaims(tx, "cln_b", []store.Claim{c}, errOverlap) })
	})
}

var errOverlap = errors.New("store_test: taken")

func removed(list []store.Claim, gone store.Claim) (left []store.Claim) {
	for _, c := range list {
		if c != gone {
			left = append(left, c)
		}
	}
	return left
}

// TestClaimsAreNotUpdated: the rule is checked on insert, so a claim cannot be moved past it,
// and one longer than a day, which a search would miss, cannot be made.
func TestClaimsAreNotUpdated(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		write(t, db, func(tx *sqldb.Tx) error {
			return store.InsertClaims(tx, clinic, []store.Claim{claim("room_1", 100, 110, "apt_1", false), claim("room_1", 120, 130, "apt_2", false)}, errOverlap)
		})
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.Exec(`update claims set starts_at = $1 where holder_id = 'apt_2'`, 105*5*60*1_000_000)
			return err
		})
		if err == nil {
			t.Error("a claim was moved")
		}
		for _, c := range []store.Claim{claim("room_2", 100, 100+289, "apt_3", false), claim("room_2", 100, 100, "apt_3", false)} {
			if err := db.Write(t.Context(), func(tx *sqldb.Tx) error { return store.InsertClaims(tx, clinic, []store.Claim{c}, errOverlap) }); err == nil {
				t.Errorf("claim of %d slots", c.Span.To-c.Span.From)
			}
		}
	})
}

// TestOverlapping compares the query with the spans, half-open, whatever the length.
func TestOverlapping(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		all := []store.Claim{
			claim("prac_1", 0, 288, "apt_1", false), claim("prac_1", 288, 294, "apt_2", false), claim("prac_1", 300, 306, "apt_3", false),
			claim("room_1", 294, 300, "apt_4", false),
		}
		write(t, db, func(tx *sqldb.Tx) error { return store.InsertClaims(tx, clinic, all, errOverlap) })
		for _, s := range []schedule.Span{{From: 287, To: 288}, {From: 288, To: 300}, {From: 294, To: 300}, {From: 0, To: 400}, {From: 306, To: 310}} {
			var want []store.Claim
			for _, c := range all {
				if c.Span.Overlaps(s) {
					want = append(want, c)
				}
			}
			err := db.Read(t.Context(), func(tx *sqldb.Tx) error {
				got, err := store.Overlapping(tx, clinic, []string{"prac_1", "room_1"}, s)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%v (-want +got):\n%s", s, diff)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	})
}

func anAppointment(id string) *store.Appointment {
	return &store.Appointment{
		ClinicID: clinic, ID: id, Version: 1, State: store.Booked, TypeID: "atype_1", Kind: schedule.Treatment, Discipline: schedule.Massage,
		Mode: schedule.InPerson, PatientID: "pat_1", PractitionerID: "prac_1", LocationID: "loc_1", RoomID: "room_1", EquipmentIDs: []string{"eqp_1", "eqp_2"},
		Visit: schedule.Span{From: 100, To: 106}, Claims: schedule.Span{From: 99, To: 110}, LocalDate: civil.MustParse("2026-11-23"), TimeZone: "Europe/Berlin",
		PlanID: "pln_1", CourseID: "crs_1", EntitlementID: "ent_1", Attempt: 2, GateVersion: 7, Flags: []string{"A", "B"}, NeedsReview: true,
		NextEligible: civil.MustParse("2027-01-01"), OverrideReason: "why", OverrideBy: "acc_1",
		MeetingURI: "https://meet.example/x", CreatedAt: at, ClaimedPatientID: "pat_2",
	}
}

// Rows come back as they went in, and only in their clinic.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		apt := anAppointment("apt_1")
		bare := &store.Appointment{ClinicID: clinic, ID: "apt_2", Version: 1, State: store.Booked, CreatedAt: at, LocalDate: civil.MustParse("2026-11-23")}
		hold := &store.Hold{
			ClinicID: clinic, ID: "hold_1", Version: 1, State: store.Held, OwnerSubject: "acc_1", OwnerToken: "t", TypeID: "atype_1", PatientID: "pat_1",
			PractitionerID: "prac_1", RoomID: "room_1", EquipmentIDs: []string{"eqp_1"}, Visit: apt.Visit, Claims: apt.Claims, CreatedAt: at,
			ExpiresAt: at.Add(time.Minute), ClaimedPatientID: "pat_2",
		}
		att := &store.Attempt{
			ClinicID: clinic, ID: "att_1", OriginID: "att_0", Kind: store.AttemptMove, State: store.AttemptOpen, PatientID: "pat_1", PlanID: "pln_1",
			CourseID: "crs_1", GateVersion: 3, CreatedAt: at, Items: []store.AttemptItem{
				{
					AppointmentID: "apt_1", Attempt: 2, EntitlementID: "ent_2", ReplacesEntitlementID: "ent_1", Appointment: apt,
					Claims: []store.Claim{claim("room_1", 1, 2, "apt_1", true)}, Placed: []store.Claim{claim("room_1", 1, 2, "apt_1", true)},
				},
				{AppointmentID: "apt_2", Attempt: 1, EntitlementID: "ent_3", Appointment: bare},
			},
		}
		write(t, db, func(tx *sqldb.Tx) error {
			return errors.Join(store.InsertAppointment(tx, apt), store.InsertAppointment(tx, bare), store.InsertHold(tx, hold), store.InsertAttempt(tx, att))
		})
		planned := *apt // the attempt keeps it as it was
		att.Items[0].Appointment = &planned
		apt.Version, apt.CancelReason, apt.LateCancel, apt.CancelledAt, apt.CheckedInAt = 2, "OTHER", true, at, at
		write(t, db, func(tx *sqldb.Tx) error {
			ok, err := store.UpdateAppointment(tx, apt, 1)
			if !ok {
				t.Error("the row has another version")
			}
			return err
		})
		write(t, db, func(tx *sqldb.Tx) error {
			for _, want := range []*store.Appointment{apt, bare} {
				got, err := store.LockAppointment(tx, clinic, want.ID)
				if diff := cmp.Diff(want, got); err != nil || diff != "" {
					t.Errorf("appointment: %v (-want +got):\n%s", err, diff)
				}
			}
			if got, err := store.LockHold(tx, clinic, "hold_1"); err != nil || !cmp.Equal(hold, got) {
				t.Errorf("hold: %v %s", err, cmp.Diff(hold, got))
			}
			if got, err := store.LockAttempt(tx, clinic, "att_1"); err != nil || !cmp.Equal(att, got) {
				t.Errorf("attempt: %v %s", err, cmp.Diff(att, got))
			}
			other, err1 := store.GetAppointment(tx, "cln_b", "apt_1")
			noHold, err2 := store.GetHold(tx, "cln_b", "hold_1")
			noAttempt, err3 := store.GetAttempt(tx, "cln_b", "att_1")
			if other != nil || noHold != nil || noAttempt != nil {
				t.Error("another clinic sees it")
			}
			return errors.Join(err1, err2, err3)
		})
		next := *apt
		next.Version, next.State, next.Flags, next.RoomID, next.CancelledAt = 3, store.Cancelled, nil, "", time.Time{}
		write(t, db, func(tx *sqldb.Tx) error {
			if ok, err := store.UpdateAppointment(tx, &next, 9); err != nil || ok {
				t.Errorf("updated another version: %v %v", ok, err)
			}
			if ok, err := store.UpdateAppointment(tx, &next, 2); err != nil || !ok {
				t.Errorf("not updated: %v %v", ok, err)
			}
			got, err := store.GetAppointment(tx, clinic, "apt_1")
			if diff := cmp.Diff(&next, got); diff != "" {
				t.Errorf("updated (-want +got):\n%s", diff)
			}
			return err
		})
	})
}

// TestOutcomes: the first outcome of an entitlement decides; BOOKED moves on once; VOID never.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		use := func(id string, o store.Outcome) bool {
			var first bool
			write(t, db, func(tx *sqldb.Tx) (err error) {
				first, err = store.InsertUse(tx, clinic, store.Use{EntitlementID: id, Outcome: o, AppointmentID: "apt_1", PatientID: "pat_1"})
				return err
			})
			return first
		}
		move := func(id string, o store.Outcome) bool {
			var moved bool
			write(t, db, func(tx *sqldb.Tx) (err error) { moved, err = store.MoveUse(tx, clinic, id, o); return err })
			return moved
		}
		if !use("ent_v", store.OutcomeVoid) || use("ent_v", store.OutcomeBooked) || move("ent_v", store.OutcomeCancelled) {
			t.Error("VOID is not final")
		}
		if !use("ent_b", store.OutcomeBooked) || use("ent_b", store.OutcomeVoid) {
			t.Error("the first outcome does not decide")
		}
		if !move("ent_b", store.OutcomeCompleted) || move("ent_b", store.OutcomeCancelled) || move("ent_x", store.OutcomeCancelled) {
			t.Error("BOOKED moves on exactly once")
		}
	})
}

// TestMerges follows chains: what was merged into a merged record goes where that goes, and
// comes back with it.
func TestMerges(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		write(t, db, func(tx *sqldb.Tx) error {
			for _, id := range []string{"pat_a", "pat_b", "pat_c", "pat_d"} {
				if err := store.PutPatient(tx, clinic, id, id); err != nil {
					return err
				}
			}
			return errors.Join(store.MergePatient(tx, clinic, "pat_a", "pat_b"), store.MergePatient(tx, clinic, "pat_b", "pat_c"),
				store.MergePatient(tx, clinic, "pat_d", "pat_c"))
		})
		surviving := func(want map[string]string) {
			t.Helper()
			write(t, db, func(tx *sqldb.Tx) error {
				for id, w := range want {
					if got, err := store.SurvivingPatient(tx, clinic, id); err != nil || got != w {
						t.Errorf("%s survives as %s %v, want %s", id, got, err, w)
					}
				}
				return nil
			})
		}
		surviving(map[string]string{"pat_a": "pat_c", "pat_b": "pat_c", "pat_c": "pat_c", "pat_d": "pat_c", "pat_x": ""})
		write(t, db, func(tx *sqldb.Tx) error {
			ids, err := store.PatientRecords(tx, clinic, "pat_c")
			if diff := cmp.Diff([]string{"pat_c", "pat_a", "pat_b", "pat_d"}, ids); diff != "" {
				t.Errorf("records (-want +got):\n%s", diff)
			}
			return errors.Join(err, store.UnmergePatient(tx, clinic, "pat_b"))
		})
		surviving(map[string]string{"pat_a": "pat_b", "pat_b": "pat_b", "pat_c": "pat_c", "pat_d": "pat_c"})
	})
}

// TestProjectionsKeepTheNewest: an answer of directory that is older than what is known changes
// nothing.
func TestProjectionsKeepTheNewest(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		put := func(version int64, capability string) (changed bool) {
			write(t, db, func(tx *sqldb.Tx) (err error) {
				r := store.Resource{SourceVersion: version, Resource: schedule.Resource{ID: "prac_1", Kind: schedule.PractitionerResource, Capabilities: []string{capability}}}
				r.Credentials = []schedule.Credential{{Kind: "LICENSE"}, {Kind: capability, Expire: civil.MustParse("2027-01-01")}}
				changed, err = store.PutResource(tx, clinic, r)
				return err
			})
			return changed
		}
		if !put(2, "MASSAGE") || put(1, "CBT") || put(2, "CBT") || !put(3, "MEDICAL") {
			t.Error("versions are not compared")
		}
		write(t, db, func(tx *sqldb.Tx) error {
			if _, err := store.PutClinic(tx, store.Clinic{ID: clinic, TimeZone: "Europe/Berlin", SourceVersion: 1}); err != nil {
				return err
			}
			cat, err := store.LoadCatalogue(tx, clinic)
			if err != nil {
				return err
			}
			want := []schedule.Practitioner{{ID: "prac_1", Disciplines: []schedule.Discipline{"MEDICAL"}, Credentials: []schedule.Credential{
				{Kind: "LICENSE"}, {Kind: "MEDICAL", Expire: civil.MustParse("2027-01-01")},
			}}}
			if diff := cmp.Diff(want, cat.Practitioners); diff != "" {
				t.Errorf("practitioners (-want +got):\n%s", diff)
			}
			return nil
		})
	})
}
