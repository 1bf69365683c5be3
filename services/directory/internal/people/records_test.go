package people

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
)

var today = civil.MustParse("2026-11-20")

// field gives the field that a refusal names, "" for no refusal.
func field(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || len(f.Fields) != 1 {
		t.Fatalf("%v names no field", err)
	}
	return f.Fields[0].Field
}

func goodPatient() Patient {
	return Patient{
		GivenName: " Anna ", FamilyName: "Muster", BirthDate: civil.MustParse("1980-03-07"), Phone: "0664 123456",
		Email: "anna@example.org", Language: "de-at", Address: Address{Lines: []string{"Gasse 1", " "}, City: "Wien", Country: "AT"},
	}
}

func TestCleanPatient(t *testing.T) {
	t.Parallel()
	clean, err := CleanPatient("patient.", goodPatient(), today)
	if err != nil {
		t.Fatal(err)
	}
	if clean.GivenName != "Anna" || clean.Language != "de-AT" || !slices.Equal(clean.Address.Lines, []string{"Gasse 1"}) {
		t.Errorf("not cleaned: %+v", clean)
	}
	for want, spoil := range map[string]func(*Patient){
		"patient.given_name":     func(p *Patient) { p.GivenName = " " },
		"patient.family_name":    func(p *Patient) { p.FamilyName = "?" },
		"patient.preferred_name": func(p *Patient) { p.PreferredName = "a\x00" },
		"patient.former_names": func(p *Patient) {
			p.FormerNames = strings.Repeat("a b c d e f g h ", 4) + "1 2 3 4 5 6 7 8 9 i j k l m n o p"
		},
		"patient.birth_date":              func(p *Patient) { p.BirthDate = today.AddDays(1) },
		"patient.phone":                   func(p *Patient) { p.Phone = "none" },
		"patient.email":                   func(p *Patient) { p.Email = "none" },
		"patient.language":                func(p *Patient) { p.Language = "not a language" },
		"patient.address.lines":           func(p *Patient) { p.Address.Lines = []string{"a\x01"} },
		"patient.address.city":            func(p *Patient) { p.Address.City = "a\x01" },
		"patient.emergency_contact.phone": func(p *Patient) { p.EmergencyContact.Phone = "1" },
		"patient.emergency_contact.name":  func(p *Patient) { p.EmergencyContact.Name = "\x01" },
		"patient.external_number":         func(p *Patient) { p.ExternalNumber = "\x01" },
	} {
		p := goodPatient()
		spoil(&p)
		_, err := CleanPatient("patient.", p, today)
		if got := field(t, err); got != want {
			t.Errorf("refusal names %q, want %q", got, want)
		}
	}
	for _, birth := range []civil.Date{{}, civil.MustParse("1879-12-31"), today.AddDays(1)} {
		p := goodPatient()
		p.BirthDate = birth
		if _, err := CleanPatient("", p, today); field(t, err) != "birth_date" {
			t.Errorf("born %s passed", birth)
		}
	}
}

func TestSelfService(t *testing.T) {
	t.Parallel()
	if err := CheckSelfService("patient.", []string{"phone", "email", "address", "emergency_contact", "language", "preferred_name"}); err != nil {
		t.Error(err)
	}
	for _, staffOnly := range []string{"given_name", "family_name", "birth_date", "former_names", "external_number", "unverified", "administrative_sex"} {
		err := CheckSelfService("patient.", []string{"phone", staffOnly})
		if !fault.Is(err, "FIELD_STAFF_ONLY") || field(t, err) != "patient."+staffOnly {
			t.Errorf("a patient may change %s: %v", staffOnly, err)
		}
	}
}

func TestCleanPractitioner(t *testing.T) {
	t.Parallel()
	good := func() Practitioner {
		return Practitioner{
			FamilyName: "Feld", GivenName: "Ida", Title: "Dr.", Profession: "PHYSICIAN",
			Disciplines: []string{"MEDICAL", "FACET_JOINT_INJECTION"}, Languages: []string{"de", "en"},
			Credentials: []Credential{{Kind: "LICENSE"}, {Kind: "FLUOROSCOPY", ExpireDate: today}},
		}
	}
	clean, err := CleanPractitioner("practitioner.", good())
	if err != nil {
		t.Fatal(err)
	}
	if clean.DisplayName() != "Dr. Ida Feld" || clean.Credentials[0].Kind != "FLUOROSCOPY" || clean.Disciplines[0] != "FACET_JOINT_INJECTION" {
		t.Errorf("not in order: %+v", clean)
	}
	for want, spoil := range map[string]func(*Practitioner){
		"practitioner.family_name":         func(p *Practitioner) { p.FamilyName = "" },
		"practitioner.profession":          func(p *Practitioner) { p.Profession, p.Disciplines = "", nil },
		"practitioner.disciplines":         func(p *Practitioner) { p.Profession = "PHYSIOTHERAPIST" },
		"practitioner.languages[1]":        func(p *Practitioner) { p.Languages = []string{"de", "x x"} },
		"practitioner.credentials[1].kind": func(p *Practitioner) { p.Credentials[1].Kind = "LICENSE" },
		"practitioner.title":               func(p *Practitioner) { p.Title = "\x02" },
	} {
		p := good()
		spoil(&p)
		_, err := CleanPractitioner("practitioner.", p)
		if got := field(t, err); got != want {
			t.Errorf("refusal names %q, want %q", got, want)
		}
	}
}

