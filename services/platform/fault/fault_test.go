package fault_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/upright-clinic/upright/services/platform/fault"
)

func TestCauseStaysPrivate(t *testing.T) {
	t.Parallel()
	secret := errors.New("dial tcp 10.0.0.1: password=hunter2")
	err := fault.New(fault.Unavailable, "DOWN", "try again").Because(secret)
	if strings.Contains(err.Error(), "hunter2") || strings.Contains(fmt.Sprintf("%v %+v", err, err), "hunter2") {
		t.Errorf("the cause shows: %v", err)
	}
	if !errors.Is(err, secret) {
		t.Error("the cause is lost")
	}
}

func TestAddingReturnsACopy(t *testing.T) {
	t.Parallel()
	base := fault.New(fault.FailedPrecondition, "PLAN_LIMIT", "no sessions left")
	a, b := base.With("plan_id", "pln_1"), base.With("plan_id", "pln_2").OnField("plan_id", "is used up")
	if len(base.Facts) != 0 || len(base.Fields) != 0 || a.Facts["plan_id"] != "pln_1" || b.Facts["plan_id"] != "pln_2" || len(a.Fields) != 0 {
		t.Errorf("base %v, a %v, b %v", base, a, b)
	}
}

func TestFrom(t *testing.T) {
	t.Parallel()
	known := fault.Invalid("start_time", "is in a gap")
	for _, c := range []struct {
		err    error
		kind   fault.Kind
		reason string
	}{
		{known, fault.InvalidArgument, "INVALID_ARGUMENT"},
		{fmt.Errorf("wrapped: %w", known), fault.InvalidArgument, "INVALID_ARGUMENT"},
		{context.DeadlineExceeded, fault.DeadlineExceeded, "DEADLINE_EXCEEDED"},
		{fmt.Errorf("read: %w", context.Canceled), fault.Canceled, "CANCELED"},
		{errors.New("disk on fire in room 4"), fault.Internal, "INTERNAL"},
	} {
		got := fault.From(c.err)
		if got.Kind != c.kind || got.Reason != c.reason || strings.Contains(got.Message, "fire") {
			t.Errorf("From(%v) = %v %v", c.err, got.Kind, got)
		}
		if !fault.Is(got, c.reason) || !fault.IsKind(c.err, c.kind) {
			t.Errorf("Is and IsKind disagree about %v", c.err)
		}
	}
	if fault.From(nil) != nil || fault.IsKind(nil, fault.Internal) || fault.Is(nil, "INTERNAL") {
		t.Error("nil is no error")
	}
}

func TestEveryKindHasAName(t *testing.T) {
	t.Parallel()
	for k := fault.Canceled; k <= fault.Unauthenticated; k++ {
		if k == 2 || k == 15 || k == 1 {
			continue // UNKNOWN and DATA_LOSS are never ours; CANCELLED is spelled as gRPC does
		}
		if strings.HasPrefix(k.String(), "KIND_") {
			t.Errorf("kind %d has no name", int(k))
		}
	}
}
