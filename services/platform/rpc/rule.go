package rpc

import (
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// Reasons of the access check. A handler that refuses for its own reasons uses others, so
// that the two can be told apart in logs and in tests.
const (
	// ReasonUnauthenticated: the method is not public and nobody was shown who calls, or
	// the credentials are forged, expired or for another service.
	ReasonUnauthenticated = "UNAUTHENTICATED"
	// ReasonAccessDenied: the caller is known, and the method's rule names neither one of
	// the caller's roles nor the calling service.
	ReasonAccessDenied = "ACCESS_DENIED"
)

// rule says who may call a method.
type rule struct {
	public   bool
	roles    []typev1.Role
	services []string
}

// everyone is the rule of the methods that infrastructure needs and that know nothing of
// any clinic.
var everyone = rule{public: true}

// builtin are the rules of services whose protos are not ours to put an option into.
var builtin = map[protoreflect.FullName]rule{
	"grpc.health.v1.Health.Check":                                   everyone,
	"grpc.health.v1.Health.List":                                    everyone,
	"grpc.health.v1.Health.Watch":                                   everyone,
	"grpc.reflection.v1.ServerReflection.ServerReflectionInfo":      everyone,
	"grpc.reflection.v1alpha.ServerReflection.ServerReflectionInfo": everyone,
}

// errNoRule is why a server does not start.
var errNoRule = errors.New("no access rule: add option (upright.type.v1.access)")

// describe finds the descriptor of a method among the protos linked into the program.
func describe(service, method string) (protoreflect.MethodDescriptor, error) {
	name := protoreflect.FullName(service).Append(protoreflect.Name(method))
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
	if err != nil {
		return nil, fmt.Errorf("%s: its proto is not linked in: %w", name, err)
	}
	md, ok := d.(protoreflect.MethodDescriptor)
	if !ok {
		return nil, fmt.Errorf("%s: is no method", name)
	}
	return md, nil
}

// ruleOf reads the access rule of a method. A rule that lets nobody call, or that is
// public and names callers too, is a mistake as well.
func ruleOf(md protoreflect.MethodDescriptor) (rule, error) {
	if r, ok := builtin[md.FullName()]; ok {
		return r, nil
	}
	options, ok := md.Options().(*descriptorpb.MethodOptions)
	if !ok || !proto.HasExtension(options, typev1.E_Access) {
		return rule{}, fmt.Errorf("%s: %w", md.FullName(), errNoRule)
	}
	access, ok := proto.GetExtension(options, typev1.E_Access).(*typev1.Access)
	if !ok {
		return rule{}, fmt.Errorf("%s: %w", md.FullName(), errNoRule)
	}
	r := rule{public: access.GetPublic(), roles: access.GetRoles(), services: access.GetServices()}
	named := len(r.roles)+len(r.services) > 0
	switch {
	case r.public && named:
		return rule{}, fmt.Errorf("%s: the access rule is public and yet names callers", md.FullName())
	case !r.public && !named:
		return rule{}, fmt.Errorf("%s: the access rule lets nobody call", md.FullName())
	case slices.Contains(r.roles, typev1.Role_ROLE_UNSPECIFIED) || slices.Contains(r.services, ""):
		return rule{}, fmt.Errorf("%s: the access rule names an unspecified role or service", md.FullName())
	}
	return r, nil
}

// check refuses a caller that the rule does not name.
func (r rule) check(p authn.Principal, known bool) *fault.Error {
	switch {
	case r.public:
		return nil
	case !known:
		return fault.New(fault.Unauthenticated, ReasonUnauthenticated, "Sign in first.")
	case p.Is(r.roles...) || (p.Service != "" && slices.Contains(r.services, p.Service)):
		return nil
	default:
		return fault.New(fault.PermissionDenied, ReasonAccessDenied, "Your role may not do this.")
	}
}
