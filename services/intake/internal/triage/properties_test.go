package triage

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// worse lists, for each red-flag question with one option, the options from harmless to
// worst. "unsure" is never below "no".
var worse = map[string][]string{
	"chest_pain":              {"no", "assessed_unchanged", "unsure", "yes"},
	"breathing_difficulty":    {"no", "unsure", "yes"},
	"cardiac_associated":      {"no", "unsure", "yes"},
	"sudden_tearing":          {"no", "unsure", "yes"},
	"collapse":                {"no", "unsure", "yes"},
	"saddle_numbness":         {"no", "unsure", "yes"},
	"bladder_change":          {"no", "unsure", "yes"},
	"bowel_change":            {"no", "unsure", "yes"},
	"sexual_change":           {"no", "unsure", "yes"},
	"leg_symptoms_both":       {"none", "unsure", "pain_only", "numb_or_weak"},
	"limb_weakness":           {"none", "stable_assessed", "unsure", "present", "progressive"},
	"limb_numbness":           {"none", "stable_assessed", "unsure", "present", "progressive"},
	"gait_or_hand_clumsiness": {"no", "unsure", "yes"},
	"headache":                {"none", "usual", "unsure", "severe", "thunderclap"},
	"neck_vascular":           {"no", "unsure", "yes"},
	"fever":                   {"no", "unsure", "yes"},
	"unwell":                  {"no", "unsure", "yes"},
	"trauma":                  {"none", "minor", "major"},
	"trauma_assessed":         {"yes", "unsure", "no"},
	"bleeding_signs":          {"no", "unsure", "yes"},
	"pulsating_abdomen":       {"no", "unsure", "yes"},
	"self_harm":               {"no", "prefer_not_to_say", "yes"},
	"cancer":                  {"none", "unsure", "past", "active"},
	"weight_loss":             {"no", "unsure", "yes"},
	"night_pain":              {"none", "worse_at_night", "wakes_settles", "unrelenting"},
	"constant_pain":           {"no", "unsure", "yes"},
	// A band of pain counts beside a history of cancer (E13) and is in no other rule of the
	// reference, while "unsure" always asks for a review (C90): "yes" alone is not above it.
	"band_pain":         {"no", "unsure"},
	"new_deformity":     {"no", "unsure", "yes"},
	"joint_swelling":    {"no", "unsure", "yes"},
	"curve_change":      {"no", "unsure", "yes"},
	"anticoagulant":     {"no", "unsure", "yes"},
	"bleeding_disorder": {"no", "unsure", "yes"},
	"radiation":         {"none", "one_arm", "around_chest"},
	"course":            {"improving", "stable", "worsening"},
}

// growing are the lists in which one more tick is never better.
var growing = []string{
	"recent_procedure", "bone_risk", "infection_risk", "pe_risk", "aortic_risk", "visceral",
	"scoliosis_signs", "implant", "organ", "inflammatory",
}

// drawAnswer draws a fitting answer to a question.
func drawAnswer(t *rapid.T, q *Question) Answer {
	switch q.Type {
	case TypeInt:
		hi := min(q.Max, 120)
		return Num(float64(rapid.Int64Range(q.Min, hi).Draw(t, q.ID)))
	case TypeChoice:
		return Choice(rapid.SampledFrom(q.Options).Draw(t, q.ID).ID)
	case TypeMarks:
		return drawMarks(t, q)
	case TypeMulti:
	}
	var ticked []string
	for _, o := range q.Options {
		if rapid.IntRange(0, 4).Draw(t, q.ID+"."+o.ID) == 0 {
			ticked = append(ticked, o.ID)
		}
	}
	return Multi(ticked...)
}

// drawMarks draws places on a body map, with and without pain.
func drawMarks(t *rapid.T, q *Question) Answer {
	var marks []string
	for _, o := range q.Options {
		for _, side := range o.Sides {
			if rapid.IntRange(0, 4).Draw(t, q.ID+"."+o.ID+"."+side) == 0 {
				marks = append(marks, Mark{Region: o.ID, Side: side, Pain: rapid.IntRange(-1, maxPain).Draw(t, "pain")}.String())
			}
		}
	}
	return Multi(marks...)
}

// drawForm draws a form: every question answered, or each with the given chance in ten.
// Most answers come from a harmless base, so that single findings stay visible.
func drawForm(t *rapid.T, set *Set, base Answers, chance int) Answers {
	out := Answers{}
	for i := range set.Questions {
		q := &set.Questions[i]
		if rapid.IntRange(0, 9).Draw(t, "keep "+q.ID) >= chance {
			continue
		}
		a, ok := base[q.ID]
		if !ok || rapid.IntRange(0, 9).Draw(t, "change "+q.ID) == 0 {
			a = drawAnswer(t, q)
		}
		out[q.ID] = a
	}
	return out
}

func TestWorseNeverLowersTheLevel(t *testing.T) {
	t.Parallel()
	set := shipped(t)
	_, base := readVignettes(t)
	for question := range worse {
		if q, ok := set.Question(question); !ok || q.Type != TypeChoice {
			t.Fatalf("no choice %s", question)
		}
	}
	questions := slices.Sorted(maps.Keys(worse))
	rapid.Check(t, func(t *rapid.T) {
		form := drawForm(t, set, base, 10)
		question := rapid.SampledFrom(questions).Draw(t, "question")
		last := NoLevel
		for _, option := range worse[question] {
			form[question] = Choice(option)
			got := set.Evaluate(form)
			if !got.Complete {
				t.Fatalf("incomplete: %v", got.Missing)
			}
			if got.Disposition < last {
				t.Fatalf("%s = %s lowers %v to %v", question, option, last, got.Disposition)
			}
			last = got.Disposition
		}
	})
}

