package triage

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

func sorted(problems []Problem) []Problem {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Place, b.Place), cmp.Compare(a.What, b.What))
	})
	return problems
}

// identifier reports whether an id is lower-case letters, digits and low lines after a
// letter. Question ids become CEL fields, option ids are texts and may begin with a digit.
func identifier(id string) bool {
	for i, r := range id {
		letter := r >= 'a' && r <= 'z'
		if !letter && (i == 0 || (r < '0' || r > '9') && r != '_') {
			return false
		}
	}
	return id != ""
}

// texts checks that a text is there in every language.
func (l *loader) texts(place string, t Texts) {
	for _, lang := range l.set.Languages {
		if strings.TrimSpace(t[lang]) == "" {
			l.wrong(place, "no text in %q", lang)
		}
	}
}

// maxEntries bounds a document: nobody answers more, and a start must not take minutes.
const maxEntries = 300

// filled checks that a plain text is there.
func (l *loader) filled(place, s string) {
	if strings.TrimSpace(s) == "" {
		l.wrong(place, "is missing")
	}
}

// unique checks an id, and that it was not given before.
func (l *loader) unique(seen map[string]bool, place, id string) {
	switch {
	case id == "":
		l.wrong(place, "has no id")
	case seen[id]:
		l.wrong(place, "the id was given before")
	}
	seen[id] = true
}

func (l *loader) checkDocument() {
	s := l.set
	if s.Schema != Schema {
		l.wrong("schema", "must be %q", Schema)
	}
	if !identifier(strings.ReplaceAll(s.ID, "-", "_")) {
		l.wrong("id", "must be lower-case letters, digits and dashes")
	}
	if s.Version < 1 {
		l.wrong("version", "must be 1 or more")
	}
	if !slices.Contains(s.Languages, "en") {
		l.wrong("languages", `must have "en"`)
	}
	if len(s.Questions) > maxEntries || len(s.Rules) > maxEntries || len(s.Contraindications) > maxEntries {
		l.wrong("document", "has more than %d questions, rules or contraindications", maxEntries)
	}
	l.texts("title", s.Title)
	l.filled("source", s.Source)
	l.filled("policy.source", s.Policy.Source)
	if s.Policy.ValidDays < 1 {
		l.wrong("policy.valid_days", "must be 1 or more")
	}
	floor, ok := ParseLevel(s.Policy.WithdrawnFloor)
	if !ok {
		l.wrong("policy.withdrawn_floor", "is not a level")
	}
	s.Policy.withdrawnFloor = floor
	if s.Review.State != "UNREVIEWED" && (s.Review.State != "APPROVED" || s.Review.By == "") {
		l.wrong("review", "must be UNREVIEWED, or APPROVED by a named clinician")
	}
}

func (l *loader) checkQuestions() {
	s := l.set
	s.index = make(map[string]int, len(s.Questions))
	seen := map[string]bool{}
	for i := range s.Questions {
		q := &s.Questions[i]
		place := "questions[" + q.ID + "]"
		l.unique(seen, place, q.ID)
		if !identifier(q.ID) {
			l.wrong(place, "the id must be lower-case letters, digits and low lines")
		}
		s.index[q.ID] = i
		l.texts(place+".text", q.Text)
		if len(q.Help) > 0 {
			l.texts(place+".help", q.Help)
		}
		if q.Required && len(q.AskWhen) > 0 {
			l.wrong(place, "is required, and asked only sometimes")
		}
		switch q.Type {
		case TypeInt:
			l.checkInt(place, q)
		case TypeChoice, TypeMulti:
			l.checkOptions(place, q)
		case TypeMarks:
			l.checkMarks(place, q)
		default:
			l.wrong(place+".type", "must be int, choice, multi or marks")
		}
	}
}

func (l *loader) checkInt(place string, q *Question) {
	if q.Max <= q.Min {
		l.wrong(place+".max", "must be more than min")
	}
	l.filled(place+".unit", q.Unit)
	if len(q.Options) > 0 {
		l.wrong(place+".options", "a number has none")
	}
	for _, p := range q.Scale {
		at := fmt.Sprintf("%s.scale[%d]", place, p.Value)
		if p.Value < q.Min || p.Value > q.Max {
			l.wrong(at, "is out of range")
		}
		l.texts(at, p.Label)
	}
}

