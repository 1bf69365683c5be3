// Package problem turns a fault into what an HTTP client reads: a status and an RFC 9457
// problem document. The document carries the same reason, facts and field violations that
// crossed gRPC, so that a client of either protocol decides by the same words.
package problem

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/upright-clinic/upright/services/platform/fault"
)

// ContentType of a problem document (RFC 9457 section 3).
const ContentType = "application/problem+json"

// StatusClientClosed is what is noted for a request whose client went away; nobody reads
// it. The number is nginx's.
const StatusClientClosed = 499

// FactRetryAfter is the fact that says after how many seconds to try again. It becomes the
// Retry-After header.
const FactRetryAfter = "retry_after_seconds"

// Reasons that the gateway itself gives, beside those of the services.
const (
	// ReasonRouteNotFound: no such path.
	ReasonRouteNotFound = "ROUTE_NOT_FOUND"
	// ReasonMethodNotAllowed: the path is there, the method is not; see the Allow header.
	ReasonMethodNotAllowed = "METHOD_NOT_ALLOWED"
	// ReasonBodyTooLarge: more bytes than a request may have.
	ReasonBodyTooLarge = "BODY_TOO_LARGE"
	// ReasonUnsupportedMedia: the body is not of a type that the path takes.
	ReasonUnsupportedMedia = "UNSUPPORTED_MEDIA_TYPE"
	// ReasonRateLimited: too many requests from this address or account.
	ReasonRateLimited = "RATE_LIMITED"
	// ReasonCrossOrigin: a browser sent it on behalf of another site.
	ReasonCrossOrigin = "CROSS_ORIGIN"
	// ReasonBadRequest: the body never arrived in full or in time.
	ReasonBadRequest = "BAD_REQUEST"
)

// Document is the body of an answer that says why not. Members that RFC 9457 does not name
// are extensions (section 3.2).
type Document struct {
	// Type identifies the kind of problem: "urn:upright:reason:" and the reason.
	Type string `json:"type"`
	// Title is the same for every problem of the kind.
	Title string `json:"title"`
	// Status is the HTTP status.
	Status int `json:"status"`
	// Code is the gRPC code's name.
	Code string `json:"code"`
	// Reason is what programs decide by.
	Reason string `json:"reason"`
	// Detail is one sentence for a person.
	Detail string `json:"detail"`
	// Metadata are the facts: identifiers, codes, dates and numbers.
	Metadata map[string]string `json:"metadata"`
	// RequestID finds the request in the log.
	RequestID string `json:"request_id"`
	// Violations name the fields that are wrong.
	Violations []Violation `json:"violations"`
}

// Violation is what is wrong with one field.
type Violation struct {
	// Field is its path in the request.
	Field string `json:"field"`
	// Description is one sentence, without the value that was sent.
	Description string `json:"description"`
	// Rule is the id of the constraint, where there is one.
	Rule string `json:"rule,omitempty"`
}

// kinds gives each kind its status and title.
var kinds = map[fault.Kind]struct {
	status int
	title  string
}{
	fault.Canceled:           {StatusClientClosed, "The request was given up"},
	fault.InvalidArgument:    {http.StatusBadRequest, "The request is not valid"},
	fault.DeadlineExceeded:   {http.StatusGatewayTimeout, "The answer took too long"},
	fault.NotFound:           {http.StatusNotFound, "Not found"},
	fault.AlreadyExists:      {http.StatusConflict, "It is there already"},
	fault.PermissionDenied:   {http.StatusForbidden, "Not allowed"},
	fault.ResourceExhausted:  {http.StatusTooManyRequests, "Too much or too often"},
	fault.FailedPrecondition: {http.StatusConflict, "Refused by a rule"},
	fault.Aborted:            {http.StatusConflict, "Something changed meanwhile"},
	fault.OutOfRange:         {http.StatusBadRequest, "Out of range"},
	fault.Unimplemented:      {http.StatusNotImplemented, "Not offered here"},
	fault.Internal:           {http.StatusInternalServerError, "Something went wrong on our side"},
	fault.Unavailable:        {http.StatusServiceUnavailable, "Not available at the moment"},
	fault.Unauthenticated:    {http.StatusUnauthorized, "Not signed in"},
}

