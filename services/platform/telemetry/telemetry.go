// Package telemetry gives logs, traces and metrics one identity: every log line of a
// request carries the id of its trace, from the HTTP request over gRPC and NATS to the
// last consumer.
//
// What goes into any of them is ids and codes. Names, contact details, answers and free
// text do not: [Sensitive] hides a value from every way of printing it, and [Scrub] takes
// values out of the text of errors that others made.
//
// With no exporter configured nothing is recorded, yet trace ids are still made and passed
// on, so that logs and events of one request can be found by one id.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"runtime/debug"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// scope names our instruments and spans among those of libraries.
const scope = "github.com/upright-clinic/upright/services/platform"

// Config says where telemetry goes. Its zero value logs JSON to standard error, counts for
// /metrics and records no spans.
type Config struct {
	// Service is the name under which everything is reported.
	Service string
	// OTLP is the collector for spans, over gRPC: "http://host:4317" or, with TLS,
	// "https://host:4317". Empty: none.
	OTLP string
	// TraceFile is a file that spans are appended to as JSON, "-" for standard error.
	// Empty: none.
	TraceFile string
	// Exporter receives each span as it ends; tests use the SDK's in-memory one.
	Exporter sdktrace.SpanExporter
	// SampleRatio is the share of traces that start here and are recorded, above 0 up to 1;
	// 0 means all of them. It has a meaning only when spans are exported.
	SampleRatio float64
	// LogFormat is "json" (also when empty) or "text".
	LogFormat string
	// LogLevel is the least level that is logged; nil means info.
	LogLevel slog.Leveler
	// LogWriter receives the log; nil means standard error.
	LogWriter io.Writer
}

// Telemetry is the running set of exporters. It is safe for concurrent use.
type Telemetry struct {
	traces   *sdktrace.TracerProvider
	metrics  *sdkmetric.MeterProvider
	registry *prometheus.Registry
	log      *slog.Logger
	closers  []io.Closer
}

// Setup starts telemetry for a program and makes it the process's default, which spans
// from [Start] and instruments of libraries use. It fails when an address or a file is no
// good; a collector that is merely down is no failure.
func Setup(ctx context.Context, cfg Config) (*Telemetry, error) {
	t, err := New(ctx, cfg)
	if err != nil {
		return nil, err
	}
	otel.SetTracerProvider(t.traces)
	otel.SetMeterProvider(t.metrics)
	otel.SetTextMapPropagator(Propagator)
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		t.log.Warn("telemetry failed", slog.String("error", Scrub(err.Error())))
	}))
	return t, nil
}

// Propagator passes trace context on as W3C traceparent. Baggage is left out on purpose:
// it is free text that would travel to every service and subject.
var Propagator propagation.TextMapPropagator = propagation.TraceContext{}

// New is [Setup] without touching the process's defaults, as parallel tests need it.
func New(ctx context.Context, cfg Config) (*Telemetry, error) {
	t := &Telemetry{registry: prometheus.NewRegistry()}
	handler, err := newHandler(cfg)
	if err != nil {
		return nil, err
	}
	t.log = slog.New(handler)
	res := resource.NewSchemaless(
		attribute.String("service.name", cfg.Service),
		attribute.String("service.version", version()),
	)
	if err := t.startTraces(ctx, cfg, res); err != nil {
		return nil, errors.Join(err, t.closeAll())
	}
	if err := t.startMetrics(res); err != nil {
		return nil, errors.Join(err, t.Shutdown(ctx))
	}
	return t, nil
}

// startTraces builds the tracer provider with the exporters asked for.
func (t *Telemetry) startTraces(ctx context.Context, cfg Config, res *resource.Resource) error {
	opts := []sdktrace.TracerProviderOption{sdktrace.WithResource(res)}
	sampler := sdktrace.NeverSample()
	if cfg.OTLP != "" || cfg.TraceFile != "" || cfg.Exporter != nil {
		sampler = sdktrace.AlwaysSample()
		if cfg.SampleRatio > 0 && cfg.SampleRatio < 1 {
			sampler = sdktrace.TraceIDRatioBased(cfg.SampleRatio)
		}
	}
	opts = append(opts, sdktrace.WithSampler(sdktrace.ParentBased(sampler)))
	if cfg.Exporter != nil {
		opts = append(opts, sdktrace.WithSyncer(cfg.Exporter))
	}
	if cfg.OTLP != "" {
		exporter, err := otlpExporter(ctx, cfg.OTLP)
		if err != nil {
			return err
		}
		opts = append(opts, sdktrace.WithBatcher(exporter))
	}
	if cfg.TraceFile != "" {
		exporter, err := t.fileExporter(cfg.TraceFile)
		if err != nil {
			return err
		}
		opts = append(opts, sdktrace.WithBatcher(exporter))
	}
	t.traces = sdktrace.NewTracerProvider(opts...)
	return nil
}

