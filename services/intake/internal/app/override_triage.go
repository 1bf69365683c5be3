package app

import (
	"context"
	"time"

	"google.golang.org/protobuf/proto"

	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/intake/internal/gate"
	"github.com/upright-clinic/upright/services/intake/internal/store"
	"github.com/upright-clinic/upright/services/intake/internal/triage"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Override sets the level in force.
type Override struct {
	IntakeID    string // of OverrideTriage
	TaskID      string // of DecideTriageTask
	Level       triage.Level
	Reason      string
	Etag        string
	Fingerprint []byte
}

// Overridden is what is in force after a decision.
type Overridden struct {
	Level       triage.Level
	Computed    triage.Level
	GateVersion int64
	TaskID      string
}

// DecideTriageTask sets the level in force of a task, with a reason. A clinician may raise
// or lower it, and closes the task; the front desk may only raise it, and the task stays
// open. The computed level stays beside it. It fails with NOT_FOUND for a task of another
// clinic; PERMISSION_DENIED, ONLY_RAISE; ABORTED, VERSION_MISMATCH, when an etag is given
// and is old.
func (a *App) DecideTriageTask(ctx context.Context, in Override) (view TaskView, err error) {
	p, err := callerOf(ctx)
	if err != nil {
		return view, err
	}
	zone := a.zoneOf(ctx, p.ClinicID)
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, _, err := requestid.OnceAs(ctx, tx, "DecideTriageTask", in.Fingerprint, in.TaskID, func() error {
			return a.decide(ctx, tx, p, in, zone)
		})
		if err != nil {
			return err
		}
		t, err := lockTask(tx, p.ClinicID, in.TaskID)
		if audience(p) != Clinicians {
			t.Reason = ""
		}
		view = taskView(t, tx.Now())
		return err
	})
	return view, err
}

// OverrideTriage sets the level in force of the newest intake of a patient, with or without
// a task: clinicians raise or lower, patients and the front desk only raise. It fails with
// NOT_FOUND for an intake that the caller may not know of; FAILED_PRECONDITION,
// NOT_TRIAGED, for one without a result and NOT_IN_FORCE for one that a newer result has
// replaced; PERMISSION_DENIED, ONLY_RAISE.
func (a *App) OverrideTriage(ctx context.Context, in Override) (out Overridden, err error) {
	p, err := callerOf(ctx)
	if err != nil {
		return out, err
	}
	zone := a.zoneOf(ctx, p.ClinicID)
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		i, who, err := loadIntake(tx, p, in.IntakeID, true)
		if err != nil {
			return err
		}
		_, _, err = requestid.OnceAs(ctx, tx, "OverrideTriage", in.Fingerprint, in.IntakeID, func() error {
			return a.override(ctx, tx, p, i, who, in, zone)
		})
		if err != nil {
			return err
		}
		out, err = a.overridden(tx, p, in.IntakeID)
		return err
	})
	return out, err
}

// overridden reads what is in force for an intake.
func (a *App) overridden(tx *sqldb.Tx, p authn.Principal, intakeID string) (out Overridden, err error) {
	i, who, err := loadIntake(tx, p, intakeID, false)
	if err != nil {
		return out, err
	}
	out.Level, out.Computed = levelOf(i.Level), levelOf(i.ComputedLevel)
	if _, out.GateVersion, err = a.gateOf(tx, p.ClinicID, who); err != nil {
		return out, err
	}
	t, _, err := store.TaskOfIntake(tx, p.ClinicID, intakeID)
	out.TaskID = t.TaskID
	return out, err
}

