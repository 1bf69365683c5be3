// Package live tells open screens that something happened: which kind of thing, to what,
// and nothing more. A screen then asks the API for what it may see.
//
// The events come from the services' logs, pulled by position, so that none is missed
// while the bus is away; the bus only says when it is worth looking. Nothing is pulled
// while nobody watches.
package live

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	eventsv1 "github.com/upright-clinic/upright/proto/gen/go/upright/events/v1"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/eventbus"
)

const (
	// queue is how many events a slow reader may be behind before it is dropped; it comes
	// back by itself and is told what it missed.
	queue = 256
	// remembered is how many events are kept for readers that come back.
	remembered = 1024
	// linger is how long the logs are followed after the last reader left: a page that is
	// loaded again comes back within a second.
	linger = 30 * time.Second
	// poll finds events without a bus, pace bounds the work with one.
	poll = 500 * time.Millisecond
	pace = 50 * time.Millisecond
	// pageSize is how many events one question may bring.
	pageSize = 500
	// patience bounds one question to a log.
	patience = 5 * time.Second
)

// Config says where events come from.
type Config struct {
	// Logs are the services' event logs, by service.
	Logs map[string]eventsv1.EventLogServiceClient
	// Bus says when there is something new; nil: the logs are polled.
	Bus *eventbus.Bus
	// Log receives what went wrong.
	Log *slog.Logger
}

// Hub hands events to the readers of their clinic. It is safe for concurrent use.
type Hub struct {
	cfg Config

	mu      sync.Mutex
	readers map[*reader]struct{}
	recent  []frame         // the last events, oldest first
	placed  map[string]bool // services whose log was looked for, and whether it was found
	changed chan struct{}
	closed  bool
}

// frame is one event, ready to be sent.
type frame struct {
	id, clinic string
	data       []byte
}

// reader is one open screen.
type reader struct {
	clinic, account string
	frames          chan frame
	gone            chan struct{} // closed when the hub dropped it
	once            sync.Once
}

// NewHub returns a hub that follows nothing until [Hub.Run].
func NewHub(cfg Config) *Hub {
	return &Hub{cfg: cfg, readers: map[*reader]struct{}{}, placed: map[string]bool{}, changed: make(chan struct{})}
}

// Run follows the logs while somebody watches, until ctx ends; then every reader is sent
// away.
func (h *Hub) Run(ctx context.Context) error {
	var all sync.WaitGroup
	for service, log := range h.cfg.Logs {
		all.Go(func() { h.follow(ctx, service, log) })
	}
	<-ctx.Done()
	h.close()
	all.Wait()
	return nil
}

// follow hands on one service's events for as long as there are readers.
func (h *Hub) follow(ctx context.Context, service string, log eventsv1.EventLogServiceClient) {
	for h.awaitReaders(ctx) {
		watching, stop := context.WithCancel(ctx)
		woken := make(chan struct{}, 1)
		var watch sync.WaitGroup
		if h.cfg.Bus != nil {
			watch.Go(func() {
				h.cfg.Bus.Watch(watching, service, func(eventbus.Message) {
					select {
					case woken <- struct{}{}:
					default:
					}
				})
			})
		}
		h.pull(ctx, service, log, woken)
		h.lost(service)
		stop()
		watch.Wait()
	}
}

