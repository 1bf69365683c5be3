// Package pass makes and reads the links by which a patient sees, moves or cancels a visit,
// books the next one of a plan, or answers an offer of the waitlist, without signing in.
//
// A link is a sealed note: what it allows and until when, encrypted and authenticated with a
// key that only gateways have. It shows nothing of the patient, cannot be changed or made up,
// and is good for one appointment, one course or one offer alone. Nothing is stored, so every gateway of
// a clinic reads the links of every other, and a link that was used before shows how things
// are now.
package pass

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
)

// KeySize is the length of a key in bytes.
const KeySize = 32

// Grant is what a link allows.
type Grant struct {
	// ClinicID and PatientID are whose link it is.
	ClinicID, PatientID string
	// AppointmentID is the visit that may be seen, moved and cancelled; empty for a link that
	// books.
	AppointmentID string
	// TypeID, PlanID and CourseID are what may be booked; empty for a link of a visit.
	TypeID, PlanID, CourseID string
	// OfferID is the offer that may be taken or passed on; empty for every other link.
	OfferID string
	// ExpireTime is when the link stops working.
	ExpireTime time.Time
}

// Books reports whether the link is for booking.
func (g Grant) Books() bool { return g.AppointmentID == "" && g.OfferID == "" }

// fields are what is sealed beside the time, in order.
func (g *Grant) fields() []*string {
	return []*string{&g.ClinicID, &g.PatientID, &g.AppointmentID, &g.TypeID, &g.PlanID, &g.CourseID, &g.OfferID}
}

// Subject names whoever acts by the link, for audit rows and holds: the same for every link
// of the same thing.
func (g Grant) Subject() string {
	parts := []string{g.ClinicID, g.PatientID, g.AppointmentID, g.TypeID, g.PlanID, g.CourseID}
	if g.OfferID != "" { // whoever acts by another link keeps the name that they had
		parts = append(parts, g.OfferID)
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\n")))
	return "link_" + hex.EncodeToString(sum[:10])
}

// ErrBad is the answer to every link that does not work: changed, made up, cut short, sealed
// with another key, or expired. There is one error on purpose: it must not tell which.
var ErrBad = errors.New("pass: the link does not work")

// Sealer makes and reads links.
type Sealer struct{ aead cipher.AEAD }

// New returns a sealer with a key of [KeySize] bytes, which every gateway of an installation
// shares.
func New(key []byte) (*Sealer, error) {
	if len(key) != KeySize {
		return nil, fmt.Errorf("pass: the key has %d bytes, want %d", len(key), KeySize)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("pass: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("pass: %w", err)
	}
	return &Sealer{aead}, nil
}

// The first byte of what is sealed tells the format: links that were made before offers had
// links have one field less and still work.
const (
	withoutOffer = 1
	version      = 2
)

// purpose is authenticated with each link: the key's seals for anything else are no links.
var purpose = []byte("upright link 1")

// Seal makes the part of a link that says what it allows.
func (s *Sealer) Seal(g Grant) string {
	note := binary.AppendVarint([]byte{version}, g.ExpireTime.Unix())
	for _, field := range g.fields() {
		note = binary.AppendUvarint(note, uint64(len(*field)))
		note = append(note, *field...)
	}
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nil, nil, note, purpose)) //nolint:gosec // the AEAD draws its own nonce
}

// maxText is more than any link of ours has.
const maxText = 1024

// Open reads a link. It fails with [ErrBad].
func (s *Sealer) Open(text string, now time.Time) (g Grant, err error) {
	if len(text) > maxText {
		return Grant{}, ErrBad
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return Grant{}, ErrBad
	}
	note, err := s.aead.Open(nil, nil, sealed, purpose)
	if err != nil || len(note) == 0 || note[0] != version && note[0] != withoutOffer {
		return Grant{}, ErrBad
	}
	expire, n := binary.Varint(note[1:])
	if n <= 0 {
		return Grant{}, ErrBad
	}
	rest := note[1+n:]
	fields := g.fields()
	if note[0] == withoutOffer {
		fields = fields[:len(fields)-1]
	}
	for _, field := range fields {
		size, n := binary.Uvarint(rest)
		if n <= 0 || size > uint64(len(rest)-n) {
			return Grant{}, ErrBad
		}
		*field, rest = string(rest[n:n+int(size)]), rest[n+int(size):] //nolint:gosec // not more than what is left
	}
	g.ExpireTime = time.Unix(expire, 0).UTC()
	if len(rest) > 0 || !now.Before(g.ExpireTime) {
		return Grant{}, ErrBad
	}
	return g, nil
}
