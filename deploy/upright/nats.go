package main

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// brokerStart is how long the embedded server may take before the program gives up on it.
const brokerStart = 10 * time.Second

// broker is the NATS server inside the program. It has no TCP port: nothing outside the
// process can reach it.
type broker struct{ srv *server.Server }

// errNotDurable stops the program: without a sync before each acknowledgement JetStream
// loses what it acknowledged when the power goes.
var errNotDurable = errors.New("the embedded NATS server does not sync before it acknowledges")

// startBroker starts JetStream with its store below dir. Every acknowledged message is
// synced to disk first.
func startBroker(dir string) (*broker, error) {
	return startBrokerWith(&server.Options{
		ServerName:         "upright",
		DontListen:         true,
		JetStream:          true,
		StoreDir:           filepath.Join(dir, "nats"),
		SyncAlways:         true,
		JetStreamMaxStore:  4 << 30,
		JetStreamMaxMemory: 64 << 20,
		MaxPayload:         256 << 10,
		NoSigs:             true,
		NoLog:              true,
	})
}

func startBrokerWith(opts *server.Options) (*broker, error) {
	srv, err := server.NewServer(opts)
	if err != nil {
		return nil, fmt.Errorf("start the embedded NATS server: %w", err)
	}
	go srv.Start()
	b := &broker{srv}
	if !srv.ReadyForConnections(brokerStart) {
		b.stop()
		return nil, errors.New("the embedded NATS server was not ready in time")
	}
	info, err := srv.Jsz(nil)
	if err != nil {
		b.stop()
		return nil, fmt.Errorf("ask the embedded NATS server for its configuration: %w", err)
	}
	if !info.Config.SyncAlways {
		b.stop()
		return nil, errNotDurable
	}
	return b, nil
}

// InProcessConn gives a client connection that never leaves the process.
func (b *broker) InProcessConn() (net.Conn, error) { return b.srv.InProcessConn() }

func (b *broker) stop() {
	b.srv.Shutdown()
	b.srv.WaitForShutdown()
}
