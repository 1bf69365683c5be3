// Package app is what intake does, one file for each use case: forms are filled in and
// submitted, triaged, worked on by clinicians, and the booking gate follows. It knows no
// transport; every effect is in one transaction with its audit row and its events.
package app

import (
	"context"
	"log/slog"
	"strconv"
	"time"

	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/intake/internal/store"
	"github.com/upright-clinic/upright/services/intake/internal/triage"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Service is intake's name, in which it hears events.
const Service = "intake"

// States of an intake and of a task.
const (
	Draft        = "DRAFT"
	Submitted    = "SUBMITTED"
	Open         = "OPEN"
	Acknowledged = "ACKNOWLEDGED"
	Decided      = "DECIDED"
)

// What raised a task.
const (
	ByIntake     = "INTAKE"
	ByMiniScreen = "MINI_SCREEN"
	ByPerson     = "PERSON"
)

// Directory is what intake asks directory about when its own copy has no row yet.
type Directory struct {
	// TimeZone returns the IANA zone of the caller's clinic.
	TimeZone func(ctx context.Context) (string, error)
	// FormLacks names what the caller's clinic has yet to say before its patients may fill in
	// a form: an emergency number, a clinical safety officer.
	FormLacks func(ctx context.Context) ([]string, error)
	// Verify reports whether a family name and a date of birth are those of a patient; it
	// asks in intake's own name.
	Verify func(ctx context.Context, clinicID, patientID, familyName, birthDate string) (bool, error)
	// Patient fails with NOT_FOUND when the caller's clinic has no such patient.
	Patient func(ctx context.Context, patientID string) error
	// Me returns the caller's name.
	Me func(ctx context.Context) (string, error)
	// Clinician reports whether an account is an active clinician of the caller's clinic.
	Clinician func(ctx context.Context, accountID string) (bool, error)
}

// App has the use cases. It may be used by any number of goroutines.
type App struct {
	db        *sqldb.DB
	forms     *Forms
	directory Directory
	log       *slog.Logger
	steps     steps
	records   *records
}

// New returns the use cases on a migrated database.
func New(db *sqldb.DB, forms *Forms, directory Directory, log *slog.Logger) *App {
	return &App{db: db, forms: forms, directory: directory, log: log, steps: newSteps(), records: &records{db: db}}
}

// Audience is how much of an intake somebody may see (architecture section 7): the one
// place that decides it.
type Audience int

// Audiences: the front desk sees status and level; patients their answers and what to do;
// clinicians everything.
const (
	FrontDesk Audience = iota
	Patients
	Clinicians
)

func audience(p authn.Principal) Audience {
	switch {
	case p.Is(typev1.Role_ROLE_CLINICIAN):
		return Clinicians
	case p.IsStaff() || p.IsService():
		return FrontDesk
	}
	return Patients
}

// as is the word for who gives an answer or makes a decision.
func as(p authn.Principal) string {
	switch audience(p) {
	case Clinicians:
		return "CLINICIAN"
	case Patients:
		return "PATIENT"
	case FrontDesk:
	}
	return "RECEPTIONIST"
}

// callerOf returns who calls. The access rules let nobody in without; this fails with
// UNAUTHENTICATED if they ever did.
func callerOf(ctx context.Context) (authn.Principal, error) {
	p, ok := authn.From(ctx)
	if !ok || p.ClinicID == "" {
		return p, fault.New(fault.Unauthenticated, "UNAUTHENTICATED", "Sign in first.")
	}
	return p, nil
}

// person is a patient with every record that was merged with it.
type person struct {
	patientID string // the record asked for
	rootID    string // the record that lives on
	members   []store.Patient
}

// mergedAt is when the records became one person's; zero for a single record.
func (w person) mergedAt() time.Time {
	var at time.Time
	for _, m := range w.members {
		if m.PatientID != m.RootID && m.MergedAt.After(at) {
			at = m.MergedAt
		}
	}
	return at
}

// sees reports whether the caller may know of the person: as staff, or through any of the
// records that are the person's.
func (w person) sees(p authn.Principal) bool {
	for _, m := range w.members {
		if p.SeesPatient(m.PatientID) {
			return true
		}
	}
	return p.SeesPatient(w.patientID)
}

// personOf reads a patient and the records merged with it; one that directory has not told
// of stands alone. lock keeps merges away until the transaction ends.
func personOf(tx *sqldb.Tx, clinicID, patientID string, lock bool) (person, error) {
	get := store.GetPatient
	if lock {
		get = store.LockPatient
	}
	row, ok, err := get(tx, clinicID, patientID)
	if err != nil || !ok {
		return person{patientID: patientID, rootID: patientID}, err
	}
	members, err := store.Members(tx, clinicID, row.RootID)
	return person{patientID: patientID, rootID: row.RootID, members: members}, err
}

// knowPatient makes sure that the patient is one of the caller's clinic whom the caller may
// know of, asking directory when intake has not heard of the patient yet. It fails with
// NOT_FOUND otherwise, the same for a missing patient and another's.
func (a *App) knowPatient(ctx context.Context, p authn.Principal, patientID string) error {
	var who person
	var known bool
	err := a.db.Read(ctx, func(tx *sqldb.Tx) error {
		var err error
		who, err = personOf(tx, p.ClinicID, patientID, false)
		known = len(who.members) > 0
		return err
	})
	if err != nil {
		return err
	}
	if !who.sees(p) {
		return fault.NotFoundf("patient")
	}
	if known {
		return nil
	}
	if err := a.directory.Patient(ctx, patientID); err != nil {
		return err
	}
	return a.db.Write(ctx, func(tx *sqldb.Tx) error { return store.AddPatient(tx, p.ClinicID, patientID) })
}

// zoneOf returns the clinic's time zone, asking directory when intake has not heard of the
// clinic yet. An answer about an emergency does not wait for directory: when it cannot be
// asked, days are counted in UTC this once.
func (a *App) zoneOf(ctx context.Context, clinicID string) *time.Location {
	var name string
	var known bool
	err := a.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		name, known, err = store.TimeZone(tx, clinicID)
		return err
	})
	if err == nil && !known {
		if name, err = a.directory.TimeZone(ctx); err == nil {
			err = a.KeepClinic(ctx, clinicID, name)
		}
	}
	if err == nil {
		var zone *time.Location
		if zone, err = time.LoadLocation(name); err == nil {
			return zone
		}
	}
	a.log.WarnContext(ctx, "clinic's zone not known, using UTC", slog.String("clinic_id", clinicID), slog.Any("error", err))
	return time.UTC
}

