package route_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/upright-clinic/upright/gateway/internal/route"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/authn"
)

var nothing = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})

func TestTableRefusesRows(t *testing.T) {
	t.Parallel()
	good := route.Route{Method: "GET", Pattern: "/a", Access: route.Public(), Form: route.Page, Handler: nothing}
	for name, tc := range map[string]struct {
		change func(*route.Route)
		want   string
	}{
		"no access":    {func(r *route.Route) { r.Access = route.Access{} }, "no access rule"},
		"no role":      {func(r *route.Route) { r.Access = route.People() }, "names nobody"},
		"no form":      {func(r *route.Route) { r.Form = 0 }, "no form"},
		"no handler":   {func(r *route.Route) { r.Handler = nil }, "no handler"},
		"no method":    {func(r *route.Route) { r.Method = "" }, "method"},
		"other method": {func(r *route.Route) { r.Method = "PUT" }, "method"},
		"bad pattern":  {func(r *route.Route) { r.Pattern = "/a/{" }, "bad wildcard"},
		"host":         {func(r *route.Route) { r.Pattern = "example.org/a" }, "slash"},
		"twice":        {func(*route.Route) {}, "conflicts"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row := good
			tc.change(&row)
			if _, err := route.NewTable([]route.Route{good, row}); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("NewTable: %v, want %q", err, tc.want)
			}
		})
	}
	if _, err := route.NewTable([]route.Route{good}); err != nil {
		t.Error(err)
	}
}

func TestMatch(t *testing.T) {
	t.Parallel()
	table, err := route.NewTable([]route.Route{
		{Method: "GET", Pattern: "/a/{id}", Access: route.Public(), Form: route.Page, Handler: nothing},
		{Method: "POST", Pattern: "/a/{id}", Access: route.Public(), Form: route.Page, Handler: nothing},
		{Method: "GET", Pattern: "/b/{$}", Access: route.Public(), Form: route.Page, Handler: nothing},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ method, path, pattern, allow string }{
		{"GET", "/a/1", "/a/{id}", ""},
		{"HEAD", "/a/1", "/a/{id}", ""},
		{"POST", "/a/1", "/a/{id}", ""},
		{"DELETE", "/a/1", "", "GET, HEAD, POST"},
		{"GET", "/a", "", ""},
		{"GET", "/A/1", "", ""},
		{"GET", "/b/", "/b/{$}", ""},
		{"GET", "/b/c", "", ""},
	} {
		row, allow := table.Match(httptest.NewRequest(tc.method, tc.path, nil))
		got := ""
		if row != nil {
			got = row.Pattern
		}
		if got != tc.pattern || allow != tc.allow {
			t.Errorf("%s %s: %q, allow %q; want %q, %q", tc.method, tc.path, got, allow, tc.pattern, tc.allow)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	clinician := &authn.Principal{Roles: []typev1.Role{typev1.Role_ROLE_CLINICIAN}}
	for name, tc := range map[string]struct {
		access route.Access
		caller route.Caller
		reason string
	}{
		"no rule":             {route.Access{}, route.Caller{Principal: clinician, Operator: true}, "PERMISSION_DENIED"},
		"public":              {route.Public(), route.Caller{}, ""},
		"nobody":              {route.Everybody(), route.Caller{Operator: true}, "UNAUTHENTICATED"},
		"everybody":           {route.Everybody(), route.Caller{Principal: clinician}, ""},
		"role":                {route.People(typev1.Role_ROLE_CLINICIAN), route.Caller{Principal: clinician}, ""},
		"other role":          {route.People(typev1.Role_ROLE_ADMIN), route.Caller{Principal: clinician}, "PERMISSION_DENIED"},
		"no role at all":      {route.Everybody(), route.Caller{Principal: &authn.Principal{}}, "PERMISSION_DENIED"},
		"operator":            {route.Operators(), route.Caller{Operator: true}, ""},
		"not an operator":     {route.Operators(), route.Caller{Principal: clinician}, "ROUTE_NOT_FOUND"},
		"empty role list":     {route.People(), route.Caller{Principal: clinician}, "PERMISSION_DENIED"},
		"empty list, no role": {route.People(), route.Caller{Principal: &authn.Principal{}}, "PERMISSION_DENIED"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := ""
			if f := tc.access.Check(tc.caller); f != nil {
				got = f.Reason
			}
			if got != tc.reason {
				t.Errorf("%s: %q, want %q", tc.access, got, tc.reason)
			}
		})
	}
}

func TestFromProto(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		rule *typev1.Access
		want string // empty: refused
	}{
		"none":          {nil, ""},
		"empty":         {&typev1.Access{}, ""},
		"services only": {&typev1.Access{Services: []string{"booking"}}, ""},
		"nobody":        {&typev1.Access{Roles: []typev1.Role{typev1.Role_ROLE_UNSPECIFIED}}, ""},
		"public":        {&typev1.Access{Public: true}, "anybody"},
		"roles":         {&typev1.Access{Roles: []typev1.Role{typev1.Role_ROLE_PATIENT, typev1.Role_ROLE_ADMIN}}, "patient, admin"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			access, err := route.FromProto(tc.rule)
			if (err == nil) != (tc.want != "") || (err == nil && access.String() != tc.want) {
				t.Errorf("FromProto = %s, %v", access, err)
			}
		})
	}
}
