package store

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
	"github.com/upright-clinic/upright/services/platform/sqldb/sqldbtest"
)

func TestMigrations(t *testing.T) {
	t.Parallel()
	sqldbtest.SameMigrations(t, Migrations)
}

// each runs f on both databases, with two clinics in them.
func each(t *testing.T, f func(t *testing.T, db *sqldb.DB)) {
	t.Helper()
	sqldbtest.Each(t, []sqldb.Set{Migrations}, func(t *testing.T, db *sqldb.DB) {
		write(t, db, func(tx *sqldb.Tx) error {
			for _, id := range []string{"cln_1", "cln_2"} {
				inserted, err := InsertClinic(tx, people.Clinic{ID: id, Slug: id[4:] + "-clinic", PublicName: "Clinic", TimeZone: "Europe/Vienna", Locale: "de-AT"})
				if err != nil || !inserted {
					return errors.Join(err, errors.New("clinic not inserted"))
				}
			}
			return nil
		})
		f(t, db)
	})
}

func write(t testing.TB, db *sqldb.DB, f func(tx *sqldb.Tx) error) {
	t.Helper()
	if err := db.Write(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

func read[T any](t testing.TB, db *sqldb.DB, f func(tx *sqldb.Tx) (T, error)) (v T) {
	t.Helper()
	err := db.Read(t.Context(), func(tx *sqldb.Tx) (err error) {
		v, err = f(tx)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

var (
	one        = WholeClinic("cln_1")
	two        = WholeClinic("cln_2")
	ignoreTime = cmpopts.IgnoreTypes(time.Time{})
)

func TestClinics(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		want := people.Clinic{
			ID: "cln_3", Slug: "three", PublicName: "Drei „3“", TimeZone: "Pacific/Auckland", Locale: "en-NZ", Phone: "1", Email: "a@b.c",
			EmergencyNumbers: []people.EmergencyNumber{{Label: "Rescue", Number: "111", Kind: "EMERGENCY"}},
			SafetyOfficer:    people.SafetyOfficer{Name: "N", Registration: "R", Contact: "C"},
			Address:          people.Address{Lines: []string{"a", "b"}, PostalCode: "1", City: "c", Region: "d", Country: "NZ"},
			Version:          1, RegistrationEnabled: true,
		}
		write(t, db, func(tx *sqldb.Tx) error {
			if inserted, err := InsertClinic(tx, want); err != nil || !inserted {
				t.Errorf("inserted %t, %v", inserted, err)
			}
			again := want
			again.ID = "cln_4"
			if inserted, err := InsertClinic(tx, again); err != nil || inserted {
				t.Errorf("a second one with the slug: inserted %t, %v", inserted, err)
			}
			return nil
		})
		for _, name := range []string{"cln_3", "three"} {
			got := read(t, db, func(tx *sqldb.Tx) (people.Clinic, error) { return GetClinicByName(tx, name) })
			if diff := cmp.Diff(want, got, ignoreTime); diff != "" {
				t.Errorf("by %s (-want +got):\n%s", name, diff)
			}
		}
		want.Slug = "1-clinic"
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			taken, err := UpdateClinic(tx, want)
			if !taken {
				t.Errorf("the slug of another clinic is free: %v", err)
			}
			return fault.New(fault.AlreadyExists, "SLUG_TAKEN", "")
		})
		if !fault.Is(err, "SLUG_TAKEN") {
			t.Error(err)
		}
		list := read(t, db, func(tx *sqldb.Tx) ([]people.Clinic, error) { return ListClinics(tx, "1-clinic", 1) })
		if len(list) != 1 || list[0].ID != "cln_2" {
			t.Errorf("after 1-clinic: %v", list)
		}
	})
}

func TestPatientKeepsEverything(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		want := people.Patient{
			ID: "pat_1", GivenName: "Zoë 🦴", FamilyName: "O'Neill-Ž", PreferredName: "Z", FormerNames: "Älter", BirthDate: civil.MustParse("1980-02-29"),
			AdministrativeSex: "OTHER", Phone: "+43 1", Email: "Z@B.c", Language: "de", ExternalNumber: "X-1", Unverified: true,
			Address:          people.Address{Lines: []string{"a"}, City: "Wien"},
			EmergencyContact: people.EmergencyContact{Name: "n", Phone: "p", Relation: "r"},
			SurvivingID:      "pat_1", Version: 1,
		}
		write(t, db, func(tx *sqldb.Tx) error { return InsertPatient(tx, one, want) })
		get := func(tx *sqldb.Tx) (people.Patient, error) { return GetPatient(tx, one, "pat_1") }
		if diff := cmp.Diff(want, read(t, db, get), ignoreTime); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		want.FamilyName, want.Unverified, want.BirthDate = "Neu", false, civil.MustParse("1981-01-01")
		write(t, db, func(tx *sqldb.Tx) error { return UpdatePatient(tx, one, want) })
		want.Version = 2
		if diff := cmp.Diff(want, read(t, db, get), ignoreTime); diff != "" {
			t.Errorf("updated (-want +got):\n%s", diff)
		}
		want.Version = 1
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error { return UpdatePatient(tx, one, want) })
		if !fault.Is(err, "VERSION_MISMATCH") {
			t.Errorf("an old version was written: %v", err)
		}
		for name, c := range map[string]people.Criteria{"old": {Names: []string{"oneill"}}, "new": {Names: []string{"neu"}}} {
			found := read(t, db, func(tx *sqldb.Tx) ([]people.Patient, error) { return SearchPatients(tx, one, c, "", 10) })
			if (len(found) == 1) != (name == "new") {
				t.Errorf("by the %s name: %d", name, len(found))
			}
		}
	})
}

