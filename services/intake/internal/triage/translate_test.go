package triage

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// script is what most letters of a language are written in.
var script = map[string]*unicode.RangeTable{"es": unicode.Latin, "hi": unicode.Devanagari, "ar": unicode.Arabic}

var digits = regexp.MustCompile(`[0-9]+(\.[0-9]+)?`)

// A translation says everything, in its own script, and with the same numbers: a "14 days"
// that became a "4 days" is dangerous.
func TestTranslationsAreWholeAndSayTheSameNumbers(t *testing.T) {
	t.Parallel()
	set := shipped(t)
	if !slices.Equal(set.Languages, []string{"en", "es", "hi", "ar"}) {
		t.Fatalf("languages %v", set.Languages)
	}
	// Numbers that Arabic says as a word: its dual has none.
	inWords := map[string]bool{"2": true}
	for place, texts := range allTexts(set) {
		for _, lang := range []string{"es", "hi", "ar"} {
			text, english := texts[lang], texts["en"]
			if strings.TrimSpace(text) != text || text == "" {
				t.Errorf("%s in %s: %q", place, lang, text)
			}
			letters, own := 0, 0
			for _, r := range text {
				if unicode.IsLetter(r) {
					letters++
					if unicode.Is(script[lang], r) {
						own++
					}
				}
			}
			if own*10 < letters*7 {
				t.Errorf("%s in %s is not written in its script: %q", place, lang, text)
			}
			got := digits.FindAllString(text, -1)
			for _, n := range digits.FindAllString(english, -1) {
				if !slices.Contains(got, n) && !(lang == "ar" && inWords[n]) {
					t.Errorf("%s in %s has no %s: %q", place, lang, n, text)
				}
			}
			if strings.HasSuffix(english, "?") && !strings.HasSuffix(text, map[string]string{"es": "?", "hi": "?", "ar": "؟"}[lang]) {
				t.Errorf("%s in %s is no question: %q", place, lang, text)
			}
		}
	}
}

// allTexts are all texts of a form, by place.
func allTexts(s *Set) map[string]Texts {
	out := map[string]Texts{"title": s.Title}
	add := func(place string, t Texts) {
		if len(t) > 0 {
			out[place] = t
		}
	}
	for _, l := range s.Levels {
		add(l.ID+".title", l.Title)
		add(l.ID+".text", l.Text)
		add(l.ID+".safety_net", l.SafetyNet)
	}
	for _, p := range s.Pages {
		add(p.ID+".title", p.Title)
		add(p.ID+".intro", p.Intro)
	}
	for _, q := range s.Questions {
		add(q.ID+".text", q.Text)
		add(q.ID+".help", q.Help)
		add(q.ID+".none", q.NoneLabel)
		for _, o := range q.Options {
			add(q.ID+"."+o.ID, o.Label)
		}
		for _, p := range q.Scale {
			add(q.ID+"."+p.Label["en"], p.Label)
		}
	}
	for _, r := range s.Rules {
		add(r.ID, r.PatientAction)
	}
	for _, m := range s.MiniScreen {
		add("mini."+m.ID, m.Text)
	}
	return out
}

func TestTranslationWithADefectIsRefused(t *testing.T) {
	t.Parallel()
	const doc = `{"languages":["en"],"title":{"en":"Hello"},"n":1.5,"pages":[{"title":{"en":"Bye"}}]}`
	for name, tc := range map[string]struct{ translation, want string }{
		"a text is missing":  {`{"language":"es","texts":{"Hello":"Hola"}}`, `no text for "Bye"`},
		"a text is empty":    {`{"language":"es","texts":{"Hello":"Hola","Bye":""}}`, `no text for "Bye"`},
		"a text too many":    {`{"language":"es","texts":{"Hello":"Hola","Bye":"Adiós","Tea":"Té"}}`, `the form has no "Tea"`},
		"an unknown field":   {`{"language":"es","words":{}}`, "unknown field"},
		"not JSON at all":    {`x`, "translation"},
		"nothing is missing": {`{"language":"es","texts":{"Hello":"Hola","Bye":"Adiós"}}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Translated([]byte(doc), []byte(tc.translation))
			if tc.want == "" {
				if want := `{"languages":["en","es"],"n":1.5,"pages":[{"title":{"en":"Bye","es":"Adiós"}}],"title":{"en":"Hello","es":"Hola"}}`; err != nil || string(got) != want {
					t.Errorf("%s, %v", got, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want %q", err, tc.want)
			}
		})
	}
}
