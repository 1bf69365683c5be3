// Package fault has the one error type that crosses a service's door.
//
// An [Error] says four things: its [Kind], which becomes the gRPC code and the HTTP status;
// a Reason, stable and UPPER_SNAKE, that programs decide by; a Message that is safe for
// whoever called; and Facts, such as which rule refused and the first date that would be
// allowed. Its cause is private: it is logged where the error leaves the service, and never
// sent. What wraps an Error on its way out is lost; what an Error wraps is kept.
package fault

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Kind is the coarse class of an error. The values are those of gRPC's codes.
type Kind int

// The kinds, with what they tell the caller.
const (
	Canceled           Kind = 1  // the caller went away
	InvalidArgument    Kind = 3  // the request is wrong whatever the state; Fields say where
	DeadlineExceeded   Kind = 4  // the answer came too late; it may still have happened
	NotFound           Kind = 5  // no such thing, or none that this caller may see
	AlreadyExists      Kind = 6  // it is there already
	PermissionDenied   Kind = 7  // known, and not allowed
	ResourceExhausted  Kind = 8  // too many or too much; later
	FailedPrecondition Kind = 9  // refused by a rule or a state; Facts say what would be possible
	Aborted            Kind = 10 // lost a race; read again and try again
	OutOfRange         Kind = 11 // past the end of something
	Unimplemented      Kind = 12 // not offered here
	Internal           Kind = 13 // ours to fix
	Unavailable        Kind = 14 // down for the moment; the same request may be sent again
	Unauthenticated    Kind = 16 // not signed in
)

// FieldViolation says what is wrong with one field of a request.
type FieldViolation struct {
	// Field is the path in the request message, for example "drugs[0].dose_mg".
	Field string
	// Description is one sentence, without the value that was sent.
	Description string
	// Rule is the id of the constraint; may be empty.
	Rule string
}

// Error is what a use case returns when it refuses or fails. It is a value that is never
// changed: the methods that add to it return a copy.
type Error struct {
	Kind    Kind
	Reason  string
	Message string
	Facts   map[string]string
	Fields  []FieldViolation
	cause   error
}

// New makes an error. The message may be shown to the caller, so it holds nothing of a
// patient and nothing of the program's inside.
func New(kind Kind, reason, message string) *Error {
	return &Error{Kind: kind, Reason: reason, Message: message}
}

// Invalid is the error for one wrong field: InvalidArgument with reason INVALID_ARGUMENT.
func Invalid(field, description string) *Error {
	return New(InvalidArgument, "INVALID_ARGUMENT", field+": "+description).OnField(field, description)
}

// NotFoundf is the error for something that is not there or that the caller may not know
// of: NotFound with reason NOT_FOUND and the same words for both.
func NotFoundf(what string) *Error {
	return New(NotFound, "NOT_FOUND", what+" not found")
}

// Error gives reason and message, never the cause.
func (e *Error) Error() string { return e.Reason + ": " + e.Message }

// Unwrap gives the private cause, for errors.Is and for the log.
func (e *Error) Unwrap() error { return e.cause }

// With returns a copy with one more fact. Facts travel to the caller: identifiers, codes,
// dates and numbers only.
func (e *Error) With(key, value string) *Error {
	c := *e
	c.Facts = maps.Clone(e.Facts)
	if c.Facts == nil {
		c.Facts = map[string]string{}
	}
	c.Facts[key] = value
	return &c
}

// OnField returns a copy with one more field violation.
func (e *Error) OnField(path, description string) *Error {
	c := *e
	c.Fields = append(slices.Clip(e.Fields), FieldViolation{Field: path, Description: description})
	return &c
}

// Because returns a copy with its private cause.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// From gives the Error in err's chain. A context error becomes DeadlineExceeded or
// Canceled, anything else Internal with reason INTERNAL, and err stays its cause. It
// returns nil for nil: a nil *Error, which must not be returned as an error.
func From(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return New(DeadlineExceeded, "DEADLINE_EXCEEDED", "the answer took too long").Because(err)
	case errors.Is(err, context.Canceled):
		return New(Canceled, "CANCELED", "the request was given up").Because(err)
	}
	return New(Internal, "INTERNAL", "something went wrong on our side").Because(err)
}

// Is reports whether err is an Error with the reason.
func Is(err error, reason string) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Reason == reason
}

// IsKind reports whether err is of the kind, as From sees it.
func IsKind(err error, k Kind) bool {
	e := From(err)
	return e != nil && e.Kind == k
}

var kindNames = map[Kind]string{
	Canceled: "CANCELLED", InvalidArgument: "INVALID_ARGUMENT", DeadlineExceeded: "DEADLINE_EXCEEDED", NotFound: "NOT_FOUND",
	AlreadyExists: "ALREADY_EXISTS", PermissionDenied: "PERMISSION_DENIED", ResourceExhausted: "RESOURCE_EXHAUSTED",
	FailedPrecondition: "FAILED_PRECONDITION", Aborted: "ABORTED", OutOfRange: "OUT_OF_RANGE", Unimplemented: "UNIMPLEMENTED",
	Internal: "INTERNAL", Unavailable: "UNAVAILABLE", Unauthenticated: "UNAUTHENTICATED",
}

// String gives the gRPC code's name.
func (k Kind) String() string {
	if name, ok := kindNames[k]; ok {
		return name
	}
	return fmt.Sprintf("KIND_%d", int(k))
}
