package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// serviceRow is what services/README.md says of a service, and what its code says.
type serviceRow struct{ Asks, Emits, Hears []string }

// TestServicesTableTellsTheTruth compares the table in services/README.md with the code:
// whom a service asks (kit.Peer), which of its own events it makes, whose it names.
func TestServicesTableTellsTheTruth(t *testing.T) {
	t.Parallel()
	events := eventMessages(t)
	table := readServicesTable(t)
	for _, service := range []string{"directory", "intake", "plans", "booking"} {
		if diff := cmp.Diff(table[service], readServiceCode(t, service, events)); diff != "" {
			t.Errorf("services/README.md and services/%s differ (-table +code):\n%s", service, diff)
		}
	}
}

func readServicesTable(t *testing.T) map[string]serviceRow {
	t.Helper()
	text, err := os.ReadFile("../../services/README.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]serviceRow{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "|")
		if len(cells) != 7 || strings.Contains(cells[1], "-") || strings.TrimSpace(cells[1]) == "service" {
			continue
		}
		rows[strings.TrimSpace(cells[1])] = serviceRow{names(cells[3]), names(cells[4]), names(cells[5])}
	}
	if len(rows) != 4 {
		t.Fatalf("the table names %d services, want 4", len(rows))
	}
	return rows
}

func names(cell string) (out []string) {
	for name := range strings.SplitSeq(cell, ",") {
		if name = strings.TrimSpace(name); name != "" && name != "–" {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

var messageLine = regexp.MustCompile(`(?m)^message (\w+) `)

// eventMessages gives the messages of every *_events.proto, by service. A message that is
// only a part of events (AppointmentFact) is told apart by its comment, which does not
// start with "Name:".
func eventMessages(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	files, err := filepath.Glob("../../proto/upright/*/v1/*_events.proto")
	if err != nil || len(files) == 0 {
		t.Fatalf("no event protos: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		service := filepath.Base(filepath.Dir(filepath.Dir(file)))
		for _, m := range messageLine.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(string(text), "// "+m[1]+": ") {
				out[service] = append(out[service], m[1])
			}
		}
	}
	return out
}

// readServiceCode reads the non-test code of a service.
func readServiceCode(t *testing.T, service string, events map[string][]string) serviceRow {
	t.Helper()
	asks, emits, hears := map[string]bool{}, map[string]bool{}, map[string]bool{}
	err := filepath.WalkDir("../../services/"+service, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if peer := peerAsked(n); peer != "" && peer != service {
					asks[peer] = true
				}
			case *ast.SelectorExpr:
				owner, ok := strings.CutSuffix(identName(n.X), "v1")
				if !ok || !slices.Contains(events[owner], n.Sel.Name) {
					return true
				}
				if owner == service {
					emits[n.Sel.Name] = true
				} else {
					hears[n.Sel.Name] = true
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return serviceRow{keys(asks), keys(emits), keys(hears)}
}

// peerAsked gives the service named in a call of Peer, "" for other calls.
func peerAsked(call *ast.CallExpr) string {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != "Peer" || len(call.Args) != 1 {
		return ""
	}
	lit, ok := call.Args[0].(*ast.BasicLit)
	if !ok {
		return ""
	}
	name, err := strconv.Unquote(lit.Value)
	if err != nil {
		return ""
	}
	return name
}

func identName(e ast.Expr) string {
	if id, ok := e.(*ast.Ident); ok {
		return id.Name
	}
	return ""
}

func keys(set map[string]bool) (out []string) {
	for k := range set {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
