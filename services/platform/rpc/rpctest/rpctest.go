// Package rpctest serves a service to its tests as the real program does: over gRPC on a
// connection in memory and over the in-process channel, with signed principals and every
// check switched on.
package rpctest

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/clock"
	"github.com/upright-clinic/upright/services/platform/rpc"
)

// Edge is the name in which people's own calls are signed, as the gateway signs them.
const Edge = "gateway"

// stranger is a service that is trusted and that no rule names.
const stranger = "stranger"

// Harness is a service being served in both ways.
type Harness struct {
	// Server is the server itself.
	Server *rpc.Server
	// Keys holds the keys of the edge, of the service and of every service that a rule names.
	Keys *authn.Keyring

	service string
	rules   map[string]access // by full method name
	network *grpc.ClientConn
}

// New serves what register registers, until the test ends. Options change the server's
// configuration before it starts. It fails the test when the server does not start.
func New(
	t testing.TB, service string, register func(grpc.ServiceRegistrar), options ...func(*rpc.Config),
) *Harness {
	t.Helper()
	h := &Harness{service: service}
	collected := &collector{}
	register(collected)
	rules, services, err := collected.rules()
	if err != nil {
		t.Fatalf("rpctest: %v", err)
	}
	h.rules = rules
	services = append(services, Edge, service, stranger)
	slices.Sort(services)
	if h.Keys, err = authn.GenerateKeyring(slices.Compact(services)...); err != nil {
		t.Fatalf("rpctest: %v", err)
	}
	cfg := rpc.Config{
		Service: service, Verifier: h.Keys.Verifier(service, clock.System), Log: slog.New(slog.DiscardHandler),
	}
	for _, option := range options {
		option(&cfg)
	}
	h.Server = rpc.NewServer(cfg)
	register(h.Server)
	if err := h.Server.Start(); err != nil {
		t.Fatalf("rpctest: %v", err)
	}
	h.serve(t)
	return h
}

// serve puts the server on a connection in memory.
func (h *Harness) serve(t testing.TB) {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	served := make(chan error, 1)
	go func() { served <- h.Server.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///bufconn",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return listener.DialContext(ctx)
		}))
	if err != nil {
		t.Fatalf("rpctest: %v", err)
	}
	h.network = conn
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Errorf("rpctest: close: %v", err)
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		if err := h.Server.Stop(ctx); err != nil {
			t.Errorf("rpctest: stop: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("rpctest: serve: %v", err)
		}
	})
}

// Transports are the two ways to the server without any credentials, by name: for tests
// that make their own.
func (h *Harness) Transports() map[string]grpc.ClientConnInterface {
	return map[string]grpc.ClientConnInterface{"network": h.network, "in process": h.Server.InProcess()}
}

// Each runs a test once for each transport, in parallel. The caller is the principal in the
// context of each call: a person ([Person], put there by [authn.With]) calls through the
// edge, a service ([authn.WithService]) by itself, and without one nobody does.
func (h *Harness) Each(t *testing.T, f func(t *testing.T, conn grpc.ClientConnInterface)) {
	t.Helper()
	for name, transport := range h.Transports() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, caller{harness: h, transport: transport})
		})
	}
}

// Conn returns the in-process connection whose caller is the principal in the context, as
// in [Harness.Each].
func (h *Harness) Conn() grpc.ClientConnInterface {
	return caller{harness: h, transport: h.Server.InProcess()}
}

// Person is a signed-in person with an account of that role in the clinic. A patient's own
// record is "pat_" and the clinic's id.
func Person(clinicID string, role typev1.Role) authn.Principal {
	p := authn.Principal{
		Subject: "acc_" + clinicID, ClinicID: clinicID, Roles: []typev1.Role{role}, SessionID: "ses_" + clinicID,
	}
	if role == typev1.Role_ROLE_PATIENT {
		p.PatientIDs = []string{"pat_" + clinicID}
	}
	if role == typev1.Role_ROLE_CLINICIAN {
		p.PractitionerID = "prac_" + clinicID
		p.Profession = typev1.Profession_PROFESSION_PHYSIOTHERAPIST
	}
	return p
}

// caller signs each call for the principal in its context.
type caller struct {
	harness   *Harness
	transport grpc.ClientConnInterface
}

// patience is how long a test's call may take: many at once on a busy machine are slow, and that
// is not what a test is about.
const patience = time.Minute

// peer is the connection of the service that makes the call.
func (c caller) peer(ctx context.Context) (*rpc.Peer, error) {
	sign, service := c.harness.Keys.EdgeSigner, Edge
	if p, ok := authn.From(ctx); ok && p.Service != "" && p.Service != Edge {
		sign, service = c.harness.Keys.Signer, p.Service
	}
	signer, err := sign(service, clock.System)
	if err != nil {
		return nil, fmt.Errorf("rpctest: no rule of %s names the service: %w", c.harness.service, err)
	}
	return rpc.NewPeer(c.transport, rpc.PeerConfig{Service: c.harness.service, Signer: signer, Timeout: patience})
}

// Invoke implements [grpc.ClientConnInterface].
func (c caller) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	peer, err := c.peer(ctx)
	if err != nil {
		return err
	}
	return peer.Invoke(ctx, method, args, reply, opts...)
}

// NewStream implements [grpc.ClientConnInterface].
func (c caller) NewStream(
	ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption,
) (grpc.ClientStream, error) {
	peer, err := c.peer(ctx)
	if err != nil {
		return nil, err
	}
	return peer.NewStream(ctx, desc, method, opts...)
}
