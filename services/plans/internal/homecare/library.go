// Package homecare is what patients do at home, purely: the library of items as versioned
// data with their sources, what is suggested and what is not, the limits of every number, and
// the schedule of a day (clinical reference F039 to F084, F129, F133, F151, F155, F172).
package homecare

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Kinds of items that rules name.
const (
	Exercise = "EXERCISE"
	Strength = "STRENGTH"
	Stress   = "STRESS"
)

// Codes of items that rules name.
const (
	LightMovement = "LIGHT_MOVEMENT"
	Cold          = "COLD"
	Bath          = "BATH"
	ColdAfterBath = "COLD_AFTER_BATH"
	BallRoll      = "BALL_ROLL"
	Lifestyle     = "LIFESTYLE"
)

// Range is a number with its limits.
type Range struct {
	Default int `json:"default"`
	Min     int `json:"min"`
	Max     int `json:"max"`
	// ReasonOutside: a clinician may go outside the limits with a reason.
	ReasonOutside bool `json:"reason_outside,omitempty"`
	// Words say it to patients where the source has no number, for example "a few seconds".
	Words  string `json:"words,omitempty"`
	Source string `json:"source,omitempty"`
}

// Line is a line that cannot be taken out of an item.
type Line struct {
	ID   string `json:"id"`
	Text string `json:"text"`
}

// Condition forbids an item for what is known of a patient.
type Condition struct {
	Fact   string   `json:"fact"`
	Values []string `json:"values,omitempty"`
	Any    bool     `json:"any,omitempty"` // whatever is known
	Rule   string   `json:"rule"`
}

// When is one set of circumstances in which an item is suggested; all that is said must hold.
type When struct {
	Always      bool     `json:"always,omitempty"`
	Trigger     []string `json:"trigger,omitempty"`
	Onset       []string `json:"onset,omitempty"`
	Duration    []string `json:"duration,omitempty"`
	Aggravators []string `json:"aggravators,omitempty"`
	Swelling    bool     `json:"swelling,omitempty"`
	Tender      bool     `json:"tender,omitempty"`
	Chronic     bool     `json:"chronic,omitempty"`
}

// Item is something that a patient does at home.
type Item struct {
	Code     string   `json:"code"`
	Kind     string   `json:"kind"`
	Name     string   `json:"name"`
	Tags     []string `json:"tags,omitempty"`
	Regions  []string `json:"regions,omitempty"`
	Lines    []string `json:"lines,omitempty"`
	Phases   []string `json:"phases,omitempty"`
	Safety   []Line   `json:"safety,omitempty"`
	Picture  string   `json:"picture,omitempty"` // what the picture shows, in words
	Question string   `json:"question,omitempty"`
	// Sides: it is done on each side.
	Sides bool `json:"sides,omitempty"`
	// Hold is in seconds, Minutes how long it takes, PerDay how often, Days how many days.
	Hold        *Range `json:"hold,omitempty"`
	Repetitions *Range `json:"repetitions,omitempty"`
	Minutes     *Range `json:"minutes,omitempty"`
	PerDay      *Range `json:"per_day,omitempty"`
	Days        *Range `json:"days,omitempty"`
	// Locked: only once a clinician has said that the injury is resolved (F155).
	Locked bool `json:"locked,omitempty"`
	// After is the item that it follows; NeedsSwelling that there must be some.
	After         string `json:"after,omitempty"`
	NeedsSwelling bool   `json:"needs_swelling,omitempty"`
	// Hourly: a prompt every hour of working time, for those who want it.
	Hourly bool `json:"hourly,omitempty"`
	// Letter: the letter to the employer goes with it.
	Letter       bool        `json:"letter,omitempty"`
	NotWhen      []Condition `json:"not_when,omitempty"`
	PainBelow    int         `json:"pain_below,omitempty"`
	PainRule     string      `json:"pain_rule,omitempty"`
	Suggest      []When      `json:"suggest,omitempty"`
	Source       string      `json:"source"`
	EvidenceNote string      `json:"evidence_note,omitempty"`
}

// Disclaimer stands on every home programme.
type Disclaimer struct {
	Version int    `json:"version"`
	Text    string `json:"text"`
	Source  string `json:"source"`
}

