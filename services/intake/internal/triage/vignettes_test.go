package triage

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// vignette is an invented patient with the result that the rules must give.
type vignette struct {
	ID       string  `json:"id"`
	Replace  bool    `json:"answers_replace_defaults"`
	Answers  Answers `json:"answers"`
	Expected struct {
		Status      string    `json:"status"`
		Provisional bool      `json:"provisional"`
		Disposition *string   `json:"disposition"`
		Rules       []string  `json:"rules_must_include"`
		Suggested   []string  `json:"modalities_suggested"`
		Blocked     *[]string `json:"modalities_blocked"`
		Release     *[]string `json:"modalities_need_release"`
		Missing     bool      `json:"missing_must_be_reported"`
	} `json:"expected"`
}

type vignetteFile struct {
	Defaults  Answers    `json:"defaults"`
	Vignettes []vignette `json:"vignettes"`
}

// readVignettes returns the public vignettes and our own, with defaults filled in.
func readVignettes(t testing.TB) (all []vignette, defaults Answers) {
	t.Helper()
	for _, name := range []string{"testdata/vignettes.json", "testdata/vignettes_own.json"} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var f vignetteFile
		if err := json.Unmarshal(data, &f); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if f.Defaults != nil {
			defaults = f.Defaults
		}
		for _, v := range f.Vignettes {
			if !v.Replace {
				full := maps.Clone(defaults)
				maps.Copy(full, v.Answers)
				v.Answers = full
			}
			all = append(all, v)
		}
	}
	return all, defaults
}

func shipped(t testing.TB) *Set {
	t.Helper()
	sets, err := Shipped()
	if err != nil {
		t.Fatal(err)
	}
	return sets[len(sets)-1]
}

func ruleIDs(fired []Fired) []string {
	out := []string{}
	for _, f := range fired {
		out = append(out, f.Rule.ID)
	}
	return out
}

func modalities(blocks []Block) []string {
	out := []string{}
	for _, b := range blocks {
		out = append(out, b.Modality)
	}
	return out
}

func TestVignettes(t *testing.T) {
	t.Parallel()
	set := shipped(t)
	all, _ := readVignettes(t)
	if len(all) < 90 {
		t.Fatalf("only %d vignettes", len(all))
	}
	for _, v := range all {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			for id, a := range v.Answers {
				if err := set.Check(id, a); err != nil {
					t.Fatal(err)
				}
			}
			checkVignette(t, v, set.Evaluate(v.Answers))
		})
	}
}

func checkVignette(t *testing.T, v vignette, got Result) {
	t.Helper()
	e := v.Expected
	want := ""
	if e.Disposition != nil {
		want = *e.Disposition
	}
	if got.Disposition.String() != want {
		t.Errorf("disposition %q, want %q", got.Disposition, want)
	}
	if got.Complete != (e.Status == "COMPLETE") || got.Provisional != e.Provisional {
		t.Errorf("complete %v, provisional %v; want %s, %v", got.Complete, got.Provisional, e.Status, e.Provisional)
	}
	if (e.Missing || e.Status == "INCOMPLETE") && len(got.Missing) == 0 {
		t.Error("nothing reported missing")
	}
	for _, id := range e.Rules {
		if !slices.Contains(ruleIDs(got.Fired), id) {
			t.Errorf("rule %s did not fire: %v", id, ruleIDs(got.Fired))
		}
	}
	if e.Blocked != nil {
		if d := cmp.Diff(*e.Blocked, modalities(got.Blocked), cmpopts.EquateEmpty()); d != "" {
			t.Errorf("blocked (-want +got):\n%s", d)
		}
	}
	if e.Release != nil {
		if d := cmp.Diff(*e.Release, modalities(got.ReleaseNeeded), cmpopts.EquateEmpty()); d != "" {
			t.Errorf("release needed (-want +got):\n%s", d)
		}
	}
	if e.Suggested != nil {
		var names []string
		for _, m := range got.Suggested {
			names = append(names, m.Modality)
		}
		if d := cmp.Diff(e.Suggested, names); d != "" {
			t.Errorf("suggested (-want +got):\n%s", d)
		}
	}
}

