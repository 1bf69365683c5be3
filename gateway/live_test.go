package gateway_test

import (
	"bufio"
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/upright-clinic/upright/gateway"
	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	eventsv1 "github.com/upright-clinic/upright/proto/gen/go/upright/events/v1"
)

// patience is how long a test waits for something that comes by itself.
const patience = time.Minute

// happen adds an event of a clinic to booking's log.
func (b *booking) happen(t *testing.T, clinic string) string {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	payload, err := proto.Marshal(&bookingv1.AppointmentBooked{Appointment: &bookingv1.AppointmentFact{ClinicId: clinic, AppointmentId: "apt_9", PatientId: "pat_1"}})
	if err != nil {
		t.Fatal(err)
	}
	n := len(b.events) + 1
	id := "evt_" + strconv.Itoa(n)
	b.events = append(b.events, &eventsv1.Event{
		EventId: id, PubSeq: int64(n), Type: "upright.booking.v1.AppointmentBooked", AggregateType: "appointment", AggregateId: "apt_9",
		AggregateVersion: 1, Payload: payload, RecordTime: timestamppb.New(noon),
	})
	return id
}

// stream is an open screen.
type stream struct {
	t     *testing.T
	lines chan string
	stop  context.CancelFunc
}

// watch opens a stream.
func (w *world) watch(t *testing.T, token string, headers ...string) (*stream, int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, "GET", w.url+"/v1/events:watch", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	s := &stream{t: t, lines: make(chan string, 10_000), stop: cancel}
	go func() {
		defer close(s.lines)
		defer res.Body.Close()
		for in := bufio.NewScanner(res.Body); in.Scan(); {
			s.lines <- in.Text()
		}
	}()
	return s, res.StatusCode
}

// until reads lines until one begins as wanted, and returns it.
func (s *stream) until(prefix string) string {
	s.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case line, ok := <-s.lines:
			if !ok {
				s.t.Fatalf("the stream ended before %q", prefix)
			}
			if strings.HasPrefix(line, prefix) {
				return line
			}
		case <-timeout:
			s.t.Fatalf("%q does not come", prefix)
		}
	}
}

// ends waits for the end of the stream.
func (s *stream) ends() {
	s.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case _, ok := <-s.lines:
			if !ok {
				return
			}
		case <-timeout:
			s.t.Fatal("the stream does not end")
		}
	}
}

func TestEventsReachTheScreensOfTheirClinic(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, status := w.watch(t, reception)
	if status != 200 {
		t.Fatal(status)
	}
	s.until(`data: {"type":"reset"}`) // from now on nothing is missed
	w.book.happen(t, "cln_2")
	id := w.book.happen(t, "cln_1")
	if got := s.until("id: "); got != "id: "+id {
		t.Errorf("%s, want %s: another clinic's event came", got, id)
	}
	data := s.until("data: ")
	want := `data: {"event_id":"` + id + `","type":"upright.booking.v1.AppointmentBooked","aggregate_type":"appointment","aggregate_id":"apt_9","aggregate_version":1,"time":"2026-11-24T18:00:00Z"}`
	if data != want {
		t.Errorf("%s\nwant %s", data, want)
	}
	s.until(": still here")
}

func TestScreenThatComesBackGetsWhatItMissed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, _ := w.watch(t, reception)
	first.until(`data: {"type":"reset"}`)
	seen := w.book.happen(t, "cln_1")
	first.until("id: " + seen)
	first.stop()
	other, _ := w.watch(t, clinician) // keeps the log being read
	missed := w.book.happen(t, "cln_1")
	other.until("id: " + missed)
	again, _ := w.watch(t, reception, "Last-Event-ID", seen)
	if got := again.until("id: "); got != "id: "+missed {
		t.Errorf("%s, want %s", got, missed)
	}
	lost, _ := w.watch(t, reception, "Last-Event-ID", "evt_from_long_ago")
	lost.until(`data: {"type":"reset"}`)
}

func TestScreenEndsWithItsSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, _ := w.watch(t, reception)
	s.until("retry: ")
	w.dir.end(reception)
	w.clock.Advance(2 * time.Second)
	s.ends()
	if w.dir.background == 0 {
		t.Error("the screen kept its session alive")
	}
}

func TestPatientsDoNotWatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, status := w.watch(t, patient); status != 403 {
		t.Errorf("%d", status)
	}
}

func TestScreensOfOneAccountAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, noLimits)
	refused := 0
	for range 22 {
		if _, status := w.watch(t, reception); status == 429 {
			refused++
		}
	}
	if refused != 2 {
		t.Errorf("%d of 22 were refused, want 2", refused)
	}
}

// TestStreamOutlivesTheServersTimeouts opens a stream on a server whose timeouts for
// requests are shorter than the test.
func TestStreamOutlivesTheServersTimeouts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *gateway.Config, _ *gateway.Kit) { c.Heartbeat = 250 * time.Millisecond })
	server := w.gw.Server()
	server.ReadTimeout, server.WriteTimeout = time.Second, time.Second
	w.listen(t, server)
	s, _ := w.watch(t, reception)
	for range 10 {
		s.until(": still here")
	}
	s.until(": still here")
}

func TestRestoredServiceMakesScreensLoadAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, _ := w.watch(t, reception)
	s.until(`data: {"type":"reset"}`)
	w.book.mu.Lock()
	w.book.epoch, w.book.events = "e2", nil
	w.book.mu.Unlock()
	s.until(`data: {"type":"reset"}`)
	id := w.book.happen(t, "cln_1")
	for {
		// The log may be found at its new end just after the event; then there is another reset.
		if line := s.until("data: "); strings.Contains(line, id) || strings.Contains(line, "reset") {
			return
		}
	}
}
