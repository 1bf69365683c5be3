package app

import (
	"context"
	"slices"

	"google.golang.org/protobuf/proto"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/plans/internal/injection"
	"github.com/upright-clinic/upright/services/plans/internal/plan"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/failpoint"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// rank orders outcomes: one only ever replaces a lower one. BOOKED moves on once, to one of
// the others; those and VOID are final.
func rank(outcome string) int {
	switch outcome {
	case "":
		return 0
	case OutcomeBooked:
		return 1
	}
	return 2
}

// applyOutcome moves a claim on to what booking has recorded (architecture section 6, step
// 4). An outcome of a claim that plans does not know becomes a row of its own, which the
// claim finds when it arrives: VOID and CANCELLED as a tombstone, the others as facts.
func (a *App) applyOutcome(ctx context.Context, tx *sqldb.Tx, o Outcome) error {
	head, e, known, err := lockEntry(tx, o)
	if err != nil {
		return err
	}
	if known && rank(o.Result) <= rank(e.Outcome) {
		return nil
	}
	before := e
	if !known {
		e = a.entryOf(tx, head, o)
	}
	if err := a.move(tx, &e, o); err != nil {
		return err
	}
	if known {
		err = store.UpdateEntry(tx, &e)
	} else {
		_, err = store.InsertEntries(tx, e)
	}
	if err != nil {
		return err
	}
	failpoint.Hit("plans.outcome_applied")
	if err := tellMoved(ctx, tx, head, before, e); err != nil {
		return err
	}
	return a.consequences(ctx, tx, head, e, o, known)
}

// lockEntry locks the person's head and reads the claim's row, if plans has one. The row's
// person counts: booking may know the patient by another record.
func lockEntry(tx *sqldb.Tx, o Outcome) (store.Head, store.Entry, bool, error) {
	e, known, err := store.EntryByID(tx, o.ClinicID, o.EntitlementID)
	if err != nil {
		return store.Head{}, e, known, err
	}
	patientID := o.PatientID
	if known {
		patientID = e.PatientID
	}
	head, err := store.LockHead(tx, o.ClinicID, patientID)
	if err != nil {
		return head, e, known, err
	}
	// What was read before the lock may have changed.
	e, known, err = store.EntryByID(tx, o.ClinicID, o.EntitlementID)
	return head, e, known, err
}

// entryOf is the row of an outcome whose claim plans has not seen.
func (a *App) entryOf(tx *sqldb.Tx, head store.Head, o Outcome) store.Entry {
	f := o.Appointment
	e := store.Entry{
		ClinicID: o.ClinicID, ID: o.EntitlementID, PatientID: head.PatientID, OriginPatientID: o.PatientID,
		AppointmentID: f.ID, PlanID: f.PlanID, CourseID: f.CourseID, Discipline: f.Discipline, PractitionerID: f.PractitionerID,
		State: Held, Counts: true, LocalDate: f.Date, BookedDate: f.Date, Start: f.Start, Minutes: f.Minutes, CreatedAt: tx.Now(), Version: 1,
	}
	if e.OriginPatientID == "" {
		e.OriginPatientID = head.PatientID
	}
	if a.cfg.Catalogue.Counted(f.Discipline) {
		e.Kind, e.Source, e.InjectionID = injection.FacetJoint, SourceClinic, ident.New("inj")
	}
	return e
}

// move puts an entry into the state that follows from an outcome. What was recorded of an
// injection stands: no booking event changes it.
func (a *App) move(tx *sqldb.Tx, e *store.Entry, o Outcome) error {
	e.Outcome = o.Result
	if e.State != Held && e.State != Confirmed {
		return nil
	}
	policy, err := a.missedPolicy(tx, e.ClinicID)
	if err != nil {
		return err
	}
	settle(e, policy, o.Late)
	return nil
}

// settle gives an entry without a record of its own the state that follows from its
// outcome. A missed session counts or not by the clinic's policy, an injection's never.
func settle(e *store.Entry, p store.MissedPolicy, late bool) {
	e.RecordMissing = false
	switch e.Outcome {
	case "":
		e.State, e.Counts = Held, true
	case OutcomeBooked:
		e.State, e.Counts = Confirmed, true
	case OutcomeVoid:
		e.State, e.Counts = Released, false
	case OutcomeCancelled:
		e.State, e.Counts = Released, late && p.LateCancelCounts && e.Kind == ""
	case OutcomeCompleted:
		e.State, e.Counts, e.RecordMissing = Used, true, e.Kind != ""
	case OutcomeNoShow:
		e.State, e.Counts = NoShow, p.NoShowCounts && e.Kind == ""
	}
}

// tellMoved tells of a claim that was confirmed or released.
func tellMoved(ctx context.Context, tx *sqldb.Tx, head store.Head, before, e store.Entry) error {
	var m proto.Message
	switch {
	case e.State == before.State:
		return nil
	case e.State == Confirmed:
		m = &plansv1.SessionsConfirmed{ClinicId: head.ClinicID, PatientId: head.PatientID, PlanId: e.PlanID, EntitlementIds: []string{e.ID}}
	case e.State == Released:
		m = &plansv1.SessionsReleased{ClinicId: head.ClinicID, PatientId: head.PatientID, PlanId: e.PlanID, EntitlementIds: []string{e.ID}}
	default:
		return nil
	}
	return eventlog.Append(ctx, tx, eventlog.Event{
		AggregateType: "ledger", AggregateID: head.PatientID, AggregateVersion: head.Version, Message: m,
	})
}

// consequences raises what an outcome makes a clinician's business.
func (a *App) consequences(ctx context.Context, tx *sqldb.Tx, head store.Head, e store.Entry, o Outcome, known bool) error {
	if !known && e.Kind != "" {
		if err := a.overflowOf(ctx, tx, head, e); err != nil {
			return err
		}
	}
	switch {
	case o.Result == OutcomeBooked && e.State == Confirmed:
		return a.whileHeld(ctx, tx, head, e)
	case e.RecordMissing && e.State == Used:
		_, err := raise(ctx, tx, head, store.Issue{
			Rule: RuleRecordMissing, Severity: "MODERATE", PlanID: e.PlanID, Discipline: e.Discipline,
			InjectionIDs: []string{e.InjectionID}, Appointments: concerned(e),
		})
		return err
	case contradicts(e):
		return raiseContradiction(ctx, tx, head, e)
	case e.State == Released || e.State == NoShow:
		if err := store.CancelReviewMessages(tx, head.ClinicID, "", e.AppointmentID); err != nil {
			return err
		}
		return settleMoot(ctx, tx, head, e)
	case o.Result == OutcomeCompleted:
		return a.reviewReached(ctx, tx, head, e)
	}
	return nil
}

// contradicts reports whether an injection was given although booking says that the
// session did not take place.
func contradicts(e store.Entry) bool {
	return e.Kind != "" && injection.State(e.State).Given() && rank(e.Outcome) == 2 && e.Outcome != OutcomeCompleted
}

func raiseContradiction(ctx context.Context, tx *sqldb.Tx, head store.Head, e store.Entry) error {
	_, err := raise(ctx, tx, head, store.Issue{
		Rule: RuleContradiction, Severity: "HIGH", PlanID: e.PlanID, Discipline: e.Discipline, Codes: []string{e.Outcome},
		InjectionIDs: []string{e.InjectionID}, Appointments: concerned(e),
	})
	return err
}

// overflowOf raises the issue of an injection that was booked or given without plans
// having been asked, if it makes a window overflow.
func (a *App) overflowOf(ctx context.Context, tx *sqldb.Tx, head store.Head, e store.Entry) error {
	all, err := store.Injections(tx, head.ClinicID, head.PatientID)
	if err != nil {
		return err
	}
	if e.LocalDate.IsZero() {
		return nil
	}
	others := slices.DeleteFunc(slices.Clone(all), func(o store.Entry) bool { return o.ID == e.ID })
	today, err := todayIn(tx, head.ClinicID)
	if err != nil {
		return err
	}
	err = raiseOverflow(ctx, tx, head, a.cfg.Policy.Record(injectionRecords(others), injectionRecord(e), today), all)
	return err
}

// whileHeld raises what has happened between the claim and its booking: the plan was
// closed or paused, a fact forbids the care, an issue was raised that names the appointment.
func (a *App) whileHeld(ctx context.Context, tx *sqldb.Tx, head store.Head, e store.Entry) error {
	if err := announceAgain(ctx, tx, head, e.AppointmentID); err != nil {
		return err
	}
	standing, err := store.StandingOf(tx, e.ClinicID, e.PlanID, "")
	if fault.Is(err, "NOT_FOUND") {
		return nil // a fact under a plan that is not here
	}
	if err != nil {
		return err
	}
	switch standing.Plan.State {
	case plan.Closed:
		return bookedTooLate(ctx, tx, head, RulePlanClosed, standing.Plan, e)
	case plan.Paused:
		return bookedTooLate(ctx, tx, head, RulePlanPaused, standing.Plan, e)
	case plan.Draft, plan.Active:
	}
	if err := raiseBlocks(ctx, tx, head, standing.Blocks, []store.Entry{e}); err != nil {
		return err
	}
	// Apart, so that it is settled by the clearing of the examination alone.
	return raiseBlocks(ctx, tx, head, a.alsoExamined(plan.Blocks{}, standing.Examined), []store.Entry{e})
}

// bookedTooLate raises the issue of a session that was claimed before its plan was closed or
// paused and booked after, and withdraws it if that was confirmed for the others.
func bookedTooLate(ctx context.Context, tx *sqldb.Tx, head store.Head, rule string, pl plan.Plan, e store.Entry) error {
	if err := raisePlan(ctx, tx, head, rule, pl.ID, []store.Entry{e}); err != nil || !pl.Withdrawn || !e.Start.After(tx.Now()) {
		return err
	}
	return tellWithdrawn(ctx, tx, &head, pl.ID, []store.Entry{e})
}

// reviewReached raises the issue of a review point that a delivered session has reached.
func (a *App) reviewReached(ctx context.Context, tx *sqldb.Tx, head store.Head, e store.Entry) error {
	p, err := store.PlanByID(tx, e.ClinicID, e.PlanID)
	if fault.Is(err, "NOT_FOUND") {
		return nil
	}
	if err != nil {
		return err
	}
	course, ok := p.Course(e.CourseID, "")
	if !ok || e.CourseID == "" || p.State == plan.Closed {
		return nil
	}
	entries, err := store.EntriesOfPlan(tx, e.ClinicID, e.PlanID)
	if err != nil {
		return err
	}
	today, err := todayIn(tx, e.ClinicID)
	if err != nil {
		return err
	}
	due, err := a.reviewDue(tx, e.ClinicID, p, course, sessionsOf(entries, p.ID, course.ID), today)
	if err != nil || !due {
		return err
	}
	_, err = raise(ctx, tx, head, store.Issue{
		Rule: RuleReviewDue, Severity: "LOW", PlanID: p.ID, Discipline: course.Discipline, Codes: []string{course.ID},
	})
	return err
}

// concerned names an entry's appointment for an issue.
func concerned(entries ...store.Entry) []store.IssueAppointment {
	var out []store.IssueAppointment
	for _, e := range entries {
		if e.AppointmentID != "" {
			out = append(out, store.IssueAppointment{AppointmentID: e.AppointmentID, LocalDate: e.LocalDate.String()})
		}
	}
	return out
}

// raisePlan raises the issue of sessions booked under a plan that is closed or paused.
func raisePlan(ctx context.Context, tx *sqldb.Tx, head store.Head, rule, planID string, entries []store.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	_, err := raise(ctx, tx, head, store.Issue{
		Rule: rule, Severity: "MODERATE", PlanID: planID, Discipline: entries[0].Discipline, Appointments: concerned(entries...),
	})
	return err
}
