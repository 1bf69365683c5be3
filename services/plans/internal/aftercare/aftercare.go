// Package aftercare has the rules of the weeks after an injection: what the patient consented
// to, and what an answer to a check-in means. The content is data (aftercare.json) with its
// sources; the rules look at no clock and no database.
package aftercare

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Rules are the content as a clinic may tune it.
type Rules struct {
	// Version is the version of the content.
	Version int64 `json:"version"`
	// OverdueAfter is how many hours a check-in may wait for its answer.
	OverdueAfter Number `json:"overdue_after_hours"`
	// WorseNormalUntil is the last day after the injection on which worse pain alone is
	// expected (F127).
	WorseNormalUntil Number `json:"worse_normal_until_day"`
	// NoReliefNormalUntil is the last day on which no relief yet is nothing to look at (F126).
	NoReliefNormalUntil Number `json:"no_relief_normal_until_day"`
	// Signs are what a check-in asks for.
	Signs []Sign `json:"signs"`
	// Consents are the texts that patients sign, by version; the last of a kind is current.
	Consents []Consent `json:"consents"`
	// Complications must be in every consent (F128).
	Complications []string `json:"complications"`
	// ComplicationsSource says where they come from.
	ComplicationsSource string `json:"complications_source"`
}

// Number is a number with its source.
type Number struct {
	Value  int    `json:"value"`
	Source string `json:"source"`
}

// Sign is something that may show that an injection has gone wrong.
type Sign struct {
	// Code is what an answer names it by.
	Code string `json:"code"`
	// Group is the complication that it points to.
	Group string `json:"group"`
	// Advice is what the patient is told to do.
	Advice string `json:"advice"`
	// Text asks for it in plain words.
	Text string `json:"text"`
	// Source says where it comes from.
	Source string `json:"source"`
}

// Consent is a text that a patient signs before an injection.
type Consent struct {
	// Version names it in a record.
	Version string `json:"version"`
	// Kind of injection.
	Kind string `json:"kind"`
	// Complications that it names.
	Complications []Complication `json:"complications"`
	// Source says where it comes from.
	Source string `json:"source"`
}

// Complication is something that may go wrong.
type Complication struct {
	// Code as adverse events have it.
	Code string `json:"code"`
	// Text is how the patient is told.
	Text string `json:"text"`
}

//go:embed aftercare.json
var standard []byte

// Standard are the rules that ship.
func Standard() Rules {
	r, err := Parse(standard)
	if err != nil {
		panic(err) // the file is part of the program and a test reads it
	}
	return r
}

// Parse reads rules and names the place of a defect: a number or a sign without a source, an
// unknown advice, a consent that leaves a complication out.
func Parse(data []byte) (Rules, error) {
	var r Rules
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return Rules{}, fmt.Errorf("aftercare: %w", err)
	}
	if d.More() {
		return Rules{}, errors.New("aftercare: more than one JSON value")
	}
	if err := errors.Join(r.numbers(), r.signs(), r.consents()); err != nil {
		return Rules{}, fmt.Errorf("aftercare: %w", err)
	}
	return r, nil
}

func (r Rules) numbers() error {
	if r.Version < 1 {
		return errors.New("version: must be 1 or more")
	}
	for _, n := range []struct {
		field    string
		n        Number
		min, max int
	}{
		{"overdue_after_hours", r.OverdueAfter, 1, 720},
		{"worse_normal_until_day", r.WorseNormalUntil, 0, 30},
		{"no_relief_normal_until_day", r.NoReliefNormalUntil, 0, 90},
	} {
		if n.n.Source == "" {
			return fmt.Errorf("%s.source: is missing", n.field)
		}
		if n.n.Value < n.min || n.n.Value > n.max {
			return fmt.Errorf("%s.value: must be from %d to %d", n.field, n.min, n.max)
		}
	}
	return nil
}

func (r Rules) signs() error {
	if len(r.Complications) == 0 || r.ComplicationsSource == "" {
		return errors.New("complications: at least one is needed, with complications_source")
	}
	var seen []string
	for i, s := range r.Signs {
		at := fmt.Sprintf("signs[%d]", i)
		switch {
		case s.Code == "" || slices.Contains(seen, s.Code):
			return fmt.Errorf("%s.code: is missing or there twice", at)
		case !slices.Contains(r.Complications, s.Group):
			return fmt.Errorf("%s.group: %q is not a complication", at, s.Group)
		case s.Advice != SameDay && s.Advice != Emergency:
			return fmt.Errorf("%s.advice: %q is neither %s nor %s", at, s.Advice, SameDay, Emergency)
		case s.Text == "" || s.Source == "":
			return fmt.Errorf("%s: text and source are needed", at)
		}
		seen = append(seen, s.Code)
	}
	return nil
}

func (r Rules) consents() error {
	if len(r.Consents) == 0 {
		return errors.New("consents: at least one is needed")
	}
	var seen []string
	for i, c := range r.Consents {
		at := fmt.Sprintf("consents[%d]", i)
		if c.Version == "" || slices.Contains(seen, c.Version) {
			return fmt.Errorf("%s.version: is missing or there twice", at)
		}
		seen = append(seen, c.Version)
		if c.Kind == "" || c.Source == "" {
			return fmt.Errorf("%s: kind and source are needed", at)
		}
		for _, code := range r.Complications {
			if !slices.ContainsFunc(c.Complications, func(x Complication) bool { return x.Code == code && x.Text != "" }) {
				return fmt.Errorf("%s.complications: %s is missing", at, code)
			}
		}
	}
	return nil
}

// Consent gives a text by its version; false when it is none of these.
func (r Rules) Consent(version string) (Consent, bool) {
	i := slices.IndexFunc(r.Consents, func(c Consent) bool { return c.Version == version })
	if i < 0 {
		return Consent{}, false
	}
	return r.Consents[i], true
}
