package page

import (
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/upright-clinic/upright/gateway/internal/words"
	"github.com/upright-clinic/upright/gateway/web"
)

// TestTranslationsAreInTheirScript finds texts that were forgotten in a translation: still
// English, or with letters of another script.
func TestTranslationsAreInTheirScript(t *testing.T) {
	t.Parallel()
	texts, err := fs.Sub(web.Files(""), "text")
	if err != nil {
		t.Fatal(err)
	}
	l, err := words.Load(texts)
	if err != nil {
		t.Fatal(err)
	}
	scripts := map[string]*unicode.RangeTable{"en": unicode.Latin, "es": unicode.Latin, "hi": unicode.Devanagari, "ar": unicode.Arabic}
	placeholders := regexp.MustCompile(`\{[a-z_]+\}`)
	source := l.Match("")
	var langs []string
	for _, c := range l.Catalogs() {
		langs = append(langs, c.Lang)
		t.Logf("%s: in English still: %s", c.Lang, strings.Join(c.Borrowed, " "))
		for _, topic := range []string{"form.json"} {
			if slices.Contains(c.Borrowed, topic) {
				t.Errorf("%s has no %s", c.Lang, topic)
			}
		}
		for _, key := range c.Own() {
			text := placeholders.ReplaceAllString(c.T(key), "")
			letters, own := 0, 0
			for _, r := range text {
				if unicode.IsLetter(r) {
					letters++
					if unicode.Is(scripts[c.Lang], r) {
						own++
					}
				}
			}
			if own*10 < letters*6 && key != "home.title" {
				t.Errorf("%s %s: %q", c.Lang, key, text)
			}
			if c != source && len(text) > 25 && c.T(key) == source.T(key) {
				t.Errorf("%s %s is in English", c.Lang, key)
			}
		}
	}
	slices.Sort(langs)
	if !slices.Equal(langs, []string{"ar", "en", "es", "hi"}) {
		t.Errorf("languages %v", langs)
	}
}
