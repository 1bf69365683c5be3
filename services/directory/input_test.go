package directory

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

func mask(paths ...string) *fieldmaskpb.FieldMask { return &fieldmaskpb.FieldMask{Paths: paths} }

// canary is what must never be logged or stored where it does not belong.
const canary = "Kanarienvogel"

// wrong is a request in which one field is wrong.
type wrong struct {
	field   string
	request proto.Message
}

// wrongFields gives requests with each field wrong in turn, by method.
func wrongFields(th things) map[string][]wrong {
	long := canary + strings.Repeat("x", 300)
	patient := func(spoil func(p *directoryv1.Patient)) proto.Message {
		p := newPatient(canary, canary)
		spoil(p)
		return &directoryv1.CreatePatientRequest{Patient: p}
	}
	register := func(spoil func(r *directoryv1.RegisterPatientRequest)) proto.Message {
		r := &directoryv1.RegisterPatientRequest{
			Clinic: th.slug, GivenName: canary, FamilyName: canary, BirthDate: "1980-03-07", Phone: "0664 1234567",
			Email: canary + "@example.org", Password: canary + " sings",
		}
		spoil(r)
		return r
	}
	account := func(spoil func(r *directoryv1.CreateAccountRequest)) proto.Message {
		r := &directoryv1.CreateAccountRequest{Password: staffPassword, Account: &directoryv1.Account{Email: canary + "@x.org", Roles: []string{"ADMIN"}}}
		spoil(r)
		return r
	}
	practitioner := func(spoil func(p *directoryv1.Practitioner)) proto.Message {
		p := &directoryv1.Practitioner{FamilyName: canary, Profession: "PHYSICIAN", Credentials: []*directoryv1.Credential{{Kind: "LICENSE"}}}
		spoil(p)
		return &directoryv1.CreatePractitionerRequest{Practitioner: p}
	}
	clinic := func(spoil func(c *directoryv1.Clinic)) proto.Message {
		c := goodClinic("new-clinic")
		spoil(c)
		return &directoryv1.CreateClinicRequest{Clinic: c}
	}
	return map[string][]wrong{
		v1 + "PatientService/CreatePatient": {
			{"patient", &directoryv1.CreatePatientRequest{}},
			{"patient.given_name", patient(func(p *directoryv1.Patient) { p.GivenName = "" })},
			{"patient.given_name", patient(func(p *directoryv1.Patient) { p.GivenName = long })},
			{"patient.family_name", patient(func(p *directoryv1.Patient) { p.FamilyName = canary + "\x00" })},
			{"patient.birth_date", patient(func(p *directoryv1.Patient) { p.BirthDate = "" })},
			{"patient.birth_date", patient(func(p *directoryv1.Patient) { p.BirthDate = "1980-02-30" })},
			{"patient.birth_date", patient(func(p *directoryv1.Patient) { p.BirthDate = "7.3.1980" })},
			{"patient.birth_date", patient(func(p *directoryv1.Patient) { p.BirthDate = "9999-12-31" })},
			{"patient.administrative_sex", patient(func(p *directoryv1.Patient) { p.AdministrativeSex = canary })},
			{"patient.phone", patient(func(p *directoryv1.Patient) { p.Phone = canary })},
			{"patient.email", patient(func(p *directoryv1.Patient) { p.Email = canary })},
			{"patient.language", patient(func(p *directoryv1.Patient) { p.Language = canary + "!" })},
			{"patient.address.country", patient(func(p *directoryv1.Patient) { p.Address = &directoryv1.PostalAddress{Country: canary} })},
			{"patient.emergency_contact.phone", patient(func(p *directoryv1.Patient) { p.EmergencyContact = &directoryv1.EmergencyContact{Phone: canary} })},
			{"request_id", &directoryv1.CreatePatientRequest{RequestId: long, Patient: newPatient(canary, canary)}},
		},
		v1 + "PatientService/RegisterPatient": {
			{"clinic", register(func(r *directoryv1.RegisterPatientRequest) { r.Clinic = "" })},
			{"given_name", register(func(r *directoryv1.RegisterPatientRequest) { r.GivenName = "" })},
			{"family_name", register(func(r *directoryv1.RegisterPatientRequest) { r.FamilyName = "???" })},
			{"birth_date", register(func(r *directoryv1.RegisterPatientRequest) { r.BirthDate = "1980-13-01" })},
			{"phone", register(func(r *directoryv1.RegisterPatientRequest) { r.Phone = canary })},
			{"email", register(func(r *directoryv1.RegisterPatientRequest) { r.Email = canary })},
			{"password", register(func(r *directoryv1.RegisterPatientRequest) { r.Password = canary })},
			{"language", register(func(r *directoryv1.RegisterPatientRequest) { r.Language = canary + "!" })},
		},
		v1 + "PatientService/UpdatePatient": {
			{"patient.etag", &directoryv1.UpdatePatientRequest{Patient: &directoryv1.Patient{PatientId: th.patient, Phone: "0700 123456"}, UpdateMask: mask("phone")}},
			{"update_mask", &directoryv1.UpdatePatientRequest{Patient: &directoryv1.Patient{PatientId: th.patient, Etag: "1"}, UpdateMask: mask(canary)}},
			{"update_mask", &directoryv1.UpdatePatientRequest{Patient: &directoryv1.Patient{PatientId: th.patient, Etag: "1"}, UpdateMask: mask("address.lines.first")}},
			{"patient.birth_date", &directoryv1.UpdatePatientRequest{Patient: &directoryv1.Patient{PatientId: th.patient, Etag: "1", BirthDate: "2023-02-29"}, UpdateMask: mask("birth_date")}},
			{"patient.given_name", &directoryv1.UpdatePatientRequest{Patient: &directoryv1.Patient{PatientId: th.patient, Etag: "1"}}},
		},
		v1 + "PatientService/SearchPatients": {
			{"query", &directoryv1.SearchPatientsRequest{}},
			{"query", &directoryv1.SearchPatientsRequest{Query: "?!"}},
			{"page_size", &directoryv1.SearchPatientsRequest{Query: canary, PageSize: 101}},
		},
		v1 + "PatientService/MergePatients": {
			{"surviving_patient_id", &directoryv1.MergePatientsRequest{PatientId: th.patient}},
			{"reason_code", &directoryv1.MergePatientsRequest{PatientId: th.patient, SurvivingPatientId: th.merged, ReasonCode: canary}},
		},
		v1 + "PractitionerService/CreatePractitioner": {
			{"practitioner.family_name", practitioner(func(p *directoryv1.Practitioner) { p.FamilyName = "" })},
			{"practitioner.profession", practitioner(func(p *directoryv1.Practitioner) { p.Profession = canary })},
			{"practitioner.disciplines[0]", practitioner(func(p *directoryv1.Practitioner) { p.Disciplines = []string{canary} })},
			{"practitioner.disciplines", practitioner(func(p *directoryv1.Practitioner) {
				p.Profession, p.Disciplines = "CHIROPRACTOR", []string{"FACET_JOINT_INJECTION"}
			})},
			{"practitioner.credentials[0].kind", practitioner(func(p *directoryv1.Practitioner) { p.Credentials[0].Kind = "license " + canary })},
			{"practitioner.credentials[0].expire_date", practitioner(func(p *directoryv1.Practitioner) { p.Credentials[0].ExpireDate = "2027-02-29" })},
			{"practitioner.languages[0]", practitioner(func(p *directoryv1.Practitioner) { p.Languages = []string{"x!"} })},
		},
		v1 + "PlaceService/CreateClinic": {
			{"clinic.slug", clinic(func(c *directoryv1.Clinic) { c.Slug = "Not A Slug" })},
			{"clinic.slug", clinic(func(c *directoryv1.Clinic) { c.Slug = "" })},
			{"clinic.time_zone", clinic(func(c *directoryv1.Clinic) { c.TimeZone = "Europe/Atlantis" })},
			{"clinic.time_zone", clinic(func(c *directoryv1.Clinic) { c.TimeZone = "../../etc/passwd" })},
			{"clinic.locale", clinic(func(c *directoryv1.Clinic) { c.Locale = "" })},
			{"clinic.emergency_numbers[0].number", clinic(func(c *directoryv1.Clinic) { c.EmergencyNumbers[0].Number = "call us" })},
			{"clinic.emergency_numbers[0].kind", clinic(func(c *directoryv1.Clinic) { c.EmergencyNumbers[0].Kind = "" })},
			{"clinic.phone", clinic(func(c *directoryv1.Clinic) { c.Phone = "x" })},
		},
		v1 + "PlaceService/CreateRoom": {
			{"room.location_id", &directoryv1.CreateRoomRequest{Room: &directoryv1.Room{DisplayName: "X"}}},
			{"room.location_id", &directoryv1.CreateRoomRequest{Room: &directoryv1.Room{DisplayName: "X", LocationId: "loc_0"}}},
			{"room.capabilities[0]", &directoryv1.CreateRoomRequest{Room: &directoryv1.Room{DisplayName: "X", LocationId: th.location, Capabilities: []string{"x ray"}}}},
		},
		v1 + "PlaceService/CreateEquipment": {
			{"equipment.room_id", &directoryv1.CreateEquipmentRequest{Equipment: &directoryv1.Equipment{DisplayName: "X", LocationId: th.location, RoomId: "room_0"}}},
		},
		v1 + "PlaceService/CreateLocation": {
			{"location.time_zone", &directoryv1.CreateLocationRequest{Location: &directoryv1.Location{DisplayName: "X", TimeZone: "Nowhere"}}},
		},
		v1 + "AccountService/CreateAccount": {
			{"account.email", account(func(r *directoryv1.CreateAccountRequest) { r.Account.Email = canary })},
			{"account.roles", account(func(r *directoryv1.CreateAccountRequest) { r.Account.Roles = nil })},
			{"account.roles[0]", account(func(r *directoryv1.CreateAccountRequest) { r.Account.Roles = []string{"KING"} })},
			{"account.practitioner_id", account(func(r *directoryv1.CreateAccountRequest) { r.Account.Roles = []string{"CLINICIAN"} })},
			{"account.state", account(func(r *directoryv1.CreateAccountRequest) { r.Account.State = canary })},
			{"password", account(func(r *directoryv1.CreateAccountRequest) { r.Password = canary[:10] })},
			{"password", account(func(r *directoryv1.CreateAccountRequest) { r.Password = "" })},
		},
		v1 + "AccountService/GrantProxy": {
			{"relation", &directoryv1.GrantProxyRequest{AccountId: th.patientAccount, PatientId: th.patient, Relation: canary}},
			{"expire_date", &directoryv1.GrantProxyRequest{AccountId: th.patientAccount, PatientId: th.patient, Relation: "CARER", ExpireDate: "2026-02-30"}},
			{"patient_id", &directoryv1.GrantProxyRequest{AccountId: th.patientAccount, PatientId: th.patient, Relation: "CARER"}},
			{"account_id", &directoryv1.GrantProxyRequest{AccountId: th.staff, PatientId: th.patient, Relation: "CARER"}},
		},
	}
}

