package rpc_test

import (
	"context"
	"testing"

	"google.golang.org/grpc"

	eventsv1 "github.com/upright-clinic/upright/proto/gen/go/upright/events/v1"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/clock"
	"github.com/upright-clinic/upright/services/platform/rpc"
	"github.com/upright-clinic/upright/services/platform/telemetry"
)

// head is an event log that is always empty.
type head struct {
	eventsv1.UnimplementedEventLogServiceServer
}

// GetHead implements the event log.
func (head) GetHead(context.Context, *eventsv1.GetHeadRequest) (*eventsv1.GetHeadResponse, error) {
	return &eventsv1.GetHeadResponse{Epoch: "e1", PubSeq: 12, EventId: "evt_12"}, nil
}

// BenchmarkInProcess measures a whole call in one process with everything on: signing,
// verifying, access, deadline, validation, metrics, copies of both messages.
func BenchmarkInProcess(b *testing.B) {
	client, ctx := benchClient(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.GetHead(ctx, &eventsv1.GetHeadRequest{}); err != nil {
			b.Fatal(err)
		}
	}
}

// benchClient is a client of an in-process server, and a context with a caller.
func benchClient(b *testing.B) (eventsv1.EventLogServiceClient, context.Context) {
	b.Helper()
	keys, err := authn.GenerateKeyring("booking", "plans")
	if err != nil {
		b.Fatal(err)
	}
	tel, err := telemetry.New(b.Context(), telemetry.Config{Service: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	server := rpc.NewServer(rpc.Config{
		Service: "plans", Verifier: keys.Verifier("plans", clock.System), Telemetry: tel, Log: tel.Log(),
	})
	eventsv1.RegisterEventLogServiceServer(server, head{})
	if err := server.Start(); err != nil {
		b.Fatal(err)
	}
	signer, err := keys.Signer("booking", clock.System)
	if err != nil {
		b.Fatal(err)
	}
	peer, err := rpc.NewPeer(server.InProcess(), rpc.PeerConfig{Service: "plans", Signer: signer, Telemetry: tel})
	if err != nil {
		b.Fatal(err)
	}
	ctx, span := tel.Tracer().Start(b.Context(), "bench")
	b.Cleanup(func() { span.End() })
	var conn grpc.ClientConnInterface = peer
	return eventsv1.NewEventLogServiceClient(conn), authn.With(ctx, authn.Principal{
		Subject: "acc_0190f3c2a4b07cc38c5f1f2e3d4c5b6a", ClinicID: "cln_0190f3c2a4b07cc38c5f1f2e3d4c5b6a", SessionID: "ses_0190f3c2a4b07cc38c5f1f2e3d4c5b6a",
	})
}
