// Package app is what plans does, one file for each use case: clinicians make plans and put
// them into force, booking claims their sessions, injections are recorded, and what has
// gone wrong becomes an issue. It knows no transport; every effect is in one transaction
// with its audit row and its events.
package app

import (
	"context"
	"log/slog"
	"sync"
	"time"

	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/plans/internal/aftercare"
	"github.com/upright-clinic/upright/services/plans/internal/diary"
	"github.com/upright-clinic/upright/services/plans/internal/homecare"
	"github.com/upright-clinic/upright/services/plans/internal/injection"
	"github.com/upright-clinic/upright/services/plans/internal/medication"
	"github.com/upright-clinic/upright/services/plans/internal/note"
	"github.com/upright-clinic/upright/services/plans/internal/outcome"
	"github.com/upright-clinic/upright/services/plans/internal/plan"
	"github.com/upright-clinic/upright/services/plans/internal/referral"
	"github.com/upright-clinic/upright/services/plans/internal/steroid"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/clock"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Service is the name in which plans calls and hears others.
const Service = "plans"

// Asks are the questions that plans has for other services. None is put inside a
// transaction.
type Asks struct {
	// Gate asks intake what is known against kinds of care for a patient.
	Gate func(ctx context.Context, clinicID, patientID string) (store.Gate, error)
	// Conditions asks intake and directory what is known of a patient that bears on medicines.
	Conditions func(ctx context.Context, clinicID, patientID string) (medication.Conditions, error)
	// Circumstances asks intake what a patient's newest form says of how the pain came and how
	// old it was: options by question, and when it was handed in. Nothing without a form.
	Circumstances func(ctx context.Context, clinicID, patientID string) (options map[string][]string, at time.Time, err error)
	// AddImplantFact lets intake know of a device in a patient's body, as the caller.
	AddImplantFact func(ctx context.Context, clinicID, patientID, option string) error
	// FiredRules asks intake which rules fired on a form.
	FiredRules func(ctx context.Context, clinicID, intakeID string) ([]string, error)
	// Patient asks directory for a patient: the record that lives on when it was merged.
	// NOT_FOUND when the clinic has none.
	Patient func(ctx context.Context, clinicID, patientID string) (survivor string, err error)
	// Practitioner asks directory what a practitioner is registered as and holds. NOT_FOUND
	// when the clinic has none.
	Practitioner func(ctx context.Context, clinicID, practitionerID string) (plan.Practitioner, error)
	// TimeZone asks directory for a clinic's IANA zone.
	TimeZone func(ctx context.Context, clinicID string) (string, error)
	// KeepCareBlock lets booking know which kinds of care an examination forbids at a version of
	// it; none when it forbids none any more. The patient is the record it was entered under.
	KeepCareBlock func(ctx context.Context, clinicID, patientID, examinationID string, version int64, forbidden []string) error
	// Resolve asks booking what became of a claim; booking records VOID when nothing has.
	Resolve func(ctx context.Context, clinicID, entitlementID string) (Outcome, error)
}

// Config is what a clinic may set.
type Config struct {
	// Catalogue is what is offered, with its limits.
	Catalogue plan.Catalogue
	// Policy is the injection rule.
	Policy injection.Policy
	// Steroids are the equivalents and advisory limits of corticosteroids.
	Steroids steroid.Table
	// Medicines are the rules about medicines that ship; a clinic changes them for itself.
	Medicines medication.Rules
	// Diary are the numbers of the diary's rules.
	Diary diary.Rules
	// Outcomes are the instruments, and the rule that stops care which changes nothing.
	Outcomes outcome.Set
	// Aftercare is what is asked after an injection, and what answers mean.
	Aftercare aftercare.Rules
	// Referrals is to whom and for what the clinic refers.
	Referrals referral.Catalogue
	// Home is what home programmes are made of.
	Home homecare.Library
	// Notes are the rules of notes and examinations.
	Notes note.Rules
	// CaughtUp waits until booking's log has been read to the end it had after the start,
	// or until ctx ends: before that nothing is granted.
	CaughtUp func(ctx context.Context) error
	// ResolveAfter is how old a claim without an outcome gets before booking is asked.
	ResolveAfter time.Duration
}

// App has the use cases. It may be used by any number of goroutines.
type App struct {
	db    *sqldb.DB
	cfg   Config
	asks  Asks
	clock clock.Clock
	log   *slog.Logger
}

// New returns the use cases on a migrated database.
func New(db *sqldb.DB, cfg Config, asks Asks, clk clock.Clock, log *slog.Logger) *App {
	return &App{db: db, cfg: cfg, asks: asks, clock: clk, log: log}
}

// View is how much of a plan or an issue somebody may see (architecture section 7): the
// one place that decides it.
type View int

// Views: the front desk and other services see states and counts; patients their own plan
// without notes; clinicians everything.
const (
	FrontDesk View = iota
	Patients
	Clinicians
)

// viewOf gives the caller's view.
func viewOf(p authn.Principal) View {
	switch {
	case p.Is(typev1.Role_ROLE_CLINICIAN):
		return Clinicians
	case p.Is(typev1.Role_ROLE_PATIENT):
		return Patients
	}
	return FrontDesk
}

// caller returns who calls, and the clinic that the call is about: the caller's own or,
// for a service in its own name, the one that the request names. It fails with
// UNAUTHENTICATED without a caller and with NOT_FOUND for another's clinic.
func caller(ctx context.Context, clinicID string) (authn.Principal, string, error) {
	p, ok := authn.From(ctx)
	switch {
	case !ok || p.ClinicID == "" && clinicID == "":
		return p, "", fault.New(fault.Unauthenticated, "UNAUTHENTICATED", "Sign in first.")
	case p.ClinicID == "" && p.IsService():
		return p, clinicID, nil
	case clinicID != "" && clinicID != p.ClinicID:
		return p, "", fault.NotFoundf("clinic")
	}
	return p, p.ClinicID, nil
}

// profession is the caller's, as the catalogue names it.
func profession(p authn.Principal) string {
	return trimEnum(p.Profession.String(), "PROFESSION_")
}

// knowPatient makes sure that the patient is one of the clinic whom the caller may know
// of, asking directory when plans has not heard of them yet, and gives the record that
// lives on. NOT_FOUND is the same for a missing patient and another's.
func (a *App) knowPatient(ctx context.Context, p authn.Principal, clinicID, patientID string) (string, error) {
	survivor, known, err := a.survivor(ctx, clinicID, patientID)
	if err != nil {
		return "", err
	}
	if !p.SeesPatient(patientID) && !p.SeesPatient(survivor) {
		return "", fault.NotFoundf("patient")
	}
	if known {
		return survivor, nil
	}
	if survivor, err = a.asks.Patient(ctx, clinicID, patientID); err != nil {
		return "", err
	}
	return survivor, a.db.Write(ctx, func(tx *sqldb.Tx) error {
		if survivor != patientID { // merged before plans had heard of either
			if err := store.LockPair(tx, clinicID, patientID, survivor); err != nil {
				return err
			}
			return store.PointTo(tx, clinicID, patientID, survivor)
		}
		_, err := store.LockHead(tx, clinicID, patientID)
		return err
	})
}

func (a *App) survivor(ctx context.Context, clinicID, patientID string) (survivor string, known bool, err error) {
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		survivor, known, err = store.Survivor(tx, clinicID, patientID)
		return err
	})
	return survivor, known, err
}

