package people

import (
	"slices"
	"strings"
	"time"

	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// Kinds of account. Staff and patients have accounts of their own even when they are the same
// person, so that nobody reaches a chart with the password of a patient's page.
const (
	KindStaff   = "STAFF"
	KindPatient = "PATIENT"
)

// States of an account.
const (
	StateActive   = "ACTIVE"
	StateDisabled = "DISABLED"
)

// Account is somebody who can sign in.
type Account struct {
	ID          string
	ClinicID    string
	Email       string
	DisplayName string
	// Kind is KindStaff or KindPatient; it follows from the roles.
	Kind string
	// Roles are in alphabetical order.
	Roles          []string
	PractitionerID string
	PatientID      string
	State          string
	// Profession is the practitioner's; it is read with the account, not stored.
	Profession string
	CreatedAt  time.Time
	UpdatedAt  time.Time
	Version    int64
}

// HasRole reports whether the account has the role.
func (a Account) HasRole(role string) bool { return slices.Contains(a.Roles, role) }

// MinPassword is how long the account's password must be.
func (a Account) MinPassword() int {
	if a.Kind == KindStaff {
		return MinStaffPassword
	}
	return MinPatientPassword
}

// KnownWords are what everybody knows of the account's owner, for CheckPassword.
func (a Account) KnownWords(clinicName string) []string {
	local, _, _ := strings.Cut(a.Email, "@")
	return []string{a.DisplayName, local, clinicName}
}

// CleanAccount checks an account and gives it as it is stored. INVALID_ARGUMENT names the
// field, with prefix before it.
func CleanAccount(prefix string, a Account) (Account, error) {
	f := fields{prefix: prefix}
	f.email(&a.Email, "email")
	if f.err == nil && a.Email == "" {
		f.check(fault.Invalid(prefix+"email", "must be given"))
	}
	f.name(&a.DisplayName, "display_name", false)
	if len(a.Roles) == 0 {
		f.check(fault.Invalid(prefix+"roles", "must have at least one"))
	}
	a.Roles = slices.Clone(a.Roles)
	slices.Sort(a.Roles)
	a.Kind = KindStaff
	if a.HasRole("PATIENT") {
		a.Kind = KindPatient
	}
	if a.State == "" {
		a.State = StateActive
	}
	f.check(checkOwner(prefix, a))
	return a, f.err
}

// checkOwner wants the record that goes with the roles and no other.
func checkOwner(prefix string, a Account) error {
	switch {
	case a.Kind == KindPatient && len(a.Roles) > 1:
		return fault.Invalid(prefix+"roles", "must not mix PATIENT with roles of staff")
	case a.Kind == KindPatient && a.PatientID == "":
		return fault.Invalid(prefix+"patient_id", "must be given for a patient")
	case a.Kind == KindStaff && a.PatientID != "":
		return fault.Invalid(prefix+"patient_id", "must not be given for staff")
	case a.Kind == KindPatient && a.PractitionerID != "":
		return fault.Invalid(prefix+"practitioner_id", "must not be given for a patient")
	case a.HasRole("CLINICIAN") && a.PractitionerID == "":
		return fault.Invalid(prefix+"practitioner_id", "must be given for a clinician")
	}
	return nil
}

// Proxy lets an account act for a patient other than its own.
type Proxy struct {
	AccountID string
	PatientID string
	Relation  string
	// ExpireDate is the last civil date on which it may, in the clinic's zone; zero when it
	// does not end.
	ExpireDate civil.Date
	CreatedAt  time.Time
}

// Holds reports whether the account may act on the clinic's day today.
func (p Proxy) Holds(today civil.Date) bool {
	return p.ExpireDate.IsZero() || !today.After(p.ExpireDate)
}
