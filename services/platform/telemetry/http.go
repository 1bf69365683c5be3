package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/upright-clinic/upright/services/platform/clock"
)

// RequestIDHeader tells a caller the id to quote when something went wrong: the trace id.
// It is never taken from a request, where it could be anything.
const RequestIDHeader = "X-Request-Id"

// unmatched is the route label of what no route takes.
const unmatched = "unmatched"

// durationBuckets are the histogram bounds of calls, in seconds: dense where an in-process
// call and a local transaction are, up to the longest default deadline.
var durationBuckets = []float64{
	0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
}

// DurationHistogram makes a histogram of durations in seconds with the project's buckets.
func DurationHistogram(meter metric.Meter, name, description string) (metric.Float64Histogram, error) {
	return meter.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(description),
		metric.WithExplicitBucketBoundaries(durationBuckets...))
}

// HTTPConfig sets up [HTTP].
type HTTPConfig struct {
	// Telemetry receives spans and metrics.
	Telemetry *Telemetry
	// Clock measures; nil means the system's.
	Clock clock.Clock
	// TrustParent continues the trace that a caller names in traceparent. Set it only
	// behind a proxy of one's own: it lets the caller decide what is recorded. Otherwise a
	// new trace is started that links to the caller's.
	TrustParent bool
}

// HTTP returns the middleware of an HTTP front: a span for each request, named after the
// route that took it and never after the path; its id in [RequestIDHeader]; and duration
// by method, route and status. The route is the pattern of [http.ServeMux], or what an
// inner router passed to [SetRoute]. It fails when the instruments cannot be made.
func HTTP(cfg HTTPConfig) (func(http.Handler) http.Handler, error) {
	durations, err := DurationHistogram(cfg.Telemetry.Meter(), "http.server.request.duration", "Duration of HTTP requests.")
	if err != nil {
		return nil, fmt.Errorf("HTTP metrics: %w", err)
	}
	active, err := cfg.Telemetry.Meter().Int64UpDownCounter("http.server.active_requests",
		metric.WithDescription("HTTP requests being served."))
	if err != nil {
		return nil, fmt.Errorf("HTTP metrics: %w", err)
	}
	m := &httpMiddleware{
		tracer: cfg.Telemetry.Tracer(), durations: durations, active: active, clock: cfg.Clock, trust: cfg.TrustParent,
	}
	if m.clock == nil {
		m.clock = clock.System
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { m.serve(next, w, r) })
	}, nil
}

// httpMiddleware is the state of [HTTP].
type httpMiddleware struct {
	tracer    trace.Tracer
	durations metric.Float64Histogram
	active    metric.Int64UpDownCounter
	clock     clock.Clock
	trust     bool
}

// routeKey is the context key of the holder that SetRoute writes to.
type routeKey struct{}

// SetRoute tells the middleware which route took the request, as a pattern such as
// "/v1/patients/{patient_id}". Routers inside call it; without a middleware it does nothing.
func SetRoute(ctx context.Context, pattern string) {
	if holder, ok := ctx.Value(routeKey{}).(*atomic.Pointer[string]); ok {
		holder.Store(&pattern)
	}
}

// serve handles one request.
func (m *httpMiddleware) serve(next http.Handler, w http.ResponseWriter, r *http.Request) {
	start := m.clock.Now()
	method := knownMethod(r.Method)
	ctx, span := m.start(r, method)
	var route atomic.Pointer[string]
	ctx = context.WithValue(ctx, routeKey{}, &route)
	if id := TraceID(ctx); id != "" {
		w.Header().Set(RequestIDHeader, id)
	}
	recorder := &statusRecorder{ResponseWriter: w}
	r = r.WithContext(ctx)
	m.active.Add(ctx, 1)
	defer func() {
		m.active.Add(ctx, -1)
		pattern := routeOf(&route, r)
		status := recorder.code()
		if failure := recover(); failure != nil {
			status = http.StatusInternalServerError
			defer panic(failure)
		}
		span.SetName(method + " " + pattern)
		span.SetAttributes(attribute.String("http.request.method", method),
			attribute.String("http.route", pattern), attribute.Int("http.response.status_code", status))
		if status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, http.StatusText(status))
		}
		span.End()
		m.durations.Record(ctx, m.clock.Now().Sub(start).Seconds(), metric.WithAttributes(
			attribute.String("http.request.method", method), attribute.String("http.route", pattern),
			attribute.Int("http.response.status_code", status)))
	}()
	next.ServeHTTP(recorder, r)
}

// start begins the request's span.
func (m *httpMiddleware) start(r *http.Request, method string) (context.Context, trace.Span) {
	remote := trace.SpanContextFromContext(
		Propagator.Extract(context.Background(), propagation.HeaderCarrier(r.Header)))
	kind := trace.WithSpanKind(trace.SpanKindServer)
	if m.trust {
		return StartRemote(r.Context(), m.tracer, remote, method, kind)
	}
	opts := []trace.SpanStartOption{kind}
	if remote.IsValid() {
		opts = append(opts, trace.WithLinks(trace.Link{SpanContext: remote}))
	}
	return m.tracer.Start(r.Context(), method, opts...)
}

// routeOf returns the pattern that took the request.
func routeOf(set *atomic.Pointer[string], r *http.Request) string {
	if pattern := set.Load(); pattern != nil {
		return *pattern
	}
	if r.Pattern != "" {
		return r.Pattern[strings.IndexByte(r.Pattern, ' ')+1:] // without the method
	}
	return unmatched
}

// knownMethod bounds the label: callers may send any word as a method.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut,
		http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	default:
		return "_OTHER"
	}
}

// statusRecorder remembers the status of an answer.
type statusRecorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements [http.ResponseWriter].
func (r *statusRecorder) WriteHeader(status int) {
	if r.status == 0 || r.status < http.StatusOK {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Flush implements [http.Flusher], which streamed answers look for.
func (r *statusRecorder) Flush() {
	if err := http.NewResponseController(r.ResponseWriter).Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return // the connection is gone; the next write says so
	}
}

// Unwrap lets [http.ResponseController] reach the connection.
func (r *statusRecorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// code is the status that was sent.
func (r *statusRecorder) code() int {
	if r.status == 0 {
		return http.StatusOK
	}
	return r.status
}
