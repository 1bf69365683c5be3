package medication

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Mode is what a clinic makes of a rule.
type Mode string

// The modes: Enforce blocks where the rule can, Advise only says so, Off says nothing.
const (
	Enforce Mode = "enforce"
	Advise  Mode = "advise"
	Off     Mode = "off"
)

// Valid reports whether there is such a mode.
func (m Mode) Valid() bool { return m == Enforce || m == Advise || m == Off }

// Rules is the whole of what is known about medicines: versioned data.
type Rules struct {
	Version int64   `json:"version"`
	Classes []Class `json:"classes"`
	Drugs   []Drug  `json:"drugs"`
	// FormClasses are the answers of the intake form that say what is taken.
	FormClasses []FormClass `json:"form_classes"`
	Rules       []Rule      `json:"rules"`

	index map[string][]known // by the first word of a name
}

// Class is a kind of medicine.
type Class struct {
	Class string `json:"class"`
	Title string `json:"title"`
	// PrescriberNeeded: nobody takes it without one.
	PrescriberNeeded bool   `json:"prescriber_needed,omitempty"`
	Source           string `json:"source"`
}

// Drug is a medicine by its generic name, with the names that it is known by.
type Drug struct {
	Drug    string   `json:"drug"`
	Names   []string `json:"names,omitempty"`
	Classes []string `json:"classes"`
	// LowDose is what the drug is in a small dose.
	LowDose *LowDose `json:"low_dose,omitempty"`
	// Label is the limits of its package; none when it has no over-the-counter label.
	Label *Label `json:"label,omitempty"`
}

// LowDose is a dose up to which a drug is another one.
type LowDose struct {
	MaxMg float64 `json:"max_mg"`
	As    string  `json:"as"`
}

// Label is the limits of a package; 0 is none.
type Label struct {
	MaxSingleMg      float64 `json:"max_single_mg,omitempty"`
	MaxDayMg         float64 `json:"max_day_mg,omitempty"`
	MaxDays          int     `json:"max_days,omitempty"`
	MinIntervalHours int     `json:"min_interval_hours,omitempty"`
	Source           string  `json:"source"`
}

// FormClass says which class an answer of the intake form means.
type FormClass struct {
	Question string `json:"question"`
	Value    string `json:"value"`
	Class    string `json:"class"`
}

// Rule is one rule, with the numbers that its kind needs.
type Rule struct {
	ID           string           `json:"rule_id"`
	Kind         string           `json:"kind"`
	Title        string           `json:"title"`
	Facts        []string         `json:"facts"`
	Mode         Mode             `json:"mode"`
	Code         string           `json:"code"`
	Source       string           `json:"source"`
	EvidenceNote string           `json:"evidence_note,omitempty"`
	Related      []string         `json:"related_rule_ids,omitempty"`
	Checks       map[string]Check `json:"checks"`

	Class         string     `json:"class,omitempty"`
	Drug          string     `json:"drug,omitempty"`
	With          []string   `json:"with,omitempty"`
	AdviseFromDay int        `json:"advise_from_day,omitempty"`
	BlockFromDay  int        `json:"block_from_day,omitempty"`
	Conflicts     []Conflict `json:"conflicts,omitempty"`
	SingleMinMg   float64    `json:"single_min_mg,omitempty"`
	SingleMaxMg   float64    `json:"single_max_mg,omitempty"`
	DayMaxMg      float64    `json:"day_max_mg,omitempty"`
	IntervalHours int        `json:"interval_hours,omitempty"`
	AdultAge      int        `json:"adult_age,omitempty"`
	CautionAge    int        `json:"caution_age,omitempty"`
	WithinDays    int        `json:"within_days,omitempty"`
	TaskAt        int        `json:"task_at,omitempty"`
}

// Check is one thing that a rule may find, and what is then said.
type Check struct {
	Severity string `json:"severity"`
	// Blocks: in mode enforce the medicine is not to be taken until it is acknowledged.
	Blocks bool `json:"blocks,omitempty"`
	// Task: a clinician is told.
	Task      bool   `json:"task,omitempty"`
	Patient   string `json:"patient"`
	Clinician string `json:"clinician"`
}

// Conflict is something known about a patient, by an answer or by a medicine of the list.
type Conflict struct {
	Question string   `json:"question"`
	Values   []string `json:"values"`
	Class    string   `json:"class,omitempty"`
	Words    string   `json:"words"`
}

