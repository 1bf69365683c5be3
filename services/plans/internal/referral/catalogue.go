package referral

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Catalogue is to whom and for what a clinic refers, and what must come before surgery:
// versioned data in which everything has a source.
type Catalogue struct {
	Version       int64      `json:"version"`
	Targets       []Target   `json:"targets"`
	Reasons       []Reason   `json:"reasons"`
	Imaging       []string   `json:"imaging"`
	ImagingSource string     `json:"imaging_source"`
	Labs          []Lab      `json:"labs"`
	Proposals     []Proposal `json:"proposals"`
	// FailedAfterWeeks is how long professional care without change is tried before
	// specialists are considered.
	FailedAfterWeeks Number    `json:"failed_after_weeks"`
	Surgery          Surgery   `json:"surgery"`
	Consent          Consent   `json:"consent"`
	Implants         []Implant `json:"implants"`
}

// Target is to whom patients are referred.
type Target struct {
	Target string `json:"target"`
	Title  string `json:"title"`
	// PhysicianAccepts: what others write is a proposal until a physician accepts it.
	PhysicianAccepts bool `json:"physician_accepts,omitempty"`
	// Surgical: the gate comes first, and consent before the end.
	Surgical bool   `json:"surgical,omitempty"`
	Source   string `json:"source"`
}

// Reason is why somebody is referred.
type Reason struct {
	Reason string `json:"reason"`
	Title  string `json:"title"`
	Source string `json:"source"`
}

// Lab is a panel of blood tests, with the reasons that it goes with, and those for which it
// is filled in.
type Lab struct {
	Lab     string   `json:"lab"`
	Reasons []string `json:"reasons"`
	Prefill []string `json:"prefill"`
	Source  string   `json:"source"`
}

// Proposal is the referral that a rule proposes.
type Proposal struct {
	RuleIDs []string `json:"rule_ids"`
	Target  string   `json:"target"`
	Reasons []string `json:"reasons"`
	Urgency string   `json:"urgency"`
	Source  string   `json:"source"`
}

// Number is a number with its source.
type Number struct {
	Value  int    `json:"value"`
	Source string `json:"source"`
}

// Surgery is what must be true before a patient is referred for surgery.
type Surgery struct {
	// Modalities must each have been tried without effect, or be contraindicated or declined.
	Modalities  []string `json:"modalities"`
	Indications []string `json:"indications"`
	// Bypasses are what cannot wait for that.
	Bypasses []string `json:"bypasses"`
	Source   string   `json:"source"`
}

// Consent is what a text that patients sign before surgery must name.
type Consent struct {
	Complications []string      `json:"complications"`
	Source        string        `json:"source"`
	Texts         []ConsentText `json:"texts"`
}

// ConsentText is a text that patients sign.
type ConsentText struct {
	Version       string   `json:"version"`
	Complications []string `json:"complications"`
	Text          string   `json:"text"`
}

// Implant is a device, with the option of the intake form that says the same.
type Implant struct {
	Implant string `json:"implant"`
	Fact    string `json:"fact"`
	Source  string `json:"source"`
}

// Urgencies, the most urgent last.
var urgencies = []string{"ROUTINE", "URGENT", "SAME_DAY", "EMERGENCY"}

//go:embed catalogue.json
var standard []byte

// Standard is the catalogue that ships.
func Standard() Catalogue {
	c, err := Parse(standard)
	if err != nil {
		panic(err) // the file is part of the program and a test reads it
	}
	return c
}

// Parse reads a catalogue and refuses one with a defect, naming the place.
func Parse(data []byte) (Catalogue, error) {
	var c Catalogue
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return Catalogue{}, fmt.Errorf("referral catalogue: %w", err)
	}
	if err := errors.Join(c.checkWords(), c.checkProposals(), c.checkSurgery()); err != nil {
		return Catalogue{}, fmt.Errorf("referral catalogue: %w", err)
	}
	return c, nil
}