func TestChangedCredentials(t *testing.T) {
	t.Parallel()
	before := []Credential{{Kind: "A"}, {Kind: "B", ExpireDate: today}, {Kind: "C"}}
	after := []Credential{{Kind: "A"}, {Kind: "B", ExpireDate: today.AddDays(1)}, {Kind: "D"}}
	if diff := cmp.Diff([]string{"B", "C", "D"}, ChangedCredentials(before, after)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := ChangedCredentials(before, before); got != nil {
		t.Errorf("nothing changed but %v", got)
	}
}

func TestCleanClinic(t *testing.T) {
	t.Parallel()
	good := func() Clinic {
		return Clinic{
			Slug: "back-clinic", PublicName: "Back Clinic", Locale: "en-AT", RegistrationEnabled: true,
			EmergencyNumbers: []EmergencyNumber{{Label: "Rescue", Number: "144", Kind: "EMERGENCY"}},
			SafetyOfficer:    SafetyOfficer{Name: "Ida Feld"},
		}
	}
	if _, err := CleanClinic("clinic.", good()); err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(*Clinic){
		"clinic.slug":                         func(c *Clinic) { c.Slug = "v1" },
		"clinic.public_name":                  func(c *Clinic) { c.PublicName = "" },
		"clinic.locale":                       func(c *Clinic) { c.Locale = "english please" },
		"clinic.emergency_numbers[0].label":   func(c *Clinic) { c.EmergencyNumbers[0].Label = " " },
		"clinic.clinical_safety_officer.name": func(c *Clinic) { c.SafetyOfficer.Name = "\x00" },
		"clinic.phone":                        func(c *Clinic) { c.Phone = "x" },
		"clinic.email":                        func(c *Clinic) { c.Email = "x" },
	} {
		c := good()
		spoil(&c)
		_, err := CleanClinic("clinic.", c)
		if got := field(t, err); got != want {
			t.Errorf("refusal names %q, want %q", got, want)
		}
	}
	for why, spoil := range map[string]func(*Clinic){
		"switched off":        func(c *Clinic) { c.RegistrationEnabled = false },
		"no emergency number": func(c *Clinic) { c.EmergencyNumbers[0].Kind = "CRISIS" },
		"no safety officer":   func(c *Clinic) { c.SafetyOfficer.Name = "" },
	} {
		c := good()
		spoil(&c)
		if !good().RegistrationOpen() || c.RegistrationOpen() {
			t.Errorf("registration is open with %s", why)
		}
	}
}

func TestCleanAccount(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		account Account
		want    string
	}{
		{"reception", Account{Email: "r@demo.clinic", Roles: []string{"RECEPTIONIST"}}, ""},
		{"clinician who runs the clinic", Account{Email: "r@demo.clinic", Roles: []string{"CLINICIAN", "ADMIN"}, PractitionerID: "prac_1"}, ""},
		{"patient", Account{Email: "p@demo.clinic", Roles: []string{"PATIENT"}, PatientID: "pat_1"}, ""},
		{"no address", Account{Roles: []string{"ADMIN"}}, "account.email"},
		{"bad address", Account{Email: "x", Roles: []string{"ADMIN"}}, "account.email"},
		{"no role", Account{Email: "r@demo.clinic"}, "account.roles"},
		{"patient and staff", Account{Email: "r@demo.clinic", Roles: []string{"PATIENT", "ADMIN"}, PatientID: "pat_1"}, "account.roles"},
		{"patient of nobody", Account{Email: "r@demo.clinic", Roles: []string{"PATIENT"}}, "account.patient_id"},
		{"staff with a patient's record", Account{Email: "r@demo.clinic", Roles: []string{"ADMIN"}, PatientID: "pat_1"}, "account.patient_id"},
		{"patient who treats", Account{Email: "r@demo.clinic", Roles: []string{"PATIENT"}, PatientID: "pat_1", PractitionerID: "prac_1"}, "account.practitioner_id"},
		{"clinician of nobody", Account{Email: "r@demo.clinic", Roles: []string{"CLINICIAN"}}, "account.practitioner_id"},
	} {
		clean, err := CleanAccount("account.", test.account)
		if got := field(t, err); got != test.want {
			t.Errorf("%s: refusal names %q, want %q", test.name, got, test.want)
		}
		if err == nil && (clean.State != StateActive || !slices.IsSorted(clean.Roles) || (clean.Kind == KindPatient) != clean.HasRole("PATIENT")) {
			t.Errorf("%s: not cleaned: %+v", test.name, clean)
		}
	}
}

func TestProxyHolds(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		expire civil.Date
		want   bool
	}{{civil.Date{}, true}, {today, true}, {today.AddDays(1), true}, {today.AddDays(-1), false}} {
		if got := (Proxy{ExpireDate: test.expire}).Holds(today); got != test.want {
			t.Errorf("a proxy until %s holds: %t", test.expire, got)
		}
	}
}

func TestPlacesNeedNames(t *testing.T) {
	t.Parallel()
	_, err := CleanLocation("location.", Location{})
	if got := field(t, err); got != "location.display_name" {
		t.Errorf("location: %q", got)
	}
	_, err = CleanRoom("room.", Room{DisplayName: "One"})
	if got := field(t, err); got != "room.location_id" {
		t.Errorf("room: %q", got)
	}
	_, err = CleanEquipment("equipment.", Equipment{LocationID: "loc_1"})
	if got := field(t, err); got != "equipment.display_name" {
		t.Errorf("equipment: %q", got)
	}
}
