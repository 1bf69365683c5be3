package app

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
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
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// UpdateIntake gives answers to a draft.
type UpdateIntake struct {
	IntakeID    string
	Answers     triage.Answers
	Typed       map[string][]string // what does not fit its question, as the form sent it
	Etag        string              // version that the caller saw
	Fingerprint []byte
}

// UpdateIntake saves answers of a draft, each as given and with a revision, and returns
// the draft with what the rules find now. An emergency or urgent finding has closed the
// gate and raised its task when this returns. It fails with NOT_FOUND for an intake that
// the caller may not know of; FAILED_PRECONDITION, INTAKE_SUBMITTED, after submission;
// INVALID_ARGUMENT naming every answer that does not fit its question, and then saves
// none (what is given as Typed is kept whatever it is); ABORTED, VERSION_MISMATCH, naming the questions that somebody else answered
// differently since the etag.
func (a *App) UpdateIntake(ctx context.Context, in UpdateIntake) (IntakeView, error) {
	p, err := callerOf(ctx)
	if err != nil {
		return IntakeView{}, err
	}
	zone := a.zoneOf(ctx, p.ClinicID)
	var view IntakeView
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		i, who, err := loadIntake(tx, p, in.IntakeID, true)
		if err != nil {
			return err
		}
		_, _, err = requestid.OnceAs(ctx, tx, "UpdateIntake", in.Fingerprint, in.IntakeID, func() error {
			i, err = a.saveAnswers(ctx, tx, p, i, who, in, zone)
			return err
		})
		if err != nil {
			return err
		}
		view, err = a.fullView(tx, p, i)
		return err
	})
	return view, err
}

// saveAnswers checks and stores the answers that are new, and raises what they show.
func (a *App) saveAnswers(ctx context.Context, tx *sqldb.Tx, p authn.Principal, i store.Intake, who person, in UpdateIntake, zone *time.Location) (store.Intake, error) {
	if i.State != Draft {
		return i, fault.New(fault.FailedPrecondition, "INTAKE_SUBMITTED", "This form was handed in and cannot be changed. Start a new one.").
			With("intake_id", i.IntakeID)
	}
	set, err := a.forms.Version(i.ClinicID, i.QuestionnaireID, i.QuestionnaireVersion)
	if err != nil {
		return i, err
	}
	if len(in.Answers)+len(in.Typed) == 0 {
		return i, fault.Invalid("answers", "must not be empty")
	}
	if err := checkAnswers(set, in); err != nil {
		return i, err
	}
	answers, rows, err := answersOf(tx, i)
	if err != nil {
		return i, err
	}
	in.Answers = set.AlignMarks(in.Answers, answers)
	fresh, err := mergeAnswers(i, in, answers, rows)
	if err != nil || len(fresh) == 0 {
		return i, err
	}
	i.Version++
	i.UpdatedAt = tx.Now()
	writer, err := store.GetWriter(tx, i.ClinicID, i.IntakeID, p.Subject)
	if err != nil {
		return i, err
	}
	for _, id := range fresh {
		if err := putAnswer(tx, p, i, id, in, writer, rows[id].Revision+1); err != nil {
			return i, err
		}
		delete(answers, id)
		if a := in.Answers[id]; a.Kind() != triage.Nothing {
			answers[id] = a
		}
	}
	if i, err = a.raiseFindings(ctx, tx, i, who, set, answers, zone); err != nil {
		return i, err
	}
	if err := store.UpdateIntake(tx, i); err != nil {
		return i, err
	}
	return i, audit.Write(ctx, tx, audit.Entry{
		Action: "intake.update", Resource: i.IntakeID, PatientID: i.PatientID,
		Facts: map[string]string{"answers": strconv.Itoa(len(fresh)), "version": etagOf(i.Version)},
	})
}

