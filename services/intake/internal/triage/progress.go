package triage

import "slices"

// PageState is how far a page is.
type PageState string

// States of a page: everything is answered that the form needs, or that could raise the
// level found so far; something is not; nothing is asked.
const (
	PageDone    PageState = "DONE"
	PageOpen    PageState = "OPEN"
	PageSkipped PageState = "SKIPPED"
)

// Progress is how far one page is, with the questions that are to be asked on it.
type Progress struct {
	Page      string
	State     PageState
	Questions []string
}

// PagesOf returns how far each page is, given the answers so far, in the order of the form.
func (s *Set) PagesOf(answers Answers) []Progress {
	r := s.read(answers)
	highest := NoLevel
	if fired := r.fired(); len(fired) > 0 {
		highest = fired[0].Level
	}
	missing := append(r.missing(), r.openFollowUps(highest)...)
	out := make([]Progress, len(s.Pages))
	for i := range s.Pages {
		p := Progress{Page: s.Pages[i].ID, State: PageSkipped}
		for _, id := range s.Pages[i].Questions {
			q := s.index[id]
			if !r.asked(q) {
				continue
			}
			p.Questions = append(p.Questions, id)
			if p.State == PageSkipped {
				p.State = PageDone
			}
			if slices.Contains(missing, id) {
				p.State = PageOpen
			}
		}
		out[i] = p
	}
	return out
}

// MiniScreenAnswers are the answers of the form that the given items stand for. Unknown
// ids stand for nothing.
func (s *Set) MiniScreenAnswers(yes []string) Answers {
	out := Answers{}
	for _, id := range yes {
		for i := range s.MiniScreen {
			if s.MiniScreen[i].ID != id {
				continue
			}
			for question, option := range s.MiniScreen[i].Sets {
				out[question] = Choice(option)
			}
		}
	}
	return out
}
