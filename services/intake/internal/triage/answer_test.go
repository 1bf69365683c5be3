package triage

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/upright-clinic/upright/services/platform/fault"
)

// Every type is given wrongly in turn; the field is named, the value is not repeated.
func TestCheckNamesTheFieldAndNotTheValue(t *testing.T) {
	t.Parallel()
	set := shipped(t)
	for _, tc := range []struct {
		question, json, want string
	}{
		{"favourite_colour", `"blue-secret"`, "is not a question of this form"},
		{"age", `"42-secret"`, "must be a whole number"},
		{"age", `3.5`, "must be a whole number"},
		{"age", `true`, "must be a whole number"},
		{"age", `[]`, "must be a whole number"},
		{"age", `-1`, "must be from 0 to 120"},
		{"age", `121`, "must be from 0 to 120"},
		{"age", `1e300`, "must be from 0 to 120"},
		{"nrs", `11`, "must be from 0 to 10"},
		{"phq4_1", `4`, "must be from 0 to 3"},
		{"fever", `"hot-secret"`, "is not an option of this question"},
		{"fever", `1`, "must be one option id"},
		{"fever", `["yes"]`, "must be one option id"},
		{"cancer", `true`, "is not an option of this question"},
		{"location", `"neck"`, "must be a list of option ids"},
		{"location", `true`, "must be a list of option ids"},
		{"location", `["neck", "knee-secret"]`, "item 1 is not an option of this question"},
		{"location", `["neck", "neck"]`, "item 1 was given before"},
	} {
		t.Run(tc.question+tc.json, func(t *testing.T) {
			t.Parallel()
			var a Answer
			if err := json.Unmarshal([]byte(tc.json), &a); err != nil {
				t.Fatal(err)
			}
			err := set.Check(tc.question, a)
			got := fault.From(err)
			if err == nil || got.Kind != fault.InvalidArgument || len(got.Fields) != 1 {
				t.Fatalf("error is %v", err)
			}
			if got.Fields[0].Field != "answers."+tc.question || got.Fields[0].Description != tc.want {
				t.Errorf("violation is %+v", got.Fields[0])
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the answer is in the error: %v", err)
			}
		})
	}
}

func TestAnswersKeepHowTheyWereGiven(t *testing.T) {
	t.Parallel()
	set := shipped(t)
	for _, text := range []string{`"yes"`, `true`, `3`, `[]`, `["neck","upper_back"]`, `null`} {
		var a Answer
		if err := json.Unmarshal([]byte(text), &a); err != nil {
			t.Fatal(err)
		}
		out, err := json.Marshal(a)
		if err != nil || string(out) != text {
			t.Errorf("%s became %s, %v", text, out, err)
		}
	}
	for _, text := range []string{`{}`, `[1]`, `[["neck"]]`, `{"a":1}`} {
		var a Answer
		if err := json.Unmarshal([]byte(text), &a); err == nil {
			t.Errorf("%s was taken", text)
		}
	}
	// True and false are yes and no where a question has them, and are given back as such.
	got := set.Evaluate(Answers{"fever": Bool(true)})
	if got.Disposition != UrgentSameDay || got.Fired[0].Because[0].Answer.Kind() != Boolean {
		t.Errorf("fever = true gives %v", got.Disposition)
	}
	if !Multi("a", "b").Equal(Multi("b", "a")) || Multi("a").Equal(Multi()) || Num(1).Equal(Bool(true)) {
		t.Error("Equal")
	}
}

// The answers behind a rule are named, and only those.
func TestBecauseNamesTheAnswersThatFired(t *testing.T) {
	t.Parallel()
	set := shipped(t)
	_, base := readVignettes(t)
	for _, tc := range []struct {
		rule    string
		answers Answers
		want    string
	}{
		{"E01", Answers{"chest_pain": Choice("yes")}, `chest_pain="yes"`},
		{"E03", Answers{"collapse": Choice("yes")}, `collapse="yes"`},
		{"E04", Answers{"onset": Choice("sudden_no_cause"), "nrs_worst": Num(9), "aortic_risk": Multi("family_aortic")}, `nrs_worst=9 onset="sudden_no_cause" aortic_risk=["family_aortic"]`},
		{"E10", Answers{"trauma": Choice("major"), "trauma_days": Num(7)}, `trauma="major" trauma_days=7 trauma_assessed=null`},
		{"U90", Answers{"chest_pain": Choice("unsure"), "collapse": Choice("unsure")}, `chest_pain="unsure" collapse="unsure"`},
		{"R13", Answers{"phq4_1": Num(3), "phq4_2": Num(3), "phq4_3": Num(3)}, `phq4_1=3 phq4_2=3 phq4_3=3 phq4_4=0`},
		{"S01", Answers{}, ``},
	} {
		answers := Answers{}
		for id, a := range base {
			answers[id] = a
		}
		for id, a := range tc.answers {
			answers[id] = a
		}
		for _, f := range set.Evaluate(answers).Fired {
			if f.Rule.ID != tc.rule {
				continue
			}
			var got []string
			for _, b := range f.Because {
				text, err := json.Marshal(b.Answer)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, b.Question+"="+string(text))
			}
			if strings.Join(got, " ") != tc.want {
				t.Errorf("%s because %v, want %s", tc.rule, got, tc.want)
			}
			tc.rule = ""
		}
		if tc.rule != "" {
			t.Errorf("%s did not fire", tc.rule)
		}
	}
}
