package rpc_test

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/clock"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/rpc"
	"github.com/upright-clinic/upright/services/platform/rpc/rpctest"
	"github.com/upright-clinic/upright/services/platform/telemetry"
)

// newTelemetry makes telemetry that ends with the test.
func newTelemetry(t testing.TB, cfg telemetry.Config) *telemetry.Telemetry {
	t.Helper()
	tel, err := telemetry.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tel.Shutdown(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("telemetry: %v", err)
		}
	})
	return tel
}

// chained is two services: intake, which answers, and plans, whose handler asks intake.
type chained struct {
	plans   *rpctest.Harness
	gateway func(transport string) *rpc.Peer
}

// newChained starts both; between them calls go over the named transport.
func newChained(t *testing.T, tel *telemetry.Telemetry, between string, answer handle) chained {
	t.Helper()
	with := func(c *rpc.Config) { c.Telemetry = tel }
	intake := rpctest.New(t, "intake", register(answer), with)
	signer, err := intake.Keys.Signer("plans", clock.System)
	if err != nil {
		t.Fatal(err)
	}
	toIntake, err := rpc.NewPeer(intake.Transports()[between], rpc.PeerConfig{Service: "intake", Signer: signer, Telemetry: tel})
	if err != nil {
		t.Fatal(err)
	}
	plans := rpctest.New(t, "plans", register(func(ctx context.Context, in *dynamicpb.Message) (string, error) {
		return call(ctx, toIntake, "Mixed", in)
	}), with)
	edge, err := plans.Keys.EdgeSigner(rpctest.Edge, clock.System)
	if err != nil {
		t.Fatal(err)
	}
	return chained{plans: plans, gateway: func(transport string) *rpc.Peer {
		p, err := rpc.NewPeer(plans.Transports()[transport], rpc.PeerConfig{Service: "plans", Signer: edge, Telemetry: tel})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}}
}

