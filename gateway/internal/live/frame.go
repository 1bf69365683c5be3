package live

import (
	"encoding/json"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	eventsv1 "github.com/upright-clinic/upright/proto/gen/go/upright/events/v1"
)

// Event is what a screen is told. It holds ids and types only.
type Event struct {
	// ID of the event; empty for a reset.
	ID string `json:"event_id,omitempty"`
	// Type is the full name of the event message, or "reset": load everything again.
	Type string `json:"type"`
	// AggregateType is the kind of thing it happened to, for example "appointment".
	AggregateType string `json:"aggregate_type,omitempty"`
	// AggregateID is the thing's id.
	AggregateID string `json:"aggregate_id,omitempty"`
	// AggregateVersion is the thing's version after the event.
	AggregateVersion int64 `json:"aggregate_version,omitempty"`
	// Time is when it was recorded, RFC 3339.
	Time string `json:"time,omitempty"`
}

// resetData is a reset as it is sent.
var resetData = []byte(`{"type":"reset"}`)

// frameOf makes what is sent of an event. An event that says no clinic is for no screen.
func frameOf(event *eventsv1.Event) (frame, bool) {
	clinic := clinicOf(event)
	if clinic == "" {
		return frame{}, false
	}
	data, err := json.Marshal(Event{
		ID: event.GetEventId(), Type: event.GetType(),
		AggregateType: event.GetAggregateType(), AggregateID: event.GetAggregateId(), AggregateVersion: event.GetAggregateVersion(),
		Time: event.GetRecordTime().AsTime().Format(time.RFC3339Nano),
	})
	if err != nil { // strings and numbers always marshal
		return frame{}, false
	}
	return frame{id: event.GetEventId(), clinic: clinic, data: data}, true
}

// clinicOf reads the clinic from an event message: its field clinic_id, or that of the
// resource that it tells of. A message that this program does not know has none.
func clinicOf(event *eventsv1.Event) string {
	mt, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(event.GetType()))
	if err != nil {
		return ""
	}
	m := mt.New()
	if err := proto.Unmarshal(event.GetPayload(), m.Interface()); err != nil {
		return ""
	}
	if id := clinicField(m); id != "" {
		return id
	}
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if f.Message() == nil || f.IsList() || f.IsMap() || !m.Has(f) {
			continue
		}
		if id := clinicField(m.Get(f).Message()); id != "" {
			return id
		}
	}
	return ""
}

// clinicField returns the message's own field clinic_id.
func clinicField(m protoreflect.Message) string {
	f := m.Descriptor().Fields().ByName("clinic_id")
	if f == nil || f.Kind() != protoreflect.StringKind || f.IsList() {
		return ""
	}
	return m.Get(f).String()
}
