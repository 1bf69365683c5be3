package telemetry

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
)

// redacted is what a Sensitive value shows.
const redacted = "[redacted]"

// Sensitive holds a value that must not be printed: a name, an address, an answer, a
// password, a token. Whatever prints, logs or encodes it gets "[redacted]"; only
// [Sensitive.Reveal] gives it back, so that a reviewer finds every place by one search.
// The value sits inside a function, because fmt looks into unexported fields of an outer
// struct without asking anybody's methods, and follows pointers there for verbs that it
// does not know; of a function it sees an address.
type Sensitive[T any] struct{ reveal func() T }

// Hide wraps a value.
func Hide[T any](value T) Sensitive[T] {
	return Sensitive[T]{reveal: func() T { return value }}
}

// Reveal returns the value, for the one who may have it. The zero Sensitive holds the zero
// value.
func (s Sensitive[T]) Reveal() T {
	if s.reveal == nil {
		var zero T
		return zero
	}
	return s.reveal()
}

// Equal reports whether both hold equal values; go-cmp uses it.
func (s Sensitive[T]) Equal(other Sensitive[T]) bool {
	return reflect.DeepEqual(s.Reveal(), other.Reveal())
}

// String implements [fmt.Stringer].
func (Sensitive[T]) String() string { return redacted }

// GoString implements [fmt.GoStringer].
func (Sensitive[T]) GoString() string { return redacted }

// Format implements [fmt.Formatter] for every verb and flag.
func (Sensitive[T]) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue implements [slog.LogValuer].
func (Sensitive[T]) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements [encoding.TextMarshaler].
func (Sensitive[T]) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON implements [json.Marshaler].
func (Sensitive[T]) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// UnmarshalText implements [encoding.TextUnmarshaler], so that a flag or a variable of the
// environment can be a Sensitive[string]. It fails for any other type.
func (s *Sensitive[T]) UnmarshalText(text []byte) error {
	value, ok := any(string(text)).(T)
	if !ok {
		return errors.New("telemetry: only a Sensitive[string] can be read from text")
	}
	*s = Hide(value)
	return nil
}
