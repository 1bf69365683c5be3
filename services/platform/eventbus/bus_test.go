package eventbus_test

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/propagation"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/upright-clinic/upright/services/platform/eventbus"
	"github.com/upright-clinic/upright/services/platform/eventbus/eventbustest"
)

var _ propagation.TextMapCarrier = eventbus.Header(nil)

const patience = time.Minute

func TestSubjectIsTheTypeInSnakeCase(t *testing.T) {
	t.Parallel()
	for name, want := range map[protoreflect.FullName]string{
		"upright.booking.v1.AppointmentBooked":  "upright.booking.v1.appointment_booked",
		"upright.plans.v1.SessionsClaimed":      "upright.plans.v1.sessions_claimed",
		"upright.plans.v1.SOAPNoteSigned":       "upright.plans.v1.soap_note_signed",
		"upright.plans.v1.PROMScored":           "upright.plans.v1.prom_scored",
		"upright.plans.v1.T2Changed":            "upright.plans.v1.t2_changed",
		"upright.booking.v1.Booked":             "upright.booking.v1.booked",
		"upright.intake.v1.already_snake":       "upright.intake.v1.already_snake",
		"Bare":                                  "bare",
		"upright.directory.v1.PatientUnmerged2": "upright.directory.v1.patient_unmerged2",
	} {
		if got := eventbus.Subject(name); got != want {
			t.Errorf("Subject(%s) = %s, want %s", name, got, want)
		}
	}
}

func TestHeaderKeepsTheCaseOfKeys(t *testing.T) {
	t.Parallel()
	h := eventbus.Header{}
	h.Set("traceparent", "00-x")
	if h.Get("traceparent") != "00-x" || h.Get("Traceparent") != "" {
		t.Errorf("header changed its key's case: %v", h)
	}
	if diff := cmp.Diff([]string{"traceparent"}, h.Keys()); diff != "" {
		t.Error(diff)
	}
}

// messages makes n messages with ids first, first+1, …
func messages(first, n int) []eventbus.Message {
	ms := make([]eventbus.Message, n)
	for i := range ms {
		ms[i] = eventbus.Message{
			Subject: "upright.test.v1.thing_done", ID: fmt.Sprint("id-", first+i),
			Header: eventbus.Header{"traceparent": {"00-trace"}}, Data: []byte(strconv.Itoa(first + i)),
		}
	}
	return ms
}

func publish(t *testing.T, b *eventbus.Bus, ms ...eventbus.Message) {
	t.Helper()
	if n, err := b.Publish(t.Context(), ms...); err != nil || n != len(ms) {
		t.Fatalf("Publish = %d, %v; want %d", n, err, len(ms))
	}
}

// listen subscribes until the returned function is called.
func listen(t *testing.T, b *eventbus.Bus, durable string) (<-chan eventbus.Message, func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	got, done := make(chan eventbus.Message, 10_000), make(chan struct{})
	go func() {
		defer close(done)
		b.Subscribe(ctx, eventbus.Subscription{
			Producer: "test", Durable: durable, Deliver: func(m eventbus.Message) { got <- m },
		})
	}()
	t.Cleanup(func() { cancel(); <-done })
	return got, func() { cancel(); <-done }
}

// await reads n messages and returns their bodies.
func await(t *testing.T, got <-chan eventbus.Message, n int) []string {
	t.Helper()
	var bodies []string
	timeout := time.After(patience)
	for len(bodies) < n {
		select {
		case m := <-got:
			bodies = append(bodies, string(m.Data))
		case <-timeout:
			t.Fatalf("got %d of %d messages: %v", len(bodies), n, bodies)
		}
	}
	return bodies
}

// awaitSubscriber publishes marker messages until the subscription sees one, since a
// new subscription starts with new messages. It leaves the channel empty of markers.
func awaitSubscriber(t *testing.T, b *eventbus.Bus, got <-chan eventbus.Message, round int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		m := eventbus.Message{Subject: "upright.test.v1.marker", ID: fmt.Sprintf("marker-%d-%d", round, i)}
		if _, err := b.Publish(ctx, m); err != nil {
			if err := b.EnsureStream(ctx, "test"); err != nil && ctx.Err() != nil {
				t.Fatalf("the stream does not come back: %v", err)
			}
		}
		select {
		case m := <-got:
			if m.Subject != "upright.test.v1.marker" {
				t.Fatalf("unexpected %s", m.Subject)
			}
			drainMarkers(t, b, got, round)
			return
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("the subscription sees nothing")
		}
	}
}

