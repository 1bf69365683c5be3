package rpc_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/clock"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/rpc"
	"github.com/upright-clinic/upright/services/platform/rpc/rpctest"
)

const canary = "Canary-4711"

// asStaff is a context in which a receptionist calls.
func asStaff(t testing.TB) context.Context {
	t.Helper()
	return authn.With(t.Context(), rpctest.Person("cln_1", receptionist))
}

func TestTheHandlerSeesWhoCalls(t *testing.T) {
	t.Parallel()
	h := rpctest.New(t, "plans", register(func(ctx context.Context, _ *dynamicpb.Message) (string, error) {
		p, ok := authn.From(ctx)
		return fmt.Sprintf("%t subject=%s service=%s clinic=%s audience=%s", ok, p.Subject, p.Service, p.ClinicID, p.Audience), nil
	}))
	person := rpctest.Person("cln_1", receptionist)
	throughBooking := person
	throughBooking.Service = "booking"
	tests := []struct {
		method string
		ctx    context.Context
		want   string
	}{
		{"Public", t.Context(), "false subject= service= clinic= audience="},
		{"Staff", authn.With(t.Context(), person), "true subject=acc_cln_1 service= clinic=cln_1 audience=plans"},
		{"ForBooking", authn.With(t.Context(), throughBooking), "true subject=acc_cln_1 service=booking clinic=cln_1 audience=plans"},
		{"ForBooking", authn.WithService(t.Context(), "booking", "cln_2"), "true subject=booking service=booking clinic=cln_2 audience=plans"},
	}
	h.Each(t, func(t *testing.T, conn grpc.ClientConnInterface) {
		for _, test := range tests {
			got, err := call(test.ctx, conn, test.method, ask("x"))
			if err != nil || got != test.want {
				t.Errorf("%s: got %q, %v; want %q", test.method, got, err, test.want)
			}
		}
	})
}

func TestDeadlines(t *testing.T) {
	t.Parallel()
	h := rpctest.New(t, "plans", register(func(ctx context.Context, _ *dynamicpb.Message) (string, error) {
		deadline, _ := ctx.Deadline()
		return time.Until(deadline).String(), nil
	}))
	// A busy machine may take a part of the time before the handler sees it.
	within := func(t *testing.T, what, got string, err error, most time.Duration) {
		t.Helper()
		left, parsed := time.ParseDuration(got)
		if err != nil || parsed != nil || left > most || left <= most/2 {
			t.Errorf("%s arrives as %q, %v; want at most %v, and most of it", what, got, err, most)
		}
	}
	h.Each(t, func(t *testing.T, conn grpc.ClientConnInterface) {
		for _, given := range []time.Duration{4 * time.Second, time.Minute} {
			short, cancel := context.WithTimeout(asStaff(t), given)
			defer cancel()
			got, err := call(short, conn, "Staff", ask("x"))
			within(t, "the caller's time", got, err, given)
		}
	})
	signer, err := h.Keys.EdgeSigner(rpctest.Edge, clock.System)
	if err != nil {
		t.Fatal(err)
	}
	for name, transport := range h.Transports() {
		peer, err := rpc.NewPeer(transport, rpc.PeerConfig{Service: "plans", Signer: signer})
		if err != nil {
			t.Fatal(err)
		}
		got, err := call(asStaff(t), peer, "Staff", ask("x"))
		within(t, name+": a peer's default", got, err, 5*time.Second)
		got, err = call(t.Context(), transport, "Public", ask("x"))
		within(t, name+": the server's default", got, err, 10*time.Second)
	}
}

