package triage

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/upright-clinic/upright/services/platform/fault"
)

func TestMarksOfABodyMap(t *testing.T) {
	t.Parallel()
	set := shipped(t)
	for _, tc := range []struct {
		name string
		give Answer
		want string // "" fits
	}{
		{"none of these", Multi(), ""},
		{"places with and without pain", Multi("neck:left:7", "low_back:middle", "shoulder:right:0", "neck:right:10"), ""},
		{"a region that is not there", Multi("knee:left"), "item 0 is not a place"},
		{"a side that the region does not have", Multi("shoulder:middle:3"), "item 0 is not a place"},
		{"a side that nobody has", Multi("neck:up"), "item 0 is not a place"},
		{"a region alone", Multi("neck"), "item 0 must be region:side"},
		{"too many parts", Multi("neck:left:7:8"), "item 0 must be region:side"},
		{"pain above 10", Multi("neck:left:11"), "item 0 must have a pain from 0 to 10"},
		{"pain below 0", Multi("neck:left:-1"), "item 0 must have a pain"},
		{"pain in words", Multi("neck:left:bad"), "item 0 must have a pain"},
		{"pain with a zero before", Multi("neck:left:07"), "item 0 must have a pain"},
		{"a place twice", Multi("neck:left:7", "neck:left:3"), "item 1 was given before"},
		{"a text", Choice("neck:left"), "must be a list"},
		{"a number", Num(3), "must be a list"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			err := set.Check("pain_map", tc.give)
			if tc.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			f := fault.From(err)
			if err == nil || len(f.Fields) != 1 || f.Fields[0].Field != "answers.pain_map" || !strings.Contains(f.Fields[0].Description, tc.want) {
				t.Errorf("%v, want %q", err, tc.want)
			}
		})
	}
}

// A mark is written as it is read, and the regions of a map and the list that it sets are
// the same after any change of either.
func TestMarksAndTheirListAgree(t *testing.T) {
	t.Parallel()
	set := shipped(t)
	marks, _ := set.Question("pain_map")
	list, _ := set.Question("location")
	rapid.Check(t, func(t *rapid.T) {
		stored := Answers{}
		for range rapid.IntRange(1, 6).Draw(t, "changes") {
			given := Answers{}
			if rapid.Bool().Draw(t, "map") {
				given["pain_map"] = drawMarks(t, marks)
			} else {
				given["location"] = drawAnswer(t, list)
			}
			before := len(given)
			for id, a := range set.AlignMarks(given, stored) {
				if err := set.Check(id, a); err != nil {
					t.Fatal(err)
				}
				stored[id] = a
			}
			if len(given) != before {
				t.Fatal("the caller's answers were changed")
			}
			for _, text := range stored["pain_map"].list {
				m, err := ParseMark(text)
				if err != nil || m.String() != text {
					t.Fatalf("%q: %v %v", text, m, err)
				}
				if !slices.Contains(stored["location"].list, m.Region) {
					t.Fatalf("%q is marked, the list is %v", text, stored["location"].list)
				}
			}
		}
	})
}

// F001 The body map has the fixed regions, and one of the thoracic spine goes with the
// questions about chest, breath and tearing pain, which nobody can leave out.
func TestBodyMapDrivesTheThoracicQuestions(t *testing.T) {
	t.Parallel()
	t.Run("F001 between the shoulder blades asks for chest pain, breathing and tearing pain", func(t *testing.T) {
		t.Parallel()
		set := shipped(t)
		_, base := readVignettes(t)
		answers := Answers{}
		for id, a := range base {
			answers[id] = a
		}
		for id, a := range set.AlignMarks(Answers{"pain_map": Multi("between_shoulder_blades:middle:6")}, answers) {
			answers[id] = a
		}
		if got := answers["location"]; !got.Equal(Multi("between_shoulder_blades")) {
			t.Errorf("location is %v", got.Any())
		}
		for _, id := range []string{"chest_pain", "breathing_difficulty", "sudden_tearing"} {
			without := Answers{}
			for k, a := range answers {
				if k != id {
					without[k] = a
				}
			}
			if got := set.Evaluate(without); got.Complete || !slices.Contains(got.Missing, id) {
				t.Errorf("without %s the form is complete", id)
			}
		}
	})
	t.Run("F001 the regions are neck, upper back, between shoulder blades, mid back, low back, chest wall and shoulder", func(t *testing.T) {
		t.Parallel()
		q, _ := shipped(t).Question("pain_map")
		var ids []string
		for _, o := range q.Options {
			ids = append(ids, o.ID)
		}
		slices.Sort(ids)
		want := []string{"between_shoulder_blades", "chest_wall", "low_back", "mid_back", "neck", "shoulder", "upper_back"}
		if !slices.Equal(ids, want) {
			t.Errorf("%v, want %v", ids, want)
		}
	})
}
