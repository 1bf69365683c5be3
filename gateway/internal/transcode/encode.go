package transcode

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// The encoder writes what protojson writes with proto names and every field present, in a
// fraction of its time: a day's appointments cost protojson more than everything else that
// the program does for them (measured; see BenchmarkMarshal). What is known of a message
// type is worked out once. Well-known types that are not hot go to protojson itself, and a
// test compares the two on every message of the API.

// slow writes what the encoder does not.
var slow = protojson.MarshalOptions{UseProtoNames: true, EmitUnpopulated: true}

// shape is what the encoder knows of a message type.
type shape struct {
	goType reflect.Type // of the generated struct; nil when there is none
	fields []fieldShape
	write  func(b []byte, m protoreflect.Message) ([]byte, error) // for well-known types
}

// fieldShape is what it knows of a field.
type fieldShape struct {
	desc     protoreflect.FieldDescriptor
	index    int    // in the generated struct; -1 for what is read through protoreflect
	key      []byte // with quotes and colon
	kind     protoreflect.Kind
	presence bool // an unset one is null
	oneof    bool // an unset one is left out
	list     bool
	mapped   bool
	value    *fieldShape // of a map
	message  func() *shape
}

var shapes sync.Map // protoreflect.MessageDescriptor to *shape

// shapeOf returns what is known of a message type.
func shapeOf(d protoreflect.MessageDescriptor) *shape {
	if s, ok := shapes.Load(d); ok {
		return s.(*shape) //nolint:forcetypeassert // only shapes are stored
	}
	s := &shape{}
	switch d.FullName() {
	case "google.protobuf.Timestamp":
		s.write = writeTimestamp
	default:
		if d.ParentFile().Package() == "google.protobuf" {
			s.write = writeSlowly
			break
		}
		for i := range d.Fields().Len() {
			s.fields = append(s.fields, fieldOfShape(d.Fields().Get(i)))
		}
		s.findStruct(d)
	}
	kept, _ := shapes.LoadOrStore(d, s)
	return kept.(*shape) //nolint:forcetypeassert // only shapes are stored
}

// fieldOfShape works out one field.
func fieldOfShape(d protoreflect.FieldDescriptor) fieldShape {
	f := fieldShape{
		desc: d, index: -1, kind: d.Kind(), key: append(strconv.AppendQuote(nil, string(d.Name())), ':'),
		presence: d.HasPresence(), oneof: d.ContainingOneof() != nil, list: d.IsList(), mapped: d.IsMap(),
	}
	if f.mapped {
		value := fieldOfShape(d.MapValue())
		f.value = &value
	}
	if m := d.Message(); m != nil && !f.mapped {
		f.message = sync.OnceValue(func() *shape { return shapeOf(m) }) // later: messages may hold themselves
	}
	return f
}

// buffers are where answers are put together.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

// largestKept is the largest buffer that is kept for the next answer.
const largestKept = 256 << 10

// encode writes a message as JSON.
func encode(m proto.Message) ([]byte, error) {
	r := m.ProtoReflect()
	if !r.IsValid() {
		return []byte("null"), nil
	}
	buffer, _ := buffers.Get().(*[]byte)
	out, err := appendMessage((*buffer)[:0], r, shapeOf(r.Descriptor()))
	if err != nil {
		return nil, err
	}
	answer := bytes.Clone(out)
	if cap(out) <= largestKept {
		*buffer = out
		buffers.Put(buffer)
	}
	return answer, nil
}

