package triage

import (
	"fmt"
	"strconv"
	"strings"
)

// celText writes the condition as a CEL expression over the object "answer", whose fields
// are the questions. Every reading is guarded by has(), so that a missing answer makes a
// comparison false, and "!=" true.
func (c *condition) celText(questions []Question) string {
	switch c.op {
	case "true":
		return "true"
	case "not":
		return "!(" + c.parts[0].celText(questions) + ")"
	case "and", "or":
		glue := map[string]string{"and": " && ", "or": " || "}[c.op]
		parts := make([]string, len(c.parts))
		for i, p := range c.parts {
			parts[i] = p.celText(questions)
			if p.op != "true" && p.op != "not" {
				parts[i] = "(" + parts[i] + ")"
			}
		}
		return strings.Join(parts, glue)
	case "sum>=":
		return c.celSum(questions)
	}
	field := "answer." + questions[c.questions[0]].ID
	if c.op == "!=" {
		return fmt.Sprintf("!has(%s) || %s != %q", field, field, c.options[0])
	}
	return "has(" + field + ") && " + c.celTest(field)
}

func (c *condition) celSum(questions []Question) string {
	guards := make([]string, len(c.questions))
	terms := make([]string, len(c.questions))
	for i, q := range c.questions {
		terms[i] = "answer." + questions[q].ID
		guards[i] = "has(" + terms[i] + ")"
	}
	return fmt.Sprintf("%s && %s >= %d", strings.Join(guards, " && "), strings.Join(terms, " + "), c.number)
}

// celTest writes the comparison with an answer that is there.
func (c *condition) celTest(field string) string {
	quoted := make([]string, len(c.options))
	for i, o := range c.options {
		quoted[i] = strconv.Quote(o)
	}
	switch c.op {
	case "=":
		return field + " == " + quoted[0]
	case "in":
		return field + " in [" + strings.Join(quoted, ", ") + "]"
	case "has", "has_any":
		tests := make([]string, len(quoted))
		for i, o := range quoted {
			tests[i] = o + " in " + field
		}
		if len(tests) == 1 {
			return tests[0]
		}
		return "(" + strings.Join(tests, " || ") + ")"
	case "nonempty":
		return "size(" + field + ") > 0"
	case "count>=":
		return fmt.Sprintf("size(%s) >= %d", field, c.number)
	case "count=":
		return fmt.Sprintf("size(%s) == %d", field, c.number)
	}
	return fmt.Sprintf("%s %s %d", field, c.op, c.number)
}
