// Command screenshots starts a demo clinic and takes the pictures of the README: the pages as
// each persona sees them, with JavaScript switched off.
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

// ready is the line that the demo prints.
type ready struct {
	Address  string `json:"address"`
	Accounts []struct{ Role, Email, Password string }
}

// shot is one picture: who looks at what, on a screen of which size. follow is a link to
// click first, "" for none.
type shot struct {
	name, role, path, follow string
	width, height            int64
}

var shots = []shot{
	{"docs", "", "/docs", "", 1200, 800},
	{"clinic", "", "/c/demo", "", 390, 844},
	{"intake", "patient", "/me", "a[href*='intake']", 390, 844},
	{"day", "reception", "/staff/day?date=" + workday(time.Now()), "", 1200, 900},
	{"patient", "physio", "/staff/tasks", "a[href*='/staff/patients/']", 1200, 1100},
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
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if err := run(ctx, *program, *browser, *out); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, program, browser, out string) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	demo := exec.CommandContext(ctx, program, "demo", "--listen", "127.0.0.1:0", "--json", "--log-level", "warn")
	demo.Stderr = os.Stderr
	pipe, err := demo.StdoutPipe()
	if err != nil {
		return err
	}
	if err := demo.Start(); err != nil {
		return err
	}
	defer func() {
		_ = demo.Process.Signal(syscall.SIGTERM)
		_ = demo.Wait()
	}()
	line, err := bufio.NewReader(pipe).ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("the demo did not start: %w", err)
	}
	var r ready
	if err := json.Unmarshal(line, &r); err != nil {
		return err
	}
	var errs []error
	for _, s := range shots {
		if err := s.take(ctx, r, browser, out); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.name, err))
		}
	}
	return errors.Join(errs...)
}

// take opens a browser of its own, signs in, goes to the page and photographs it.
func (s shot) take(ctx context.Context, r ready, browser, out string) error {
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(browser), chromedp.NoSandbox,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	ctx, stop := chromedp.NewExecAllocator(ctx, options...)
	defer stop()
	ctx, stopTab := chromedp.NewContext(ctx)
	defer stopTab()
	actions := []chromedp.Action{
		chromedp.EmulateViewport(s.width, s.height), emulation.SetScriptExecutionDisabled(true),
	}
	for _, a := range r.Accounts {
		if a.Role == s.role {
			actions = append(actions, chromedp.Navigate(r.Address+"/sign-in"),
				chromedp.SendKeys(`input[name="email"]`, a.Email, chromedp.ByQuery),
				chromedp.SendKeys(`input[name="password"]`, a.Password, chromedp.ByQuery),
				chromedp.Submit(`input[name="password"]`, chromedp.ByQuery), chromedp.WaitVisible("h1", chromedp.ByQuery))
		}
	}
	actions = append(actions, chromedp.Navigate(r.Address+s.path), chromedp.WaitVisible("h1", chromedp.ByQuery))
	if s.follow != "" {
		actions = append(actions, chromedp.Click(s.follow, chromedp.ByQuery), chromedp.WaitVisible("h1", chromedp.ByQuery))
	}
	var picture []byte
	actions = append(actions, chromedp.CaptureScreenshot(&picture))
	if err := chromedp.Run(ctx, actions...); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, s.name+".png"), picture, 0o644)
}
