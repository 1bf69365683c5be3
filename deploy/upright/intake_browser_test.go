package main

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// figures are what a form costs the person who fills it in.
type figures struct{ screens, taps, words, bytes int }

var (
	markup     = regexp.MustCompile(`(?s)<head>.*?</head>|<footer.*?</footer>|<select.*?</select>|<svg.*?</svg>|<[^>]*>`)
	whitespace = regexp.MustCompile(`\s+`)
)

// read counts a screen that is open.
func (f *figures) read(page string) {
	f.screens++
	f.bytes = max(f.bytes, len(page))
	f.words += len(strings.Fields(whitespace.ReplaceAllString(markup.ReplaceAllString(page, " "), " ")))
}

// TestFormOnAPhoneWithoutScripts fills the whole form in at 360 pixels with JavaScript off,
// by tapping, as the patient who opened a link on a second device, and reports what it costs.
func TestFormOnAPhoneWithoutScripts(t *testing.T) {
	t.Parallel()
	clinic := invent(t)
	p, one := clinic.serve(t), clinic.forms[0]
	ctx := browse(t, false, 360, 740)
	answers := usualAnswers(t)
	began := time.Now()
	do(t, ctx, "a slow network", emulation.SetCPUThrottlingRate(6),
		network.EmulateNetworkConditions(false, 400, 50_000, 50_000))
	do(t, ctx, "the link", chromedp.Navigate(p.Address+one.link), chromedp.WaitVisible(`input[name="family_name"]`, chromedp.ByQuery))
	first := time.Since(began)
	do(t, ctx, "a usual network", emulation.SetCPUThrottlingRate(1), network.EmulateNetworkConditions(false, 0, -1, -1))
	var at string
	do(t, ctx, "who it is", chromedp.SendKeys(`input[name="family_name"]`, one.family, chromedp.ByQuery), chromedp.SendKeys(`input[name="birth_date_day"]`, "27", chromedp.ByQuery),
		chromedp.SendKeys(`input[name="birth_date_month"]`, "3", chromedp.ByQuery), chromedp.SendKeys(`input[name="birth_date_year"]`, "1985\r", chromedp.ByQuery),
		chromedp.WaitVisible(`form[action^="/intake/"]`, chromedp.ByQuery), chromedp.Location(&at))
	if strings.Contains(at, strings.TrimPrefix(one.link, "/f/")) {
		t.Error("the secret of the link is in the address")
	}
	f := figures{}
	for range 40 {
		var page string
		do(t, ctx, "the page", chromedp.OuterHTML("html", &page, chromedp.ByQuery), chromedp.Location(&at))
		f.read(page)
		if strings.HasSuffix(at, "/result") {
			break
		}
		taps := tapPage(t, ctx, page, answers)
		f.taps += taps
	}
	if !strings.HasSuffix(at, "/result") {
		t.Fatalf("the form ended at %s", at)
	}
	t.Logf("%d screens, %d taps, %d words, largest page %d bytes before compression; first answer possible after %s at 400 kbit/s, 400 ms and 6 times less CPU",
		f.screens, f.taps, f.words, f.bytes, first.Round(10*time.Millisecond))
	if f.screens > 28 || f.bytes > 25_000 {
		t.Errorf("%+v: more than the goals of 28 screens and 25 KB a page", f)
	}
}

// tapPage answers the page that is open by tapping, and returns how many taps it took.
func tapPage(t *testing.T, ctx context.Context, page string, answers m) (taps int) {
	t.Helper()
	action, form := fill(page, answers)
	if action == "" { // the check leads to the consent by a button
		tap(t, ctx, `main a.button`)
		return 1
	}
	for _, name := range sortedNames(form) {
		for _, v := range form[name] {
			field := fmt.Sprintf(`main [name=%q]`, name)
			switch {
			case name == "typed_name" || !strings.Contains(page, fmt.Sprintf(`name=%q value=%q`, name, v)) && strings.Contains(page, fmt.Sprintf(`type="text" inputmode="numeric" class="short" id=%q`, name)):
				do(t, ctx, name, chromedp.SendKeys(field, v, chromedp.ByQuery))
			case strings.HasPrefix(name, "p."):
				do(t, ctx, name, chromedp.SendKeys(field, v, chromedp.ByQuery))
			case strings.Contains(page, fmt.Sprintf(`type="hidden" name=%q`, name)):
				continue
			default:
				do(t, ctx, name+" "+v, chromedp.Click(fmt.Sprintf(`%s[value=%q]`, field, v), chromedp.ByQuery))
			}
			taps++
		}
	}
	tap(t, ctx, fmt.Sprintf(`main form[action=%q] > button`, action))
	return taps + 1
}

