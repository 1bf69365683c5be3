package requestid_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	eventsv1 "github.com/upright-clinic/upright/proto/gen/go/upright/events/v1"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/clock"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
	"github.com/upright-clinic/upright/services/platform/sqldb/sqldbtest"
)

func as(ctx context.Context, subject, id string) context.Context {
	return requestid.With(authn.With(ctx, authn.Principal{Subject: subject, ClinicID: "cln_1"}), id)
}

// once makes a resource the way a use case does, by one of the two functions.
type once func(ctx context.Context, db *sqldb.DB, body int64, made *atomic.Int64) (string, bool, error)

var ways = map[string]once{
	"Once": func(ctx context.Context, db *sqldb.DB, body int64, made *atomic.Int64) (id string, replayed bool, err error) {
		err = db.Write(ctx, func(tx *sqldb.Tx) error {
			id, replayed, err = requestid.Once(ctx, tx, "Make", requestid.Fingerprint(&eventsv1.ListEventsRequest{After: body}), func() (string, error) {
				return fmt.Sprintf("thing_%d", made.Add(1)), nil
			})
			return err
		})
		return id, replayed, err
	},
	"OnceAs": func(ctx context.Context, db *sqldb.DB, body int64, made *atomic.Int64) (id string, replayed bool, err error) {
		err = db.Write(ctx, func(tx *sqldb.Tx) error {
			id, replayed, err = requestid.OnceAs(ctx, tx, "Make", requestid.Fingerprint(&eventsv1.ListEventsRequest{After: body}), fmt.Sprintf("thing_%d", made.Load()+1), func() error {
				made.Add(1)
				return nil
			})
			return err
		})
		return id, replayed, err
	},
}

func each(t *testing.T, f func(t *testing.T, db *sqldb.DB, do once)) {
	t.Helper()
	for name, do := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sqldbtest.Each(t, []sqldb.Set{requestid.Migrations}, func(t *testing.T, db *sqldb.DB) { f(t, db, do) })
		})
	}
}

func TestSameMigrations(t *testing.T) {
	t.Parallel()
	sqldbtest.SameMigrations(t, requestid.Migrations)
}

func TestReplayAndReuse(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB, do once) {
		var made atomic.Int64
		ctx := as(t.Context(), "acc_1", "req-1")
		first, replayed, err := do(ctx, db, 1, &made)
		if err != nil || replayed {
			t.Fatalf("%q, %v, %v", first, replayed, err)
		}
		again, replayed, err := do(ctx, db, 1, &made)
		if err != nil || !replayed || again != first || made.Load() != 1 {
			t.Errorf("again %q, %v, %v after %d effects", again, replayed, err, made.Load())
		}
		if _, _, err := do(ctx, db, 2, &made); !fault.Is(err, "REQUEST_ID_REUSED") || made.Load() != 1 {
			t.Errorf("another body under the same id: %v", err)
		}
		if id, replayed, err := do(as(t.Context(), "acc_2", "req-1"), db, 2, &made); err != nil || replayed || id == first {
			t.Errorf("somebody else's id of the same name: %q, %v, %v", id, replayed, err)
		}
		if _, replayed, err := do(as(t.Context(), "acc_1", ""), db, 1, &made); err != nil || replayed {
			t.Errorf("without an id: %v, %v", replayed, err)
		}
	})
}

func TestFiftyAtOnceMakeOne(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB, do once) {
		var made atomic.Int64
		var mu sync.Mutex
		ids := map[string]int{}
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				id, _, err := do(as(t.Context(), "acc_1", "req-1"), db, 1, &made)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				ids[id]++
				mu.Unlock()
			})
		}
		wg.Wait()
		if len(ids) != 1 || made.Load() != 1 {
			t.Errorf("%d effects, answers %v", made.Load(), ids)
		}
	})
}

// An effect that fails leaves no id behind, so that the retry runs it.
func TestFailureIsNotRemembered(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, []sqldb.Set{requestid.Migrations}, func(t *testing.T, db *sqldb.DB) {
		ctx := as(t.Context(), "acc_1", "req-1")
		no := errors.New("no")
		for i, want := range []error{no, nil} {
			err := db.Write(ctx, func(tx *sqldb.Tx) error {
				_, replayed, err := requestid.Once(ctx, tx, "Make", []byte("body"), func() (string, error) { return "thing", want })
				if replayed {
					t.Error("a failed try was replayed")
				}
				return err
			})
			if !errors.Is(err, want) {
				t.Errorf("try %d: %v", i, err)
			}
		}
	})
}

// The fingerprint takes in every field but request_id, which a client may make anew for the
// transport and not for the request.
func TestFingerprintLeavesOutTheRequestIDOnly(t *testing.T) {
	t.Parallel()
	descriptor := requestMessage(t)
	message := func(id, body string) proto.Message {
		m := dynamicpb.NewMessage(descriptor)
		m.Set(descriptor.Fields().ByName("request_id"), protoreflect.ValueOfString(id))
		m.Set(descriptor.Fields().ByName("body"), protoreflect.ValueOfString(body))
		return m
	}
	a := message("one", "body")
	if !bytes.Equal(requestid.Fingerprint(a), requestid.Fingerprint(message("two", "body"))) {
		t.Error("the request id is part of the fingerprint")
	}
	if bytes.Equal(requestid.Fingerprint(a), requestid.Fingerprint(message("one", "another"))) {
		t.Error("two requests have one fingerprint")
	}
	if !proto.Equal(a, message("one", "body")) {
		t.Error("the message was changed")
	}
}

// requestMessage describes a message with a request_id and a body.
func requestMessage(t *testing.T) protoreflect.MessageDescriptor {
	t.Helper()
	text := descriptorpb.FieldDescriptorProto_TYPE_STRING.Enum()
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: proto.String("requestid_test.proto"), Syntax: proto.String("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{{Name: proto.String("MakeRequest"), Field: []*descriptorpb.FieldDescriptorProto{
			{Name: proto.String("request_id"), Number: proto.Int32(1), Type: text},
			{Name: proto.String("body"), Number: proto.Int32(2), Type: text},
		}}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return file.Messages().Get(0)
}

func TestPurge(t *testing.T) {
	t.Parallel()
	now := clock.NewFake(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	for _, dialect := range []sqldb.Dialect{sqldb.SQLite, sqldb.Postgres} {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			db := sqldbtest.OpenAt(t, dialect, now, requestid.Migrations)
			var made atomic.Int64
			if _, _, err := ways["Once"](as(t.Context(), "acc_1", "req-1"), db, 1, &made); err != nil {
				t.Fatal(err)
			}
			for i, want := range []int64{0, 1, 0} {
				at := now.Now().Add(time.Duration(i) * (requestid.Keep + time.Second))
				err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
					n, err := requestid.Purge(tx, at, 100)
					if n != want {
						t.Errorf("at %v purged %d, want %d", at, n, want)
					}
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
