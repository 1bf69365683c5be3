package triage

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// condition is one node of a parsed operator list.
type condition struct {
	op        string
	questions []int // indexes into Set.Questions; one, but for sum>=
	options   []string
	number    int64
	parts     []*condition
}

// always is the condition without a condition.
var always = &condition{op: "true"}

// conditionParser turns operator lists into conditions, against the questions.
type conditionParser struct {
	index     map[string]int
	questions []Question
}

// parse reads one operator list. It fails saying which operator, question or option is
// wrong: everything that a typing mistake in a rule can be.
func (p *conditionParser) parse(raw json.RawMessage) (*condition, error) {
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil || len(items) == 0 {
		return nil, fmt.Errorf("a condition is a list that begins with an operator")
	}
	var op string
	if err := json.Unmarshal(items[0], &op); err != nil {
		return nil, fmt.Errorf("a condition is a list that begins with an operator")
	}
	args := items[1:]
	switch op {
	case "true":
		return always, wantArgs(op, args, 0)
	case "and", "or", "not":
		return p.parseLogic(op, args)
	case "sum>=":
		return p.parseSum(args)
	case "nonempty":
		if err := wantArgs(op, args, 1); err != nil {
			return nil, err
		}
		q, err := p.question(op, args[0], TypeMulti)
		return &condition{op: op, questions: []int{q}}, err
	case "=", "!=", "in", "has", "has_any":
		return p.parseOption(op, args)
	case ">=", "<=", "<", "count>=", "count=":
		return p.parseNumber(op, args)
	}
	return nil, fmt.Errorf("unknown operator %q", op)
}

func (p *conditionParser) parseLogic(op string, args []json.RawMessage) (*condition, error) {
	if op == "not" {
		if err := wantArgs(op, args, 1); err != nil {
			return nil, err
		}
	} else if len(args) == 0 {
		return nil, fmt.Errorf("%q needs at least one condition", op)
	}
	c := &condition{op: op}
	for _, a := range args {
		part, err := p.parse(a)
		if err != nil {
			return nil, err
		}
		c.parts = append(c.parts, part)
	}
	return c, nil
}

func (p *conditionParser) parseSum(args []json.RawMessage) (*condition, error) {
	if err := wantArgs("sum>=", args, 2); err != nil {
		return nil, err
	}
	var ids []json.RawMessage
	if err := json.Unmarshal(args[0], &ids); err != nil || len(ids) == 0 {
		return nil, fmt.Errorf(`"sum>=" needs a list of questions`)
	}
	c := &condition{op: "sum>="}
	for _, id := range ids {
		q, err := p.question("sum>=", id, TypeInt)
		if err != nil {
			return nil, err
		}
		c.questions = append(c.questions, q)
	}
	return c, wholeNumber("sum>=", args[1], &c.number)
}

func (p *conditionParser) parseOption(op string, args []json.RawMessage) (*condition, error) {
	if err := wantArgs(op, args, 2); err != nil {
		return nil, err
	}
	want := TypeChoice
	if op == "has" || op == "has_any" {
		want = TypeMulti
	}
	q, err := p.question(op, args[0], want)
	if err != nil {
		return nil, err
	}
	c := &condition{op: op, questions: []int{q}}
	if op == "in" || op == "has_any" {
		if err := json.Unmarshal(args[1], &c.options); err != nil || len(c.options) == 0 {
			return nil, fmt.Errorf("%q needs a list of options", op)
		}
	} else {
		var one string
		if err := json.Unmarshal(args[1], &one); err != nil {
			return nil, fmt.Errorf("%q needs an option", op)
		}
		c.options = []string{one}
	}
	for _, o := range c.options {
		if !p.questions[q].hasOption(o) {
			return nil, fmt.Errorf("question %q has no option %q", p.questions[q].ID, o)
		}
	}
	return c, nil
}

func (p *conditionParser) parseNumber(op string, args []json.RawMessage) (*condition, error) {
	if err := wantArgs(op, args, 2); err != nil {
		return nil, err
	}
	want := TypeInt
	if strings.HasPrefix(op, "count") {
		want = TypeMulti
	}
	q, err := p.question(op, args[0], want)
	if err != nil {
		return nil, err
	}
	c := &condition{op: op, questions: []int{q}}
	return c, wholeNumber(op, args[1], &c.number)
}

