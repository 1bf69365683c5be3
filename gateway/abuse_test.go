package gateway_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/upright-clinic/upright/gateway"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// endless is a body that does not say how long it is and does not end.
type endless struct{ sent atomic.Int64 }

func (e *endless) Read(b []byte) (int, error) {
	if e.sent.Add(int64(len(b))) > 64<<20 {
		return 0, errors.New("64 MiB were taken")
	}
	for i := range b {
		b[i] = ' '
	}
	return len(b), nil
}

func TestBodyWithoutLengthIsCutOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := &endless{}
	r, err := http.NewRequestWithContext(t.Context(), "POST", w.url+"/v1/appointments", body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+reception)
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != 413 || body.sent.Load() > 16<<20 {
		t.Errorf("%d after %d bytes", res.StatusCode, body.sent.Load())
	}
}

func TestAnnouncedBodyIsNotRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	conn := w.dial(t)
	send(t, conn, "POST /v1/appointments HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1073741824\r\n\r\n{")
	if got := status(t, conn); got != "413" {
		t.Errorf("a gigabyte announced: %s", got)
	}
}

func TestHeaderFloodIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	conn := w.dial(t)
	send(t, conn, "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Flood: "+strings.Repeat("a", 100<<10)+"\r\n\r\n")
	if got := status(t, conn); got != "431" {
		t.Errorf("100 KiB of headers: %s", got)
	}
}

// TestSlowClientsDoNotHoldOthersUp opens connections that say nothing, and sees others
// answered.
func TestSlowClientsDoNotHoldOthersUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, noLimits)
	for range 500 {
		conn := w.dial(t)
		send(t, conn, "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow:")
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", w.url+"/healthz", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != 200 {
		t.Errorf("%d", res.StatusCode)
	}
}

// TestOddPaths sends paths that no client library would.
func TestOddPaths(t *testing.T) {
	t.Parallel()
	w := newWorld(t, noLimits)
	w.spy.take()
	for _, path := range []string{
		"/v1//appointments", "//v1/appointments", "/v1/./appointments", "/v1/x/../appointments", "/v1%2fappointments", "/v1/appointments%2f", "/v1/appointments%5c",
		"/v1\\appointments", "/V1/appointments", "/v1/Appointments", "/v1/appointments/", "/v1/appointments%00", "/v1/appointments/%252e", "*", "v1/appointments",
		"http://evil.example/v1/appointments/x/y/z",
	} {
		conn := w.dial(t)
		send(t, conn, "GET "+path+" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+reception+"\r\nConnection: close\r\n\r\n")
		if got := status(t, conn); got != "404" && got != "400" {
			t.Errorf("%s: %s", path, got)
		}
	}
	for _, call := range w.spy.take() {
		if call != "ResolveSession" {
			t.Errorf("%s was called", call)
		}
	}
}

// dial opens a bare connection.
func (w *world) dial(t *testing.T) net.Conn {
	t.Helper()
	u, err := url.Parse(w.url)
	if err != nil {
		t.Fatal(err)
	}
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func send(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Logf("the server stopped listening: %v", err)
	}
}

// status reads the status of an answer.
func status(t *testing.T, conn net.Conn) string {
	t.Helper()
	head := make([]byte, 12)
	if _, err := io.ReadFull(conn, head); err != nil {
		t.Fatal(err)
	}
	return string(head[9:])
}

// shared is a log that many write to.
type shared struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *shared) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(b)
}

// TestLogsHoldNothingOfPatients makes everything fail that can, with what must not be
// logged in every place, and reads the log.
func TestLogsHoldNothingOfPatients(t *testing.T) {
	t.Parallel()
	log := &shared{}
	w := newWorld(t, noLimits, func(_ *gateway.Config, k *gateway.Kit) {
		k.Log = slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	w.book.refuse = fault.From(errors.New("database: row of Rivera, phone 604-555-0100"))
	b := w.browser(reception)
	b.post("/staff/book/done", url.Values{"patient": {"pat_1"}, "type": {"atype_physio"}, "slot": {"2026-11-25T17:00:00Z|prac_2"}, "note": {"Secretnote"}}).wants(t, 500, "something went wrong")
	b.post("/staff/patients", url.Values{"query": {"Rivera"}})
	w.do("POST", "/v1/appointments", reception, `{"patient_id":"Secretnote","x":1}`)
	w.do("POST", "/v1/appointments", reception, booked)
	w.do("POST", "/v1/sessions", "", `{"email":"Secretnote@example.org","password":"Secretnote"}`)
	w.do("GET", "/v1/appointments?colour=Secretnote", reception, "")
	text := log.buf.String()
	if !strings.Contains(text, `"route"`) {
		t.Errorf("nothing was logged: %s", text)
	}
	for _, secret := range []string{"Rivera", "Ca<b>nary", "Secretnote", "555-0100", "555 0100", reception, "1980-03-07"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is in the log: %s", secret, text)
		}
	}
}
