package triage

import (
	"encoding/json"
	"slices"
	"strconv"

	"github.com/upright-clinic/upright/services/intake/internal/triage/celrule"
)

// QuestionType is the kind of answer that a question takes.
type QuestionType string

// Question types: a whole number, one option, any number of options.
const (
	TypeInt    QuestionType = "int"
	TypeChoice QuestionType = "choice"
	TypeMulti  QuestionType = "multi"
)

// Texts are one text by language code (BCP 47).
type Texts map[string]string

// In returns the text in the language, or else in English. It is never empty for a loaded
// form and one of its languages.
func (t Texts) In(language string) string {
	if s, ok := t[language]; ok {
		return s
	}
	return t["en"]
}

// Set is one version of a form with its rules. It is never changed after Load, so it may be
// shared by any number of goroutines. An intake belongs for ever to the Set it answered.
type Set struct {
	Schema            string             `json:"schema"`
	ID                string             `json:"id"`
	Version           int64              `json:"version"`
	Title             Texts              `json:"title"`
	Languages         []string           `json:"languages"`
	Review            Review             `json:"review"`
	Source            string             `json:"source"`
	Policy            Policy             `json:"policy"`
	Levels            []LevelText        `json:"levels"`
	Pages             []Page             `json:"pages"`
	Questions         []Question         `json:"questions"`
	Rules             []Rule             `json:"rules"`
	Contraindications []Contraindication `json:"contraindications"`
	Modalities        []Modality         `json:"modalities"`
	HomeMeasures      []HomeMeasure      `json:"home_measures"`
	CauseHints        []CauseHintRule    `json:"cause_hints"`
	MiniScreen        []MiniScreenItem   `json:"mini_screen"`

	hash  string
	data  []byte         // as it was read
	index map[string]int // question id -> index
}

// Review says whether a clinician has looked at the content.
type Review struct {
	State string `json:"state"` // UNREVIEWED or APPROVED
	By    string `json:"by,omitempty"`
	Note  string `json:"note,omitempty"`
}

// Policy are the numbers about a result as a whole.
type Policy struct {
	ValidDays      int    `json:"valid_days"`      // days a result counts
	WithdrawnFloor string `json:"withdrawn_floor"` // level at least, when an answer behind an urgent finding was changed
	Source         string `json:"source"`

	withdrawnFloor Level
}

// LevelText is what the patient is told at a level, and the work that follows from it.
type LevelText struct {
	ID           string    `json:"id"`
	Title        Texts     `json:"title"`
	Text         Texts     `json:"text"`
	SafetyNet    Texts     `json:"safety_net"`
	RescreenDays int       `json:"rescreen_days,omitempty"`
	Task         *TaskRule `json:"task,omitempty"`
	Source       string    `json:"source"`
}

// TaskRule says by when a clinician must decide: NOW, SAME_DAY (end of the clinic's civil
// day), WORKING_DAYS or DAYS (end of the n-th such day after).
type TaskRule struct {
	Due string `json:"due"`
	N   int    `json:"n"`
}

// Page is one topic of the form.
type Page struct {
	ID        string   `json:"id"`
	Title     Texts    `json:"title"`
	Intro     Texts    `json:"intro,omitempty"`
	Layout    string   `json:"layout"` // LIST or TICKS
	HelpTopic string   `json:"help_topic,omitempty"`
	Questions []string `json:"questions"`
}

// Question is one item of the form.
type Question struct {
	ID         string          `json:"id"`
	Type       QuestionType    `json:"type"`
	Group      string          `json:"group"`
	Required   bool            `json:"required"`
	Text       Texts           `json:"text"`
	Help       Texts           `json:"help,omitempty"`
	Options    []Option        `json:"options,omitempty"`
	NoneLabel  Texts           `json:"none_label,omitempty"`
	Min        int64           `json:"min,omitempty"`
	Max        int64           `json:"max,omitempty"`
	Unit       string          `json:"unit,omitempty"`
	Scale      []ScalePoint    `json:"scale,omitempty"`
	TickOption string          `json:"tick_option,omitempty"`
	NoneOption string          `json:"none_option,omitempty"`
	Sets       string          `json:"sets,omitempty"` // of a body map: the question whose answer its regions are
	AskWhen    json.RawMessage `json:"ask_when,omitempty"`

	ask  *rule // nil: always asked
	page int   // index into Pages
}