func TestOneMoreTickNeverLowersTheLevel(t *testing.T) {
	t.Parallel()
	set := shipped(t)
	_, base := readVignettes(t)
	rapid.Check(t, func(t *rapid.T) {
		form := drawForm(t, set, base, 10)
		q, _ := set.Question(rapid.SampledFrom(growing).Draw(t, "question"))
		before := set.Evaluate(form).Disposition
		option := rapid.SampledFrom(q.Options).Draw(t, "option").ID
		if ticked := form[q.ID].list; !slices.Contains(ticked, option) {
			form[q.ID] = Multi(append(slices.Clone(ticked), option)...)
		}
		if after := set.Evaluate(form).Disposition; after < before {
			t.Fatalf("%s + %s lowers %v to %v", q.ID, option, before, after)
		}
	})
}

// A form that is filled in further never shows less than what has been shown, as long as
// no answer is changed and the finding did not rest on an answer not yet given.
func TestUnfinishedFormsHideNoUrgentFinding(t *testing.T) {
	t.Parallel()
	set := shipped(t)
	_, base := readVignettes(t)
	rapid.Check(t, func(t *rapid.T) {
		form := drawForm(t, set, base, 6)
		got := set.Evaluate(form)
		highest := NoLevel
		for _, r := range set.Rules {
			// The operator list, read directly, is the oracle of what has fired.
			if r.cond.holds(set.read(form).slots) {
				highest = max(highest, r.level)
			}
		}
		if highest.ShownUnfinished() && got.Disposition != highest {
			t.Fatalf("fired %v, shown %v", highest, got.Disposition)
		}
		if !got.Complete && !highest.ShownUnfinished() && (got.Disposition != NoLevel || got.Provisional) {
			t.Fatalf("unfinished and not urgent, but shows %v", got.Disposition)
		}
		if got.Provisional == got.Complete && got.Disposition != NoLevel {
			t.Fatalf("provisional %v, complete %v", got.Provisional, got.Complete)
		}
	})
}

func TestOrderDoesNotMatter(t *testing.T) {
	t.Parallel()
	set := shipped(t)
	_, base := readVignettes(t)
	turned := *set
	turned.Rules = slices.Clone(set.Rules)
	slices.Reverse(turned.Rules)
	rapid.Check(t, func(t *rapid.T) {
		form := drawForm(t, set, base, 9)
		mixed := Answers{}
		for _, id := range rapid.Permutation(slices.Sorted(maps.Keys(form))).Draw(t, "order") {
			a := form[id]
			slices.Reverse(a.list)
			mixed[id] = a
		}
		x, y := set.Evaluate(form), turned.Evaluate(mixed)
		if x.Disposition != y.Disposition || !slices.Equal(ruleIDs(x.Fired), ruleIDs(y.Fired)) || !slices.Equal(x.Missing, y.Missing) {
			t.Fatalf("%v %v\n%v %v", x.Disposition, ruleIDs(x.Fired), y.Disposition, ruleIDs(y.Fired))
		}
	})
}

// Every condition means the same as operator list and as CEL, on any answers.
func TestCELMeansTheOperatorList(t *testing.T) {
	t.Parallel()
	set := shipped(t)
	rapid.Check(t, func(t *rapid.T) {
		slots := set.read(drawForm(t, set, nil, 7)).slots
		for _, r := range set.allConditions() {
			if r.cond.holds(slots) != r.prog.Holds(slots) {
				t.Fatalf("%s: list %v, CEL %v", r.CEL(), r.cond.holds(slots), r.prog.Holds(slots))
			}
		}
	})
}

// allConditions are the compiled conditions of a set.
func (s *Set) allConditions() []*rule {
	var out []*rule
	for i := range s.Questions {
		if s.Questions[i].ask != nil {
			out = append(out, s.Questions[i].ask)
		}
	}
	for i := range s.Rules {
		out = append(out, &s.Rules[i].rule)
	}
	for i := range s.Contraindications {
		out = append(out, &s.Contraindications[i].rule)
	}
	for i := range s.Modalities {
		out = append(out, &s.Modalities[i].rule)
	}
	for i := range s.HomeMeasures {
		out = append(out, &s.HomeMeasures[i].rule)
	}
	return out
}

// No answers whatever make the engine panic or a complete form end without a level, and
// answers that do not fit count as missing.
func FuzzEvaluate(f *testing.F) {
	set := shipped(f)
	f.Add([]byte(`{"chest_pain":"yes"}`))
	f.Add([]byte(`{"nrs":3.5,"age":-1,"fever":true,"location":[],"pe_risk":["x","x"],"zzz":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var raw map[string]Answer
		if err := jsonUnmarshal(data, &raw); err != nil {
			return
		}
		got := set.Evaluate(raw)
		if got.Complete && got.Disposition == NoLevel {
			t.Fatal("complete without a level")
		}
		kept := Answers{}
		for id, a := range raw {
			if set.Check(id, a) == nil {
				kept[id] = a
			}
		}
		if again := set.Evaluate(kept); again.Disposition != got.Disposition || !slices.Equal(again.Missing, got.Missing) {
			t.Fatal("answers that do not fit changed the result")
		}
	})
}
