package eventlog

import (
	"context"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// counters is what a consumer shows of itself.
type counters struct {
	pos, head, parked, ignored atomic.Int64
}

// Stats is how a consumer stands.
type Stats struct {
	// Position of the cursor, and the producer's Head when last heard of.
	Position, Head int64
	// Parked events of this consumer and producer. Anything above 0 needs an operator.
	Parked int64
	// Ignored events since the start: those of types without a handler.
	Ignored int64
}

// Stats returns how the consumer stands; all zero in a process that stands by.
func (c *Consumer) Stats() Stats {
	return Stats{
		Position: c.stats.pos.Load(), Head: max(c.stats.head.Load(), c.stats.pos.Load()),
		Parked: c.stats.parked.Load(), Ignored: c.stats.ignored.Load(),
	}
}

// instruments are made at first use, when telemetry is set up.
var instruments = sync.OnceValue(func() (i struct {
	published, consumed metric.Int64Counter
	delay               metric.Float64Histogram
	parked, lag         metric.Int64ObservableGauge
},
) {
	m := otel.Meter("github.com/upright-clinic/upright/services/platform/eventlog")
	var errs [5]error
	i.published, errs[0] = m.Int64Counter("upright.events.published",
		metric.WithDescription("Events confirmed by the broker."))
	i.consumed, errs[1] = m.Int64Counter("upright.events.consumed",
		metric.WithDescription("Events that a cursor moved over, by outcome."))
	i.delay, errs[2] = m.Float64Histogram("upright.events.delay", metric.WithUnit("s"),
		metric.WithDescription("Time from an event's commit to its effect."),
		metric.WithExplicitBucketBoundaries(.005, .01, .025, .05, .1, .25, .5, 1, 5, 30, 120))
	i.parked, errs[3] = m.Int64ObservableGauge("upright.events.parked",
		metric.WithDescription("Events that could not be applied, or wait behind one. Alarm above 0."))
	i.lag, errs[4] = m.Int64ObservableGauge("upright.events.lag",
		metric.WithDescription("Events between a cursor and the producer's head."))
	for _, err := range errs {
		if err != nil {
			otel.Handle(err)
		}
	}
	return i
})

func (c *Consumer) attributes(more ...attribute.KeyValue) metric.MeasurementOption {
	return metric.WithAttributes(append(more,
		attribute.String("consumer", c.cfg.Name), attribute.String("producer", c.cfg.Producer))...)
}

// count tells of a committed batch.
func (c *Consumer) count(ctx context.Context, jobs []job, ignored, parked int64) {
	i := instruments()
	for outcome, n := range map[string]int64{
		"applied": int64(len(jobs)) - ignored - parked, "ignored": ignored, "parked": parked,
	} {
		if n > 0 {
			i.consumed.Add(ctx, n, c.attributes(attribute.String("outcome", outcome)))
		}
	}
	c.stats.ignored.Add(ignored)
	i.delay.Record(ctx, c.cfg.Clock.Now().Sub(jobs[0].env.RecordTime).Seconds(), c.attributes())
}

// observe shows the gauges until the returned function is called.
func (c *Consumer) observe() func() {
	i, attributes := instruments(), c.attributes()
	reg, err := otel.Meter("github.com/upright-clinic/upright/services/platform/eventlog").RegisterCallback(
		func(_ context.Context, o metric.Observer) error {
			s := c.Stats()
			o.ObserveInt64(i.parked, s.Parked, attributes)
			o.ObserveInt64(i.lag, s.Head-s.Position, attributes)
			return nil
		}, i.parked, i.lag)
	if err != nil {
		otel.Handle(err)
		return func() {}
	}
	return func() {
		if err := reg.Unregister(); err != nil {
			otel.Handle(err)
		}
	}
}
