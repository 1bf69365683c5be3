package eventlog

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	eventsv1 "github.com/upright-clinic/upright/proto/gen/go/upright/events/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

const (
	defaultPage = 500
	maxPage     = 1000
	// maxPageBytes ends a page early, far below gRPC's limit of 4 MiB for a message.
	maxPageBytes = 1 << 20
)

// server answers consumers that pull.
type server struct {
	eventsv1.UnimplementedEventLogServiceServer

	log *Log
}

// Register serves the log as EventLogService, to services only (the access rule is in
// the proto).
func (l *Log) Register(r grpc.ServiceRegistrar) {
	eventsv1.RegisterEventLogServiceServer(r, server{log: l})
}

// ListEvents returns events in pub_seq order. A page may end before page_size; none is the
// end of the log.
func (s server) ListEvents(ctx context.Context, req *eventsv1.ListEventsRequest) (*eventsv1.ListEventsResponse, error) {
	if req.GetAfter() < 0 {
		return nil, fault.Invalid("after", "must not be negative")
	}
	limit := int(req.GetPageSize())
	if limit <= 0 {
		limit = defaultPage
	}
	resp := &eventsv1.ListEventsResponse{}
	err := s.log.db.Read(ctx, func(tx *sqldb.Tx) error {
		h, err := readHead(tx, "")
		if err != nil {
			return err
		}
		resp.Epoch = h.Epoch
		page, err := s.log.page(tx, req.GetAfter(), min(limit, maxPage))
		for size, i := 0, 0; i < len(page) && size < maxPageBytes; i++ {
			resp.Events = append(resp.Events, page[i].message())
			size += len(page[i].Payload)
		}
		return err
	})
	return resp, err
}

// GetHead returns the end of the log.
func (s server) GetHead(ctx context.Context, _ *eventsv1.GetHeadRequest) (*eventsv1.GetHeadResponse, error) {
	h, err := s.log.Head(ctx)
	return &eventsv1.GetHeadResponse{Epoch: h.Epoch, PubSeq: h.PubSeq, EventId: h.EventID}, err
}

func (e Envelope) message() *eventsv1.Event {
	return &eventsv1.Event{
		EventId: e.EventID, PubSeq: e.PubSeq, PreviousEventId: e.PreviousID, Type: e.Type,
		AggregateType: e.AggregateType, AggregateId: e.AggregateID, AggregateVersion: e.AggregateVersion,
		Payload: e.Payload, Trace: e.Trace, RecordTime: timestamppb.New(e.RecordTime),
	}
}

func envelope(producer, epoch string, m *eventsv1.Event) Envelope {
	return Envelope{
		Producer: producer, Epoch: epoch, EventID: m.GetEventId(), PubSeq: m.GetPubSeq(),
		PreviousID: m.GetPreviousEventId(), Type: m.GetType(),
		AggregateType: m.GetAggregateType(), AggregateID: m.GetAggregateId(), AggregateVersion: m.GetAggregateVersion(),
		Payload: m.GetPayload(), Trace: m.GetTrace(), RecordTime: m.GetRecordTime().AsTime(),
	}
}
