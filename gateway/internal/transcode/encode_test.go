package transcode

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
)

// TestEncodeIsProtojson fills every message of the API at random and compares what the
// encoder writes with what protojson writes.
func TestEncodeIsProtojson(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	messages := 0
	protoregistry.GlobalTypes.RangeMessages(func(mt protoreflect.MessageType) bool {
		if !strings.HasPrefix(string(mt.Descriptor().FullName()), "upright.") || mt.Descriptor().IsMapEntry() {
			return true
		}
		messages++
		for range 20 {
			m := mt.New()
			fillMessage(rng, m, 3)
			same(t, m.Interface())
		}
		same(t, mt.New().Interface())
		return true
	})
	if messages < 100 {
		t.Errorf("only %d messages were compared", messages)
	}
}

// same compares the two encoders on a message.
func same(t *testing.T, m proto.Message) {
	t.Helper()
	got, err := encode(m)
	if err != nil {
		t.Fatalf("%s: %v", m.ProtoReflect().Descriptor().FullName(), err)
	}
	want, err := slow.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var g, w any
	if err := json.Unmarshal(got, &g); err != nil {
		t.Fatalf("%s: %v: %s", m.ProtoReflect().Descriptor().FullName(), err, got)
	}
	if err := json.Unmarshal(want, &w); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(w, g); diff != "" {
		t.Fatalf("%s: %s", m.ProtoReflect().Descriptor().FullName(), diff)
	}
}

// fillMessage sets about half of a message's fields.
func fillMessage(rng *rand.Rand, m protoreflect.Message, depth int) {
	switch m.Descriptor().FullName() {
	case "google.protobuf.Timestamp":
		nanos := []int32{0, 120e6, 120e3, 7}[rng.IntN(4)]
		proto.Merge(m.Interface(), &timestamppb.Timestamp{Seconds: rng.Int64N(4e9), Nanos: nanos})
		return
	case "google.protobuf.Value":
		proto.Merge(m.Interface(), structpb.NewStringValue(randomText(rng)))
		return
	case "google.protobuf.FieldMask", "google.protobuf.ListValue", "google.protobuf.Struct":
		return
	}
	for i := range m.Descriptor().Fields().Len() {
		f := m.Descriptor().Fields().Get(i)
		if rng.IntN(2) == 0 || (f.Message() != nil && depth == 0) {
			continue
		}
		switch {
		case f.IsMap():
			for range rng.IntN(4) {
				m.Mutable(f).Map().Set(randomValue(rng, f.MapKey(), m, depth).MapKey(), randomValue(rng, f.MapValue(), m, depth))
			}
		case f.IsList():
			for range rng.IntN(4) {
				m.Mutable(f).List().Append(randomValue(rng, f, m, depth))
			}
		default:
			m.Set(f, randomValue(rng, f, m, depth))
		}
	}
}

// randomValue makes a value for a field.
func randomValue(rng *rand.Rand, f protoreflect.FieldDescriptor, in protoreflect.Message, depth int) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(rng.IntN(2) == 0)
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(randomText(rng))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte(randomText(rng)))
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(rng.IntN(12)))
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(int32(rng.Uint32()))
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(int64(rng.Uint64()))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64([]float64{0, -0.5, 1e22, 1e-7, 1.0 / 3, 40, math.MaxFloat64}[rng.IntN(7)])
	case protoreflect.MessageKind:
		d := f.Message()
		if mt, err := protoregistry.GlobalTypes.FindMessageByName(d.FullName()); err == nil {
			m := mt.New()
			fillMessage(rng, m, depth-1)
			return protoreflect.ValueOfMessage(m)
		}
		return protoreflect.ValueOfMessage(dynamicpb.NewMessage(d))
	}
	panic("the API has a new kind of field: " + f.Kind().String() + " in " + string(in.Descriptor().FullName()))
}

func randomText(rng *rand.Rand) string {
	parts := []string{"", "a", "ä", "\"", "\\", "\n", "\x00", "\u2028", "<b>", "漢", "\x7f", "\t\r\x1f"}
	var s strings.Builder
	for range rng.IntN(5) {
		s.WriteString(parts[rng.IntN(len(parts))])
	}
	return s.String()
}

func TestEncodeOddities(t *testing.T) {
	t.Parallel()
	for want, m := range map[string]proto.Message{
		"null": (*bookingv1.Appointment)(nil),
		`{"reason":"a\"\\\n\u0001é","account_id":""}`:                                   &bookingv1.Override{Reason: "a\"\\\n\x01é"},
		`{"openings":[],"groups":[],"refused":[],"next_page_token":"x"}`:                &bookingv1.ListOpeningsResponse{NextPageToken: "x"},
		`{"practitioner_id":"","local_date":"","base_time":"","offset_minutes":[0,15]}`: &bookingv1.OpeningGroup{OffsetMinutes: []int32{0, 15}},
	} {
		if got, err := encode(m); err != nil || string(got) != want {
			t.Errorf("%s, %v; want %s", got, err, want)
		}
	}
	if _, err := encode(&bookingv1.Override{Reason: "\xff"}); err == nil {
		t.Error("a text that is not UTF-8 was written")
	}
	if _, err := encode(&bookingv1.Hold{ExpireTime: &timestamppb.Timestamp{Seconds: math.MaxInt64}}); err == nil {
		t.Error("a time that does not exist was written")
	}
	v, err := structpb.NewValue(map[string]any{"a": []any{1.0, "x", nil}})
	if err != nil {
		t.Fatal(err)
	}
	same(t, v)
}
