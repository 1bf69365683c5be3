package transcode

import (
	"encoding/base64"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// Fields of generated messages are read from their Go structs: asking protoreflect for each
// costs three times as much (BenchmarkMarshal), and a day sheet has thousands. Maps and
// oneofs, of which there are few, go through protoreflect.

// findStruct finds the generated struct of a message type and where each field is in it.
func (s *shape) findStruct(d protoreflect.MessageDescriptor) {
	mt, err := protoregistry.GlobalTypes.FindMessageByName(d.FullName())
	if err != nil || mt.Descriptor() != d {
		return
	}
	t := reflect.TypeOf(mt.Zero().Interface())
	if t.Kind() != reflect.Pointer || t.Elem().Kind() != reflect.Struct {
		return
	}
	s.goType = t
	for i := range t.Elem().NumField() {
		name, ok := protoName(t.Elem().Field(i))
		for j := range s.fields {
			f := &s.fields[j]
			if ok && string(f.desc.Name()) == name && !f.mapped && !f.oneof {
				f.index = i
			}
		}
	}
}

// protoName is the name of a field in the proto, as its Go field's tag has it.
func protoName(f reflect.StructField) (name string, ok bool) {
	for part := range strings.SplitSeq(f.Tag.Get("protobuf"), ",") {
		if name, ok = strings.CutPrefix(part, "name="); ok {
			return name, true
		}
	}
	return "", false
}

// appendStruct writes a generated message.
func appendStruct(b []byte, v reflect.Value, s *shape) ([]byte, error) {
	b = append(b, '{')
	first := true
	for i := range s.fields {
		f := &s.fields[i]
		var err error
		if f.index < 0 {
			m, _ := v.Addr().Interface().(proto.Message)
			b, err = appendField(b, m.ProtoReflect(), f, &first)
		} else {
			b, err = appendGoField(appendKey(b, f, &first), v.Field(f.index), f)
		}
		if err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

// appendGoField writes the value of a field.
func appendGoField(b []byte, v reflect.Value, f *fieldShape) ([]byte, error) {
	switch {
	case f.list:
		return appendGoList(b, v, f)
	case f.presence && v.IsNil():
		return append(b, "null"...), nil
	case f.presence && v.Kind() == reflect.Pointer && f.message == nil:
		v = v.Elem()
	}
	return appendGo(b, v, f)
}

// appendGoList writes a list. Numbers, of which a search has a thousand, are taken together.
func appendGoList(b []byte, v reflect.Value, f *fieldShape) ([]byte, error) {
	b = append(b, '[')
	if f.kind == protoreflect.Int32Kind {
		if numbers, ok := v.Interface().([]int32); ok {
			for i, n := range numbers {
				if i > 0 {
					b = append(b, ',')
				}
				b = strconv.AppendInt(b, int64(n), 10)
			}
			return append(b, ']'), nil
		}
	}
	var err error
	for i := range v.Len() {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = appendGo(b, v.Index(i), f); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}

// appendGo writes one value.
func appendGo(b []byte, v reflect.Value, f *fieldShape) ([]byte, error) {
	switch f.kind {
	case protoreflect.BoolKind:
		return strconv.AppendBool(b, v.Bool()), nil
	case protoreflect.StringKind:
		return appendString(b, v.String())
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return strconv.AppendInt(b, v.Int(), 10), nil
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return strconv.AppendUint(b, v.Uint(), 10), nil
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return append(strconv.AppendInt(append(b, '"'), v.Int(), 10), '"'), nil
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return append(strconv.AppendUint(append(b, '"'), v.Uint(), 10), '"'), nil
	case protoreflect.FloatKind:
		return appendFloat(b, v.Float(), 32), nil
	case protoreflect.DoubleKind:
		return appendFloat(b, v.Float(), 64), nil
	case protoreflect.BytesKind:
		return append(base64.StdEncoding.AppendEncode(append(b, '"'), v.Bytes()), '"'), nil
	case protoreflect.EnumKind:
		return appendEnum(b, protoreflect.EnumNumber(v.Int()), f.desc.Enum()) //nolint:gosec // an enum's Go type is an int32
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return appendGoMessage(b, v, f.message())
	}
	return nil, fmt.Errorf("transcode: field %s has an unknown kind", f.desc.FullName())
}

// appendGoMessage writes a message that a field or list points to.
func appendGoMessage(b []byte, v reflect.Value, s *shape) ([]byte, error) {
	if s.write == nil && v.Type() == s.goType && !v.IsNil() {
		return appendStruct(b, v.Elem(), s)
	}
	m, _ := v.Interface().(proto.Message)
	return appendMessage(b, m.ProtoReflect(), s)
}
