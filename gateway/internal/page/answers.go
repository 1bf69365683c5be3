package page

import (
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/types/known/structpb"

	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
)

// none is the value of the explicit answer "None of these".
const none = "-none-"

// item is one question as the page shows it.
type item struct {
	Field
	// Q is the question.
	Q *intakev1.Question
	// Scale is true for a short row of numbers, to be tapped.
	Scale bool
	// Numbers of the scale, with words at some of them.
	Numbers []Option
	// NoneChecked is true when "None of these" was chosen.
	NoneChecked bool
	// Ticked is true when the question's box is ticked, on a page of tick boxes.
	Ticked bool
}

// item makes one question with its answer: the one that was just sent, or else the one
// that is stored.
func (c *call) item(q *intakev1.Question, stored *structpb.Value, w *wrongs) item {
	name := "a." + q.GetId()
	values, noneGiven := texts(stored)
	if w != nil {
		values, noneGiven = given(c.forms(name))
	}
	it := item{Q: q, NoneChecked: noneGiven, Field: Field{
		Name: name, Label: q.GetText(), Hint: q.GetHelp(), Error: w.of(name), Values: values, Optional: !q.GetRequired(),
	}}
	switch q.GetType() {
	case "choice", "multi":
		it.Kind = map[string]string{"choice": "radio", "multi": "checks"}[q.GetType()]
		for _, o := range q.GetOptions() {
			it.Options = append(it.Options, Option{Value: o.GetId(), Label: o.GetLabel(), Checked: slices.Contains(values, o.GetId())})
		}
	case "int":
		it.number(q, values)
	}
	return it
}

// number lays out a question for a number: short scales are tapped, others are typed.
func (it *item) number(q *intakev1.Question, values []string) {
	it.Kind, it.InputMode, it.Short = "text", "numeric", true
	if len(values) > 0 {
		it.Value = values[0]
	}
	if q.GetUnit() != "score" || q.GetMax()-q.GetMin() > 10 {
		return
	}
	words := map[int64]string{}
	for _, p := range q.GetScalePoints() {
		words[p.GetValue()] = p.GetLabel()
	}
	for n := q.GetMin(); n <= q.GetMax(); n++ {
		text := strconv.FormatInt(n, 10)
		it.Numbers = append(it.Numbers, Option{Value: text, Label: text, Hint: words[n], Checked: slices.Contains(values, text)})
	}
	if len(words) < len(it.Numbers) {
		it.Kind, it.Scale = "scale", true
		return
	}
	it.Kind = "radio" // every number has its words, so the words are what is chosen
	for _, n := range it.Numbers {
		it.Options = append(it.Options, Option{Value: n.Value, Label: n.Hint, Checked: n.Checked})
	}
}

// texts gives a stored answer as a form holds it; none is true for the empty list.
func texts(v *structpb.Value) (values []string, none bool) {
	switch v := v.GetKind().(type) {
	case *structpb.Value_StringValue:
		return []string{v.StringValue}, false
	case *structpb.Value_NumberValue:
		return []string{strconv.FormatFloat(v.NumberValue, 'f', -1, 64)}, false
	case *structpb.Value_ListValue:
		for _, item := range v.ListValue.GetValues() {
			values = append(values, item.GetStringValue())
		}
		return values, len(values) == 0
	}
	return nil, false
}

// given separates "None of these" from the options that a form holds.
func given(sent []string) (values []string, noneChecked bool) {
	for _, v := range sent {
		if v == none {
			noneChecked = true
		} else {
			values = append(values, v)
		}
	}
	return values, noneChecked
}

