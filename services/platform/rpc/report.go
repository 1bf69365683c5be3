package rpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/telemetry"
)

// serverError reports whether a code means that we failed, not the caller.
func serverError(code codes.Code) bool {
	return levelOf(code) >= slog.LevelWarn && code != codes.ResourceExhausted
}

// levels are the levels that failed calls are logged with. A refusal is the program doing
// its work, so any other code is for debugging only.
var levels = map[codes.Code]slog.Level{
	codes.Internal:         slog.LevelError,
	codes.Unknown:          slog.LevelError,
	codes.DataLoss:         slog.LevelError,
	codes.Unavailable:      slog.LevelWarn,
	codes.DeadlineExceeded: slog.LevelWarn,
	codes.Unimplemented:    slog.LevelWarn,
	// Too much asked for is the caller's doing, and worth knowing.
	codes.ResourceExhausted: slog.LevelWarn,
	codes.Unauthenticated:   slog.LevelInfo,
	codes.PermissionDenied:  slog.LevelInfo,
}

// levelOf is the level that a failed call is logged with.
func levelOf(code codes.Code) slog.Level {
	if level, ok := levels[code]; ok {
		return level
	}
	return slog.LevelDebug
}

// report logs a failed call: method, code and reason, and for failures of ours the private
// cause. Neither the message, which may name what was refused, nor facts and fields are
// logged.
func (s *Server) report(ctx context.Context, m *method, f *fault.Error, code codes.Code, took time.Duration) {
	level := levelOf(code)
	if !s.cfg.Log.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("method", m.span),
		slog.String("code", code.String()),
		slog.String("reason", f.Reason),
		slog.Duration("took", took),
	}
	if cause := errors.Unwrap(f); cause != nil && level >= slog.LevelInfo {
		attrs = append(attrs,
			slog.String("cause", telemetry.Scrub(textOf(cause))), slog.String("cause_type", typesOf(cause)))
	}
	s.cfg.Log.LogAttrs(ctx, level, "call failed", attrs...)
}

// textOf is the text of a cause. A fault in it hides its own cause, so that one's text is
// added; any other error says what it wraps.
func textOf(err error) string {
	var parts []string
	for err != nil {
		parts = append(parts, err.Error())
		f, ok := err.(*fault.Error) //nolint:errorlint // each link is looked at in turn
		if !ok {
			break
		}
		err = errors.Unwrap(f)
	}
	return strings.Join(parts, ": ")
}

// typesOf names the types along a chain of errors, outermost first.
func typesOf(err error) string {
	var names []string
	for ; err != nil && len(names) < 8; err = errors.Unwrap(err) {
		names = append(names, fmt.Sprintf("%T", err))
	}
	return strings.Join(names, " ")
}

// spanCode is the code of a call as an attribute of its span.
func spanCode(code codes.Code) attribute.KeyValue {
	return attribute.String("rpc.response.status_code", code.String())
}

// spanReason is the reason of a refusal as an attribute of its span.
func spanReason(reason string) attribute.KeyValue {
	return attribute.String("error.type", reason)
}

// metadataTrace is the metadata that trace context travels in.
const metadataTrace = "traceparent"

// traceFrom returns the trace context that a caller sent, invalid when there is none.
func traceFrom(ctx context.Context) trace.SpanContext {
	if t, ok := grpc.ServerTransportStreamFromContext(ctx).(*unaryTransport); ok && t.trace.IsValid() {
		return t.trace
	}
	if first(ctx, metadataTrace) == "" {
		return trace.SpanContext{}
	}
	return trace.SpanContextFromContext(telemetry.Propagator.Extract(context.Background(), incoming{ctx}))
}

// incoming reads trace context from the metadata of a call.
type incoming struct{ ctx context.Context }

var _ propagation.TextMapCarrier = incoming{}

// Get implements [propagation.TextMapCarrier].
func (c incoming) Get(key string) string { return first(c.ctx, key) }

// Set implements [propagation.TextMapCarrier]; what came in is not changed.
func (incoming) Set(string, string) {}

// Keys implements [propagation.TextMapCarrier].
func (incoming) Keys() []string { return []string{metadataTrace} }
