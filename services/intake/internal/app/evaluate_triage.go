package app

import (
	"github.com/upright-clinic/upright/services/intake/internal/triage"
)

// EvaluateTriage applies the rules to answers and stores nothing. It fails with NOT_FOUND
// for an unknown form, and with INVALID_ARGUMENT naming every answer that does not fit.
func (a *App) EvaluateTriage(questionnaireID string, version int64, answers triage.Answers) (*triage.Set, Outcome, error) {
	set, err := a.forms.Version(questionnaireID, version)
	if err != nil {
		return nil, Outcome{}, err
	}
	if err := checkAnswers(set, UpdateIntake{Answers: answers}); err != nil {
		return nil, Outcome{}, err
	}
	return set, outcomeOf(set.Evaluate(answers)), nil
}

// Questionnaires returns the version in force of every form.
func (a *App) Questionnaires() []*triage.Set { return a.forms.List() }

// Questionnaire returns one version of a form, the one in force for 0. It fails with
// NOT_FOUND.
func (a *App) Questionnaire(id string, version int64) (*triage.Set, error) {
	return a.forms.Version(id, version)
}

// Language returns the language to show a form in: the one wanted, or else English.
func Language(set *triage.Set, wanted string) string { return language(set, wanted) }