// Option is one answer that may be chosen.
type Option struct {
	ID    string   `json:"id"`
	Label Texts    `json:"label"`
	Sides []string `json:"sides,omitempty"` // of a region on a body map
}

// ScalePoint is the words at one value of a number.
type ScalePoint struct {
	Value int64 `json:"value"`
	Label Texts `json:"label"`
}

// Rule asks for a level when its condition holds.
type Rule struct {
	ID            string          `json:"id"`
	Level         string          `json:"level"`
	When          json.RawMessage `json:"when"`
	Why           string          `json:"why"`
	Source        string          `json:"source"`
	Action        string          `json:"action"`
	PatientAction Texts           `json:"patient_action,omitempty"`

	level Level
	rule
}

// Contraindication speaks against a kind of care: HARD until the fact changes, SOFT until a
// named clinician releases it (clinical reference 2.5).
type Contraindication struct {
	ID       string          `json:"id"`
	Modality string          `json:"modality"`
	Kind     string          `json:"kind"`
	When     json.RawMessage `json:"when"`
	Why      string          `json:"why"`
	Source   string          `json:"source"`

	rule
}

// Modality is a kind of care that suits some answers.
type Modality struct {
	Modality string          `json:"modality"`
	When     json.RawMessage `json:"when"`
	Dose     string          `json:"dose"`
	Source   string          `json:"source"`

	rule
}

// HomeMeasure is a home measure that suits some answers.
type HomeMeasure struct {
	ID                    string          `json:"id"`
	When                  json.RawMessage `json:"when"`
	UnlessContraindicated string          `json:"unless_contraindicated,omitempty"`
	Source                string          `json:"source"`

	rule
}

// CauseHintRule names a candidate cause: when its condition holds, or when one of its rules
// fired. It is a hint for clinicians, not a diagnosis.
type CauseHintRule struct {
	Cause  string          `json:"cause"`
	When   json.RawMessage `json:"when,omitempty"`
	Rules  []string        `json:"rules,omitempty"`
	Source string          `json:"source"`

	rule
}

// MiniScreenItem is one yes-or-no question that is asked again before a visit, and the
// answers of the form that a yes stands for.
type MiniScreenItem struct {
	ID   string            `json:"id"`
	Text Texts             `json:"text"`
	Sets map[string]string `json:"sets"`
}

// rule is a compiled condition.
type rule struct {
	cond *condition // as an operator list; nil when written as CEL
	prog *celrule.Program
}

// Question returns the question with the id.
func (s *Set) Question(id string) (*Question, bool) {
	i, ok := s.index[id]
	if !ok {
		return nil, false
	}
	return &s.Questions[i], true
}

// RuleSetVersion names the content exactly: id, number and the beginning of its SHA-256.
func (s *Set) RuleSetVersion() string {
	return s.ID + "@" + strconv.FormatInt(s.Version, 10) + "+sha256:" + s.hash[:12]
}

// Document is the content document as it was read. Nobody may change it.
func (s *Set) Document() []byte { return s.data }

// LevelText returns what the patient is told at the level; nil at NoLevel.
func (s *Set) LevelText(l Level) *LevelText {
	for i := range s.Levels {
		if s.Levels[i].ID == l.String() {
			return &s.Levels[i]
		}
	}
	return nil
}

// WithdrawnFloor is the level at least in force after a patient changed an answer behind
// an emergency or urgent finding: a clinician looks first.
func (s *Set) WithdrawnFloor() Level { return s.Policy.withdrawnFloor }

// PageOf returns the id of the page that the question is on.
func (s *Set) PageOf(q *Question) string { return s.Pages[q.page].ID }

// AskWhenCEL is the condition under which the question is asked, as CEL; "" is always.
func (q *Question) AskWhenCEL() string {
	if q.ask == nil {
		return ""
	}
	return q.ask.CEL()
}

// CEL is the condition as a guarded CEL expression.
func (r *rule) CEL() string {
	if r.prog == nil {
		return ""
	}
	return r.prog.Text()
}

func (q *Question) hasOption(id string) bool {
	return slices.ContainsFunc(q.Options, func(o Option) bool { return o.ID == id })
}

// PatientAction is what a patient reads about a single rule, in the language; "" when the
// text of the level says enough.
func (s *Set) PatientAction(ruleID, language string) string {
	for i := range s.Rules {
		if s.Rules[i].ID == ruleID && len(s.Rules[i].PatientAction) > 0 {
			return s.Rules[i].PatientAction.In(language)
		}
	}
	return ""
}
