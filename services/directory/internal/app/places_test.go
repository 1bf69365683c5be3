package app

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/requestid"
)

func TestPlaces(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		before := len(b.events(0))
		main, err := b.CreateLocation(b.admin, nil, people.Location{DisplayName: "Main", Active: true})
		if err != nil || main.TimeZone != "Europe/Vienna" {
			t.Fatalf("%+v, %v", main, err)
		}
		far, err := b.CreateLocation(b.admin, nil, people.Location{DisplayName: "Far", TimeZone: "America/New_York", Active: true})
		if err != nil {
			t.Fatal(err)
		}
		room, err := b.CreateRoom(b.admin, nil, people.Room{LocationID: main.ID, DisplayName: "One", Capabilities: []string{"TABLE", "FLUOROSCOPY"}, Active: true})
		if err != nil {
			t.Fatal(err)
		}
		arm, err := b.CreateEquipment(b.admin, nil, people.Equipment{LocationID: main.ID, RoomID: room.ID, DisplayName: "C-arm", Active: true})
		if err != nil {
			t.Fatal(err)
		}
		closed, err := b.UpdateRoom(b.admin, nil, Change[people.Room]{ID: room.ID, Etag: "1", Apply: func(r people.Room) (people.Room, error) {
			r.Active = false
			return r, nil
		}})
		if err != nil || closed.Active || closed.Version != 2 {
			t.Errorf("%+v, %v", closed, err)
		}
		want := []string{
			`ResourceChanged 1 resource_id:"` + main.ID + `"`, `ResourceChanged 1 resource_id:"` + far.ID + `"`,
			`ResourceChanged 1 resource_id:"` + room.ID + `"`, `ResourceChanged 1 resource_id:"` + arm.ID + `"`,
			`ResourceChanged 2 resource_id:"` + room.ID + `"`,
		}
		if diff := cmp.Diff(want, compact(b.events(before))); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		for inactive, want := range map[bool]int{false: 0, true: 1} {
			if list, _, err := b.ListRooms(b.reception, ListFilter{Inactive: inactive}); err != nil || len(list) != want {
				t.Errorf("rooms, inactive %t: %d, %v", inactive, len(list), err)
			}
			if list, _, err := b.ListRooms(b.patient("pat_1"), ListFilter{Inactive: inactive}); err != nil || len(list) != 0 {
				t.Errorf("a patient sees %d rooms, %v", len(list), err)
			}
		}
		for name, try := range map[string]func() error{
			"zone that does not exist": func() error {
				_, err := b.CreateLocation(b.admin, nil, people.Location{DisplayName: "X", TimeZone: "Mars/Olympus"})
				return err
			},
			"the machine's zone": func() error {
				_, err := b.CreateLocation(b.admin, nil, people.Location{DisplayName: "X", TimeZone: "Local"})
				return err
			},
			"room of no location": func() error {
				_, err := b.CreateRoom(b.admin, nil, people.Room{DisplayName: "X", LocationID: "loc_x"})
				return err
			},
			"equipment in a room elsewhere": func() error {
				_, err := b.CreateEquipment(b.admin, nil, people.Equipment{DisplayName: "X", LocationID: far.ID, RoomID: room.ID})
				return err
			},
			"room that moves": func() error {
				_, err := b.UpdateRoom(b.admin, nil, Change[people.Room]{ID: room.ID, Apply: func(r people.Room) (people.Room, error) {
					r.LocationID = far.ID
					return r, nil
				}})
				return err
			},
		} {
			if err := try(); err == nil {
				t.Errorf("%s passed", name)
			} else {
				b.refused(err, "INVALID_ARGUMENT")
			}
		}
		_, err = b.GetRoom(b.stranger, room.ID)
		b.refused(err, "NOT_FOUND")
		_, err = b.UpdateRoom(b.stranger, nil, Change[people.Room]{ID: room.ID})
		b.refused(err, "NOT_FOUND")
	})
}

