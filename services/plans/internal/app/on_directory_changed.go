package app

import (
	"context"
	"slices"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	"github.com/upright-clinic/upright/services/plans/internal/injection"
	"github.com/upright-clinic/upright/services/plans/internal/plan"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/failpoint"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// DirectoryHandlers are what plans does about directory's events: merges move what a record
// has entered, and what was asked of practitioners and clinics is asked again.
func (a *App) DirectoryHandlers() []eventlog.Handler {
	return []eventlog.Handler{
		eventlog.On(func(ctx context.Context, tx *sqldb.Tx, m *directoryv1.PatientMerged, _ eventlog.Envelope) error {
			return a.onMerged(ctx, tx, m)
		}),
		eventlog.On(func(ctx context.Context, tx *sqldb.Tx, m *directoryv1.PatientUnmerged, _ eventlog.Envelope) error {
			return a.onUnmerged(ctx, tx, m)
		}),
		eventlog.OnAsking(func(ctx context.Context, m *directoryv1.PractitionerChanged) (plan.Practitioner, error) {
			return a.askPractitioner(ctx, m.GetClinicId(), m.GetPractitionerId())
		}, func(_ context.Context, tx *sqldb.Tx, m *directoryv1.PractitionerChanged, p plan.Practitioner, _ eventlog.Envelope) error {
			return store.PutPractitioner(tx, m.GetClinicId(), m.GetPractitionerId(), p)
		}),
		eventlog.OnAsking(func(ctx context.Context, m *directoryv1.CredentialChanged) (plan.Practitioner, error) {
			return a.askPractitioner(ctx, m.GetClinicId(), m.GetPractitionerId())
		}, func(_ context.Context, tx *sqldb.Tx, m *directoryv1.CredentialChanged, p plan.Practitioner, _ eventlog.Envelope) error {
			return store.PutPractitioner(tx, m.GetClinicId(), m.GetPractitionerId(), p)
		}),
		eventlog.OnAsking(func(ctx context.Context, m *directoryv1.ClinicChanged) (string, error) {
			return a.asks.TimeZone(ctx, m.GetClinicId())
		}, func(_ context.Context, tx *sqldb.Tx, m *directoryv1.ClinicChanged, zone string, _ eventlog.Envelope) error {
			return store.PutClinic(tx, m.GetClinicId(), zone)
		}),
	}
}

// askPractitioner asks directory; somebody who is not there any more has no profession.
func (a *App) askPractitioner(ctx context.Context, clinicID, practitionerID string) (plan.Practitioner, error) {
	p, err := a.asks.Practitioner(ctx, clinicID, practitionerID)
	if fault.Is(err, "NOT_FOUND") {
		return plan.Practitioner{}, nil
	}
	return p, err
}

// onMerged makes one person of two records. Every row keeps the record it was entered
// under, so that the merge can be undone; what now overflows becomes an issue.
func (a *App) onMerged(ctx context.Context, tx *sqldb.Tx, m *directoryv1.PatientMerged) error {
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
	return a.forbidAfterMerge(ctx, tx, head, merged)
}

// forbidAfterMerge lets what is known against care on either record hold for the person,
// and flags booked sessions that it forbids, until intake says what holds for both.
func (a *App) forbidAfterMerge(ctx context.Context, tx *sqldb.Tx, head store.Head, merged string) error {
	theirs, known, err := store.GateOf(tx, head.ClinicID, merged)
	if err != nil || !known {
		return err
	}
	mine, known, err := store.GateOf(tx, head.ClinicID, head.PatientID)
	if err != nil {
		return err
	}
	if known { // else intake is asked before the next claim
		mine.Blocks = mine.Blocks.And(theirs.Blocks)
		if _, err := store.PutGate(tx, head.ClinicID, head.PatientID, mine); err != nil {
			return err
		}
	}
	entries, err := store.EntriesOfPatient(tx, head.ClinicID, head.PatientID)
	if err != nil {
		return err
	}
	return raiseBlocks(ctx, tx, head, mine.Blocks.And(theirs.Blocks), toCome(entries, tx))
}

// onUnmerged gives back to a record what was entered under it, or under records that had
// been merged into it before. What overflowed while they were one was an issue of the one
// person; where it still does, it becomes an issue of the record that has it now.
func (a *App) onUnmerged(ctx context.Context, tx *sqldb.Tx, m *directoryv1.PatientUnmerged) error {
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
		if err := a.raiseStanding(ctx, tx, clinic, id); err != nil {
			return err
		}
	}
	return nil
}

// raiseStanding raises the issue of windows of a record's person that hold too many and
// that no open issue speaks of.
func (a *App) raiseStanding(ctx context.Context, tx *sqldb.Tx, clinicID, patientID string) error {
	head, err := store.LockHead(tx, clinicID, patientID)
	if err != nil {
		return err
	}
	entries, err := store.Injections(tx, clinicID, head.PatientID)
	if err != nil {
		return err
	}
	open, err := store.OpenIssues(tx, clinicID, head.PatientID)
	if err != nil {
		return err
	}
	today, err := todayIn(tx, clinicID)
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
