package triage

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/upright-clinic/upright/services/intake/internal/triage/celrule"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// AnswerKind says what a given answer is made of.
type AnswerKind int

// Kinds of given answers. The zero kind is an answer taken back.
const (
	Nothing AnswerKind = iota
	Text
	Number
	Boolean
	List
)

// Answer is one answer exactly as it was given: nothing is rounded, trimmed or corrected.
// The zero Answer is an answer taken back.
type Answer struct {
	kind    AnswerKind
	text    string
	number  float64
	boolean bool
	list    []string
}

// Answers are answers by question id.
type Answers map[string]Answer

// Choice is the answer that names one option.
func Choice(option string) Answer { return Answer{kind: Text, text: option} }

// Num is a number.
func Num(n float64) Answer { return Answer{kind: Number, number: n} }

// Bool is true or false; a choice with the options yes and no takes it as those.
func Bool(b bool) Answer { return Answer{kind: Boolean, boolean: b} }

// Multi is the list of the options ticked. Without any it is the explicit answer "None of
// these", which is not the same as no answer.
func Multi(options ...string) Answer { return Answer{kind: List, list: append([]string{}, options...)} }

// Kind says what the answer is made of.
func (a Answer) Kind() AnswerKind { return a.kind }

// Options are the options that the answer names: one of a choice, those ticked of a list, yes
// or no. Nothing and a number name none.
func (a Answer) Options() []string {
	switch a.kind {
	case Text:
		return []string{a.text}
	case Boolean:
		if a.boolean {
			return []string{"yes"}
		}
		return []string{"no"}
	case List:
		return slices.Clone(a.list)
	case Nothing, Number:
	}
	return nil
}

// Equal reports whether two answers were given alike. Lists are equal in any order.
func (a Answer) Equal(b Answer) bool {
	if a.kind != b.kind || a.text != b.text || a.boolean != b.boolean || a.number != b.number {
		return false
	}
	x, y := slices.Sorted(slices.Values(a.list)), slices.Sorted(slices.Values(b.list))
	return slices.Equal(x, y)
}

// Any returns the answer as a plain JSON value: nil, string, float64, bool or []any.
func (a Answer) Any() any {
	switch a.kind {
	case Text:
		return a.text
	case Number:
		return a.number
	case Boolean:
		return a.boolean
	case List:
		out := make([]any, len(a.list))
		for i, o := range a.list {
			out[i] = o
		}
		return out
	case Nothing:
	}
	return nil
}

// AnswerOf makes an answer of a plain JSON value. It fails with INVALID_ARGUMENT, without
// a field, when the value is an object or a list of anything but texts.
func AnswerOf(v any) (Answer, error) {
	switch x := v.(type) {
	case nil:
		return Answer{}, nil
	case string:
		return Choice(x), nil
	case bool:
		return Bool(x), nil
	case float64:
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return Answer{}, fmt.Errorf("must be a number")
		}
		return Num(x), nil
	case []any:
		out := Answer{kind: List, list: make([]string, 0, len(x))}
		for _, e := range x {
			s, ok := e.(string)
			if !ok {
				return Answer{}, fmt.Errorf("must be a list of option ids")
			}
			out.list = append(out.list, s)
		}
		return out, nil
	}
	return Answer{}, fmt.Errorf("must be a text, a number, true or false, or a list of texts")
}

// MarshalJSON writes the answer as it was given; an answer taken back is null.
func (a Answer) MarshalJSON() ([]byte, error) { return json.Marshal(a.Any()) }

// UnmarshalJSON reads an answer. It fails on objects and on lists of anything but texts.
func (a *Answer) UnmarshalJSON(data []byte) error {
	var v any
	if err := json.NewDecoder(bytes.NewReader(data)).Decode(&v); err != nil {
		return err
	}
	got, err := AnswerOf(v)
	if err != nil {
		return err
	}
	*a = got
	return nil
}

// Check says whether the answer fits its question. It fails with INVALID_ARGUMENT naming
// "answers.<question>" when the question is unknown, the type is wrong, an option is not
// among the question's, an option is given twice, or a number is not whole or out of range.
// An answer taken back fits every question. The value itself is never in the message.
func (s *Set) Check(question string, a Answer) error {
	field := "answers." + question
	q, ok := s.Question(question)
	if !ok {
		return fault.Invalid(field, "is not a question of this form")
	}
	if a.kind == Nothing {
		return nil
	}
	_, why := q.read(a)
	if why != "" {
		return fault.Invalid(field, why)
	}
	return nil
}

// slot is an answer as the rules read it: checked, with yes and no for true and false.
type slot = celrule.Value

// read makes a slot of an answer, or says why the answer does not fit the question.
func (q *Question) read(a Answer) (slot, string) {
	switch q.Type {
	case TypeInt:
		if a.kind != Number || a.number != math.Trunc(a.number) {
			return slot{}, "must be a whole number"
		}
		if a.number < float64(q.Min) || a.number > float64(q.Max) {
			return slot{}, fmt.Sprintf("must be from %d to %d", q.Min, q.Max)
		}
		return slot{Set: true, Int: int64(a.number)}, ""
	case TypeChoice:
		option := a.text
		if a.kind == Boolean {
			option = map[bool]string{true: "yes", false: "no"}[a.boolean]
		} else if a.kind != Text {
			return slot{}, "must be one option id"
		}
		if !q.hasOption(option) {
			return slot{}, "is not an option of this question"
		}
		return slot{Set: true, Text: option}, ""
	case TypeMulti:
		if a.kind != List {
			return slot{}, "must be a list of option ids"
		}
		for i, o := range a.list {
			if !q.hasOption(o) {
				return slot{}, fmt.Sprintf("item %d is not an option of this question", i)
			}
			if slices.Contains(a.list[:i], o) {
				return slot{}, fmt.Sprintf("item %d was given before", i)
			}
		}
		return slot{Set: true, List: a.list}, ""
	case TypeMarks:
		return q.readMarks(a)
	}
	return slot{}, "has an unknown type"
}
