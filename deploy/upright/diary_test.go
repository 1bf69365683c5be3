package main

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestDiaryByKeyboard works a day in the diary with keys alone: the help and its off switch, to a
// visit, its arrival and that taken back, and what another desk books, without loading again.
// Built without Node there is no diary, and its address leads to the day list.
func TestDiaryByKeyboard(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "upright", "demo", "--scale", "small", "--listen", "127.0.0.1:0", "--json", "--log-level", "warn", "--address-rate=-1", "--account-rate=-1")
	id, on := visitToday(t, p)
	ctx := browse(t, true, 1280, 900)
	const noted = `addEventListener("securitypolicyviolation", (e) => (window.noted ??= []).push(e.violatedDirective + " " + e.blockedURI))`
	do(t, ctx, "note what the policy forbids", chromedp.ActionFunc(func(ctx context.Context) error {
		_, err := page.AddScriptToEvaluateOnNewDocument(noted).Do(ctx)
		return err
	}))
	var at string
	do(t, ctx, "sign in", signInPage(p.Address, login(t, p, "reception")), chromedp.Navigate(p.Address+"/diary/?date="+on), chromedp.WaitVisible("h1", chromedp.ByQuery), chromedp.Location(&at))
	if strings.Contains(at, "/staff/day") {
		t.Log("built without Node: the diary's address leads to the day list")
		return
	}
	do(t, ctx, "the visit", chromedp.WaitVisible(visitLink(id), chromedp.ByQuery))
	accessible(t, ctx, "diary")
	singleKeys(t, ctx)
	goTo(t, ctx, id)
	do(t, ctx, "arrived", chromedp.KeyEvent("a"), chromedp.WaitVisible(`//h1[contains(., "Six questions before the visit")]`),
		chromedp.Click(`//input[@name="mini_screen"][@value="none"]`), press(`main form button`, `.is-checked_in `+visitLink(id)), chromedp.Location(&at))
	if !strings.Contains(at, "/diary/?date="+on) {
		t.Errorf("after the arrival reception is at %s", at)
	}
	do(t, ctx, "live", chromedp.WaitVisible(`//*[contains(., "Changes appear by themselves")]`))
	goTo(t, ctx, id)
	other, _ := visitToday(t, p)
	var focus string
	do(t, ctx, "what another desk booked", chromedp.WaitVisible(visitLink(other), chromedp.ByQuery), chromedp.Evaluate(`document.activeElement.dataset.visit ?? ""`, &focus))
	if focus != id {
		t.Errorf("the news moved the focus from the visit to %q", focus)
	}
	do(t, ctx, "taken back", chromedp.KeyEvent("a"), chromedp.WaitVisible(`//*[@role="status"][contains(., "is taken back")]`), chromedp.WaitVisible(`.is-booked `+visitLink(id), chromedp.ByQuery))
	accessible(t, ctx, "diary with a visit in focus")
	var strange, forbidden []string
	do(t, ctx, "what was loaded", chromedp.Evaluate(`performance.getEntriesByType("resource").map((e) => e.name).filter((n) => !n.startsWith(location.origin))`, &strange), chromedp.Evaluate(`window.noted ?? []`, &forbidden))
	if len(strange)+len(forbidden) > 0 {
		t.Errorf("loaded from elsewhere: %v; forbidden: %v", strange, forbidden)
	}
}

func visitLink(id string) string { return fmt.Sprintf(`[data-visit=%q]`, id) }

// singleKeys opens the help with its key, switches single keys off and on again, and sees that
// they mind.
func singleKeys(t *testing.T, ctx context.Context) {
	t.Helper()
	var first, off, help string
	heading := func(into *string) chromedp.Action { return chromedp.Text("h1", into, chromedp.ByQuery) }
	do(t, ctx, "the help", heading(&first), chromedp.KeyEvent("?"), chromedp.WaitVisible("dialog[open]", chromedp.ByQuery), chromedp.Text("dialog", &help, chromedp.ByQuery))
	for _, want := range []string{"Next day", "has arrived", "Find a patient", "Single keys are on"} {
		if !strings.Contains(help, want) {
			t.Errorf("the help does not say %q:\n%s", want, help)
		}
	}
	accessible(t, ctx, "diary help")
	const closed = `//button[.="Close"]`
	do(t, ctx, "switched off", chromedp.Click(`dialog input`, chromedp.ByQuery), chromedp.Click(closed), chromedp.WaitNotVisible("dialog", chromedp.ByQuery),
		chromedp.KeyEvent("j"), heading(&off))
	if off != first {
		t.Errorf("switched off, j goes from %s to %s", first, off)
	}
	do(t, ctx, "switched on", chromedp.Click(`//button[contains(., "Keys")]`), chromedp.WaitVisible("dialog[open]", chromedp.ByQuery), chromedp.Click(`dialog input`, chromedp.ByQuery), chromedp.Click(closed),
		chromedp.WaitNotVisible("dialog", chromedp.ByQuery), chromedp.KeyEvent("j"), chromedp.WaitNotPresent(fmt.Sprintf(`//h1[.=%q]`, first)),
		chromedp.KeyEvent("k"), chromedp.WaitVisible(fmt.Sprintf(`//h1[.=%q]`, first)))
}

// goTo brings the focus to a visit with number keys and arrows, and sees that it shows.
func goTo(t *testing.T, ctx context.Context, id string) {
	t.Helper()
	do(t, ctx, "the visit", chromedp.WaitVisible(visitLink(id), chromedp.ByQuery))
	for _, column := range "123456789" {
		do(t, ctx, "a column", chromedp.KeyEvent(string(column)))
		for range 20 {
			var before, now, outline string
			const in = `document.activeElement.dataset.visit ?? ""`
			do(t, ctx, "where", chromedp.Evaluate(in, &before))
			if before == id {
				do(t, ctx, "the focus shows", chromedp.Evaluate(`getComputedStyle(document.activeElement.closest(".ec-event")).outlineStyle`, &outline))
				if outline != "solid" {
					t.Errorf("the visit in focus has an outline that is %s", outline)
				}
				return
			}
			do(t, ctx, "on", chromedp.KeyEvent(kb.ArrowDown), chromedp.Evaluate(in, &now))
			if now == before {
				break
			}
		}
	}
	t.Fatalf("no key leads to the visit %s", id)
}
