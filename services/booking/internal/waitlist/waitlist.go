// Package waitlist has the clinic's rule for the waitlist: who is offered a time first, and how
// long an offer stands. The rule is data (rule.json); what is here is pure.
package waitlist

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"
)

//go:embed rule.json
var defaultRule []byte

// Key is something that decides who comes first.
type Key string

// The keys.
const (
	Priority Key = "PRIORITY"  // urgent first
	Missed   Key = "MISSED"    // who let fewer offers pass first
	InCourse Key = "IN_COURSE" // who waits for a session of a plan first
	Joined   Key = "JOINED"    // who has waited longer first
)

// Rule is the clinic's rule.
type Rule struct {
	Version int `json:"version"`
	// Order are the keys, the strongest first.
	Order value[[]Key] `json:"order"`
	// OfferMinutes is how long an offer stands; LeastNotice how many minutes before the visit it
	// ends at the latest; LeastAnswer how many minutes there must be for an answer.
	OfferMinutes value[int] `json:"offer_minutes"`
	LeastNotice  value[int] `json:"least_notice_minutes"`
	LeastAnswer  value[int] `json:"least_answer_minutes"`
	// MostMissed is how many offers may pass without an answer before the patient is taken off.
	MostMissed value[int] `json:"most_missed"`
}

// value is a part of the rule with where it comes from.
type value[T any] struct {
	Value        T      `json:"value"`
	Source       string `json:"source"`
	Mode         string `json:"mode"`
	EvidenceNote string `json:"evidence_note"`
}

// Parse reads a rule and refuses one that cannot work.
func Parse(text []byte) (Rule, error) {
	var r Rule
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("waitlist: read the rule: %w", err)
	}
	for _, k := range r.Order.Value {
		if !slices.Contains([]Key{Priority, Missed, InCourse, Joined}, k) {
			return r, fmt.Errorf("waitlist: no such key: %s", k)
		}
	}
	if r.OfferMinutes.Value <= 0 || r.LeastNotice.Value < 0 || r.LeastAnswer.Value <= 0 || r.MostMissed.Value <= 0 {
		return r, fmt.Errorf("waitlist: minutes and numbers must be positive")
	}
	return r, nil
}

// Default is the rule that comes with the program.
var Default = sync.OnceValue(func() Rule {
	r, err := Parse(defaultRule)
	if err != nil { // embedded and tested
		panic(err)
	}
	return r
})

// Choice is what a clinic has chosen of its rule. What is left empty stays as usual.
type Choice struct {
	Order                                 []Key
	OfferMinutes, LeastNotice, MostMissed int
}

// clinicChoice is where a value comes from that a clinic has chosen.
const clinicChoice = "the clinic's choice"

// With is the rule with what a clinic has chosen of it.
func (r Rule) With(c Choice) Rule {
	if len(c.Order) > 0 {
		r.Order = value[[]Key]{Value: slices.Clone(c.Order), Source: clinicChoice, Mode: r.Order.Mode}
	}
	for _, one := range []struct {
		part   *value[int]
		chosen int
	}{{&r.OfferMinutes, c.OfferMinutes}, {&r.LeastNotice, c.LeastNotice}, {&r.MostMissed, c.MostMissed}} {
		if one.chosen > 0 {
			*one.part = value[int]{Value: one.chosen, Source: clinicChoice, Mode: one.part.Mode}
		}
	}
	return r
}

// Entry is what the rule looks at.
type Entry struct {
	ID               string
	Urgent, InCourse bool
	Missed           int
	Joined           time.Time
}

// Compare says who comes first: negative for a, positive for b. It never calls two entries
// equal, so the order is always the same.
func (r Rule) Compare(a, b Entry) int {
	first := func(x, y bool) int {
		switch {
		case x == y:
			return 0
		case x:
			return -1
		}
		return 1
	}
	for _, k := range r.Order.Value {
		c := 0
		switch k {
		case Priority:
			c = first(a.Urgent, b.Urgent)
		case Missed:
			c = a.Missed - b.Missed
		case InCourse:
			c = first(a.InCourse, b.InCourse)
		case Joined:
			c = a.Joined.Compare(b.Joined)
		}
		if c != 0 {
			return c
		}
	}
	if c := a.Joined.Compare(b.Joined); c != 0 {
		return c
	}
	return first(a.ID < b.ID, b.ID < a.ID)
}

// Deadline is until when an offer made now of a visit that starts then can be accepted, and
// false when there is no time for an answer.
func (r Rule) Deadline(now, start time.Time) (time.Time, bool) {
	until := now.Add(time.Duration(r.OfferMinutes.Value) * time.Minute)
	if latest := start.Add(-time.Duration(r.LeastNotice.Value) * time.Minute); latest.Before(until) {
		until = latest
	}
	return until, !until.Before(now.Add(time.Duration(r.LeastAnswer.Value) * time.Minute))
}
