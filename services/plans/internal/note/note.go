// Package note has the rules of session notes and examinations, purely: what may be done at a
// session and what speaks against it, and what follows from what was measured (clinical
// reference F107, F108, F132, F142, F154, F156). Its content is data, each part with its
// source.
package note

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/upright-clinic/upright/services/platform/fault"
)

// Condition forbids a procedure for what is known of a patient.
type Condition struct {
	Fact   string   `json:"fact"`
	Values []string `json:"values"`
	Rule   string   `json:"rule"`
}

// Procedure is something that may be done at a session.
type Procedure struct {
	Code         string      `json:"code"`
	Name         string      `json:"name"`
	Disciplines  []string    `json:"disciplines"`
	Adjunct      bool        `json:"adjunct,omitempty"` // beside the session's own care
	Source       string      `json:"source"`
	EvidenceNote string      `json:"evidence_note,omitempty"`
	NotWhen      []Condition `json:"not_when,omitempty"`
}

// Movement is a movement of a joint that can be measured.
type Movement struct {
	Joint    string `json:"joint"`
	Movement string `json:"movement"`
	Usual    int    `json:"usual"`
	Sides    bool   `json:"sides,omitempty"`
}

// Rules are the rules as data.
type Rules struct {
	Version        int    `json:"version"`
	PressureLimit  int    `json:"pressure_limit"`
	PressureSource string `json:"pressure_source"`
	Bend           struct {
		Refer        int    `json:"refer_degrees"`
		Recheck      int    `json:"recheck_degrees"`
		ReferHighBMI int    `json:"refer_degrees_high_bmi"`
		Source       string `json:"source"`
	} `json:"bend"`
	NeuroBlocks         []string    `json:"neuro_blocks"`
	NeuroSource         string      `json:"neuro_source"`
	ClearingProfessions []string    `json:"clearing_professions"`
	LimitedPercent      int         `json:"limited_percent"`
	Procedures          []Procedure `json:"procedures"`
	Movements           []Movement  `json:"movements"`
	MovementsSource     string      `json:"movements_source"`
}

//go:embed rules.json
var standard []byte

// Standard gives the rules that ship.
func Standard() Rules {
	r, err := ParseRules(standard)
	if err != nil { // it is embedded, and a test reads it
		panic(err)
	}
	return r
}

// ParseRules reads rules and checks them; the error says what is wrong.
func ParseRules(data []byte) (Rules, error) {
	var r Rules
	if err := json.Unmarshal(data, &r); err != nil {
		return Rules{}, fmt.Errorf("note rules: %w", err)
	}
	switch {
	case r.Version < 1 || r.PressureSource == "" || r.Bend.Source == "" || r.NeuroSource == "" || r.MovementsSource == "":
		return Rules{}, errors.New("note rules: version or a source is missing")
	case r.PressureLimit < 1 || r.PressureLimit > 10:
		return Rules{}, errors.New("note rules: pressure_limit is from 1 to 10")
	case r.Bend.Recheck < 1 || r.Bend.Refer < r.Bend.Recheck || r.Bend.ReferHighBMI < 1:
		return Rules{}, errors.New("note rules: bend: the degrees make no sense")
	case len(r.NeuroBlocks) == 0 || len(r.ClearingProfessions) == 0:
		return Rules{}, errors.New("note rules: an abnormal neurological examination must forbid something that somebody can clear (F108)")
	}
	seen := map[string]bool{}
	for _, p := range r.Procedures {
		if p.Code == "" || p.Name == "" || p.Source == "" || len(p.Disciplines) == 0 || seen[p.Code] {
			return Rules{}, fmt.Errorf("note rules: procedure %q needs its own code, name, kinds of care and source", p.Code)
		}
		seen[p.Code] = true
	}
	return r, nil
}

// Procedure gives a procedure by its code.
func (r Rules) Procedure(code string) (Procedure, bool) {
	for _, p := range r.Procedures {
		if p.Code == code {
			return p, true
		}
	}
	return Procedure{}, false
}

// Check checks what was done at a session of a kind of care. INVALID_ARGUMENT for a code that
// there is not, or not at such a session; CONTRAINDICATED when something known of the patient
// (answers by question) forbids it.
func (r Rules) Check(discipline string, procedures, adjuncts []string, known map[string][]string) error {
	for field, codes := range map[string][]string{"procedures": procedures, "adjuncts": adjuncts} {
		for n, code := range codes {
			at := field + "[" + strconv.Itoa(n) + "]"
			p, ok := r.Procedure(code)
			switch {
			case !ok || p.Adjunct != (field == "adjuncts"):
				return fault.Invalid(at, "is not in the list")
			case discipline != "" && !slices.Contains(p.Disciplines, discipline):
				return fault.Invalid(at, "is not done at such a session")
			}
			if rules := p.Against(known); len(rules) > 0 {
				return fault.New(fault.FailedPrecondition, "CONTRAINDICATED", "Something known of the patient speaks against this.").
					With("rule", strings.Join(rules, ",")).With("procedure", code)
			}
		}
	}
	return nil
}

// Against gives the rules that forbid a procedure for what is known of a patient.
func (p Procedure) Against(known map[string][]string) []string {
	var rules []string
	for _, c := range p.NotWhen {
		if slices.ContainsFunc(known[c.Fact], func(v string) bool { return slices.Contains(c.Values, v) }) {
			rules = append(rules, c.Rule)
		}
	}
	slices.Sort(rules)
	return slices.Compact(rules)
}

// LighterPressure is the prompt after more pressure than the clinic's limit (F132).
const LighterPressure = "LIGHTER_PRESSURE"

// Prompts gives what to mind at the next session after a pressure; nil is none noted.
func (r Rules) Prompts(pressure *int) []string {
	if pressure != nil && *pressure > r.PressureLimit {
		return []string{LighterPressure}
	}
	return nil
}
