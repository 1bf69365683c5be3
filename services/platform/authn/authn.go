// Package authn says who is calling, and proves it from process to process.
//
// A [Principal] is the answer to "on whose behalf does this run?". Handlers take it from
// their context with [From]. Between processes it travels as a token that lives sixty
// seconds, is bound to the service it is meant for, and is signed with the Ed25519 key of
// the service that sent it: see [Signer] and [Verifier]. No service believes a plain
// header.
//
// A service that calls another on behalf of a person sends that person as the subject (the
// actor of audit rows) and itself as [Principal.Service]. A service that calls in its own
// name is both.
package authn

import (
	"context"
	"slices"
	"time"

	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
)

// Principal is who calls: a person, or a service in its own name. It is a value that is
// never changed after it was put into a context; its slices must not be written to.
type Principal struct {
	// Subject is the account ("acc_…") or, when a service calls in its own name, the
	// service's name. Audit rows name it as the actor.
	Subject string
	// ClinicID is the clinic that every query of this call is scoped to. It is empty when
	// a service asks about no clinic in particular, such as for its event log.
	ClinicID string
	// Roles are what the account may do in its clinic; empty for a service.
	Roles []typev1.Role
	// Profession is what a clinician is registered as, unspecified for others.
	Profession typev1.Profession
	// PractitionerID is the practitioner that the account belongs to; may be empty.
	PractitionerID string
	// PatientIDs are the caller's own record and those of the patients acted for.
	PatientIDs []string
	// SessionID is the sign-in session; empty for a service in its own name.
	SessionID string
	// Service is the service that makes the call, as its signature proves. It is empty
	// for a person's own call, which the gateway or the bearer exchange lets in.
	Service string
	// Audience is the service that the token was made for.
	Audience string
	// ExpireTime is when the token stops being good, UTC. It says nothing about how long
	// a call that already started may run; its deadline does.
	ExpireTime time.Time
}

// Is reports whether the principal has at least one of the roles.
func (p Principal) Is(roles ...typev1.Role) bool {
	for _, role := range roles {
		if slices.Contains(p.Roles, role) {
			return true
		}
	}
	return false
}

// IsStaff reports whether the principal works for the clinic, in whatever role.
func (p Principal) IsStaff() bool {
	return p.Is(typev1.Role_ROLE_RECEPTIONIST, typev1.Role_ROLE_CLINICIAN,
		typev1.Role_ROLE_ADMIN, typev1.Role_ROLE_PRIVACY_OFFICER)
}

// IsService reports whether a service calls in its own name, with no person behind it.
func (p Principal) IsService() bool {
	return p.Service != "" && p.Subject == p.Service
}

// SeesPatient reports whether an object of the patient exists as far as the caller is
// concerned: for staff and for services in their own name every patient of the clinic, for
// anyone else the own record and those acted for. It decides between an answer and
// NOT_FOUND; which fields the caller then gets is the service's business, and the clinic
// must be compared as well.
func (p Principal) SeesPatient(patientID string) bool {
	return p.IsStaff() || p.IsService() || (patientID != "" && slices.Contains(p.PatientIDs, patientID))
}

// principalKey is the context key of the caller.
type principalKey struct{}

// From returns the caller. It reports false when nobody was authenticated, as in a public
// method called without credentials and in work that a service starts by itself.
func From(ctx context.Context) (Principal, bool) {
	p, ok := ctx.Value(principalKey{}).(*Principal)
	if !ok {
		return Principal{}, false
	}
	return *p, true
}

// With returns a context in which p is the caller.
func With(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, &p)
}

// WithService returns a context in which the named service acts in its own name for one
// clinic, as work that no request started does. The clinic may be empty.
func WithService(ctx context.Context, service, clinicID string) context.Context {
	return With(ctx, Principal{Subject: service, Service: service, ClinicID: clinicID})
}
