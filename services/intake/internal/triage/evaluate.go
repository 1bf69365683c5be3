package triage

import (
	"cmp"
	"slices"
)

// Kinds of contraindications (clinical reference 2.5).
const (
	Hard = "HARD" // blocks until the fact changes
	Soft = "SOFT" // waits for a named clinician's release
)

// Result is what the rules make of a set of answers.
type Result struct {
	Complete       bool
	Provisional    bool  // an emergency or urgent finding of an unfinished form
	Disposition    Level // NoLevel while an unfinished form has no such finding
	Fired          []Fired
	Missing        []string // required questions without an answer, in order of the form
	OpenFollowUps  []string // follow-ups without an answer that could raise the level, in order of the form
	Suggested      []*Modality
	Blocked        []Block
	ReleaseNeeded  []Block
	Hints          []Hint
	HomeMeasures   []string
	RuleSetVersion string
}

// Fired is a rule that applies, with the answers that made it apply.
type Fired struct {
	Rule    *Rule
	Level   Level
	Because []GivenAnswer
}

// GivenAnswer is one answer as it was given; an answer taken back, or none, has the kind
// Nothing.
type GivenAnswer struct {
	Question string
	Answer   Answer
}

// Block is a kind of care with the contraindications against it.
type Block struct {
	Modality          string
	Contraindications []string
}

// Hint is a candidate cause with the answers that hint at it.
type Hint struct {
	Cause   string
	Because []GivenAnswer
}

// reading is one evaluation: the answers as given, and as the rules read them.
type reading struct {
	set     *Set
	answers Answers
	slots   []slot
}

// read checks nothing away: an answer that does not fit its question counts as missing,
// and Check has told the caller before.
func (s *Set) read(answers Answers) *reading {
	r := &reading{set: s, answers: answers, slots: make([]slot, len(s.Questions))}
	for i := range s.Questions {
		if a, ok := answers[s.Questions[i].ID]; ok && a.kind != Nothing {
			if v, why := s.Questions[i].read(a); why == "" {
				r.slots[i] = v
			}
		}
	}
	return r
}

// Evaluate applies every rule to the answers (clinical reference 4.2). It never fails:
// answers that do not fit their question count as missing. The order of answers and rules
// does not matter. It stores and changes nothing.
//
// Only a required question keeps a form incomplete. The reference says "missing required
// answers: INCOMPLETE" (4.2, point 3; semantics of triage_rules.json) and marks every
// follow-up as not required; what its rules make of one without an answer is said by the
// operators: a comparison is false, "!=" is true. So a serious accident whose day is left
// open is complete, and fires C02 and not E10; one that says nothing about an examination
// counts as not examined. That such a follow-up could raise the level is not lost: it is in
// OpenFollowUps, the pages keep asking it ([Set.PagesOf]), and clinicians see it beside the
// result.
func (s *Set) Evaluate(answers Answers) Result {
	r := s.read(answers)
	out := Result{RuleSetVersion: s.RuleSetVersion(), Fired: r.fired()}
	highest := NoLevel
	if len(out.Fired) > 0 {
		highest = out.Fired[0].Level
	}
	out.Missing, out.OpenFollowUps = r.missing(), r.openFollowUps(highest)
	out.Complete = len(out.Missing) == 0
	if out.Complete || highest.ShownUnfinished() {
		out.Disposition = highest
		out.Provisional = !out.Complete
	}
	out.Blocked, out.ReleaseNeeded = Blocks(r.against())
	out.Hints = r.hints(out.Fired)
	if out.Complete && highest == ConservativeCare {
		out.Suggested = r.suggested(out.Blocked, out.ReleaseNeeded)
	}
	if out.Complete && highest <= ConservativeCare {
		out.HomeMeasures = r.homeMeasures(out.Blocked, out.ReleaseNeeded)
	}
	return out
}

