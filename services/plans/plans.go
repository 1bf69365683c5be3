// Package plans is the door of the plans service: what a clinician has decided to do for a
// patient, and whether one more session of it is allowed.
//
// Owns: templates, plans and their courses, entitlements, the injection ledger, medicines,
// referrals, issues, the pain diary, outcomes, notes, examinations, home programmes.
//
// Asks: booking what became of a claim, and tells it what an examination forbids; directory
// for patients, practitioners and clinics; intake for what is known against kinds of care and
// how a pain came.
//
// Emits: PlanActivated, PlanChanged, PlanClosed, SessionsClaimed, SessionsConfirmed,
// SessionsReleased, SessionsWithdrawn, InjectionRecorded, IssueRaised, IssueResolved,
// DiaryEntryAdded, OutcomeRecorded, HomeProgrammeChanged, NoteSigned, ExaminationRecorded,
// ReferralProposed, ReferralChanged.
//
// Hears: AppointmentBooked, AppointmentRescheduled, AppointmentCancelled,
// AppointmentCompleted, AppointmentNoShow, EntitlementVoided, IntakeTriaged,
// TriageOverridden, FactsChanged, PatientMerged, PatientUnmerged, PractitionerChanged,
// CredentialChanged, ClinicChanged.
package plans

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	eventsv1 "github.com/upright-clinic/upright/proto/gen/go/upright/events/v1"
	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	"github.com/upright-clinic/upright/services/plans/internal/aftercare"
	"github.com/upright-clinic/upright/services/plans/internal/api"
	"github.com/upright-clinic/upright/services/plans/internal/app"
	"github.com/upright-clinic/upright/services/plans/internal/diary"
	"github.com/upright-clinic/upright/services/plans/internal/homecare"
	"github.com/upright-clinic/upright/services/plans/internal/injection"
	"github.com/upright-clinic/upright/services/plans/internal/medication"
	"github.com/upright-clinic/upright/services/plans/internal/note"
	"github.com/upright-clinic/upright/services/plans/internal/outcome"
	"github.com/upright-clinic/upright/services/plans/internal/peer"
	"github.com/upright-clinic/upright/services/plans/internal/plan"
	"github.com/upright-clinic/upright/services/plans/internal/referral"
	"github.com/upright-clinic/upright/services/plans/internal/steroid"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/daemon"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Config has what a deployment may set; its zero value is what production uses.
type Config struct {
	// CatalogueFile is a catalogue of templates and limits to use instead of the one that
	// ships, as JSON.
	CatalogueFile string
	// PolicyFile is an injection policy to use instead of the one that ships, as JSON: for
	// example with stacked caps.
	PolicyFile string
	// InstrumentFile is a pack of outcome instruments to use instead of the one that ships, as
	// JSON: for example with instruments that the clinic has a licence for.
	InstrumentFile string
	// HomeLibraryFile is a library of home items to use instead of the one that ships, as JSON.
	HomeLibraryFile string
	// ResolveAfter is how old a claim without an outcome gets before booking is asked; 0
	// means ten minutes. It frees nothing by itself.
	ResolveAfter time.Duration
	// ResolveEvery is how often such claims, and plans that are over, are looked for; 0
	// means a minute.
	ResolveEvery time.Duration
}

// Service is plans, ready to be registered and run.
type Service struct {
	db        *sqldb.DB
	app       *app.App
	events    *eventlog.Log
	consumers []*eventlog.Consumer
	every     time.Duration
}

// migrations are the tables of plans' database.
func migrations() []sqldb.Set {
	return []sqldb.Set{eventlog.Migrations, requestid.Migrations, audit.Migrations, store.Migrations}
}

