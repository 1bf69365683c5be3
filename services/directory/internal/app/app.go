// Package app has directory's use cases, a file each: who may sign in, who the clinic's people
// are, and what its places are.
//
// The caller is the principal in the context; every use case narrows itself to the caller's
// clinic and, for patients, to their own record and those they act for. A change, its audit
// row, its event and its request id are one transaction.
package app

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"time"
	_ "time/tzdata" // clinics' zones must be known on machines without zone files

	"google.golang.org/protobuf/proto"

	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/directory/internal/store"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/clock"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Config tunes directory. The zero Config is what production uses.
type Config struct {
	// StaffIdle ends a session of staff that nobody used; 0 means 15 minutes (reliability
	// reference 4.2).
	StaffIdle time.Duration
	// PatientIdle is the same for patients; 0 means 30 minutes (reliability reference 4.2).
	PatientIdle time.Duration
	// SessionLife ends every session; 0 means 12 hours (reliability reference 4.2).
	SessionLife time.Duration
	// Passwords says how passwords are hashed; zero values mean argon2id with 64 MiB, three
	// passes and one lane, four at once (reliability reference 4.1).
	Passwords PasswordConfig
	// SignInName throttles attempts on one sign-in name; zero means five free ones, then one
	// second, doubling up to 15 minutes, one forgiven each 15 minutes.
	SignInName people.Backoff
	// SignInAddress throttles attempts from one network address, behind which a whole clinic
	// may be; zero means 50 free ones, then one second up to five minutes, one forgiven a
	// minute.
	SignInAddress people.Backoff
	// Registration throttles registrations from one network address; zero means 20 free ones,
	// then one minute up to an hour, one forgiven each three minutes.
	Registration people.Backoff
}

func (c Config) withDefaults() Config {
	for _, d := range []struct {
		value *time.Duration
		usual time.Duration
	}{{&c.StaffIdle, 15 * time.Minute}, {&c.PatientIdle, 30 * time.Minute}, {&c.SessionLife, 12 * time.Hour}} {
		if *d.value == 0 {
			*d.value = d.usual
		}
	}
	for _, b := range []struct {
		value *people.Backoff
		usual people.Backoff
	}{
		{&c.SignInName, people.Backoff{Free: 5, First: time.Second, Most: 15 * time.Minute, Forgive: 15 * time.Minute}},
		{&c.SignInAddress, people.Backoff{Free: 50, First: time.Second, Most: 5 * time.Minute, Forgive: time.Minute}},
		{&c.Registration, people.Backoff{Free: 20, First: time.Minute, Most: time.Hour, Forgive: 3 * time.Minute}},
	} {
		if *b.value == (people.Backoff{}) {
			*b.value = b.usual
		}
	}
	return c
}

// App has the use cases.
type App struct {
	db        *sqldb.DB
	clock     clock.Clock
	log       *slog.Logger
	cfg       Config
	passwords *passwords
}

// New gives the use cases on a migrated database.
func New(db *sqldb.DB, clk clock.Clock, log *slog.Logger, cfg Config) *App {
	cfg = cfg.withDefaults()
	return &App{db: db, clock: clk, log: log, cfg: cfg, passwords: newPasswords(cfg.Passwords)}
}

// caller is who calls, and what they may see.
type caller struct {
	authn.Principal
	scope store.Scope
}

// callerOf gives the caller of a method that asks for one. Nobody without a clinic has
// anything to look for here.
func callerOf(ctx context.Context) (caller, error) {
	p, ok := authn.From(ctx)
	if !ok {
		return caller{}, fault.New(fault.Unauthenticated, "UNAUTHENTICATED", "Sign in first.")
	}
	if p.ClinicID == "" {
		return caller{}, fault.New(fault.PermissionDenied, "CLINIC_MISSING", "The call says for no clinic.")
	}
	c := caller{Principal: p, scope: store.WholeClinic(p.ClinicID)}
	if !p.IsStaff() && !p.IsService() {
		c.scope = store.OnlyPatients(p.ClinicID, p.PatientIDs)
	}
	return c, nil
}

