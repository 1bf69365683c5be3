package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"go.opentelemetry.io/otel/trace"
)

// Keys that every line of a traced request carries.
const (
	keyTraceID = "trace_id"
	keySpanID  = "span_id"
)

// newHandler builds the log handler of a configuration.
func newHandler(cfg Config) (slog.Handler, error) {
	writer := cfg.LogWriter
	if writer == nil {
		writer = os.Stderr
	}
	opts := &slog.HandlerOptions{Level: cfg.LogLevel}
	var inner slog.Handler
	switch cfg.LogFormat {
	case "", "json":
		inner = slog.NewJSONHandler(writer, opts)
	case "text":
		inner = slog.NewTextHandler(writer, opts)
	default:
		return nil, fmt.Errorf("log format %q: want json or text", cfg.LogFormat)
	}
	if cfg.Service != "" {
		inner = inner.WithAttrs([]slog.Attr{slog.String("service", cfg.Service)})
	}
	return NewLogHandler(inner), nil
}

// NewLogHandler wraps a handler so that each line carries the trace_id and span_id of the
// context that it was logged with. They stay at the top level inside groups too.
func NewLogHandler(inner slog.Handler) slog.Handler {
	return &traceHandler{root: inner}
}

// traceHandler adds trace ids. Groups and attributes that were opened are replayed after
// the ids, so that the ids are found at the same place in each line.
type traceHandler struct {
	root  slog.Handler
	steps []func(slog.Handler) slog.Handler
	ready slog.Handler
}

// Enabled implements [slog.Handler].
func (h *traceHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.root.Enabled(ctx, level)
}

// Handle implements [slog.Handler].
func (h *traceHandler) Handle(ctx context.Context, record slog.Record) error {
	sc := trace.SpanContextFromContext(ctx)
	if !sc.IsValid() {
		if h.ready == nil {
			return h.root.Handle(ctx, record)
		}
		return h.ready.Handle(ctx, record)
	}
	ids := []slog.Attr{
		slog.String(keyTraceID, sc.TraceID().String()), slog.String(keySpanID, sc.SpanID().String()),
	}
	if len(h.steps) == 0 {
		record = record.Clone()
		record.AddAttrs(ids...)
		return h.root.Handle(ctx, record)
	}
	inner := h.root.WithAttrs(ids)
	for _, step := range h.steps {
		inner = step(inner)
	}
	return inner.Handle(ctx, record)
}

// WithAttrs implements [slog.Handler].
func (h *traceHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(h.steps) == 0 {
		return &traceHandler{root: h.root.WithAttrs(attrs)}
	}
	return h.then(func(inner slog.Handler) slog.Handler { return inner.WithAttrs(attrs) })
}

// WithGroup implements [slog.Handler].
func (h *traceHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return h.then(func(inner slog.Handler) slog.Handler { return inner.WithGroup(name) })
}

// then returns a handler with one more step to replay.
func (h *traceHandler) then(step func(slog.Handler) slog.Handler) slog.Handler {
	next := &traceHandler{root: h.root}
	next.steps = append(append(next.steps, h.steps...), step)
	next.ready = h.root
	for _, s := range next.steps {
		next.ready = s(next.ready)
	}
	return next
}
