package app

import (
	"context"

	"github.com/upright-clinic/upright/services/intake/internal/triage"
	"github.com/upright-clinic/upright/services/platform/authn"
)

// EvaluateTriage applies the rules to answers and stores nothing. It fails with NOT_FOUND
// for an unknown form, and with INVALID_ARGUMENT naming every answer that does not fit.
func (a *App) EvaluateTriage(ctx context.Context, questionnaireID string, version int64, answers triage.Answers) (*triage.Set, Outcome, error) {
	set, err := a.forms.Version(clinicOf(ctx), questionnaireID, version)
	if err != nil {
		return nil, Outcome{}, err
	}
	if err := checkAnswers(set, UpdateIntake{Answers: answers}); err != nil {
		return nil, Outcome{}, err
	}
	return set, outcomeOf(set.Evaluate(answers)), nil
}

// clinicOf is the caller's clinic; "" for a service that names none, which sees the forms
// that ship with the program.
func clinicOf(ctx context.Context) string {
	p, _ := authn.From(ctx)
	return p.ClinicID
}

// Questionnaires returns the version in force of every form of the caller's clinic.
func (a *App) Questionnaires(ctx context.Context) ([]*triage.Set, error) {
	return a.forms.List(clinicOf(ctx))
}

// Questionnaire returns one version of a form, the one in force for 0. It fails with
// NOT_FOUND.
func (a *App) Questionnaire(ctx context.Context, id string, version int64) (*triage.Set, error) {
	return a.forms.Version(clinicOf(ctx), id, version)
}

// Languages are the languages in which the caller may have a form: for staff all that it has
// in full, so that they can be looked at before they open; for others those that are open.
func (a *App) Languages(ctx context.Context, set *triage.Set) []string {
	if p, _ := authn.From(ctx); p.IsStaff() {
		return set.Languages
	}
	return a.forms.Open(clinicOf(ctx), set)
}
