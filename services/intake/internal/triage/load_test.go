package triage

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// edit is one way to spoil the shipped content.
type edit func(doc map[string]any)

// entry finds the entry of a list by id.
func entry(doc map[string]any, list, key, id string) map[string]any {
	for _, e := range doc[list].([]any) {
		if m := e.(map[string]any); m[key] == id {
			return m
		}
	}
	panic("no " + list + " " + id)
}

func set(list, id, field string, value any) edit {
	return func(doc map[string]any) {
		key := "id"
		switch list {
		case "modalities":
			key = "modality"
		case "cause_hints":
			key = "cause"
		}
		entry(doc, list, key, id)[field] = value
	}
}

func put(field string, value any) edit { return func(doc map[string]any) { doc[field] = value } }

func twice(list string) edit {
	return func(doc map[string]any) { doc[list] = append(doc[list].([]any), doc[list].([]any)[0]) }
}

func when(op ...any) edit { return set("rules", "C22", "when", op) }

// Every kind of defect is refused, and the place is named.
func TestLoadNamesThePlaceOfEveryDefect(t *testing.T) {
	t.Parallel()
	none := map[string]any{"es": "texto"}
	for name, tc := range map[string]struct {
		edit
		want string
	}{
		"wrong schema":           {put("schema", "x/1"), `schema: must be`},
		"unknown field":          {put("extra", 1), `document: json: unknown field "extra"`},
		"bad id":                 {put("id", "Up right"), `id: must be`},
		"no version":             {put("version", 0), `version: must be 1`},
		"no English":             {put("languages", []any{"es"}), `languages: must have "en"`},
		"language without texts": {put("languages", []any{"en", "es"}), `questions[age].text: no text in "es"`},
		"no title":               {put("title", none), `title: no text in "en"`},
		"no source":              {put("source", " "), `source: is missing`},
		"policy source":          {put("policy", map[string]any{"valid_days": 14, "withdrawn_floor": "CLINICIAN_REVIEW"}), `policy.source: is missing`},
		"policy days":            {put("policy", map[string]any{"valid_days": 0, "withdrawn_floor": "CLINICIAN_REVIEW", "source": "x"}), `policy.valid_days`},
		"policy floor":           {put("policy", map[string]any{"valid_days": 1, "withdrawn_floor": "HIGH", "source": "x"}), `policy.withdrawn_floor: is not a level`},
		"approved by nobody":     {put("review", map[string]any{"state": "APPROVED"}), `review: must be`},

		"question twice":       {twice("questions"), `questions[chest_pain]: the id was given before`},
		"question id":          {set("questions", "age", "id", "Age"), `questions[Age]: the id must be`},
		"question type":        {set("questions", "age", "type", "date"), `questions[age].type: must be`},
		"question text":        {set("questions", "age", "text", none), `questions[age].text: no text in "en"`},
		"question help":        {set("questions", "fever", "help", none), `questions[fever].help: no text in "en"`},
		"option twice":         {set("questions", "stiffness", "options", []any{opt("no"), opt("no")}), `questions[stiffness].options[no]: the id was given before`},
		"option label":         {set("questions", "stiffness", "options", []any{opt("no"), map[string]any{"id": "yes", "label": none}}), `questions[stiffness].options[yes].label: no text`},
		"one option":           {set("questions", "stiffness", "options", []any{opt("no")}), `questions[stiffness].options: must be two or more`},
		"multi without none":   {set("questions", "location", "none_label", nil), `questions[location].none_label: no text`},
		"number with options":  {set("questions", "age", "options", []any{opt("no"), opt("yes")}), `questions[age].options: a number has none`},
		"number without range": {set("questions", "age", "max", 0), `questions[age].max: must be more`},
		"number without unit":  {set("questions", "age", "unit", ""), `questions[age].unit: is missing`},
		"scale out of range":   {set("questions", "nrs", "scale", []any{map[string]any{"value": 11, "label": map[string]any{"en": "x"}}}), `questions[nrs].scale[11]: is out of range`},
		"tick without none":    {set("questions", "fever", "none_option", ""), `questions[fever].tick_option: goes with none_option`},
		"tick not an option":   {set("questions", "fever", "tick_option", "si"), `questions[fever].tick_option: has no option "si"`},
		"required follow-up":   {set("questions", "trauma_days", "required", true), `questions[trauma_days]: is required, and asked only sometimes`},
		"asked too early":      {set("questions", "chest_pain", "ask_when", []any{"=", "fever", "yes"}), `questions[chest_pain]`},
		"unknown ask_when":     {set("questions", "trauma_days", "ask_when", []any{"=", "fall", "yes"}), `questions[trauma_days].ask_when: unknown question "fall"`},
		"never asked":          {set("questions", "trauma_days", "ask_when", []any{"and", []any{"=", "trauma", "none"}, []any{"=", "trauma", "minor"}}), `questions[trauma_days].ask_when: no answers can fulfil it`},
		"asked after":          {set("questions", "trauma_days", "ask_when", []any{"=", "stiffness", "yes"}), `questions[trauma_days].ask_when: depends on "stiffness", which is asked later`},

		"page twice":            {twice("pages"), `pages[right_now]: the id was given before`},
		"page title":            {set("pages", "where", "title", none), `pages[where].title: no text`},
		"page layout":           {set("pages", "where", "layout", "GRID"), `pages[where].layout: must be LIST or TICKS`},
		"empty page":            {set("pages", "where", "questions", []any{}), `pages[where].questions: must be one or more`},
		"page unknown question": {set("pages", "where", "questions", []any{"location", "place"}), `pages[where].questions: unknown question "place"`},
		"question on two pages": {set("pages", "where", "questions", []any{"location", "nrs"}), `question "nrs" is on page "where" already`},
		"question on no page":   {set("pages", "how_bad", "questions", []any{"nrs", "nrs_worst"}), `questions[interference]: is on no page`},

		"level missing":   {func(d map[string]any) { d["levels"] = d["levels"].([]any)[1:] }, `levels: SELF_CARE has no texts`},
		"level twice":     {twice("levels"), `levels[SELF_CARE]: the id was given before`},
		"unknown level":   {set("levels", "SELF_CARE", "id", "FINE"), `levels[FINE]: is not a level`},
		"level text":      {set("levels", "SELF_CARE", "text", none), `levels[SELF_CARE].text: no text in "en"`},
		"level source":    {set("levels", "SELF_CARE", "source", ""), `levels[SELF_CARE].source: is missing`},
		"task deadline":   {set("levels", "CLINICIAN_REVIEW", "task", map[string]any{"due": "SOON", "n": 1}), `levels[CLINICIAN_REVIEW].task: must be`},
		"urgent, no task": {set("levels", "EMERGENCY_NOW", "task", nil), `levels[EMERGENCY_NOW].task: is missing`},

		"rule twice":         {twice("rules"), `rules[E01]: the id was given before`},
		"rule level":         {set("rules", "E01", "level", "RED"), `rules[E01].level: is not a level`},
		"rule why":           {set("rules", "E01", "why", ""), `rules[E01].why: is missing`},
		"rule source":        {set("rules", "E01", "source", ""), `rules[E01].source: is missing`},
		"rule action":        {set("rules", "E01", "action", ""), `rules[E01].action: is missing`},
		"rule when":          {set("rules", "E01", "when", nil), `rules[E01].when: a condition is a list`},
		"patient action":     {set("rules", "E01", "patient_action", none), `rules[E01].patient_action: no text`},
		"no rule for all":    {set("rules", "S01", "when", []any{"=", "stiffness", "no"}), `rules: no rule is always true`},
		"rule not reachable": {when("and", []any{">=", "nrs", 8}, []any{"<", "nrs", 3}), `rules[C22].when: no answers can fulfil it`},

		"contraindication twice":    {twice("contraindications"), `contraindications[X-MANIP-1]: the id was given before`},
		"contraindication kind":     {set("contraindications", "X-ACU-1", "kind", "FIRM"), `contraindications[X-ACU-1].kind`},
		"contraindication source":   {set("contraindications", "X-ACU-1", "source", ""), `contraindications[X-ACU-1].source: is missing`},
		"contraindication why":      {set("contraindications", "X-ACU-1", "why", ""), `contraindications[X-ACU-1].why: is missing`},
		"contraindication modality": {set("contraindications", "X-ACU-1", "modality", ""), `contraindications[X-ACU-1].modality`},
		"modality twice":            {twice("modalities"), `modalities[PHYSIOTHERAPY]: the id was given before`},
		"modality dose":             {set("modalities", "MASSAGE", "dose", ""), `modalities[MASSAGE].dose: is missing`},
		"home measure twice":        {twice("home_measures"), `home_measures[LIGHT_MOVEMENT]: the id was given before`},
		"home measure against":      {set("home_measures", "ICE", "unless_contraindicated", "SNOW"), `home_measures[ICE].unless_contraindicated`},
		"hint rule":                 {set("cause_hints", "TUMOUR", "rules", []any{"E99"}), `cause_hints[TUMOUR].rules: unknown rule "E99"`},
		"hint of nothing":           {set("cause_hints", "OA", "when", nil), `cause_hints[OA].when`},
		"no mini-screen":            {put("mini_screen", nil), `mini_screen: is missing`},
		"empty mini-screen":         {put("mini_screen", []any{}), `mini_screen: is missing`},
		"mini-screen sets nothing":  {set("mini_screen", "fever", "sets", nil), `mini_screen[fever].sets: must be one or more`},
		"mini-screen twice":         {twice("mini_screen"), `mini_screen[chest_pain]: the id was given before`},
		"mini-screen question":      {set("mini_screen", "fever", "sets", map[string]any{"heat": "yes"}), `mini_screen[fever].sets: unknown question "heat"`},
		"mini-screen option":        {set("mini_screen", "fever", "sets", map[string]any{"fever": "hot"}), `mini_screen[fever].sets: question "fever" has no option "hot"`},
		"mini-screen text":          {set("mini_screen", "fever", "text", none), `mini_screen[fever].text: no text`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refuse(t, tc.edit, tc.want)
		})
	}
}

