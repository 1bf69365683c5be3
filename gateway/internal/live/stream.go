package live

import (
	"context"
	"net/http"
	"time"

	"github.com/upright-clinic/upright/gateway/internal/exchange"
	"github.com/upright-clinic/upright/gateway/internal/problem"
	"github.com/upright-clinic/upright/gateway/internal/session"
	"github.com/upright-clinic/upright/services/platform/clock"
	"github.com/upright-clinic/upright/services/platform/fault"
)

const (
	maxReaders    = 2000
	maxPerAccount = 20
	// heartbeat keeps proxies from closing a quiet connection, finds readers that are gone
	// and sessions that have ended.
	heartbeat = 15 * time.Second
	// writePatience is how long a reader may take to accept one write.
	writePatience = 10 * time.Second
	// retryMillis is when a browser comes back after a connection broke.
	retryMillis = "2000"
)

// Stream answers GET /v1/events:watch with server-sent events.
type Stream struct {
	// Hub has the events.
	Hub *Hub
	// Check asks whether the session of a token is still good, in the background: an open
	// screen does not keep its session alive.
	Check func(ctx context.Context, token string) (*session.Session, error)
	// Fail writes the answer to a request that is not let in.
	Fail func(w http.ResponseWriter, r *http.Request, f *fault.Error)
	// Heartbeat is the time between signs of life; 0 means 15 seconds.
	Heartbeat time.Duration
}

// ServeHTTP streams the events of the caller's clinic until the client leaves, cannot keep
// up, or is signed out. After a break the browser names the last event it has, and gets
// what it missed, or is told to load everything again.
func (s *Stream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := exchange.From(r.Context())
	if x.Session == nil {
		s.Fail(w, r, session.SignedOut())
		return
	}
	if r.Method == http.MethodHead {
		w.WriteHeader(http.StatusOK)
		return
	}
	p := x.Session.Principal
	reader, missed, err := s.Hub.join(p.ClinicID, p.Subject, r.Header.Get("Last-Event-ID"))
	if err != nil {
		s.Fail(w, r, problem.RateLimited(writePatience))
		return
	}
	defer s.Hub.leave(reader)
	out := &writer{w: w, rc: http.NewResponseController(w)}
	out.begin()
	for _, f := range missed {
		out.frame(f)
	}
	s.run(r.Context(), out, reader, x.Token, p.ClinicID)
}

// run sends events until something ends the stream.
func (s *Stream) run(ctx context.Context, out *writer, reader *reader, token, clinic string) {
	every := s.Heartbeat
	if every == 0 {
		every = heartbeat
	}
	beat := time.NewTicker(every)
	defer beat.Stop()
	for out.err == nil {
		if len(reader.frames) == 0 {
			out.flush()
		}
		select {
		case f := <-reader.frames:
			out.frame(f)
		case <-beat.C:
			still, err := s.Check(ctx, token)
			if fault.IsKind(err, fault.Unauthenticated) || (err == nil && (still.Principal.ClinicID != clinic || !still.Principal.IsStaff())) {
				return
			}
			out.comment()
		case <-reader.gone:
			return
		case <-ctx.Done():
			return
		}
	}
}

// writer writes server-sent events and remembers the first failure.
type writer struct {
	w   http.ResponseWriter
	rc  *http.ResponseController
	err error
}

// begin sends the headers. The server's timeouts are for requests that end; here each
// write has its own.
func (o *writer) begin() {
	h := o.w.Header()
	h["Content-Type"] = []string{"text/event-stream"}
	h["X-Accel-Buffering"] = []string{"no"} // nginx must not hold events back
	if err := o.rc.SetReadDeadline(time.Time{}); err != nil {
		o.err = err
	}
	o.write([]byte("retry: " + retryMillis + "\n\n"))
	o.flush()
}

// frame sends one event.
func (o *writer) frame(f frame) {
	line := make([]byte, 0, len(f.id)+len(f.data)+16)
	if f.id != "" {
		line = append(append(append(line, "id: "...), f.id...), '\n')
	}
	line = append(append(append(line, "data: "...), f.data...), "\n\n"...)
	o.write(line)
}

// comment sends a sign of life.
func (o *writer) comment() {
	o.write([]byte(": still here\n\n"))
	o.flush()
}

func (o *writer) write(b []byte) {
	if o.err == nil {
		o.err = o.rc.SetWriteDeadline(clock.System.Now().Add(writePatience))
	}
	if o.err == nil {
		_, o.err = o.w.Write(b)
	}
}

func (o *writer) flush() {
	if o.err == nil {
		o.err = o.rc.Flush()
	}
}
