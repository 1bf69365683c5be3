package transcode

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/upright-clinic/upright/gateway/internal/problem"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/rpc"
)

// mark starts the text of a carried fault. It is drawn at start, so that no service and no
// client can write one.
var mark = "\x00" + rand.Text()

// carried is a fault on its way through the generated code, which keeps nothing of an
// error from decoding but its text.
type carried struct{ text string }

// Error implements error: it is how the fault travels.
func (c carried) Error() string { return c.text }

// carry packs a fault. Its cause is lost: it is a mistake of the client's.
func carry(f *fault.Error) error {
	text, err := json.Marshal(fault.Error{Kind: f.Kind, Reason: f.Reason, Message: f.Message, Facts: f.Facts, Fields: f.Fields})
	if err != nil { // strings always marshal
		return f
	}
	return carried{mark + string(text)}
}

// arrived unpacks a fault from the text of an error, if there is one in it.
func arrived(text string) (*fault.Error, bool) {
	_, packed, ok := strings.Cut(text, mark)
	if !ok {
		return nil, false
	}
	f := new(fault.Error)
	if err := json.Unmarshal([]byte(packed), f); err != nil {
		return nil, false
	}
	return f, true
}

// faultOf says what went wrong with a call, and whether the request was refused before it
// reached a service.
func faultOf(err error) (f *fault.Error, local bool) {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f, false
	}
	if h, ok := errors.AsType[*runtime.HTTPStatusError](err); ok && h.HTTPStatus == http.StatusBadRequest {
		return fault.New(fault.InvalidArgument, problem.ReasonBadRequest, "the path is malformed").Because(err), true
	}
	st, ok := status.FromError(err)
	if !ok || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fault.From(err), false
	}
	if f, ok := arrived(st.Message()); ok {
		return f, true
	}
	if st.Code() == codes.InvalidArgument && len(st.Details()) == 0 {
		// The generated code's own words for a path or query value of the wrong type, which
		// repeat the value.
		return fault.New(fault.InvalidArgument, "INVALID_ARGUMENT", "a value of the path or query has the wrong type").Because(err), true
	}
	return fault.From(rpc.FromStatus(err)), false
}
