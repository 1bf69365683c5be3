package rpc_test

import (
	"context"
	"sync"
	"testing"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
)

// The service under test, with every kind of rule. It is built here instead of in a .proto
// file, because services without a rule could not be there.
const (
	testPackage = "upright.test.v1"
	testService = testPackage + ".TestService"
	bareService = testPackage + ".BareService"
)

var (
	receptionist, clinician, patient = typev1.Role_ROLE_RECEPTIONIST, typev1.Role_ROLE_CLINICIAN, typev1.Role_ROLE_PATIENT

	testRules = map[string]*typev1.Access{
		"Public":     {Public: true},
		"Staff":      {Roles: []typev1.Role{receptionist, clinician}},
		"ForBooking": {Services: []string{"booking"}},
		"Mixed":      {Roles: []typev1.Role{patient}, Services: []string{"intake", "plans"}},
		"Watch":      {Roles: []typev1.Role{clinician}},
		"Chat":       {Roles: []typev1.Role{receptionist, clinician, patient}, Services: []string{"plans"}},
	}
	bareRules = map[string]*typev1.Access{
		"NoRule":         nil,
		"Empty":          {},
		"PublicAndNamed": {Public: true, Services: []string{"booking"}},
		"Unspecified":    {Roles: []typev1.Role{typev1.Role_ROLE_UNSPECIFIED}},
	}
	streams = map[string]grpc.StreamDesc{
		"Watch": {ServerStreams: true}, "Chat": {ServerStreams: true, ClientStreams: true},
	}
)

// protos registers the test protos once and returns the messages Ask and Answer.
var protos = sync.OnceValue(func() protoreflect.MessageDescriptors {
	text := func(name string, number int32, rules *validate.FieldRules) *descriptorpb.FieldDescriptorProto {
		f := &descriptorpb.FieldDescriptorProto{
			Name: &name, Number: &number, JsonName: &name, Type: descriptorpb.FieldDescriptorProto_TYPE_STRING.Enum(),
			Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(), Options: &descriptorpb.FieldOptions{},
		}
		if rules != nil {
			proto.SetExtension(f.Options, validate.E_Field, rules)
		}
		return f
	}
	atMost := func(n uint64) *validate.FieldRules {
		return &validate.FieldRules{Type: &validate.FieldRules_String_{String_: &validate.StringRules{MaxLen: &n}}}
	}
	parts := text("parts", 3, nil)
	parts.Type = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum()
	parts.Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
	parts.TypeName = proto.String("." + testPackage + ".Part")
	file := &descriptorpb.FileDescriptorProto{
		Name: proto.String("upright/test/v1/test.proto"), Package: proto.String(testPackage), Syntax: proto.String("proto3"),
		Dependency: []string{"upright/type/v1/access.proto", "buf/validate/validate.proto"},
		MessageType: []*descriptorpb.DescriptorProto{
			{Name: proto.String("Ask"), Field: []*descriptorpb.FieldDescriptorProto{
				text("request_id", 1, nil), text("name", 2, atMost(8)), parts,
			}},
			{Name: proto.String("Part"), Field: []*descriptorpb.FieldDescriptorProto{text("code", 1, atMost(3))}},
			{Name: proto.String("Answer"), Field: []*descriptorpb.FieldDescriptorProto{text("text", 1, nil)}},
			{Name: proto.String("Bare")},
		},
		Service: []*descriptorpb.ServiceDescriptorProto{serviceProto("TestService", testRules), serviceProto("BareService", bareRules)},
	}
	fd, err := protodesc.NewFile(file, protoregistry.GlobalFiles)
	if err == nil {
		err = protoregistry.GlobalFiles.RegisterFile(fd)
	}
	if err != nil {
		panic(err)
	}
	return fd.Messages()
})