// zone gives the clinic's zone, asking directory once.
func (a *App) zone(ctx context.Context, clinicID string) (*time.Location, error) {
	var name string
	var known bool
	err := a.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		name, known, err = store.ClinicZone(tx, clinicID)
		return err
	})
	if err != nil {
		return nil, err
	}
	if !known {
		if name, err = a.asks.TimeZone(ctx, clinicID); err != nil {
			return nil, err
		}
		err = a.db.Write(ctx, func(tx *sqldb.Tx) error { return store.PutClinic(tx, clinicID, name) })
		if err != nil {
			return nil, err
		}
	}
	return loadZone(name)
}

// zones are the zones that were read; reading one takes longer than a claim's rules.
var zones sync.Map

// loadZone reads a zone that directory has accepted; one that this program's zone data
// does not have is INTERNAL.
func loadZone(name string) (*time.Location, error) {
	if loc, ok := zones.Load(name); ok {
		return loc.(*time.Location), nil //nolint:forcetypeassert // nothing else is stored
	}
	loc, err := time.LoadLocation(name)
	if err == nil {
		zones.Store(name, loc)
	}
	if err != nil {
		return nil, fault.New(fault.Internal, "UNKNOWN_ZONE", "The clinic's time zone is not known here.").With("time_zone", name).Because(err)
	}
	return loc, nil
}

// today is the civil date at the clinic.
func (a *App) today(ctx context.Context, clinicID string) (civil.Date, error) {
	loc, err := a.zone(ctx, clinicID)
	if err != nil {
		return civil.Date{}, err
	}
	return civil.Of(a.clock.Now(), loc), nil
}

// todayIn is the civil date at the clinic inside a transaction, where nobody can be asked:
// by UTC while directory has not said the zone.
func todayIn(tx *sqldb.Tx, clinicID string) (civil.Date, error) {
	name, _, err := store.ClinicZone(tx, clinicID)
	if err != nil {
		return civil.Date{}, err
	}
	return dateIn(tx.Now(), name)
}

// dateIn is the civil date of an instant in a zone; by UTC while the zone is not known.
func dateIn(at time.Time, zone string) (civil.Date, error) {
	if zone == "" {
		return civil.Of(at, time.UTC), nil
	}
	loc, err := loadZone(zone)
	if err != nil {
		return civil.Date{}, err
	}
	return civil.Of(at, loc), nil
}

// ClinicOf gives the clinic that a service's call is about: the one that it names, or that
// of the person behind it. They must not differ: NOT_FOUND, as for a clinic that is not
// there.
func ClinicOf(ctx context.Context, clinicID string) (string, error) {
	_, clinicID, err := caller(ctx, clinicID)
	return clinicID, err
}