// Clinical reference 4.2, point 9: every rule is fired by at least one vignette; and so is
// every contraindication, suggestion, home measure and hint.
func TestEveryRuleIsFiredBySomeVignette(t *testing.T) {
	t.Parallel()
	set := shipped(t)
	all, _ := readVignettes(t)
	seen := map[string]bool{}
	for _, v := range all {
		r := set.Evaluate(v.Answers)
		for _, id := range ruleIDs(r.Fired) {
			seen[id] = true
		}
		for _, b := range slices.Concat(r.Blocked, r.ReleaseNeeded) {
			for _, id := range b.Contraindications {
				seen[id] = true
			}
		}
		for _, m := range r.Suggested {
			seen[m.Modality] = true
		}
		for _, h := range r.HomeMeasures {
			seen["home "+h] = true
		}
		for _, h := range r.Hints {
			seen["cause "+h.Cause] = true
		}
	}
	var want []string
	for _, r := range set.Rules {
		want = append(want, r.ID)
	}
	for _, c := range set.Contraindications {
		want = append(want, c.ID)
	}
	for _, m := range set.Modalities {
		want = append(want, m.Modality)
	}
	for _, h := range set.HomeMeasures {
		want = append(want, "home "+h.ID)
	}
	for _, h := range set.CauseHints {
		want = append(want, "cause "+h.Cause)
	}
	for _, id := range want {
		if !seen[id] {
			t.Errorf("%s is fired by no vignette", id)
		}
	}
	if len(set.Questions) != 81 || // the body map is one more than the clinical reference has
		len(set.Rules) != 76 || len(set.Contraindications) != 29 {
		t.Errorf("%d questions, %d rules, %d contraindications", len(set.Questions), len(set.Rules), len(set.Contraindications))
	}
}

// One required question taken away makes a complete form incomplete, whichever it is.
func TestEveryRequiredQuestionIsMissed(t *testing.T) {
	t.Parallel()
	set := shipped(t)
	_, defaults := readVignettes(t)
	for _, q := range set.Questions {
		if !q.Required {
			continue
		}
		answers := maps.Clone(defaults)
		delete(answers, q.ID)
		got := set.Evaluate(answers)
		if got.Complete || got.Disposition != NoLevel || !slices.Equal(got.Missing, []string{q.ID}) {
			t.Errorf("without %s: complete %v, %v, missing %v", q.ID, got.Complete, got.Disposition, got.Missing)
		}
	}
}

// A follow-up never keeps a form incomplete, and is open only while some answer to it could
// raise the level: how many days ago a small fall was changes nothing, how many days ago a
// serious accident was does.
func TestFollowUpsAreOpenWhenTheyMatter(t *testing.T) {
	t.Parallel()
	set := shipped(t)
	_, defaults := readVignettes(t)
	for name, tc := range map[string]struct {
		answers Answers
		open    []string
	}{
		"a small fall":                            {Answers{"trauma": Choice("minor"), "trauma_assessed": Choice("no")}, nil},
		"a serious accident, examined":            {Answers{"trauma": Choice("major"), "trauma_assessed": Choice("yes")}, nil},
		"a serious accident, not examined":        {Answers{"trauma": Choice("major"), "trauma_assessed": Choice("no")}, []string{"trauma_days"}},
		"a serious accident, nothing said":        {Answers{"trauma": Choice("major")}, []string{"trauma_days", "trauma_assessed"}},
		"an anti-inflammatory":                    {Answers{"medicines": Multi("nsaid")}, []string{"nsaid_days"}},
		"an anti-inflammatory that conflicts":     {Answers{"medicines": Multi("nsaid", "oral_steroid")}, nil},
		"an injection that does not get worse":    {Answers{"recent_procedure": Multi("spinal_injection_6w")}, nil},
		"an injection that gets worse":            {Answers{"recent_procedure": Multi("spinal_injection_6w"), "course": Choice("worsening")}, []string{"recent_procedure_days"}},
		"pregnant":                                {Answers{"pregnancy": Choice("yes")}, nil},
		"three signs, but only for some weeks":    {Answers{"inflammatory": Multi("buttock_pain", "arthritis", "psoriasis")}, nil},
		"three signs, for more than three months": {Answers{"inflammatory": Multi("buttock_pain", "arthritis", "psoriasis"), "duration": Choice("gt12w")}, []string{"onset_age"}},
		"a curve": {Answers{"scoliosis_signs": Multi("known_curve")}, []string{"curve_change"}},
	} {
		answers := maps.Clone(defaults)
		maps.Copy(answers, tc.answers)
		got := set.Evaluate(answers)
		if !slices.Equal(got.OpenFollowUps, tc.open) || !got.Complete || got.Disposition == NoLevel {
			t.Errorf("%s: complete %v, %v, open %v, want %v", name, got.Complete, got.Disposition, got.OpenFollowUps, tc.open)
		}
		for _, p := range set.PagesOf(answers) { // the pages go on asking
			open := slices.ContainsFunc(p.Questions, func(id string) bool { return slices.Contains(tc.open, id) })
			if want := map[bool]PageState{true: PageOpen, false: PageDone}[open]; p.State != want {
				t.Errorf("%s: page %s is %s", name, p.Page, p.State)
			}
		}
	}
	age := maps.Clone(defaults)
	delete(age, "age")
	age["trauma"] = Choice("minor")
	if got := set.Evaluate(age); !slices.Equal(got.Missing, []string{"age"}) || !slices.Equal(got.OpenFollowUps, []string{"trauma_assessed"}) {
		t.Errorf("a small fall at an age not yet said: %v, %v", got.Missing, got.OpenFollowUps)
	}
}
