package plan

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Catalogue is what a clinic offers: limits by kind of care, templates, and the policy for
// missed sessions. It is versioned data in which every number has a source.
type Catalogue struct {
	// Version is copied to every plan made with it.
	Version int64 `json:"version"`
	// Ladder is the steps from non-invasive to surgical, in order (F180).
	Ladder []string `json:"ladder"`
	// LadderSource says where it comes from.
	LadderSource string `json:"ladder_source"`
	// Disciplines are the kinds of care, each once.
	Disciplines []Discipline `json:"disciplines"`
	// Templates are what plans are copied from.
	Templates []Template `json:"templates"`
	// Procedures are what may be done within sessions of a course.
	Procedures []Procedure `json:"procedures"`
	// CauseCodes are the suspected or confirmed causes that a plan may name (F013).
	CauseCodes []string `json:"cause_codes"`
	// NoShowCounts says whether a missed session is used up. For an injection it never
	// counts towards the limit, whatever is said here.
	NoShowCounts SourcedBool `json:"no_show_counts"`
	// LateCancelCounts says the same for a cancellation later than the clinic allows.
	LateCancelCounts SourcedBool `json:"late_cancel_counts"`
}

// Discipline is the limits of one kind of care.
type Discipline struct {
	// Code is the kind of care, for example PHYSIOTHERAPY.
	Code string `json:"discipline"`
	// Step is its place on the ladder.
	Step string `json:"step"`
	// Professions may give it; none means any. The first is the one whose licence it is.
	Professions []string `json:"professions"`
	// Credential is what somebody of another profession needs to give it, and what nobody
	// may have let expire; empty is none.
	Credential string `json:"credential,omitempty"`
	// CredentialSource says where that comes from.
	CredentialSource string `json:"credential_source,omitempty"`
	// Sessions of a course; more than Max needs a recorded review.
	Sessions Range `json:"sessions"`
	// PerWeekMin warns below it; 0 is none.
	PerWeekMin Range `json:"per_week_min"`
	// PerWeekMax refuses above it, by ISO week; 0 is no limit.
	PerWeekMax Range `json:"per_week_max"`
	// Weeks is the length of a course.
	Weeks Range `json:"weeks"`
	// MinGapHours is the least time between the starts of two sessions.
	MinGapHours Range `json:"min_gap_hours"`
	// ReviewAfter are the delivered sessions after which a review is due.
	ReviewAfter []int `json:"review_after_sessions,omitempty"`
	// ReviewHalfWay asks for a review after half of the sessions.
	ReviewHalfWay bool `json:"review_half_way,omitempty"`
	// ReviewAfterWeeks are the weeks after the first delivered session after which a review
	// is due.
	ReviewAfterWeeks []int `json:"review_after_weeks,omitempty"`
	// ReviewSource says where the review points come from.
	ReviewSource string `json:"review_source,omitempty"`
	// FirstMinutes is the length that the first session must have; 0 is any.
	FirstMinutes int `json:"first_session_minutes,omitempty"`
	// Minutes are the lengths that sessions may have; none is any.
	Minutes []int `json:"session_minutes,omitempty"`
	// MinutesSource says where the lengths come from.
	MinutesSource string `json:"minutes_source,omitempty"`
	// GoalRequired refuses a course without a goal (F144).
	GoalRequired bool `json:"goal_required,omitempty"`
	// CausesRequired must all be among the plan's causes (F010).
	CausesRequired []string `json:"causes_required,omitempty"`
	// CausesRefused must not be among them (F145).
	CausesRefused []string `json:"causes_refused,omitempty"`
	// CausesSource says where both come from.
	CausesSource string `json:"causes_source,omitempty"`
	// Indication are the fields that an order should have filled in; a plan without them
	// says so (F120).
	Indication []string `json:"indication,omitempty"`
	// IndicationSource says where that comes from.
	IndicationSource string `json:"indication_source,omitempty"`
	// Information is what a patient may read before sessions.
	Information []Information `json:"information,omitempty"`
	// StepUp asks for milder care on record, or for a reason (F180).
	StepUp bool `json:"step_up,omitempty"`
	// StepUpSource says where that comes from.
	StepUpSource string `json:"step_up_source,omitempty"`
	// Counted marks a procedure under the injection limit, which always needs a plan.
	Counted bool `json:"counted,omitempty"`
}

// Information is a text for patients.
type Information struct {
	Code string `json:"code"`
	Text string `json:"text"`
	// Label is TRADITIONAL for a claim that is not a medical fact; else empty.
	Label  string `json:"label,omitempty"`
	Source string `json:"source"`
}

// Procedure is something that may be done within sessions of a course.
type Procedure struct {
	// Code names it, for example TRACTION.
	Code string `json:"code"`
	// Disciplines are the kinds of care that it belongs to; not kept in plans.
	Disciplines []string `json:"disciplines,omitempty"`
	// Modality is the kind of care whose contraindications hold for it; empty is none beside
	// the course's own.
	Modality string `json:"modality,omitempty"`
	Source   string `json:"source"`
	// EvidenceNote says what published guidance says where it differs.
	EvidenceNote string `json:"evidence_note,omitempty"`
}

