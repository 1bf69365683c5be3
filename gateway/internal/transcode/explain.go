package transcode

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/upright-clinic/upright/services/platform/fault"
)

// maxViolations is how many wrong fields one answer names.
const maxViolations = 20

// explain says which fields of a body do not fit a message. protojson stops at the first
// mistake, and its text names neither the path nor leaves out the value, so the body is
// walked again beside the descriptor. That happens for refused requests only.
func explain(data []byte, d protoreflect.MessageDescriptor, cause error) *fault.Error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var tree any
	if err := dec.Decode(&tree); err != nil {
		return syntaxFault(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fault.New(fault.InvalidArgument, "MALFORMED_JSON", "the body has something after its JSON")
	}
	e := explainer{}
	e.message("", tree, d)
	if len(e.found) == 0 {
		return fault.New(fault.InvalidArgument, "INVALID_ARGUMENT",
			"the body does not fit the request; a field may be given twice").Because(cause)
	}
	return invalid(e.found)
}

// invalid is the fault for fields that are wrong.
func invalid(found []fault.FieldViolation) *fault.Error {
	f := fault.New(fault.InvalidArgument, "INVALID_ARGUMENT", strings.TrimPrefix(found[0].Field+": ", ": ")+found[0].Description)
	f.Fields = found
	return f
}

// syntaxFault says where a body stops being JSON.
func syntaxFault(err error) *fault.Error {
	f := fault.New(fault.InvalidArgument, "MALFORMED_JSON", "the body is not valid JSON")
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		f = f.With("offset", strconv.FormatInt(syntax.Offset, 10))
	}
	return f.Because(err)
}

// explainer collects what is wrong with a body.
type explainer struct{ found []fault.FieldViolation }

func (e *explainer) add(path, description string) {
	if len(e.found) < maxViolations {
		e.found = append(e.found, fault.FieldViolation{Field: path, Description: description})
	}
}

// message compares a JSON value with a message.
func (e *explainer) message(path string, v any, d protoreflect.MessageDescriptor) {
	if want, known := wellKnown[d.FullName()]; known {
		if !fits(v, d) {
			e.add(path, "must be "+want)
		}
		return
	}
	object, ok := v.(map[string]any)
	if !ok {
		e.add(path, "must be a JSON object")
		return
	}
	for _, key := range slices.Sorted(maps.Keys(object)) {
		field := fieldOf(d, key)
		if field == nil {
			e.add(join(path, printable(key)), "unknown field")
			continue
		}
		e.field(join(path, string(field.Name())), object[key], field)
	}
}

// field compares a JSON value with a field, of which null is always one.
func (e *explainer) field(path string, v any, f protoreflect.FieldDescriptor) {
	switch {
	case v == nil:
	case f.IsMap():
		object, ok := v.(map[string]any)
		if !ok {
			e.add(path, "must be a JSON object")
			return
		}
		for _, key := range slices.Sorted(maps.Keys(object)) {
			e.value(path+"["+strconv.Quote(printable(key))+"]", object[key], f.MapValue())
		}
	case f.IsList():
		list, ok := v.([]any)
		if !ok {
			e.add(path, "must be a JSON array")
			return
		}
		for i, item := range list {
			e.value(path+"["+strconv.Itoa(i)+"]", item, f)
		}
	default:
		e.value(path, v, f)
	}
}

// value compares one value, alone or of a list or map, with a field's type.
func (e *explainer) value(path string, v any, f protoreflect.FieldDescriptor) {
	if f.Message() != nil {
		e.message(path, v, f.Message())
		return
	}
	if !scalarFits(v, f) {
		e.add(path, "must be "+scalarName(f))
	}
}

// fieldOf finds a field by either of its names.
func fieldOf(d protoreflect.MessageDescriptor, key string) protoreflect.FieldDescriptor {
	if f := d.Fields().ByName(protoreflect.Name(key)); f != nil {
		return f
	}
	return d.Fields().ByJSONName(key)
}

