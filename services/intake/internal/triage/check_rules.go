package triage

import "slices"

func (l *loader) checkRules() {
	s := l.set
	seen := map[string]bool{}
	for i := range s.Rules {
		r := &s.Rules[i]
		place := "rules[" + r.ID + "]"
		l.unique(seen, place, r.ID)
		level, ok := ParseLevel(r.Level)
		if !ok {
			l.wrong(place+".level", "is not a level")
		}
		r.level = level
		l.filled(place+".why", r.Why)
		l.filled(place+".source", r.Source)
		l.filled(place+".action", r.Action)
		if len(r.PatientAction) > 0 {
			l.texts(place+".patient_action", r.PatientAction)
		}
		if len(r.When) == 0 {
			l.wrong(place+".when", "is missing")
		}
	}
	seen = map[string]bool{}
	for i := range s.Contraindications {
		c := &s.Contraindications[i]
		place := "contraindications[" + c.ID + "]"
		l.unique(seen, place, c.ID)
		if c.Kind != Hard && c.Kind != Soft {
			l.wrong(place+".kind", "must be HARD or SOFT")
		}
		l.filled(place+".modality", c.Modality)
		l.filled(place+".why", c.Why)
		l.filled(place+".source", c.Source)
		if len(c.When) == 0 {
			l.wrong(place+".when", "is missing")
		}
	}
}

func (l *loader) checkOthers() {
	s := l.set
	seen := map[string]bool{}
	for i := range s.Modalities {
		m := &s.Modalities[i]
		place := "modalities[" + m.Modality + "]"
		l.unique(seen, place, m.Modality)
		l.filled(place+".dose", m.Dose)
		l.filled(place+".source", m.Source)
		if len(m.When) == 0 {
			l.wrong(place+".when", "is missing")
		}
	}
	seen = map[string]bool{}
	for i := range s.HomeMeasures {
		h := &s.HomeMeasures[i]
		place := "home_measures[" + h.ID + "]"
		l.unique(seen, place, h.ID)
		l.filled(place+".source", h.Source)
		if len(h.When) == 0 {
			l.wrong(place+".when", "is missing")
		}
		if h.UnlessContraindicated != "" && !slices.ContainsFunc(s.Contraindications, func(c Contraindication) bool {
			return c.Modality == h.UnlessContraindicated
		}) {
			l.wrong(place+".unless_contraindicated", "no contraindication is about %q", h.UnlessContraindicated)
		}
	}
	l.checkHints()
	l.checkMiniScreen()
}

func (l *loader) checkHints() {
	s := l.set
	seen := map[string]bool{}
	for i := range s.CauseHints {
		h := &s.CauseHints[i]
		place := "cause_hints[" + h.Cause + "]"
		l.unique(seen, place, h.Cause)
		l.filled(place+".source", h.Source)
		if len(h.When) == 0 && len(h.Rules) == 0 {
			l.wrong(place, "needs a condition or rules")
		}
		for _, id := range h.Rules {
			if !slices.ContainsFunc(s.Rules, func(r Rule) bool { return r.ID == id }) {
				l.wrong(place+".rules", "unknown rule %q", id)
			}
		}
	}
}

// checkMiniScreen checks what is asked again at a booking and before a visit. A form without
// it would let somebody in whose answers of two weeks ago no longer hold (clinical reference
// 4.2, point 6).
func (l *loader) checkMiniScreen() {
	if len(l.set.MiniScreen) == 0 && !l.old {
		l.wrong("mini_screen", "is missing: a form must have questions to ask again before a visit")
	}
	seen := map[string]bool{}
	for i := range l.set.MiniScreen {
		m := &l.set.MiniScreen[i]
		place := "mini_screen[" + m.ID + "]"
		l.unique(seen, place, m.ID)
		l.texts(place+".text", m.Text)
		if len(m.Sets) == 0 {
			l.wrong(place+".sets", "must be one or more")
		}
		for id, option := range m.Sets {
			q, ok := l.set.Question(id)
			switch {
			case !ok:
				l.wrong(place+".sets", "unknown question %q", id)
			case q.Type != TypeChoice || !q.hasOption(option):
				l.wrong(place+".sets", "question %q has no option %q", id, option)
			}
		}
	}
}

