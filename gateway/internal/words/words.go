// Package words has the text of the pages, in every language that is complete.
//
// The text is data: one JSON file a language, from a key to a sentence with {placeholders}.
// A sentence that depends on a number has one key for each plural form of its language
// ("left#one", "left#other"). A file that lacks a key, or a placeholder, stops the start:
// no patient meets half a translation.
package words

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

// Source is the language that every other must match, and that is used when none fits.
const Source = "en"

// Library is every language. It is not changed after it was loaded.
type Library struct {
	catalogs []*Catalog
	matcher  language.Matcher
}

// Catalog is one language.
type Catalog struct {
	// Lang is its BCP 47 tag, for the lang attribute.
	Lang string
	// Dir is "ltr" or "rtl", for the dir attribute.
	Dir string
	// Name is what the language calls itself.
	Name string

	tag   language.Tag
	words map[string]string
}

// Load reads every *.json of a folder. It fails when the source language is missing, and
// when another does not have exactly its keys and placeholders.
func Load(fsys fs.FS) (*Library, error) {
	names, err := fs.Glob(fsys, "*.json")
	if err != nil {
		return nil, fmt.Errorf("texts: %w", err)
	}
	var l Library
	for _, name := range names {
		c, err := read(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("texts %s: %w", name, err)
		}
		l.catalogs = append(l.catalogs, c)
	}
	i := slices.IndexFunc(l.catalogs, func(c *Catalog) bool { return c.Lang == Source })
	if i < 0 {
		return nil, fmt.Errorf("texts: no %s.json", Source)
	}
	l.catalogs[0], l.catalogs[i] = l.catalogs[i], l.catalogs[0]
	tags := make([]language.Tag, len(l.catalogs))
	for i, c := range l.catalogs {
		if err := c.complete(l.catalogs[0]); err != nil {
			return nil, fmt.Errorf("texts %s: %w", c.Lang, err)
		}
		tags[i] = c.tag
	}
	l.matcher = language.NewMatcher(tags)
	return &l, nil
}

// read reads one file. Keys that start with "_" describe the language itself.
func read(fsys fs.FS, name string) (*Catalog, error) {
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, err
	}
	c := &Catalog{}
	if err := json.Unmarshal(data, &c.words); err != nil {
		return nil, err
	}
	c.Lang, c.Dir, c.Name = c.words["_lang"], c.words["_dir"], c.words["_name"]
	if c.Lang != strings.TrimSuffix(path.Base(name), ".json") || (c.Dir != "ltr" && c.Dir != "rtl") || c.Name == "" {
		return nil, errors.New("_lang, _dir or _name is missing or wrong")
	}
	c.tag, err = language.Parse(c.Lang)
	return c, err
}

var placeholder = regexp.MustCompile(`\{[a-z_]+\}`)

// complete compares with the source language.
func (c *Catalog) complete(source *Catalog) error {
	if c == source {
		return nil
	}
	mine, theirs := c.shape(), source.shape()
	for key, want := range theirs {
		if got, ok := mine[key]; !ok || got != want {
			return fmt.Errorf("key %q is missing or has other placeholders", key)
		}
	}
	for key := range mine {
		if _, ok := theirs[key]; !ok {
			return fmt.Errorf("key %q is not in %s", key, Source)
		}
	}
	return nil
}

// shape gives each key, plural forms taken together, with its placeholders.
func (c *Catalog) shape() map[string]string {
	s := map[string]string{}
	for key, text := range c.words {
		base, _, _ := strings.Cut(key, "#")
		found := placeholder.FindAllString(s[base]+text, -1)
		slices.Sort(found)
		s[base] = strings.Join(slices.Compact(found), "")
	}
	return s
}

// Match picks the language for an Accept-Language header.
func (l *Library) Match(header string) *Catalog {
	if len(l.catalogs) == 1 || header == "" || len(header) > 200 {
		return l.catalogs[0]
	}
	tags, _, err := language.ParseAcceptLanguage(header)
	if err != nil {
		return l.catalogs[0]
	}
	_, i, _ := l.matcher.Match(tags...)
	return l.catalogs[i]
}

// Catalogs lists every language, the source first.
func (l *Library) Catalogs() []*Catalog { return l.catalogs }

// Keys lists the keys of a language, plural forms included, sorted.
func (c *Catalog) Keys() []string { return slices.Sorted(maps.Keys(c.words)) }

// Has reports whether there is a text for a key.
func (c *Catalog) Has(key string) bool {
	_, ok := c.words[key]
	return ok
}

// Codes lists the codes that have a text "kind.CODE", sorted.
func (c *Catalog) Codes(kind string) (codes []string) {
	for key := range c.words {
		if code, ok := strings.CutPrefix(key, kind+"."); ok && code == strings.ToUpper(code) {
			codes = append(codes, code)
		}
	}
	slices.Sort(codes)
	return codes
}

// T returns the text of a key with its placeholders replaced by args, which are names and
// values in turns. The value of "n", a number, also picks the plural form. A key that is
// not there comes back in brackets.
func (c *Catalog) T(key string, args ...any) string {
	text, ok := c.words[key]
	if !ok {
		text, ok = c.words[key+"#"+c.form(args)]
	}
	if !ok {
		if text, ok = c.words[key+"#other"]; !ok {
			return "[" + key + "]"
		}
	}
	for i := 0; i+1 < len(args); i += 2 {
		text = strings.ReplaceAll(text, fmt.Sprintf("{%v}", args[i]), fmt.Sprint(args[i+1]))
	}
	return text
}

// Or returns the text of a key, or another text when there is none.
func (c *Catalog) Or(key, other string) string {
	if c.Has(key) {
		return c.words[key]
	}
	return other
}

// form names the plural form of the number "n" among args.
func (c *Catalog) form(args []any) string {
	for i := 0; i+1 < len(args); i += 2 {
		if args[i] != "n" {
			continue
		}
		var n int
		switch v := args[i+1].(type) {
		case int:
			n = v
		case int32:
			n = int(v)
		case int64:
			n = int(v)
		}
		return forms[plural.Cardinal.MatchPlural(c.tag, n, 0, 0, 0, 0)]
	}
	return "other"
}

var forms = map[plural.Form]string{
	plural.Zero: "zero", plural.One: "one", plural.Two: "two", plural.Few: "few", plural.Many: "many", plural.Other: "other",
}