// What is out of scope is not there, whichever way it is asked for.
func TestScope(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		p := people.Patient{ID: "pat_1", GivenName: "A", FamilyName: "B", BirthDate: civil.MustParse("1980-01-01"), SurvivingID: "pat_1", Version: 1}
		write(t, db, func(tx *sqldb.Tx) error { return InsertPatient(tx, one, p) })
		for name, scope := range map[string]Scope{
			"another clinic": two, "another patient": OnlyPatients("cln_1", []string{"pat_2"}),
			"the id at another clinic": OnlyPatients("cln_2", []string{"pat_1"}), "nobody": OnlyPatients("cln_1", nil),
		} {
			err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
				if _, err := GetPatient(tx, scope, "pat_1"); !errors.Is(err, sqldb.ErrNoRows) {
					t.Errorf("%s gets: %v", name, err)
				}
				if list, err := BatchGetPatients(tx, scope, []string{"pat_1"}); err != nil || len(list) != 0 {
					t.Errorf("%s gets in a batch: %d, %v", name, len(list), err)
				}
				return UpdatePatient(tx, scope, p)
			})
			if !errors.Is(err, sqldb.ErrNoRows) && !fault.Is(err, "VERSION_MISMATCH") {
				t.Errorf("%s updates: %v", name, err)
			}
		}
		list := read(t, db, func(tx *sqldb.Tx) ([]people.Patient, error) {
			return BatchGetPatients(tx, OnlyPatients("cln_1", []string{"pat_1"}), []string{"pat_2", "pat_1"})
		})
		if len(list) != 1 {
			t.Errorf("the own record: %d", len(list))
		}
	})
}

