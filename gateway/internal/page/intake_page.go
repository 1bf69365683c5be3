package page

import (
	"maps"
	"slices"

	"google.golang.org/protobuf/types/known/structpb"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// topicPage is one page of the form.
type topicPage struct {
	*form
	Page *intakev1.QuestionnairePage
	// Ticks shows the page as one list of tick boxes.
	Ticks       bool
	TickError   string
	NoneChecked bool
	Items       []item
	// Map is the body map of the page, in place of the list that it answers.
	Map *bodyMap
	// Pictures is the address of the page that takes pictures.
	Pictures string
	// AsList is the same page with every option, for somebody who is not sure.
	AsList string
	// Step of Steps, of the pages that are asked.
	Step, Steps int
	// Return is "check" when the page was opened to change an answer.
	Return string
	// Help are the numbers to call, on a page about a hard topic.
	Help []*directoryv1.EmergencyNumber
}

// intakePage shows one topic.
func (s *Site) intakePage(c *call) error {
	f, err := c.intakeForm()
	if err != nil {
		return err
	}
	if f.GetState() == "SUBMITTED" {
		return c.redirect(f.url("result"))
	}
	if _, at, err := f.page(c.path("page")); err == nil && f.progress(c.path("page")).GetState() == "SKIPPED" {
		return c.redirect(f.after(at)) // none of its questions is asked any more
	}
	v, err := c.topic(f, nil)
	if err != nil {
		return err
	}
	return c.show("topic", v)
}

// topic makes the page of one topic, with what was just sent when w is not nil.
func (c *call) topic(f *form, w *wrongs) (*view, error) {
	p, at, err := f.page(c.path("page"))
	if err != nil {
		return nil, err
	}
	d := &topicPage{form: f, Page: p, Return: c.either("return"), TickError: w.of("tick")}
	asked := f.asked(p)
	d.Ticks = p.GetLayout() == "TICKS" && c.either("list") == "" && ticksFit(f, asked)
	if p.GetLayout() == "TICKS" && d.Ticks {
		d.AsList = address(f.url("page/"+p.GetId()), "list", "1", "return", d.Return)
	}
	m := f.mapOf(p.GetId())
	if m != nil && f.useMap(m) {
		d.Map = c.topicMap(f, m, w)
	}
	if slices.Contains(picturePages, p.GetId()) {
		d.Pictures = address(f.url("pictures"), "return", p.GetId())
	}
	answered := 0
	for _, q := range asked {
		if d.Map != nil && q.GetId() == m.GetSetsQuestionId() {
			continue
		}
		stored := f.GetAnswers()[q.GetId()]
		it := c.item(f, q, w)
		if d.Ticks {
			it.ticked(c, stored, w != nil)
		}
		if stored != nil {
			answered++
		}
		d.Items = append(d.Items, it)
	}
	if d.Ticks {
		d.NoneChecked = c.form("none") != "" || (w == nil && answered == len(d.Items) && answered > 0 &&
			!slices.ContainsFunc(d.Items, func(it item) bool { return it.Ticked }))
	}
	d.Step, d.Steps = f.steps(at)
	if p.GetHelpTopic() != "" {
		clinic, err := c.clinic()
		if err != nil {
			return nil, err
		}
		d.Help = numbers(clinic, "CRISIS", "EMERGENCY")
	}
	v := c.view(p.GetTitle(), d)
	v.Back = f.before(at)
	if d.Return == "check" {
		v.Back = f.url("check")
	}
	return v, c.alarm(v, f.GetTriage())
}

// picturePages are the pages that a picture says more to than words.
var picturePages = []string{"medicines", "skin"}

// ticked sets the one box of a question on a page of tick boxes.
func (it *item) ticked(c *call, stored *structpb.Value, sent bool) {
	it.Ticked = stored != nil && stored.GetStringValue() == it.Q.GetTickOption()
	if sent {
		it.Ticked = slices.Contains(c.forms("tick"), it.Q.GetId())
	}
}

// asked lists the questions of a page that are asked, given the answers so far.
func (f *form) asked(p *intakev1.QuestionnairePage) (questions []*intakev1.Question) {
	ids := f.progress(p.GetId()).GetQuestionIds()
	for _, id := range p.GetQuestionIds() {
		if q := f.question(id); q != nil && (slices.Contains(ids, id) || len(ids) == 0) {
			questions = append(questions, q)
		}
	}
	return questions
}

// ticksFit reports whether the answers so far can be shown as tick boxes: somebody who
// answered "I am not sure" must see that answer again.
func ticksFit(f *form, asked []*intakev1.Question) bool {
	for _, q := range asked {
		if q.GetTickOption() == "" || q.GetNoneOption() == "" {
			return false
		}
		v, answered := f.GetAnswers()[q.GetId()]
		if id := v.GetStringValue(); answered && id != q.GetTickOption() && id != q.GetNoneOption() {
			return false
		}
	}
	return true
}

// steps counts the pages that are asked, and which one of them a page is.
func (f *form) steps(at int) (step, steps int) {
	for i, p := range f.Form.GetPages() {
		if f.progress(p.GetId()).GetState() == "SKIPPED" && i != at {
			continue
		}
		steps++
		if i <= at {
			step = steps
		}
	}
	return step, steps
}

// intakeSave stores the answers of one page. What was answered is stored even when
// something is missing, and what was sent is shown again, so that nothing has to be
// answered twice.
func (s *Site) intakeSave(c *call) error {
	f, err := c.intakeForm()
	if err != nil {
		return err
	}
	if f.GetState() == "SUBMITTED" {
		return c.redirect(f.url("result"))
	}
	p, at, err := f.page(c.path("page"))
	if err != nil {
		return err
	}
	w := c.wrongs()
	sent := c.answers(f, p, w)
	before := f.GetTriage()
	if len(sent.answers)+len(sent.typed) > 0 {
		got, err := s.clients.intakes.UpdateIntake(c.ctx(), &intakev1.UpdateIntakeRequest{
			IntakeId: f.GetIntakeId(), Answers: sent.answers, Typed: sent.typed, Etag: c.form("etag"), RequestId: c.requestID(),
		})
		if err != nil {
			return c.notSaved(f, w, err)
		}
		f.Intake = got.GetIntake()
	}
	if newlyUrgent(before, f.GetTriage()) {
		return c.redirect(address(f.url("stop"), "from", p.GetId()))
	}
	if c.form("later") != "" {
		return c.later(f)
	}
	if w.any() {
		v, err := c.topic(f, w)
		if err != nil {
			return err
		}
		return c.again("topic", v, w)
	}
	return c.redirect(c.onward(f, p, at))
}

// answers reads the questions that were on the page when it was shown. What does not fit its
// question is kept as it was given.
func (c *call) answers(f *form, p *intakev1.QuestionnairePage, w *wrongs) *sentAnswers {
	out := &sentAnswers{answers: map[string]*structpb.Value{}, typed: map[string]*intakev1.TypedAnswer{}}
	if m := f.mapOf(p.GetId()); m != nil && c.form("map") == m.GetId() {
		c.answerMap(m, w, out)
	}
	var shown []*intakev1.Question
	for _, id := range c.forms("q") {
		if q := f.question(id); q != nil && q.GetPageId() == p.GetId() {
			shown = append(shown, q)
		}
	}
	if c.form("layout") == "ticks" {
		c.ticks(shown, w, out)
		return out
	}
	for _, q := range shown {
		sent := c.forms("a." + q.GetId())
		v := c.answer(q, sent, f.GetAnswers()[q.GetId()], w)
		switch values := keptValues(sent); {
		case v != nil:
			out.answers[q.GetId()] = v
		case len(values) > 0:
			out.keep(q.GetId(), values)
		}
	}
	return out
}

// notSaved shows the page again when the service refused the answers: another device
// answered the same question meanwhile, or the form was handed in. What was sent is kept,
// and the next try is based on the newest version.
func (c *call) notSaved(f *form, w *wrongs, err error) error {
	names := map[string]string{}
	for id := range maps.Keys(f.GetAnswers()) {
		names["answers["+id+"]"] = "a." + id
	}
	if !w.refused(err, names) {
		return err
	}
	if fresh, ferr := c.intakeForm(); ferr == nil {
		if fresh.GetState() == "SUBMITTED" {
			return c.redirect(fresh.url("result"))
		}
		f = fresh
	} else if !fault.IsKind(ferr, fault.Unavailable) {
		return ferr
	}
	v, verr := c.topic(f, w)
	if verr != nil {
		return verr
	}
	return c.again("topic", v, w)
}

// onward is where Continue leads: to the same page when the answers made it ask more, back
// to the check when that is where it was opened, or on.
func (c *call) onward(f *form, p *intakev1.QuestionnairePage, at int) string {
	shown := c.forms("q")
	for _, q := range f.asked(p) {
		if m := f.mapOf(p.GetId()); m != nil && m.GetSetsQuestionId() == q.GetId() {
			continue // the body map asked it
		}
		if !slices.Contains(shown, q.GetId()) {
			return address(f.url("page/"+p.GetId()), "return", c.form("return")) + "#a." + q.GetId()
		}
	}
	if c.form("return") == "check" {
		return f.url("check")
	}
	return f.after(at)
}