// checkAnswers refuses answers that do not fit, all of them at once.
func checkAnswers(set *triage.Set, in UpdateIntake) error {
	var bad *fault.Error
	refuse := func(err error) {
		if err == nil {
			return
		}
		if bad == nil {
			bad = fault.From(err)
			return
		}
		for _, f := range fault.From(err).Fields {
			bad = bad.OnField(f.Field, f.Description)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(in.Answers)) {
		refuse(set.Check(id, in.Answers[id]))
	}
	for _, id := range slices.Sorted(maps.Keys(in.Typed)) {
		refuse(checkTyped(set, id, in))
	}
	if bad == nil {
		return nil
	}
	return bad
}

// Bounds of what is kept although it does not fit: more than any form of ours can send.
const (
	maxTyped     = 64
	maxTypedText = 1000
)

// checkTyped refuses what cannot be kept: for a question that is not there or is answered
// in the same breath, and more than a form can send.
func checkTyped(set *triage.Set, id string, in UpdateIntake) error {
	field := "typed." + id
	if _, ok := set.Question(id); !ok {
		return fault.Invalid(field, "is not a question of this form")
	}
	if _, both := in.Answers[id]; both {
		return fault.Invalid(field, "is among the answers as well")
	}
	if len(in.Typed[id]) == 0 || len(in.Typed[id]) > maxTyped {
		return fault.Invalid(field, fmt.Sprintf("must have 1 to %d values", maxTyped))
	}
	for _, v := range in.Typed[id] {
		if len(v) > maxTypedText {
			return fault.Invalid(field, fmt.Sprintf("has a value longer than %d bytes", maxTypedText))
		}
	}
	return nil
}

// mergeAnswers returns the questions for which something new was given, sorted. What was
// answered differently since the version that the caller saw is refused and not
// overwritten.
func mergeAnswers(i store.Intake, in UpdateIntake, answers triage.Answers, rows map[string]store.Answer) ([]string, error) {
	base, err := strconv.ParseInt(in.Etag, 10, 64)
	if err != nil {
		return nil, fault.Invalid("etag", "is not an etag of this resource")
	}
	if base < 1 || base > i.Version {
		return nil, versionMismatch(i.Version)
	}
	conflict := versionMismatch(i.Version)
	var fresh []string
	given := slices.Concat(slices.Collect(maps.Keys(in.Answers)), slices.Collect(maps.Keys(in.Typed)))
	slices.Sort(given)
	for _, id := range given {
		switch {
		case sameGiven(in, id, answers[id], rows[id].Typed):
			continue
		case rows[id].IntakeVersion > base:
			conflict = conflict.OnField("answers."+id, "was answered differently meanwhile")
		default:
			fresh = append(fresh, id)
		}
	}
	if len(conflict.Fields) > 0 {
		return nil, conflict
	}
	return fresh, nil
}

// sameGiven reports whether what is given for a question is what is there already.
func sameGiven(in UpdateIntake, id string, answer triage.Answer, typed string) bool {
	if values, ok := in.Typed[id]; ok {
		return typedJSON(values) == typed
	}
	return typed == "" && in.Answers[id].Equal(answer)
}

// typedJSON is how what does not fit is stored; "" for nothing.
func typedJSON(values []string) string {
	if len(values) == 0 {
		return ""
	}
	data, err := json.Marshal(values)
	if err != nil { // a list of texts always marshals
		return ""
	}
	return string(data)
}

func putAnswer(tx *sqldb.Tx, p authn.Principal, i store.Intake, id string, in UpdateIntake, writer store.Writer, revision int64) error {
	value, err := json.Marshal(in.Answers[id])
	if err != nil {
		return err
	}
	return store.PutAnswer(tx, i.ClinicID, i.IntakeID, i.Version, store.Revision{
		QuestionID: id, Revision: revision, Value: string(value), Typed: typedJSON(in.Typed[id]), Writer: writer,
		AnsweredBy: p.Subject, AnsweredAs: as(p), AnsweredAt: tx.Now(),
	})
}

// raiseFindings keeps the emergency and urgent findings of a draft. When they are higher
// than any before, it closes the gate and raises the task; when the patient changes an
// answer back, the gate stays as it is until the form is handed in, and the task says so.
func (a *App) raiseFindings(ctx context.Context, tx *sqldb.Tx, i store.Intake, who person, set *triage.Set, answers triage.Answers, zone *time.Location) (store.Intake, error) {
	result := set.Evaluate(answers)
	found, err := keepFindings(tx, i, result)
	if err != nil {
		return i, err
	}
	i.ComputedLevel = int(found)
	task, ok, err := store.TaskOfIntake(tx, i.ClinicID, i.IntakeID)
	if err != nil || (!ok && found == triage.NoLevel) {
		return i, err
	}
	if found > levelOf(task.ComputedLevel) { // more than anybody has looked at
		if err := a.closeGate(ctx, tx, i, who, set, found, zone); err != nil {
			return i, err
		}
		i.Level = int(found)
		_, err := raiseTask(tx, set, work{
			clinicID: i.ClinicID, intakeID: i.IntakeID, patientID: i.PatientID, level: found, computed: found,
			provisional: true, raisedBy: ByIntake,
		}, zone)
		return i, err
	}
	withdrawn, err := withdrawnFindings(tx, i, result, answers)
	if err != nil || !withdrawn || task.AnswersWithdrawn {
		return i, err
	}
	task.AnswersWithdrawn = true
	return i, saveTask(tx, task)
}

// keepFindings stores the emergency and urgent findings, and returns the highest.
func keepFindings(tx *sqldb.Tx, i store.Intake, result triage.Result) (triage.Level, error) {
	found := triage.NoLevel
	for _, f := range result.Fired {
		if !f.Level.ShownUnfinished() {
			continue
		}
		found = max(found, f.Level)
		because, err := becauseJSON(f.Because)
		if err != nil {
			return found, err
		}
		err = store.AddFinding(tx, i.ClinicID, i.IntakeID, store.Finding{RuleID: f.Rule.ID, Level: int(f.Level), Because: because})
		if err != nil {
			return found, err
		}
	}
	return found, nil
}

// closeGate sets the gate to a finding of an unfinished form.
func (a *App) closeGate(ctx context.Context, tx *sqldb.Tx, i store.Intake, who person, set *triage.Set, found triage.Level, zone *time.Location) error {
	err := a.moveGate(ctx, tx, i.ClinicID, who, func(g *store.Gate) {
		g.Level, g.Provisional, g.Voided, g.IntakeID = int(found), true, false, i.IntakeID
		g.TriageDate = civil.Of(tx.Now(), zone).String()
		g.ExpiresAt = gate.ValidUntil(tx.Now(), set.Policy.ValidDays)
	}, func(version int64) proto.Message {
		return &intakev1.IntakeTriaged{
			ClinicId: i.ClinicID, IntakeId: i.IntakeID, PatientId: who.rootID, Level: typev1.TriageLevel(found), GateVersion: version,
		}
	})
	return err
}

// withdrawnFindings reports whether a finding is gone because an answer behind it was
// changed. One that is gone because a follow-up was answered is not withdrawn.
func withdrawnFindings(tx *sqldb.Tx, i store.Intake, result triage.Result, answers triage.Answers) (bool, error) {
	before, err := store.Findings(tx, i.ClinicID, i.IntakeID)
	if err != nil {
		return false, err
	}
	fired := firedIDs(result.Fired)
	for _, f := range before {
		if _, still := slices.BinarySearch(fired, f.RuleID); still {
			continue
		}
		if gone, err := changed(f.Because, answers); err != nil || gone {
			return gone, err
		}
	}
	return false, nil
}
