package rpc

import (
	"errors"
	"maps"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"

	"github.com/upright-clinic/upright/services/platform/fault"
)

// Domain is the domain of the ErrorInfo that our errors carry across gRPC. Details of
// other domains are not ours and are not passed on.
const Domain = "upright.clinic"

// codeOf returns the gRPC code of a kind of fault, which has the same number. A kind that
// is none of fault's, and above all "no error", is INTERNAL.
func codeOf(kind fault.Kind) codes.Code {
	code := codes.Code(kind)
	if _, ok := foreign[code]; ok {
		return code
	}
	return codes.Internal
}

// foreign is the fault for each code when it comes from gRPC itself and not from one of
// our handlers: a safe sentence, since the library's own text names addresses and types.
var foreign = map[codes.Code]*fault.Error{
	codes.Canceled:           fault.New(fault.Canceled, "CANCELED", "The call was cancelled."),
	codes.InvalidArgument:    fault.New(fault.InvalidArgument, "INVALID_ARGUMENT", "The request is not valid."),
	codes.DeadlineExceeded:   fault.New(fault.DeadlineExceeded, "DEADLINE_EXCEEDED", "The call took too long."),
	codes.NotFound:           fault.New(fault.NotFound, "NOT_FOUND", "There is no such thing."),
	codes.AlreadyExists:      fault.New(fault.AlreadyExists, "ALREADY_EXISTS", "It exists already."),
	codes.PermissionDenied:   fault.New(fault.PermissionDenied, "PERMISSION_DENIED", "This is not allowed."),
	codes.ResourceExhausted:  fault.New(fault.ResourceExhausted, "RESOURCE_EXHAUSTED", "The message or the load is too large."),
	codes.FailedPrecondition: fault.New(fault.FailedPrecondition, "FAILED_PRECONDITION", "This is not possible now."),
	codes.Aborted:            fault.New(fault.Aborted, "ABORTED", "Something else changed it; try again."),
	codes.OutOfRange:         fault.New(fault.OutOfRange, "OUT_OF_RANGE", "The value is out of range."),
	codes.Unimplemented:      fault.New(fault.Unimplemented, "UNIMPLEMENTED", "There is no such method."),
	codes.Unavailable:        fault.New(fault.Unavailable, "UNAVAILABLE", "The service cannot be reached; try again."),
	codes.Unauthenticated:    fault.New(fault.Unauthenticated, ReasonUnauthenticated, "Sign in first."),
}

// asFault turns what a handler returned into a fault. A status made by a gRPC library, such
// as the one of a method that is not implemented, keeps its code and loses its text.
func asFault(err error) *fault.Error {
	var f *fault.Error
	if errors.As(err, &f) {
		return f
	}
	if st, ok := status.FromError(err); ok {
		return fromStatus(st, err)
	}
	return fault.From(err)
}

// ToStatus turns an error of a handler into the gRPC status that a caller sees: code and
// message of the fault, its reason and facts as ErrorInfo, its fields as BadRequest. The
// private cause is left behind. An error that is no fault becomes INTERNAL.
func ToStatus(err error) error {
	if err == nil {
		return nil
	}
	return statusOf(asFault(err)).Err()
}

// statusOf is the status of a fault.
func statusOf(f *fault.Error) *status.Status {
	st := status.New(codeOf(f.Kind), f.Message)
	info := &errdetails.ErrorInfo{Reason: f.Reason, Domain: Domain, Metadata: f.Facts}
	details := []protoadapt.MessageV1{info}
	if len(f.Fields) > 0 {
		bad := &errdetails.BadRequest{}
		for _, v := range f.Fields {
			bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{
				Field: v.Field, Description: v.Description, Reason: v.Rule,
			})
		}
		details = append(details, bad)
	}
	detailed, err := st.WithDetails(details...)
	if err != nil {
		return st // the code is OK or a text is no UTF-8: the bare status still says what kind
	}
	return detailed
}

// FromStatus turns the error of a gRPC call into the fault that the other side returned.
// An error that did not come from one of our handlers becomes a fault of the same kind
// with a safe sentence; the original stays as its private cause.
func FromStatus(err error) error {
	if err == nil {
		return nil
	}
	var f *fault.Error
	if errors.As(err, &f) {
		return f
	}
	st, ok := status.FromError(err)
	if !ok {
		return fault.From(err)
	}
	return fromStatus(st, err)
}

// fromStatus rebuilds a fault from a status with our details.
func fromStatus(st *status.Status, cause error) *fault.Error {
	plain, known := foreign[st.Code()]
	var info *errdetails.ErrorInfo
	var bad *errdetails.BadRequest
	for _, detail := range st.Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			if d.GetDomain() == Domain {
				info = d
			}
		case *errdetails.BadRequest:
			bad = d
		}
	}
	switch {
	case info == nil && known:
		return plain.Because(cause)
	case info == nil:
		return fault.New(fault.Internal, "INTERNAL", "Something went wrong on our side.").Because(cause)
	}
	f := fault.New(fault.Internal, info.GetReason(), st.Message())
	if known {
		f.Kind = plain.Kind
	}
	f.Facts = maps.Clone(info.GetMetadata())
	for _, v := range bad.GetFieldViolations() {
		f.Fields = append(f.Fields, fault.FieldViolation{
			Field: v.GetField(), Description: v.GetDescription(), Rule: v.GetReason(),
		})
	}
	return f
}
