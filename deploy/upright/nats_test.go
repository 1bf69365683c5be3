package main

import (
	"errors"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
)

func TestBrokerRefusesToStartWithoutSync(t *testing.T) {
	t.Parallel()
	b, err := startBrokerWith(&server.Options{DontListen: true, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true})
	if !errors.Is(err, errNotDurable) {
		t.Fatalf("started without SyncAlways: %v", err)
	}
	if b != nil {
		t.Error("a refused broker must not be handed out")
	}
}

func TestBrokerStartsDurable(t *testing.T) {
	t.Parallel()
	b, err := startBroker(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer b.stop()
	conn, err := b.InProcessConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	if b.srv.Addr() != nil {
		t.Error("the embedded broker listens on", b.srv.Addr())
	}
}
