package main

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// axeScript is the accessibility checker, installed once at its pinned version.
var axeScript = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("../../.ci/axe").Output() //nolint:noctx // once for all tests
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(strings.TrimSpace(string(out)))
	return string(text), err
})

// axeFinding is one rule that a page breaks.
type axeFinding struct {
	ID, Impact, Help string
	Nodes            []struct{ HTML string }
}

// accessible fails the test for each serious or critical fault that axe finds on the page that
// is open (WCAG 2.2 A and AA, and its best practices), and for a page that is wider than its
// window.
func accessible(t *testing.T, ctx context.Context, page string) {
	t.Helper()
	script, err := axeScript()
	if err != nil {
		t.Fatalf("the accessibility checker cannot be installed: %v", err)
	}
	var found string
	var overflow bool
	axe(t, ctx, page, script, `axe.run(document, {resultTypes: ["violations"]}).then(r => JSON.stringify(r.violations.map(v => ({ID: v.id, Impact: v.impact, Help: v.help, Nodes: v.nodes.map(n => ({HTML: n.html}))}))))`, &found)
	do(t, ctx, "the width of "+page, chromedp.Evaluate(`document.documentElement.scrollWidth > document.documentElement.clientWidth + 1`, &overflow))
	var findings []axeFinding
	if err := json.Unmarshal([]byte(found), &findings); err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		if f.Impact != "serious" && f.Impact != "critical" {
			continue
		}
		for _, n := range f.Nodes[:min(len(f.Nodes), 3)] {
			t.Errorf("%s: %s %s: %s\n%s", page, f.Impact, f.ID, f.Help, n.HTML)
		}
	}
	if overflow {
		t.Errorf("%s: the page is wider than its window", page)
	}
	photograph(t, ctx, page)
}

// axe puts the checker into the page that is open and runs it. It waits for timers, which only
// go where scripts may run: they may for that long, in a page that was loaded without.
func axe(t *testing.T, ctx context.Context, page, script, run string, found any) {
	t.Helper()
	scripts, _ := ctx.Value(scripted{}).(bool)
	await := func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }
	do(t, ctx, "axe on "+page, emulation.SetScriptExecutionDisabled(false), chromedp.Evaluate(script+"\n;0", nil),
		chromedp.Evaluate(run, found, await), emulation.SetScriptExecutionDisabled(!scripts))
}

// photograph keeps a picture of the page that is open in the folder that UPRIGHT_TEST_SHOTS
// names, for people to look at.
func photograph(t *testing.T, ctx context.Context, page string) {
	t.Helper()
	dir := os.Getenv("UPRIGHT_TEST_SHOTS")
	if dir == "" {
		return
	}
	var picture []byte
	do(t, ctx, "a picture of "+page, chromedp.FullScreenshot(&picture, 100))
	name := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" /?&=", r) {
			return '-'
		}
		return r
	}, page)
	if err := os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestAxeBites shows the checker a page with faults that it must find.
func TestAxeBites(t *testing.T) {
	t.Parallel()
	ctx := browse(t, false, 360, 740)
	script, err := axeScript()
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	do(t, ctx, "a bad page", chromedp.Navigate(`data:text/html,<title>x</title><img src="x"><input><p style="color:%23ccc;background:%23fff">pale</p>`))
	axe(t, ctx, "a bad page", script, `axe.run(document).then(r => r.violations.map(v => v.id))`, &ids)
	for _, want := range []string{"image-alt", "label", "color-contrast", "html-has-lang"} {
		if !strings.Contains(strings.Join(ids, " "), want) {
			t.Errorf("%s was not found, only %q", want, ids)
		}
	}
}
