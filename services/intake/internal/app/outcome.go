package app

import (
	"encoding/json"
	"slices"

	"github.com/upright-clinic/upright/services/intake/internal/triage"
)

// Outcome is a result of the rules in a form that is stored with an intake for ever and
// still reads the same when the rules have moved on.
type Outcome struct {
	Complete       bool           `json:"complete"`
	Provisional    bool           `json:"provisional,omitempty"`
	Disposition    string         `json:"disposition,omitempty"`
	Fired          []FiredRule    `json:"fired,omitempty"`
	Missing        []string       `json:"missing,omitempty"`
	OpenFollowUps  []string       `json:"open_follow_ups,omitempty"`
	Suggestions    []Suggestion   `json:"suggestions,omitempty"`
	Blocked        []triage.Block `json:"blocked,omitempty"`
	ReleaseNeeded  []triage.Block `json:"release_needed,omitempty"`
	Hints          []Hint         `json:"hints,omitempty"`
	HomeMeasures   []string       `json:"home_measures,omitempty"`
	RuleSetVersion string         `json:"rule_set_version"`
}

// FiredRule is a rule that applied, with the answers that made it apply.
type FiredRule struct {
	RuleID  string  `json:"rule_id"`
	Level   string  `json:"level"`
	Why     string  `json:"why"`
	Source  string  `json:"source"`
	Action  string  `json:"action"`
	Because []Given `json:"because,omitempty"`
}

// Given is one answer as it was given.
type Given struct {
	Question string        `json:"question_id"`
	Answer   triage.Answer `json:"value"`
}

// Suggestion is a kind of care that suits the answers.
type Suggestion struct {
	Modality string `json:"modality"`
	Dose     string `json:"dose"`
	Source   string `json:"source"`
}

// Hint is a candidate cause with the answers that hint at it.
type Hint struct {
	Cause   string  `json:"cause"`
	Because []Given `json:"because,omitempty"`
}

func given(answers []triage.GivenAnswer) []Given {
	out := make([]Given, len(answers))
	for i, g := range answers {
		out[i] = Given{Question: g.Question, Answer: g.Answer}
	}
	return out
}

func outcomeOf(r triage.Result) Outcome {
	out := Outcome{
		Complete: r.Complete, Provisional: r.Provisional, Disposition: r.Disposition.String(), Missing: r.Missing,
		OpenFollowUps: r.OpenFollowUps, Blocked: r.Blocked, ReleaseNeeded: r.ReleaseNeeded, HomeMeasures: r.HomeMeasures, RuleSetVersion: r.RuleSetVersion,
	}
	for _, f := range r.Fired {
		out.Fired = append(out.Fired, FiredRule{
			RuleID: f.Rule.ID, Level: f.Level.String(), Why: f.Rule.Why, Source: f.Rule.Source, Action: f.Rule.Action,
			Because: given(f.Because),
		})
	}
	for _, m := range r.Suggested {
		out.Suggestions = append(out.Suggestions, Suggestion{Modality: m.Modality, Dose: m.Dose, Source: m.Source})
	}
	for _, h := range r.Hints {
		out.Hints = append(out.Hints, Hint{Cause: h.Cause, Because: given(h.Because)})
	}
	return out
}

// becauseJSON is the answers behind a rule or contraindication as they are stored, to tell
// later whether one was changed.
func becauseJSON(answers []triage.GivenAnswer) (string, error) {
	m := make(map[string]triage.Answer, len(answers))
	for _, g := range answers {
		m[g.Question] = g.Answer
	}
	data, err := json.Marshal(m) // keys come out sorted
	return string(data), err
}

// changed reports whether an answer that was given then is another, or gone, now. An
// answer that was missing then may be there now.
func changed(because string, now triage.Answers) (bool, error) {
	var then triage.Answers
	if err := json.Unmarshal([]byte(because), &then); err != nil {
		return false, err
	}
	for id, a := range then {
		if a.Kind() != triage.Nothing && !a.Equal(now[id]) {
			return true, nil
		}
	}
	return false, nil
}

// firedIDs are the ids of the rules that fired.
func firedIDs(fired []triage.Fired) []string {
	out := make([]string, len(fired))
	for i, f := range fired {
		out[i] = f.Rule.ID
	}
	slices.Sort(out)
	return out
}
