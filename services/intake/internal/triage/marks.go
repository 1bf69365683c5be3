package triage

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// TypeMarks is a question about places on a body map: each answer is a list of marks.
const TypeMarks QuestionType = "marks"

// Sides of a region, as the person whose body it is has them.
var sides = []string{"left", "middle", "right"}

// maxPain is the worst pain of a mark.
const maxPain = 10

// Mark is one place on the body map, with the pain there when it was given. It is written
// "region:side" or "region:side:pain", the same for patients and clinicians.
type Mark struct {
	Region, Side string
	Pain         int // -1: not given
}

// ParseMark reads a mark. It fails for anything but the two forms, and for a pain that is
// not a whole number from 0 to 10; it does not know which regions there are.
func ParseMark(s string) (Mark, error) {
	parts := strings.Split(s, ":")
	if len(parts) != 2 && len(parts) != 3 {
		return Mark{}, fmt.Errorf("must be region:side or region:side:pain")
	}
	m := Mark{Region: parts[0], Side: parts[1], Pain: -1}
	if len(parts) == 2 {
		return m, nil
	}
	pain, err := strconv.Atoi(parts[2])
	if err != nil || pain < 0 || pain > maxPain || strconv.Itoa(pain) != parts[2] {
		return Mark{}, fmt.Errorf("must have a pain from 0 to %d", maxPain)
	}
	m.Pain = pain
	return m, nil
}

// String writes the mark as [ParseMark] reads it.
func (m Mark) String() string {
	if m.Pain < 0 {
		return m.Region + ":" + m.Side
	}
	return m.Region + ":" + m.Side + ":" + strconv.Itoa(m.Pain)
}

// readMarks makes a slot of a list of marks, or says which one is wrong.
func (q *Question) readMarks(a Answer) (slot, string) {
	if a.kind != List {
		return slot{}, "must be a list of marks"
	}
	seen := map[string]bool{}
	for i, text := range a.list {
		m, err := ParseMark(text)
		if err != nil {
			return slot{}, fmt.Sprintf("item %d %v", i, err)
		}
		at := slices.IndexFunc(q.Options, func(o Option) bool { return o.ID == m.Region })
		if at < 0 || !slices.Contains(q.Options[at].Sides, m.Side) {
			return slot{}, fmt.Sprintf("item %d is not a place of this body map", i)
		}
		if place := m.Region + ":" + m.Side; seen[place] {
			return slot{}, fmt.Sprintf("item %d was given before", i)
		} else {
			seen[place] = true
		}
	}
	return slot{Set: true, List: a.list}, ""
}

// regions are the regions that are marked, each once, in the order of the options.
func (q *Question) regions(a Answer) []string {
	out := []string{}
	for _, o := range q.Options {
		if slices.ContainsFunc(a.list, func(s string) bool { return strings.HasPrefix(s, o.ID+":") }) {
			out = append(out, o.ID)
		}
	}
	return out
}

// AlignMarks adds to the answers given what follows from a body map: its regions are the
// answer to the question that it sets, unless that is given as well. When that question
// alone is given, marks in regions that it does not name are taken back. The answers given
// must fit their questions; they are not changed.
func (s *Set) AlignMarks(given, stored Answers) Answers {
	out := given
	set := func(id string, a Answer) {
		if len(out) == len(given) { // the caller's map stays as it is
			out = make(Answers, len(given)+1)
			for k, v := range given {
				out[k] = v
			}
		}
		out[id] = a
	}
	for i := range s.Questions {
		q := &s.Questions[i]
		if q.Type != TypeMarks {
			continue
		}
		marks, marked := given[q.ID]
		list, listed := given[q.Sets]
		switch {
		case marked && !listed && marks.kind == List:
			set(q.Sets, Multi(q.regions(marks)...))
		case listed && !marked && stored[q.ID].kind == List:
			kept := slices.DeleteFunc(slices.Clone(stored[q.ID].list), func(m string) bool {
				region, _, _ := strings.Cut(m, ":")
				return !slices.Contains(list.list, region)
			})
			if len(kept) < len(stored[q.ID].list) {
				set(q.ID, Multi(kept...))
			}
		}
	}
	return out
}