func TestBatchesOfEverySize(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		var ids []string
		write(t, db, func(tx *sqldb.Tx) error {
			for i := range 2*batchSize + 1 {
				id := "pat_" + string(rune('A'+i))
				p := people.Patient{ID: id, GivenName: "A", FamilyName: "B", BirthDate: civil.MustParse("1980-01-01")}
				if err := InsertPatient(tx, one, p); err != nil {
					return err
				}
				ids = append(ids, id)
			}
			return nil
		})
		for _, n := range []int{1, batchSize - 1, batchSize, batchSize + 1, len(ids)} {
			list := read(t, db, func(tx *sqldb.Tx) ([]people.Patient, error) { return BatchGetPatients(tx, one, ids[:n]) })
			if len(list) != n {
				t.Errorf("asked for %d, got %d", n, len(list))
			}
		}
	})
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		location := people.Location{ID: "loc_1", DisplayName: "Main", Phone: "1", TimeZone: "UTC", Active: true, Version: 1, Address: people.Address{City: "Wien"}}
		room := people.Room{ID: "room_1", LocationID: "loc_1", DisplayName: "One", Capabilities: []string{"FLUOROSCOPY", "TABLE"}, Active: true, Version: 1}
		equipment := people.Equipment{ID: "eqp_1", LocationID: "loc_1", RoomID: "room_1", DisplayName: "C-arm", Active: true, Version: 1}
		moved := people.Equipment{ID: "eqp_2", LocationID: "loc_1", DisplayName: "Ultrasound", Capabilities: []string{"ULTRASOUND"}, Version: 1}
		write(t, db, func(tx *sqldb.Tx) error {
			return errors.Join(InsertLocation(tx, one, location), InsertRoom(tx, one, room), InsertEquipment(tx, one, equipment), InsertEquipment(tx, one, moved))
		})
		if diff := cmp.Diff(location, read(t, db, func(tx *sqldb.Tx) (people.Location, error) { return GetLocation(tx, one, "loc_1") }), ignoreTime); diff != "" {
			t.Errorf("location (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(room, read(t, db, func(tx *sqldb.Tx) (people.Room, error) { return GetRoom(tx, one, "room_1") }), ignoreTime); diff != "" {
			t.Errorf("room (-want +got):\n%s", diff)
		}
		list := func(page Page) []people.Equipment {
			return read(t, db, func(tx *sqldb.Tx) ([]people.Equipment, error) { return ListEquipment(tx, one, page) })
		}
		if diff := cmp.Diff([]people.Equipment{equipment}, list(Page{Limit: 10}), ignoreTime); diff != "" {
			t.Errorf("active equipment (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]people.Equipment{moved}, list(Page{Limit: 10, Inactive: true, After: "eqp_1", LocationID: "loc_1"}), ignoreTime); diff != "" {
			t.Errorf("the next page (-want +got):\n%s", diff)
		}
		if got := list(Page{Limit: 10, Inactive: true, LocationID: "loc_2"}); len(got) != 0 {
			t.Errorf("at another location: %v", got)
		}
		if got := list(Page{Limit: 10, After: "eqp_unknown"}); len(got) != 0 {
			t.Errorf("after something that is not there: %v", got)
		}
		room.Capabilities, room.Active = nil, false
		write(t, db, func(tx *sqldb.Tx) error { return UpdateRoom(tx, one, room) })
		if err := db.Write(t.Context(), func(tx *sqldb.Tx) error { return UpdateRoom(tx, one, room) }); !fault.Is(err, "VERSION_MISMATCH") {
			t.Errorf("an old version was written: %v", err)
		}
		if err := db.Write(t.Context(), func(tx *sqldb.Tx) error { return InsertRoom(tx, two, room) }); err == nil {
			t.Error("a room at another clinic's location")
		}
	})
}

func TestPractitioners(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		ida := people.Practitioner{
			ID: "prac_1", Title: "Dr.", GivenName: "Ida", FamilyName: "Feld", Profession: "PHYSICIAN", Active: true, Version: 1,
			Disciplines: []string{"FACET_JOINT_INJECTION", "MEDICAL"}, Languages: []string{"de"},
			Credentials: []people.Credential{{Kind: "A", Number: "1", Issuer: "i", ExpireDate: civil.MustParse("2027-01-31")}, {Kind: "B"}},
		}
		bob := people.Practitioner{ID: "prac_2", FamilyName: "Adler", Profession: "PHYSIOTHERAPIST", Disciplines: []string{"PHYSIOTHERAPY"}, Version: 1, Active: true}
		write(t, db, func(tx *sqldb.Tx) error {
			return errors.Join(InsertPractitioner(tx, one, ida), InsertPractitioner(tx, one, bob))
		})
		get := func(tx *sqldb.Tx) (people.Practitioner, error) { return GetPractitioner(tx, one, "prac_1") }
		if diff := cmp.Diff(ida, read(t, db, get), ignoreTime); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		for discipline, want := range map[string][]people.Practitioner{"": {bob, ida}, "MEDICAL": {ida}, "INJECTION": nil, "MASSAGE": nil} {
			list := read(t, db, func(tx *sqldb.Tx) ([]people.Practitioner, error) {
				return ListPractitioners(tx, one, discipline, Page{Limit: 10})
			})
			if diff := cmp.Diff(want, list, ignoreTime); diff != "" {
				t.Errorf("discipline %q (-want +got):\n%s", discipline, diff)
			}
		}
		ida.Credentials = ida.Credentials[1:]
		write(t, db, func(tx *sqldb.Tx) error { return UpdatePractitioner(tx, one, ida) })
		ida.Version = 2
		if diff := cmp.Diff(ida, read(t, db, get), ignoreTime); diff != "" {
			t.Errorf("updated (-want +got):\n%s", diff)
		}
	})
}
