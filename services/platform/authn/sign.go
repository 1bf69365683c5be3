package authn

import (
	"crypto/ed25519"
	"strings"
	"time"

	"github.com/upright-clinic/upright/services/platform/clock"
)

// renewBelow is the remaining life at which a cached token is replaced by a fresh one, so
// that whatever is sent is good for that long, a slow network and clock skew included.
const renewBelow = Lifetime / 2

// Signer turns principals into tokens in the name of one service. It is safe for
// concurrent use.
type Signer struct {
	service string
	edge    bool
	key     ed25519.PrivateKey
	clock   clock.Clock
	cache   cache[signed]
}

// signed is a token with its expiry.
type signed struct {
	token  string
	expire time.Time
}

// NewSigner returns the signer of a service with the given private key. Keys usually come
// from a [Keyring].
func NewSigner(service string, key ed25519.PrivateKey, clk clock.Clock) *Signer {
	return &Signer{service: service, key: key, clock: clk}
}

// NewEdgeSigner is [NewSigner] for a process through which people come in, such as the
// gateway: what a person asks there is the person's own call, so it carries no service
// and a grant to the gateway does not extend to everyone who can reach the gateway.
func NewEdgeSigner(service string, key ed25519.PrivateKey, clk clock.Clock) *Signer {
	return &Signer{service: service, edge: true, key: key, clock: clk}
}

// Service returns the name in which it signs.
func (s *Signer) Service() string { return s.service }

// Edge reports whether it came from [NewEdgeSigner].
func (s *Signer) Edge() bool { return s.edge }

// Sign returns a token that shows p to the audience and to nobody else, good for at least
// half of [Lifetime]. The person stays the subject; the service becomes the signer's own.
// A principal without a subject is the service in its own name. Tokens are kept for as
// long as they are good enough to send, so that signing the same principal again costs
// one lookup. It fails with [ErrTooLarge].
func (s *Signer) Sign(p Principal, audience string) (string, error) {
	if p.Subject == "" {
		p.Subject = s.service
	}
	p.Audience, p.Service = audience, s.service
	if s.edge && p.Subject != s.service {
		p.Service = ""
	}
	var space [512]byte
	claims := appendClaims(space[:0], s.service, &p)
	now := s.clock.Now()
	if hit, ok := s.cache.get(claims); ok && hit.expire.Sub(now) > renewBelow {
		return hit.token, nil
	}
	if len(claims)+8+ed25519.SignatureSize > maxToken {
		return "", ErrTooLarge
	}
	key := string(claims)
	fresh := signed{expire: now.Add(Lifetime)}
	fresh.token = string(sealed(claims, fresh.expire, s.key))
	s.cache.put(key, fresh)
	return fresh.token, nil
}

// Verifier checks tokens that are meant for one service. It is safe for concurrent use.
type Verifier struct {
	audience string
	trusted  map[string]ed25519.PublicKey
	clock    clock.Clock
	cache    cache[Principal]
}

// NewVerifier returns the verifier of the named service. It believes the issuers in
// trusted, by name, and nobody else. The map must not be changed afterwards.
func NewVerifier(audience string, trusted map[string]ed25519.PublicKey, clk clock.Clock) *Verifier {
	return &Verifier{audience: audience, trusted: trusted, clock: clk}
}

// Audience returns the service whose tokens it accepts.
func (v *Verifier) Audience() string { return v.audience }

// Verify returns the principal that a token shows. Verified tokens are remembered until
// their expiry, so that the next call with the same one costs one lookup; expiry is
// checked every time. It fails with [ErrMalformed], [ErrIssuer], [ErrAudience] or
// [ErrExpired].
func (v *Verifier) Verify(token string) (Principal, error) {
	now := v.clock.Now()
	if p, ok := v.cache.get([]byte(token)); ok {
		return p, checkTimes(p.ExpireTime, now)
	}
	issuer, p, err := parse([]byte(token))
	if err != nil {
		return Principal{}, err
	}
	key, ok := v.trusted[issuer]
	if !ok {
		return Principal{}, ErrIssuer
	}
	cut := len(token) - ed25519.SignatureSize
	if !ed25519.Verify(key, signedBytes([]byte(token[:cut])), []byte(token[cut:])) {
		return Principal{}, ErrIssuer
	}
	if p.Service != "" && p.Service != issuer {
		return Principal{}, ErrIssuer
	}
	if p.Subject == "" {
		return Principal{}, ErrMalformed
	}
	if p.Audience != v.audience {
		return Principal{}, ErrAudience
	}
	if err := checkTimes(p.ExpireTime, now); err != nil {
		return Principal{}, err
	}
	v.cache.put(strings.Clone(token), p)
	return p, nil
}
