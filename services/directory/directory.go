// Package directory is the door of the directory service: who the people of a clinic are,
// where it works, and who may sign in.
//
// Owns: clinics with their settings, locations, rooms, equipment, practitioners with their
// credentials, patients and their merges, accounts with roles and proxies, sign-in sessions.
//
// Asks: nobody.
//
// Emits: PatientRegistered, PatientChanged, PatientMerged, PatientUnmerged, ClinicChanged,
// PractitionerChanged, CredentialChanged, ResourceChanged.
//
// Hears: nothing.
package directory

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"github.com/upright-clinic/upright/services/directory/internal/api"
	"github.com/upright-clinic/upright/services/directory/internal/app"
	"github.com/upright-clinic/upright/services/directory/internal/store"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/daemon"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Config has what a deployment may set; its zero value is what production uses.
type Config struct {
	// StaffIdle ends a session of staff that nobody used; 0 means 15 minutes.
	StaffIdle time.Duration
	// PatientIdle is the same for patients; 0 means 30 minutes.
	PatientIdle time.Duration
	// SessionLife ends every session; 0 means 12 hours.
	SessionLife time.Duration
	// PasswordMemoryKiB and PasswordPasses are the cost of argon2id; 0 means 64 MiB and three
	// passes. A password is hashed again at its owner's next sign-in after a change.
	PasswordMemoryKiB uint32
	PasswordPasses    uint32
}

// Service is directory, ready to be registered and run.
type Service struct {
	db     *sqldb.DB
	app    *app.App
	events *eventlog.Log
}

// migrations are the tables of directory's database.
func migrations() []sqldb.Set {
	return []sqldb.Set{eventlog.Migrations, requestid.Migrations, audit.Migrations, store.Migrations}
}

// New migrates the database. It makes no calls. It fails when the database cannot be migrated.
func New(ctx context.Context, cfg Config, kit daemon.Kit) (*Service, error) {
	if err := sqldb.Migrate(ctx, kit.DB, migrations()...); err != nil {
		return nil, fmt.Errorf("directory: %w", err)
	}
	return &Service{
		db: kit.DB,
		app: app.New(kit.DB, kit.Clock, kit.Log, app.Config{
			StaffIdle: cfg.StaffIdle, PatientIdle: cfg.PatientIdle, SessionLife: cfg.SessionLife,
			Passwords: app.PasswordConfig{MemoryKiB: cfg.PasswordMemoryKiB, Passes: cfg.PasswordPasses},
		}),
		events: eventlog.New(kit.DB, eventlog.Config{Service: "directory", Bus: kit.Bus, Clock: kit.Clock, Log: kit.Log}),
	}, nil
}

// Register puts directory's services, and its event log's, on a server.
func (s *Service) Register(r grpc.ServiceRegistrar) {
	api.Register(r, s.app)
	s.events.Register(r)
}

// Run relays directory's events and keeps its tables tidy until the context ends; then it
// returns nil.
func (s *Service) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.events.Run(ctx) })
	group.Go(func() error { s.app.Housekeeping(ctx); return nil })
	return group.Wait()
}

// Ready says why directory cannot answer: its database does not.
func (s *Service) Ready(ctx context.Context) error { return s.db.Ping(ctx) }

// Close has nothing to let go of: the database is the kit's.
func (s *Service) Close() error { return nil }
