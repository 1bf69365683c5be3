// Package api is directory's gRPC face: it decodes a request, calls one use case of package
// app and encodes the answer. It decides nothing.
package api

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	"github.com/upright-clinic/upright/services/directory/internal/app"
	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/rpc"
)

// Register puts directory's services on a server.
func Register(r grpc.ServiceRegistrar, a *app.App) {
	directoryv1.RegisterPatientServiceServer(r, patientServer{app: a})
	directoryv1.RegisterPractitionerServiceServer(r, practitionerServer{app: a})
	directoryv1.RegisterPlaceServiceServer(r, placeServer{app: a})
	directoryv1.RegisterAccountServiceServer(r, accountServer{app: a})
	directoryv1.RegisterImportServiceServer(r, importServer{app: a})
}

// clientAddress gives the network address that a person calls from: what a service of ours
// says of its client, else the address of the connection, else "". Of an IPv6 address it keeps
// the network, since each machine has as many addresses in it as it likes.
func clientAddress(ctx context.Context) string {
	if said := metadata.ValueFromIncomingContext(ctx, rpc.MetadataClientAddress); len(said) == 1 {
		// Whoever is signed in through a signed principal, or signs as a service, comes from a
		// process of ours. Anybody else could say what they like.
		if p, ok := authn.From(ctx); ok && (p.Service != "" || p.Audience != "") {
			return network(said[0])
		}
	}
	if p, ok := peer.FromContext(ctx); ok && p.Addr != nil {
		return network(p.Addr.String())
	}
	return ""
}

// network is the part of an address that one caller has. This machine's own is nobody's: it is
// that of a proxy which does not say whom it speaks for, and would throttle everybody at once.
func network(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		address = host
	}
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return ""
	}
	ip = ip.Unmap().WithZone("")
	if ip.IsLoopback() {
		return ""
	}
	if ip.Is4() {
		return ip.String()
	}
	prefix, err := ip.Prefix(64)
	if err != nil {
		return ""
	}
	return prefix.String()
}

// fingerprint gives the bytes that tell one request from another. Passwords are left out: a
// fast hash of one must not be stored.
func fingerprint(request proto.Message, secrets ...protoreflect.Name) []byte {
	if len(secrets) > 0 {
		request = proto.Clone(request)
		m := request.ProtoReflect()
		for _, name := range secrets {
			m.Clear(m.Descriptor().Fields().ByName(name))
		}
	}
	return requestid.Fingerprint(request)
}

// stamp encodes an instant; the zero time is absent.
func stamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// etag encodes a version; 0 is none.
func etag(version int64) string {
	if version == 0 {
		return ""
	}
	return strconv.FormatInt(version, 10)
}

// each encodes a list.
func each[T, M any](list []T, encode func(T) M) []M {
	out := make([]M, 0, len(list))
	for _, v := range list {
		out = append(out, encode(v))
	}
	return out
}

func encodeAddress(a people.Address) *directoryv1.PostalAddress {
	return &directoryv1.PostalAddress{Lines: a.Lines, PostalCode: a.PostalCode, City: a.City, Region: a.Region, Country: a.Country}
}

func decodeAddress(m *directoryv1.PostalAddress) people.Address {
	return people.Address{
		Lines: m.GetLines(), PostalCode: m.GetPostalCode(), City: m.GetCity(), Region: m.GetRegion(), Country: m.GetCountry(),
	}
}

// activeOf decodes an optional flag; absent is what it was.
func activeOf(active *bool, before bool) bool {
	if active == nil {
		return before
	}
	return *active
}
