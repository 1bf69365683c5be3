// Package route says who may ask for what: every path of the gateway, be it a page, a file
// or a call of the API, is one row that names its access. A row without one stops the
// program at start, and a path without a row is not there.
package route

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// Access is who may ask. Its zero value is no rule, which no row may have.
type Access struct {
	kind  kind
	roles []typev1.Role
	forms bool
}

type kind int

const (
	public kind = iota + 1
	people
	operators
)

// Public lets anybody in.
func Public() Access { return Access{kind: public} }

// People lets in whoever is signed in with one of the roles.
func People(roles ...typev1.Role) Access { return Access{kind: people, roles: roles} }

// OrForm lets in a session that a link to one form began, too; which form the row is about
// its handler compares. Every other row refuses such a session.
func (a Access) OrForm() Access {
	a.forms = true
	return a
}

// Operators lets in whoever runs the machine, known by the network address, signed in or
// not. Others are told that the path is not there.
func Operators() Access { return Access{kind: operators} }

// Everybody is every role that a person can have.
func Everybody() Access {
	return People(typev1.Role_ROLE_PATIENT, typev1.Role_ROLE_RECEPTIONIST, typev1.Role_ROLE_CLINICIAN,
		typev1.Role_ROLE_ADMIN, typev1.Role_ROLE_PRIVACY_OFFICER)
}

// FromProto takes the rule of an RPC. It fails when there is none, when nobody could pass
// it over HTTP, or when it names no real role.
func FromProto(rule *typev1.Access) (Access, error) {
	switch {
	case rule == nil:
		return Access{}, errors.New("no access rule")
	case rule.GetPublic():
		return Public(), nil
	case len(rule.GetRoles()) == 0:
		return Access{}, errors.New("no person may call it, so it must not have an HTTP path")
	case slices.Contains(rule.GetRoles(), typev1.Role_ROLE_UNSPECIFIED):
		return Access{}, errors.New("the access rule names nobody")
	}
	return People(rule.GetRoles()...), nil
}

// Caller is what a rule decides by.
type Caller struct {
	// Principal is who is signed in; nil for nobody.
	Principal *authn.Principal
	// Operator is true for an address of those who run the machine.
	Operator bool
	// Form is true for a session that is for one form alone.
	Form bool
}

// Check decides. Nobody signed in: UNAUTHENTICATED; signed in with another role:
// PERMISSION_DENIED; a path for operators: NOT_FOUND for everybody else.
func (a Access) Check(c Caller) *fault.Error {
	switch a.kind {
	case public:
		return nil
	case operators:
		if c.Operator {
			return nil
		}
		return fault.New(fault.NotFound, "ROUTE_NOT_FOUND", "there is nothing at this path")
	case people:
		if c.Principal == nil {
			return fault.New(fault.Unauthenticated, "UNAUTHENTICATED", "sign in first")
		}
		if c.Principal.Is(a.roles...) && (a.forms || !c.Form) {
			return nil
		}
	}
	return fault.New(fault.PermissionDenied, "PERMISSION_DENIED", "your account may not do this")
}

// IsPublic reports whether the rule lets in somebody who is not signed in.
func (a Access) IsPublic() bool { return a.kind == public }

// Roles returns the roles that pass; none for a rule that asks for no role.
func (a Access) Roles() []typev1.Role { return a.roles }

// String says who passes.
func (a Access) String() string {
	switch a.kind {
	case public:
		return "anybody"
	case operators:
		return "operators"
	case people:
		names := make([]string, len(a.roles))
		for i, r := range a.roles {
			names[i] = strings.ToLower(strings.TrimPrefix(r.String(), "ROLE_"))
		}
		return strings.Join(names, ", ")
	}
	return "nobody: no rule"
}

// Form is how a path answers, and so how it says that something is wrong.
type Form int

const (
	// API answers JSON, and problem documents.
	API Form = iota + 1
	// Page answers HTML.
	Page
	// File answers an embedded file.
	File
	// Stream answers for as long as the client stays.
	Stream
)

// Route is one row.
type Route struct {
	// Method and Pattern are those of net/http's ServeMux, for example "GET" and
	// "/staff/patients/{patient_id}".
	Method, Pattern string
	// Access is who may ask.
	Access Access
	// Form is how it answers.
	Form Form
	// Strict counts a request against the limit for trying passwords and making accounts.
	Strict bool
	// Body is the largest body in bytes, for a row that takes more than others; 0 is the usual.
	Body int64
	// Handler answers. It is called for those who passed only.
	Handler http.Handler
}

// Table is every row, ready to be matched.
type Table struct {
	mux   *http.ServeMux
	rows  map[string]*Route
	exact map[string]bool // patterns without variables
	list  []Route
}

// NewTable checks and indexes rows. It fails for a row without access, form, method or
// handler, for a method that changes something behind GET's back, and for two rows that
// cannot be told apart.
func NewTable(rows []Route) (t *Table, err error) {
	t = &Table{mux: http.NewServeMux(), rows: make(map[string]*Route, len(rows)), exact: map[string]bool{}, list: rows}
	for i := range rows {
		if err := t.add(&rows[i]); err != nil {
			return nil, fmt.Errorf("route %s %s: %w", rows[i].Method, rows[i].Pattern, err)
		}
	}
	return t, nil
}

func (t *Table) add(r *Route) (err error) {
	switch {
	case r.Access.kind == 0:
		return errors.New("no access rule")
	case r.Access.kind == people && len(r.Access.roles) == 0:
		return errors.New("the access rule names nobody")
	case r.Form == 0:
		return errors.New("no form")
	case r.Handler == nil:
		return errors.New("no handler")
	case r.Method != http.MethodGet && r.Method != http.MethodPost:
		return errors.New("method must be GET or POST")
	case !strings.HasPrefix(r.Pattern, "/"):
		return errors.New("the pattern must start with a slash")
	}
	defer func() {
		if p := recover(); p != nil { // ServeMux's way of refusing a pattern
			err = fmt.Errorf("%v", p)
		}
	}()
	key := r.Method + " " + r.Pattern
	t.mux.Handle(key, r.Handler)
	t.rows[key] = r
	if !strings.Contains(r.Pattern, "{") {
		t.exact[r.Pattern] = true
	}
	return nil
}

// Rows lists every row.
func (t *Table) Rows() []Route { return t.list }

// Has reports whether there is a row for exactly this path; it says nothing about patterns
// with variables.
func (t *Table) Has(path string) bool { return t.exact[path] }

// Match finds the row for a request. When there is none for the method, allow lists those
// that there are; when there is none at all, it is empty.
func (t *Table) Match(r *http.Request) (row *Route, allow string) {
	h, pattern := t.mux.Handler(r)
	if row, ok := t.rows[pattern]; ok {
		return row, ""
	}
	probe := headerOnly{}
	h.ServeHTTP(probe, r) // ServeMux's own answer: not found, or the methods that are there
	return nil, http.Header(probe).Get("Allow")
}

// Serve calls the row's handler with the path values of its pattern set. Only a request
// that Match found a row for, and that passed its access, may come here.
func (t *Table) Serve(w http.ResponseWriter, r *http.Request) { t.mux.ServeHTTP(w, r) }

// headerOnly is an answer of which only the headers are kept.
type headerOnly http.Header

// Header implements http.ResponseWriter.
func (h headerOnly) Header() http.Header { return http.Header(h) }

// Write implements http.ResponseWriter.
func (headerOnly) Write(b []byte) (int, error) { return len(b), nil }

// WriteHeader implements http.ResponseWriter.
func (headerOnly) WriteHeader(int) {}