func (a *App) override(ctx context.Context, tx *sqldb.Tx, p authn.Principal, i store.Intake, who person, in Override, zone *time.Location) error {
	if i.Level == 0 {
		return fault.New(fault.FailedPrecondition, "NOT_TRIAGED", "This form has no result yet.").With("intake_id", i.IntakeID)
	}
	own, err := store.LockGate(tx, p.ClinicID, i.PatientID)
	if err != nil {
		return err
	}
	if own.IntakeID != i.IntakeID {
		return fault.New(fault.FailedPrecondition, "NOT_IN_FORCE", "A newer result has replaced this one.").With("intake_id", i.IntakeID)
	}
	if err := mayDecide(p, levelOf(i.Level), in.Level); err != nil {
		return err
	}
	set, err := a.forms.Version(i.ClinicID, i.QuestionnaireID, i.QuestionnaireVersion)
	if err != nil {
		return err
	}
	taskID, err := raiseTask(tx, set, work{
		clinicID: i.ClinicID, intakeID: i.IntakeID, patientID: i.PatientID, level: max(in.Level, levelOf(i.Level)),
		computed: levelOf(i.ComputedLevel), provisional: i.State == Draft, raisedBy: ByPerson,
	}, zone)
	if err != nil {
		return err
	}
	if taskID == "" { // nothing to do at either level: the decision alone is kept
		return a.setLevel(ctx, tx, p, i, who, in)
	}
	t, err := lockTask(tx, p.ClinicID, taskID)
	if err != nil {
		return err
	}
	return a.decideTask(ctx, tx, p, t, i, who, in, zone)
}

// decide applies a decision about a task. The intake or the gate is locked before the task,
// as everywhere.
func (a *App) decide(ctx context.Context, tx *sqldb.Tx, p authn.Principal, in Override, zone *time.Location) error {
	t, ok, err := store.GetTask(tx, p.ClinicID, in.TaskID)
	if err == nil && !ok {
		err = fault.NotFoundf("triage task")
	}
	if err != nil {
		return err
	}
	if t.IntakeID == "" {
		return a.decideMiniScreen(ctx, tx, p, in, t.PatientID, zone)
	}
	i, who, err := loadIntake(tx, p, t.IntakeID, true)
	if err != nil {
		return err
	}
	if t, err = lockForDecision(tx, p, in); err != nil {
		return err
	}
	return a.decideTask(ctx, tx, p, t, i, who, in, zone)
}

// lockForDecision locks a task and checks that the caller may decide so about it now.
func lockForDecision(tx *sqldb.Tx, p authn.Principal, in Override) (store.Task, error) {
	t, err := lockTask(tx, p.ClinicID, in.TaskID)
	if err != nil {
		return t, err
	}
	if err := checkEtag(in.Etag, t.Version); err != nil {
		return t, err
	}
	return t, mayDecide(p, levelOf(t.Level), in.Level)
}

// decideTask brings task and intake to the decided level.
func (a *App) decideTask(ctx context.Context, tx *sqldb.Tx, p authn.Principal, t store.Task, i store.Intake, who person, in Override, zone *time.Location) error {
	set, err := a.forms.Version(i.ClinicID, i.QuestionnaireID, i.QuestionnaireVersion)
	if err != nil {
		return err
	}
	if err := closeTask(tx, p, t, in, set, zone); err != nil {
		return err
	}
	return a.setLevel(ctx, tx, p, i, who, in)
}

// closeTask stores the decision on the task. Only a clinician's decision closes it; after
// anybody else's it stays open, with the deadline of the higher level.
func closeTask(tx *sqldb.Tx, p authn.Principal, t store.Task, in Override, set *triage.Set, zone *time.Location) error {
	if rule := set.LevelText(in.Level).Task; rule != nil && in.Level > levelOf(t.Level) {
		if due := gate.Due(rule, tx.Now(), zone); due.Before(t.DueAt) || t.State == Decided {
			t.DueAt = due
		}
	}
	t.Level = int(in.Level)
	if audience(p) == Clinicians {
		t.State, t.DecidedAt, t.DecidedBy, t.Reason = Decided, tx.Now(), p.Subject, in.Reason
		if t.Owner == "" {
			t.Owner = p.Subject
		}
	} else {
		t.State = Open
	}
	if err := watch(tx, &t); err != nil {
		return err
	}
	return saveTask(tx, t)
}

