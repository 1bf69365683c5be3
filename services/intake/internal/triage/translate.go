package triage

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// translation is a document of translations: the texts of a form in one language, by the
// English text. The same sentence is the same wherever it stands, and a copy of the form
// that keeps the sentence keeps its translation.
type translation struct {
	Language string            `json:"language"`
	Review   Review            `json:"review"`
	Texts    map[string]string `json:"texts"`
}

// Translated adds languages to a content document. It fails with *LoadError naming each text
// that a translation lacks and each that no text of the form has; what is wrong with the
// document itself [Load] says.
func Translated(data []byte, translations ...[]byte) ([]byte, error) {
	var doc map[string]any
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(&doc); err != nil {
		return nil, &LoadError{Problems: []Problem{{Place: "document", What: err.Error()}}}
	}
	languages, _ := doc["languages"].([]any)
	var problems []Problem
	for _, one := range translations {
		var t translation
		dec := json.NewDecoder(bytes.NewReader(one))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&t); err != nil {
			return nil, &LoadError{Problems: []Problem{{Place: "translation", What: err.Error()}}}
		}
		used := map[string]bool{}
		translate(doc, t, used)
		languages = append(languages, t.Language)
		for text := range used {
			if t.Texts[text] == "" {
				problems = append(problems, Problem{Place: "translation[" + t.Language + "]", What: fmt.Sprintf("no text for %q", text)})
			}
		}
		for _, text := range slices.Sorted(maps.Keys(t.Texts)) {
			if !used[text] {
				problems = append(problems, Problem{Place: "translation[" + t.Language + "]", What: fmt.Sprintf("the form has no %q", text)})
			}
		}
	}
	if len(problems) > 0 {
		return nil, &LoadError{Problems: sorted(problems)}
	}
	doc["languages"] = languages
	return json.Marshal(doc)
}

// translate adds one language to every text below a value, and notes the English texts that
// it found.
func translate(value any, t translation, used map[string]bool) {
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			translate(item, t, used)
		}
	case map[string]any:
		if english, ok := v["en"].(string); ok {
			used[english] = true
			if text, ok := t.Texts[english]; ok {
				v[t.Language] = text
			}
			return
		}
		for _, item := range v {
			translate(item, t, used)
		}
	}
}