func (p *conditionParser) question(op string, raw json.RawMessage, want QuestionType) (int, error) {
	var id string
	if err := json.Unmarshal(raw, &id); err != nil {
		return 0, fmt.Errorf("%q needs a question", op)
	}
	i, ok := p.index[id]
	if !ok {
		return 0, fmt.Errorf("unknown question %q", id)
	}
	if got := p.questions[i].Type; got != want {
		return 0, fmt.Errorf("%q is for questions of type %s, and %q is %s", op, want, id, got)
	}
	return i, nil
}

func wantArgs(op string, args []json.RawMessage, n int) error {
	if len(args) != n {
		return fmt.Errorf("%q takes %d arguments, not %d", op, n, len(args))
	}
	return nil
}

func wholeNumber(op string, raw json.RawMessage, into *int64) error {
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("%q needs a whole number", op)
	}
	return nil
}

// walk calls f for the node and everything under it.
func (c *condition) walk(f func(*condition)) {
	f(c)
	for _, p := range c.parts {
		p.walk(f)
	}
}

// asks returns the indexes of the questions that the condition reads, each once, sorted.
func (c *condition) asks() []int {
	var out []int
	c.walk(func(n *condition) { out = append(out, n.questions...) })
	slices.Sort(out)
	return slices.Compact(out)
}

// numbers returns the numbers that the condition compares with, each once, sorted.
func (c *condition) numbers() []int64 {
	var out []int64
	c.walk(func(n *condition) {
		if len(n.questions) > 0 {
			out = append(out, n.number)
		}
	})
	slices.Sort(out)
	return slices.Compact(out)
}

// holds reports whether the condition is true of the answers. It is the operator list read
// directly, and must always agree with the CEL expression that cel returns.
func (c *condition) holds(a []slot) bool {
	switch c.op {
	case "true":
		return true
	case "and":
		return !slices.ContainsFunc(c.parts, func(p *condition) bool { return !p.holds(a) })
	case "or":
		return slices.ContainsFunc(c.parts, func(p *condition) bool { return p.holds(a) })
	case "not":
		return !c.parts[0].holds(a)
	case "sum>=":
		return c.sumHolds(a)
	}
	s := &a[c.questions[0]]
	if !s.Set {
		return c.op == "!="
	}
	return c.compare(s)
}

// compare applies an operator to an answer that was given.
func (c *condition) compare(s *slot) bool {
	switch c.op {
	case "=":
		return s.Text == c.options[0]
	case "!=":
		return s.Text != c.options[0]
	case "in":
		return slices.Contains(c.options, s.Text)
	case "has", "has_any":
		return slices.ContainsFunc(c.options, func(o string) bool { return slices.Contains(s.List, o) })
	case "nonempty":
		return len(s.List) > 0
	case "count>=":
		return int64(len(s.List)) >= c.number
	case "count=":
		return int64(len(s.List)) == c.number
	case ">=":
		return s.Int >= c.number
	case "<=":
		return s.Int <= c.number
	case "<":
		return s.Int < c.number
	}
	return false
}

// sumHolds compares a sum; a sum with a missing part is a comparison on a missing answer.
func (c *condition) sumHolds(a []slot) bool {
	var sum int64
	for _, q := range c.questions {
		if !a[q].Set {
			return false
		}
		sum += a[q].Int
	}
	return sum >= c.number
}

// reasons adds to out the indexes of the questions whose answers made the condition true.
// Under "or" only the parts that hold count; under "not" all that was asked does.
func (c *condition) reasons(a []slot, out map[int]bool) {
	switch c.op {
	case "and", "or":
		for _, p := range c.parts {
			if p.holds(a) {
				p.reasons(a, out)
			}
		}
	case "not":
		for _, q := range c.asks() {
			out[q] = true
		}
	default:
		for _, q := range c.questions {
			out[q] = true
		}
	}
}