// setLevel puts a decided level in force for an intake, and for the gate while the intake
// is the one that decides it.
func (a *App) setLevel(ctx context.Context, tx *sqldb.Tx, p authn.Principal, i store.Intake, who person, in Override) error {
	from := i.Level
	i.Level, i.Version, i.UpdatedAt = int(in.Level), i.Version+1, tx.Now()
	if err := store.UpdateIntake(tx, i); err != nil {
		return err
	}
	err := store.AddDecision(tx, p.ClinicID, i.IntakeID, store.Decision{
		FromLevel: from, ToLevel: i.Level, Reason: in.Reason, By: p.Subject, As: as(p), At: tx.Now(),
	})
	if err != nil {
		return err
	}
	own, err := store.LockGate(tx, p.ClinicID, i.PatientID)
	if err != nil {
		return err
	}
	told := &intakev1.TriageOverridden{ClinicId: p.ClinicID, IntakeId: i.IntakeID, PatientId: who.rootID, Level: typev1.TriageLevel(in.Level)}
	if own.IntakeID == i.IntakeID {
		err = a.moveGate(ctx, tx, p.ClinicID, who, func(g *store.Gate) {
			g.Level, g.Voided = int(in.Level), false
		}, func(version int64) proto.Message {
			told.GateVersion = version
			return told
		})
	} else {
		told.GateVersion = own.Version
		err = eventlog.Append(ctx, tx, eventlog.Event{
			AggregateType: intakeAggregate, AggregateID: i.IntakeID, AggregateVersion: i.Version, Message: told,
		})
	}
	if err != nil {
		return err
	}
	return audit.Write(ctx, tx, audit.Entry{
		Action: "triage.override", Resource: i.IntakeID, PatientID: i.PatientID,
		Facts: map[string]string{"from": levelOf(from).String(), "to": in.Level.String(), "computed": levelOf(i.ComputedLevel).String()},
	})
}

// decideMiniScreen puts a decided level in force for a patient whose mini-screen raised the
// task: it counts like a new result.
func (a *App) decideMiniScreen(ctx context.Context, tx *sqldb.Tx, p authn.Principal, in Override, patientID string, zone *time.Location) error {
	set, err := a.forms.Facts(p.ClinicID)
	if err != nil {
		return err
	}
	who, err := personOf(tx, p.ClinicID, patientID, true)
	if err != nil {
		return err
	}
	if _, err := store.LockGate(tx, p.ClinicID, who.rootID); err != nil {
		return err
	}
	t, err := lockForDecision(tx, p, in)
	if err != nil {
		return err
	}
	if err := closeTask(tx, p, t, in, set, zone); err != nil {
		return err
	}
	err = a.moveGate(ctx, tx, p.ClinicID, who, func(g *store.Gate) {
		g.Level, g.Voided, g.Provisional = int(in.Level), false, false
		g.TriageDate, g.ExpiresAt = civil.Of(tx.Now(), zone).String(), gate.ValidUntil(tx.Now(), set.Policy.ValidDays)
	}, func(version int64) proto.Message {
		return &intakev1.TriageOverridden{ClinicId: p.ClinicID, PatientId: who.rootID, Level: typev1.TriageLevel(in.Level), GateVersion: version}
	})
	if err != nil {
		return err
	}
	return audit.Write(ctx, tx, audit.Entry{
		Action: "triage.override", Resource: t.TaskID, PatientID: t.PatientID,
		Facts: map[string]string{"from": levelOf(t.Level).String(), "to": in.Level.String(), "computed": levelOf(t.ComputedLevel).String()},
	})
}

// mayDecide refuses with PERMISSION_DENIED, ONLY_RAISE, when anybody but a clinician does
// not raise the level (clinical reference 4.2, point 5).
func mayDecide(p authn.Principal, from, to triage.Level) error {
	if audience(p) == Clinicians || to > from {
		return nil
	}
	return fault.New(fault.PermissionDenied, "ONLY_RAISE", "Only a clinician may keep or lower the level.").With("level", from.String())
}