// Each field wrong in turn: the answer names the field, repeats nothing of the value, and
// nothing is stored or logged.
func TestBadInput(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		th := w.furnish("clinic")
		before := w.tables()
		for method, cases := range wrongFields(th) {
			rule := ruleOf(t, method)
			ctx := context.Context(t.Context())
			if len(rule.GetServices()) > 0 {
				ctx = w.program(th.clinic)
			}
			if strings.HasSuffix(method, "UpdatePatient") || strings.HasSuffix(method, "SearchPatients") {
				ctx = w.as(th.clinic, typev1.Role_ROLE_RECEPTIONIST)
			}
			for _, c := range cases {
				f := w.outcome(ctx, method, c.request).Error
				if f == nil || f.Kind != fault.InvalidArgument {
					t.Errorf("%s with a wrong %s: %v", method, c.field, f)
					continue
				}
				if !slices.ContainsFunc(f.Fields, func(v fault.FieldViolation) bool { return v.Field == c.field && v.Description != "" }) {
					t.Errorf("%s with a wrong %s names %v", method, c.field, f.Fields)
				}
				if said := strings.ToLower(f.Error()); strings.Contains(said, strings.ToLower(canary)) {
					t.Errorf("%s with a wrong %s repeats it: %s", method, c.field, said)
				}
			}
		}
		after := w.tables()
		slices.Sort(before)
		slices.Sort(after)
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("something was stored (-before +after):\n%s", diff)
		}
		if strings.Contains(strings.ToLower(w.log.String()), strings.ToLower(canary)) {
			t.Error("something of a patient was logged")
		}
	})
}