// checkReach refuses conditions that no answers can fulfil, questions asked before what
// they depend on, and a rule set in which a complete form could end without a level.
func (l *loader) checkReach() {
	s := l.set
	for _, j := range l.todo {
		if !s.canHold(j.into) {
			l.wrong(j.place, "no answers can fulfil it")
		}
	}
	place := map[string]int{}
	for _, p := range s.Pages {
		for _, id := range p.Questions {
			place[id] = len(place)
		}
	}
	for i := range s.Questions {
		q := &s.Questions[i]
		if q.ask == nil {
			continue
		}
		for _, on := range q.ask.prog.Reads() {
			if need := s.Questions[on].ID; place[need] >= place[q.ID] {
				l.wrong("questions["+q.ID+"].ask_when", "depends on %q, which is asked later", need)
			}
		}
	}
	if !slices.ContainsFunc(s.Rules, func(r Rule) bool { return r.cond == always }) {
		l.wrong("rules", `no rule is always true: a complete form could end without a level`)
	}
}

// reachTries bounds how many combinations of answers are tried for one condition; a
// condition over more is taken as reachable. CEL costs some microseconds a try, an operator
// list a tenth of one.
const (
	reachTries = 200_000
	celTries   = 10_000
)

// canHold reports whether some answers fulfil the condition, by trying the values at which
// it can change.
func (s *Set) canHold(r *rule) bool {
	if r.cond != nil {
		return s.canHoldList(r.cond)
	}
	return s.someHold(make([]slot, len(s.Questions)), r.prog.Reads(), r.prog.Numbers(), celTries, r.prog.Holds)
}

// canHoldList is canHold for an operator list: of an "or" one part is enough.
func (s *Set) canHoldList(c *condition) bool {
	if c.op == "or" {
		return slices.ContainsFunc(c.parts, s.canHoldList)
	}
	return s.someHold(make([]slot, len(s.Questions)), c.asks(), c.numbers(), reachTries, c.holds)
}

// someHold tries the answers to some questions, with all others as they are in slots. Too
// many to try count as held.
func (s *Set) someHold(slots []slot, asks []int, bounds []int64, tries int, holds func([]slot) bool) bool {
	domains := make([][]slot, len(asks))
	size := 1
	for i, q := range asks {
		domains[i] = s.Questions[q].domain(bounds)
		size *= len(domains[i])
		if size > tries {
			return true
		}
	}
	for n := range size {
		for i, q := range asks {
			slots[q] = domains[i][n%len(domains[i])]
			n /= len(domains[i])
		}
		if holds(slots) {
			return true
		}
	}
	return false
}

// domain lists the answers to a question at which a condition can change: none, every
// option, every number of options, and the numbers around each bound.
func (q *Question) domain(bounds []int64) []slot {
	out := []slot{{}}
	switch q.Type {
	case TypeChoice:
		for _, o := range q.Options {
			out = append(out, slot{Set: true, Text: o.ID})
		}
	case TypeMulti:
		var all []string
		for _, o := range q.Options {
			out = append(out, slot{Set: true, List: []string{o.ID}})
			all = append(all, o.ID)
		}
		for n := range len(all) + 1 {
			out = append(out, slot{Set: true, List: all[:n]})
		}
	case TypeMarks: // no rule reads them
	case TypeInt:
		values := []int64{q.Min, q.Max}
		for _, n := range bounds {
			values = append(values, n-1, n, n+1)
		}
		slices.Sort(values)
		for _, v := range slices.Compact(values) {
			if v >= q.Min && v <= q.Max {
				out = append(out, slot{Set: true, Int: v})
			}
		}
	}
	return out
}
