// Package requestid replays mutations: the same request id again returns what the first one
// made, and the same id with another body is refused.
//
// The id is stored with a fingerprint of the request in the transaction of its effect, so
// there is never one without the other. Answers are not stored, since they hold clinical
// data: a replay returns the id of the resource and the caller reads it as it is now.
package requestid

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"io/fs"
	"time"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

//go:embed migrations
var migrations embed.FS

// Migrations makes the table request_ids.
var Migrations = sqldb.Set{Name: "requestid", FS: sub(migrations)}

func sub(f embed.FS) fs.FS {
	s, err := fs.Sub(f, "migrations")
	if err != nil { // the folder is embedded above
		panic(err)
	}
	return s
}

// Keep is how long an id is remembered; a retry later than this is a new request.
const Keep = 7 * 24 * time.Hour

type key struct{}

// With puts the caller's request id into the context.
func With(ctx context.Context, id string) context.Context { return context.WithValue(ctx, key{}, id) }

// From gives the request id of the call, "" when the caller sent none.
func From(ctx context.Context) string {
	id, _ := ctx.Value(key{}).(string)
	return id
}

// Fingerprint gives the bytes that tell one request from another: a digest of the message
// without its request_id.
func Fingerprint(m proto.Message) []byte {
	c := m
	if f := m.ProtoReflect().Descriptor().Fields().ByName("request_id"); f != nil && f.Kind() == protoreflect.StringKind && m.ProtoReflect().Has(f) {
		c = proto.Clone(m)
		c.ProtoReflect().Clear(f)
	}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(c)
	if err != nil { // text that is not UTF-8, which the wire does not let in
		b = []byte(prototext.MarshalOptions{EmitUnknown: true}.Format(c))
	}
	sum := sha256.Sum256(b)
	return sum[:]
}

// Once runs effect at most one time for the caller's request id, method and clinic, and
// returns the id of what it made; replayed tells that it was made before. Without a request
// id it just runs effect. The same id with another request fails with InvalidArgument /
// REQUEST_ID_REUSED. Of many at once one runs, the others wait for it and replay.
//
// request are the bytes that tell one request from another, see Fingerprint; only a digest
// of them is kept. Nothing of an effect that failed is kept, so a retry runs it again.
func Once(ctx context.Context, tx *sqldb.Tx, method string, request []byte, effect func() (resourceID string, err error)) (resourceID string, replayed bool, err error) {
	c, known := newClaim(ctx, method, request)
	if !known {
		resourceID, err = effect()
		return resourceID, false, err
	}
	if first, err := c.take(tx, ""); err != nil {
		return "", false, err
	} else if !first {
		return c.replay(tx)
	}
	if resourceID, err = effect(); err != nil {
		return "", false, err
	}
	_, err = tx.Exec(`UPDATE request_ids SET resource_id = $5 WHERE clinic_id = $1 AND subject = $2 AND method = $3 AND request_id = $4`,
		c.clinicID, c.subject, c.method, c.requestID, resourceID)
	return resourceID, false, err
}

// OnceAs is Once for an effect whose id is known before it runs: one statement instead of
// two. When the id was used before, effect does not run and the first one's id is returned.
func OnceAs(ctx context.Context, tx *sqldb.Tx, method string, request []byte, resourceID string, effect func() error) (id string, replayed bool, err error) {
	c, known := newClaim(ctx, method, request)
	if !known {
		return resourceID, false, effect()
	}
	if first, err := c.take(tx, resourceID); err != nil {
		return "", false, err
	} else if !first {
		return c.replay(tx)
	}
	return resourceID, false, effect()
}

// claim is one use of a request id.
type claim struct{ clinicID, subject, method, requestID, fingerprint string }

// newClaim reports false when the call has no request id.
func newClaim(ctx context.Context, method string, request []byte) (c claim, ok bool) {
	id := From(ctx)
	if id == "" {
		return claim{}, false
	}
	p, _ := authn.From(ctx)
	sum := sha256.Sum256(request)
	return claim{p.ClinicID, p.Subject, method, id, hex.EncodeToString(sum[:])}, true
}

// take reports whether this is the first use. It comes before the effect: PostgreSQL makes a
// second claim wait until the first one's transaction has ended, and then sees its row, or
// takes its place if that was undone. A conflict is no error, so the transaction stays good.
func (c claim) take(tx *sqldb.Tx, resourceID string) (first bool, err error) {
	n, err := tx.Exec(`INSERT INTO request_ids (clinic_id, subject, method, request_id, fingerprint, resource_id, at)
		VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
		c.clinicID, c.subject, c.method, c.requestID, c.fingerprint, resourceID, sqldb.Micros(tx.Now()))
	return n > 0, err
}

// replay gives what the first use made.
func (c claim) replay(tx *sqldb.Tx) (resourceID string, replayed bool, err error) {
	var fingerprint string
	err = tx.QueryRow(`SELECT fingerprint, resource_id FROM request_ids WHERE clinic_id = $1 AND subject = $2 AND method = $3 AND request_id = $4`,
		c.clinicID, c.subject, c.method, c.requestID).Scan(&fingerprint, &resourceID)
	switch {
	case errors.Is(err, sqldb.ErrNoRows): // purged between the two statements
		return "", false, fault.New(fault.Aborted, "REQUEST_ID_EXPIRED", "the request id has just been forgotten; use a new one")
	case err != nil:
		return "", false, err
	case fingerprint != c.fingerprint:
		return "", false, fault.New(fault.InvalidArgument, "REQUEST_ID_REUSED", "this request id was used for another request").
			OnField("request_id", "was used for another request")
	}
	return resourceID, true, nil
}

// Purge forgets ids older than Keep before now, at most limit of them, and tells how many.
func Purge(tx *sqldb.Tx, now time.Time, limit int) (int64, error) {
	return tx.Exec(`DELETE FROM request_ids WHERE (clinic_id, subject, method, request_id) IN
		(SELECT clinic_id, subject, method, request_id FROM request_ids WHERE at < $1 ORDER BY at LIMIT $2)`, sqldb.Micros(now.Add(-Keep)), limit)
}