// New migrates the database and reads the catalogue and the policy. It makes no calls. It
// fails when the database cannot be migrated or a file has a defect, which it names.
func New(ctx context.Context, cfg Config, kit daemon.Kit) (*Service, error) {
	settings := app.Config{
		ResolveAfter: cmp.Or(cfg.ResolveAfter, 10*time.Minute), Steroids: steroid.Standard(), Medicines: medication.Standard(),
		Diary: diary.Standard(), Notes: note.Standard(), Aftercare: aftercare.Standard(), Referrals: referral.Standard(),
	}
	var err error
	if settings.Catalogue, err = catalogue(cfg.CatalogueFile); err != nil {
		return nil, fmt.Errorf("plans: %w", err)
	}
	if settings.Policy, err = policy(cfg.PolicyFile); err != nil {
		return nil, fmt.Errorf("plans: %w", err)
	}
	if settings.Home, err = library(cfg.HomeLibraryFile); err != nil {
		return nil, fmt.Errorf("plans: %w", err)
	}
	if settings.Outcomes, err = instruments(cfg.InstrumentFile); err != nil {
		return nil, fmt.Errorf("plans: %w", err)
	}
	if err := sqldb.Migrate(ctx, kit.DB, migrations()...); err != nil {
		return nil, fmt.Errorf("plans: %w", err)
	}
	s := &Service{
		db: kit.DB, every: cmp.Or(cfg.ResolveEvery, time.Minute),
		events: eventlog.New(kit.DB, eventlog.Config{Service: app.Service, Bus: kit.Bus, Clock: kit.Clock, Log: kit.Log}),
	}
	// Nothing is granted before booking's log was read: its consumer is made first, its
	// handlers only once the use cases that it guards are there.
	var booking *eventlog.Consumer
	settings.CaughtUp = func(ctx context.Context) error { return booking.WaitCaughtUp(ctx) }
	directory, intake, diary := kit.Peer("directory"), kit.Peer("intake"), kit.Peer("booking")
	peers := peer.Peers{
		Patients: directoryv1.NewPatientServiceClient(directory), Practitioners: directoryv1.NewPractitionerServiceClient(directory),
		Places: directoryv1.NewPlaceServiceClient(directory), Triage: intakev1.NewTriageServiceClient(intake),
		Appointments: bookingv1.NewAppointmentServiceClient(diary),
	}
	s.app = app.New(kit.DB, settings, peers.Asks(), kit.Clock, kit.Log)
	hear := func(producer string, conn grpc.ClientConnInterface, handlers []eventlog.Handler) *eventlog.Consumer {
		c := eventlog.NewConsumer(kit.DB, eventlog.ConsumerConfig{
			Name: app.Service, Producer: producer, Source: eventsv1.NewEventLogServiceClient(conn), Bus: kit.Bus,
			Handlers: handlers, Clock: kit.Clock, Log: kit.Log,
		})
		s.consumers = append(s.consumers, c)
		return c
	}
	booking = hear("booking", diary, s.app.BookingHandlers())
	hear("intake", intake, s.app.IntakeHandlers())
	hear("directory", directory, s.app.DirectoryHandlers())
	return s, nil
}

func catalogue(file string) (plan.Catalogue, error) {
	if file == "" {
		return plan.StandardCatalogue(), nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return plan.Catalogue{}, err
	}
	return plan.ParseCatalogue(data)
}

func policy(file string) (injection.Policy, error) {
	if file == "" {
		return injection.StandardPolicy(), nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return injection.Policy{}, err
	}
	return injection.ParsePolicy(data)
}

func library(file string) (homecare.Library, error) {
	if file == "" {
		return homecare.Standard(), nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return homecare.Library{}, err
	}
	return homecare.Parse(data)
}

// instruments reads the clinic's own pack; what it may show is between the clinic and the
// owners of the instruments.
func instruments(file string) (outcome.Set, error) {
	if file == "" {
		return outcome.Standard(), nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return outcome.Set{}, err
	}
	return outcome.Parse(data, true)
}

// Register puts plans' services, and its event log's, on a server.
func (s *Service) Register(r grpc.ServiceRegistrar) {
	api.Register(r, s.app)
	s.events.Register(r)
}

// Run relays plans' events, hears the other services and asks booking about claims that
// wait, until the context ends; then it returns nil.
func (s *Service) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.events.Run(ctx) })
	for _, c := range s.consumers {
		group.Go(func() error { return c.Run(ctx) })
	}
	group.Go(func() error { s.housekeep(ctx); return nil })
	return group.Wait()
}

// purgeEvery is how often request ids that are remembered no longer are removed.
const purgeEvery = time.Hour

// housekeep checks booked injections against a policy that has changed and asks about claims
// that waited while plans was down, at once; and both, and closes plans that are over, now and
// then. What failed is logged and tried again next time.
func (s *Service) housekeep(ctx context.Context) {
	tick, purge := time.NewTicker(s.every), time.NewTicker(purgeEvery)
	defer tick.Stop()
	defer purge.Stop()
	_ = s.app.ReviewPolicy(ctx)
	_, _ = s.app.ResolveHeld(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case <-purge.C:
			_ = s.app.Purge(ctx)
		case <-tick.C:
			_ = s.app.ReviewPolicy(ctx)
			_, _ = s.app.ResolveHeld(ctx)
			_, _ = s.app.CloseExpired(ctx)
		}
	}
}

// Ready says why plans cannot answer: its database does not, or a producer was restored
// from a backup and an operator must reconcile.
func (s *Service) Ready(ctx context.Context) error {
	errs := []error{s.db.Ping(ctx)}
	for _, c := range s.consumers {
		errs = append(errs, c.Ready())
	}
	return errors.Join(errs...)
}

// Close has nothing to let go of: the database is the kit's.
func (s *Service) Close() error { return nil }
