package api

import (
	"net"
	"testing"

	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/rpc"
)

func TestClientAddress(t *testing.T) {
	t.Parallel()
	said := metadata.Pairs(rpc.MetadataClientAddress, "203.0.113.7")
	twice := metadata.Pairs(rpc.MetadataClientAddress, "203.0.113.7", rpc.MetadataClientAddress, "203.0.113.8")
	gateway := authn.Principal{Subject: "gateway", Service: "gateway", Audience: "directory"}
	person := authn.Principal{Subject: "acc_1", Audience: "directory"} // through the gateway
	bearer := authn.Principal{Subject: "acc_1", SessionID: "ses_1"}    // straight to our port
	for name, test := range map[string]struct {
		caller *authn.Principal
		md     metadata.MD
		want   string
	}{
		"the gateway says":               {&gateway, said, "203.0.113.7"},
		"the gateway says for a person":  {&person, said, "203.0.113.7"},
		"the gateway says two":           {&gateway, twice, "198.51.100.1"},
		"the gateway says nothing":       {&gateway, nil, "198.51.100.1"},
		"a bearer says what it likes":    {&bearer, said, "198.51.100.1"},
		"nobody says what they like":     {nil, said, "198.51.100.1"},
		"the gateway says something odd": {&gateway, metadata.Pairs(rpc.MetadataClientAddress, "unknown"), ""},
	} {
		ctx := peer.NewContext(t.Context(), &peer.Peer{Addr: &net.TCPAddr{IP: net.IPv4(198, 51, 100, 1), Port: 4711}})
		ctx = metadata.NewIncomingContext(ctx, test.md)
		if test.caller != nil {
			ctx = authn.With(ctx, *test.caller)
		}
		if got := clientAddress(ctx); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
	if got := clientAddress(t.Context()); got != "" {
		t.Errorf("in the process: %q", got)
	}
}

func TestNetwork(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"203.0.113.7": "203.0.113.7", "203.0.113.7:80": "203.0.113.7", "::ffff:203.0.113.7": "203.0.113.7",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "[2001:db8:1:2::1]:443": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64",
		"": "", "bufconn": "", "@": "", "127.0.0.1:4711": "", "[::1]:4711": "", "::ffff:127.0.0.1": "",
	} {
		if got := network(address); got != want {
			t.Errorf("network(%q) = %q, want %q", address, got, want)
		}
	}
}
