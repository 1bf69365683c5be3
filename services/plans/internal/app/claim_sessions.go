package app

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/plans/internal/injection"
	"github.com/upright-clinic/upright/services/plans/internal/plan"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/failpoint"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// SessionClaim is one session that a booking wants.
type SessionClaim struct {
	EntitlementID string
	AppointmentID string
	Start         time.Time
	Date          civil.Date // at the treating site
	Minutes       int        // 0: not known
	Replaces      string
	// PractitionerID would give this one; empty is the claim's.
	PractitionerID string
}

// Claim is sessions of one course of one plan: all are granted or none.
type Claim struct {
	ClinicID       string
	PatientID      string // as booking knows them; merges are followed
	PlanID         string
	CourseID       string // empty: the only one of the discipline
	Discipline     string
	PractitionerID string
	Sessions       []SessionClaim
}

// catchUpMargin is what of the caller's deadline is left for the claim itself when it first
// waits for booking's log.
const catchUpMargin = 250 * time.Millisecond

// ClaimSessions grants every session as HELD, or none (architecture section 6, step 2).
// The same ids again give the same claims, in the state that they are in by now: an outcome
// that came first is what its claim gets. It fails with the refusals of plan.Situation, with
// ABORTED / ENTITLEMENT_REUSED when an id stands for something else already, and with
// UNAVAILABLE / CATCHING_UP until booking's log has been read after a start, or while the
// outcome of an earlier claim of the same appointment is still on its way.
func (a *App) ClaimSessions(ctx context.Context, c Claim) ([]store.Entry, error) {
	if err := c.wantsDistinct(); err != nil {
		return nil, err
	}
	if err := a.caughtUp(ctx); err != nil {
		return nil, err
	}
	var granted []store.Entry
	err := a.withKnowledge(ctx, c, func() (err error) {
		granted, err = a.grant(ctx, c)
		return err
	})
	if err == nil {
		failpoint.Hit("plans.claim_committed")
	}
	return granted, err
}

// caughtUp waits for booking's log as long as the caller's deadline leaves room for it.
func (a *App) caughtUp(ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-catchUpMargin))
		defer cancel()
	}
	if err := a.cfg.CaughtUp(ctx); err != nil {
		return fault.New(fault.Unavailable, "CATCHING_UP", "Plans is still reading what was booked before it started. Try again.").Because(err)
	}
	return nil
}

// missing is what a transaction found that it would have to ask another service first: the
// patient's gate, a practitioner.
type missing struct {
	gate         bool
	practitioner string
}

func (missing) Error() string { return "plans: another service must be asked first" }

// withKnowledge runs f, and when f finds that it must ask another service, asks and runs f
// again: a question costs nothing once its answer is kept, and is never inside a
// transaction.
func (a *App) withKnowledge(ctx context.Context, c Claim, f func() error) error {
	err := f()
	var m missing
	for range 3 + len(c.Sessions) {
		if !errors.As(err, &m) {
			return err
		}
		if err := a.learn(ctx, c, m); err != nil {
			return err
		}
		err = f()
	}
	return err
}

// learn asks intake and directory what is missing, and keeps the answers.
func (a *App) learn(ctx context.Context, c Claim, m missing) error {
	if m.gate {
		survivor, _, err := a.survivor(ctx, c.ClinicID, c.PatientID)
		if err != nil {
			return err
		}
		if err := a.learnGate(ctx, c.ClinicID, survivor); err != nil {
			return err
		}
	}
	if m.practitioner == "" {
		return nil
	}
	p, err := a.asks.Practitioner(ctx, c.ClinicID, m.practitioner)
	if err != nil {
		return err
	}
	return a.db.Write(ctx, func(tx *sqldb.Tx) error {
		return store.PutPractitioner(tx, c.ClinicID, m.practitioner, p)
	})
}

// learnGate asks intake about a patient and keeps the answer.
func (a *App) learnGate(ctx context.Context, clinicID, patientID string) error {
	g, err := a.asks.Gate(ctx, clinicID, patientID)
	if err != nil {
		return err
	}
	return a.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := store.PutGate(tx, clinicID, patientID, g)
		return err
	})
}

