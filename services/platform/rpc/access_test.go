package rpc_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/rpc"
	"github.com/upright-clinic/upright/services/platform/rpc/rpctest"
)

func TestStartNamesEveryMethodWithoutAProperRule(t *testing.T) {
	t.Parallel()
	server := rpc.NewServer(rpc.Config{Service: "plans"})
	register(echo)(server)
	if err := server.Start(); err != nil {
		t.Fatalf("with a rule for each: %v", err)
	}
	server = rpc.NewServer(rpc.Config{Service: "plans"})
	desc := serviceDesc(bareService, bareRules, echo)
	server.RegisterService(desc, echo)
	err := server.Start()
	if err == nil {
		t.Fatal("started with methods that have no rule")
	}
	for method := range bareRules {
		if !strings.Contains(err.Error(), bareService+"."+method) {
			t.Errorf("the error does not name %s:\n%v", method, err)
		}
	}
	if _, err := rpc.NewPort(rpc.PortConfig{}, server); err == nil {
		t.Error("a port was opened for it")
	}
	if _, err := call(t.Context(), server.InProcess(), "Public", ask("x")); err == nil {
		t.Error("it answers in process")
	}
}

func TestStartRefusesWhatItCannotDescribe(t *testing.T) {
	t.Parallel()
	server := rpc.NewServer(rpc.Config{Service: "plans"})
	server.RegisterService(serviceDesc("unknown.v1.Service", testRules, echo), echo)
	register(echo)(server)
	register(echo)(server)
	err := server.Start()
	if err == nil || !strings.Contains(err.Error(), "unknown.v1.Service.Staff") || !strings.Contains(err.Error(), "twice") {
		t.Errorf("err = %v", err)
	}
}

func TestAServiceRegisteredAfterTheStartIsNotServed(t *testing.T) {
	t.Parallel()
	server := rpc.NewServer(rpc.Config{Service: "plans"})
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	register(echo)(server)
	if _, err := call(t.Context(), server.InProcess(), "Public", ask("x")); err == nil {
		t.Error("it answers")
	}
}

func TestAccessMatrix(t *testing.T) {
	t.Parallel()
	h := rpctest.New(t, "plans", register(echo))
	if got := len(h.Server.Methods()); got != len(testRules) {
		t.Fatalf("%d methods", got)
	}
	rpctest.AccessMatrix(t, h)
}

// findings collects what a test would have reported.
type findings struct {
	ctx   context.Context
	lines []string
}

func (f *findings) Helper()                  {}
func (f *findings) Context() context.Context { return f.ctx }
func (f *findings) Errorf(format string, args ...any) {
	f.lines = append(f.lines, fmt.Sprintf(format, args...))
}
func (f *findings) Fatalf(format string, args ...any) { f.Errorf(format, args...) }

func TestAccessMatrixBites(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		method   string
		public   bool
		roles    []typev1.Role
		services []string
		want     string
	}{
		"public that should not be":      {"Staff", true, nil, nil, "nobody over network: admitted, the rule says UNAUTHENTICATED"},
		"a role too many":                {"Staff", false, []typev1.Role{receptionist, clinician, patient}, nil, "ROLE_PATIENT over in process: admitted, the rule says ACCESS_DENIED"},
		"a role too few":                 {"Staff", false, []typev1.Role{receptionist}, nil, "ROLE_CLINICIAN over network: ACCESS_DENIED, the rule says admitted"},
		"no longer public":               {"Public", false, []typev1.Role{receptionist}, nil, "nobody over in process: UNAUTHENTICATED, the rule says admitted"},
		"a service too many":             {"ForBooking", false, nil, []string{"booking", "gateway"}, "service gateway over network: admitted, the rule says ACCESS_DENIED"},
		"another service":                {"ForBooking", false, nil, []string{"plans"}, "service booking over in process: ACCESS_DENIED, the rule says admitted"},
		"a stream for a role too many":   {"Watch", false, []typev1.Role{clinician, patient}, nil, "ROLE_PATIENT over in process: admitted, the rule says ACCESS_DENIED"},
		"a stream that everyone may use": {"Chat", true, nil, nil, "garbled token over network: admitted, the rule says UNAUTHENTICATED"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := rpctest.New(t, "plans", register(echo))
			h.Server.PlantRule("/"+testService+"/"+test.method, test.public, test.roles, test.services)
			found := &findings{ctx: t.Context()}
			rpctest.AccessMatrix(found, h)
			report := strings.Join(found.lines, "\n")
			if !strings.Contains(report, test.want) {
				t.Errorf("the matrix does not report %q but:\n%s", test.want, report)
			}
			for _, line := range found.lines {
				if !strings.Contains(line, "/"+test.method+" ") {
					t.Errorf("a method that is right is reported: %s", line)
				}
			}
		})
	}
}