// appendMessage writes a message.
func appendMessage(b []byte, m protoreflect.Message, s *shape) ([]byte, error) {
	if s.write != nil {
		return s.write(b, m)
	}
	if v := reflect.ValueOf(m.Interface()); s.goType != nil && v.Type() == s.goType && !v.IsNil() {
		return appendStruct(b, v.Elem(), s)
	}
	b = append(b, '{')
	first := true
	for i := range s.fields {
		var err error
		if b, err = appendField(b, m, &s.fields[i], &first); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

// appendField writes a field with its name, and nothing for one of a oneof that is not set.
func appendField(b []byte, m protoreflect.Message, f *fieldShape, first *bool) ([]byte, error) {
	set := true
	if f.presence || f.oneof {
		set = m.Has(f.desc)
	}
	if !set && f.oneof {
		return b, nil
	}
	b = appendKey(b, f, first)
	switch {
	case !set:
		return append(b, "null"...), nil
	case f.list:
		return appendList(b, m.Get(f.desc).List(), f)
	case f.mapped:
		return appendMap(b, m.Get(f.desc).Map(), f)
	default:
		return appendValue(b, m.Get(f.desc), f)
	}
}

// appendKey writes a field's name, after a comma if it is not the first.
func appendKey(b []byte, f *fieldShape, first *bool) []byte {
	if !*first {
		b = append(b, ',')
	}
	*first = false
	return append(b, f.key...)
}

// appendList writes a list.
func appendList(b []byte, l protoreflect.List, f *fieldShape) ([]byte, error) {
	b = append(b, '[')
	var err error
	for i := range l.Len() {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = appendValue(b, l.Get(i), f); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}

// appendMap writes a map by key.
func appendMap(b []byte, m protoreflect.Map, f *fieldShape) ([]byte, error) {
	keys := make([]protoreflect.MapKey, 0, m.Len())
	m.Range(func(k protoreflect.MapKey, _ protoreflect.Value) bool {
		keys = append(keys, k)
		return true
	})
	slices.SortFunc(keys, func(x, y protoreflect.MapKey) int { return cmp.Compare(x.String(), y.String()) })
	b = append(b, '{')
	for i, k := range keys {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = appendString(b, k.String()); err != nil {
			return nil, err
		}
		b = append(b, ':')
		if b, err = appendValue(b, m.Get(k), f.value); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

// appendValue writes one value of a field.
func appendValue(b []byte, v protoreflect.Value, f *fieldShape) ([]byte, error) {
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
		return appendEnum(b, v.Enum(), f.desc.Enum())
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return appendMessage(b, v.Message(), f.message())
	}
	return nil, fmt.Errorf("transcode: field %s has an unknown kind", f.desc.FullName())
}

// appendEnum writes the name of a value, or the number of one that has none.
func appendEnum(b []byte, n protoreflect.EnumNumber, d protoreflect.EnumDescriptor) ([]byte, error) {
	if value := d.Values().ByNumber(n); value != nil {
		return appendString(b, string(value.Name()))
	}
	return strconv.AppendInt(b, int64(n), 10), nil
}

// appendFloat writes a number as encoding/json does, and what JSON has no number for as text.
func appendFloat(b []byte, x float64, bits int) []byte {
	switch {
	case math.IsNaN(x):
		return append(b, `"NaN"`...)
	case math.IsInf(x, 1):
		return append(b, `"Infinity"`...)
	case math.IsInf(x, -1):
		return append(b, `"-Infinity"`...)
	}
	format := byte('f')
	if abs := math.Abs(x); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(b, x, format, -1, bits)
}

const hex = "0123456789abcdef"

// appendString writes a text. It fails for one that is not UTF-8, which no proto3 string is.
func appendString(b []byte, s string) ([]byte, error) {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				return nil, fmt.Errorf("transcode: a text is not UTF-8")
			}
			i += n
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		start = i
	}
	return append(append(b, s[start:]...), '"'), nil
}

// writeTimestamp writes a time with no more digits than it needs, in threes.
func writeTimestamp(b []byte, m protoreflect.Message) ([]byte, error) {
	ts, ok := m.Interface().(*timestamppb.Timestamp)
	if !ok || ts.CheckValid() != nil {
		return writeSlowly(b, m)
	}
	layout := time.RFC3339
	switch n := ts.GetNanos(); {
	case n == 0:
	case n%1e6 == 0:
		layout = "2006-01-02T15:04:05.000Z07:00"
	case n%1e3 == 0:
		layout = "2006-01-02T15:04:05.000000Z07:00"
	default:
		layout = "2006-01-02T15:04:05.000000000Z07:00"
	}
	return append(ts.AsTime().AppendFormat(append(b, '"'), layout), '"'), nil
}

// writeSlowly leaves a message to protojson.
func writeSlowly(b []byte, m protoreflect.Message) ([]byte, error) {
	return slow.MarshalAppend(b, m.Interface())
}
