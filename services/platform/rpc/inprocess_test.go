package rpc_test

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/emptypb"

	eventsv1 "github.com/upright-clinic/upright/proto/gen/go/upright/events/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/rpc"
	"github.com/upright-clinic/upright/services/platform/rpc/rpctest"
)

// secretKey is a context key that only the client's side may see.
type secretKey struct{}

func TestBothTransportsBehaveAlike(t *testing.T) {
	t.Parallel()
	h := rpctest.New(t, "plans", register(func(ctx context.Context, in *dynamicpb.Message) (string, error) {
		if ctx.Value(secretKey{}) != nil {
			t.Error("a value of the client's context arrived")
		}
		if err := grpc.SetHeader(ctx, metadata.Pairs("h", "1")); err != nil {
			return "", err
		}
		if err := grpc.SetTrailer(ctx, metadata.Pairs("t", "2")); err != nil {
			return "", err
		}
		method, _ := grpc.Method(ctx)
		from, _ := peer.FromContext(ctx)
		if from.Addr.String() == "" {
			t.Error("the peer has no address")
		}
		name := get(in, "name")
		set(in, "name", "changed")
		parts := in.Mutable(in.Descriptor().Fields().ByName("parts")).List()
		for i := range parts.Len() {
			part := parts.Get(i).Message()
			part.Clear(part.Descriptor().Fields().ByName("code"))
		}
		return name + " " + method, nil
	}))
	h.Each(t, func(t *testing.T, conn grpc.ClientConnInterface) {
		var header, trailer metadata.MD
		var from peer.Peer
		in := ask("x")
		part := message("Part")
		set(part, "code", "c")
		in.Mutable(in.Descriptor().Fields().ByName("parts")).List().Append(protoreflect.ValueOfMessage(part))
		got, err := call(context.WithValue(asStaff(t), secretKey{}, canary), conn, "Staff", in,
			grpc.Header(&header), grpc.Trailer(&trailer), grpc.Peer(&from))
		if err != nil || got != "x /"+testService+"/Staff" {
			t.Errorf("got %q, %v", got, err)
		}
		if strings.Join(header["h"], "") != "1" || strings.Join(trailer["t"], "") != "2" || from.Addr == nil {
			t.Errorf("header %v, trailer %v, peer %v", header, trailer, from)
		}
		if get(in, "name") != "x" || get(part, "code") != "c" {
			t.Error("the handler changed the client's message")
		}
		for _, method := range []string{"/" + testService + "/Missing", "/missing.v1.Service/Staff", "nonsense"} {
			if err := conn.Invoke(asStaff(t), method, in, message("Answer")); !fault.IsKind(err, fault.Unimplemented) && !fault.IsKind(err, fault.Internal) {
				t.Errorf("%s: %v", method, err)
			}
		}
	})
}

func TestCancellationReachesTheHandler(t *testing.T) {
	t.Parallel()
	started := make(chan struct{})
	h := rpctest.New(t, "plans", register(func(ctx context.Context, _ *dynamicpb.Message) (string, error) {
		started <- struct{}{}
		<-ctx.Done()
		return "", ctx.Err()
	}))
	for name, conn := range h.Transports() { // one after the other: each waits for its own handler
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-started
			cancel()
		}()
		if _, err := call(ctx, conn, "Public", ask("x")); !fault.IsKind(rpc.FromStatus(err), fault.Canceled) {
			t.Errorf("%s: err = %v", name, err)
		}
	}
}

func TestStopWaitsForCallsUnderWay(t *testing.T) {
	t.Parallel()
	started, release := make(chan struct{}), make(chan struct{})
	server := rpc.NewServer(rpc.Config{Service: "plans"})
	register(func(context.Context, *dynamicpb.Message) (string, error) {
		close(started)
		<-release
		return "done", nil
	})(server)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	answers := make(chan string, 1)
	go func() {
		text, err := call(t.Context(), server.InProcess(), "Public", ask("x"))
		if err != nil {
			text = err.Error()
		}
		answers <- text
	}()
	<-started
	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	if err := server.Stop(impatient); err == nil {
		t.Error("Stop did not say that a call was left")
	}
	stopped := make(chan error, 1)
	go func() { stopped <- server.Stop(t.Context()) }()
	if _, err := call(t.Context(), server.InProcess(), "Public", ask("x")); !fault.Is(rpc.FromStatus(err), "STOPPING") {
		t.Errorf("a new call: %v", err)
	}
	select {
	case err := <-stopped:
		t.Errorf("stopped with a call under way: %v", err)
	default:
	}
	close(release)
	if got := <-answers; got != "done" {
		t.Errorf("the call under way got %q", got)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestMessagesOfTheWrongType(t *testing.T) {
	t.Parallel()
	h := rpctest.New(t, "plans", register(echo))
	method := "/" + testService + "/Public"
	conn := h.Conn()
	if err := conn.Invoke(t.Context(), method, &emptypb.Empty{}, message("Answer")); !fault.IsKind(err, fault.Internal) {
		t.Errorf("request of another type: %v", err)
	}
	if err := conn.Invoke(t.Context(), method, ask("x"), &emptypb.Empty{}); !fault.IsKind(err, fault.Internal) {
		t.Errorf("answer of another type: %v", err)
	}
	if err := conn.Invoke(t.Context(), method, "text", "text"); !fault.IsKind(err, fault.Internal) {
		t.Errorf("no messages at all: %v", err)
	}
}

// What a handler returns becomes the caller's, every field of it, without a copy.
func TestTheResponseIsHandedOver(t *testing.T) {
	t.Parallel()
	want := &eventsv1.ListEventsResponse{Epoch: "e", Events: []*eventsv1.Event{{EventId: "evt_1", PubSeq: 7}}}
	got := &eventsv1.ListEventsResponse{Epoch: "old"}
	if err := rpc.HandOver(got, want); err != nil || !proto.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	if got.GetEvents()[0] != want.GetEvents()[0] {
		t.Error("what it holds was copied")
	}
	if err := rpc.HandOver(got, &eventsv1.GetHeadResponse{}); err == nil {
		t.Error("a message of another type was taken")
	}
	if err := rpc.HandOver(got, (*eventsv1.ListEventsResponse)(nil)); err == nil {
		t.Error("a response that is not there was taken")
	}
}
