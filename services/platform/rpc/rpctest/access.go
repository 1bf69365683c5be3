package rpctest

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/clock"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/rpc"
)

// T is what [AccessMatrix] needs of a test.
type T interface {
	Helper()
	Context() context.Context
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// How long a call may take. A stream that should be admitted may stay open for as long as
// its handler likes, so it is cut off early; a refusal comes at once on an idle machine,
// and is waited for on a busy one.
const (
	callTime   = 20 * time.Second
	streamTime = 300 * time.Millisecond
)

// access is the rule of a method, read from its proto without asking the code under test.
type access struct {
	method protoreflect.MethodDescriptor
	rule   *typev1.Access
}

// collector takes registrations to learn what a service will serve.
type collector struct{ services []string }

// RegisterService implements [grpc.ServiceRegistrar].
func (c *collector) RegisterService(desc *grpc.ServiceDesc, _ any) {
	c.services = append(c.services, desc.ServiceName)
}

// rules returns the rules of all methods, and the services that they name.
func (c *collector) rules() (map[string]access, []string, error) {
	rules, named := map[string]access{}, map[string]bool{}
	for _, service := range c.services {
		d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service))
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", service, err)
		}
		sd, ok := d.(protoreflect.ServiceDescriptor)
		if !ok {
			return nil, nil, fmt.Errorf("%s is no service", service)
		}
		for i := range sd.Methods().Len() {
			md := sd.Methods().Get(i)
			rule, ok := proto.GetExtension(md.Options(), typev1.E_Access).(*typev1.Access)
			if !ok {
				return nil, nil, fmt.Errorf("%s has no rule", md.FullName())
			}
			rules["/"+service+"/"+string(md.Name())] = access{method: md, rule: rule}
			for _, name := range rule.GetServices() {
				named[name] = true
			}
		}
	}
	return rules, slices.Sorted(maps.Keys(named)), nil
}

// attempt is one kind of caller.
type attempt struct {
	name     string
	md       metadata.MD
	known    bool // the credentials are good
	role     typev1.Role
	services []string // the calling service, if one calls
}

// AccessMatrix calls every registered method over every transport as nobody, in every role,
// as every service, for a person through a service, and with forged, expired, foreign and
// garbled credentials. It reports each that gets in where the rule in the proto names
// nobody like it, each that is kept out although the rule does, and each refusal of the
// wrong kind. Requests are empty; what an admitted call then answers does not matter.
func AccessMatrix(t T, h *Harness) {
	t.Helper()
	attempts, err := h.attempts()
	if err != nil {
		t.Fatalf("access matrix: %v", err)
	}
	if len(h.rules) == 0 {
		t.Fatalf("access matrix: no method is registered")
	}
	for _, name := range slices.Sorted(maps.Keys(h.rules)) {
		for transport, conn := range h.Transports() {
			for _, a := range attempts {
				want := h.rules[name].expect(a)
				got := outcome(call(t.Context(), conn, h.rules[name].method, name, a.md, want))
				if want != got {
					t.Errorf("%s by %s over %s: %s, the rule says %s", name, a.name, transport, got, want)
				}
			}
		}
	}
}

// Outcomes of the access check.
const (
	admitted        = "admitted"
	unauthenticated = rpc.ReasonUnauthenticated
	denied          = rpc.ReasonAccessDenied
)

// expect says what the rule in the proto means for an attempt.
func (a access) expect(by attempt) string {
	switch {
	case a.rule.GetPublic():
		return admitted
	case !by.known:
		return unauthenticated
	case slices.Contains(a.rule.GetRoles(), by.role):
		return admitted
	case slices.ContainsFunc(by.services, func(s string) bool { return slices.Contains(a.rule.GetServices(), s) }):
		return admitted
	default:
		return denied
	}
}

// outcome reads the result of the access check from the error of a call.
func outcome(err error) string {
	f := new(fault.Error)
	if !errors.As(rpc.FromStatus(err), &f) || f.Facts["method"] == "" {
		return admitted // refusals of the check name the method; handlers' own do not
	}
	switch {
	case f.Kind == fault.Unauthenticated && f.Reason == rpc.ReasonUnauthenticated:
		return unauthenticated
	case f.Kind == fault.PermissionDenied && f.Reason == rpc.ReasonAccessDenied:
		return denied
	default:
		return admitted
	}
}

