// Package booking is the door of the booking service: the diary of a clinic.
//
// Owns: appointment types, shifts and exceptions, openings, holds, appointments, the waitlist,
// what became of entitlements.
//
// Asks: intake for a patient's booking gate; plans for sessions of a plan; directory for
// people, places and patients that it has not heard of yet.
//
// Emits: HoldPlaced, HoldReleased, AppointmentBooked, AppointmentRescheduled,
// AppointmentCancelled, AppointmentCheckedIn, AppointmentCheckInUndone, AppointmentStarted,
// AppointmentCompleted, AppointmentNoShow, AppointmentFlagged, EntitlementVoided,
// ScheduleChanged, WaitlistJoined, WaitlistLeft, WaitlistOffered, WaitlistOfferEnded.
//
// Hears: directory's ClinicChanged, PractitionerChanged, CredentialChanged, ResourceChanged,
// PatientRegistered, PatientMerged, PatientUnmerged; intake's IntakeTriaged,
// TriageOverridden, FactsChanged; plans' PlanActivated, PlanClosed, SessionsWithdrawn,
// IssueRaised, IssueResolved, ExaminationRecorded.
package booking

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	eventsv1 "github.com/upright-clinic/upright/proto/gen/go/upright/events/v1"
	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/booking/internal/api"
	"github.com/upright-clinic/upright/services/booking/internal/app"
	"github.com/upright-clinic/upright/services/booking/internal/peer"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/daemon"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Config has what a deployment may set; its zero value works.
type Config struct{}

// Service is booking, ready to be registered and run.
type Service struct {
	db        *sqldb.DB
	app       *app.App
	log       *slog.Logger
	events    *eventlog.Log
	consumers []*eventlog.Consumer
}

// migrations are the tables of booking's database.
func migrations() []sqldb.Set {
	return []sqldb.Set{eventlog.Migrations, requestid.Migrations, audit.Migrations, store.Migrations}
}

// New migrates the database. It makes no calls. It fails when the database cannot be
// migrated.
func New(ctx context.Context, _ Config, kit daemon.Kit) (*Service, error) {
	if err := sqldb.Migrate(ctx, kit.DB, migrations()...); err != nil {
		return nil, fmt.Errorf("booking: %w", err)
	}
	directory, intake, plans := kit.Peer("directory"), kit.Peer("intake"), kit.Peer("plans")
	s := &Service{
		db:  kit.DB,
		log: kit.Log,
		app: app.New(kit.DB, &peer.Peers{
			Patients:      directoryv1.NewPatientServiceClient(directory),
			Practitioners: directoryv1.NewPractitionerServiceClient(directory),
			Places:        directoryv1.NewPlaceServiceClient(directory),
			Triage:        intakev1.NewTriageServiceClient(intake),
			Entitlements:  plansv1.NewEntitlementServiceClient(plans),
			Plans:         plansv1.NewPlanServiceClient(plans),
		}, kit.Clock, kit.Log),
		events: eventlog.New(kit.DB, eventlog.Config{Service: peer.Service, Bus: kit.Bus, Clock: kit.Clock, Log: kit.Log}),
	}
	for _, from := range []struct {
		producer string
		conn     grpc.ClientConnInterface
		handlers []eventlog.Handler
	}{
		{"directory", directory, s.app.OnDirectory()},
		{"intake", intake, s.app.OnIntake()},
		{"plans", plans, s.app.OnPlans()},
	} {
		s.consumers = append(s.consumers, eventlog.NewConsumer(kit.DB, eventlog.ConsumerConfig{
			Name: peer.Service, Producer: from.producer, Source: eventsv1.NewEventLogServiceClient(from.conn), Bus: kit.Bus,
			Handlers: from.handlers, Clock: kit.Clock, Log: kit.Log,
		}))
	}
	return s, nil
}

// Register puts booking's services, and its event log's, on a server.
func (s *Service) Register(r grpc.ServiceRegistrar) {
	api.Register(r, s.app)
	s.events.Register(r)
}

