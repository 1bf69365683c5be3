// Package consent has the texts that patients are asked to agree to, as versioned data. A
// version never changes: a changed text is the next version, and what was signed stays as
// it was read.
package consent

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Text is one version of a consent in one language.
type Text struct {
	Title      string   `json:"title"`
	Paragraphs []string `json:"paragraphs"`
}

// Hash is the SHA-256 of the text, in hexadecimal: heading and paragraphs, a line each.
func (t Text) Hash() string {
	sum := sha256.Sum256([]byte(t.Title + "\n" + strings.Join(t.Paragraphs, "\n")))
	return hex.EncodeToString(sum[:])
}

// Consent is one version of one consent.
type Consent struct {
	ID      string          `json:"id"`
	Version int64           `json:"version"`
	Source  string          `json:"source"`
	Texts   map[string]Text `json:"texts"` // by language (BCP 47)
}

// In returns the text in a language, else in English, and the language that it is in.
func (c Consent) In(language string) (Text, string) {
	if t, ok := c.Texts[language]; ok {
		return t, language
	}
	return c.Texts["en"], "en"
}

//go:embed consents.json
var shipped []byte

// Shipped returns every version of every consent that ships with the program. It fails only
// when the program was built with texts that Load refuses, which the tests prevent.
var Shipped = sync.OnceValues(func() ([]Consent, error) { return Load(shipped) })

// Load reads consents. It fails naming the place when an id, a source or an English text is
// missing, or a version is there twice.
func Load(data []byte) ([]Consent, error) {
	var all []Consent
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&all); err != nil {
		return nil, fmt.Errorf("consents: %w", err)
	}
	for i, c := range all {
		place := fmt.Sprintf("consents[%s@%d]", c.ID, c.Version)
		switch {
		case c.ID == "" || c.Version < 1 || c.Source == "":
			return nil, fmt.Errorf("%s: id, version or source is missing", place)
		case slices.ContainsFunc(all[:i], func(o Consent) bool { return o.ID == c.ID && o.Version == c.Version }):
			return nil, fmt.Errorf("%s: is there already", place)
		case c.Texts["en"].Title == "":
			return nil, fmt.Errorf("%s: no English text", place)
		}
		for lang, t := range c.Texts {
			if t.Title == "" || len(t.Paragraphs) == 0 || slices.Contains(t.Paragraphs, "") {
				return nil, fmt.Errorf("%s.texts[%s]: a text is missing", place, lang)
			}
		}
	}
	return all, nil
}

// InForce returns the newest version of each consent, in the order of the file.
func InForce(all []Consent) (out []Consent) {
	for _, c := range all {
		i := slices.IndexFunc(out, func(o Consent) bool { return o.ID == c.ID })
		switch {
		case i < 0:
			out = append(out, c)
		case out[i].Version < c.Version:
			out[i] = c
		}
	}
	return out
}
