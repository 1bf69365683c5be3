package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/upright-clinic/upright/deploy/upright/internal/seed"
)

// built builds a program once for all tests that start it, and gives its path.
func built(t *testing.T, name string) string {
	t.Helper()
	dir, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	building.Lock()
	once := builds[name]
	if once == nil {
		once = sync.OnceValues(func() (string, error) {
			path := filepath.Join(dir, name)
			out, err := exec.Command("go", "build", "-o", path, packages[name]).CombinedOutput() //nolint:gosec,noctx // our own programs
			if err != nil {
				err = fmt.Errorf("build %s: %w\n%s", name, err, out)
			}
			return path, err
		})
		builds[name] = once
	}
	building.Unlock()
	path, err := once()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// packages of the programs.
var packages = map[string]string{
	"upright": ".", "directoryd": "../../services/directory/cmd/directoryd", "intaked": "../../services/intake/cmd/intaked",
	"plansd": "../../services/plans/cmd/plansd", "bookingd": "../../services/booking/cmd/bookingd", "gatewayd": "../../gateway/cmd/gatewayd",
}

var (
	building sync.Mutex
	builds   = map[string]func() (string, error){}
	binaries = sync.OnceValues(func() (string, error) { return os.MkdirTemp(os.Getenv("GOTMPDIR"), "upright-test-bin-") })
)

func TestMain(m *testing.M) {
	syscall.Umask(0o077) // keys that others may read are not taken, and tests copy some
	code := m.Run()
	stopBrowser()
	if dir, err := binaries(); err == nil || dir != "" {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// program is upright running as a user would start it.
type program struct {
	t    *testing.T
	cmd  *exec.Cmd
	log  *lockedBuffer
	gone chan struct{}
	readyLine
}

// readyLine is the one line that --json prints when the program serves.
type readyLine struct {
	Address     string    `json:"address"`
	GRPCAddress string    `json:"grpc_address"`
	Accounts    []account `json:"accounts"`
}

// startTimeout is generous: the suite runs everything at once on two cores.
const startTimeout = 2 * time.Minute

// start runs a built program and waits for its ready line. The program is killed when the
// test ends, and its log is shown if the test failed.
func start(t *testing.T, env []string, name string, args ...string) *program {
	t.Helper()
	p, line, err := spawn(t, env, name, args...)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(line, &p.readyLine); err != nil {
		t.Fatalf("%s said %q: %v", name, line, err)
	}
	return p
}

// spawn starts a program and waits for its first line on standard output.
func spawn(t *testing.T, env []string, name string, args ...string) (*program, []byte, error) {
	t.Helper()
	p := &program{t: t, cmd: exec.Command(built(t, name), args...), log: &lockedBuffer{}, gone: make(chan struct{})}
	p.cmd.Env = append(append(os.Environ(), "TMPDIR="+t.TempDir()), env...) // what a kill leaves goes with the test
	p.cmd.Stderr = p.log
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.kill()
		if log := p.log.tail(6000); t.Failed() && log != "" {
			t.Logf("%s %s:\n%s", name, strings.Join(args, " "), log)
		}
	})
	line := make(chan []byte, 1)
	go func() {
		b, _ := bufio.NewReader(out).ReadBytes('\n')
		line <- b
		_, _ = io.Copy(io.Discard, out)
		_ = p.cmd.Wait()
		close(p.gone)
	}()
	select {
	case b := <-line:
		if len(b) == 0 {
			<-p.gone
			return p, nil, fmt.Errorf("%s ended before it was ready:\n%s", name, p.log.tail(4000))
		}
		return p, b, nil
	case <-time.After(startTimeout):
		return p, nil, fmt.Errorf("%s was not ready in time:\n%s", name, p.log.tail(4000))
	}
}

// kill ends the program as a power cut would, and waits until it is gone.
func (p *program) kill() {
	_ = p.cmd.Process.Kill()
	<-p.gone
}

// stop ends the program as an operator would.
func (p *program) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.gone:
	case <-time.After(startTimeout):
		p.t.Error("the program did not stop when asked to")
		p.kill()
	}
}

// client talks JSON to a gateway as one account.
type client struct {
	t     *testing.T
	base  string
	token string
	http  *http.Client
}

// problem is an answer that says why not (RFC 9457).
type problem struct {
	Status   int               `json:"status"`
	Code     string            `json:"code"`
	Reason   string            `json:"reason"`
	Detail   string            `json:"detail"`
	Metadata map[string]string `json:"metadata"`
	// Violations name the fields that are wrong.
	Violations []struct {
		Field       string `json:"field"`
		Description string `json:"description"`
	} `json:"violations"`
}

func (p *problem) Error() string {
	return fmt.Sprintf("%d %s %s: %s", p.Status, p.Code, p.Reason, p.Detail)
}

// signIn gives a client with the account's token.
func signIn(t *testing.T, base string, a account) *client {
	t.Helper()
	c := &client{t: t, base: base, http: &http.Client{Timeout: startTimeout}}
	var session struct {
		Token string `json:"token"`
	}
	c.must(http.MethodPost, "/v1/sessions", m{"email": a.Email, "password": a.Password}, &session)
	c.token = session.Token
	return c
}

type m = map[string]any

// call sends one request; an answer other than 2xx is a *problem.
func (c *client) call(ctx context.Context, method, path string, in, out any) error {
	return c.callWith(ctx, http.Header{}, method, path, in, out)
}

func (c *client) callWith(ctx context.Context, header http.Header, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
		header.Set("Content-Type", "application/json")
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return err
	}
	req.Header = header
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode/100 != 2 {
		p := &problem{Status: res.StatusCode}
		if err := json.Unmarshal(b, p); err != nil {
			return fmt.Errorf("%s %s: %d %s", method, path, res.StatusCode, b)
		}
		return p
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(b, out)
}

// must is call for what has to work.
func (c *client) must(method, path string, in, out any) {
	c.t.Helper()
	if err := c.call(c.t.Context(), method, path, in, out); err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
}

// lockedBuffer is a program's log while it is being written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *lockedBuffer) tail(n int) string {
	s := l.String()
	return s[max(0, len(s)-n):]
}

// eventually asks until f says yes, for what other parts of the system do on their own
// time; it fails the test with what f said last.
func eventually(t *testing.T, what string, f func() (bool, string)) {
	t.Helper()
	deadline := time.After(startTimeout)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, said := f()
		if ok {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: still %s", what, said)
		}
	}
}

// account is a login.
type account = seed.Account