// What is not in the mask stays, what is in it and absent is emptied, nested names reach
// inside, and what callers cannot set is ignored.
func TestUpdateMask(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		th := w.furnish("clinic")
		ctx := w.as(th.clinic, typev1.Role_ROLE_RECEPTIONIST)
		full := newPatient("Anna", "Müller")
		full.Address = &directoryv1.PostalAddress{Lines: []string{"Gasse 1"}, City: "Wien"}
		made, err := w.patients.CreatePatient(ctx, &directoryv1.CreatePatientRequest{Patient: full})
		p := ok(w, made, err).GetPatient()
		update := func(change *directoryv1.Patient, paths ...string) *directoryv1.Patient {
			t.Helper()
			change.PatientId, change.Etag = p.GetPatientId(), p.GetEtag()
			r := &directoryv1.UpdatePatientRequest{Patient: change}
			if len(paths) > 0 {
				r.UpdateMask = mask(paths...)
			}
			answer, err := w.patients.UpdatePatient(ctx, r)
			p = ok(w, answer, err).GetPatient()
			return p
		}
		if got := update(&directoryv1.Patient{Phone: "0700 123456", GivenName: "Ignored"}, "phone"); got.GetPhone() != "0700 123456" || got.GetGivenName() != "Anna" {
			t.Errorf("one field: %v", got)
		}
		if got := update(&directoryv1.Patient{Address: &directoryv1.PostalAddress{City: "Graz"}}, "address.city"); got.GetAddress().GetCity() != "Graz" || len(got.GetAddress().GetLines()) != 1 {
			t.Errorf("inside: %v", got.GetAddress())
		}
		if got := update(&directoryv1.Patient{}, "email", "address"); got.GetEmail() != "" || got.GetAddress().GetCity() != "" {
			t.Errorf("emptied: %v", got)
		}
		if got := update(&directoryv1.Patient{MergedInto: "pat_x", State: "MERGED"}, "merged_into", "state", "etag", "patient_id"); got.GetState() != "ACTIVE" || got.GetMergedInto() != "" {
			t.Errorf("set by a caller: %v", got)
		}
		for _, paths := range [][]string{nil, {"*"}} {
			if got := update(newPatient("Bo", "Berg"), paths...); got.GetGivenName() != "Bo" || got.GetPhone() != "0664 1234567" {
				t.Errorf("everything: %v", got)
			}
		}
		_, err = w.places.UpdateRoom(w.program(th.clinic), &directoryv1.UpdateRoomRequest{Room: &directoryv1.Room{RoomId: th.room, Active: proto.Bool(false)}, UpdateMask: mask("active")})
		if err != nil {
			t.Fatal(err)
		}
		room, err := w.places.GetRoom(ctx, &directoryv1.GetRoomRequest{RoomId: th.room})
		if r := ok(w, room, err).GetRoom(); r.GetActive() || r.GetDisplayName() != "One" || r.GetEtag() != "2" {
			t.Errorf("room: %v", r)
		}
	})
}

