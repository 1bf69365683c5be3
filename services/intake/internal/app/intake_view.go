package app

import (
	"encoding/json"

	"github.com/upright-clinic/upright/services/intake/internal/store"
	"github.com/upright-clinic/upright/services/intake/internal/triage"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// IntakeView is an intake as somebody may see it.
type IntakeView struct {
	Intake   store.Intake
	Set      *triage.Set // the version it answered
	Audience Audience
	Full     bool // false: status and level only, no answers and findings
	TaskID   string
	Outcome  Outcome // in the BASIC view without anything about answers
	Rescreen civil.Date

	Answers triage.Answers      // only when Full
	Typed   map[string][]string // only when Full: what does not fit its question
	Pages   []triage.Progress   // only when Full
	Writer  store.Writer        // only when Full: who fills the form in, as the caller said
	// Unsigned are the consents in force that are not signed under the form; only when Full.
	Unsigned []string
}

// AdviceLevel is the level whose text the patient reads: the one in force, else that of
// the outcome.
func (v IntakeView) AdviceLevel() triage.Level {
	if l := levelOf(v.Intake.Level); l != triage.NoLevel {
		return l
	}
	l, _ := triage.ParseLevel(v.Outcome.Disposition)
	return l
}

// loadIntake reads an intake that the caller may know of; any other is NOT_FOUND. lock
// keeps others from changing it until the transaction ends.
func loadIntake(tx *sqldb.Tx, p authn.Principal, intakeID string, lock bool) (store.Intake, person, error) {
	get := store.GetIntake
	if lock {
		get = store.LockIntake
	}
	i, ok, err := get(tx, p.ClinicID, intakeID)
	if err != nil {
		return i, person{}, err
	}
	if !ok {
		return i, person{}, fault.NotFoundf("intake")
	}
	who, err := personOf(tx, p.ClinicID, i.PatientID, lock)
	if err == nil && !who.sees(p) {
		err = fault.NotFoundf("intake")
	}
	if err == nil {
		err = withinSession(tx, p, intakeID)
	}
	return i, who, err
}

// answersOf reads the answers of an intake as they stand, and the rows they are in.
func answersOf(tx *sqldb.Tx, i store.Intake) (triage.Answers, map[string]store.Answer, error) {
	rows, err := store.Answers(tx, i.ClinicID, i.IntakeID)
	if err != nil {
		return nil, nil, err
	}
	answers, byID := make(triage.Answers, len(rows)), make(map[string]store.Answer, len(rows))
	for _, r := range rows {
		var a triage.Answer
		if err := json.Unmarshal([]byte(r.Value), &a); err != nil {
			return nil, nil, err
		}
		byID[r.QuestionID] = r
		if a.Kind() != triage.Nothing {
			answers[r.QuestionID] = a
		}
	}
	return answers, byID, nil
}

// typedOf reads what was given and does not fit its question, by question.
func typedOf(rows map[string]store.Answer) (map[string][]string, error) {
	var out map[string][]string
	for id, r := range rows {
		if r.Typed == "" {
			continue
		}
		var values []string
		if err := json.Unmarshal([]byte(r.Typed), &values); err != nil {
			return nil, err
		}
		if out == nil {
			out = map[string][]string{}
		}
		out[id] = values
	}
	return out, nil
}

// basicView is what the front desk and lists see.
func (a *App) basicView(p authn.Principal, i store.Intake) (IntakeView, error) {
	set, err := a.forms.Version(i.ClinicID, i.QuestionnaireID, i.QuestionnaireVersion)
	v := IntakeView{Intake: i, Set: set, Audience: audience(p)}
	if err != nil {
		return v, err
	}
	v.Outcome = Outcome{Complete: i.State == Submitted, RuleSetVersion: set.RuleSetVersion(), Disposition: levelOf(i.ComputedLevel).String()}
	v.Outcome.Provisional = !v.Outcome.Complete && i.ComputedLevel > 0
	return v, nil
}

// fullView is what patients and clinicians see. It must not be given to the front desk.
func (a *App) fullView(tx *sqldb.Tx, p authn.Principal, i store.Intake) (IntakeView, error) {
	v, err := a.basicView(p, i)
	if err != nil || v.Audience == FrontDesk {
		return v, err
	}
	v.Full = true
	var rows map[string]store.Answer
	if v.Answers, rows, err = answersOf(tx, i); err != nil {
		return v, err
	}
	if v.Typed, err = typedOf(rows); err != nil {
		return v, err
	}
	if v.Writer, err = store.GetWriter(tx, i.ClinicID, i.IntakeID, p.Subject); err != nil {
		return v, err
	}
	if v.Unsigned, err = unsignedConsents(tx, i); err != nil {
		return v, err
	}
	v.Pages = v.Set.PagesOf(v.Answers)
	task, ok, err := store.TaskOfIntake(tx, i.ClinicID, i.IntakeID)
	if err != nil {
		return v, err
	}
	if ok {
		v.TaskID = task.TaskID
	}
	if i.State == Draft {
		v.Outcome = outcomeOf(v.Set.Evaluate(v.Answers))
		return v, nil
	}
	result, ok, err := store.GetResult(tx, i.ClinicID, i.IntakeID)
	if err != nil {
		return v, err
	}
	if !ok {
		return v, fault.New(fault.Internal, "RESULT_MISSING", "The result of this intake cannot be read.").With("intake_id", i.IntakeID)
	}
	if err := json.Unmarshal([]byte(result.JSON), &v.Outcome); err != nil {
		return v, err
	}
	v.Rescreen, err = a.rescreen(tx, v)
	return v, err
}

// rescreen is the day on which a patient with a mild result fills in the form again, in the
// clinic's zone; no day at other levels.
func (a *App) rescreen(tx *sqldb.Tx, v IntakeView) (civil.Date, error) {
	text := v.Set.LevelText(v.AdviceLevel())
	if text == nil || text.RescreenDays == 0 {
		return civil.Date{}, nil
	}
	zone, err := storedZone(tx, v.Intake.ClinicID)
	if err != nil {
		return civil.Date{}, err
	}
	return civil.Of(v.Intake.SubmittedAt, zone).AddDays(text.RescreenDays), nil
}
