package telemetry

import (
	"context"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"
)

// Start begins a span for a step inside the process and returns the context to do it in.
// Names are fixed text or the names of methods and messages, never ids. The caller ends
// the span. Inside a trace that nobody records it costs one look and makes nothing.
func Start(ctx context.Context, name string, opts ...trace.SpanStartOption) (context.Context, trace.Span) {
	parent := trace.SpanFromContext(ctx)
	tracer := otel.Tracer(scope)
	if parent.IsRecording() {
		tracer = parent.TracerProvider().Tracer(scope)
	}
	return begin(ctx, tracer, parent.SpanContext(), name, opts...)
}

// StartWith is [Start] with a tracer, for work that may be the first of its trace.
func StartWith(
	ctx context.Context, tracer trace.Tracer, name string, opts ...trace.SpanStartOption,
) (context.Context, trace.Span) {
	return begin(ctx, tracer, trace.SpanContextFromContext(ctx), name, opts...)
}

// StartRemote begins a span whose parent came from another process. An invalid parent
// starts a new trace.
func StartRemote(
	ctx context.Context, tracer trace.Tracer, parent trace.SpanContext, name string, opts ...trace.SpanStartOption,
) (context.Context, trace.Span) {
	if parent.IsValid() {
		ctx = trace.ContextWithRemoteSpanContext(ctx, parent)
	}
	return begin(ctx, tracer, parent, name, opts...)
}

// begin starts a span unless its parent is one that is not recorded: then all of its
// children are not recorded either, and the parent's ids serve to correlate logs. Every
// method of such a span does nothing, End included.
func begin(
	ctx context.Context, tracer trace.Tracer, parent trace.SpanContext, name string, opts ...trace.SpanStartOption,
) (context.Context, trace.Span) {
	if parent.IsValid() && !parent.IsSampled() {
		return ctx, trace.SpanFromContext(ctx)
	}
	return tracer.Start(ctx, name, opts...)
}

// TraceID returns the id of the trace that ctx belongs to in hexadecimal, or "".
func TraceID(ctx context.Context) string {
	sc := trace.SpanContextFromContext(ctx)
	if !sc.HasTraceID() {
		return ""
	}
	return sc.TraceID().String()
}