//go:embed rules.json
var standard []byte

// Standard is what ships.
func Standard() Rules {
	r, err := Parse(standard)
	if err != nil {
		panic(err) // the file is part of the program and a test reads it
	}
	return r
}

// checksOf are the checks that each kind of rule must have words for.
var checksOf = map[string][]string{
	"TOGETHER": {"TOGETHER"}, "DAYS": {"ADVISE", "BLOCK"}, "CONFLICT": {"CONFLICT"}, "DOSE": {"SINGLE", "INTERVAL", "DAY"},
	"PRESCRIBER": {"PRESCRIBER"}, "FOOD": {"FOOD", "OFTEN"}, "LABEL": {"LABEL_SINGLE", "LABEL_DAY", "LABEL_INTERVAL", "LABEL_DAYS"},
	"REVIEW": {"REVIEW"}, "AGE": {"AGE"}, "CAUTION": {"AGED", "ANOTHER", "CAUTION"}, "UNKNOWN": {"UNKNOWN"},
}

// Parse reads rules and refuses those with a defect, naming the place: a rule without
// source, of an unknown kind or without words, an unknown class or drug, an id given twice.
func Parse(data []byte) (Rules, error) {
	var r Rules
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return Rules{}, fmt.Errorf("medicine rules: %w", err)
	}
	r = r.indexed()
	if err := errors.Join(r.checkDrugs(), r.checkRules()); err != nil {
		return Rules{}, fmt.Errorf("medicine rules: %w", err)
	}
	return r, nil
}

// class gives a class by its code.
func (r Rules) class(code string) (Class, bool) {
	i := slices.IndexFunc(r.Classes, func(c Class) bool { return c.Class == code })
	if i < 0 {
		return Class{}, false
	}
	return r.Classes[i], true
}

// HasClass reports whether there is such a class.
func (r Rules) HasClass(code string) bool {
	_, ok := r.class(code)
	return ok
}

// Rule gives a rule by its id; false when there is none.
func (r Rules) Rule(id string) (Rule, bool) {
	i := slices.IndexFunc(r.Rules, func(rule Rule) bool { return rule.ID == id })
	if i < 0 {
		return Rule{}, false
	}
	return r.Rules[i], true
}

func (r Rules) checkDrugs() error {
	for i, c := range r.Classes {
		if c.Class == "" || c.Title == "" || c.Source == "" {
			return fmt.Errorf("classes[%d]: needs class, title and source", i)
		}
	}
	names := map[string]bool{}
	for i, d := range r.Drugs {
		if err := r.CheckDrug(d); err != nil {
			return fmt.Errorf("drugs[%d].%w", i, err)
		}
		for _, name := range append([]string{d.Drug}, d.Names...) {
			if names[name] {
				return fmt.Errorf("drugs[%d]: the name %q is there already", i, name)
			}
			names[name] = true
		}
	}
	for i, f := range r.FormClasses {
		if f.Question == "" || f.Value == "" || !r.HasClass(f.Class) {
			return fmt.Errorf("form_classes[%d]: needs question, value and a known class", i)
		}
	}
	return nil
}

// CheckDrug says what is wrong with a drug, starting with the field.
func (r Rules) CheckDrug(d Drug) error {
	for _, name := range append([]string{d.Drug}, d.Names...) {
		if name != strings.Join(words(name), " ") || name == "" {
			return fmt.Errorf("drug: %q is not lower-case words", name)
		}
	}
	if len(d.Classes) == 0 && d.Label == nil {
		return errors.New("classes: neither a class nor a label")
	}
	for _, c := range d.Classes {
		if !r.HasClass(c) {
			return fmt.Errorf("classes: %q is not a class", c)
		}
	}
	if l := d.Label; l != nil {
		switch {
		case strings.TrimSpace(l.Source) == "":
			return errors.New("label.source: is missing")
		case l.MaxSingleMg < 0 || l.MaxDayMg < 0 || l.MaxDays < 0 || l.MinIntervalHours < 0:
			return errors.New("label: a limit is below 0")
		case l.MaxSingleMg > 0 && l.MaxDayMg > 0 && l.MaxSingleMg > l.MaxDayMg:
			return errors.New("label.max_single_mg: is above the limit of a day")
		}
	}
	return nil
}