func (l *loader) checkOptions(place string, q *Question) {
	seen := map[string]bool{}
	for _, o := range q.Options {
		at := place + ".options[" + o.ID + "]"
		l.unique(seen, at, o.ID)
		l.texts(at+".label", o.Label)
	}
	if q.Type == TypeMulti {
		l.texts(place+".none_label", q.NoneLabel)
	}
	if len(q.Options) < 2 {
		l.wrong(place+".options", "must be two or more")
	}
	if (q.TickOption == "") != (q.NoneOption == "") {
		l.wrong(place+".tick_option", "goes with none_option")
	}
	for _, o := range []string{q.TickOption, q.NoneOption} {
		if o != "" && !q.hasOption(o) {
			l.wrong(place+".tick_option", "has no option %q", o)
		}
	}
}

// checkMarks checks a body map: its regions are the options of the question that it sets.
func (l *loader) checkMarks(place string, q *Question) {
	l.checkOptions(place, q)
	if q.Required {
		l.wrong(place, "is a body map, which nobody has to use")
	}
	for _, o := range q.Options {
		at := place + ".options[" + o.ID + "].sides"
		if len(o.Sides) == 0 {
			l.wrong(at, "is missing")
		}
		for i, side := range o.Sides {
			if !slices.Contains(sides, side) || slices.Contains(o.Sides[:i], side) {
				l.wrong(at, "must be some of left, middle and right, each once")
			}
		}
	}
}

// checkSets checks that every body map sets a list with the same regions.
func (l *loader) checkSets() {
	for i := range l.set.Questions {
		q := &l.set.Questions[i]
		if q.Type != TypeMarks {
			if q.Sets != "" {
				l.wrong("questions["+q.ID+"].sets", "is for body maps")
			}
			continue
		}
		of, ok := l.set.Question(q.Sets)
		if !ok || of.Type != TypeMulti {
			l.wrong("questions["+q.ID+"].sets", "must be a question with a list of options")
			continue
		}
		for _, o := range q.Options {
			if !of.hasOption(o.ID) {
				l.wrong("questions["+q.ID+"].options["+o.ID+"]", "is no option of %q", q.Sets)
			}
		}
	}
}

func (l *loader) checkPages() {
	s := l.set
	pages, on := map[string]bool{}, map[string]string{}
	for i := range s.Pages {
		p := &s.Pages[i]
		place := "pages[" + p.ID + "]"
		l.unique(pages, place, p.ID)
		l.texts(place+".title", p.Title)
		if len(p.Intro) > 0 {
			l.texts(place+".intro", p.Intro)
		}
		if p.Layout != "LIST" && p.Layout != "TICKS" {
			l.wrong(place+".layout", "must be LIST or TICKS")
		}
		if len(p.Questions) == 0 {
			l.wrong(place+".questions", "must be one or more")
		}
		for _, id := range p.Questions {
			q, ok := s.Question(id)
			switch {
			case !ok:
				l.wrong(place+".questions", "unknown question %q", id)
			case on[id] != "":
				l.wrong(place+".questions", "question %q is on page %q already", id, on[id])
			default:
				q.page = i
				on[id] = p.ID
			}
		}
	}
	for i := range s.Questions {
		if id := s.Questions[i].ID; on[id] == "" {
			l.wrong("questions["+id+"]", "is on no page")
		}
	}
}

func (l *loader) checkLevels() {
	seen := map[string]bool{}
	for i := range l.set.Levels {
		t := &l.set.Levels[i]
		place := "levels[" + t.ID + "]"
		l.unique(seen, place, t.ID)
		if _, ok := ParseLevel(t.ID); !ok {
			l.wrong(place, "is not a level")
		}
		l.texts(place+".title", t.Title)
		l.texts(place+".text", t.Text)
		l.texts(place+".safety_net", t.SafetyNet)
		l.filled(place+".source", t.Source)
		if t.Task != nil && (!slices.Contains([]string{"NOW", "SAME_DAY", "WORKING_DAYS", "DAYS"}, t.Task.Due) || t.Task.N < 0) {
			l.wrong(place+".task", "must be NOW, SAME_DAY, WORKING_DAYS or DAYS")
		}
	}
	for lv := SelfCare; lv <= EmergencyNow; lv++ {
		if !seen[lv.String()] {
			l.wrong("levels", "%s has no texts", lv)
		}
		if t := l.set.LevelText(lv); lv.ShownUnfinished() && t != nil && t.Task == nil {
			l.wrong("levels["+lv.String()+"].task", "is missing")
		}
	}
}