// serviceProto describes a service with the rules of its methods.
func serviceProto(name string, rules map[string]*typev1.Access) *descriptorpb.ServiceDescriptorProto {
	s := &descriptorpb.ServiceDescriptorProto{Name: &name}
	for method, rule := range rules {
		options := &descriptorpb.MethodOptions{}
		if rule != nil {
			proto.SetExtension(options, typev1.E_Access, rule)
		}
		s.Method = append(s.Method, &descriptorpb.MethodDescriptorProto{
			Name: &method, Options: options,
			InputType: proto.String("." + testPackage + ".Ask"), OutputType: proto.String("." + testPackage + ".Answer"),
			ClientStreaming: proto.Bool(streams[method].ClientStreams), ServerStreaming: proto.Bool(streams[method].ServerStreams),
		})
	}
	return s
}

// message makes an empty Ask or Answer.
func message(name protoreflect.Name) *dynamicpb.Message {
	return dynamicpb.NewMessage(protos().ByName(name))
}

// ask makes a request whose field "name" is name.
func ask(name string) *dynamicpb.Message {
	m := message("Ask")
	set(m, "name", name)
	return m
}

func set(m *dynamicpb.Message, field protoreflect.Name, value string) {
	m.Set(m.Descriptor().Fields().ByName(field), protoreflect.ValueOfString(value))
}

func get(m *dynamicpb.Message, field protoreflect.Name) string {
	return m.Get(m.Descriptor().Fields().ByName(field)).String()
}

// handle is what a test lets the service do; it gets the field "name" and answers "text".
type handle func(ctx context.Context, in *dynamicpb.Message) (string, error)

// echo answers the name.
func echo(_ context.Context, in *dynamicpb.Message) (string, error) { return get(in, "name"), nil }

// register registers the whole test service with one handler for all methods.
func register(h handle) func(grpc.ServiceRegistrar) {
	return func(r grpc.ServiceRegistrar) { r.RegisterService(serviceDesc(testService, testRules, h), h) }
}

// serviceDesc is what generated code would hold.
func serviceDesc(service string, rules map[string]*typev1.Access, h handle) *grpc.ServiceDesc {
	protos()
	desc := &grpc.ServiceDesc{ServiceName: service, HandlerType: (*any)(nil)}
	for method := range rules {
		if stream, ok := streams[method]; ok {
			stream.StreamName, stream.Handler = method, streamHandler(h)
			desc.Streams = append(desc.Streams, stream)
			continue
		}
		desc.Methods = append(desc.Methods, grpc.MethodDesc{MethodName: method, Handler: unaryHandler("/"+service+"/"+method, h)})
	}
	return desc
}

// unaryHandler does what generated code does.
func unaryHandler(full string, h handle) grpc.MethodHandler {
	return func(srv any, ctx context.Context, dec func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error) {
		in := message("Ask")
		if err := dec(in); err != nil {
			return nil, err
		}
		return interceptor(ctx, in, &grpc.UnaryServerInfo{Server: srv, FullMethod: full}, func(ctx context.Context, request any) (any, error) {
			text, err := h(ctx, request.(*dynamicpb.Message))
			if err != nil {
				return nil, err
			}
			answer := message("Answer")
			set(answer, "text", text)
			return answer, nil
		})
	}
}

// streamHandler answers each message that comes in, until the client is done.
func streamHandler(h handle) grpc.StreamHandler {
	return func(_ any, stream grpc.ServerStream) error {
		for {
			in := message("Ask")
			if err := stream.RecvMsg(in); err != nil {
				return nil // the client is done
			}
			text, err := h(stream.Context(), in)
			if err != nil {
				return err
			}
			answer := message("Answer")
			set(answer, "text", text)
			if err := stream.SendMsg(answer); err != nil {
				return err
			}
		}
	}
}

// call calls a method of the test service and returns the text of its answer.
func call(ctx context.Context, conn grpc.ClientConnInterface, method string, in proto.Message, opts ...grpc.CallOption) (string, error) {
	answer := message("Answer")
	if err := conn.Invoke(ctx, "/"+testService+"/"+method, in, answer, opts...); err != nil {
		return "", err
	}
	return get(answer, "text"), nil
}

func TestTheTestServiceIsWhole(t *testing.T) {
	t.Parallel()
	if got := len(serviceDesc(testService, testRules, echo).Methods); got != len(testRules)-len(streams) {
		t.Errorf("%d unary methods", got)
	}
}
