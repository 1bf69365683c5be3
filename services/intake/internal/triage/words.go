package triage

import (
	"fmt"
	"strings"
)

// words is the condition as a clinician reads it, for example
// "trauma = major AND trauma_days <= 7"; a condition written in CEL is its own text.
func (s *Set) words(r *rule) string {
	if r == nil || r.prog == nil {
		return "always"
	}
	if r.cond == nil {
		return r.CEL()
	}
	return r.cond.words(s.Questions)
}

// RuleWords are the words of a rule's condition.
func (s *Set) RuleWords(r *Rule) string { return s.words(&r.rule) }

// ContraindicationWords are the words of a contraindication's condition.
func (s *Set) ContraindicationWords(c *Contraindication) string { return s.words(&c.rule) }

// ModalityWords are the words of a suggestion's condition.
func (s *Set) ModalityWords(m *Modality) string { return s.words(&m.rule) }

// AskWords say when a question is asked.
func (s *Set) AskWords(q *Question) string { return s.words(q.ask) }

func (c *condition) words(questions []Question) string {
	switch c.op {
	case "true":
		return "always"
	case "not":
		return "NOT (" + c.parts[0].words(questions) + ")"
	case "and", "or":
		parts := make([]string, len(c.parts))
		for i, p := range c.parts {
			parts[i] = p.words(questions)
			if (p.op == "and" || p.op == "or") && p.op != c.op {
				parts[i] = "(" + parts[i] + ")"
			}
		}
		return strings.Join(parts, " "+strings.ToUpper(c.op)+" ")
	case "sum>=":
		ids := make([]string, len(c.questions))
		for i, q := range c.questions {
			ids[i] = questions[q].ID
		}
		return fmt.Sprintf("%s >= %d", strings.Join(ids, " + "), c.number)
	}
	id := questions[c.questions[0]].ID
	options := strings.Join(c.options, ", ")
	switch c.op {
	case "in":
		return id + " in {" + options + "}"
	case "has":
		return id + " has " + options
	case "has_any":
		return id + " has any of {" + options + "}"
	case "nonempty":
		return id + " not empty"
	case "count>=", "count=":
		return fmt.Sprintf("count(%s) %s %d", id, strings.TrimPrefix(c.op, "count"), c.number)
	case "=", "!=":
		return id + " " + c.op + " " + options
	}
	return fmt.Sprintf("%s %s %d", id, c.op, c.number)
}
