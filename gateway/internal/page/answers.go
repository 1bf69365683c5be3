package page

import (
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/types/known/structpb"

	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
)

// none is the value of the explicit answer "None of these".
const noneValue = "-none-"

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

// item makes one question with its answer: the one that was just sent, or else what was
// kept although it does not fit, with what is wrong with it, or else the one that is stored.
func (c *call) item(f *form, q *intakev1.Question, w *wrongs) item {
	name := "a." + q.GetId()
	values, noneGiven := texts(f.GetAnswers()[q.GetId()])
	if typed := f.GetTyped()[q.GetId()].GetValues(); w == nil && len(typed) > 0 {
		values, noneGiven = given(typed)
		w = c.wrongs()
		_ = c.answer(q, typed, nil, w)
	} else if w != nil {
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
		if v == noneValue {
			noneChecked = true
		} else {
			values = append(values, v)
		}
	}
	return values, noneChecked
}

// sentAnswers are what a page sends: answers, and what does not fit its question and is kept
// all the same.
type sentAnswers struct {
	answers map[string]*structpb.Value
	typed   map[string]*intakev1.TypedAnswer
}

func (s *sentAnswers) keep(id string, values []string) {
	s.typed[id] = &intakev1.TypedAnswer{Values: values}
}

// maxKept is how much of one value is kept, in bytes; the service takes no more.
const maxKept = 1000

// kept is what a question sends, cut to what can be kept; nothing when nothing was sent.
func keptValues(sent []string) (values []string) {
	for _, v := range sent[:min(len(sent), 64)] {
		if len(v) > maxKept {
			v = strings.ToValidUTF8(v[:maxKept], "")
		}
		if strings.TrimSpace(v) != "" {
			values = append(values, v)
		}
	}
	return values
}

// answer reads one question from what a form sends. It returns nil when there is nothing to
// save, and notes what is wrong: a question that is needed and has no answer, a number that
// is none or out of range, "None of these" beside something else.
func (c *call) answer(q *intakev1.Question, sent []string, stored *structpb.Value, w *wrongs) *structpb.Value {
	name := "a." + q.GetId()
	values, noneChecked := given(sent)
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
	n, err := strconv.ParseInt(latinDigits(text), 10, 64)
	if err != nil || n < q.GetMin() || n > q.GetMax() {
		w.field(name, c.cat.T("intake.number_range", "min", q.GetMin(), "max", q.GetMax()))
		return nil
	}
	return structpb.NewNumberValue(float64(n))
}

// latinDigits writes the digits of any script as 0 to 9: phones in Arabic and Hindi type
// their own.
func latinDigits(s string) string {
	return strings.Map(func(r rune) rune {
		for _, zero := range []rune{'٠', '۰', '०'} {
			if r >= zero && r <= zero+9 {
				return '0' + r - zero
			}
		}
		return r
	}, s)
}

// hasOption reports whether a question has an option.
func hasOption(q *intakev1.Question, id string) bool {
	return slices.ContainsFunc(q.GetOptions(), func(o *intakev1.QuestionOption) bool { return o.GetId() == id })
}

// ticks reads a page of tick boxes: each box is a question, and "None of these" answers
// them all. One of the two must be chosen. Of boxes beside "None of these" the boxes count,
// since one of them may be an emergency; the others stay open.
func (c *call) ticks(questions []*intakev1.Question, w *wrongs, out *sentAnswers) {
	ticked := c.forms("tick")
	noneChecked := c.form("none") != ""
	both := noneChecked && len(ticked) > 0
	switch {
	case both:
		w.field("tick", c.cat.T("intake.none_and_some"))
	case !noneChecked && len(ticked) == 0:
		w.field("tick", c.cat.T("intake.need_multi"))
		return
	}
	for _, q := range questions {
		switch {
		case slices.Contains(ticked, q.GetId()):
			out.answers[q.GetId()] = structpb.NewStringValue(q.GetTickOption())
		case !both:
			out.answers[q.GetId()] = structpb.NewStringValue(q.GetNoneOption())
		}
	}
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
