package injection

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
)

// FacetJoint is the kind that the seed's rule is about, and the only one that the standard
// policy counts.
const FacetJoint = "FACET_JOINT_INJECTION"

// Scopes of a policy.
const (
	ScopePatient = "patient" // all regions, levels, sides, clinicians and sites together
	ScopeRegion  = "region"  // each region by itself; an unknown region belongs to all
)

// Cap is the most sessions that a window of some months may hold.
type Cap struct {
	// Max is the most sessions.
	Max int `json:"max"`
	// Months is the length of the window in calendar months.
	Months int `json:"months"`
	// Source says where the two numbers come from.
	Source string `json:"source"`
}

// Policy is the rule as a clinic tunes it. It is data: a clinician can read and check it.
type Policy struct {
	// Version is stored with every decision.
	Version int64 `json:"version"`
	// Caps must all hold.
	Caps []Cap `json:"caps"`
	// Scope is ScopePatient or ScopeRegion.
	Scope string `json:"scope"`
	// CountedKinds are the kinds of procedure that count.
	CountedKinds []string `json:"counted_kinds"`
	// MinIntervalDays is the least number of days from one session to the next; 0 asks
	// for none. It guards new bookings; a fact that is closer raises no issue.
	MinIntervalDays int `json:"min_interval_days"`
	// FollowUps are when the patient is asked how it went after an injection.
	FollowUps []FollowUp `json:"follow_ups,omitempty"`
	// Sources say where scope, kinds and interval come from.
	Sources map[string]string `json:"sources"`
}

// FollowUp is a time after an injection at which the patient is asked how it went.
type FollowUp struct {
	// Code names it, for example DAY_3.
	Code string `json:"code"`
	// Days after the injection.
	Days int `json:"days"`
	// Source says where it comes from.
	Source string `json:"source"`
}

//go:embed policy.json
var standardPolicy []byte

// StandardPolicy is the rule that ships: three in six months, per patient, facet-joint
// injections only, no least interval.
func StandardPolicy() Policy {
	p, err := ParsePolicy(standardPolicy)
	if err != nil {
		panic(err) // the file is part of the program and a test reads it
	}
	return p
}

// ParsePolicy reads a policy and says what is wrong with one that could not protect
// anybody: no cap, a cap without a number or a source, an unknown scope, no counted kind.
func ParsePolicy(data []byte) (Policy, error) {
	var p Policy
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return Policy{}, fmt.Errorf("injection policy: %w", err)
	}
	if d.More() {
		return Policy{}, errors.New("injection policy: more than one JSON value")
	}
	return p, p.validate()
}

func (p Policy) validate() error {
	switch {
	case p.Version < 1:
		return errors.New("injection policy: version: must be 1 or more")
	case len(p.Caps) == 0:
		return errors.New("injection policy: caps: at least one is needed")
	case p.Scope != ScopePatient && p.Scope != ScopeRegion:
		return fmt.Errorf("injection policy: scope: %q is neither %q nor %q", p.Scope, ScopePatient, ScopeRegion)
	case len(p.CountedKinds) == 0:
		return errors.New("injection policy: counted_kinds: at least one is needed")
	case p.MinIntervalDays < 0 || p.MinIntervalDays > 365:
		return errors.New("injection policy: min_interval_days: must be from 0 to 365")
	}
	for i, c := range p.Caps {
		if c.Max < 1 || c.Months < 2 || c.Months > 120 || c.Source == "" {
			return fmt.Errorf("injection policy: caps[%d]: needs max of 1 or more, months from 2 to 120, and a source", i)
		}
	}
	for i, f := range p.FollowUps {
		if f.Code == "" || f.Days < 0 || f.Days > 366 || f.Source == "" {
			return fmt.Errorf("injection policy: follow_ups[%d]: needs code, days from 0 to 366, and a source", i)
		}
	}
	for _, field := range []string{"scope", "counted_kinds", "min_interval_days"} {
		if p.Sources[field] == "" {
			return fmt.Errorf("injection policy: sources: none for %s", field)
		}
	}
	return nil
}

func (p Policy) sameScope(a, b string) bool {
	return p.Scope == ScopePatient || a == "" || b == "" || a == b
}
