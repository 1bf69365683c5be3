package transcode

import (
	"fmt"
	"net/http"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/upright-clinic/upright/gateway/internal/route"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
)

// Binding is one HTTP path of one RPC, as its proto says.
type Binding struct {
	// Method and Path are those of google.api.http, for example "POST" and
	// "/v1/appointments/{appointment_id}:cancel".
	Method, Path string
	// RPC is the full method name, "/upright.booking.v1.AppointmentService/CancelAppointment".
	RPC string
	// Access is who may call.
	Access route.Access
	// Strict counts a call against the limit for trying passwords and making accounts: those
	// that change something and that anybody may call.
	Strict bool

	input protoreflect.MessageDescriptor
	body  string // "*", a field, or empty
	etag  bool   // If-Match can be put into the message
}

// bindings reads the HTTP paths of a service from its descriptor. It fails when a method
// with a path has no access rule, or one that no person passes.
func bindings(service string) ([]*Binding, error) {
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service))
	if err != nil {
		return nil, fmt.Errorf("service %s: %w", service, err)
	}
	sd, ok := d.(protoreflect.ServiceDescriptor)
	if !ok {
		return nil, fmt.Errorf("%s is no service", service)
	}
	var found []*Binding
	for i := range sd.Methods().Len() {
		bs, err := methodBindings(sd.Methods().Get(i))
		if err != nil {
			return nil, err
		}
		found = append(found, bs...)
	}
	return found, nil
}

// methodBindings reads the HTTP paths of one RPC; a method for services alone has none.
func methodBindings(m protoreflect.MethodDescriptor) ([]*Binding, error) {
	rule, ok := proto.GetExtension(m.Options(), annotations.E_Http).(*annotations.HttpRule)
	if !ok || rule == nil {
		return nil, nil
	}
	declared, _ := proto.GetExtension(m.Options(), typev1.E_Access).(*typev1.Access)
	access, err := route.FromProto(declared)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.FullName(), err)
	}
	var found []*Binding
	for _, r := range append([]*annotations.HttpRule{rule}, rule.GetAdditionalBindings()...) {
		method, path := httpOf(r)
		if method == "" {
			return nil, fmt.Errorf("%s: unknown HTTP method", m.FullName())
		}
		b := &Binding{
			Method: method, Path: path, Access: access,
			RPC:    "/" + string(m.Parent().FullName()) + "/" + string(m.Name()),
			Strict: access.IsPublic() && method != http.MethodGet,
			input:  m.Input(), body: r.GetBody(),
		}
		b.etag = b.body == "*" && etagField(b.input) != nil
		found = append(found, b)
	}
	return found, nil
}

// httpOf returns method and path of a rule.
func httpOf(r *annotations.HttpRule) (method, path string) {
	switch p := r.GetPattern().(type) {
	case *annotations.HttpRule_Get:
		return http.MethodGet, p.Get
	case *annotations.HttpRule_Post:
		return http.MethodPost, p.Post
	case *annotations.HttpRule_Put:
		return http.MethodPut, p.Put
	case *annotations.HttpRule_Patch:
		return http.MethodPatch, p.Patch
	case *annotations.HttpRule_Delete:
		return http.MethodDelete, p.Delete
	}
	return "", ""
}

// key is how the generated code's patterns are found again: their text form spells a
// variable {name=*}.
func key(method, pattern string) string {
	return method + " " + strings.ReplaceAll(pattern, "=*}", "}")
}

// matches reports whether a path is one of the binding's; it is for saying which methods a
// path takes, not for routing.
func (b *Binding) matches(path string) bool {
	want, got := strings.Split(b.Path, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return false
	}
	for i := range want {
		prefix, rest, variable := strings.Cut(want[i], "{")
		if !variable {
			if want[i] != got[i] {
				return false
			}
			continue
		}
		_, suffix, _ := strings.Cut(rest, "}")
		if len(got[i]) <= len(prefix)+len(suffix) || !strings.HasPrefix(got[i], prefix) || !strings.HasSuffix(got[i], suffix) {
			return false
		}
	}
	return true
}