// awaitReaders waits for the first reader; it reports false when ctx ends.
func (h *Hub) awaitReaders(ctx context.Context) bool {
	for {
		n, changed := h.count()
		if n > 0 {
			return ctx.Err() == nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// pull hands on events from the end of the log, until nobody has watched for a while.
func (h *Hub) pull(ctx context.Context, service string, log eventsv1.EventLogServiceClient, woken <-chan struct{}) {
	at := position{service: service, log: log}
	lonely := time.NewTimer(linger)
	defer lonely.Stop()
	tick := time.NewTicker(poll)
	defer tick.Stop()
	rest := time.NewTicker(pace)
	defer rest.Stop()
	for failing := false; ; {
		more, err := at.read(ctx, h)
		if (err != nil) != failing && ctx.Err() == nil {
			failing = err != nil
			h.cfg.Log.LogAttrs(ctx, slog.LevelWarn, "live events", slog.String("service", service),
				slog.Bool("failing", failing), slog.Any("error", err))
		}
		n, changed := h.count()
		if n > 0 {
			lonely.Reset(linger)
		}
		select {
		case <-ctx.Done():
			return
		case <-rest.C: // never faster than this
		}
		if more {
			continue
		}
		select {
		case <-woken:
		case <-tick.C:
		case <-changed:
		case <-lonely.C:
			if n == 0 {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// position is a place in a service's log.
type position struct {
	service string
	log     eventsv1.EventLogServiceClient
	epoch   string
	seq     int64
	known   bool
	failed  bool // looking for it did not work the last time
}

// read hands on what is new and reports whether there is more.
func (p *position) read(ctx context.Context, h *Hub) (more bool, err error) {
	ctx, cancel := context.WithTimeout(authn.WithService(ctx, "gateway", ""), patience)
	defer cancel()
	if !p.known {
		head, err := p.log.GetHead(ctx, &eventsv1.GetHeadRequest{})
		if err == nil {
			p.epoch, p.seq, p.known = head.GetEpoch(), head.GetPubSeq(), true
		}
		if p.known || !p.failed {
			h.settle(p.service, p.known)
		}
		p.failed = !p.known
		return false, err
	}
	page, err := p.log.ListEvents(ctx, &eventsv1.ListEventsRequest{After: p.seq, PageSize: pageSize})
	if err != nil {
		return false, err
	}
	if page.GetEpoch() != p.epoch { // the service was restored from a backup
		p.known = false
		return true, nil
	}
	for _, event := range page.GetEvents() {
		p.seq = event.GetPubSeq()
		if f, ok := frameOf(event); ok {
			h.publish(f)
		}
	}
	return len(page.GetEvents()) == pageSize, nil
}

// settle notes how looking for the end of a log went. Once that is known of every log,
// screens are told to load everything again: what happened between their first load and
// now was not seen by anybody. A log that could not be found at first makes them load once
// more when it is.
func (h *Hub) settle(service string, found bool) {
	h.mu.Lock()
	_, again := h.placed[service]
	h.placed[service] = found
	tell := found && again || !again && len(h.placed) == len(h.cfg.Logs)
	h.mu.Unlock()
	if tell {
		h.publish(frame{data: resetData})
	}
}

// lost notes that a log has to be found again.
func (h *Hub) lost(service string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.placed, service)
}

// publish hands an event to the readers of its clinic, or to all of them when it names
// none. A reader that cannot keep up is dropped.
func (h *Hub) publish(f frame) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if f.id != "" {
		if len(h.recent) == remembered {
			copy(h.recent, h.recent[1:])
			h.recent = h.recent[:remembered-1]
		}
		h.recent = append(h.recent, f)
	}
	for r := range h.readers {
		if f.clinic != "" && f.clinic != r.clinic {
			continue
		}
		select {
		case r.frames <- f:
		default:
			h.drop(r)
		}
	}
}

// errFull says why a reader is not let in.
var errFull = errors.New("too many open screens")

// join adds a reader; missed are the events after lastID, or a reset when that is too
// long ago to know.
func (h *Hub) join(clinic, account, lastID string) (r *reader, missed []frame, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	mine := 0
	for other := range h.readers {
		if other.account == account {
			mine++
		}
	}
	if h.closed || len(h.readers) >= maxReaders || mine >= maxPerAccount {
		return nil, nil, errFull
	}
	r = &reader{clinic: clinic, account: account, frames: make(chan frame, queue), gone: make(chan struct{})}
	h.readers[r] = struct{}{}
	h.signal()
	return r, h.since(clinic, lastID), nil
}

// since returns a clinic's events after an id; the lock is held.
func (h *Hub) since(clinic, lastID string) (missed []frame) {
	if lastID == "" {
		return nil
	}
	for i := len(h.recent) - 1; i >= 0; i-- {
		if h.recent[i].id != lastID {
			continue
		}
		for _, f := range h.recent[i+1:] {
			if f.clinic == clinic {
				missed = append(missed, f)
			}
		}
		return missed
	}
	return []frame{{data: resetData}}
}

// leave removes a reader.
func (h *Hub) leave(r *reader) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drop(r)
}

// drop removes a reader and tells it; the lock is held.
func (h *Hub) drop(r *reader) {
	delete(h.readers, r)
	r.once.Do(func() { close(r.gone) })
	h.signal()
}

// signal wakes those who wait for the number of readers to change; the lock is held.
func (h *Hub) signal() {
	close(h.changed)
	h.changed = make(chan struct{})
}

// count returns the number of readers and a channel that is closed when it changes.
func (h *Hub) count() (int, <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.readers), h.changed
}

// close sends every reader away and lets no more in.
func (h *Hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for r := range h.readers {
		h.drop(r)
	}
}
