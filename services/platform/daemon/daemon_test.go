package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	eventsv1 "github.com/upright-clinic/upright/proto/gen/go/upright/events/v1"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/clock"
	"github.com/upright-clinic/upright/services/platform/config"
	"github.com/upright-clinic/upright/services/platform/eventbus/eventbustest"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/rpc"
)

// logService is a small service: its log's head is its name, or that of a peer it asks.
type logService struct {
	eventsv1.UnimplementedEventLogServiceServer
	kit   Kit
	asks  string
	fails chan error
}

// GetHead implements the event log.
func (s *logService) GetHead(ctx context.Context, in *eventsv1.GetHeadRequest) (*eventsv1.GetHeadResponse, error) {
	if s.asks == "" {
		p, _ := authn.From(ctx)
		return &eventsv1.GetHeadResponse{Epoch: s.kit.Service, EventId: p.Subject + " " + p.Service}, nil
	}
	return eventsv1.NewEventLogServiceClient(s.kit.Peer(s.asks)).GetHead(ctx, in)
}

func (s *logService) Register(r grpc.ServiceRegistrar) { eventsv1.RegisterEventLogServiceServer(r, s) }
func (s *logService) Ready(context.Context) error      { return nil }
func (s *logService) Close() error                     { return nil }

func (s *logService) Run(ctx context.Context) error {
	select {
	case err := <-s.fails:
		return err
	case <-ctx.Done():
		return nil
	}
}

// running is a daemon under test.
type running struct {
	grpc, http string
	svc        *logService
	stop       context.CancelFunc
	ended      chan error
	log        *lockedBuffer
}

// lockedBuffer is a log that may be read while it is written.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// keysFor makes a folder with key pairs.
func keysFor(t *testing.T, services ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, service := range services {
		if err := authn.WriteKeyPair(dir, service); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// parsed reads flags as Run does.
func parsed(t *testing.T, service string, args ...string) *program {
	t.Helper()
	p := &program{service: service, clock: clock.System, conns: map[string]grpc.ClientConnInterface{}}
	p.flags.defaults(service)
	if _, err := config.Parse(&p.flags, config.Options{Name: service, Args: args, Out: io.Discard, Err: io.Discard, Exit: func(int) {}}); err != nil {
		t.Fatal(err)
	}
	return p
}

// launch starts a daemon without waiting for it.
func launch(t *testing.T, p *program, asks string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r := &running{stop: cancel, ended: make(chan error, 1), log: &lockedBuffer{}, svc: &logService{asks: asks, fails: make(chan error, 1)}}
	p.logTo = r.log
	p.build = func(_ context.Context, kit Kit) (Service, error) {
		r.svc.kit = kit
		if asks != "" {
			kit.Peer(asks)
		}
		return r.svc, nil
	}
	go func() { r.ended <- p.run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-r.ended; err != nil {
			t.Errorf("%s ended with %v", p.service, err)
		}
		if t.Failed() {
			t.Logf("log of %s:\n%s", p.service, r.log)
		}
	})
	return r
}

// start launches a daemon and waits until it serves.
func start(t *testing.T, service, asks string, args ...string) *running {
	t.Helper()
	args = append(args, "--database=sqlite:"+filepath.Join(t.TempDir(), service+".db"))
	p := parsed(t, service, args...)
	serving := make(chan struct{})
	var addresses [2]string
	p.serving = func(rpc, ops net.Addr) {
		addresses = [2]string{rpc.String(), ops.String()}
		close(serving)
	}
	r := launch(t, p, asks)
	select {
	case <-serving:
	case err := <-r.ended:
		r.ended <- nil
		t.Fatalf("%s did not start: %v", service, err)
	}
	r.grpc, r.http = addresses[0], addresses[1]
	return r
}

// ask calls a daemon as a service.
func (r *running) ask(t *testing.T, keys, as, service string) (*eventsv1.GetHeadResponse, error) {
	t.Helper()
	ring, err := authn.LoadKeyring(keys)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ring.Signer(as, clock.System)
	if err != nil {
		t.Fatal(err)
	}
	peer, err := rpc.Dial(r.grpc, rpc.PeerConfig{Service: service, Signer: signer})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = peer.Close() }()
	return eventsv1.NewEventLogServiceClient(peer).GetHead(t.Context(), &eventsv1.GetHeadRequest{})
}

