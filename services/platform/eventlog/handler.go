package eventlog

import (
	"context"
	"errors"

	"google.golang.org/protobuf/proto"

	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Handler is what a consumer does about one type of event.
type Handler struct {
	// Type is the full name of the event message.
	Type string
	// Ask is what must be asked of another service; it runs before the transaction, and
	// again whenever the event is tried again. May be nil.
	Ask func(ctx context.Context, env Envelope) (any, error)
	// Apply has the effect, in the transaction that moves the cursor. It may be run again
	// and makes no network call.
	Apply func(ctx context.Context, tx *sqldb.Tx, env Envelope, answer any) error
}

// On handles events of message type M inside the database.
func On[M proto.Message](apply func(ctx context.Context, tx *sqldb.Tx, m M, env Envelope) error) Handler {
	return Handler{
		Type: typeOf[M](),
		Apply: func(ctx context.Context, tx *sqldb.Tx, env Envelope, _ any) error {
			m, err := open[M](env)
			if err != nil {
				return err
			}
			return apply(ctx, tx, m, env)
		},
	}
}

// OnAsking handles events of message type M with an answer from another service, which
// ask gets before the transaction.
func OnAsking[M proto.Message, A any](
	ask func(ctx context.Context, m M) (A, error),
	apply func(ctx context.Context, tx *sqldb.Tx, m M, a A, env Envelope) error,
) Handler {
	return Handler{
		Type: typeOf[M](),
		Ask: func(ctx context.Context, env Envelope) (any, error) {
			m, err := open[M](env)
			if err != nil {
				return nil, err
			}
			return ask(ctx, m)
		},
		Apply: func(ctx context.Context, tx *sqldb.Tx, env Envelope, answer any) error {
			m, err := open[M](env)
			if err != nil {
				return err
			}
			a, _ := answer.(A) // an interface's nil comes back as nil
			return apply(ctx, tx, m, a, env)
		},
	}
}

func typeOf[M proto.Message]() string {
	var m M
	return string(m.ProtoReflect().Descriptor().FullName())
}

func open[M proto.Message](env Envelope) (M, error) {
	var m M
	m = m.ProtoReflect().New().Interface().(M)
	if err := proto.Unmarshal(env.Payload, m); err != nil {
		return m, Park(err)
	}
	return m, nil
}

// Park wraps the error of an event that no retry will help: it is parked at once.
func Park(err error) error { return &parkError{err} }

type parkError struct{ cause error }

func (e *parkError) Error() string { return e.cause.Error() }
func (e *parkError) Unwrap() error { return e.cause }

func forGood(err error) bool {
	_, ok := errors.AsType[*parkError](err)
	return ok
}
