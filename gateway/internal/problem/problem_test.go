package problem_test

import (
	"encoding/json"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/upright-clinic/upright/gateway/internal/problem"
	"github.com/upright-clinic/upright/services/platform/fault"
)

func TestStatus(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		kind   fault.Kind
		reason string
		want   int
	}{
		{fault.InvalidArgument, "INVALID_ARGUMENT", 400},
		{fault.InvalidArgument, "REQUEST_ID_REUSED", 422},
		{fault.InvalidArgument, problem.ReasonBodyTooLarge, 413},
		{fault.InvalidArgument, problem.ReasonUnsupportedMedia, 415},
		{fault.NotFound, "NOT_FOUND", 404},
		{fault.Unimplemented, problem.ReasonMethodNotAllowed, 405},
		{fault.Unimplemented, "UNIMPLEMENTED", 501},
		{fault.AlreadyExists, "ALREADY_EXISTS", 409},
		{fault.PermissionDenied, "PERMISSION_DENIED", 403},
		{fault.Unauthenticated, "UNAUTHENTICATED", 401},
		{fault.FailedPrecondition, "INJECTION_LIMIT", 409},
		{fault.Aborted, "SLOT_TAKEN", 409},
		{fault.Aborted, "VERSION_MISMATCH", 412},
		{fault.FailedPrecondition, "VERSION_MISMATCH", 412},
		{fault.ResourceExhausted, problem.ReasonRateLimited, 429},
		{fault.ResourceExhausted, "STORAGE_FULL", 503},
		{fault.Unavailable, "CATCHING_UP", 503},
		{fault.DeadlineExceeded, "DEADLINE_EXCEEDED", 504},
		{fault.Canceled, "CANCELED", 499},
		{fault.OutOfRange, "OUT_OF_RANGE", 400},
		{fault.Internal, "INTERNAL", 500},
		{fault.Kind(99), "UNKNOWN", 500},
	} {
		if got := problem.Status(fault.New(tc.kind, tc.reason, "")); got != tc.want {
			t.Errorf("Status(%v, %s) = %d, want %d", tc.kind, tc.reason, got, tc.want)
		}
	}
}

func TestWrite(t *testing.T) {
	t.Parallel()
	f := fault.New(fault.FailedPrecondition, "INJECTION_LIMIT", "three in six months").
		With("next_eligible_date", "2027-02-14").
		OnField("start_time", "too early").
		Because(errors.New("private"))
	w := httptest.NewRecorder()
	if got := problem.Write(w, f, "req-1"); got != 409 || w.Code != 409 {
		t.Errorf("Write = %d, wrote %d", got, w.Code)
	}
	if got := w.Header().Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("Content-Type %q", got)
	}
	var got map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"type": "urn:upright:reason:INJECTION_LIMIT", "title": "Refused by a rule", "status": 409.0,
		"code": "FAILED_PRECONDITION", "reason": "INJECTION_LIMIT", "detail": "three in six months",
		"metadata":   map[string]any{"next_eligible_date": "2027-02-14"},
		"request_id": "req-1",
		"violations": []any{map[string]any{"field": "start_time", "description": "too early"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(w.Body.String(), "private") {
		t.Error("the cause was sent")
	}
}

func TestEmptyMembersAreThere(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	problem.Write(w, fault.NotFoundf("patient"), "")
	for _, want := range []string{`"metadata":{}`, `"violations":[]`, `"detail":"patient not found"`} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s misses %s", w.Body, want)
		}
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fault       *fault.Error
		key, expect string
	}{
		"rate limit":       {problem.RateLimited(1200 * time.Millisecond), "Retry-After", "2"},
		"at least one":     {problem.RateLimited(time.Microsecond), "Retry-After", "1"},
		"a service's wait": {fault.New(fault.ResourceExhausted, "SIGN_IN_THROTTLED", "").With("retry_after_seconds", "30"), "Retry-After", "30"},
		"nonsense":         {fault.New(fault.ResourceExhausted, "X", "").With("retry_after_seconds", "soon\r\nSet-Cookie: a"), "Retry-After", "1"},
		"down":             {fault.New(fault.Unavailable, "CATCHING_UP", ""), "Retry-After", "1"},
		"not signed in":    {fault.New(fault.Unauthenticated, "UNAUTHENTICATED", ""), "WWW-Authenticate", `Bearer realm="upright"`},
		"a refusal":        {fault.New(fault.Aborted, "SLOT_TAKEN", ""), "Retry-After", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := httptest.NewRecorder()
			problem.Write(w, tc.fault, "")
			if got := w.Header().Get(tc.key); got != tc.expect {
				t.Errorf("%s: %q, want %q", tc.key, got, tc.expect)
			}
		})
	}
}
