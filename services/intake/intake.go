// Package intake is the door of the intake service: forms that patients fill in, their
// triage, the work that follows from it, and the gate that booking obeys.
//
// Owns: questionnaires with their rules (versioned data), intakes with every answer ever
// given, triage results, triage tasks and decisions, clinical facts about a patient,
// releases of contraindications, mini-screens, the booking gate.
//
// Asks: directory, for a patient or a clinic that it has not heard of yet.
//
// Emits: IntakeStarted, IntakeSubmitted, IntakeTriaged, TriageOverridden, FactsChanged,
// TriageTaskEscalated.
//
// Hears: directory's PatientRegistered, PatientMerged, PatientUnmerged, ClinicChanged.
package intake

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	eventsv1 "github.com/upright-clinic/upright/proto/gen/go/upright/events/v1"
	"github.com/upright-clinic/upright/services/intake/internal/api"
	"github.com/upright-clinic/upright/services/intake/internal/app"
	"github.com/upright-clinic/upright/services/intake/internal/store"
	"github.com/upright-clinic/upright/services/intake/internal/triage"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/daemon"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Config has what a deployment may set; its zero value works.
type Config struct{}

// Service is intake, ready to be registered and run.
type Service struct {
	db       *sqldb.DB
	app      *app.App
	events   *eventlog.Log
	consumer *eventlog.Consumer
	log      *slog.Logger
}

// migrations are the tables of intake's database.
func migrations() []sqldb.Set {
	return []sqldb.Set{eventlog.Migrations, requestid.Migrations, audit.Migrations, store.Migrations}
}

// New migrates the database and compiles the forms. It makes no calls. It fails when the
// database cannot be migrated, or when a form that ships with the program is not usable,
// naming the place.
func New(ctx context.Context, _ Config, kit daemon.Kit) (*Service, error) {
	group, working := errgroup.WithContext(ctx)
	var sets []*triage.Set
	group.Go(func() (err error) { sets, err = triage.Shipped(); return err })
	group.Go(func() error { return sqldb.Migrate(working, kit.DB, migrations()...) })
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("intake: %w", err)
	}
	directory := kit.Peer("directory")
	s := &Service{
		db:     kit.DB,
		app:    app.New(kit.DB, app.NewForms(sets, kit.Clock), asks(directory), kit.Log),
		log:    kit.Log,
		events: eventlog.New(kit.DB, eventlog.Config{Service: app.Service, Bus: kit.Bus, Clock: kit.Clock, Log: kit.Log}),
	}
	if err := s.app.RefreshForms(ctx); err != nil {
		return nil, fmt.Errorf("intake: %w", err)
	}
	s.consumer = eventlog.NewConsumer(kit.DB, eventlog.ConsumerConfig{
		Name: app.Service, Producer: "directory", Source: eventsv1.NewEventLogServiceClient(directory), Bus: kit.Bus,
		Handlers: s.handlers(directoryv1.NewPlaceServiceClient(directory)), Clock: kit.Clock, Log: kit.Log,
	})
	return s, nil
}

// asks is what intake asks directory, with the caller's own rights.
func asks(directory grpc.ClientConnInterface) app.Directory {
	places, patients := directoryv1.NewPlaceServiceClient(directory), directoryv1.NewPatientServiceClient(directory)
	accounts := directoryv1.NewAccountServiceClient(directory)
	return app.Directory{
		TimeZone: func(ctx context.Context) (string, error) {
			got, err := places.GetClinic(ctx, &directoryv1.GetClinicRequest{})
			return got.GetClinic().GetTimeZone(), err
		},
		FormLacks: func(ctx context.Context) ([]string, error) {
			got, err := places.GetClinic(ctx, &directoryv1.GetClinicRequest{})
			if err != nil {
				return nil, err
			}
			return formLacks(got.GetClinic()), nil
		},
		Verify: func(ctx context.Context, clinicID, patientID, familyName, birthDate string) (bool, error) {
			got, err := patients.VerifyPatient(authn.WithService(ctx, app.Service, clinicID), &directoryv1.VerifyPatientRequest{
				PatientId: patientID, FamilyName: familyName, BirthDate: birthDate,
			})
			return got.GetMatches(), err
		},
		Patient: func(ctx context.Context, patientID string) error {
			_, err := patients.GetPatient(ctx, &directoryv1.GetPatientRequest{PatientId: patientID})
			return err
		},
		Me: func(ctx context.Context) (string, error) {
			got, err := accounts.GetMe(ctx, &directoryv1.GetMeRequest{})
			return got.GetAccount().GetDisplayName(), err
		},
		Clinician: func(ctx context.Context, accountID string) (bool, error) {
			got, err := accounts.GetAccount(ctx, &directoryv1.GetAccountRequest{AccountId: accountID})
			if err != nil && fault.From(err).Kind == fault.NotFound {
				return false, nil
			}
			active := got.GetAccount().GetState() == "ACTIVE" && slices.Contains(got.GetAccount().GetRoles(), "CLINICIAN")
			return active, err
		},
	}
}

