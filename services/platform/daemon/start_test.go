package daemon

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	eventsv1 "github.com/upright-clinic/upright/proto/gen/go/upright/events/v1"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// throughProxy returns an address that nobody listens on yet, and the database's URL with
// that address in place of its own.
func throughProxy(t *testing.T, target string) (address, database string) {
	t.Helper()
	reserved, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = reserved.Addr().String()
	if err := reserved.Close(); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = address
	if _, has := u.User.Password(); !has {
		u.User = url.UserPassword(u.User.Username(), "secret")
	}
	return address, u.String()
}

// proxy passes connections on to the database until the test ends.
func proxy(t *testing.T, address, target string) {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	lis, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lis.Close() })
	go func() {
		for {
			in, err := lis.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", u.Host)
			if err != nil {
				_ = in.Close()
				continue
			}
			for _, pair := range [][2]net.Conn{{in, out}, {out, in}} {
				go func() {
					_, _ = io.Copy(pair[0], pair[1])
					_ = pair[0].Close()
				}()
			}
		}
	}()
}

func TestStartsThatFail(t *testing.T) {
	t.Parallel()
	keys := keysFor(t, "plans")
	sqlite := "--database=sqlite:" + filepath.Join(t.TempDir(), "x.db")
	none := func(context.Context, Kit) (Service, error) { return nil, errors.New("cannot migrate") }
	tests := map[string]struct {
		args []string
		want string
	}{
		"no keys":                 {[]string{sqlite}, "--keys"},
		"keys of somebody else":   {[]string{sqlite, "--keys=" + keysFor(t, "booking")}, "plans.key"},
		"half of TLS":             {[]string{sqlite, "--keys=" + keys, "--tls-cert=x.pem"}, "--tls-key"},
		"address taken by nobody": {[]string{sqlite, "--keys=" + keys, "--http=256.0.0.1:1"}, "--http"},
		"collector":               {[]string{sqlite, "--keys=" + keys, "--otlp=collector"}, "OTLP"},
		"build":                   {[]string{sqlite, "--keys=" + keys}, "cannot migrate"},
		"database":                {[]string{"--database=mysql:x", "--keys=" + keys}, "database"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := Run(t.Context(), "plans", none, test.args, io.Discard)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("err = %v, want %q", err, test.want)
			}
		})
	}
}

func TestPeersThatNobodyConfigured(t *testing.T) {
	t.Parallel()
	keys := keysFor(t, "booking", "gateway")
	d := start(t, "booking", "plans", "--keys="+keys)
	_, err := d.ask(t, keys, "gateway", "booking")
	if !fault.Is(err, "PEER_NOT_CONFIGURED") {
		t.Errorf("err = %v", err)
	}
	if _, r := readyz(t, d.http); r.of("peer plans").Ready || !strings.Contains(r.of("peer plans").Reason, "PEER_NOT_CONFIGURED") {
		t.Errorf("%+v", r)
	}
}

func TestBearerTokensAreExchangedByAskingTheDaemonItself(t *testing.T) {
	t.Parallel()
	p := parsed(t, "plans", "--keys="+keysFor(t, "plans"), "--database=sqlite:"+filepath.Join(t.TempDir(), "x.db"))
	WithExchange(func(kit Kit) Exchange {
		self := eventsv1.NewEventLogServiceClient(kit.Peer("plans"))
		return func(ctx context.Context, token string) (authn.Principal, error) {
			head, err := self.GetHead(ctx, &eventsv1.GetHeadRequest{})
			// A person's token would not do: only services may read an event log.
			return authn.Principal{Subject: token + " says " + head.GetEventId(), Service: "booking"}, err
		}
	})(p)
	WithPeers("plans")(p)
	serving := make(chan string, 1)
	p.serving = func(rpc, _ net.Addr) { serving <- rpc.String() }
	launch(t, p, "")
	conn, err := grpc.NewClient(<-serving, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer t0ken")
	head, err := eventsv1.NewEventLogServiceClient(conn).GetHead(ctx, &eventsv1.GetHeadRequest{})
	if want := "t0ken says plans plans booking"; err != nil || head.GetEventId() != want {
		t.Errorf("got %q, %v; want %q", head.GetEventId(), err, want)
	}
}