// Forbidden is an item that no programme may have.
type Forbidden struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Source  string `json:"source"`
}

// IceRule is how ice is spread over days (F056, F057).
type IceRule struct {
	Minutes         int    `json:"minutes"`
	IntervalMin     int    `json:"interval_min_minutes"`
	IntervalMax     int    `json:"interval_max_minutes"`
	IntervalDefault int    `json:"interval_default_minutes"`
	FullDays        int    `json:"full_days"`
	LastDay         int    `json:"last_day"`
	StopPain        int    `json:"stop_pain"`
	Source          string `json:"source"`
}

// BallRule is when the ball is put away (F084).
type BallRule struct {
	StopPain int    `json:"stop_pain"`
	StopDays int    `json:"stop_days"`
	Source   string `json:"source"`
}

// SleepCheck is a question about sleep, with what to do when the answer is yes (F051).
type SleepCheck struct {
	Question   string `json:"question"`
	Text       string `json:"text"`
	Advice     string `json:"advice"`
	AdviceText string `json:"advice_text"`
	Source     string `json:"source"`
}

// Letter is the letter to an employer; no diagnosis is in it (F046).
type Letter struct {
	Version int      `json:"version"`
	Subject string   `json:"subject"`
	Lines   []string `json:"lines"`
	Source  string   `json:"source"`
}

// Aftercare is what a patient is told after a session.
type Aftercare struct {
	Code          string `json:"code"`
	Discipline    string `json:"discipline"`
	WithinMinutes int    `json:"within_minutes"`
	// Days is for how many days after the session's it is shown.
	Days int `json:"days"`
	// When says for which patients it is; nil is for all.
	When   *Fact  `json:"when,omitempty"`
	Text   string `json:"text"`
	Source string `json:"source"`
}

// Fact is something known of a patient: an answer that is one of some.
type Fact struct {
	Question string   `json:"fact"`
	Values   []string `json:"values"`
}

// Of reports whether the message is for a patient of whom that is known.
func (a Aftercare) Of(k Known) bool {
	return a.When == nil || slices.ContainsFunc(k[a.When.Question], func(v string) bool { return slices.Contains(a.When.Values, v) })
}

// Library is everything that a home programme may be made of.
type Library struct {
	Version     int          `json:"version"`
	Disclaimer  Disclaimer   `json:"disclaimer"`
	Forbidden   []Forbidden  `json:"forbidden"`
	Always      []string     `json:"always"`
	Ice         IceRule      `json:"ice"`
	Ball        BallRule     `json:"ball"`
	SleepChecks []SleepCheck `json:"sleep_checks"`
	Letter      Letter       `json:"employer_letter"`
	Aftercare   []Aftercare  `json:"aftercare"`
	Items       []Item       `json:"items"`
}

//go:embed library.json
var standard []byte

// Standard gives the library that ships.
func Standard() Library {
	l, err := Parse(standard)
	if err != nil { // it is embedded, and a test reads it
		panic(err)
	}
	return l
}

// Item gives an item by its code.
func (l Library) Item(code string) (Item, bool) {
	for _, i := range l.Items {
		if i.Code == code {
			return i, true
		}
	}
	return Item{}, false
}

// Sided reports whether an item is done on each side.
func (l Library) Sided(code string) bool {
	i, ok := l.Item(code)
	return ok && i.Sides
}

// mandatory are the safety lines that an item must have whoever edits the library: towel
// (F059), scald (F060), 30 minutes (F061). Ceilings and floors are the ones that stay hard.
var mandatory = []struct {
	code, line       string
	minutesMin, most int
	holdMost         int
	rule             string
}{
	{code: Cold, line: "TOWEL", most: 20, rule: "F059"},
	{code: ColdAfterBath, line: "TOWEL", most: 20, rule: "F059"},
	{code: Bath, line: "NOT_TOO_HOT", most: 30, rule: "F060"},
	{code: Bath, line: "NOT_LONGER", most: 30, rule: "F061"},
	{code: "FOAM_ROLL", minutesMin: 10, rule: "F083"},
	{code: BallRoll, minutesMin: 10, most: 15, rule: "F084"},
	{code: "CHILDS_POSE", holdMost: 60, rule: "F072"},
	{code: "NECK_STRETCH", holdMost: 30, rule: "F074"},
}