// staffOf is callerOf for what only staff and services do. PERMISSION_DENIED, STAFF_ONLY for
// whom a method's rule lets in by mistake.
func staffOf(ctx context.Context) (caller, error) {
	c, err := callerOf(ctx)
	if err == nil && !c.wholeClinic() {
		err = fault.New(fault.PermissionDenied, "STAFF_ONLY", "Only the clinic's staff may do this.")
	}
	return c, err
}

// wholeClinic reports whether the caller sees everything of the clinic.
func (c caller) wholeClinic() bool { return c.IsStaff() || c.IsService() }

// found turns a row that is not there into NOT_FOUND, the same for what does not exist and for
// what the caller may not see.
func found(err error, what string) error {
	if errors.Is(err, sqldb.ErrNoRows) {
		return fault.NotFoundf(what)
	}
	return err
}

// belongs turns a row that is not there into INVALID_ARGUMENT on the field that names it.
func belongs(err error, field, what string) error {
	if errors.Is(err, sqldb.ErrNoRows) {
		return fault.Invalid(field, "is no "+what+" of the clinic")
	}
	return err
}

// checkEtag wants the version that the caller has seen. An empty etag is any version.
func checkEtag(etag string, version int64) error {
	if etag != "" && etag != strconv.FormatInt(version, 10) {
		return store.VersionMismatch()
	}
	return nil
}

// emit appends an event of directory's.
func emit(ctx context.Context, tx *sqldb.Tx, kind, id string, version int64, message proto.Message) error {
	return eventlog.Append(ctx, tx, eventlog.Event{AggregateType: kind, AggregateID: id, AggregateVersion: version, Message: message})
}

// note appends an audit row for what was done to something that is no patient's.
func note(ctx context.Context, tx *sqldb.Tx, action, resource string, facts map[string]string) error {
	return audit.Write(ctx, tx, audit.Entry{Action: action, Resource: resource, Facts: facts})
}

// notePatient appends an audit row for what was done to a patient's record.
func notePatient(ctx context.Context, tx *sqldb.Tx, action, patientID string, facts map[string]string) error {
	return audit.Write(ctx, tx, audit.Entry{Action: action, Resource: patientID, PatientID: patientID, Facts: facts})
}

// today is the clinic's civil date now.
func (a *App) today(tx *sqldb.Tx, clinicID string) (civil.Date, error) {
	clinic, err := store.GetClinic(tx, clinicID)
	if err != nil {
		return civil.Date{}, found(err, "clinic")
	}
	return a.dayIn(clinic.TimeZone)
}

// dayIn is the civil date now in a zone that was checked when it was stored.
func (a *App) dayIn(zone string) (civil.Date, error) {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return civil.Date{}, err
	}
	return civil.Of(a.clock.Now(), loc), nil
}

// checkZone wants an IANA zone. INVALID_ARGUMENT on field.
func checkZone(field, zone string) error {
	if zone == "" {
		return fault.Invalid(field, "must be given")
	}
	if _, err := time.LoadLocation(zone); err != nil || zone == "Local" {
		return fault.Invalid(field, "must be an IANA time zone such as Europe/Vienna")
	}
	return nil
}

// Page asks for part of a list.
type Page struct {
	// Size is how many at most; 0 means the list's usual number.
	Size int
	// Token says where to go on, from the answer before.
	Token string
}

// limit is how many to read: one more than asked for shows whether there is more.
func (p Page) limit(usual int) int {
	if p.Size <= 0 {
		return usual + 1
	}
	return p.Size + 1
}

// cut shortens a list that was read with limit, and gives the token to go on with: the id of
// its last element, which is opaque to callers.
func cut[T any](list []T, limit int, id func(T) string) (page []T, next string) {
	if len(list) < limit {
		return list, ""
	}
	list = list[:limit-1]
	return list, id(list[len(list)-1])
}
