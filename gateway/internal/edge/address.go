package edge

import (
	"net/http"
	"net/netip"
	"strings"
)

// client returns the address that a request came from, as a key for limits, and whether it
// is one of those who run the machine. What a proxy says is believed only of a proxy that
// is trusted; a request that was forwarded by any other is nobody's who runs the machine,
// since the proxy may stand on this very machine.
func (e *Edge) client(r *http.Request) (key string, operator bool) {
	port, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return "unknown", false
	}
	addr := port.Addr().Unmap().WithZone("")
	forwarded := r.Header["X-Forwarded-For"]
	direct := len(forwarded) == 0 && len(r.Header["Forwarded"]) == 0
	if !direct && within(e.cfg.TrustedProxies, addr) {
		addr = origin(addr, forwarded, e.cfg.TrustedProxies)
		direct = true
	}
	return bucketOf(addr), direct && within(e.cfg.Operators, addr)
}

// origin walks X-Forwarded-For from the end, where the nearest proxy wrote, to the first
// address that is no trusted proxy. Everything before it the client may have made up.
func origin(peer netip.Addr, forwarded []string, trusted []netip.Prefix) netip.Addr {
	hops := strings.Split(strings.Join(forwarded, ","), ",")
	addr := peer
	for i := len(hops) - 1; i >= 0; i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			return addr
		}
		addr = hop.Unmap().WithZone("")
		if !within(trusted, addr) {
			return addr
		}
	}
	return addr
}

// within reports whether one of the prefixes contains the address.
func within(prefixes []netip.Prefix, addr netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// bucketOf is the key of an address: of IPv6 the first 64 bits, which one subscriber has all of.
func bucketOf(addr netip.Addr) string {
	if addr.Is6() {
		if p, err := addr.Prefix(64); err == nil {
			return p.Addr().String()
		}
	}
	return addr.String()
}