func drainMarkers(t *testing.T, b *eventbus.Bus, got <-chan eventbus.Message, round int) {
	t.Helper()
	last := fmt.Sprint("last-marker-", round)
	publish(t, b, eventbus.Message{Subject: "upright.test.v1.marker", ID: last})
	for timeout := time.After(patience); ; {
		select {
		case m := <-got:
			if err := m.Ack(); err != nil {
				t.Fatal(err)
			}
			if m.ID == last {
				return
			}
		case <-timeout:
			t.Fatal("the last marker does not arrive")
		}
	}
}

func TestPublishKeepsOrderAndDropsRepetitions(t *testing.T) {
	t.Parallel()
	b := eventbustest.Start(t)
	got, _ := listen(t, b, "reader")
	awaitSubscriber(t, b, got, 0)
	var want []string
	for first, n := 0, 1; first < 700; first, n = first+n, n*3 {
		publish(t, b, messages(first, n)...) // 1, 3, 9: singly; 27, 81, 243, 729: as a batch
		for i := range n {
			want = append(want, strconv.Itoa(first+i))
		}
	}
	publish(t, b, messages(500, 100)...) // all known: nothing new
	publish(t, b, messages(len(want)-50, 60)...)
	for range 10 {
		want = append(want, strconv.Itoa(len(want)))
	}
	if diff := cmp.Diff(want, await(t, got, len(want))); diff != "" {
		t.Error(diff)
	}
}

func TestPublishSaysThatTheStreamIsMissing(t *testing.T) {
	t.Parallel()
	b := eventbustest.Start(t)
	for _, n := range []int{1, 40} {
		if got, err := b.Publish(t.Context(), messages(0, n)...); err == nil || got != 0 {
			t.Errorf("Publish of %d without a stream = %d, %v; want an error", n, got, err)
		}
	}
	if err := b.EnsureStream(t.Context(), "test"); err != nil {
		t.Fatal(err)
	}
	if err := b.EnsureStream(t.Context(), "test"); err != nil {
		t.Fatalf("again: %v", err)
	}
	publish(t, b, messages(0, 40)...)
}

func TestSubscriptionGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	b := eventbustest.Start(t)
	got, stop := listen(t, b, "reader")
	awaitSubscriber(t, b, got, 0)
	stop()
	publish(t, b, messages(0, 30)...)
	got, _ = listen(t, b, "reader")
	if bodies := await(t, got, 30); bodies[0] != "0" || bodies[29] != "29" {
		t.Errorf("got %v", bodies)
	}
}

func TestSubscriptionSurvivesRestartAndLossOfTheStore(t *testing.T) {
	t.Parallel()
	srv := eventbustest.StartServer(t)
	b := srv.Bus()
	got, _ := listen(t, b, "reader")
	awaitSubscriber(t, b, got, 0)
	for round, disaster := range []func(){
		srv.Restart,
		func() { srv.DeleteStore(); srv.Restart() },
		func() { srv.DeleteStream("test") },
	} {
		disaster()
		awaitSubscriber(t, b, got, round+1)
		publish(t, b, messages(100*round, 20)...)
		if bodies := await(t, got, 20); bodies[19] != strconv.Itoa(100*round+19) {
			t.Errorf("round %d: got %v", round, bodies)
		}
	}
}

func TestConnectDoesNotWaitForTheBroker(t *testing.T) {
	t.Parallel()
	srv := eventbustest.StartServer(t)
	srv.Stop()
	b := srv.Bus()
	if b.Connected() {
		t.Error("connected to a stopped server")
	}
	if n, err := b.Publish(t.Context(), messages(0, 1)...); err == nil || n != 0 {
		t.Errorf("Publish to a stopped server = %d, %v; want an error", n, err)
	}
	srv.Restart()
	got, _ := listen(t, b, "reader")
	awaitSubscriber(t, b, got, 0)
	if !b.Connected() {
		t.Error("not connected")
	}
}

func TestConnectRefusesUnusableConfiguration(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]eventbus.Config{
		"url":         {URL: "nats://[::1"},
		"authorities": {URL: "tls://127.0.0.1:1", RootCAs: "/does/not/exist.pem"},
	} {
		cfg.Log = slog.New(slog.DiscardHandler)
		if _, err := eventbus.Connect(t.Context(), cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestWatchShowsWhatHappensNow(t *testing.T) {
	t.Parallel()
	b := eventbustest.Start(t)
	got := make(chan eventbus.Message, 1000)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.Watch(ctx, "test", func(m eventbus.Message) { got <- m })
	}()
	t.Cleanup(func() { cancel(); <-done })
	awaitSubscriber(t, b, got, 0)
	publish(t, b, messages(0, 3)...)
	if diff := cmp.Diff([]string{"0", "1", "2"}, await(t, got, 3)); diff != "" {
		t.Error(diff)
	}
}
