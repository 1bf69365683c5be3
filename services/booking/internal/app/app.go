// Package app has booking's use cases, one file each.
//
// A booking without a plan is one transaction. One with a plan goes through the entitlement
// protocol of architecture section 6: see attempt.go. All of them place their claims through
// place.go, so every door has the same rules and the database the last word. Files named on_*
// handle other services' events.
//
// Failpoints, in the order in which a plan booking passes them: booking.claims_placed (the
// attempt is written, not committed), booking.attempt_recorded (committed), booking.claimed
// (plans has granted), booking.before_outcome (the deciding transaction begins),
// booking.outcome_recorded (written, not committed), booking.outcome_committed. One that
// fails passes booking.before_void, booking.void_recorded and booking.voided; a plain booking
// booking.booked_uncommitted and booking.booked; recovery booking.recovering. The waitlist
// passes booking.offered when an offer stands, and booking.offer_booked when one was accepted.
package app

import (
	"context"
	"errors"
	"log/slog"
	"time"

	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/booking/internal/calendar"
	"github.com/upright-clinic/upright/services/booking/internal/peer"
	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/clock"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// App is what the use cases work on.
type App struct {
	DB         *sqldb.DB
	Peers      *peer.Peers
	Clock      clock.Clock
	Log        *slog.Logger
	Catalogues *calendar.Catalogues
	Busy       *calendar.Busy
	Sheets     *calendar.Sheets // nil where other processes write too

	kept     calendar.Answers[keptKey, *Openings]
	started  time.Time
	waitlist *waitlistBell
}

// New returns the use cases over a migrated database.
func New(db *sqldb.DB, peers *peer.Peers, clk clock.Clock, log *slog.Logger) *App {
	a := &App{
		DB: db, Peers: peers, Clock: clk, Log: log, Catalogues: calendar.NewCatalogues(db, clk), Busy: calendar.NewBusy(db),
		started: clk.Now(), waitlist: newWaitlistBell(),
	}
	if db.Dialect() == sqldb.SQLite {
		a.Sheets = calendar.NewSheets(clk)
	}
	return a
}

// caller is who asks, as booking's rules see them.
type caller struct {
	authn.Principal
	party schedule.Party
}

// callerOf reads the caller. The access rules have let them in already.
func callerOf(ctx context.Context) (caller, error) {
	p, ok := authn.From(ctx)
	if !ok || p.ClinicID == "" {
		return caller{}, fault.New(fault.Unauthenticated, "UNAUTHENTICATED", "Sign in first.")
	}
	c := caller{Principal: p, party: schedule.Patient}
	if p.Is(typev1.Role_ROLE_RECEPTIONIST, typev1.Role_ROLE_CLINICIAN, typev1.Role_ROLE_ADMIN) || p.IsService() {
		c.party = schedule.Staff
	}
	return c, nil
}

// patient returns the patient that a request is about: the one named, or the only one that
// the caller acts for. Somebody else's is NOT_FOUND.
func (c caller) patient(id string) (string, error) {
	if id == "" && c.party == schedule.Patient && len(c.PatientIDs) == 1 {
		return c.PatientIDs[0], nil
	}
	if id == "" {
		return "", fault.Invalid("patient_id", "is required")
	}
	if !c.SeesPatient(id) {
		return "", fault.NotFoundf("patient")
	}
	return id, nil
}

// appointmentSeen answers NOT_FOUND for an appointment that is not there or not the caller's.
func (c caller) appointmentSeen(a *store.Appointment) error {
	if a == nil || !c.SeesPatient(a.PatientID) && !c.SeesPatient(a.ClaimedPatientID) {
		return fault.NotFoundf("appointment")
	}
	return nil
}

// slotOf reads a start, which must lie on a whole five minutes.
func slotOf(field string, t time.Time) (schedule.Slot, error) {
	if !schedule.Aligned(t) {
		return 0, fault.Invalid(field, "must be on a whole five minutes")
	}
	if y := t.Year(); y < 2000 || y > 2200 {
		return 0, fault.Invalid(field, "must be between the years 2000 and 2200")
	}
	return schedule.SlotAt(t), nil
}

// checkEtag refuses a change that is based on another version; an empty etag is not checked.
func checkEtag(etag string, version int64) error {
	if etag != "" && etag != Etag(version) {
		return fault.New(fault.Aborted, "VERSION_MISMATCH", "It was changed by someone else meanwhile. Load it again.").With("etag", Etag(version))
	}
	return nil
}

// clinic returns the clinic's catalogue in memory. A clinic that is not known here yet is
// fetched from directory first. NOT_FOUND when directory has none either.
func (a *App) clinic(ctx context.Context, clinicID string) (*calendar.Clinic, error) {
	if c := a.Catalogues.Cached(clinicID); c != nil {
		return c, nil
	}
	return a.currentClinic(ctx, clinicID)
}

// currentClinic is clinic, compared with the database's version first.
func (a *App) currentClinic(ctx context.Context, clinicID string) (*calendar.Clinic, error) {
	c, err := a.Catalogues.Current(ctx, clinicID)
	if fault.IsKind(err, fault.NotFound) {
		if err := a.SyncClinic(ctx, clinicID); err != nil {
			return nil, err
		}
		c, err = a.Catalogues.Current(ctx, clinicID)
	}
	return c, err
}

// Signals by which a transaction asks for something that must happen outside it; the caller
// does that and runs it again.
var (
	errStaleCatalogue = errors.New("booking: the catalogue has changed")
	errNewerGate      = errors.New("booking: the gate has changed")
	errUnknownPatient = errors.New("booking: the patient is not known here yet")
	errRace           = errors.New("booking: a resource of the pool was taken meanwhile")
	errCareful        = errors.New("booking: something is taken; look what")
)

// detach keeps a context's values and gives it its own end, for what must be finished even
// when the caller has gone.
func detach(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), detachedTimeout)
}

// detachedTimeout bounds work that outlives its caller.
const detachedTimeout = 10 * time.Second
