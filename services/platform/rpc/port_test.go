package rpc_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/dynamicpb"

	eventsv1 "github.com/upright-clinic/upright/proto/gen/go/upright/events/v1"
	"github.com/upright-clinic/upright/services/platform/clock"
	"github.com/upright-clinic/upright/services/platform/rpc"
)

// open serves servers on a TCP port of this machine until the test ends.
func open(t *testing.T, servers ...*rpc.Server) (*rpc.Port, string) {
	t.Helper()
	port, err := rpc.NewPort(rpc.PortConfig{}, servers...)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- port.Serve(listener) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 5*time.Second)
		defer cancel()
		if err := port.Stop(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("stop: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return port, listener.Addr().String()
}

// connect is a plain gRPC client.
func connect(t *testing.T, address string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return conn
}

func TestOddPathsNeverReachAHandler(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	server := rpc.NewServer(rpc.Config{Service: "plans"})
	register(func(context.Context, *dynamicpb.Message) (string, error) {
		calls.Add(1)
		return "", nil
	})(server)
	_, address := open(t, server)
	good := "/" + testService + "/Public"
	paths := []string{
		testService + "/Public", "//" + testService + "/Public", "/" + testService + "//Public", good + "/", good + "%2F",
		"/" + testService + "%2FPublic", "/" + strings.ToUpper(testService) + "/Public", "/" + testService + "/public",
		"/" + testService + "/./Public", "/x/../" + testService + "/Public", good + "?x=1", good + "#x", "http://h" + good,
		"/%75pright.test.v1.TestService/Public", good + "\x00", " " + good, "", "/", "*",
	}
	for _, path := range paths {
		if got := rawCall(t, address, path); got == "0" {
			t.Errorf("path %q was served", path)
		}
	}
	if n := calls.Load(); n != 0 {
		t.Errorf("a handler ran %d times", n)
	}
	if got := rawCall(t, address, good); got != "0" || calls.Load() != 1 {
		t.Errorf("the true path: status %q, %d calls", got, calls.Load())
	}
}

// rawCall sends one call with a path that no gRPC client would send, and returns the
// grpc-status of the answer, or how it was refused.
func rawCall(t *testing.T, address, path string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(clock.System.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	framer := http2.NewFramer(conn, conn)
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, field := range [][2]string{
		{":method", "POST"},
		{":scheme", "http"},
		{":path", path},
		{":authority", "x"},
		{"content-type", "application/grpc"},
		{"te", "trailers"},
	} {
		if err := encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := conn.Write([]byte(http2.ClientPreface)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(framer.WriteSettings(),
		framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true}),
		framer.WriteData(1, true, []byte{0, 0, 0, 0, 0})); err != nil {
		return "refused: " + err.Error()
	}
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return "refused: " + err.Error()
		}
		switch f := frame.(type) {
		case *http2.MetaHeadersFrame:
			for _, field := range f.Fields {
				if field.Name == "grpc-status" {
					return field.Value
				}
			}
			if f.StreamEnded() {
				return "refused"
			}
		case *http2.RSTStreamFrame, *http2.GoAwayFrame:
			return "refused"
		}
	}
}

func TestMessagesThatAreTooLarge(t *testing.T) {
	t.Parallel()
	server := rpc.NewServer(rpc.Config{Service: "plans"})
	register(echo)(server)
	_, address := open(t, server)
	in := ask("x")
	set(in, "request_id", strings.Repeat("x", 11<<20))
	_, err := call(t.Context(), connect(t, address), "Public", in)
	if status.Code(err) != codes.ResourceExhausted {
		t.Errorf("err = %v", err)
	}
}

func TestHealthAndReflectionNeedNoCredentials(t *testing.T) {
	t.Parallel()
	server := rpc.NewServer(rpc.Config{Service: "plans"})
	register(echo)(server)
	port, address := open(t, server)
	conn := connect(t, address)
	health := healthv1.NewHealthClient(conn)
	for _, ready := range []bool{true, false, true} {
		port.SetHealth("", ready)
		answer, err := health.Check(t.Context(), &healthv1.HealthCheckRequest{})
		if err != nil || (answer.GetStatus() == healthv1.HealthCheckResponse_SERVING) != ready {
			t.Errorf("ready %t: %v, %v", ready, answer.GetStatus(), err)
		}
	}
	if _, err := health.Check(t.Context(), &healthv1.HealthCheckRequest{Service: "x"}); status.Code(err) != codes.NotFound {
		t.Errorf("an unknown service: %v", err)
	}
	stream, err := reflectionv1.NewServerReflectionClient(conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&reflectionv1.ServerReflectionRequest{
		MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{},
	}); err != nil {
		t.Fatal(err)
	}
	answer, err := stream.Recv()
	if err != nil || !strings.Contains(answer.String(), testService) {
		t.Errorf("reflection: %v, %v", answer, err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Error(err)
	}
}

func TestAPortOfSeveralServers(t *testing.T) {
	t.Parallel()
	one, two := rpc.NewServer(rpc.Config{Service: "plans"}), rpc.NewServer(rpc.Config{Service: "intake"})
	register(echo)(one)
	for _, s := range []*rpc.Server{one, two} {
		eventsv1.RegisterEventLogServiceServer(s, head{})
	}
	_, address := open(t, one, two)
	conn := connect(t, address)
	if got, err := call(t.Context(), conn, "Public", ask("x")); err != nil || got != "x" {
		t.Errorf("a service of one: %q, %v", got, err)
	}
	_, err := eventsv1.NewEventLogServiceClient(conn).GetHead(t.Context(), &eventsv1.GetHeadRequest{})
	if status.Code(err) != codes.Unimplemented {
		t.Errorf("a service of both: %v", err)
	}
}
