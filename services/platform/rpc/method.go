package rpc

import (
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// method is what the chain needs to know about one method, looked up once at registration.
type method struct {
	full      string // "/upright.plans.v1.PlanService/GetPlan"
	span      string // the same without the first slash
	rule      rule
	requestID protoreflect.FieldDescriptor // the field request_id, if the request has one
	labels    labels
	attrs     trace.SpanStartEventOption

	// What runs it in process; handler is nil for a streaming method.
	impl    any
	handler grpc.MethodHandler
}

// newMethod describes a method. It fails when it has no access rule.
func newMethod(service, name string) (*method, error) {
	md, err := describe(service, name)
	if err != nil {
		return nil, err
	}
	r, err := ruleOf(md)
	if err != nil {
		return nil, err
	}
	m := &method{full: "/" + service + "/" + name, rule: r}
	m.span = strings.TrimPrefix(m.full, "/")
	m.labels = newLabels(m.span)
	m.attrs = spanAttributes(m.span)
	field := md.Input().Fields().ByName("request_id")
	if field != nil && field.Kind() == protoreflect.StringKind && field.Cardinality() != protoreflect.Repeated {
		m.requestID = field
	}
	return m, nil
}

// requestIDOf returns the request_id that a message carries, or "".
func (m *method) requestIDOf(request any) string {
	if m.requestID == nil {
		return ""
	}
	message, ok := request.(proto.Message)
	if !ok {
		return ""
	}
	return message.ProtoReflect().Get(m.requestID).String()
}

// spanAttributes are the attributes of every span of a method.
func spanAttributes(name string) trace.SpanStartEventOption {
	return trace.WithAttributes(attribute.String("rpc.system.name", "grpc"), attribute.String("rpc.method", name))
}

// labels are the metric labels of a method for each code, made once: labels are the
// expensive part of counting.
type labels [codes.Unauthenticated + 1]metric.MeasurementOption

// newLabels makes the labels of a method.
func newLabels(name string) labels {
	var l labels
	for code := range l {
		l[code] = metric.WithAttributeSet(attribute.NewSet(
			attribute.String("rpc.method", name),
			attribute.String("rpc.response.status_code", codes.Code(code).String()),
		))
	}
	return l
}

// of returns the labels for a code.
func (l *labels) of(code codes.Code) metric.MeasurementOption {
	if int(code) >= len(l) {
		code = codes.Unknown
	}
	return l[code]
}