// formLacks names what a clinic has yet to say before its patients may fill in a form, in the
// words of its record: a form that finds an emergency must name whom to call (clinical
// reference 4.8), and somebody must answer for its rules (clinical reference 5, decision 5).
func formLacks(clinic *directoryv1.Clinic) (lacks []string) {
	if !slices.ContainsFunc(clinic.GetEmergencyNumbers(), func(n *directoryv1.EmergencyNumber) bool { return n.GetKind() == "EMERGENCY" }) {
		lacks = append(lacks, "emergency_numbers")
	}
	if clinic.GetClinicalSafetyOfficer().GetName() == "" {
		lacks = append(lacks, "clinical_safety_officer")
	}
	return lacks
}

// handlers are what intake does about directory's events.
func (s *Service) handlers(places directoryv1.PlaceServiceClient) []eventlog.Handler {
	return []eventlog.Handler{
		eventlog.On(func(_ context.Context, tx *sqldb.Tx, m *directoryv1.PatientRegistered, _ eventlog.Envelope) error {
			return s.app.OnPatientRegistered(tx, m.GetClinicId(), m.GetPatientId())
		}),
		eventlog.On(func(ctx context.Context, tx *sqldb.Tx, m *directoryv1.PatientMerged, _ eventlog.Envelope) error {
			return s.app.OnPatientMerged(ctx, tx, m.GetClinicId(), m.GetSurvivingPatientId(), m.GetMergedPatientId())
		}),
		eventlog.On(func(ctx context.Context, tx *sqldb.Tx, m *directoryv1.PatientUnmerged, _ eventlog.Envelope) error {
			return s.app.OnPatientUnmerged(ctx, tx, m.GetClinicId(), m.GetSurvivingPatientId(), m.GetRestoredPatientId())
		}),
		eventlog.OnAsking(
			func(ctx context.Context, m *directoryv1.ClinicChanged) (string, error) {
				ctx = authn.WithService(ctx, app.Service, m.GetClinicId())
				got, err := places.GetClinic(ctx, &directoryv1.GetClinicRequest{ClinicId: m.GetClinicId()})
				return got.GetClinic().GetTimeZone(), err
			},
			func(_ context.Context, tx *sqldb.Tx, m *directoryv1.ClinicChanged, zone string, _ eventlog.Envelope) error {
				return s.app.OnClinicChanged(tx, m.GetClinicId(), zone)
			}),
	}
}

// Register puts intake's services, and its event log's, on a server.
func (s *Service) Register(r grpc.ServiceRegistrar) {
	api.Register(r, s.app)
	s.events.Register(r)
}

// Run relays intake's events, hears directory's, and forgets old request ids, until the
// context ends; then it returns nil.
func (s *Service) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.events.Run(ctx) })
	group.Go(func() error { return s.consumer.Run(ctx) })
	group.Go(func() error {
		s.every(ctx, forgetEvery, "old request ids not forgotten", s.forget)
		return nil
	})
	group.Go(func() error {
		s.every(ctx, escalateEvery, "late tasks not looked at", func(ctx context.Context) error {
			_, err := s.app.EscalateTasks(ctx)
			return err
		})
		return nil
	})
	group.Go(func() error {
		s.every(ctx, chaseEvery, "unfinished forms not looked at", func(ctx context.Context) error {
			_, err := s.app.ChaseDrafts(ctx)
			return err
		})
		return nil
	})
	group.Go(func() error {
		s.every(ctx, refreshEvery, "forms in force not read anew", s.app.RefreshForms)
		return nil
	})
	return group.Wait()
}

// forgetEvery and forgetBatch bound the work of forgetting request ids.
const (
	forgetEvery = 10 * time.Minute
	forgetBatch = 5000
)

// refreshEvery is how long after a switch in another process its forms are in force here.
const refreshEvery = 5 * time.Second

// How often late tasks and unfinished forms are looked at.
const (
	escalateEvery = 15 * time.Second
	chaseEvery    = 5 * time.Minute
)

// every does something again and again until the context ends. A failure is told and tried
// again at the next turn.
func (s *Service) every(ctx context.Context, interval time.Duration, failed string, do func(context.Context) error) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := do(ctx); err != nil && ctx.Err() == nil {
				s.log.WarnContext(ctx, failed, slog.Any("error", err))
			}
		}
	}
}

// forget deletes request ids that no retry will use any more, and links, form sessions and
// messages whose time is over.
func (s *Service) forget(ctx context.Context) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if _, err := requestid.Purge(tx, tx.Now(), forgetBatch); err != nil {
			return err
		}
		return s.app.PurgeForms(tx)
	})
}

// Ready says why intake cannot answer yet: its database does not answer, or directory's log
// is not the one that it read before.
func (s *Service) Ready(ctx context.Context) error {
	if err := s.db.Ping(ctx); err != nil {
		return err
	}
	return s.consumer.Ready()
}

// Close lets go of nothing: database and connections are the kit's.
func (s *Service) Close() error { return nil }
