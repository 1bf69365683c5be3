package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"strings"
	"testing"
)

const root = "github.com/upright-clinic/upright/"

// wall says that nothing below from may import anything below to, and why. Names are
// path.Match globs; a trailing "/..." also covers everything below.
type wall struct{ from, to, why string }

// walls is the architecture as a table. The compiler keeps the walls between modules
// (make walls) and between internal folders; these are the ones it cannot see.
var walls = []wall{
	{"services/intake/internal/triage/...", "services/*/internal/app", "rules know no callers"},
	{"services/intake/internal/triage/...", "services/*/internal/store", "rules know no store"},
	{"services/plans/internal/plan", "services/*/internal/app", "rules know no callers"},
	{"services/plans/internal/plan", "services/*/internal/store", "rules know no store"},
	{"services/plans/internal/injection", "services/*/internal/...", "rules know no callers"},
	{"services/plans/internal/diary", "services/*/internal/...", "rules know no callers"},
	{"services/plans/internal/outcome", "services/*/internal/...", "rules know no callers"},
	{"services/plans/internal/note", "services/*/internal/...", "rules know no callers"},
	{"services/plans/internal/homecare", "services/*/internal/app", "rules know no callers"},
	{"services/plans/internal/homecare", "services/*/internal/store", "rules know no store"},
	{"services/booking/internal/schedule", "services/*/internal/...", "rules know no callers"},
	{"services/booking/internal/course", "services/*/internal/store", "rules know no store"},
	{"services/directory/internal/people", "services/*/internal/...", "rules know no callers"},
	{"services/*/internal/store", "services/*/internal/app", "store is called, it does not call"},
	{"services/*/internal/store", "services/*/internal/api", "store is called, it does not call"},
	{"services/*/internal/store", "proto/...", "rows are not messages"},
	{"services/*/internal/app", "services/*/internal/api", "use cases do not know their callers"},
	{"services/*/internal/api", "services/platform/sqldb", "translate, do not store"},
	{"services/platform/...", "proto/gen/go/upright/directory/...", "platform has never heard of a clinic"},
	{"services/platform/...", "proto/gen/go/upright/intake/...", "platform has never heard of a clinic"},
	{"services/platform/...", "proto/gen/go/upright/plans/...", "platform has never heard of a clinic"},
	{"services/platform/...", "proto/gen/go/upright/booking/...", "platform has never heard of a clinic"},
	{"gateway/...", "services/platform/sqldb", "the gateway keeps nothing"},
	{"services/directory/...", "services/intake/...", "services meet through proto"},
	{"services/intake/...", "services/plans/...", "services meet through proto"},
	{"services/plans/...", "services/booking/...", "services meet through proto"},
	{"services/booking/...", "services/plans/...", "services meet through proto"},
}

// pkg is what `go list` says of one package.
type pkg struct {
	ImportPath, Doc string
	Imports         []string
}

func TestImportWalls(t *testing.T) {
	t.Parallel()
	for _, fault := range breaches(workspace(t), walls) {
		t.Error(fault)
	}
}

// TestWallsBite plants a violation, a missing comment and a wall without anything behind
// it, so that a wall test that sees nothing fails.
func TestWallsBite(t *testing.T) {
	t.Parallel()
	planted := []pkg{
		{ImportPath: root + "services/x/internal/store", Doc: "Package store.", Imports: []string{root + "services/x/internal/app"}},
		{ImportPath: root + "services/x/internal/app"},
	}
	got := breaches(planted, []wall{
		{"services/*/internal/store", "services/*/internal/app", "planted"},
		{"services/gone/...", "proto/...", "planted"},
	})
	if len(got) != 3 {
		t.Errorf("planted three faults, found %d: %q", len(got), got)
	}
}

// breaches lists every import through a wall, every package without a comment, and every
// wall that guards nothing, which is how a rename would disarm one.
func breaches(pkgs []pkg, walls []wall) (faults []string) {
	guarded := make([]int, len(walls))
	for _, p := range pkgs {
		from := strings.TrimPrefix(p.ImportPath, root)
		if p.Doc == "" && !strings.HasPrefix(from, "proto/gen/") {
			faults = append(faults, from+" has no package comment")
		}
		for i, w := range walls {
			if !match(w.from, from) {
				continue
			}
			guarded[i]++
			for _, imp := range p.Imports {
				if to := strings.TrimPrefix(imp, root); to != imp && match(w.to, to) {
					faults = append(faults, from+" imports "+to+": "+w.why)
				}
			}
		}
	}
	for i, n := range guarded {
		if n == 0 {
			faults = append(faults, "wall "+walls[i].from+" guards nothing; was the package renamed?")
		}
	}
	return faults
}

// workspace lists every package of every module in go.work.
func workspace(t *testing.T) (pkgs []pkg) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,Doc", "work").Output()
	if err != nil {
		t.Fatal(err)
	}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}

func match(glob, name string) bool {
	base, deep := strings.CutSuffix(glob, "/...")
	for p := name; p != "." && p != "/"; p = path.Dir(p) {
		if ok, _ := path.Match(base, p); ok {
			return true
		}
		if !deep {
			return false
		}
	}
	return false
}