// otlpExporter connects, lazily, to a collector.
func otlpExporter(ctx context.Context, address string) (sdktrace.SpanExporter, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("OTLP address %q: want http://host:port or https://host:port", address)
	}
	opts := []otlptracegrpc.Option{otlptracegrpc.WithEndpoint(u.Host)}
	if u.Scheme == "http" {
		opts = append(opts, otlptracegrpc.WithInsecure())
	}
	exporter, err := otlptracegrpc.New(ctx, opts...)
	if err != nil {
		return nil, fmt.Errorf("OTLP exporter: %w", err)
	}
	return exporter, nil
}

// fileExporter appends spans to a file.
func (t *Telemetry) fileExporter(path string) (sdktrace.SpanExporter, error) {
	if path == "-" {
		return stdouttrace.New(stdouttrace.WithWriter(os.Stderr))
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("trace file: %w", err)
	}
	t.closers = append(t.closers, f)
	return stdouttrace.New(stdouttrace.WithWriter(f))
}

// startMetrics builds the meter provider, which feeds the Prometheus registry.
func (t *Telemetry) startMetrics(res *resource.Resource) error {
	exporter, err := otelprometheus.New(
		otelprometheus.WithRegisterer(t.registry), otelprometheus.WithoutScopeInfo())
	if err != nil {
		return fmt.Errorf("metrics exporter: %w", err)
	}
	t.metrics = sdkmetric.NewMeterProvider(
		sdkmetric.WithResource(res), sdkmetric.WithReader(exporter), sdkmetric.WithCardinalityLimit(maxSeries))
	for _, c := range []prometheus.Collector{
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		if err := t.registry.Register(c); err != nil {
			return fmt.Errorf("metrics: %w", err)
		}
	}
	return nil
}

// maxSeries bounds the label combinations of one instrument. What is above it is counted
// together, so that no caller can make metrics grow.
const maxSeries = 2000

// version is the version of the main module, or "devel".
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "devel"
	}
	return strings.Trim(info.Main.Version, "()")
}

// Log returns the logger. Its lines carry trace_id and span_id of the context they are
// logged with.
func (t *Telemetry) Log() *slog.Logger { return t.log }

// Tracer makes spans.
func (t *Telemetry) Tracer() trace.Tracer { return t.traces.Tracer(scope) }

// Meter makes instruments. Their labels must come from a list that the program knows, such
// as method names and codes; ids are for logs and traces.
func (t *Telemetry) Meter() metric.Meter { return t.metrics.Meter(scope) }

// Registry takes collectors that speak Prometheus already.
func (t *Telemetry) Registry() *prometheus.Registry { return t.registry }

// MetricsHandler serves /metrics.
func (t *Telemetry) MetricsHandler() http.Handler {
	return promhttp.HandlerFor(t.registry, promhttp.HandlerOpts{Registry: t.registry, MaxRequestsInFlight: 4})
}

// Shutdown sends what is still buffered and stops. It fails when the context ends before
// the collector took everything; spans that were not taken are lost.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	var errs []error
	if t.traces != nil {
		errs = append(errs, t.traces.Shutdown(ctx))
	}
	if t.metrics != nil {
		errs = append(errs, t.metrics.Shutdown(ctx))
	}
	errs = append(errs, t.closeAll())
	return errors.Join(errs...)
}

// closeAll closes the files that spans go to.
func (t *Telemetry) closeAll() error {
	var errs []error
	for _, c := range t.closers {
		errs = append(errs, c.Close())
	}
	t.closers = nil
	return errors.Join(errs...)
}
