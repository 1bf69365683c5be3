package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/rpc"
)

// foreign is a status that another program made, with details of its own.
func foreign(t *testing.T, code codes.Code) error {
	t.Helper()
	st, err := status.New(code, canary).WithDetails(
		&errdetails.ErrorInfo{Reason: canary, Domain: "example.org", Metadata: map[string]string{"k": canary}},
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: canary}}},
	)
	if err != nil {
		t.Fatal(err)
	}
	return st.Err()
}

func TestWhatGRPCItselfSaysKeepsItsKindAndLosesItsText(t *testing.T) {
	t.Parallel()
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		for name, f := range map[string]*fault.Error{
			"received": fault.From(rpc.FromStatus(foreign(t, code))),
			"sent on":  fault.From(rpc.FromStatus(rpc.ToStatus(fmt.Errorf("wrapped: %w", foreign(t, code))))),
		} {
			want := fault.Kind(code)
			if code == codes.Unknown || code == codes.DataLoss {
				want = fault.Internal
			}
			if f.Kind != want || strings.Contains(fmt.Sprintf("%s %v %v", f, f.Facts, f.Fields), canary) || f.Message == "" {
				t.Errorf("%s %s: %v %v %v", name, code, f.Kind, f, f.Facts)
			}
		}
	}
}

func TestErrorsThatAreNoStatus(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		err  error
		kind fault.Kind
	}{
		"deadline":  {fmt.Errorf("query: %w", context.DeadlineExceeded), fault.DeadlineExceeded},
		"cancelled": {fmt.Errorf("query: %w", context.Canceled), fault.Canceled},
		"any other": {errors.New(canary), fault.Internal},
	}
	for name, test := range tests {
		for way, err := range map[string]error{"to": rpc.FromStatus(rpc.ToStatus(test.err)), "from": rpc.FromStatus(test.err)} {
			if f := fault.From(err); f.Kind != test.kind || strings.Contains(f.Message, canary) {
				t.Errorf("%s %s: %v", way, name, f)
			}
		}
	}
	if rpc.ToStatus(nil) != nil || rpc.FromStatus(nil) != nil {
		t.Error("no error became one")
	}
	if code := status.Code(rpc.ToStatus(fault.New(0, "BROKEN", "A fault without a kind."))); code != codes.Internal {
		t.Errorf("a fault without a kind is %s", code)
	}
}
