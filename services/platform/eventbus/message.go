package eventbus

import (
	"strings"
	"unicode"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Header of a message. Keys are case-sensitive, as NATS sends them. It is an
// OpenTelemetry TextMapCarrier, so trace context can be injected and extracted; the
// ready-made carrier for HTTP headers would change the keys' case and lose it.
type Header map[string][]string

// Get returns the key's first value, or "".
func (h Header) Get(key string) string {
	if v := h[key]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// Set replaces the key's values.
func (h Header) Set(key, value string) { h[key] = []string{value} }

// Keys lists the keys in no particular order.
func (h Header) Keys() []string {
	keys := make([]string, 0, len(h))
	for k := range h {
		keys = append(keys, k)
	}
	return keys
}

// Message is what travels: opaque bytes under a subject.
type Message struct {
	// Subject of the event's type; see Subject.
	Subject string
	// ID by which the broker drops a repetition within a minute.
	ID string
	// Header as sent, without what is the broker's (Nats-…).
	Header Header
	// Data is the body.
	Data []byte

	received jetstream.Msg
}

// Ack tells the broker that this message, and every one delivered before it, needs no
// redelivery. A lost ack is harmless: the consumer's cursor knows better. It does
// nothing for a message of Watch.
func (m Message) Ack() error {
	if m.received == nil {
		return nil
	}
	return m.received.Ack()
}

func (m Message) encode() *nats.Msg {
	h := make(nats.Header, len(m.Header)+4) // room for the batch headers
	for k, v := range m.Header {
		h[k] = v
	}
	h[jetstream.MsgIDHeader] = []string{m.ID}
	return &nats.Msg{Subject: m.Subject, Header: h, Data: m.Data}
}

func decode(m jetstream.Msg, ackable bool) Message {
	h := Header(m.Headers())
	msg := Message{Subject: m.Subject(), ID: h.Get(jetstream.MsgIDHeader), Header: h, Data: m.Data()}
	for k := range h {
		if strings.HasPrefix(k, "Nats-") { // of the broker, and wrong on a message that is sent on
			delete(h, k)
		}
	}
	if ackable {
		msg.received = m
	}
	return msg
}

// Subject is where events of a message type travel: its full name with the last part
// in lower snake case, upright.booking.v1.appointment_booked. It is computed, so type
// and subject cannot drift apart.
func Subject(name protoreflect.FullName) string {
	parent := name.Parent()
	if parent == "" {
		return snake(string(name))
	}
	return string(parent) + "." + snake(string(name.Name()))
}

func snake(s string) string {
	var b strings.Builder
	rs := []rune(s)
	for i, r := range rs {
		if unicode.IsUpper(r) && i > 0 {
			endsWord := !unicode.IsUpper(rs[i-1])
			startsWord := i+1 < len(rs) && unicode.IsLower(rs[i+1])
			if (endsWord || startsWord) && rs[i-1] != '_' {
				b.WriteByte('_')
			}
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
