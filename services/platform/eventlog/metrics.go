package eventlog

import (
	"context"
	"sync/atomic"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// scope names our instruments among those of libraries.
const scope = "github.com/upright-clinic/upright/services/platform/eventlog"

// Stats is how a consumer stands.
type Stats struct {
	// Position of the cursor, and the producer's Head when last heard of.
	Position, Head int64
	// Parked events of this consumer and producer. Anything above 0 needs an operator.
	Parked int64
	// Ignored events since the start: those of types without a handler.
	Ignored int64
}

// Stats returns how the consumer stands; all zero in a process that only stands by.
func (c *Consumer) Stats() Stats {
	m := &c.meters
	return Stats{
		Position: m.pos.Load(), Head: max(m.head.Load(), m.pos.Load()), Parked: m.parked.Load(), Ignored: m.ignored.Load(),
	}
}

// meters is what a consumer tells of itself.
type meters struct {
	pos, head, parked, ignored atomic.Int64

	consumed metric.Int64Counter
	delay    metric.Float64Histogram
	self     metric.MeasurementOption
	outcomes map[string]metric.MeasurementOption
}

func (m *meters) start(cfg ConsumerConfig) {
	meter := otel.Meter(scope)
	var err error
	m.consumed, err = meter.Int64Counter("upright.events.consumed",
		metric.WithDescription("Events that a cursor moved over, by outcome."))
	report(err)
	m.delay, err = meter.Float64Histogram("upright.events.delay", metric.WithUnit("s"),
		metric.WithDescription("Time from an event's commit to its effect."),
		metric.WithExplicitBucketBoundaries(.005, .01, .025, .05, .1, .25, .5, 1, 5, 30, 120))
	report(err)
	self := []attribute.KeyValue{attribute.String("consumer", cfg.Name), attribute.String("producer", cfg.Producer)}
	m.self = metric.WithAttributeSet(attribute.NewSet(self...))
	m.outcomes = map[string]metric.MeasurementOption{}
	for _, outcome := range []string{"applied", "ignored", "parked"} {
		m.outcomes[outcome] = metric.WithAttributeSet(attribute.NewSet(append(self[:2:2], attribute.String("outcome", outcome))...))
	}
}

// count tells of a committed batch.
func (c *Consumer) count(ctx context.Context, first Envelope, applied, ignored, parked int64) {
	m := &c.meters
	for outcome, n := range map[string]int64{"applied": applied, "ignored": ignored, "parked": parked} {
		if n > 0 {
			m.consumed.Add(ctx, n, m.outcomes[outcome])
		}
	}
	m.pos.Store(c.cur.pos)
	m.ignored.Add(ignored)
	m.parked.Add(parked)
	m.delay.Record(ctx, c.cfg.Clock.Now().Sub(first.RecordTime).Seconds(), m.self)
}

// observe shows the gauges until the returned function is called.
func (c *Consumer) observe() func() {
	meter := otel.Meter(scope)
	parked, err := meter.Int64ObservableGauge("upright.events.parked",
		metric.WithDescription("Events that could not be applied, or wait behind one. Alarm above 0."))
	report(err)
	lag, err := meter.Int64ObservableGauge("upright.events.lag",
		metric.WithDescription("Events between a cursor and the producer's head."))
	report(err)
	shown, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		s := c.Stats()
		o.ObserveInt64(parked, s.Parked, c.meters.self)
		o.ObserveInt64(lag, s.Head-s.Position, c.meters.self)
		return nil
	}, parked, lag)
	if err != nil {
		report(err)
		return func() {}
	}
	return func() { report(shown.Unregister()) }
}

// report hands an error about an instrument to whoever watches telemetry; the events
// themselves do not depend on it.
func report(err error) {
	if err != nil {
		otel.Handle(err)
	}
}
