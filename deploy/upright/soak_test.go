package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestSoakRunsWhatItLengthens: `make soak` picks tests by name. Every file with a test that is
// longer then has one of a name that it picks.
func TestSoakRunsWhatItLengthens(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`UPRIGHT_SOAK=1 .* -run '([^']+)' work`).FindSubmatch(makefile)
	if found == nil {
		t.Fatal("no pattern in the Makefile's soak")
	}
	picked, test := regexp.MustCompile(string(found[1])), regexp.MustCompile(`(?m)^func (Test\w+)`)
	longer := 0
	err = filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && slices.Contains([]string{"node_modules", "third_party", ".cache"}, d.Name()) {
			return fs.SkipDir
		}
		if err != nil || !strings.HasSuffix(path, "_test.go") || d.Name() == "soak_test.go" {
			return err
		}
		text, err := os.ReadFile(path) //nolint:gosec // our own files
		if err != nil || !strings.Contains(string(text), `"UPRIGHT_SOAK"`) {
			return err
		}
		longer++
		if !slices.ContainsFunc(test.FindAllSubmatch(text, -1), func(name [][]byte) bool { return picked.Match(name[1]) }) {
			t.Errorf("%s: `make soak` runs none of its tests", path)
		}
		return nil
	})
	if err != nil || longer < 3 {
		t.Errorf("%d files with longer tests, %v", longer, err)
	}
}
