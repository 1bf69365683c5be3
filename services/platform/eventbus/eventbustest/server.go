// Package eventbustest runs a real NATS server inside a test: JetStream on files,
// synced at every write as in production, in a folder that goes away with the test.
package eventbustest

import (
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/upright-clinic/upright/services/platform/eventbus"
)

const readyTimeout = 10 * time.Second

// Server is a NATS server that a test may stop, start again and rob of its store.
type Server struct {
	t    testing.TB
	opts server.Options

	mu  sync.Mutex
	now *server.Server // nil while stopped
}

// Start runs a server and returns a connection to it; both end with the test.
func Start(t testing.TB) *eventbus.Bus {
	t.Helper()
	return StartServer(t).Bus()
}

// StartServer runs a server that is reachable in this process only.
func StartServer(t testing.TB) *Server {
	t.Helper()
	return start(t, server.Options{DontListen: true})
}

// StartListening runs a server that other processes on this machine reach by its URL,
// which stays the same over restarts.
func StartListening(t testing.TB) *Server {
	t.Helper()
	return start(t, server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT})
}

func start(t testing.TB, opts server.Options) *Server {
	t.Helper()
	opts.ServerName = "test"
	opts.JetStream = true
	opts.StoreDir = t.TempDir()
	opts.SyncAlways = true
	opts.NoSigs = true
	opts.NoLog = true
	s := &Server{t: t, opts: opts}
	s.Restart()
	t.Cleanup(s.Stop)
	return s
}

// Bus returns a new connection, closed with the test. It survives Stop and Restart.
func (s *Server) Bus() *eventbus.Bus {
	s.t.Helper()
	b, err := eventbus.Connect(s.t.Context(), eventbus.Config{
		InProcess: s, Name: s.t.Name(), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		s.t.Fatalf("connect to the test server: %v", err)
	}
	s.t.Cleanup(b.Close)
	return b
}

// InProcessConn makes Server usable as eventbus.Config.InProcess across restarts. It
// fails while the server is stopped.
func (s *Server) InProcessConn() (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now == nil {
		return nil, errors.New("the test server is stopped")
	}
	return s.now.InProcessConn()
}

// URL is the server's address; only after StartListening.
func (s *Server) URL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now.ClientURL()
}

// Stop ends the server; what it acknowledged is on disk.
func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now == nil {
		return
	}
	s.now.Shutdown()
	s.now.WaitForShutdown()
	s.now = nil
}

// Restart starts the server, stopping it first when it runs.
func (s *Server) Restart() {
	s.t.Helper()
	s.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	opts := s.opts // NewServer changes them
	srv, err := server.NewServer(&opts)
	if err != nil {
		s.t.Fatalf("make the test server: %v", err)
	}
	go srv.Start()
	if !srv.ReadyForConnections(readyTimeout) {
		s.t.Fatal("the test server does not get ready")
	}
	if addr, ok := srv.Addr().(*net.TCPAddr); ok && !s.opts.DontListen {
		s.opts.Port = addr.Port
	}
	s.now = srv
}

// HasStream says whether the producer's stream is there.
func (s *Server) HasStream(producer string) bool {
	s.t.Helper()
	js, done := s.administrator()
	defer done()
	_, err := js.Stream(s.t.Context(), eventbus.StreamName(producer))
	return err == nil
}

// DeleteStream removes a producer's stream and all its messages behind everybody's back.
func (s *Server) DeleteStream(producer string) {
	s.t.Helper()
	js, done := s.administrator()
	defer done()
	if err := js.DeleteStream(s.t.Context(), eventbus.StreamName(producer)); err != nil {
		s.t.Fatalf("delete the stream of %s: %v", producer, err)
	}
}

func (s *Server) administrator() (jetstream.JetStream, func()) {
	s.t.Helper()
	nc, err := nats.Connect("", nats.InProcessServer(s))
	if err != nil {
		s.t.Fatalf("connect to the test server: %v", err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		s.t.Fatalf("use JetStream of the test server: %v", err)
	}
	return js, nc.Close
}

// DeleteStore stops the server and removes everything it stored: streams, messages,
// consumers. Restart brings back an empty server.
func (s *Server) DeleteStore() {
	s.t.Helper()
	s.Stop()
	if err := os.RemoveAll(filepath.Join(s.opts.StoreDir, "jetstream")); err != nil {
		s.t.Fatalf("delete the broker's store: %v", err)
	}
}
