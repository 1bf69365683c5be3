package app

import (
	"context"
	"encoding/json"
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
	"github.com/upright-clinic/upright/services/platform/failpoint"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// SubmitIntake hands a form in.
type SubmitIntake struct {
	IntakeID    string
	Etag        string // "" submits the form as it stands
	Consented   bool   // the caller asked the patient to sign, so nothing unsigned is taken
	Fingerprint []byte
}

// SubmitIntake hands a complete form in: its result is stored with the rule set that
// decided, what it says against treatments becomes known, the gate is set and the task
// raised, all at once. A form that is not complete stays a draft, and the answer says what
// is missing; one that was handed in before is returned as it is. It fails with NOT_FOUND
// for an intake that the caller may not know of; with ABORTED, VERSION_MISMATCH, when an
// etag is given and is old; and with FAILED_PRECONDITION, CONSENT_REQUIRED, naming the
// consents, when one must be signed and is not: see mustSign.
func (a *App) SubmitIntake(ctx context.Context, in SubmitIntake) (IntakeView, error) {
	p, err := callerOf(ctx)
	if err != nil {
		return IntakeView{}, err
	}
	zone := a.zoneOf(ctx, p.ClinicID)
	var view IntakeView
	var counted []store.Step
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		counted = nil
		i, who, err := loadIntake(tx, p, in.IntakeID, true)
		if err != nil {
			return err
		}
		if i.State == Draft {
			if i, err = a.submit(ctx, tx, p, i, who, in, zone); err != nil {
				return err
			}
			if i.State == Submitted {
				step, err := countCompleted(tx, i, zone)
				if err != nil {
					return err
				}
				counted = append(counted, step)
			}
		}
		view, err = a.fullView(tx, p, i)
		return err
	})
	if err == nil && view.Intake.State == Submitted {
		a.steps.add(ctx, counted...)
		failpoint.Hit("intake.submitted")
	}
	return view, err
}

// submit triages a draft. The request id is kept only of a submission that happened: the
// same key may well be used again once the missing answers are there.
func (a *App) submit(ctx context.Context, tx *sqldb.Tx, p authn.Principal, i store.Intake, who person, in SubmitIntake, zone *time.Location) (store.Intake, error) {
	if err := checkEtag(in.Etag, i.Version); err != nil {
		return i, err
	}
	set, err := a.forms.Version(i.ClinicID, i.QuestionnaireID, i.QuestionnaireVersion)
	if err != nil {
		return i, err
	}
	answers, _, err := answersOf(tx, i)
	if err != nil {
		return i, err
	}
	result := set.Evaluate(answers)
	if !result.Complete {
		return i, nil
	}
	if err := mustSign(tx, p, i, in.Consented); err != nil {
		return i, err
	}
	_, _, err = requestid.OnceAs(ctx, tx, "SubmitIntake", in.Fingerprint, i.IntakeID, func() error {
		i, err = a.conclude(ctx, tx, p, i, who, set, answers, result, zone)
		return err
	})
	return i, err
}

// conclude stores the result of a complete form and everything that follows from it.
func (a *App) conclude(ctx context.Context, tx *sqldb.Tx, p authn.Principal, i store.Intake, who person, set *triage.Set, answers triage.Answers, result triage.Result, zone *time.Location) (store.Intake, error) {
	withdrawn, err := withdrawnFindings(tx, i, result, answers)
	if err != nil {
		return i, err
	}
	level, err := levelInForce(tx, i, set, result.Disposition, withdrawn)
	if err != nil {
		return i, err
	}
	i.State, i.Version = Submitted, i.Version+1
	i.ComputedLevel, i.Level = int(result.Disposition), int(level)
	i.UpdatedAt, i.SubmittedAt = tx.Now(), tx.Now()
	i.ExpiresAt = gate.ValidUntil(tx.Now(), set.Policy.ValidDays)
	if err := store.UpdateIntake(tx, i); err != nil {
		return i, err
	}
	if err := putResult(tx, i, result); err != nil {
		return i, err
	}
	if err := a.keepFacts(tx, p, i, who, set, answers); err != nil {
		return i, err
	}
	_, err = raiseTask(tx, set, work{
		clinicID: i.ClinicID, intakeID: i.IntakeID, patientID: i.PatientID, level: level, computed: result.Disposition,
		withdrawn: withdrawn, raisedBy: ByIntake,
	}, zone)
	if err != nil {
		return i, err
	}
	if err := a.tellSubmitted(ctx, tx, i, who, zone); err != nil {
		return i, err
	}
	return i, audit.Write(ctx, tx, audit.Entry{
		Action: "intake.submit", Resource: i.IntakeID, PatientID: i.PatientID,
		Facts: map[string]string{"computed_level": result.Disposition.String(), "level": level.String(), "rule_set": set.RuleSetVersion()},
	})
}

// levelInForce is the computed level, raised by what happened while the form was filled in:
// a clinician's decision about a finding stands unless the answers now ask for more than
// what was decided on, and a finding that the patient took back is looked at first.
func levelInForce(tx *sqldb.Tx, i store.Intake, set *triage.Set, computed triage.Level, withdrawn bool) (triage.Level, error) {
	t, ok, err := store.TaskOfIntake(tx, i.ClinicID, i.IntakeID)
	if err != nil {
		return computed, err
	}
	if ok && t.State == Decided && computed <= levelOf(t.ComputedLevel) {
		return levelOf(t.Level), nil
	}
	if withdrawn {
		return max(computed, set.WithdrawnFloor()), nil
	}
	return computed, nil
}

func putResult(tx *sqldb.Tx, i store.Intake, result triage.Result) error {
	data, err := json.Marshal(outcomeOf(result))
	if err != nil {
		return err
	}
	return store.PutResult(tx, i.ClinicID, i.IntakeID, store.Result{
		RuleSetVersion: result.RuleSetVersion, ComputedLevel: i.ComputedLevel, JSON: string(data), TriagedAt: tx.Now(),
	})
}

// tellSubmitted sets the gate and appends both events: the form is in, and triaged.
func (a *App) tellSubmitted(ctx context.Context, tx *sqldb.Tx, i store.Intake, who person, zone *time.Location) error {
	err := eventlog.Append(ctx, tx, eventlog.Event{
		AggregateType: intakeAggregate, AggregateID: i.IntakeID, AggregateVersion: i.Version,
		Message: &intakev1.IntakeSubmitted{ClinicId: i.ClinicID, IntakeId: i.IntakeID, PatientId: i.PatientID},
	})
	if err != nil {
		return err
	}
	err = a.moveGate(ctx, tx, i.ClinicID, who, func(g *store.Gate) {
		g.Level, g.Provisional, g.Voided, g.IntakeID = i.Level, false, false, i.IntakeID
		g.TriageDate, g.ExpiresAt = civil.Of(tx.Now(), zone).String(), i.ExpiresAt
	}, func(version int64) proto.Message {
		return &intakev1.IntakeTriaged{
			ClinicId: i.ClinicID, IntakeId: i.IntakeID, PatientId: who.rootID, Level: typev1.TriageLevel(i.ComputedLevel), GateVersion: version,
		}
	})
	return err
}