// readyz asks a daemon for its readiness.
func readyz(t *testing.T, address string) (int, readiness) {
	t.Helper()
	response, err := http.Get("http://" + address + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var r readiness
	if err := json.NewDecoder(response.Body).Decode(&r); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, r
}

// eventually asks again and again until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(time.Minute)
	for !holds() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// of returns what /readyz says of one dependency.
func (r readiness) of(name string) state {
	for _, s := range r.Checks {
		if s.Name == name {
			return s
		}
	}
	return state{Reason: "not named"}
}

func TestDaemonsStartInAnyOrder(t *testing.T) {
	t.Parallel()
	keys := keysFor(t, "booking", "plans", "gateway")
	reserved, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	plansAddress := reserved.Addr().String()
	if err := reserved.Close(); err != nil {
		t.Fatal(err)
	}
	booking := start(t, "booking", "plans", "--keys="+keys, "--peer=plans="+plansAddress, "--nats=nats://127.0.0.1:1")
	if _, err := booking.ask(t, keys, "gateway", "booking"); !fault.IsKind(err, fault.Unavailable) {
		t.Errorf("before plans is there: %v", err)
	}
	eventually(t, "booking sees that plans is down", func() bool {
		_, r := readyz(t, booking.http)
		return !r.of("peer plans").Ready
	})
	status, r := readyz(t, booking.http)
	if status != http.StatusOK || !r.Ready || r.of("nats").Ready || r.of("nats").Reason == "" || !r.of("database").Ready {
		t.Errorf("without broker and peer: %d %+v", status, r)
	}

	start(t, "plans", "", "--keys="+keys, "--listen="+plansAddress)
	eventually(t, "booking reaches plans", func() bool {
		answer, err := booking.ask(t, keys, "gateway", "booking")
		return err == nil && answer.GetEpoch() == "plans" && answer.GetEventId() == "gateway booking"
	})
	eventually(t, "booking names plans as ready", func() bool {
		_, r := readyz(t, booking.http)
		return r.of("peer plans").Ready
	})
}

func TestTheBrokerMayComeLater(t *testing.T) {
	t.Parallel()
	broker := eventbustest.StartListening(t)
	address := broker.URL()
	broker.Stop()
	d := start(t, "plans", "", "--keys="+keysFor(t, "plans"), "--nats="+address)
	if _, r := readyz(t, d.http); r.of("nats").Ready || !r.Ready {
		t.Errorf("without the broker: %+v", r)
	}
	broker.Restart()
	eventually(t, "the broker is seen", func() bool {
		_, r := readyz(t, d.http)
		return r.of("nats").Ready
	})
}

func TestADaemonWaitsForPostgreSQL(t *testing.T) {
	t.Parallel()
	target := os.Getenv("UPRIGHT_TEST_POSTGRES")
	if target == "" {
		t.Fatal("UPRIGHT_TEST_POSTGRES is not set: run `make test`")
	}
	address, database := throughProxy(t, target)
	ops, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	probes := ops.Addr().String()
	if err := ops.Close(); err != nil {
		t.Fatal(err)
	}
	p := parsed(t, "plans", "--keys="+keysFor(t, "plans"), "--http="+probes, "--database="+database, "--schema=daemon_test")
	d := launch(t, p, "")
	eventually(t, "it says that it lacks the database", func() bool {
		response, err := http.Get("http://" + probes + "/readyz")
		if err != nil {
			return false
		}
		defer func() { _ = response.Body.Close() }()
		var r readiness
		return json.NewDecoder(response.Body).Decode(&r) == nil && response.StatusCode == http.StatusServiceUnavailable &&
			r.of("database").Reason != "" && r.of("database").Reason != "not named"
	})
	proxy(t, address, target)
	eventually(t, "it is ready", func() bool {
		_, r := readyz(t, probes)
		return r.Ready
	})
	if strings.Contains(d.log.String(), "secret") {
		t.Errorf("the password is in the log:\n%s", d.log)
	}
}

func TestHealthFollowsAndStopIsOrderly(t *testing.T) {
	t.Parallel()
	keys := keysFor(t, "plans", "booking")
	d := start(t, "plans", "", "--keys="+keys)
	conn, err := grpc.NewClient(d.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	eventually(t, "gRPC health says SERVING", func() bool {
		answer, err := healthv1.NewHealthClient(conn).Check(t.Context(), &healthv1.HealthCheckRequest{})
		return err == nil && answer.GetStatus() == healthv1.HealthCheckResponse_SERVING
	})
	response, err := http.Get("http://" + d.http + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(body), `rpc_server_call_duration_seconds_count{`) {
		t.Error("/metrics does not count calls")
	}
	d.stop()
	err = <-d.ended
	d.ended <- nil
	if err != nil {
		t.Errorf("ended with %v", err)
	}
	if _, err := d.ask(t, keys, "booking", "plans"); !fault.IsKind(err, fault.Unavailable) {
		t.Errorf("after the end: %v", err)
	}
}

func TestAServiceThatFailsEndsItsDaemon(t *testing.T) {
	t.Parallel()
	for name, failure := range map[string]error{"with an error": errors.New("relay broke"), "by itself": nil} {
		d := start(t, "plans", "", "--keys="+keysFor(t, "plans"))
		d.svc.fails <- failure
		err := <-d.ended
		d.ended <- nil
		if err == nil || (failure != nil && !errors.Is(err, failure)) {
			t.Errorf("%s: ended with %v", name, err)
		}
	}
}