func TestPractitionerEvents(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		before := len(b.events(0))
		p, err := b.CreatePractitioner(b.admin, nil, people.Practitioner{
			FamilyName: "Feld", Profession: "PHYSICIAN", Disciplines: []string{"MEDICAL"}, Active: true,
			Credentials: []people.Credential{{Kind: "LICENSE", ExpireDate: civil.MustParse("2027-01-31")}},
		})
		if err != nil {
			t.Fatal(err)
		}
		renewed, err := b.UpdatePractitioner(b.admin, nil, Change[people.Practitioner]{ID: p.ID, Etag: "1", Apply: func(p people.Practitioner) (people.Practitioner, error) {
			p.Credentials = []people.Credential{{Kind: "LICENSE", ExpireDate: civil.MustParse("2028-01-31")}, {Kind: "FLUOROSCOPY"}}
			return p, nil
		}})
		if err != nil || len(renewed.Credentials) != 2 {
			t.Fatalf("%+v, %v", renewed, err)
		}
		want := []string{
			`PractitionerChanged 1 practitioner_id:"` + p.ID + `"`,
			`CredentialChanged 1 practitioner_id:"` + p.ID + `" kind:"LICENSE"`,
			`PractitionerChanged 2 practitioner_id:"` + p.ID + `"`,
			`CredentialChanged 2 practitioner_id:"` + p.ID + `" kind:"FLUOROSCOPY"`,
			`CredentialChanged 2 practitioner_id:"` + p.ID + `" kind:"LICENSE"`,
		}
		if diff := cmp.Diff(want, compact(b.events(before))); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		if seen, err := b.GetPractitioner(b.patient("pat_1"), p.ID); err != nil || seen.Credentials != nil {
			t.Errorf("a patient sees %v, %v", seen.Credentials, err)
		}
		if list, _, err := b.ListPractitioners(b.reception, "MEDICAL", ListFilter{}); err != nil || len(list) != 1 || len(list[0].Credentials) != 2 {
			t.Errorf("%+v, %v", list, err)
		}
	})
}

func TestClinics(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		program := requestid.With(authn.WithService(t.Context(), "upright", ""), "clinic-1")
		clinic := people.Clinic{Slug: "third", PublicName: "Third", TimeZone: "Europe/Vienna", Locale: "de"}
		first, err := b.CreateClinic(program, []byte("c"), clinic)
		if err != nil || first.RegistrationOpen() {
			t.Fatalf("%+v, %v", first, err)
		}
		again, err := b.CreateClinic(program, []byte("c"), clinic)
		if err != nil || again.ID != first.ID {
			t.Errorf("retried: %s instead of %s, %v", again.ID, first.ID, err)
		}
		_, err = b.CreateClinic(requestid.With(program, ""), nil, clinic)
		b.refused(err, "SLUG_TAKEN")
		clinic.Slug, clinic.TimeZone = "fourth", "Europe/Nowhere"
		_, err = b.CreateClinic(requestid.With(program, ""), nil, clinic)
		b.refused(err, "INVALID_ARGUMENT")

		list, _, err := b.ListClinics(program, Page{})
		if err != nil || len(list) != 3 {
			t.Errorf("%d clinics, %v", len(list), err)
		}
		_, _, err = b.ListClinics(b.admin, Page{})
		b.refused(err, "SERVICES_ONLY")

		rename := Change[people.Clinic]{Etag: "1", Apply: func(c people.Clinic) (people.Clinic, error) {
			c.Slug = "third"
			return c, nil
		}}
		_, err = b.UpdateClinic(b.admin, nil, rename)
		b.refused(err, "SLUG_TAKEN")
		rename.ID = b.other.ID
		_, err = b.UpdateClinic(b.admin, nil, rename)
		b.refused(err, "NOT_FOUND")
		_, err = b.GetClinic(b.admin, b.other.ID)
		b.refused(err, "NOT_FOUND")
		if got, err := b.GetClinic(authn.WithService(t.Context(), "booking", b.clinic.ID), b.other.ID); err != nil || got.ID != b.other.ID {
			t.Errorf("a service gets %s, %v", got.ID, err)
		}
		for name, ctx := range map[string]func() (people.Clinic, error){
			"nobody":    func() (people.Clinic, error) { return b.GetClinicBySlug(t.Context(), "back-clinic") },
			"a patient": func() (people.Clinic, error) { return b.GetClinic(b.as(b.clinic.ID, typev1.Role_ROLE_PATIENT), "") },
		} {
			if got, err := ctx(); err != nil || got.SafetyOfficer.Contact != "" || got.SafetyOfficer.Name == "" || !got.RegistrationOpen() {
				t.Errorf("%s gets %+v, %v", name, got, err)
			}
		}
	})
}
