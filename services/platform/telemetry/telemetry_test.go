package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/upright-clinic/upright/services/platform/telemetry"
)

// start makes telemetry that ends with the test.
func start(t testing.TB, cfg telemetry.Config) *telemetry.Telemetry {
	t.Helper()
	tel, err := telemetry.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tel.Shutdown(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("shutdown: %v", err)
		}
	})
	return tel
}

func TestWithoutExporterTracesHaveIDsAndNothingElse(t *testing.T) {
	t.Parallel()
	tel := start(t, telemetry.Config{})
	ctx, root := telemetry.StartWith(t.Context(), tel.Tracer(), "root")
	defer root.End()
	sc := trace.SpanContextFromContext(ctx)
	if !sc.IsValid() || sc.IsSampled() || root.IsRecording() {
		t.Fatalf("span context %+v, recording %t", sc, root.IsRecording())
	}
	if got := telemetry.TraceID(ctx); got != sc.TraceID().String() {
		t.Errorf("trace id %q", got)
	}
	_, child := telemetry.StartWith(ctx, tel.Tracer(), "child")
	defer child.End()
	if child.SpanContext().TraceID() != sc.TraceID() {
		t.Error("a child is in another trace")
	}
	if child.SpanContext().SpanID() != sc.SpanID() {
		t.Error("an id was made for a span that nobody records")
	}
	if telemetry.TraceID(t.Context()) != "" {
		t.Error("a trace id without a trace")
	}
}

func TestSpansReachTheExporter(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewInMemoryExporter()
	file := filepath.Join(t.TempDir(), "spans.json")
	tel, err := telemetry.New(t.Context(), telemetry.Config{Service: "plans", Exporter: spans, TraceFile: file})
	if err != nil {
		t.Fatal(err)
	}
	ctx, root := telemetry.StartWith(t.Context(), tel.Tracer(), "root")
	_, child := telemetry.Start(ctx, "child")
	child.End()
	root.End()
	names := map[string]string{}
	for _, span := range spans.GetSpans() {
		names[span.Name] = span.Parent.SpanID().String()
	}
	none := trace.SpanID{}.String()
	if diff := cmp.Diff(map[string]string{"root": none, "child": root.SpanContext().SpanID().String()}, names); diff != "" {
		t.Errorf("spans and their parents (-want +got):\n%s", diff)
	}
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), `"child"`) || !strings.Contains(string(text), `"plans"`) {
		t.Errorf("the trace file holds:\n%s", text)
	}
}

func TestSamplingFollowsTheParent(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewInMemoryExporter()
	tel := start(t, telemetry.Config{Exporter: spans, SampleRatio: 1e-9})
	_, root := telemetry.StartWith(t.Context(), tel.Tracer(), "rare")
	root.End()
	flags := map[string]trace.TraceFlags{"recorded": trace.FlagsSampled, "not recorded": 0}
	for name, flag := range flags {
		parent := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: flag})
		ctx, span := telemetry.StartRemote(t.Context(), tel.Tracer(), parent, name)
		if got := trace.SpanContextFromContext(ctx).TraceID(); got != parent.TraceID() {
			t.Errorf("%s: in trace %s", name, got)
		}
		span.End()
	}
	var got []string
	for _, span := range spans.GetSpans() {
		got = append(got, span.Name)
	}
	if diff := cmp.Diff([]string{"recorded"}, got); diff != "" {
		t.Errorf("recorded (-want +got):\n%s", diff)
	}
}

func TestLogLinesCarryTheTrace(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	tel := start(t, telemetry.Config{Service: "plans", LogWriter: &out})
	ctx, span := telemetry.StartWith(t.Context(), tel.Tracer(), "root")
	defer span.End()
	loggers := map[string]*slog.Logger{
		"plain":               tel.Log(),
		"with attributes":     tel.Log().With(slog.String("k", "v")),
		"in a group":          tel.Log().WithGroup("g").With(slog.String("k", "v")),
		"in a group, later":   tel.Log().With(slog.String("k", "v")).WithGroup("g"),
		"in an unnamed group": tel.Log().WithGroup(""),
	}
	for name, log := range loggers {
		out.Reset()
		log.InfoContext(ctx, "message", slog.Int("n", 1))
		var line map[string]any
		if err := json.Unmarshal(out.Bytes(), &line); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if line["trace_id"] != telemetry.TraceID(ctx) || line["span_id"] != span.SpanContext().SpanID().String() || line["service"] != "plans" {
			t.Errorf("%s: %s", name, out.String())
		}
		if strings.Count(out.String(), "trace_id") != 1 {
			t.Errorf("%s: the id is there more than once: %s", name, out.String())
		}
		out.Reset()
		log.InfoContext(t.Context(), "outside")
		if strings.Contains(out.String(), "trace_id") {
			t.Errorf("%s: a trace id without a trace: %s", name, out.String())
		}
	}
	out.Reset()
	tel.Log().DebugContext(ctx, "quiet")
	if out.Len() != 0 {
		t.Errorf("debug is logged by default: %s", out.String())
	}
}

func TestMetricsEndpoint(t *testing.T) {
	t.Parallel()
	tel := start(t, telemetry.Config{Service: "plans"})
	histogram, err := telemetry.DurationHistogram(tel.Meter(), "rpc.server.call.duration", "Calls.")
	if err != nil {
		t.Fatal(err)
	}
	histogram.Record(t.Context(), 0.003, metric.WithAttributes(attribute.String("rpc.method", "a.B/C")))
	counter, err := tel.Meter().Int64Counter("flood")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5000 { // a label that should never have held an id
		counter.Add(t.Context(), 1, metric.WithAttributes(attribute.String("id", fmt.Sprint(i))))
	}
	answer := httptest.NewRecorder()
	tel.MetricsHandler().ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	body := answer.Body.String()
	for _, want := range []string{
		`rpc_server_call_duration_seconds_bucket{rpc_method="a.B/C",le="0.005"} 1`, "go_goroutines", "process_resident_memory_bytes",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
	if n := strings.Count(body, "\nflood_total{"); n > 2000 {
		t.Errorf("one instrument has %d series", n)
	}
}

func TestConfigurationThatIsNoGood(t *testing.T) {
	t.Parallel()
	tests := map[string]telemetry.Config{
		"OTLP without scheme": {OTLP: "collector:4317"},
		"OTLP by another":     {OTLP: "ftp://collector:4317"},
		"log format":          {LogFormat: "xml"},
		"trace file":          {TraceFile: filepath.Join(t.TempDir(), "missing", "spans.json")},
	}
	for name, cfg := range tests {
		if _, err := telemetry.New(t.Context(), cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	start(t, telemetry.Config{OTLP: "http://127.0.0.1:1"}) // a collector that is down is no failure
}

func BenchmarkStartWithoutExporter(b *testing.B) {
	tel := start(b, telemetry.Config{})
	ctx, root := telemetry.StartWith(b.Context(), tel.Tracer(), "root")
	defer root.End()
	b.ReportAllocs()
	for b.Loop() {
		_, span := telemetry.Start(ctx, "step")
		span.End()
	}
}
