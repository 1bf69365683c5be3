package authn

import (
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
)

// Names of the metadata (headers) that credentials travel in.
const (
	// MetadataPrincipal carries a signed principal. The "-bin" makes gRPC encode it on a
	// network and leave it as it is in one process.
	MetadataPrincipal = "upright-principal-bin"
	// MetadataAuthorization carries "Bearer <session token>", which the server's exchange
	// turns into a principal.
	MetadataAuthorization = "authorization"
)

// Lifetime is how long a signed principal is good for.
const Lifetime = 60 * time.Second

// clockSkew is how far ahead of ours the clock of a signing machine may be.
const clockSkew = 30 * time.Second

// maxToken bounds a token in bytes; a principal with over a hundred patients still fits.
const maxToken = 8 << 10

// tokenVersion is the first byte of a token; it changes when the layout does.
const tokenVersion = 1

// signatureContext separates these signatures from any other use of the same key.
const signatureContext = "upright principal v1\x00"

// Reasons for which a token is refused. They are for logs: a caller learns no more than
// that it is not authenticated.
var (
	// ErrMalformed means that the bytes are no token, or one of another version.
	ErrMalformed = errors.New("authn: token is malformed")
	// ErrIssuer means that the issuer is not trusted here, that its key did not make the
	// signature, or that it claims to be another service.
	ErrIssuer = errors.New("authn: token is not signed by a trusted issuer")
	// ErrAudience means that the token was made for another service.
	ErrAudience = errors.New("authn: token is for another audience")
	// ErrExpired means that the token is past its expiry, or claims more than its lifetime.
	ErrExpired = errors.New("authn: token is expired")
	// ErrTooLarge means that a principal does not fit into a token.
	ErrTooLarge = errors.New("authn: principal is too large for a token")
)

// A token is claims, expiry and signature:
//
//	version byte | issuer | audience | subject | clinic | session | service | practitioner |
//	profession | n, roles | n, patients | expiry, 8 bytes, microseconds | signature, 64 bytes
//
// Strings carry their length as an unsigned varint; numbers are unsigned varints.

// appendClaims encodes everything but expiry and signature.
func appendClaims(b []byte, issuer string, p *Principal) []byte {
	b = append(b, tokenVersion)
	for _, s := range [...]string{
		issuer, p.Audience, p.Subject, p.ClinicID, p.SessionID, p.Service, p.PractitionerID,
	} {
		b = appendString(b, s)
	}
	b = binary.AppendUvarint(b, uint64(p.Profession))
	b = binary.AppendUvarint(b, uint64(len(p.Roles)))
	for _, role := range p.Roles {
		b = binary.AppendUvarint(b, uint64(role))
	}
	b = binary.AppendUvarint(b, uint64(len(p.PatientIDs)))
	for _, id := range p.PatientIDs {
		b = appendString(b, id)
	}
	return b
}

// appendString encodes one string with its length.
func appendString(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// sealed appends expiry and signature to claims.
func sealed(claims []byte, expire time.Time, key ed25519.PrivateKey) []byte {
	token := binary.BigEndian.AppendUint64(claims, uint64(expire.UnixMicro()))
	return append(token, ed25519.Sign(key, signedBytes(token))...)
}

// signedBytes is what the signature is made over.
func signedBytes(unsigned []byte) []byte {
	return append([]byte(signatureContext), unsigned...)
}

// parse takes a token apart. It checks its shape only: nothing in the answer may be
// believed before the signature was checked.
func parse(token []byte) (issuer string, p Principal, err error) {
	tail := ed25519.SignatureSize + 8
	if len(token) < 1+tail || len(token) > maxToken || token[0] != tokenVersion {
		return "", Principal{}, ErrMalformed
	}
	expiry := binary.BigEndian.Uint64(token[len(token)-tail:])
	r := reader{rest: token[1 : len(token)-tail]}
	issuer = r.string()
	p.Audience, p.Subject, p.ClinicID = r.string(), r.string(), r.string()
	p.SessionID, p.Service, p.PractitionerID = r.string(), r.string(), r.string()
	p.Profession = typev1.Profession(r.number())
	for range r.count() {
		p.Roles = append(p.Roles, typev1.Role(r.number()))
	}
	for range r.count() {
		p.PatientIDs = append(p.PatientIDs, r.string())
	}
	if r.failed || len(r.rest) != 0 {
		return "", Principal{}, ErrMalformed
	}
	p.ExpireTime = time.UnixMicro(int64(expiry)).UTC()
	return issuer, p, nil
}

// reader takes values off the front of a token; after a failure it returns zero values.
type reader struct {
	rest   []byte
	failed bool
}

// number reads an unsigned varint that fits an int32.
func (r *reader) number() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 || v > 1<<31-1 {
		r.failed, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

// count reads a number of elements, each of which takes at least a byte.
func (r *reader) count() uint64 {
	n := r.number()
	if n > uint64(len(r.rest)) {
		r.failed, r.rest = true, nil
		return 0
	}
	return n
}

// string reads a string with its length.
func (r *reader) string() string {
	n := r.count()
	s := string(r.rest[:n])
	r.rest = r.rest[n:]
	return s
}

// checkTimes refuses a token that expired, or that would live longer than any signer of
// ours lets one live.
func checkTimes(expire, now time.Time) error {
	if !now.Before(expire) {
		return ErrExpired
	}
	if expire.Sub(now) > Lifetime+clockSkew {
		return fmt.Errorf("%w: it claims a lifetime above %s", ErrExpired, Lifetime)
	}
	return nil
}
