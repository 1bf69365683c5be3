package rpc

import (
	"context"
	"fmt"
	"net"
	"reflect"
	"sync"

	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/runtime/protoimpl"
)

// InProcess returns the channel that reaches this server without a socket, through the same
// chain: calls still need a signed principal, have deadlines and get statuses. A request is
// copied, so that a handler may change it; a response belongs to the caller once the handler
// has returned it, and what it holds must not be changed by either side any more. Wrap it with [NewPeer]. Calls
// fail with UNAVAILABLE until [Server.Start] succeeded.
//
// A unary call runs on its caller's goroutine. It is therefore over when the handler is,
// which notices the end of its context as any handler must; no goroutine is started and no
// stack grown for it, which is half of what a call would otherwise cost.
func (s *Server) InProcess() grpc.ClientConnInterface { return inProcess{server: s} }

// inProcess is the client's side of the channel.
type inProcess struct{ server *Server }

// Invoke implements [grpc.ClientConnInterface].
func (c inProcess) Invoke(ctx context.Context, name string, args, reply any, opts ...grpc.CallOption) error {
	md, _ := metadata.FromOutgoingContext(ctx)
	return c.invoke(ctx, md, trace.SpanContext{}, name, args, reply, opts)
}

// invoke is Invoke with metadata that the server may keep. The trace that the call belongs to
// goes beside it: as metadata it would be printed and parsed again.
func (c inProcess) invoke(
	ctx context.Context, md metadata.MD, parent trace.SpanContext, name string, args, reply any, opts []grpc.CallOption,
) error {
	if !c.server.started.Load() {
		return errNotStarted()
	}
	m := c.server.methods[name]
	if m == nil || m.handler == nil {
		return ToStatus(foreign[codes.Unimplemented])
	}
	var transport unaryTransport
	transport.method, transport.trace = name, parent.WithRemote(true)
	ctx = grpc.NewContextWithServerTransportStream(serverContext(ctx, md), &transport)
	response, err := m.handler(m.impl, ctx, func(in any) error { return copyMessage(in, args) }, c.server.unary)
	if len(opts) > 0 {
		transport.answer(opts)
	}
	if err != nil {
		return err
	}
	return handOver(reply, response)
}

// NewStream implements [grpc.ClientConnInterface].
func (c inProcess) NewStream(
	ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption,
) (grpc.ClientStream, error) {
	if !c.server.started.Load() {
		return nil, errNotStarted()
	}
	return c.server.channel.NewStream(ctx, desc, method, opts...)
}

// errNotStarted is the answer before the start.
func errNotStarted() error { return status.Error(codes.Unavailable, "the server has not started") }

// localPeer is what handlers see as the other end.
var localPeer = &peer.Peer{Addr: localAddr{}}

// localAddr is the address of a caller in the same process.
type localAddr struct{}

var _ net.Addr = localAddr{}

// Network implements [net.Addr].
func (localAddr) Network() string { return "in-process" }

// String implements [net.Addr].
func (localAddr) String() string { return "in-process" }

// serverContext is the context that a handler runs in: deadline and cancellation are the
// caller's, values are not, or else a handler could see what a network would not carry.
func serverContext(ctx context.Context, md metadata.MD) context.Context {
	return peer.NewContext(metadata.NewIncomingContext(withoutValues{ctx}, md), localPeer)
}

// withoutValues hides the values of a context.
type withoutValues struct{ context.Context }

// Value implements [context.Context].
func (withoutValues) Value(any) any { return nil }

// unaryTransport collects the headers and trailers that a handler sets.
type unaryTransport struct {
	method   string
	trace    trace.SpanContext // of the call; invalid when the metadata may hold it
	mu       sync.Mutex
	headers  metadata.MD
	trailers metadata.MD
}

var _ grpc.ServerTransportStream = (*unaryTransport)(nil)

// Method implements [grpc.ServerTransportStream].
func (t *unaryTransport) Method() string { return t.method }

// SetHeader implements [grpc.ServerTransportStream].
func (t *unaryTransport) SetHeader(md metadata.MD) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.headers = metadata.Join(t.headers, md)
	return nil
}

// SendHeader implements [grpc.ServerTransportStream].
func (t *unaryTransport) SendHeader(md metadata.MD) error { return t.SetHeader(md) }

// SetTrailer implements [grpc.ServerTransportStream].
func (t *unaryTransport) SetTrailer(md metadata.MD) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.trailers = metadata.Join(t.trailers, md)
	return nil
}

// answer hands headers, trailers and peer to the options of the caller that asked for them.
func (t *unaryTransport) answer(opts []grpc.CallOption) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, opt := range opts {
		switch o := opt.(type) {
		case grpc.HeaderCallOption:
			*o.HeaderAddr = t.headers
		case grpc.TrailerCallOption:
			*o.TrailerAddr = t.trailers
		case grpc.PeerCallOption:
			*o.PeerAddr = *localPeer
		}
	}
}

// copyMessage replaces the content of one message by a copy of the other's.
func copyMessage(out, in any) error {
	dst, ok := out.(proto.Message)
	if !ok {
		return status.Errorf(codes.Internal, "cannot copy into a %T", out)
	}
	src, ok := in.(proto.Message)
	if !ok || src == nil {
		return status.Errorf(codes.Internal, "cannot copy a %T", in)
	}
	to, from := dst.ProtoReflect(), src.ProtoReflect()
	if to.Descriptor() != from.Descriptor() {
		return status.Errorf(codes.Internal, "cannot copy a %T into a %T", in, out)
	}
	if !from.IsValid() {
		return status.Errorf(codes.Internal, "cannot copy a nil %T", in)
	}
	proto.Reset(dst)
	proto.Merge(dst, src)
	return nil
}

// handOver puts the content of a handler's response into the caller's message: the fields
// themselves, not copies of what they hold, which for a search is hundreds of messages.
func handOver(out, in any) error {
	to, from := reflect.ValueOf(out), reflect.ValueOf(in)
	if to.Type() != from.Type() || !generated(to.Type()) || from.IsNil() {
		return copyMessage(out, in)
	}
	to, from = to.Elem(), from.Elem()
	for i := range to.NumField() {
		if field := to.Field(i); field.CanSet() {
			field.Set(from.Field(i))
		}
	}
	return nil
}

// generated reports whether a type is a pointer to a generated message, which has all that
// it holds in exported fields.
func generated(t reflect.Type) bool {
	return t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Struct && t.Elem().NumField() > 0 &&
		t.Elem().Field(0).Type == reflect.TypeFor[protoimpl.MessageState]()
}

// cloner lets the channel for streams copy messages with the generated code, which is
// several times faster than its own default.
type cloner struct{}

// Copy implements the channel's Cloner.
func (cloner) Copy(out, in any) error { return copyMessage(out, in) }

// Clone implements the channel's Cloner.
func (cloner) Clone(in any) (any, error) {
	src, ok := in.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("rpc: cannot copy a %T", in)
	}
	return proto.Clone(src), nil
}
