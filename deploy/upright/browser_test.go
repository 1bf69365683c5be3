package main

import (
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// browser is the one that all tests share: each has a session of its own in it.
var browser struct {
	sync.Mutex
	ctx  context.Context
	stop func()
}

// sharedBrowser starts the browser for the first who asks, and again should it have ended.
func sharedBrowser(t *testing.T) context.Context {
	t.Helper()
	path := os.Getenv("UPRIGHT_TEST_CHROMIUM")
	if path == "" {
		t.Fatal("no browser for the test: run `make test`, or set UPRIGHT_TEST_CHROMIUM to the path of a Chromium")
	}
	browser.Lock()
	defer browser.Unlock()
	if browser.ctx != nil && browser.ctx.Err() == nil {
		return browser.ctx
	}
	stopBrowser()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.WSURLReadTimeout(startTimeout))
	process, stop := chromedp.NewExecAllocator(context.Background(), options...) // it outlives the test
	ctx, _ := chromedp.NewContext(process)
	if err := chromedp.Run(ctx); err != nil {
		stop()
		t.Fatal(err)
	}
	browser.ctx, browser.stop = ctx, stop
	return ctx
}

// stopBrowser ends the browser, if there was one, and waits for it.
func stopBrowser() {
	if browser.stop != nil {
		browser.stop()
	}
}

// browse gives a tab of a real browser, with JavaScript or without, that shares nothing with
// those of other tests.
func browse(t *testing.T, scripts bool, width, height int64) context.Context {
	t.Helper()
	shared := sharedBrowser(t)
	commands := cdp.WithExecutor(shared, chromedp.FromContext(shared).Browser)
	session, err := target.CreateBrowserContext().Do(commands)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = target.DisposeBrowserContext(session).Do(commands) })
	tab, err := target.CreateTarget("about:blank").WithBrowserContextID(session).WithNewWindow(true).Do(commands)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := chromedp.NewContext(shared, chromedp.WithTargetID(tab))
	t.Cleanup(stop)
	// Where pages do not glide, a click lands where the button was seen.
	still := emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: "reduce"}})
	if err := chromedp.Run(ctx, chromedp.EmulateViewport(width, height), still, emulation.SetScriptExecutionDisabled(!scripts)); err != nil {
		t.Fatal(err)
	}
	return context.WithValue(ctx, scripted{}, scripts)
}

// scripted is the key of whether the pages of a tab may run scripts.
type scripted struct{}

// do runs browser steps within the time that a loaded machine may need.
func do(t *testing.T, ctx context.Context, what string, actions ...chromedp.Action) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		var at, body string
		show, stop := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer stop()
		_ = chromedp.Run(show, chromedp.Location(&at), chromedp.Text("body", &body, chromedp.ByQuery))
		t.Fatalf("%s: %v\nat %s\n%s", what, err, at, body)
	}
}

// follow does what leads to another page, and waits until that has come: what the tests look
// for next may be on the page before it too.
func follow(action chromedp.Action) chromedp.Action {
	return chromedp.ActionFunc(func(ctx context.Context) error {
		_, err := chromedp.RunResponse(ctx, action)
		return err
	})
}

func signInPage(base string, a account) chromedp.Tasks {
	return chromedp.Tasks{
		chromedp.Navigate(base + "/sign-in"), chromedp.WaitVisible(`input[name="password"]`, chromedp.ByQuery),
		chromedp.SendKeys(`input[name="email"]`, a.Email, chromedp.ByQuery), follow(chromedp.SendKeys(`input[name="password"]`, a.Password+"\r", chromedp.ByQuery)),
		chromedp.WaitNotPresent(`input[name="password"]`, chromedp.ByQuery), chromedp.WaitVisible("h1", chromedp.ByQuery),
	}
}

func login(t *testing.T, p *program, role string) account {
	t.Helper()
	for _, a := range p.Accounts {
		if a.Role == role {
			return a
		}
	}
	t.Fatalf("the demo has no %s", role)
	return account{}
}

// TestPagesInABrowser starts the demo as a newcomer would and uses it in a real browser: the
// patient's and the staff's pages with JavaScript switched off, the diary with it.
func TestPagesInABrowser(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "upright", "demo", "--scale", "small", "--time-zone", site.String(), "--listen", "127.0.0.1:0", "--json", "--log-level", "warn")
	t.Run("reception sees the day and an appointment", func(t *testing.T) {
		ctx := browse(t, false, 1200, 900)
		var body string
		do(t, ctx, "sign in", signInPage(p.Address, login(t, p, "reception")))
		do(t, ctx, "the day", chromedp.Navigate(p.Address+"/staff/day?date="+demoDay()), chromedp.WaitVisible(`main a[href^="/staff/appointments/"]`, chromedp.ByQuery),
			follow(chromedp.Click(`main a[href^="/staff/appointments/"]`, chromedp.ByQuery)), chromedp.WaitVisible("h1", chromedp.ByQuery), chromedp.Text("main", &body, chromedp.ByQuery))
		if !strings.Contains(body, "Cancel") {
			t.Errorf("the appointment's page offers no way to cancel:\n%s", body)
		}
	})
	t.Run("the clinician sees why somebody is urgent", func(t *testing.T) {
		ctx := browse(t, false, 1200, 900)
		var body string
		do(t, ctx, "sign in", signInPage(p.Address, login(t, p, "physio")))
		do(t, ctx, "a task's patient", chromedp.Navigate(p.Address+"/staff/tasks"), chromedp.WaitVisible(`main a[href^="/staff/patients/"]`, chromedp.ByQuery),
			follow(chromedp.Click(`main a[href^="/staff/patients/"]`, chromedp.ByQuery)), chromedp.WaitVisible("h2", chromedp.ByQuery), chromedp.Text("main", &body, chromedp.ByQuery))
		for _, want := range []string{"U01", "Injections", "Assign a plan"} {
			if !strings.Contains(body, want) {
				t.Errorf("the patient's page does not say %q:\n%s", want, body)
			}
		}
	})
	t.Run("nobody signed in sees no patient", func(t *testing.T) {
		ctx := browse(t, false, 1200, 900)
		var at string
		do(t, ctx, "the day", chromedp.Navigate(p.Address+"/staff/day"), chromedp.WaitVisible("h1", chromedp.ByQuery), chromedp.Location(&at))
		if !strings.Contains(at, "/sign-in") {
			t.Errorf("a stranger is at %s", at)
		}
	})
	// Last: it raises a task that would come before the urgent one above.
	t.Run("an emergency answer stops the form", func(t *testing.T) {
		ctx := browse(t, false, 360, 740)
		var at, body string
		const chest = `//main//label[contains(., "chest")]`
		do(t, ctx, "sign in", signInPage(p.Address, login(t, p, "patient")))
		do(t, ctx, "begin a form", chromedp.Navigate(p.Address+"/intake"), chromedp.WaitVisible("h1", chromedp.ByQuery),
			follow(chromedp.Click(`main form[action="/intake"] button`, chromedp.ByQuery)), chromedp.WaitVisible(chest))
		do(t, ctx, "tick chest pain", chromedp.Click(chest), follow(chromedp.Click(`//main//button[contains(., "Continue")]`)),
			chromedp.WaitVisible("h1", chromedp.ByQuery), chromedp.Location(&at), chromedp.Text("main", &body, chromedp.ByQuery))
		if !strings.Contains(at, "/stop") || !strings.Contains(body, "999") {
			t.Errorf("after chest pain the patient is at %s and reads:\n%s", at, body)
		}
	})
}
