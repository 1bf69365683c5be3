package eventlog

import (
	"context"
	"strings"

	"go.opentelemetry.io/otel/propagation"
	"google.golang.org/protobuf/proto"

	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Event is something that happened to an aggregate.
type Event struct {
	// AggregateType is the kind of thing, for example "appointment".
	AggregateType string
	// AggregateID is its id.
	AggregateID string
	// AggregateVersion is its version after the event, from 1. Its own update guards it,
	// so commit order is version order.
	AggregateVersion int64
	// Message says what happened, in ids and codes only.
	Message proto.Message
}

// maxPayload keeps an event far below what brokers and gRPC take (256 KiB, 4 MiB a page).
const maxPayload = 64 << 10

// Append writes the event in the transaction of its change, so that neither is without
// the other, and wakes the relay when that commits. The trace of ctx goes along.
//
// It fails with ABORTED/VERSION_MISMATCH when the aggregate has an event of that version
// already: somebody changed it at the same time. The transaction is then of no use, and on
// PostgreSQL it may be the next statement or the commit that says so (sqldb.Tx.Later). It
// fails with INTERNAL/UNFIT_EVENT when the program has made an event without an aggregate
// or larger than 64 KiB, which no broker would take.
func Append(ctx context.Context, tx *sqldb.Tx, e Event) error {
	if e.AggregateType == "" || e.AggregateID == "" || e.AggregateVersion < 1 {
		return fault.New(fault.Internal, "UNFIT_EVENT", "An event lacks its aggregate.").
			With("type", string(proto.MessageName(e.Message)))
	}
	payload, err := proto.Marshal(e.Message)
	if err != nil || len(payload) > maxPayload {
		return fault.New(fault.Internal, "UNFIT_EVENT", "An event cannot be encoded, or is too large.").Because(err)
	}
	var trace traceparent
	propagation.TraceContext{}.Inject(ctx, &trace)
	taken := func(err error) error {
		if name, ok := sqldb.Unique(err); ok && strings.HasSuffix(name, "aggregate_version_key") {
			return fault.New(fault.Aborted, "VERSION_MISMATCH", "It was changed by someone else meanwhile. Load it again.").
				With("aggregate_type", e.AggregateType).Because(err)
		}
		return err
	}
	err = tx.Later(insertText(tx.Dialect()), taken,
		ident.New("evt"), e.AggregateType, e.AggregateID, e.AggregateVersion,
		string(proto.MessageName(e.Message)), payload, string(trace), sqldb.Micros(tx.Now()))
	if err != nil {
		return err
	}
	tx.OnCommit(ringAppended)
	return nil
}

// insertText is the statement that appends. On SQLite the next number is given at once: there
// is one writer, so events commit in the order of their ids, and one that is undone takes its
// number back. The relay then has no row to change. On PostgreSQL transactions overlap, and a
// number that was given before the commit could be read before a smaller one.
func insertText(d sqldb.Dialect) string {
	if d == sqldb.SQLite {
		return `insert into event_log (event_id, aggregate_type, aggregate_id, aggregate_version, type, payload, trace, at, pub_seq)
			values ($1, $2, $3, $4, $5, $6, $7, $8, (select coalesce(max(pub_seq), 0) + 1 from event_log where pub_seq is not null))`
	}
	return `insert into event_log (event_id, aggregate_type, aggregate_id, aggregate_version, type, payload, trace, at)
		values ($1, $2, $3, $4, $5, $6, $7, $8)`
}

func ringAppended() { appended.ring(nil) }

// traceparent carries W3C trace context as one string, as the log stores it.
type traceparent string

const traceparentKey = "traceparent"

func (t *traceparent) Get(key string) string {
	if key == traceparentKey {
		return string(*t)
	}
	return ""
}

func (t *traceparent) Set(key, value string) {
	if key == traceparentKey {
		*t = traceparent(value)
	}
}

func (t *traceparent) Keys() []string { return []string{traceparentKey} }
