package transcode

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/upright-clinic/upright/gateway/internal/problem"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// maxDepth is how deep JSON may be nested. The deepest request of ours has five levels;
// the limit keeps a hostile body from costing stack.
const maxDepth = 32

// unmarshal refuses unknown fields.
var unmarshal = protojson.UnmarshalOptions{}

// codec reads and writes proto3 JSON: names as in the proto, every field present in
// answers, and no unknown field in requests.
type codec struct{}

// ContentType of answers.
func (codec) ContentType(any) string { return "application/json" }

// Marshal encodes an answer.
func (codec) Marshal(v any) ([]byte, error) {
	if m, ok := v.(proto.Message); ok {
		return encode(m)
	}
	return json.Marshal(v)
}

// Unmarshal decodes a request, or says which fields are wrong.
func (codec) Unmarshal(data []byte, v any) error { return decode(data, v, "") }

// NewDecoder reads one request from r to its end.
func (codec) NewDecoder(r io.Reader) runtime.Decoder {
	return runtime.DecoderFunc(func(v any) error {
		data, err := io.ReadAll(r)
		if err != nil {
			return carry(readFault(err))
		}
		var etag string
		if b, ok := r.(*body); ok {
			etag = b.etag
		}
		return decode(data, v, etag)
	})
}

// NewEncoder writes answers to w.
func (c codec) NewEncoder(w io.Writer) runtime.Encoder {
	return runtime.EncoderFunc(func(v any) error {
		data, err := c.Marshal(v)
		if err != nil {
			return err
		}
		_, err = w.Write(data)
		return err
	})
}

// body is a request's body together with the If-Match header, which decoding puts into
// the message's etag.
type body struct {
	io.ReadCloser
	etag string
}

// readFault says why a body could not be read.
func readFault(err error) *fault.Error {
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return problem.BodyTooLarge(tooLarge.Limit)
	}
	return fault.New(fault.InvalidArgument, problem.ReasonBadRequest, "the body did not arrive in full").Because(err)
}

// decode fills the message that v points to. An empty body is io.EOF, which the generated
// code takes for an empty message.
func decode(data []byte, v any, etag string) error {
	m, set := target(v)
	if m == nil {
		return fmt.Errorf("transcode: cannot decode into %T", v)
	}
	if len(bytes.TrimSpace(data)) == 0 {
		set()
		if err := setEtag(m, etag); err != nil {
			return err
		}
		return io.EOF
	}
	if tooDeep(data) {
		return carry(fault.New(fault.InvalidArgument, "JSON_TOO_DEEP", "the body is nested too deeply"))
	}
	if err := unmarshal.Unmarshal(data, m); err != nil {
		return carry(explain(data, m.ProtoReflect().Descriptor(), err))
	}
	set()
	return setEtag(m, etag)
}

// target returns the message to decode into, and what to do when that has succeeded: the
// generated code passes a message, or a pointer to the field that takes the body.
func target(v any) (proto.Message, func()) {
	if m, ok := v.(proto.Message); ok {
		return m, func() {}
	}
	p := reflect.ValueOf(v)
	if p.Kind() != reflect.Pointer || p.IsNil() || p.Elem().Kind() != reflect.Pointer {
		return nil, nil
	}
	fresh := reflect.New(p.Elem().Type().Elem())
	m, ok := fresh.Interface().(proto.Message)
	if !ok {
		return nil, nil
	}
	return m, func() { p.Elem().Set(fresh) }
}

// setEtag puts the If-Match header into the message. A body that names another version
// is refused: one of the two is a mistake.
func setEtag(m proto.Message, etag string) error {
	if etag == "" {
		return nil
	}
	msg := m.ProtoReflect()
	field := etagField(msg.Descriptor())
	if field == nil {
		return nil
	}
	if had := msg.Get(field).String(); had != "" && had != etag {
		return carry(fault.Invalid("etag", "the body names another version than If-Match"))
	}
	msg.Set(field, protoreflect.ValueOfString(etag))
	return nil
}

// etagField returns the field that carries the version in a request, or nil.
func etagField(d protoreflect.MessageDescriptor) protoreflect.FieldDescriptor {
	field := d.Fields().ByName("etag")
	if field == nil || field.Kind() != protoreflect.StringKind || field.IsList() {
		return nil
	}
	return field
}

// tooDeep reports whether JSON is nested deeper than maxDepth. It looks at brackets only;
// whether the rest is JSON is for the parser.
func tooDeep(data []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}