// answer reads one question from the form. It returns nil when there is nothing to save,
// and notes what is wrong: a question that is needed and has no answer, a number that is
// none or out of range, "None of these" beside something else.
func (c *call) answer(q *intakev1.Question, stored *structpb.Value, w *wrongs) *structpb.Value {
	name := "a." + q.GetId()
	values, noneChecked := given(c.forms(name))
	switch q.GetType() {
	case "choice":
		if len(values) == 0 || !hasOption(q, values[0]) {
			if q.GetRequired() {
				w.field(name, c.cat.T("intake.need_choice"))
			}
			return nil
		}
		return structpb.NewStringValue(values[0])
	case "multi":
		return c.answerMulti(q, name, values, noneChecked, w)
	case "int":
		return c.answerNumber(q, name, strings.TrimSpace(strings.Join(values, "")), stored, w)
	}
	return nil
}

// answerMulti reads a list of tick boxes. No tick at all is no answer: a box that was
// passed over must not read as a "no".
func (c *call) answerMulti(q *intakev1.Question, name string, values []string, noneChecked bool, w *wrongs) *structpb.Value {
	values = slices.DeleteFunc(slices.Clone(values), func(v string) bool { return !hasOption(q, v) })
	switch {
	case noneChecked && len(values) > 0:
		w.field(name, c.cat.T("intake.none_and_some"))
		return nil
	case !noneChecked && len(values) == 0:
		if q.GetRequired() {
			w.field(name, c.cat.T("intake.need_multi"))
		}
		return nil
	}
	list := &structpb.ListValue{}
	for _, v := range values {
		list.Values = append(list.Values, structpb.NewStringValue(v))
	}
	return structpb.NewListValue(list)
}

// answerNumber reads a whole number. A number that may be left out and was taken away is
// taken back.
func (c *call) answerNumber(q *intakev1.Question, name, text string, stored *structpb.Value, w *wrongs) *structpb.Value {
	if text == "" {
		if q.GetRequired() {
			w.field(name, c.cat.T("intake.need_number"))
		} else if stored != nil {
			return structpb.NewNullValue()
		}
		return nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < q.GetMin() || n > q.GetMax() {
		w.field(name, c.cat.T("intake.number_range", "min", q.GetMin(), "max", q.GetMax()))
		return nil
	}
	return structpb.NewNumberValue(float64(n))
}

// hasOption reports whether a question has an option.
func hasOption(q *intakev1.Question, id string) bool {
	return slices.ContainsFunc(q.GetOptions(), func(o *intakev1.QuestionOption) bool { return o.GetId() == id })
}

// ticks reads a page of tick boxes: each box is a question, and "None of these" answers
// them all. One of the two must be chosen.
func (c *call) ticks(questions []*intakev1.Question, w *wrongs) map[string]*structpb.Value {
	ticked := c.forms("tick")
	noneChecked := c.form("none") != ""
	switch {
	case noneChecked && len(ticked) > 0:
		w.field("tick", c.cat.T("intake.none_and_some"))
		return nil
	case !noneChecked && len(ticked) == 0:
		w.field("tick", c.cat.T("intake.need_multi"))
		return nil
	}
	answers := make(map[string]*structpb.Value, len(questions))
	for _, q := range questions {
		option := q.GetNoneOption()
		if slices.Contains(ticked, q.GetId()) {
			option = q.GetTickOption()
		}
		answers[q.GetId()] = structpb.NewStringValue(option)
	}
	return answers
}

// answerText is an answer as its giver reads it.
func (c *call) answerText(q *intakev1.Question, v *structpb.Value) string {
	values, noneChecked := texts(v)
	if noneChecked {
		if q.GetNoneLabel() != "" {
			return q.GetNoneLabel()
		}
		return c.cat.T("intake.none")
	}
	for i, id := range values {
		for _, o := range q.GetOptions() {
			if o.GetId() == id {
				values[i] = o.GetLabel()
			}
		}
	}
	text := strings.Join(values, ", ")
	if q.GetType() == "int" && text != "" && q.GetUnit() != "" && q.GetUnit() != "score" {
		n, _ := strconv.Atoi(text)
		text = c.cat.T("unit."+q.GetUnit(), "n", n)
	}
	return text
}
