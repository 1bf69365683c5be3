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
	// Borrowed are the topics that are in the source language still.
	Borrowed []string

	tag   language.Tag
	words map[string]string
	// topics are the names of the topic files that it has, lent the keys of the others.
	topics, lent []string
	// staff are the words of the staff's pages, in the source language alone.
	staff map[string]string
}

// Load reads <language>.json, and beside it <language>/*.json, one file a topic. The words
// of staff/*.json are for pages that only the staff sees: they are in the source language,
// whatever the reader's. It fails when the source language is missing, when a key is there
// twice, and when another language does not have exactly its keys and placeholders; a topic
// that another language has no file for is taken from the source.
func Load(fsys fs.FS) (*Library, error) {
	names, err := fs.Glob(fsys, "*.json")
	if err != nil {
		return nil, fmt.Errorf("texts: %w", err)
	}
	staff := map[string]string{}
	if err := topics(fsys, "staff", staff); err != nil {
		return nil, err
	}
	var l Library
	for _, name := range names {
		c, err := read(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("texts %s: %w", name, err)
		}
		for key := range staff {
			if c.Has(key) {
				return nil, fmt.Errorf("texts %s: key %q is the staff's too", name, key)
			}
		}
		c.staff = staff
		l.catalogs = append(l.catalogs, c)
	}
	i := slices.IndexFunc(l.catalogs, func(c *Catalog) bool { return c.Lang == Source })
	if i < 0 {
		return nil, fmt.Errorf("texts: no %s.json", Source)
	}
	l.catalogs[0], l.catalogs[i] = l.catalogs[i], l.catalogs[0]
	tags := make([]language.Tag, len(l.catalogs))
	for i, c := range l.catalogs {
		if err := c.borrow(fsys, l.catalogs[0]); err != nil {
			return nil, err
		}
		if err := c.complete(l.catalogs[0]); err != nil {
			return nil, fmt.Errorf("texts %s: %w", c.Lang, err)
		}
		tags[i] = c.tag
	}
	l.matcher = language.NewMatcher(tags)
	return &l, nil
}

// topics adds the words of every file in a folder.
func topics(fsys fs.FS, dir string, words map[string]string) error {
	names, err := fs.Glob(fsys, dir+"/*.json")
	if err != nil {
		return fmt.Errorf("texts %s: %w", dir, err)
	}
	for _, name := range names {
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return fmt.Errorf("texts %s: %w", name, err)
		}
		var topic map[string]string
		if err := json.Unmarshal(data, &topic); err != nil {
			return fmt.Errorf("texts %s: %w", name, err)
		}
		for key, text := range topic {
			if _, ok := words[key]; ok {
				return fmt.Errorf("texts %s: key %q is there already", name, key)
			}
			words[key] = text
		}
	}
	return nil
}

// read reads a language. Keys that start with "_" describe the language itself.
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
	if c.tag, err = language.Parse(c.Lang); err != nil {
		return nil, err
	}
	files, err := fs.Glob(fsys, c.Lang+"/*.json")
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		c.topics = append(c.topics, path.Base(file))
	}
	return c, topics(fsys, c.Lang, c.words)
}

// borrow takes over the source's words of every topic that has no file in the language yet:
// a new topic is in one language before it is in all. A topic that has a file is complete,
// or the start fails.
func (c *Catalog) borrow(fsys fs.FS, source *Catalog) error {
	for _, topic := range source.topics {
		if c == source || slices.Contains(c.topics, topic) {
			continue
		}
		lent := map[string]string{}
		data, err := fs.ReadFile(fsys, Source+"/"+topic)
		if err == nil {
			err = json.Unmarshal(data, &lent)
		}
		if err != nil {
			return fmt.Errorf("texts %s: %w", topic, err)
		}
		for key, text := range lent {
			if _, ok := c.words[key]; !ok {
				c.words[key] = text
				c.lent = append(c.lent, key)
			}
		}
		c.Borrowed = append(c.Borrowed, topic)
	}
	return nil
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

// MatchAmong is [Library.Match] among some of the languages; the source is always one of
// them.
func (l *Library) MatchAmong(header string, codes []string) *Catalog {
	some := []*Catalog{l.catalogs[0]}
	for _, c := range l.catalogs[1:] {
		if slices.Contains(codes, c.Lang) {
			some = append(some, c)
		}
	}
	if len(some) == 1 || header == "" || len(header) > 200 {
		return l.catalogs[0]
	}
	tags, _, err := language.ParseAcceptLanguage(header)
	if err != nil {
		return l.catalogs[0]
	}
	can := make([]language.Tag, len(some))
	for i, c := range some {
		can[i] = c.tag
	}
	_, i, _ := language.NewMatcher(can).Match(tags...)
	return some[i]
}

// Catalogs lists every language, the source first.
func (l *Library) Catalogs() []*Catalog { return l.catalogs }

// Keys lists the keys of a language, the staff's and plural forms included, sorted.
func (c *Catalog) Keys() []string {
	return slices.Sorted(func(yield func(string) bool) {
		for _, words := range []map[string]string{c.words, c.staff} {
			for key := range words {
				if !yield(key) {
					return
				}
			}
		}
	})
}

// Own lists the keys that the language has words of its own for, sorted; those of plural
// forms are left out.
func (c *Catalog) Own() (keys []string) {
	for key := range c.words {
		if !strings.HasPrefix(key, "_") && !strings.Contains(key, "#") && !slices.Contains(c.lent, key) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// Has reports whether there is a text for a key.
func (c *Catalog) Has(key string) bool {
	_, ok := c.text(key)
	return ok
}

// text finds a key among the language's own words and the staff's.
func (c *Catalog) text(key string) (string, bool) {
	text, ok := c.words[key]
	if !ok {
		text, ok = c.staff[key]
	}
	return text, ok
}

// Codes lists the codes that have a text "kind.CODE", sorted.
func (c *Catalog) Codes(kind string) (codes []string) {
	for _, key := range c.Keys() {
		if code, ok := strings.CutPrefix(key, kind+"."); ok && code == strings.ToUpper(code) {
			codes = append(codes, code)
		}
	}
	return codes
}

// T returns the text of a key with its placeholders replaced by args, which are names and
// values in turns. The value of "n", a number, also picks the plural form. A key that is
// not there comes back in brackets.
func (c *Catalog) T(key string, args ...any) string {
	text, ok := c.text(key)
	if !ok {
		text, ok = c.text(key + "#" + c.form(args))
	}
	if !ok {
		if text, ok = c.text(key + "#other"); !ok {
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
	if text, ok := c.text(key); ok {
		return text
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