// Against is a contraindication that applies, with the answers that make it apply.
type Against struct {
	Contraindication *Contraindication
	Because          []GivenAnswer
}

// Against applies only what speaks against kinds of care, for example to what is known
// about a patient from several sources.
func (s *Set) Against(known Answers) []Against { return s.read(known).against() }

// Contraindication returns the contraindication with the id.
func (s *Set) Contraindication(id string) (*Contraindication, bool) {
	for i := range s.Contraindications {
		if s.Contraindications[i].ID == id {
			return &s.Contraindications[i], true
		}
	}
	return nil, false
}

// Blocks gathers contraindications by kind of care, by name: those that block, and those
// that wait for a release. Each id is listed once.
func Blocks(against []Against) (hard, soft []Block) {
	byKind := map[string]map[string][]string{Hard: {}, Soft: {}}
	for _, a := range against {
		m := byKind[a.Contraindication.Kind]
		if ids := m[a.Contraindication.Modality]; !slices.Contains(ids, a.Contraindication.ID) {
			m[a.Contraindication.Modality] = append(ids, a.Contraindication.ID)
		}
	}
	return sortedBlocks(byKind[Hard]), sortedBlocks(byKind[Soft])
}

// ContraindicationQuestions are the questions that contraindications read: what is kept
// as facts about the patient.
func (s *Set) ContraindicationQuestions() []string {
	var out []string
	for i := range s.Questions {
		for j := range s.Contraindications {
			if slices.Contains(s.Contraindications[j].prog.Reads(), i) {
				out = append(out, s.Questions[i].ID)
				break
			}
		}
	}
	return out
}

// fired returns the rules that apply, highest level first, then by id.
func (r *reading) fired() []Fired {
	var out []Fired
	for i := range r.set.Rules {
		rule := &r.set.Rules[i]
		if rule.prog.Holds(r.slots) {
			out = append(out, Fired{Rule: rule, Level: rule.level, Because: r.because(&rule.rule)})
		}
	}
	slices.SortStableFunc(out, func(a, b Fired) int {
		return cmp.Or(cmp.Compare(b.Level, a.Level), cmp.Compare(a.Rule.ID, b.Rule.ID))
	})
	return out
}

// because returns the answers behind a condition that holds, in order of the form.
func (r *reading) because(c *rule) []GivenAnswer {
	why := map[int]bool{}
	if c.cond != nil {
		c.cond.reasons(r.slots, why)
	} else {
		for _, q := range c.prog.Reads() {
			if r.slots[q].Set {
				why[q] = true
			}
		}
	}
	out := make([]GivenAnswer, 0, len(why))
	for i := range r.set.Questions {
		if why[i] {
			id := r.set.Questions[i].ID
			out = append(out, GivenAnswer{Question: id, Answer: r.answers[id]})
		}
	}
	return out
}

// asked reports whether a question is to be asked: always, or when everything it depends
// on is answered and its condition holds.
func (r *reading) asked(i int) bool {
	ask := r.set.Questions[i].ask
	if ask == nil {
		return true
	}
	for _, q := range ask.prog.Reads() {
		if !r.slots[q].Set {
			return false
		}
	}
	return ask.prog.Holds(r.slots)
}

// missing returns the required questions without an answer.
func (r *reading) missing() []string {
	var out []string
	for i := range r.set.Questions {
		if q := &r.set.Questions[i]; q.Required && !r.slots[i].Set {
			out = append(out, q.ID)
		}
	}
	return out
}

// openFollowUps returns the follow-ups that are asked and not answered, if some answer to
// them would fire a rule above the level found.
func (r *reading) openFollowUps(found Level) []string {
	var out []string
	for _, i := range r.raising(found) {
		out = append(out, r.set.Questions[i].ID)
	}
	return out
}