// KeepClinic stores what directory told of a clinic.
func (a *App) KeepClinic(ctx context.Context, clinicID, zone string) error {
	return a.db.Write(ctx, func(tx *sqldb.Tx) error { return store.PutClinic(tx, clinicID, zone) })
}

// etagOf is the text form of a version.
func etagOf(version int64) string { return strconv.FormatInt(version, 10) }

// checkEtag refuses with ABORTED, VERSION_MISMATCH when an etag is given and is not that of
// the version.
func checkEtag(etag string, version int64) error {
	if etag == "" || etag == etagOf(version) {
		return nil
	}
	if _, err := strconv.ParseInt(etag, 10, 64); err != nil {
		return fault.Invalid("etag", "is not an etag of this resource")
	}
	return versionMismatch(version)
}

func versionMismatch(version int64) *fault.Error {
	return fault.New(fault.Aborted, "VERSION_MISMATCH", "It was changed by someone else meanwhile. Load it again.").
		With("etag", etagOf(version))
}

// levelOf turns a stored rank into a level.
func levelOf(rank int) triage.Level { return triage.Level(rank) }

// storedZone is zoneOf inside a transaction: UTC when directory has not told of the clinic.
func storedZone(tx *sqldb.Tx, clinicID string) (*time.Location, error) {
	name, ok, err := store.TimeZone(tx, clinicID)
	if err != nil || !ok {
		return time.UTC, err
	}
	return time.LoadLocation(name)
}