// Intervals of the work that Run does by itself.
const (
	sweepEvery   = 5 * time.Second  // expired holds: openings hide their time until then
	recoverEvery = 5 * time.Second  // attempts whose process has gone
	waitEvery    = 5 * time.Second  // offers whose deadline has passed
	tellEvery    = 5 * time.Second  // messages whose grace is over
	askEvery     = time.Minute      // appointments that have passed without an outcome
	forgetEvery  = 10 * time.Minute // request ids that no retry will use any more
	forgetBatch  = 5000
)

// Run relays booking's events, hears the other services', keeps memory in step with the log,
// ends attempts that a crash left open and holds that have expired, until the context ends;
// then it returns nil.
func (s *Service) Run(ctx context.Context) error {
	head, err := s.events.Head(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("booking: read the head of the log: %w", err)
	}
	from, err := s.app.OutgoingStart(ctx, head.PubSeq)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("booking: read where messages were left: %w", err)
	}
	s.app.Busy.Reset()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.events.Run(ctx) })
	for _, c := range s.consumers {
		group.Go(func() error { return c.Run(ctx) })
	}
	group.Go(func() error { return s.events.Tail(ctx, from, s.heard(ctx)) })
	group.Go(func() error { s.recoverAttempts(ctx); return nil })
	group.Go(func() error { s.every(ctx, sweepEvery, "release expired holds", s.sweep); return nil })
	group.Go(func() error { s.workWaitlist(ctx); return nil })
	group.Go(func() error { s.every(ctx, tellEvery, "release messages", s.app.ReleaseMessages); return nil })
	group.Go(func() error { s.every(ctx, askEvery, "ask for outcomes", s.app.AskForOutcomes); return nil })
	group.Go(func() error { s.every(ctx, forgetEvery, "forget request ids", s.forget); return nil })
	return group.Wait()
}

// every does some work again and again until the context ends. A failure is logged and tried
// again at the next turn.
func (s *Service) every(ctx context.Context, d time.Duration, what string, work func(context.Context) error) {
	ticker := time.NewTicker(d)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := work(ctx); err != nil && ctx.Err() == nil {
				s.log.LogAttrs(ctx, slog.LevelWarn, "work failed; trying again later", slog.String("work", what), slog.Any("error", err))
			}
		}
	}
}

// recoverAttempts ends what a crash left open, at once and then whenever it turns up.
func (s *Service) recoverAttempts(ctx context.Context) {
	start := true
	once := func(ctx context.Context) error {
		_, err := s.app.RecoverAttempts(ctx, start)
		if err == nil {
			start = false
		}
		return err
	}
	if err := once(ctx); err != nil && ctx.Err() == nil {
		s.log.LogAttrs(ctx, slog.LevelWarn, "recovery failed; trying again later", slog.Any("error", err))
	}
	s.every(ctx, recoverEvery, "recover attempts", once)
}

// heard takes in the service's own events: memory first, then what patients are to be told.
func (s *Service) heard(ctx context.Context) func(eventlog.Envelope) error {
	follow, note := s.app.Follow(ctx), s.app.NoteMessages(ctx)
	return func(env eventlog.Envelope) error {
		if err := follow(env); err != nil {
			return err
		}
		return note(env)
	}
}

// workWaitlist ends and makes offers: when time has become free, and at every turn.
func (s *Service) workWaitlist(ctx context.Context) {
	ticker := time.NewTicker(waitEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-s.app.TimeFreed():
		}
		if err := s.app.WorkWaitlist(ctx); err != nil && ctx.Err() == nil {
			s.log.LogAttrs(ctx, slog.LevelWarn, "work failed; trying again later", slog.String("work", "waitlist"), slog.Any("error", err))
		}
	}
}

func (s *Service) sweep(ctx context.Context) error {
	for {
		n, err := s.app.ReleaseExpiredHolds(ctx)
		if err != nil || n == 0 {
			return err
		}
	}
}

func (s *Service) forget(ctx context.Context) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := requestid.Purge(tx, tx.Now(), forgetBatch)
		return err
	})
}

// Ready says why booking cannot answer yet: its database does not answer, or another
// service's log is not the one that it read before.
func (s *Service) Ready(ctx context.Context) error {
	if err := s.db.Ping(ctx); err != nil {
		return err
	}
	for _, c := range s.consumers {
		if err := c.Ready(); err != nil {
			return err
		}
	}
	return nil
}

// Close lets go of nothing: database and connections are the kit's.
func (s *Service) Close() error { return nil }