func TestOneTraceAcrossServicesWithTheActorInEach(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{"network", "in process"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			spans := tracetest.NewInMemoryExporter()
			tel := newTelemetry(t, telemetry.Config{Exporter: spans})
			c := newChained(t, tel, transport, func(ctx context.Context, _ *dynamicpb.Message) (string, error) {
				p, _ := authn.From(ctx)
				return strings.Join([]string{p.Subject, p.Service, telemetry.TraceID(ctx)}, " "), nil
			})
			ctx, root := telemetry.StartWith(asStaff(t), tel.Tracer(), "request")
			got, err := call(ctx, c.gateway(transport), "Staff", ask("x"))
			root.End()
			if want := "acc_cln_1 plans " + root.SpanContext().TraceID().String(); err != nil || got != want {
				t.Errorf("got %q, %v; want %q", got, err, want)
			}
			parents, names := map[string]string{}, map[string]string{}
			for _, span := range spans.GetSpans() {
				names[span.SpanContext.SpanID().String()] = span.SpanKind.String() + " " + span.Name[strings.LastIndex(span.Name, "/")+1:]
			}
			for _, span := range spans.GetSpans() {
				parents[names[span.SpanContext.SpanID().String()]] = names[span.Parent.SpanID().String()]
				for _, attr := range span.Attributes {
					if strings.Contains(attr.Value.String(), "cln_1") {
						t.Errorf("span %s carries %s", span.Name, attr.Value.String())
					}
				}
			}
			want := map[string]string{
				"internal request": "", "client Staff": "internal request", "server Staff": "client Staff",
				"client Mixed": "server Staff", "server Mixed": "client Mixed",
			}
			if diff := cmp.Diff(want, parents); diff != "" {
				t.Errorf("span and parent (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTraceIDsGoOnWhenNothingIsRecorded(t *testing.T) {
	t.Parallel()
	tel := newTelemetry(t, telemetry.Config{})
	c := newChained(t, tel, "network", func(ctx context.Context, _ *dynamicpb.Message) (string, error) {
		return telemetry.TraceID(ctx), nil
	})
	ctx, root := telemetry.StartWith(asStaff(t), tel.Tracer(), "request")
	defer root.End()
	for _, transport := range []string{"network", "in process"} {
		got, err := call(ctx, c.gateway(transport), "Staff", ask("x"))
		if err != nil || got != telemetry.TraceID(ctx) || got == "" {
			t.Errorf("%s: got %q, %v", transport, got, err)
		}
		if got, err := call(asStaff(t), c.gateway(transport), "Staff", ask("x")); err != nil || got == "" || got == telemetry.TraceID(ctx) {
			t.Errorf("%s, a trace of its own: got %q, %v", transport, got, err)
		}
	}
}

func TestAFaultOfAServiceBehindAServiceArrivesWhole(t *testing.T) {
	t.Parallel()
	refusal := fault.New(fault.FailedPrecondition, "GATE_CLOSED", "Not now.").With("level", "EMERGENCY_NOW")
	c := newChained(t, nil, "network", func(context.Context, *dynamicpb.Message) (string, error) { return "", refusal })
	_, err := call(asStaff(t), c.gateway("in process"), "Staff", ask("x"))
	if diff := cmp.Diff(*refusal, *fault.From(err), cmp.AllowUnexported(fault.Error{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAServiceThatIsNotBelievedDoesNotSignAnyoneOut(t *testing.T) {
	t.Parallel()
	h := rpctest.New(t, "plans", register(echo))
	foreign, err := authn.GenerateKeyring("booking")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := foreign.Signer("booking", clock.System)
	if err != nil {
		t.Fatal(err)
	}
	for name, conn := range h.Transports() {
		peer, err := rpc.NewPeer(conn, rpc.PeerConfig{Service: "plans", Signer: signer})
		if err != nil {
			t.Fatal(err)
		}
		_, err = call(asStaff(t), peer, "ForBooking", ask("x"))
		if f := fault.From(err); f.Kind != fault.Internal || f.Reason != "PEER_REFUSED" || f.Facts["service"] != "plans" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAPeerThatStartsLater(t *testing.T) {
	t.Parallel()
	keys, err := authn.GenerateKeyring("booking", "plans")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := keys.Signer("booking", clock.System)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	peer, err := rpc.Dial(address, rpc.PeerConfig{Service: "plans", Signer: signer})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := peer.Close(); err != nil {
			t.Error(err)
		}
	}()
	_, err = call(t.Context(), peer, "ForBooking", ask("x"))
	if f := fault.From(err); f.Kind != fault.Unavailable || f.Facts["service"] != "plans" || strings.Contains(f.Error(), address) {
		t.Fatalf("while it is down: %v", err)
	}
	server := rpc.NewServer(rpc.Config{Service: "plans", Verifier: keys.Verifier("plans", clock.System)})
	register(echo)(server)
	if listener, err = net.Listen("tcp", address); err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	got, err := call(t.Context(), peer, "ForBooking", ask("up"), grpc.WaitForReady(true))
	if err != nil || got != "up" {
		t.Errorf("after it started: %q, %v", got, err)
	}
	if err := server.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	if _, err = call(t.Context(), server.InProcess(), "Public", ask("x")); !fault.Is(rpc.FromStatus(err), "STOPPING") {
		t.Errorf("after it stopped: %v", err)
	}
}

func TestStreamsAreCheckedMessageByMessage(t *testing.T) {
	t.Parallel()
	h := rpctest.New(t, "plans", register(echo))
	h.Each(t, func(t *testing.T, conn grpc.ClientConnInterface) {
		stream, err := conn.NewStream(asStaff(t), &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, "/"+testService+"/Chat")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"one", "two"} {
			answer := message("Answer")
			if err := stream.SendMsg(ask(name)); err != nil {
				t.Fatal(err)
			}
			if err := stream.RecvMsg(answer); err != nil || get(answer, "text") != name {
				t.Errorf("got %q, %v", get(answer, "text"), err)
			}
		}
		if err := stream.SendMsg(ask(canary)); err != nil {
			t.Fatal(err)
		}
		if err := stream.RecvMsg(message("Answer")); err == nil {
			t.Error("a message that breaks a rule was answered")
		}
	})
}

// An edge says from where a person calls; the service it calls does not pass that on.
func TestTheEdgePassesTheClientAddress(t *testing.T) {
	t.Parallel()
	saw := func(ctx context.Context) string {
		return strings.Join(metadata.ValueFromIncomingContext(ctx, rpc.MetadataClientAddress), " ")
	}
	for _, transport := range []string{"network", "in process"} {
		s := rpctest.New(t, "directory", register(func(ctx context.Context, _ *dynamicpb.Message) (string, error) { return saw(ctx), nil }))
		edge, err := s.Keys.EdgeSigner(rpctest.Edge, clock.System)
		if err != nil {
			t.Fatal(err)
		}
		p, err := rpc.NewPeer(s.Transports()[transport], rpc.PeerConfig{Service: "directory", Signer: edge})
		if err != nil {
			t.Fatal(err)
		}
		ctx := metadata.AppendToOutgoingContext(asStaff(t), rpc.MetadataClientAddress, "203.0.113.7")
		if got, err := call(ctx, p, "Staff", ask("x")); err != nil || got != "203.0.113.7" {
			t.Errorf("%s: the service saw %q, %v", transport, got, err)
		}
		c := newChained(t, nil, transport, func(ctx context.Context, _ *dynamicpb.Message) (string, error) { return "[" + saw(ctx) + "]", nil })
		if got, err := call(ctx, c.gateway(transport), "Staff", ask("x")); err != nil || got != "[]" {
			t.Errorf("%s: the service behind saw %q, %v", transport, got, err)
		}
	}
}