func opt(id string) map[string]any {
	return map[string]any{"id": id, "label": map[string]any{"en": id}}
}

// refuse spoils the content and checks that Load says so.
func refuse(t *testing.T, spoil edit, want string) {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal(uprightIntakeV1, &doc); err != nil {
		t.Fatal(err)
	}
	spoil(doc)
	data, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Load(data)
	var bad *LoadError
	if !errors.As(err, &bad) {
		t.Fatalf("loaded, or another error: %v", err)
	}
	if !strings.Contains(bad.Error(), want) {
		t.Errorf("error is\n%v\nwant %s", bad, want)
	}
}

// Every operator with a wrong number, kind or value of arguments is refused.
func TestLoadRefusesWrongOperators(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		edit
		want string
	}{
		"text only":             {set("rules", "C22", "when", "answer.nrs"), "the result is int"},
		"empty":                 {when(), "a condition is a list"},
		"no operator":           {when(1), "a condition is a list"},
		"unknown operator":      {when("matches", "fever", "y"), `unknown operator "matches"`},
		"true takes none":       {when("true", 1), `"true" takes 0 arguments, not 1`},
		"and takes some":        {when("and"), `"and" needs at least one condition`},
		"or of a text":          {when("or", "fever"), "a condition is a list"},
		"not takes one":         {when("not", []any{"true"}, []any{"true"}), `"not" takes 1 arguments, not 2`},
		"= takes two":           {when("=", "fever"), `"=" takes 2 arguments, not 1`},
		"= unknown question":    {when("=", "heat", "yes"), `unknown question "heat"`},
		"= unknown option":      {when("=", "fever", "hot"), `question "fever" has no option "hot"`},
		"= on a number":         {when("=", "nrs", "3"), `"=" is for questions of type choice, and "nrs" is int`},
		"= with a number":       {when("=", "fever", 1), `"=" needs an option`},
		"= without a question":  {when("=", 1, "yes"), `"=" needs a question`},
		"!= unknown option":     {when("!=", "fever", "hot"), `question "fever" has no option "hot"`},
		"in takes a list":       {when("in", "fever", "yes"), `"in" needs a list of options`},
		"in of nothing":         {when("in", "fever", []any{}), `"in" needs a list of options`},
		"in unknown option":     {when("in", "fever", []any{"yes", "hot"}), `has no option "hot"`},
		"in on a list":          {when("in", "location", []any{"neck"}), `"in" is for questions of type choice`},
		"has on a choice":       {when("has", "fever", "yes"), `"has" is for questions of type multi`},
		"has unknown option":    {when("has", "location", "knee"), `question "location" has no option "knee"`},
		"has_any takes a list":  {when("has_any", "location", "neck"), `"has_any" needs a list of options`},
		"nonempty on a choice":  {when("nonempty", "fever"), `"nonempty" is for questions of type multi`},
		"nonempty takes one":    {when("nonempty", "location", 1), `"nonempty" takes 1 arguments, not 2`},
		"count>= on a number":   {when("count>=", "nrs", 1), `"count>=" is for questions of type multi`},
		"count= with a text":    {when("count=", "location", "1"), `"count=" needs a whole number`},
		">= with a fraction":    {when(">=", "nrs", 1.5), `">=" needs a whole number`},
		">= on a choice":        {when(">=", "fever", 1), `">=" is for questions of type int`},
		"<= out of the scale":   {when("<=", "nrs", -1), "no answers can fulfil it"},
		"< with a text":         {when("<", "nrs", "x"), `"<" needs a whole number`},
		"sum>= of one question": {when("sum>=", "nrs", 1), `"sum>=" needs a list of questions`},
		"sum>= of a choice":     {when("sum>=", []any{"fever"}, 1), `"sum>=" is for questions of type int`},
		"sum>= with a text":     {when("sum>=", []any{"nrs"}, "1"), `"sum>=" needs a whole number`},

		"CEL syntax":           {set("rules", "C22", "when", "has(answer.fever) &&"), "rules[C22].when: CEL: "},
		"CEL unknown question": {set("rules", "C22", "when", `has(answer.heat)`), "undefined field 'heat'"},
		"CEL wrong type":       {set("rules", "C22", "when", `answer.nrs == "3"`), "found no matching overload"},
		"CEL unknown option":   {set("rules", "C22", "when", `has(answer.fever) && answer.fever == "hot"`), `question "fever" has no option "hot"`},
		"CEL unknown in list":  {set("rules", "C22", "when", `has(answer.fever) && answer.fever in ["yes", "hot"]`), `question "fever" has no option "hot"`},
		"CEL unknown tick":     {set("rules", "C22", "when", `has(answer.location) && "knee" in answer.location`), `question "location" has no option "knee"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refuse(t, tc.edit, tc.want)
			refuse(t, tc.edit, "rules[C22].when: ")
		})
	}
}

// A condition may be written in CEL directly; a reading without a guard is false when the
// answer is missing, and because names what it read.
func TestConditionsInCEL(t *testing.T) {
	t.Parallel()
	var doc map[string]any
	if err := json.Unmarshal(uprightIntakeV1, &doc); err != nil {
		t.Fatal(err)
	}
	entry(doc, "rules", "id", "C22")["when"] = `answer.nrs >= 5 && (!has(answer.fever) || answer.fever != "yes")`
	data, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Load(data)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		answers Answers
		want    bool
	}{
		"missing": {Answers{}, false},
		"low":     {Answers{"nrs": Num(4)}, false},
		"high":    {Answers{"nrs": Num(5)}, true},
		"guarded": {Answers{"nrs": Num(5), "fever": Choice("yes")}, false},
	} {
		fired := s.Evaluate(tc.answers).Fired
		got := false
		for _, f := range fired {
			if f.Rule.ID == "C22" {
				got = len(f.Because) == 1 && f.Because[0].Question == "nrs"
			}
		}
		if got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// A rule in CEL that no answers can fulfil, and English that is too hard to read, are refused
// as well.
func TestLoadRefusesDeadCELAndHardEnglish(t *testing.T) {
	t.Parallel()
	refuse(t, set("rules", "C22", "when", `has(answer.nrs) && answer.nrs > 7 && answer.nrs < 3`), "rules[C22].when: no answers can fulfil it")
	refuse(t, set("rules", "C22", "when", `has(answer.fever) && answer.fever == "yes" && answer.fever == "no"`), "rules[C22].when: no answers can fulfil it")
	refuse(t, func(doc map[string]any) {
		hard := "Characterise comprehensively the longitudinal constellation of musculoskeletal manifestations experienced " +
			"contemporaneously with the aforementioned neurological symptomatology, notwithstanding pharmacological intervention."
		for _, e := range doc["questions"].([]any) {
			e.(map[string]any)["help"] = map[string]any{"en": hard}
		}
	}, "texts.en: Flesch-Kincaid grade")
}

// A clinic writes its own documents: whatever is in one, Load says what is wrong and never
// panics, and what it accepts can be evaluated.
func FuzzLoad(f *testing.F) {
	f.Add("rules", "when", `["=", "fever", "yes"]`)
	f.Add("questions", "options", `[{"id": "a", "label": null}]`)
	f.Add("questions", "ask_when", `"answer.nrs > 3"`)
	f.Add("rules", "when", `["and", ["not", []]]`)
	f.Add("levels", "task", `{"due": "", "n": -1}`)
	f.Add("pages", "questions", `[null, 1, "age", "age"]`)
	f.Add("contraindications", "when", `"answer.location.all(x, x == 'neck')"`)
	f.Add("mini_screen", "sets", `null`)
	f.Add("cause_hints", "when", `["sum>=", ["nrs", "nrs"], 9223372036854775807]`)
	f.Fuzz(func(t *testing.T, list, field, value string) {
		var v any
		if json.Unmarshal([]byte(value), &v) != nil {
			return
		}
		var doc map[string]any
		if err := json.Unmarshal(uprightIntakeV1, &doc); err != nil {
			t.Fatal(err)
		}
		switch x := doc[list].(type) {
		case []any:
			if entry, ok := x[len(x)/2].(map[string]any); ok {
				entry[field] = v
			}
		default:
			doc[list] = v
		}
		data, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Load(data)
		var bad *LoadError
		if err != nil && !errors.As(err, &bad) {
			t.Fatalf("another error: %v", err)
		}
		if err == nil {
			s.Evaluate(Answers{"age": Num(50), "fever": Choice("yes"), "location": Multi("neck")})
		}
	})
}

// A version that was approved before mini-screens were asked for stays readable; anything
// else that is wrong with it is still refused.
func TestApprovedBeforeStaysReadable(t *testing.T) {
	t.Parallel()
	var doc map[string]any
	if err := json.Unmarshal(uprightIntakeV1, &doc); err != nil {
		t.Fatal(err)
	}
	delete(doc, "mini_screen")
	reload := func() error {
		data, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Reload(data)
		return err
	}
	if err := reload(); err != nil {
		t.Errorf("without a mini-screen: %v", err)
	}
	entry(doc, "rules", "id", "E01")["source"] = ""
	if err := reload(); err == nil || !strings.Contains(err.Error(), "rules[E01].source") {
		t.Errorf("without a source: %v", err)
	}
}

func TestLoadRefusesTooMuch(t *testing.T) {
	t.Parallel()
	refuse(t, func(doc map[string]any) {
		rules := doc["rules"].([]any)
		for len(rules) <= 300 {
			rules = append(rules, rules[0])
		}
		doc["rules"] = rules
	}, "document: has more than 300")
}
