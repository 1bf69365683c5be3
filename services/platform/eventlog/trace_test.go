package eventlog_test

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	eventsv1 "github.com/upright-clinic/upright/proto/gen/go/upright/events/v1"
	"github.com/upright-clinic/upright/services/platform/eventbus"
	"github.com/upright-clinic/upright/services/platform/eventbus/eventbustest"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// The trace of a change reaches the handler of its event, through the log and the bus,
// and the meters tell what happened. Not parallel: it sets the process's telemetry.
func TestTelemetryReachesTheConsumer(t *testing.T) {
	spans, reader := tracetest.NewInMemoryExporter(), sdkmetric.NewManualReader()
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	oldTracers, oldMeters := otel.GetTracerProvider(), otel.GetMeterProvider()
	otel.SetTracerProvider(tracers)
	otel.SetMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
	t.Cleanup(func() { otel.SetTracerProvider(oldTracers); otel.SetMeterProvider(oldMeters) })

	for way, bus := range map[string]*eventbus.Bus{"bus": eventbustest.Start(t), "pull": nil} {
		t.Run(way, func(t *testing.T) {
			from, to := openDB(t, sqldb.SQLite), openDB(t, sqldb.SQLite)
			log := newLog(from, bus)
			running(t, log.Run)
			seen := make(chan trace.SpanContext, 1)
			c := consumerOf(to, serve(t, log), bus, func(cfg *eventlog.ConsumerConfig) {
				cfg.Handlers = []eventlog.Handler{eventlog.On(
					func(ctx context.Context, _ *sqldb.Tx, _ *eventsv1.ListEventsRequest, _ eventlog.Envelope) error {
						seen <- trace.SpanContextFromContext(ctx)
						return nil
					})}
			})
			running(t, c.Run)
			ctx, span := tracers.Tracer("test").Start(t.Context(), "POST /v1/appointments")
			if err := appendOne(ctx, from, "a", 1, &eventsv1.ListEventsRequest{After: 1}); err != nil {
				t.Fatal(err)
			}
			span.End()
			if got := <-seen; got.TraceID() != span.SpanContext().TraceID() {
				t.Errorf("the handler runs in trace %s, want %s", got.TraceID(), span.SpanContext().TraceID())
			}
			eventually(t, "span ended", func() bool {
				for _, s := range spans.GetSpans() {
					if s.Name == "consume upright.events.v1.ListEventsRequest" && s.Parent.SpanID() == span.SpanContext().SpanID() {
						return s.SpanKind == trace.SpanKindConsumer
					}
				}
				return false
			})
			var shown metricdata.ResourceMetrics
			if err := reader.Collect(t.Context(), &shown); err != nil {
				t.Fatal(err)
			}
			names := map[string]bool{}
			for _, scope := range shown.ScopeMetrics {
				for _, m := range scope.Metrics {
					names[m.Name] = true
				}
			}
			for _, want := range []string{"upright.events.consumed", "upright.events.delay", "upright.events.parked", "upright.events.lag"} {
				if !names[want] {
					t.Errorf("no metric %s among %v", want, names)
				}
			}
		})
	}
}