// Range is a number that a clinician may set: its usual value and its bounds.
type Range struct {
	Default int    `json:"default"`
	Min     int    `json:"min"`
	Max     int    `json:"max"`
	Source  string `json:"source"`
	// EvidenceNote says what published guidance says where it differs.
	EvidenceNote string `json:"evidence_note,omitempty"`
}

// SourcedInt is a number with its source.
type SourcedInt struct {
	Value  int    `json:"value"`
	Source string `json:"source"`
}

// SourcedBool is a yes or no with its source.
type SourcedBool struct {
	Value  bool   `json:"value"`
	Source string `json:"source"`
}

// Template is a plan to be copied.
type Template struct {
	ID            string           `json:"template_id"`
	Name          string           `json:"name"`
	Purpose       string           `json:"purpose"`
	ValidityWeeks SourcedInt       `json:"validity_weeks"`
	Goals         []Goal           `json:"goals,omitempty"`
	CauseCodes    []string         `json:"cause_codes,omitempty"`
	Courses       []TemplateCourse `json:"courses"`
	// Version is a clinic's own template's; 0 is that of the catalogue.
	Version int64 `json:"-"`
	// Retired templates make no plans any more.
	Retired bool `json:"-"`
}

// Own reports whether the template is a clinic's own.
func (t Template) Own() bool { return t.Version > 0 }

// TemplateCourse is a course of a template; 0 takes the kind of care's usual value.
type TemplateCourse struct {
	ID         string `json:"course_id"`
	Discipline string `json:"discipline"`
	Sessions   int    `json:"sessions,omitempty"`
	PerWeekMin int    `json:"per_week_min,omitempty"`
	PerWeekMax int    `json:"per_week_max,omitempty"`
	Weeks      int    `json:"weeks,omitempty"`
	MinGap     int    `json:"min_gap_hours,omitempty"`
	// ReviewAfter are the delivered sessions after which a review is due; none takes the
	// kind of care's.
	ReviewAfter []int `json:"review_after_sessions,omitempty"`
	// Procedures are codes of what is done within the sessions.
	Procedures []string `json:"procedures,omitempty"`
}

//go:embed catalogue.json
var standardCatalogue []byte

// StandardCatalogue is the catalogue that ships.
func StandardCatalogue() Catalogue {
	c, err := ParseCatalogue(standardCatalogue)
	if err != nil {
		panic(err) // the file is part of the program and a test reads it
	}
	return c
}

// ParseCatalogue reads a catalogue and refuses one with a defect, naming the place: a
// number without source or outside its bounds, a course of an unknown kind of care, an id
// given twice, a review that can never come.
func ParseCatalogue(data []byte) (Catalogue, error) {
	var c Catalogue
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return Catalogue{}, fmt.Errorf("plan catalogue: %w", err)
	}
	if d.More() {
		return Catalogue{}, errors.New("plan catalogue: more than one JSON value")
	}
	if err := c.validate(); err != nil {
		return Catalogue{}, fmt.Errorf("plan catalogue: %w", err)
	}
	return c, nil
}

// Discipline gives the limits of a kind of care.
func (c Catalogue) Discipline(code string) (Discipline, bool) {
	i := slices.IndexFunc(c.Disciplines, func(d Discipline) bool { return d.Code == code })
	if i < 0 {
		return Discipline{}, false
	}
	return c.Disciplines[i], true
}

// Template gives a template by id.
func (c Catalogue) Template(id string) (Template, bool) {
	i := slices.IndexFunc(c.Templates, func(t Template) bool { return t.ID == id })
	if i < 0 {
		return Template{}, false
	}
	return c.Templates[i], true
}

// Counted reports whether sessions of the kind of care are injections under the limit.
func (c Catalogue) Counted(discipline string) bool {
	d, _ := c.Discipline(discipline)
	return d.Counted
}

// With gives the catalogue with a clinic's own templates beside the ones that ship.
func (c Catalogue) With(own ...Template) Catalogue {
	c.Templates = append(slices.Clip(c.Templates), own...)
	return c
}

// procedures gives the procedures with the codes, without what a plan need not keep, or the
// place of the first that does not belong to the kind of care.
func (c Catalogue) procedures(discipline string, codes []string) ([]Procedure, int) {
	var out []Procedure
	for i, code := range codes {
		n := slices.IndexFunc(c.Procedures, func(p Procedure) bool { return p.Code == code })
		if n < 0 || !slices.Contains(c.Procedures[n].Disciplines, discipline) {
			return nil, i
		}
		p := c.Procedures[n]
		p.Disciplines = nil
		out = append(out, p)
	}
	return out, -1
}

// ProceduresOf gives the procedures of a kind of care with the codes, in the order of the
// codes, or all of them when no code is given.
func (c Catalogue) ProceduresOf(discipline string, codes ...string) []Procedure {
	var all []string
	for _, p := range c.Procedures {
		if slices.Contains(p.Disciplines, discipline) {
			all = append(all, p.Code)
		}
	}
	if codes != nil {
		all = codes
	}
	out, _ := c.procedures(discipline, all)
	return out
}