// reasons gives some reasons a status of their own, which HTTP knows and gRPC does not.
var reasons = map[string]int{
	"VERSION_MISMATCH":     http.StatusPreconditionFailed,
	"REQUEST_ID_REUSED":    http.StatusUnprocessableEntity,
	"STORAGE_FULL":         http.StatusServiceUnavailable,
	ReasonMethodNotAllowed: http.StatusMethodNotAllowed,
	ReasonBodyTooLarge:     http.StatusRequestEntityTooLarge,
	ReasonUnsupportedMedia: http.StatusUnsupportedMediaType,
}

// Status returns the HTTP status of a fault.
func Status(f *fault.Error) int {
	if status, ok := reasons[f.Reason]; ok {
		return status
	}
	if k, ok := kinds[f.Kind]; ok {
		return k.status
	}
	return http.StatusInternalServerError
}

// Of makes the document of a fault. Its cause stays out of it.
func Of(f *fault.Error, requestID string) Document {
	doc := Document{
		Type:       "urn:upright:reason:" + f.Reason,
		Title:      kinds[fault.Internal].title,
		Status:     Status(f),
		Code:       f.Kind.String(),
		Reason:     f.Reason,
		Detail:     f.Message,
		Metadata:   f.Facts,
		RequestID:  requestID,
		Violations: make([]Violation, len(f.Fields)),
	}
	if k, ok := kinds[f.Kind]; ok {
		doc.Title = k.title
	}
	if doc.Metadata == nil {
		doc.Metadata = map[string]string{}
	}
	for i, v := range f.Fields {
		doc.Violations[i] = Violation(v)
	}
	return doc
}

// Write answers with the problem document of a fault and returns the status it used.
func Write(w http.ResponseWriter, f *fault.Error, requestID string) int {
	doc := Of(f, requestID)
	body, err := json.Marshal(doc)
	if err != nil { // strings and maps of strings always marshal
		body = []byte(`{"status":500}`)
	}
	h := w.Header()
	h["Content-Type"] = []string{ContentType}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	SetHeaders(h, f)
	w.WriteHeader(doc.Status)
	_, _ = w.Write(body) // a client that went away is no failure of ours
	return doc.Status
}

// SetHeaders sets the headers that belong to a fault whatever form its body has:
// WWW-Authenticate for a missing sign-in and Retry-After where waiting helps.
func SetHeaders(h http.Header, f *fault.Error) {
	switch f.Kind { //nolint:exhaustive // only these have headers
	case fault.Unauthenticated:
		h.Set("WWW-Authenticate", `Bearer realm="upright"`)
	case fault.ResourceExhausted, fault.Unavailable:
		after := f.Facts[FactRetryAfter]
		if n, err := strconv.Atoi(after); err != nil || n < 0 {
			after = "1"
		}
		h.Set("Retry-After", after)
	}
}

// RateLimited is the fault for a caller over the limit.
func RateLimited(retry time.Duration) *fault.Error {
	seconds := max(1, int((retry+time.Second-1)/time.Second))
	return fault.New(fault.ResourceExhausted, ReasonRateLimited, "too many requests; try again later").
		With(FactRetryAfter, strconv.Itoa(seconds))
}

// BodyTooLarge is the fault for a body above the limit.
func BodyTooLarge(limit int64) *fault.Error {
	return fault.New(fault.InvalidArgument, ReasonBodyTooLarge, "the body is larger than a request may be").
		With("limit_bytes", strconv.FormatInt(limit, 10))
}

// RouteNotFound is the fault for a path that is not there.
func RouteNotFound() *fault.Error {
	return fault.New(fault.NotFound, ReasonRouteNotFound, "there is nothing at this path")
}

// MethodNotAllowed is the fault for a path that is there for other methods.
func MethodNotAllowed() *fault.Error {
	return fault.New(fault.Unimplemented, ReasonMethodNotAllowed, "this path does not take the method")
}