// call makes one call with an empty request.
func call(
	ctx context.Context, conn grpc.ClientConnInterface, m protoreflect.MethodDescriptor, name string, md metadata.MD, want string,
) error {
	streaming := m.IsStreamingClient() || m.IsStreamingServer()
	limit := callTime
	if streaming && want == admitted {
		limit = streamTime
	}
	ctx, cancel := context.WithTimeout(metadata.NewOutgoingContext(ctx, md), limit)
	defer cancel()
	if !streaming {
		return conn.Invoke(ctx, name, empty(m.Input()), empty(m.Output()))
	}
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{
		ClientStreams: m.IsStreamingClient(), ServerStreams: m.IsStreamingServer(),
	}, name)
	if err != nil {
		return err
	}
	if err := stream.SendMsg(empty(m.Input())); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	return stream.RecvMsg(empty(m.Output()))
}

// empty makes an empty message, of the generated type when there is one.
func empty(d protoreflect.MessageDescriptor) proto.Message {
	if mt, err := protoregistry.GlobalTypes.FindMessageByName(d.FullName()); err == nil {
		return mt.New().Interface()
	}
	return dynamicpb.NewMessage(d)
}

// late is a clock that is behind, so that what it signs is expired already.
type late struct{}

// Now implements [clock.Clock].
func (late) Now() time.Time { return clock.System.Now().Add(-authn.Lifetime - time.Second) }

// attempts makes every kind of caller.
func (h *Harness) attempts() ([]attempt, error) {
	edge, err := h.Keys.EdgeSigner(Edge, clock.System)
	if err != nil {
		return nil, err
	}
	all := []attempt{
		{name: "nobody"},
		{name: "garbled token", md: metadata.Pairs(authn.MetadataPrincipal, "\x01garbled")},
		{name: "bearer token of nobody", md: metadata.Pairs(authn.MetadataAuthorization, "Bearer nobody")},
	}
	for _, number := range slices.Sorted(maps.Keys(typev1.Role_name)) {
		role := typev1.Role(number)
		p := Person("cln_1", role)
		own, err := h.signed(edge, p, h.service)
		if err != nil {
			return nil, err
		}
		all = append(all, attempt{name: role.String(), md: own, known: true, role: role})
		bad, err := h.bad(p)
		if err != nil {
			return nil, err
		}
		all = append(all, bad...)
	}
	for _, service := range h.Keys.Trusted() {
		more, err := h.byService(service)
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	return all, nil
}

// byService is a service calling alone, and for a patient.
func (h *Harness) byService(service string) ([]attempt, error) {
	signer, err := h.Keys.Signer(service, clock.System)
	if err != nil {
		return nil, err
	}
	alone, err := h.signed(signer, authn.Principal{ClinicID: "cln_1"}, h.service)
	if err != nil {
		return nil, err
	}
	patient := typev1.Role_ROLE_PATIENT
	acting, err := h.signed(signer, Person("cln_1", patient), h.service)
	if err != nil {
		return nil, err
	}
	by := []string{service}
	return []attempt{
		{name: "service " + service, md: alone, known: true, services: by},
		{name: "service " + service + " for a patient", md: acting, known: true, services: by, role: patient},
	}, nil
}

// bad makes tokens of a person that must not be believed.
func (h *Harness) bad(p authn.Principal) ([]attempt, error) {
	expired, err := h.Keys.EdgeSigner(Edge, late{})
	if err != nil {
		return nil, err
	}
	good, err := h.Keys.EdgeSigner(Edge, clock.System)
	if err != nil {
		return nil, err
	}
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	var all []attempt
	for _, a := range []struct {
		name, audience string
		signer         *authn.Signer
	}{
		{"expired", h.service, expired},
		{"meant for another service", h.service + "-other", good},
		{"signed with an untrusted key", h.service, authn.NewEdgeSigner(Edge, key, clock.System)},
		{"signed by an unknown issuer", h.service, authn.NewEdgeSigner("mallory", key, clock.System)},
	} {
		md, err := h.signed(a.signer, p, a.audience)
		if err != nil {
			return nil, err
		}
		role := strings.ToLower(strings.TrimPrefix(p.Roles[0].String(), "ROLE_"))
		all = append(all, attempt{name: role + ", token " + a.name, md: md})
	}
	return all, nil
}

// signed is the metadata of a signed call.
func (h *Harness) signed(signer *authn.Signer, p authn.Principal, audience string) (metadata.MD, error) {
	token, err := signer.Sign(p, audience)
	if err != nil {
		return nil, err
	}
	return metadata.Pairs(authn.MetadataPrincipal, token), nil
}