// sortedNames are the fields in an order in which a place is ticked before its pain is given.
func sortedNames(form map[string][]string) (names []string) {
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// tap taps something and waits for the next page.
func tap(t *testing.T, ctx context.Context, selector string) {
	t.Helper()
	wait, stop := context.WithTimeout(ctx, startTimeout)
	defer stop()
	if _, err := chromedp.RunResponse(wait, chromedp.Click(selector, chromedp.ByQuery)); err != nil {
		t.Fatalf("tap %s: %v", selector, err)
	}
}

// TestFormInArabicByKeyboardAlone fills the whole form in from right to left without a
// mouse; axe finds nothing serious on any of its pages, and none is wider than a phone.
func TestFormInArabicByKeyboardAlone(t *testing.T) {
	t.Parallel()
	clinic := invent(t)
	p, one := clinic.serve(t), clinic.forms[0]
	doctor := signIn(t, p.Address, login(t, p, "physio"))
	for _, language := range []string{"ar", "es", "hi"} {
		doctor.must(http.MethodPost, "/v1/questionnaires/upright-intake/versions/1/languages/"+language+":approve", m{"note": "read by a test"}, nil)
	}
	ctx := browse(t, true, 360, 740)
	do(t, ctx, "a browser in Arabic", emulation.SetUserAgentOverride("test").WithAcceptLanguage("ar-EG,ar"),
		chromedp.Navigate(p.Address+one.link), chromedp.WaitVisible(`input[name="family_name"]`, chromedp.ByQuery))
	accessible(t, ctx, "intake in Arabic, who it is")
	do(t, ctx, "who it is", chromedp.Focus(`input[name="family_name"]`, chromedp.ByQuery), chromedp.KeyEvent(one.family+kb.Tab+"27"+kb.Tab+"3"+kb.Tab+"1985"+kb.Enter),
		chromedp.WaitVisible(`form[action^="/intake/"]`, chromedp.ByQuery))
	answers := usualAnswers(t)
	at := ""
	for n := range 40 {
		var lang, dir string
		do(t, ctx, "the page", chromedp.Location(&at), chromedp.Evaluate(`document.documentElement.lang`, &lang), chromedp.Evaluate(`document.documentElement.dir`, &dir))
		if lang != "ar" || dir != "rtl" {
			t.Errorf("%s is in %s %s", at, lang, dir)
		}
		accessible(t, ctx, fmt.Sprintf("intake in Arabic %d", n))
		if strings.HasSuffix(at, "/result") {
			return
		}
		if strings.HasSuffix(at, "/page/where") {
			bodyMap(t, ctx)
		}
		typePage(t, ctx, answers)
	}
	t.Fatalf("the form ended at %s", at)
}

// bodyMap marks places on the picture, and three places with their pain in 12 keys; then it
// opens the page anew.
func bodyMap(t *testing.T, ctx context.Context) {
	t.Helper()
	const state = `[...document.querySelectorAll("input[name=m]:checked")].map(e => { const p = document.getElementsByName("p." + e.value)[0]; return e.value + "=" + (p ? p.value : ""); }).join(" ")`
	var tapped, untapped, typed string
	const spot = ".body:nth-child(2) .spot.row-low_back.col-left"
	do(t, ctx, "the picture", chromedp.Click(spot, chromedp.ByQuery), chromedp.Evaluate(state, &tapped),
		chromedp.Click(spot, chromedp.ByQuery), chromedp.Evaluate(state, &untapped))
	if tapped != "low_back:left=" || untapped != "" {
		t.Errorf("a tap on the low back, left, marks %q; another leaves %q", tapped, untapped)
	}
	keys := []string{kb.Tab, " ", kb.Tab, "7", kb.Tab, " ", kb.Tab, "5", kb.Tab, " ", kb.Tab, "3"}
	do(t, ctx, "before the list", chromedp.Evaluate(`document.activeElement.blur(); document.getElementById("m-hint").tabIndex = -1; document.getElementById("m-hint").focus()`, nil))
	for _, key := range keys {
		do(t, ctx, "a key", chromedp.KeyEvent(key))
	}
	do(t, ctx, "what is marked", chromedp.Evaluate(state, &typed), chromedp.Reload(), chromedp.WaitVisible(`input[name="m"]`, chromedp.ByQuery))
	if want := "neck:left=7 neck:middle=5 neck:right=3"; typed != want {
		t.Errorf("%d keys mark %q, want %q", len(keys), typed, want)
	}
}

// focused says what has the focus.
const focused = `(() => { const e = document.activeElement; return {Tag: e.tagName, Name: e.name || "", Value: e.value || "", Type: e.type || "", Checked: !!e.checked, Main: !!e.closest("main"), Form: (e.form || {}).action || ""}; })()`

// control is the element that has the focus.
type control struct {
	Tag, Name, Value, Type, Form string
	Checked, Main                bool
}

// typePage answers the page that is open with keys alone: Tab to go on, Space to tick, arrows
// to choose, Enter to send.
func typePage(t *testing.T, ctx context.Context, answers m) {
	t.Helper()
	var page, before, at string
	do(t, ctx, "the page", chromedp.OuterHTML("html", &page, chromedp.ByQuery), chromedp.Location(&before), chromedp.Evaluate(`document.activeElement.blur()`, nil))
	action, form := fill(page, answers)
	done := map[string]bool{}
	for range 120 {
		var c control
		do(t, ctx, "Tab", chromedp.KeyEvent(kb.Tab), chromedp.Evaluate(focused, &c))
		want := form[c.Name]
		switch {
		case !c.Main:
		case action == "" && c.Tag == "A" || c.Tag == "BUTTON" && c.Name == "" && strings.HasSuffix(c.Form, action) && action != "":
			if c.Tag == "A" && !strings.Contains(page, `href="/intake/`) {
				continue
			}
			if c.Tag == "A" { // the button, not the links that change an answer
				var button bool
				do(t, ctx, "the link", chromedp.Evaluate(`document.activeElement.classList.contains("button")`, &button))
				if !button {
					continue
				}
			}
			wait, stop := context.WithTimeout(ctx, startTimeout)
			defer stop()
			if _, err := chromedp.RunResponse(wait, chromedp.KeyEvent(kb.Enter)); err != nil {
				do(t, ctx, "where", chromedp.Location(&at))
				t.Fatalf("Enter at %s: %v", before, err)
			}
			return
		case c.Type == "checkbox" && slices.Contains(want, c.Value) && !c.Checked:
			do(t, ctx, "Space", chromedp.KeyEvent(" "))
		case c.Type == "radio" && len(want) == 1 && !done[c.Name]:
			done[c.Name] = true
			do(t, ctx, "Space", chromedp.KeyEvent(" "))
			for range 12 {
				do(t, ctx, "which", chromedp.Evaluate(focused, &c))
				if c.Value == want[0] {
					break
				}
				do(t, ctx, "arrow", chromedp.KeyEvent(kb.ArrowDown))
			}
		case (c.Type == "text" || c.Type == "select-one") && len(want) == 1 && !done[c.Name]:
			done[c.Name] = true
			do(t, ctx, "text", chromedp.KeyEvent(want[0]))
		}
	}
	t.Fatalf("Tab does not reach the end of %s:\n%s", before, page)
}