func (r Rules) checkRules() error {
	ids := map[string]bool{}
	for i, rule := range r.Rules {
		place := fmt.Sprintf("rules[%d]", i)
		checks, known := checksOf[rule.Kind]
		switch {
		case rule.ID == "" || ids[rule.ID]:
			return fmt.Errorf("%s.rule_id: is missing or there already", place)
		case !known:
			return fmt.Errorf("%s.kind: %q is not a kind", place, rule.Kind)
		case !rule.Mode.Valid():
			return fmt.Errorf("%s.mode: %q is not a mode", place, rule.Mode)
		case rule.Source == "" || rule.Title == "" || rule.Code == "":
			return fmt.Errorf("%s: needs title, code and source", place)
		case rule.Class != "" && !r.HasClass(rule.Class):
			return fmt.Errorf("%s.class: %q is not a class", place, rule.Class)
		}
		ids[rule.ID] = true
		for _, name := range checks {
			c, ok := rule.Checks[name]
			if !ok || c.Patient == "" || c.Clinician == "" || !slices.Contains([]string{"HIGH", "MODERATE", "LOW"}, c.Severity) {
				return fmt.Errorf("%s.checks.%s: needs severity and words for both", place, name)
			}
		}
		if err := r.checkNumbers(rule); err != nil {
			return fmt.Errorf("%s.%w", place, err)
		}
	}
	return nil
}

// checkNumbers refuses a rule that can never say anything, or not what it means to.
func (r Rules) checkNumbers(rule Rule) error {
	switch {
	case rule.Kind == "TOGETHER" && (rule.Class == "" || len(rule.With) == 0):
		return errors.New("with: needs a class and others")
	case rule.Kind == "DAYS" && (rule.AdviseFromDay < 1 || rule.BlockFromDay <= rule.AdviseFromDay):
		return errors.New("block_from_day: advice comes first, then the block")
	case rule.Kind == "DOSE" && (rule.SingleMinMg <= 0 || rule.SingleMaxMg < rule.SingleMinMg || rule.DayMaxMg < rule.SingleMaxMg || rule.IntervalHours < 1):
		return errors.New("single_max_mg: the limits of a dose contradict each other")
	case rule.Kind == "FOOD" && (rule.TaskAt < 1 || rule.WithinDays < 1):
		return errors.New("task_at: needs a number of times and of days")
	case rule.Kind == "AGE" && rule.AdultAge < 1:
		return errors.New("adult_age: is missing")
	case (rule.Kind == "CONFLICT" || rule.Kind == "CAUTION") && len(rule.Conflicts) == 0:
		return errors.New("conflicts: are missing")
	}
	if rule.Drug != "" && len(r.Recognise(rule.Drug, 0).Drugs) == 0 {
		return fmt.Errorf("drug: %q is not in the table", rule.Drug)
	}
	for _, c := range rule.With {
		if !r.HasClass(c) {
			return fmt.Errorf("with: %q is not a class", c)
		}
	}
	for i, c := range rule.Conflicts {
		if c.Question == "" || len(c.Values) == 0 || c.Words == "" || c.Class != "" && !r.HasClass(c.Class) {
			return fmt.Errorf("conflicts[%d]: needs question, values, words and a known class or none", i)
		}
	}
	return nil
}

// ForClinic gives the rules as a clinic has them: with its modes, and with its drugs in the
// place of those of the same name.
func (r Rules) ForClinic(modes map[string]Mode, drugs []Drug) Rules {
	r.Rules, r.Drugs = slices.Clone(r.Rules), slices.Clone(r.Drugs)
	for i, rule := range r.Rules {
		if m, ok := modes[rule.ID]; ok {
			r.Rules[i].Mode = m
		}
	}
	for _, d := range drugs {
		i := slices.IndexFunc(r.Drugs, func(had Drug) bool { return had.Drug == d.Drug || slices.Contains(had.Names, d.Drug) })
		if i < 0 {
			r.Drugs = append(r.Drugs, d)
			continue
		}
		had := r.Drugs[i]
		d.Drug, d.LowDose = had.Drug, had.LowDose
		d.Names = append(slices.Clone(had.Names), d.Names...)
		for _, c := range had.Classes {
			if !slices.Contains(d.Classes, c) { // a clinic adds; what ships stays true
				d.Classes = append(d.Classes, c)
			}
		}
		if d.Label == nil || *d.Label == (Label{Source: d.Label.Source}) { // nothing but a source
			d.Label = had.Label
		}
		r.Drugs[i] = d
	}
	return r.indexed()
}