func (c Catalogue) checkWords() error {
	for i, t := range c.Targets {
		if t.Target == "" || t.Title == "" || t.Source == "" {
			return fmt.Errorf("targets[%d]: needs target, title and source", i)
		}
	}
	for i, r := range c.Reasons {
		if r.Reason == "" || r.Title == "" || r.Source == "" {
			return fmt.Errorf("reasons[%d]: needs reason, title and source", i)
		}
	}
	if len(c.Imaging) == 0 || c.ImagingSource == "" || c.FailedAfterWeeks.Value < 1 || c.FailedAfterWeeks.Source == "" {
		return errors.New("imaging, failed_after_weeks: need values and source")
	}
	for i, m := range c.Implants {
		if m.Implant == "" || m.Fact == "" || m.Source == "" {
			return fmt.Errorf("implants[%d]: needs implant, fact and source", i)
		}
	}
	return nil
}

func (c Catalogue) checkProposals() error {
	known := func(reasons []string) bool {
		return len(reasons) > 0 && !slices.ContainsFunc(reasons, func(r string) bool { return !c.HasReason(r) })
	}
	for i, l := range c.Labs {
		if l.Lab == "" || l.Source == "" || !known(l.Reasons) || !known(l.Prefill) {
			return fmt.Errorf("labs[%d]: needs lab, source and known reasons", i)
		}
	}
	seen := map[string]bool{}
	for i, p := range c.Proposals {
		if _, ok := c.Target(p.Target); !ok || !known(p.Reasons) || !slices.Contains(urgencies, p.Urgency) || p.Source == "" || len(p.RuleIDs) == 0 {
			return fmt.Errorf("proposals[%d]: needs rules, a known target, known reasons, an urgency and a source", i)
		}
		for _, id := range p.RuleIDs {
			if seen[id] {
				return fmt.Errorf("proposals[%d].rule_ids: %q is there already", i, id)
			}
			seen[id] = true
		}
	}
	return nil
}

func (c Catalogue) checkSurgery() error {
	if len(c.Surgery.Modalities) == 0 || len(c.Surgery.Indications) == 0 || len(c.Surgery.Bypasses) == 0 || c.Surgery.Source == "" {
		return errors.New("surgery: needs modalities, indications, bypasses and source")
	}
	if len(c.Consent.Complications) == 0 || c.Consent.Source == "" || len(c.Consent.Texts) == 0 {
		return errors.New("consent: needs complications, texts and source")
	}
	for i, t := range c.Consent.Texts {
		if missing := c.Consent.Missing(t.Complications); len(missing) > 0 || t.Version == "" || t.Text == "" {
			return fmt.Errorf("consent.texts[%d]: needs version, text and every complication, lacks %v", i, missing)
		}
	}
	return nil
}

// Missing are the complications that a text does not name.
func (c Consent) Missing(named []string) []string {
	var out []string
	for _, want := range c.Complications {
		if !slices.Contains(named, want) {
			out = append(out, want)
		}
	}
	return out
}

// Target gives a target by its code; false when there is none.
func (c Catalogue) Target(code string) (Target, bool) {
	i := slices.IndexFunc(c.Targets, func(t Target) bool { return t.Target == code })
	if i < 0 {
		return Target{}, false
	}
	return c.Targets[i], true
}

// HasReason reports whether there is such a reason.
func (c Catalogue) HasReason(code string) bool {
	return slices.ContainsFunc(c.Reasons, func(r Reason) bool { return r.Reason == code })
}

// Lab gives a panel by its code; false when there is none.
func (c Catalogue) Lab(code string) (Lab, bool) {
	i := slices.IndexFunc(c.Labs, func(l Lab) bool { return l.Lab == code })
	if i < 0 {
		return Lab{}, false
	}
	return c.Labs[i], true
}

// Implant gives a device by its code; false when there is none.
func (c Catalogue) Implant(code string) (Implant, bool) {
	i := slices.IndexFunc(c.Implants, func(m Implant) bool { return m.Implant == code })
	if i < 0 {
		return Implant{}, false
	}
	return c.Implants[i], true
}
