package app

import (
	"context"
	"log/slog"
	"slices"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	"github.com/upright-clinic/upright/services/plans/internal/injection"
	"github.com/upright-clinic/upright/services/plans/internal/medication"
	"github.com/upright-clinic/upright/services/plans/internal/plan"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/failpoint"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// mergeHandlers are what plans does about records that turn out to be one person's, or not.
func (a *App) mergeHandlers() []eventlog.Handler {
	return []eventlog.Handler{
		eventlog.OnAsking(func(ctx context.Context, m *directoryv1.PatientMerged) (conditionsOf, error) {
			return a.askConditions(ctx, m.GetClinicId(), m.GetSurvivingPatientId()), nil
		}, func(ctx context.Context, tx *sqldb.Tx, m *directoryv1.PatientMerged, known conditionsOf, _ eventlog.Envelope) error {
			return a.onMerged(ctx, tx, m, known)
		}),
		eventlog.OnAsking(func(ctx context.Context, m *directoryv1.PatientUnmerged) (conditionsOf, error) {
			return a.askConditions(ctx, m.GetClinicId(), m.GetSurvivingPatientId(), m.GetRestoredPatientId()), nil
		}, func(ctx context.Context, tx *sqldb.Tx, m *directoryv1.PatientUnmerged, known conditionsOf, _ eventlog.Envelope) error {
			return a.onUnmerged(ctx, tx, m, known)
		}),
	}
}

// conditionsOf is what bears on medicines, by patient.
type conditionsOf map[string]medication.Conditions

// askConditions asks what bears on the medicines of patients. That it cannot be asked does not
// keep a merge from being heard: the rules between medicines need none of it, and the rest is
// said whenever the list is read.
func (a *App) askConditions(ctx context.Context, clinicID string, patientIDs ...string) conditionsOf {
	out := conditionsOf{}
	for _, id := range patientIDs {
		c, err := a.asks.Conditions(ctx, clinicID, id)
		if err != nil {
			a.log.LogAttrs(ctx, slog.LevelWarn, "medicines of merged records were not checked against what is known",
				slog.String("clinic_id", clinicID), slog.Any("error", err))
		}
		out[id] = c
	}
	return out
}

// onMerged makes one person of two records. Every row keeps the record it was entered
// under, so that the merge can be undone; what the two together make too much, or what one of
// them forbids the other, becomes an issue.
func (a *App) onMerged(ctx context.Context, tx *sqldb.Tx, m *directoryv1.PatientMerged, known conditionsOf) error {
	clinic, survivor, merged := m.GetClinicId(), m.GetSurvivingPatientId(), m.GetMergedPatientId()
	if err := store.LockPair(tx, clinic, survivor, merged); err != nil {
		return err
	}
	into, _, err := store.Survivor(tx, clinic, merged)
	if err != nil || into == survivor { // heard before
		return err
	}
	mine, err := store.Injections(tx, clinic, survivor)
	if err != nil {
		return err
	}
	theirs, err := store.Injections(tx, clinic, merged)
	if err != nil {
		return err
	}
	above, err := a.aboveSteroid(tx, clinic, survivor, merged)
	if err != nil {
		return err
	}
	if err := store.PointTo(tx, clinic, merged, survivor); err != nil {
		return err
	}
	if err := store.Rehome(tx, clinic, merged); err != nil {
		return err
	}
	failpoint.Hit("plans.merge_applied")
	today, err := todayIn(tx, clinic)
	if err != nil {
		return err
	}
	head, err := store.LockHead(tx, clinic, survivor)
	if err != nil {
		return err
	}
	impact := a.cfg.Policy.Merge(injectionRecords(mine), injectionRecords(theirs), today)
	if err := raiseOverflow(ctx, tx, head, impact, append(slices.Clone(mine), theirs...)); err != nil {
		return err
	}
	blocks, err := joinGates(tx, head, merged)
	if err != nil {
		return err
	}
	return a.reassess(ctx, tx, head, blocks, known[survivor], above)
}

// joinGates lets what is known against care on either record hold for the person, until
// intake says what holds for both, and gives it.
func joinGates(tx *sqldb.Tx, head store.Head, merged string) (plan.Blocks, error) {
	theirs, _, err := store.GateOf(tx, head.ClinicID, merged)
	if err != nil {
		return plan.Blocks{}, err
	}
	mine, known, err := store.GateOf(tx, head.ClinicID, head.PatientID)
	if err != nil {
		return plan.Blocks{}, err
	}
	mine.Blocks = mine.Blocks.And(theirs.Blocks)
	if known { // else intake is asked before the next claim
		_, err = store.PutGate(tx, head.ClinicID, head.PatientID, mine)
	}
	return mine.Blocks, err
}

// onUnmerged gives back to a record what was entered under it, or under records that had
// been merged into it before. What overflowed while they were one was an issue of the one
// person; where it still does, it becomes an issue of the record that has it now.
func (a *App) onUnmerged(ctx context.Context, tx *sqldb.Tx, m *directoryv1.PatientUnmerged, known conditionsOf) error {
	clinic, survivor, restored := m.GetClinicId(), m.GetSurvivingPatientId(), m.GetRestoredPatientId()
	if err := store.LockPair(tx, clinic, survivor, restored); err != nil {
		return err
	}
	if err := store.PointTo(tx, clinic, restored, ""); err != nil {
		return err
	}
	if err := store.Rehome(tx, clinic, survivor); err != nil {
		return err
	}
	for _, id := range []string{survivor, restored} {
		head, err := store.LockHead(tx, clinic, id)
		if err != nil {
			return err
		}
		if err := a.unlinkStrangers(ctx, tx, head); err != nil {
			return err
		}
		if err := a.raiseStanding(ctx, tx, head); err != nil {
			return err
		}
		gate, _, err := store.GateOf(tx, clinic, id)
		if err != nil {
			return err
		}
		if err := a.reassess(ctx, tx, head, gate.Blocks, known[id], nil); err != nil {
			return err
		}
	}
	return nil
}

// unlinkStrangers takes back that a record of the person repeats one that is another person's
// since the merge was undone: by itself it counts again.
func (a *App) unlinkStrangers(ctx context.Context, tx *sqldb.Tx, head store.Head) error {
	entries, err := store.Injections(tx, head.ClinicID, head.PatientID)
	if err != nil {
		return err
	}
	for _, e := range entries {
		own := func(o store.Entry) bool { return o.InjectionID == e.DuplicateOf }
		if e.DuplicateOf == "" || slices.ContainsFunc(entries, own) {
			continue
		}
		e.DuplicateOf = ""
		if err := store.UpdateEntry(tx, &e); err != nil {
			return err
		}
		if err := a.amendCheckIns(tx, head, e); err != nil {
			return err
		}
		if err := a.tellRecorded(ctx, tx, head, e); err != nil {
			return err
		}
	}
	return nil
}

// raiseStanding raises the issue of windows of a person that hold too many and that no open
// issue speaks of.
func (a *App) raiseStanding(ctx context.Context, tx *sqldb.Tx, head store.Head) error {
	entries, err := store.Injections(tx, head.ClinicID, head.PatientID)
	if err != nil {
		return err
	}
	open, err := store.OpenIssues(tx, head.ClinicID, head.PatientID)
	if err != nil {
		return err
	}
	today, err := todayIn(tx, head.ClinicID)
	if err != nil {
		return err
	}
	impact := a.cfg.Policy.Standing(injectionRecords(entries), today)
	impact.Windows = slices.DeleteFunc(impact.Windows, func(w injection.Window) bool {
		return slices.ContainsFunc(open, func(i store.Issue) bool { return i.Rule == RuleLimit && containsAll(i.InjectionIDs, w.Records) })
	})
	return raiseOverflow(ctx, tx, head, impact, entries)
}

func containsAll(list, wanted []string) bool {
	return !slices.ContainsFunc(wanted, func(w string) bool { return !slices.Contains(list, w) })
}

// reassess looks at a person anew whose records were joined or parted: at what forbids the
// sessions to come and the plans, at the medicines together, and at the corticosteroid, of
// which the limits in above were exceeded before.
func (a *App) reassess(ctx context.Context, tx *sqldb.Tx, head store.Head, b plan.Blocks, cond medication.Conditions, above []string) error {
	if err := a.forbidAnew(ctx, tx, head, b); err != nil {
		return err
	}
	today, err := todayIn(tx, head.ClinicID)
	if err != nil {
		return err
	}
	if err := a.medicinesAnew(ctx, tx, head, cond, today); err != nil {
		return err
	}
	now, err := a.aboveSteroid(tx, head.ClinicID, head.PatientID)
	if err != nil || containsAll(above, now) {
		return err
	}
	newest, ok, err := newestGiven(tx, head)
	if err != nil || !ok {
		return err
	}
	return a.steroidsOf(ctx, tx, head, newest)
}

// forbidAnew flags the sessions to come and the plans that what is known of the person, or an
// examination, forbids.
func (a *App) forbidAnew(ctx context.Context, tx *sqldb.Tx, head store.Head, b plan.Blocks) error {
	abnormal, err := store.Blocked(tx, head.ClinicID, head.PatientID)
	if err != nil {
		return err
	}
	entries, err := store.EntriesOfPatient(tx, head.ClinicID, head.PatientID)
	if err != nil {
		return err
	}
	coming := toCome(entries, tx)
	if err := raiseBlocks(ctx, tx, head, b, coming); err != nil {
		return err
	}
	// Apart, so that it is settled by the clearing of the examination alone.
	if err := raiseBlocks(ctx, tx, head, a.alsoExamined(plan.Blocks{}, abnormal), coming); err != nil {
		return err
	}
	return raisePlanBlocks(ctx, tx, head, b, coming)
}

// recentDays is how far back doses are judged anew: an NSAID's days in a row are at most so
// many before they are too many.
const recentDays = 14

// medicinesAnew tells a clinician what the rules say of the person's medicines and of the
// doses of the last days: each thing once, whatever was decided about it.
func (a *App) medicinesAnew(ctx context.Context, tx *sqldb.Tx, head store.Head, cond medication.Conditions, today civil.Date) error {
	m, err := a.medicines(tx, head.ClinicID, head.PatientID, cond, today, today)
	if err != nil {
		return err
	}
	issues := m.rules.Of(m.kase)
	for _, d := range m.kase.Doses {
		if d.Date.After(today.AddDays(-recentDays)) {
			issues = append(issues, m.rules.OfDose(m.kase, d.ID)...)
		}
	}
	return m.tell(ctx, tx, head, issues)
}

// newestGiven is the injection that was given last; false when none was.
func newestGiven(tx *sqldb.Tx, head store.Head) (newest store.Entry, ok bool, err error) {
	entries, err := store.Injections(tx, head.ClinicID, head.PatientID)
	if err != nil {
		return store.Entry{}, false, err
	}
	for _, e := range slices.Backward(entries) {
		if injection.State(e.State).Given() && e.DuplicateOf == "" {
			return e, true, nil
		}
	}
	return store.Entry{}, false, nil
}