// A stale etag and a reused request id are told apart.
func TestConflicts(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		th := w.furnish("clinic")
		ctx := w.as(th.clinic, typev1.Role_ROLE_CLINICIAN)
		_, err := w.patients.UpdatePatient(ctx, &directoryv1.UpdatePatientRequest{
			Patient: &directoryv1.Patient{PatientId: th.patient, Etag: "99", Phone: "0700 123456"}, UpdateMask: mask("phone"),
		})
		if f, _ := errors.AsType[*fault.Error](err); f == nil || f.Kind != fault.Aborted || f.Reason != "VERSION_MISMATCH" {
			t.Errorf("a stale etag: %v", err)
		}
		request := &directoryv1.CreatePatientRequest{RequestId: "r-1", Patient: newPatient("Anna", "Müller")}
		first, err := w.patients.CreatePatient(ctx, request)
		ok(w, first, err)
		again, err := w.patients.CreatePatient(ctx, request)
		if ok(w, again, err).GetPatient().GetPatientId() != first.GetPatient().GetPatientId() {
			t.Error("a retry made another record")
		}
		request.Patient.FamilyName = "Other"
		_, err = w.patients.CreatePatient(ctx, request)
		if !fault.Is(err, "REQUEST_ID_REUSED") {
			t.Errorf("another body: %v", err)
		}
	})
}