// claim is the transaction.
func (a *App) claim(ctx context.Context, tx *sqldb.Tx, c Claim) ([]store.Entry, error) {
	head, err := store.LockHead(tx, c.ClinicID, c.PatientID)
	if err != nil {
		return nil, err
	}
	standing, entries, err := standingOf(tx, head, c)
	if err != nil {
		return nil, err
	}
	if known, err := alreadyClaimed(entries, c); err != nil || known != nil {
		return known, err
	}
	s, err := a.situation(tx, standing, entries, c)
	if err != nil {
		return nil, err
	}
	asks, err := asksOf(tx, entries, c)
	if err != nil {
		return nil, err
	}
	if err := s.Grant(asks); err != nil {
		return nil, unlessBehind(entries, c, err)
	}
	fresh := a.heldEntries(tx, head, s, c)
	n, err := store.InsertEntries(tx, fresh...)
	if err != nil {
		return nil, err
	}
	if n != len(fresh) {
		return nil, unlessBehind(entries, c, reused("An entitlement id belongs to another session, or the session that it replaces is being moved already."))
	}
	if err := tellClaimed(ctx, tx, head, c.PlanID, fresh); err != nil {
		return nil, err
	}
	failpoint.Hit("plans.claim_before_commit")
	return fresh, nil
}

// standingOf loads the plan and the rows of the ledger that bear on its sessions. The plan
// must be the person's: NOT_FOUND otherwise.
func standingOf(tx *sqldb.Tx, head store.Head, c Claim) (store.Standing, []store.Entry, error) {
	standing, err := store.StandingOf(tx, c.ClinicID, c.PlanID, c.PractitionerID)
	if err != nil {
		return standing, nil, err
	}
	if standing.Plan.PatientID != head.PatientID {
		return standing, nil, fault.NotFoundf("plan")
	}
	entries, err := store.EntriesForClaim(tx, c.ClinicID, head.PatientID, c.PlanID, c.Sessions[0].EntitlementID)
	if err != nil {
		return standing, nil, err
	}
	err = withTombstones(tx, &entries, c)
	return standing, entries, err
}

// withTombstones adds the outcomes of the other sessions when the first one's came before
// its claim: a person's tombstones are many, and only an attempt that was voided needs its
// own.
func withTombstones(tx *sqldb.Tx, entries *[]store.Entry, c Claim) error {
	first := func(e store.Entry) bool { return e.ID == c.Sessions[0].EntitlementID && e.PlanID == "" }
	if !slices.ContainsFunc(*entries, first) {
		return nil
	}
	for _, s := range c.Sessions[1:] {
		e, known, err := store.EntryByID(tx, c.ClinicID, s.EntitlementID)
		if err != nil {
			return err
		}
		if known {
			*entries = append(*entries, e)
		}
	}
	return nil
}

// situation is what decides about the sessions; missing when another service must be
// asked first.
func (a *App) situation(tx *sqldb.Tx, standing store.Standing, entries []store.Entry, c Claim) (plan.Situation, error) {
	if m := (missing{gate: !standing.GateKnown}); m.gate || !standing.PractitionerKnown {
		if !standing.PractitionerKnown {
			m.practitioner = c.PractitionerID
		}
		return plan.Situation{}, m
	}
	course, ok := standing.Plan.Course(c.CourseID, c.Discipline)
	if !ok {
		return plan.Situation{}, fault.New(fault.FailedPrecondition, "WRONG_DISCIPLINE", "The plan has no such course, or several of this kind of care.").
			With("plan_id", c.PlanID).With("course_id", c.CourseID).With("asked", c.Discipline)
	}
	limits, _ := a.cfg.Catalogue.Discipline(course.Discipline)
	today, err := dateIn(tx.Now(), standing.TimeZone)
	if err != nil {
		return plan.Situation{}, err
	}
	sessions := sessionsOf(entries, standing.Plan.ID, course.ID)
	stalled, err := a.stalled(tx, c.ClinicID, standing.Plan, course, sessions)
	if err != nil {
		return plan.Situation{}, err
	}
	return plan.Situation{
		Plan: standing.Plan, Course: course, Discipline: limits, Asked: c.Discipline, Practitioner: standing.Practitioner,
		Blocks: a.alsoExamined(standing.Blocks, standing.Examined), Today: today, Sessions: sessions, Stalled: stalled,
		Injections: injectionRecords(entries), Policy: a.cfg.Policy,
	}, nil
}