// Parse reads a library and checks it; the error names the item and what is wrong. A clinic
// may edit the library, but not take out a safety line or loosen a limit that stays hard.
func Parse(data []byte) (Library, error) {
	var l Library
	if err := json.Unmarshal(data, &l); err != nil {
		return Library{}, fmt.Errorf("home library: %w", err)
	}
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf("home library: "+format, args...)) }
	if l.Version < 1 || l.Disclaimer.Version < 1 || l.Disclaimer.Text == "" {
		fail("needs a version and a disclaimer with its own")
	}
	seen := map[string]bool{}
	for _, i := range l.Items {
		if seen[i.Code] {
			fail("%s is there twice", i.Code)
		}
		seen[i.Code] = true
		if err := i.check(); err != nil {
			fail("%s: %w", i.Code, err)
		}
		if slices.ContainsFunc(l.Forbidden, func(f Forbidden) bool { return f.Code == i.Code }) {
			fail("%s is forbidden and must not be here", i.Code)
		}
	}
	if !slices.ContainsFunc(l.Forbidden, func(f Forbidden) bool { return f.Code == "BED_REST" }) {
		fail("BED_REST must be forbidden (F048)")
	}
	if !slices.Contains(l.Always, LightMovement) {
		fail("LIGHT_MOVEMENT must always be there (F049)")
	}
	for _, code := range l.Always {
		if !seen[code] {
			fail("%s must always be there, and is not in the library", code)
		}
	}
	errs = append(errs, l.checkMandatory(), l.checkIce())
	return l, errors.Join(errs...)
}

func (l Library) checkMandatory() error {
	for _, m := range mandatory {
		i, ok := l.Item(m.code)
		switch {
		case !ok: // a clinic may leave an item out
		case m.line != "" && !slices.ContainsFunc(i.Safety, func(s Line) bool { return s.ID == m.line && s.Text != "" }):
			return fmt.Errorf("home library: %s: the safety line %s cannot be removed (%s)", m.code, m.line, m.rule)
		case m.most > 0 && (i.Minutes == nil || i.Minutes.Max > m.most):
			return fmt.Errorf("home library: %s: at most %d minutes (%s)", m.code, m.most, m.rule)
		case m.minutesMin > 0 && (i.Minutes == nil || i.Minutes.Min < m.minutesMin):
			return fmt.Errorf("home library: %s: at least %d minutes (%s)", m.code, m.minutesMin, m.rule)
		case m.holdMost > 0 && (i.Hold == nil || i.Hold.Max > m.holdMost):
			return fmt.Errorf("home library: %s: held at most %d seconds (%s)", m.code, m.holdMost, m.rule)
		}
	}
	return nil
}

func (l Library) checkIce() error {
	r := l.Ice
	if r.Minutes < 1 || r.IntervalMin < r.Minutes || r.IntervalMax < r.IntervalMin || r.IntervalDefault < r.IntervalMin ||
		r.IntervalDefault > r.IntervalMax || r.FullDays < 1 || r.LastDay < r.FullDays || r.Source == "" {
		return errors.New("home library: the rule for ice makes no sense")
	}
	return nil
}

func (i Item) check() error {
	switch {
	case i.Code == "" || i.Kind == "" || i.Name == "" || i.Source == "":
		return errors.New("needs code, kind, name and source")
	case len(i.Lines) == 0 && len(i.Phases) == 0:
		return errors.New("says nothing to the patient")
	case i.Kind == Strength && !i.Locked:
		return errors.New("strengthening waits until the injury is resolved (F155)")
	}
	for name, r := range map[string]*Range{"hold": i.Hold, "repetitions": i.Repetitions, "minutes": i.Minutes, "per_day": i.PerDay, "days": i.Days} {
		if r != nil && (r.Min < 1 || r.Default < r.Min || r.Default > r.Max) {
			return fmt.Errorf("%s: the default is outside the limits", name)
		}
	}
	return nil
}
