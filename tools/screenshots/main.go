// Command screenshots starts a demo clinic and takes the pictures of the README: the pages as
// each persona sees them, with JavaScript switched off where they need none. Each picture waits
// for a sign that only the page that is wanted gives, and fails when another page came.
//
//	screenshots -upright .bin/upright -chromium /usr/bin/chromium -out docs/screenshots
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// How long one picture may take on a slow and busy machine, and all of them.
const (
	patience = 30 * time.Second
	together = 10 * time.Minute
)

// ready is the line that the demo prints.
type ready struct {
	Address  string    `json:"address"`
	Accounts []account `json:"accounts"`
}

type account struct{ Role, Email, Password string }

// shot is one picture: who looks at what, on a screen of which size.
type shot struct {
	name, role, path string
	// follow are clicks on the way, each an XPath of what is not on the pages before.
	follow []string
	// there is an XPath that only the page that is wanted has.
	there         string
	width, height int64
	// scripts is true for the one page that needs JavaScript.
	scripts bool
}

func shots(monday string) []shot {
	return []shot{
		{name: "docs", path: "/docs", there: `//h1[.="Interface"]`, width: 1200, height: 800},
		// Before the form is begun, which would be on it.
		{name: "me", role: "patient", path: "/me", there: `//main//progress`, width: 390, height: 844},
		{name: "intake", role: "patient", path: "/intake", follow: []string{`//main//form[@action="/intake"]//button`}, there: `//p[starts-with(., "Step 1 of")]`, width: 390, height: 844},
		{name: "day", role: "reception", path: "/staff/day?date=" + monday, there: `//main//table//tbody/tr[10]`, width: 1200, height: 900},
		{name: "diary", role: "reception", path: "/diary/?date=" + monday, there: `(//*[contains(@class, "ec-event")])[10]`, width: 1200, height: 900, scripts: true},
		{name: "patient", role: "physio", path: "/staff/tasks", follow: []string{`//main//a[starts-with(@href, "/staff/patients/")]`}, there: `//main//h2[contains(., "Injections")]`, width: 1200, height: 1100},
	}
}

// workday is the next Monday, when the demo clinic's diary is half full.
func workday(t time.Time) string {
	days := (8 - int(t.Weekday())) % 7
	return t.AddDate(0, 0, max(days, 1)).Format(time.DateOnly)
}

func main() {
	program := flag.String("upright", ".bin/upright", "the program")
	browser := flag.String("chromium", "/usr/bin/chromium", "the browser")
	out := flag.String("out", "docs/screenshots", "folder for the pictures")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), together)
	defer cancel()
	if err := run(ctx, *program, *browser, *out); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, program, browser, out string) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	r, stop, err := startDemo(ctx, program)
	if err != nil {
		return err
	}
	defer stop()
	var errs []error
	for _, s := range shots(workday(time.Now())) {
		size, err := s.take(ctx, r, browser, out)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.name, err))
			continue
		}
		fmt.Printf("%s.png, %d kB\n", s.name, (size+1023)/1024)
	}
	return errors.Join(errs...)
}

// startDemo starts a demo clinic and says where it is, who may sign in, and how it ends.
func startDemo(ctx context.Context, program string) (r ready, stop func(), err error) {
	demo := exec.CommandContext(ctx, program, "demo", "--listen", "127.0.0.1:0", "--json", "--log-level", "warn")
	demo.Stderr = os.Stderr
	pipe, err := demo.StdoutPipe()
	if err != nil {
		return ready{}, nil, err
	}
	if err := demo.Start(); err != nil {
		return ready{}, nil, err
	}
	stop = func() {
		_ = demo.Process.Signal(syscall.SIGTERM)
		_ = demo.Wait()
	}
	line, err := bufio.NewReader(pipe).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &r)
	}
	if err != nil {
		stop()
		return ready{}, nil, fmt.Errorf("the demo did not start: %w", err)
	}
	return r, stop, nil
}

// take opens a browser of its own, signs in, goes to the page and photographs it.
func (s shot) take(ctx context.Context, r ready, browser, out string) (size int, err error) {
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(browser), chromedp.NoSandbox, chromedp.WSURLReadTimeout(patience),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("hide-scrollbars", true))
	ctx, stop := chromedp.NewExecAllocator(ctx, options...)
	defer stop()
	ctx, closeTab := chromedp.NewContext(ctx)
	defer closeTab()
	if err := chromedp.Run(ctx, chromedp.EmulateViewport(s.width, s.height), emulation.SetScriptExecutionDisabled(!s.scripts)); err != nil {
		return 0, err
	}
	if s.role != "" {
		who, err := r.account(s.role)
		if err != nil {
			return 0, err
		}
		if err := step(ctx, "sign in", chromedp.Navigate(r.Address+"/sign-in"),
			chromedp.SendKeys(`//input[@name="email"]`, who.Email), chromedp.SendKeys(`//input[@name="password"]`, who.Password+"\r"),
			chromedp.WaitNotPresent(`//input[@name="password"]`), chromedp.WaitVisible(`//form[@action="/sign-out"]`)); err != nil {
			return 0, err
		}
	}
	if err := step(ctx, s.path, chromedp.Navigate(r.Address+s.path)); err != nil {
		return 0, err
	}
	for _, link := range s.follow {
		if err := step(ctx, link, chromedp.Click(link)); err != nil {
			return 0, err
		}
	}
	var picture []byte
	if err := step(ctx, s.there, chromedp.WaitVisible(s.there), chromedp.CaptureScreenshot(&picture)); err != nil {
		return 0, err
	}
	if picture, err = compress(picture); err != nil {
		return 0, err
	}
	return len(picture), os.WriteFile(filepath.Join(out, s.name+".png"), picture, 0o644)
}

// step does one part of the way; when it fails it says which page came instead.
func step(ctx context.Context, what string, actions ...chromedp.Action) error {
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := chromedp.Run(bounded, actions...)
	if err == nil {
		return nil
	}
	var at, title string
	show, stop := context.WithTimeout(ctx, 5*time.Second)
	defer stop()
	_ = chromedp.Run(show, chromedp.Location(&at), chromedp.Title(&title))
	return fmt.Errorf("%s: %w, at %q (%s)", what, err, title, at)
}

// account is the demo's login of a role.
func (r ready) account(role string) (account, error) {
	for _, a := range r.Accounts {
		if a.Role == role {
			return a, nil
		}
	}
	return account{}, fmt.Errorf("the demo has no login for %q", role)
}