func TestNothingIsStartedInTheLastMoment(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	h := rpctest.New(t, "plans", register(func(context.Context, *dynamicpb.Message) (string, error) {
		calls.Add(1)
		return "", nil
	}))
	for name, transport := range h.Transports() {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Millisecond)
		defer cancel()
		if _, err := call(ctx, transport, "Public", ask("x")); !fault.IsKind(rpc.FromStatus(err), fault.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
	}
	cancelled, stop := context.WithCancel(t.Context())
	stop()
	for name, transport := range h.Transports() {
		if _, err := call(cancelled, transport, "Public", ask("x")); !fault.IsKind(rpc.FromStatus(err), fault.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := calls.Load(); n != 0 {
		t.Errorf("the handler ran %d times", n)
	}
}

func TestAPanicIsInternalAndGivesNothingAway(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	h := rpctest.New(t, "plans", register(func(_ context.Context, in *dynamicpb.Message) (string, error) {
		switch get(in, "name") {
		case "runtime":
			return []string{}[len(canary)], nil
		case "error":
			panic(fmt.Errorf("patient %s: %w", canary, errors.ErrUnsupported))
		default:
			panic(struct{ Name string }{canary})
		}
	}), func(c *rpc.Config) { c.Log = slog.New(slog.NewJSONHandler(&log, nil)) })
	for _, kind := range []string{"runtime", "error", "value"} {
		for name, conn := range h.Transports() {
			log.Reset()
			_, err := call(t.Context(), conn, "Public", ask(kind))
			f := fault.From(rpc.FromStatus(err))
			if f.Kind != fault.Internal || f.Reason != "INTERNAL" || strings.Contains(err.Error(), canary) {
				t.Errorf("%s %s: %v", name, kind, err)
			}
			text := log.String()
			if strings.Contains(text, canary) {
				t.Errorf("%s %s: logged\n%s", name, kind, text)
			}
			if !strings.Contains(text, "chain_test.go") || !strings.Contains(text, "panic_type") {
				t.Errorf("%s %s: the log does not help:\n%s", name, kind, text)
			}
			if indexed := strings.Contains(text, "index out of range [11]"); indexed != (kind == "runtime") {
				t.Errorf("%s %s: index shown: %t", name, kind, indexed)
			}
		}
	}
}

func TestFaultsCrossWhole(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	sent := map[string]*fault.Error{
		"limit": fault.New(fault.FailedPrecondition, "INJECTION_LIMIT", "Three in six months.").
			With("next_eligible_date", "2026-09-01").With("rule", "inj-1").Because(errors.New("secret")),
		"invalid": fault.Invalid("parts[0].code", "is unknown").OnField("name", "is missing"),
		"missing": fault.NotFoundf("patient"),
	}
	for kind := fault.Kind(1); kind <= 16; kind++ {
		if name := kind.String(); kind != 2 && kind != 15 && name != "" {
			sent[fmt.Sprint(int(kind))] = fault.New(kind, "SOME_REASON", "A sentence.")
		}
	}
	h := rpctest.New(t, "plans", register(func(_ context.Context, in *dynamicpb.Message) (string, error) {
		if f, ok := sent[get(in, "name")]; ok {
			return "", fmt.Errorf("wrapped: %w", f)
		}
		return "", fmt.Errorf("store: parsing %q at db.internal:5432", canary)
	}), func(c *rpc.Config) { c.Log = slog.New(slog.NewJSONHandler(&log, nil)) })
	for name, f := range sent {
		for transport, conn := range h.Transports() {
			_, err := call(t.Context(), conn, "Public", ask(name))
			want := *f.Because(nil)
			if diff := cmp.Diff(want, *fault.From(rpc.FromStatus(err)), cmp.AllowUnexported(fault.Error{})); diff != "" {
				t.Errorf("%s over %s (-want +got):\n%s", name, transport, diff)
			}
			if strings.Contains(fmt.Sprintf("%+v", err), "secret") {
				t.Errorf("%s over %s: the cause was sent", name, transport)
			}
		}
	}
	for transport, conn := range h.Transports() {
		log.Reset()
		_, err := call(t.Context(), conn, "Public", ask("unknown"))
		if f := fault.From(rpc.FromStatus(err)); f.Kind != fault.Internal || strings.Contains(err.Error(), "5432") {
			t.Errorf("%s: an unknown error arrives as %v", transport, err)
		}
		if text := log.String(); strings.Contains(text, canary) || !strings.Contains(text, "db.internal:5432") {
			t.Errorf("%s: the cause is logged as\n%s", transport, text)
		}
	}
}

func TestValidationNamesEveryField(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	h := rpctest.New(t, "plans", register(func(context.Context, *dynamicpb.Message) (string, error) {
		calls.Add(1)
		return "", nil
	}))
	in := ask(canary)
	parts := in.Mutable(in.Descriptor().Fields().ByName("parts")).List()
	for _, code := range []string{"ok", canary, "ok", canary} {
		part := message("Part")
		set(part, "code", code)
		parts.Append(protoreflect.ValueOfMessage(part))
	}
	h.Each(t, func(t *testing.T, conn grpc.ClientConnInterface) {
		_, err := call(asStaff(t), conn, "Staff", in)
		f := fault.From(err)
		var fields []string
		for _, v := range f.Fields {
			fields = append(fields, v.Field+" "+v.Rule)
			if strings.Contains(v.Description, canary) || v.Description == "" {
				t.Errorf("%s is described as %q", v.Field, v.Description)
			}
		}
		want := []string{"name string.max_len", "parts[1].code string.max_len", "parts[3].code string.max_len"}
		if diff := cmp.Diff(want, fields); diff != "" || f.Kind != fault.InvalidArgument {
			t.Errorf("%v (-want +got):\n%s", f, diff)
		}
	})
	t.Cleanup(func() {
		if n := calls.Load(); n != 0 {
			t.Errorf("the handler ran %d times", n)
		}
	})
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	h := rpctest.New(t, "plans", register(func(ctx context.Context, _ *dynamicpb.Message) (string, error) {
		return requestid.From(ctx), nil
	}))
	withField := ask("x")
	set(withField, "request_id", "from-the-field")
	booking := authn.WithService(t.Context(), "booking", "cln_1")
	tests := map[string]struct {
		ctx    context.Context
		method string
		in     *dynamicpb.Message
		want   string
	}{
		"none":                           {asStaff(t), "Staff", ask("x"), ""},
		"field":                          {requestid.With(asStaff(t), "outer"), "Staff", withField, "from-the-field"},
		"the edge passes it on":          {requestid.With(asStaff(t), "outer"), "Staff", ask("x"), "outer"},
		"from a router's metadata":       {metadata.AppendToOutgoingContext(asStaff(t), rpc.MetadataRequestID, "key"), "Staff", ask("x"), "key"},
		"a service does not pass its on": {requestid.With(booking, "outer"), "ForBooking", ask("x"), ""},
	}
	h.Each(t, func(t *testing.T, conn grpc.ClientConnInterface) {
		for name, test := range tests {
			if got, err := call(test.ctx, conn, test.method, test.in); err != nil || got != test.want {
				t.Errorf("%s: got %q, %v", name, got, err)
			}
		}
		_, err := call(requestid.With(asStaff(t), strings.Repeat("x", 129)), conn, "Staff", ask("x"))
		if f := fault.From(err); f.Kind != fault.InvalidArgument || len(f.Fields) != 1 || f.Fields[0].Field != "request_id" {
			t.Errorf("too long: %v", err)
		}
	})
}

func TestBearerTokensAreExchanged(t *testing.T) {
	t.Parallel()
	h := rpctest.New(t, "plans", register(func(ctx context.Context, _ *dynamicpb.Message) (string, error) {
		p, _ := authn.From(ctx)
		return p.Subject, nil
	}), func(c *rpc.Config) {
		c.Exchange = func(_ context.Context, token string) (authn.Principal, error) {
			switch token {
			case "good":
				return rpctest.Person("cln_7", receptionist), nil
			case "down":
				return authn.Principal{}, fault.New(fault.Unavailable, "UNAVAILABLE", "Down.")
			case "broken":
				return authn.Principal{}, errors.New("disk full")
			default:
				return authn.Principal{}, fault.New(fault.Unauthenticated, "SESSION_ENDED", "Over.")
			}
		}
	})
	tests := []struct {
		header, method, want string
		kind                 fault.Kind
	}{
		{"Bearer good", "Staff", "acc_cln_7", 0},
		{"bearer good", "Staff", "acc_cln_7", 0},
		{"Bearer good", "Public", "acc_cln_7", 0},
		{"Bearer good", "ForBooking", "", fault.PermissionDenied},
		{"Bearer bad", "Staff", "", fault.Unauthenticated},
		{"Bearer bad", "Public", "", 0},
		{"Basic good", "Staff", "", fault.Unauthenticated},
		{"good", "Staff", "", fault.Unauthenticated},
		{"Bearer down", "Staff", "", fault.Unavailable},
		{"Bearer broken", "Staff", "", fault.Internal},
		{"Bearer broken", "Public", "", 0},
	}
	for transport, conn := range h.Transports() {
		for _, test := range tests {
			ctx := metadata.AppendToOutgoingContext(t.Context(), authn.MetadataAuthorization, test.header)
			got, err := call(ctx, conn, test.method, ask("x"))
			if err != nil && !fault.IsKind(rpc.FromStatus(err), test.kind) || err == nil && (test.kind != 0 || got != test.want) {
				t.Errorf("%s for %s over %s: %q, %v", test.header, test.method, transport, got, err)
			}
		}
		twice := metadata.AppendToOutgoingContext(t.Context(), authn.MetadataAuthorization, "Bearer good", authn.MetadataAuthorization, "Bearer good")
		if _, err := call(twice, conn, "Staff", ask("x")); !fault.IsKind(rpc.FromStatus(err), fault.Unauthenticated) {
			t.Errorf("two headers over %s: %v", transport, err)
		}
	}
}
