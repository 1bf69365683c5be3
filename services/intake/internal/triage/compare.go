package triage

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
)

// Vignette is an invented patient: what a change of the rules is tried on.
type Vignette struct {
	ID      string
	Story   string
	Answers Answers
}

//go:embed testdata/vignettes.json
var publicVignettes []byte

//go:embed testdata/vignettes_own.json
var ownVignettes []byte

// Vignettes returns the stored vignettes, with the answers that a file leaves out filled
// in. It fails only when the program was built with files that cannot be read, which the
// tests prevent.
var Vignettes = sync.OnceValues(func() ([]Vignette, error) {
	var all []Vignette
	var defaults Answers
	for _, data := range [][]byte{publicVignettes, ownVignettes} {
		var f struct {
			Defaults  Answers `json:"defaults"`
			Vignettes []struct {
				ID      string  `json:"id"`
				Story   string  `json:"story"`
				Replace bool    `json:"answers_replace_defaults"`
				Answers Answers `json:"answers"`
			} `json:"vignettes"`
		}
		if err := json.Unmarshal(data, &f); err != nil {
			return nil, fmt.Errorf("vignettes: %w", err)
		}
		if f.Defaults != nil {
			defaults = f.Defaults
		}
		for _, v := range f.Vignettes {
			answers := v.Answers
			if !v.Replace {
				answers = maps.Clone(defaults)
				maps.Copy(answers, v.Answers)
			}
			all = append(all, Vignette{ID: v.ID, Story: v.Story, Answers: answers})
		}
	}
	return all, nil
})

// Change is one vignette whose result differs between two versions of the rules.
type Change struct {
	Vignette      Vignette
	Before, After Level // highest level that fired, whether the form is complete or not
	Lost, Gained  []string
	Refused       []string // questions whose answer the version after cannot take
	BlocksChanged bool
}

// Lowered reports whether the level fell: what a clinician must have meant.
func (c Change) Lowered() bool { return c.After < c.Before }

// Compare evaluates vignettes with two versions and returns those whose result differs, in
// their order. Levels are those of the rules that fired: a version that asks one question
// more leaves every vignette incomplete, and that is not what it does to patients.
func Compare(before, after *Set, vignettes []Vignette) []Change {
	var out []Change
	for _, v := range vignettes {
		c := Change{Vignette: v}
		for _, id := range slices.Sorted(maps.Keys(v.Answers)) {
			if after.Check(id, v.Answers[id]) != nil && before.Check(id, v.Answers[id]) == nil {
				c.Refused = append(c.Refused, id)
			}
		}
		x, y := before.Evaluate(v.Answers), after.Evaluate(v.Answers)
		c.Before, c.After = highest(x), highest(y)
		c.Lost, c.Gained = without(x.Fired, y.Fired), without(y.Fired, x.Fired)
		c.BlocksChanged = !sameBlocks(x.Blocked, y.Blocked) || !sameBlocks(x.ReleaseNeeded, y.ReleaseNeeded)
		if c.Before != c.After || len(c.Lost)+len(c.Gained)+len(c.Refused) > 0 || c.BlocksChanged {
			out = append(out, c)
		}
	}
	return out
}

func highest(r Result) Level {
	if len(r.Fired) == 0 {
		return NoLevel
	}
	return r.Fired[0].Level
}

// without are the ids of the rules in a that are not in b, sorted.
func without(a, b []Fired) []string {
	var out []string
	for _, f := range a {
		if !slices.ContainsFunc(b, func(g Fired) bool { return g.Rule.ID == f.Rule.ID }) {
			out = append(out, f.Rule.ID)
		}
	}
	slices.Sort(out)
	return out
}

// sameBlocks reports whether the same kinds of care are named for the same reasons.
func sameBlocks(a, b []Block) bool {
	return slices.EqualFunc(a, b, func(x, y Block) bool {
		return x.Modality == y.Modality && slices.Equal(x.Contraindications, y.Contraindications)
	})
}