// alreadyClaimed gives the claims, in the order asked, when every one of them is in the
// ledger; nil when none is. ENTITLEMENT_REUSED when an id stands for something else, or
// when a part of the claim has an outcome: the attempt is over and can never be booked.
func alreadyClaimed(entries []store.Entry, c Claim) ([]store.Entry, error) {
	var out []store.Entry
	for _, s := range c.Sessions {
		i := slices.IndexFunc(entries, func(e store.Entry) bool { return e.ID == s.EntitlementID })
		if i < 0 {
			continue
		}
		e := entries[i]
		if e.AppointmentID != "" && (e.AppointmentID != s.AppointmentID || e.PlanID != c.PlanID) {
			return nil, reused("An entitlement id belongs to another session.").With("entitlement_id", e.ID)
		}
		if e.Outcome == "" && e.LocalDate != s.Date {
			return nil, reused("An entitlement was claimed for another date.").With("entitlement_id", e.ID)
		}
		out = append(out, e)
	}
	if len(out) > 0 && len(out) < len(c.Sessions) {
		return nil, reused("A part of these sessions was claimed or voided before. Try again with new ids.").With("entitlement_id", out[0].ID)
	}
	return out, nil
}

func reused(message string) *fault.Error {
	return fault.New(fault.Aborted, "ENTITLEMENT_REUSED", message)
}

// asksOf are the sessions as the rules see them. What a session replaces must be a session
// of the same appointment: ENTITLEMENT_REUSED otherwise.
func asksOf(tx *sqldb.Tx, entries []store.Entry, c Claim) ([]plan.Ask, error) {
	out := make([]plan.Ask, len(c.Sessions))
	known := map[string]plan.Practitioner{"": {}, c.PractitionerID: {}} // the situation has the claim's own
	for i, s := range c.Sessions {
		who, ok := known[s.PractitionerID]
		if !ok {
			var err error
			if who, ok, err = store.PractitionerByID(tx, c.ClinicID, s.PractitionerID); err != nil {
				return nil, err
			}
			if !ok {
				return nil, missing{practitioner: s.PractitionerID}
			}
			known[s.PractitionerID] = who
		}
		out[i] = plan.Ask{ID: s.EntitlementID, Date: s.Date, Start: s.Start, Minutes: s.Minutes, Replaces: s.Replaces, Practitioner: who}
		for _, e := range entries {
			if s.Replaces == "" || e.ID != s.Replaces {
				continue
			}
			if e.AppointmentID != "" && e.AppointmentID != s.AppointmentID {
				return nil, reused("A session can only replace one of the same appointment.").With("entitlement_id", s.EntitlementID)
			}
			out[i].ReplacesRecord = e.InjectionID
		}
	}
	return out, nil
}

// heldEntries are the ledger's rows for granted sessions.
func (a *App) heldEntries(tx *sqldb.Tx, head store.Head, s plan.Situation, c Claim) []store.Entry {
	out := make([]store.Entry, len(c.Sessions))
	for i, sc := range c.Sessions {
		e := store.Entry{
			ClinicID: c.ClinicID, ID: sc.EntitlementID, PatientID: head.PatientID, OriginPatientID: c.PatientID,
			AppointmentID: sc.AppointmentID, PlanID: s.Plan.ID, CourseID: s.Course.ID, Discipline: s.Course.Discipline,
			PractitionerID: cmp.Or(sc.PractitionerID, c.PractitionerID), State: Held, Counts: true, LocalDate: sc.Date, BookedDate: sc.Date, Start: sc.Start, Minutes: sc.Minutes,
			Replaces: sc.Replaces, PolicyVersion: a.cfg.Policy.Version, CreatedAt: tx.Now(), Version: 1,
		}
		if s.Discipline.Counted {
			e.Kind, e.Source, e.InjectionID = injection.FacetJoint, SourceClinic, ident.New("inj")
		}
		out[i] = e
	}
	return out
}

func tellClaimed(ctx context.Context, tx *sqldb.Tx, head store.Head, planID string, claims []store.Entry) error {
	return eventlog.Append(ctx, tx, eventlog.Event{
		AggregateType: "ledger", AggregateID: head.PatientID, AggregateVersion: head.Version,
		Message: &plansv1.SessionsClaimed{ClinicId: head.ClinicID, PatientId: head.PatientID, PlanId: planID, EntitlementIds: entryIDs(claims)},
	})
}

func entryIDs(entries []store.Entry) []string {
	ids := make([]string, len(entries))
	for i, e := range entries {
		ids[i] = e.ID
	}
	return ids
}

// wantsDistinct refuses a claim that names a session twice.
func (c Claim) wantsDistinct() error {
	var ids []string
	for _, s := range c.Sessions {
		ids = append(ids, s.EntitlementID)
		if s.Replaces == s.EntitlementID {
			return fault.Invalid("sessions.replaces_entitlement_id", "a session cannot replace itself")
		}
	}
	slices.Sort(ids)
	if len(slices.Compact(ids)) != len(c.Sessions) {
		return fault.Invalid("sessions.entitlement_id", "is there twice")
	}
	return nil
}