// raising returns the follow-ups that are asked and not answered, and of which some answers
// would fire a rule above the level, whatever the answers to required questions that are
// still open.
func (r *reading) raising(above Level) []int {
	var open, out []int
	for i := range r.set.Questions {
		if r.set.Questions[i].ask != nil && !r.slots[i].Set && r.asked(i) {
			open = append(open, i)
		}
	}
	if len(open) == 0 {
		return nil
	}
	for i := range r.set.Rules {
		rule := &r.set.Rules[i]
		if rule.level <= above {
			continue
		}
		var asks, free []int
		for _, q := range rule.prog.Reads() {
			if slices.Contains(open, q) {
				asks = append(asks, q)
			}
			if slices.Contains(open, q) || !r.slots[q].Set && r.set.Questions[q].Required {
				free = append(free, q)
			}
		}
		if len(asks) > 0 && r.set.someHold(slices.Clone(r.slots), free, rule.bounds(), followTries, rule.holds()) {
			out = append(out, asks...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// holds is the condition as it is evaluated fastest: many answers are tried.
func (r *rule) holds() func([]slot) bool {
	if r.cond != nil {
		return r.cond.holds
	}
	return r.prog.Holds
}

// followTries bounds how many answers to follow-ups are tried in one evaluation; a rule over
// more is taken as one that could fire.
const followTries = 20_000

// bounds are the numbers around which the condition can change.
func (r *rule) bounds() []int64 {
	if r.cond != nil {
		return r.cond.numbers()
	}
	return r.prog.Numbers()
}

func (r *reading) against() []Against {
	var out []Against
	for i := range r.set.Contraindications {
		c := &r.set.Contraindications[i]
		if c.prog.Holds(r.slots) {
			out = append(out, Against{Contraindication: c, Because: r.because(&c.rule)})
		}
	}
	return out
}

func sortedBlocks(m map[string][]string) []Block {
	out := make([]Block, 0, len(m))
	for modality, ids := range m {
		out = append(out, Block{Modality: modality, Contraindications: ids})
	}
	slices.SortFunc(out, func(a, b Block) int { return cmp.Compare(a.Modality, b.Modality) })
	return out
}

// suggested returns the kinds of care that suit, without those spoken against.
func (r *reading) suggested(against ...[]Block) []*Modality {
	var out []*Modality
	for i := range r.set.Modalities {
		m := &r.set.Modalities[i]
		if !spokenAgainst(m.Modality, against) && m.prog.Holds(r.slots) {
			out = append(out, m)
		}
	}
	return out
}

func (r *reading) homeMeasures(against ...[]Block) []string {
	var out []string
	for i := range r.set.HomeMeasures {
		h := &r.set.HomeMeasures[i]
		if !spokenAgainst(h.UnlessContraindicated, against) && h.prog.Holds(r.slots) {
			out = append(out, h.ID)
		}
	}
	return out
}

func spokenAgainst(modality string, against [][]Block) bool {
	return slices.ContainsFunc(against, func(blocks []Block) bool {
		return slices.ContainsFunc(blocks, func(b Block) bool { return b.Modality == modality })
	})
}

// hints returns candidate causes with the answers behind them.
func (r *reading) hints(fired []Fired) []Hint {
	var out []Hint
	for i := range r.set.CauseHints {
		h := &r.set.CauseHints[i]
		var because []GivenAnswer
		if h.prog != nil && h.prog.Holds(r.slots) {
			because = r.because(&h.rule)
		}
		for _, f := range fired {
			if slices.Contains(h.Rules, f.Rule.ID) {
				because = addMissing(because, f.Because)
			}
		}
		if len(because) > 0 {
			out = append(out, Hint{Cause: h.Cause, Because: because})
		}
	}
	return out
}

// addMissing appends the answers to questions that are not there yet.
func addMissing(have, more []GivenAnswer) []GivenAnswer {
	for _, g := range more {
		if !slices.ContainsFunc(have, func(h GivenAnswer) bool { return h.Question == g.Question }) {
			have = append(have, g)
		}
	}
	return have
}
