package people

import (
	"slices"
	"time"

	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// Patient is a person's record at a clinic. Empty texts and the zero date are not known.
type Patient struct {
	ID                string
	GivenName         string
	FamilyName        string
	PreferredName     string
	FormerNames       string
	BirthDate         civil.Date
	AdministrativeSex string
	Phone             string
	Email             string
	Language          string
	Address           Address
	EmergencyContact  EmergencyContact
	ExternalNumber    string
	// Unverified records were made by whoever registered on the public page.
	Unverified bool
	// MergedInto is the record that this one was merged into itself, "" when it stands alone.
	MergedInto string
	// SurvivingID is the record at the end of the chain, the own id when it stands alone.
	SurvivingID string
	CreatedAt   time.Time
	UpdatedAt   time.Time
	Version     int64
}

// Address is where mail goes.
type Address struct {
	Lines      []string
	PostalCode string
	City       string
	Region     string
	Country    string
}

// EmergencyContact is whom to call for a patient.
type EmergencyContact struct {
	Name     string
	Phone    string
	Relation string
}

// DisplayName is how a patient is called in lists.
func (p Patient) DisplayName() string {
	given := p.GivenName
	if p.PreferredName != "" {
		given = p.PreferredName
	}
	if given == "" {
		return p.FamilyName
	}
	return given + " " + p.FamilyName
}

// SearchTokens are the words that a patient is found by.
func (p Patient) SearchTokens() []string {
	tokens := Tokens(p.FamilyName, p.GivenName, p.PreferredName, p.FormerNames, p.ExternalNumber)
	return tokens[:min(len(tokens), maxNameTokens)]
}

// selfFields are what patients may change of their own record: how to reach them. Whom the
// record is about is checked by staff against a document.
var selfFields = []string{"preferred_name", "phone", "email", "language", "address", "emergency_contact"}

// CheckSelfService refuses a patient's change of a field that only staff may change:
// PermissionDenied, FIELD_STAFF_ONLY on the field.
func CheckSelfService(prefix string, fields []string) error {
	for _, field := range fields {
		if !slices.Contains(selfFields, field) {
			const why = "Only the clinic can change this."
			return fault.New(fault.PermissionDenied, "FIELD_STAFF_ONLY", why).OnField(prefix+field, why)
		}
	}
	return nil
}

// CleanPatient checks a record on the clinic's day today and gives it as it is stored.
// INVALID_ARGUMENT names the field, with prefix before it.
func CleanPatient(prefix string, p Patient, today civil.Date) (Patient, error) {
	f := fields{prefix: prefix}
	f.name(&p.GivenName, "given_name", true)
	f.name(&p.FamilyName, "family_name", true)
	f.name(&p.PreferredName, "preferred_name", false)
	f.name(&p.FormerNames, "former_names", false)
	f.check(checkBirthDate(prefix+"birth_date", p.BirthDate, today))
	f.phone(&p.Phone, "phone")
	f.email(&p.Email, "email")
	f.language(&p.Language, "language")
	f.address(&p.Address, "address.")
	f.name(&p.EmergencyContact.Name, "emergency_contact.name", false)
	f.phone(&p.EmergencyContact.Phone, "emergency_contact.phone")
	f.text(&p.EmergencyContact.Relation, "emergency_contact.relation")
	f.text(&p.ExternalNumber, "external_number")
	if f.err == nil && len(Tokens(p.FamilyName, p.GivenName, p.PreferredName, p.FormerNames)) > maxNameTokens {
		f.check(fault.Invalid(prefix+"former_names", "must leave no more than 24 names in all"))
	}
	return p, f.err
}
