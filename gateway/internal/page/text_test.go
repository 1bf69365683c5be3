package page

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/upright-clinic/upright/gateway/internal/words"
	"github.com/upright-clinic/upright/gateway/web"
)

var (
	inTemplates = regexp.MustCompile(`\.T "([^"]+)"`)
	inCode      = regexp.MustCompile(`"([a-z_]+\.[a-z_]+)"`)
)

// TestEveryTextIsThere finds each key that templates and code use in the English text.
func TestEveryTextIsThere(t *testing.T) {
	t.Parallel()
	texts, err := fs.Sub(web.Files(""), "text")
	if err != nil {
		t.Fatal(err)
	}
	l, err := words.Load(texts)
	if err != nil {
		t.Fatal(err)
	}
	en := l.Match("")
	known := map[string]bool{}
	for _, key := range en.Keys() {
		base, _, _ := strings.Cut(key, "#")
		known[base] = true
	}
	used := 0
	check := func(file, key string) {
		used++
		if !known[key] && !known[key+".title"] && !strings.HasSuffix(key, "_") { // the last two are added to
			t.Errorf("%s: no text for %q", file, key)
		}
	}
	err = fs.WalkDir(web.Files(""), "templates", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(web.Files(""), file)
		for _, m := range inTemplates.FindAllSubmatch(data, -1) {
			check(file, string(m[1]))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil || strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, m := range inCode.FindAllSubmatch(data, -1) {
			prefix, _, _ := strings.Cut(string(m[1]), ".")
			if hasPrefix(known, prefix+".") {
				check(file, string(m[1]))
			}
		}
	}
	if used < 200 {
		t.Errorf("only %d keys were found in use", used)
	}
}

func hasPrefix(known map[string]bool, prefix string) bool {
	for key := range known {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}