// wellKnown messages have a JSON form of their own.
var wellKnown = map[protoreflect.FullName]string{
	"google.protobuf.Timestamp":   "a time like 2026-11-24T18:00:00Z",
	"google.protobuf.Duration":    "a duration like 1.5s",
	"google.protobuf.FieldMask":   "field names separated by commas",
	"google.protobuf.Struct":      "a JSON object",
	"google.protobuf.ListValue":   "a JSON array",
	"google.protobuf.Value":       "a JSON value",
	"google.protobuf.StringValue": "a string",
	"google.protobuf.BoolValue":   "true or false",
	"google.protobuf.Int32Value":  "a whole number",
	"google.protobuf.Int64Value":  "a whole number",
	"google.protobuf.DoubleValue": "a number",
}

// fits asks the parser itself about a well-known message.
func fits(v any, d protoreflect.MessageDescriptor) bool {
	data, err := json.Marshal(v)
	return err == nil && protojson.Unmarshal(data, dynamicpb.NewMessage(d)) == nil
}

// scalarName says what a field takes.
func scalarName(f protoreflect.FieldDescriptor) string {
	switch f.Kind() { //nolint:exhaustive // messages are not scalars, groups do not exist in proto3
	case protoreflect.BoolKind:
		return "true or false"
	case protoreflect.StringKind:
		return "a string"
	case protoreflect.BytesKind:
		return "a string in base64"
	case protoreflect.EnumKind:
		return "one of the values of " + string(f.Enum().Name())
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return "a number"
	default:
		return "a whole number in range"
	}
}

// scalarFits reports whether protojson would take the value.
func scalarFits(v any, f protoreflect.FieldDescriptor) bool {
	switch v := v.(type) {
	case bool:
		return f.Kind() == protoreflect.BoolKind
	case json.Number:
		return f.Kind() != protoreflect.BoolKind && f.Kind() != protoreflect.StringKind &&
			f.Kind() != protoreflect.BytesKind && textFits(string(v), f)
	case string:
		return f.Kind() != protoreflect.BoolKind && textFits(v, f)
	}
	return false
}

// textFits reports whether the text is a value of the field's type; query parameters are
// text, and proto3 JSON takes numbers as strings too.
func textFits(s string, f protoreflect.FieldDescriptor) bool {
	switch f.Kind() { //nolint:exhaustive // messages are not scalars, groups do not exist in proto3
	case protoreflect.StringKind:
		return true
	case protoreflect.BoolKind:
		_, err := strconv.ParseBool(s)
		return err == nil
	case protoreflect.BytesKind:
		_, err := base64.StdEncoding.DecodeString(s)
		_, errURL := base64.URLEncoding.DecodeString(s)
		return err == nil || errURL == nil
	case protoreflect.EnumKind:
		if f.Enum().Values().ByName(protoreflect.Name(s)) != nil {
			return true
		}
		return whole(s, math.MinInt32, math.MaxInt32)
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		_, err := strconv.ParseFloat(s, 64)
		return err == nil
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return whole(s, math.MinInt32, math.MaxInt32)
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return whole(s, 0, math.MaxUint32)
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		_, err := strconv.ParseUint(s, 10, 64)
		return err == nil || whole(s, 0, math.MaxInt64)
	default:
		return whole(s, math.MinInt64, math.MaxInt64)
	}
}

// whole reports whether the text is a whole number within bounds; 1.0 and 1e2 are.
func whole(s string, least, most int64) bool {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n >= least && n <= most
	}
	x, err := strconv.ParseFloat(s, 64)
	return err == nil && x == math.Trunc(x) && x >= float64(least) && x <= float64(most)
}

// join appends a field to a path.
func join(path, field string) string {
	if path == "" {
		return field
	}
	return path + "." + field
}

// printable shortens a key that a client made up before it is sent back.
func printable(key string) string {
	if r := []rune(key); len(r) > 64 {
		key = string(r[:64])
	}
	return strings.Map(func(r rune) rune {
		if strconv.IsPrint(r) {
			return r
		}
		return '?'
	}, key)
}
