package main

import (
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// programVariable makes this test binary be the program.
const programVariable = "TESTENV_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(programVariable) != "" {
		os.Args = append(os.Args[:1], strings.Fields(os.Getenv(programVariable))...)
		main()
	}
	os.Exit(m.Run())
}

// program is a testenv with the arguments, as a process of its own.
func program(t *testing.T, arguments string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), programVariable+"="+arguments, postgresVariable+"=", "TMPDIR="+shortTempDir(t))
	cmd.Stderr = os.Stderr
	return cmd
}

// shortTempDir is a folder whose name leaves room for a socket's, and that the server's user
// can enter.
func shortTempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "te")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// script writes a shell script whose folder the test can use.
func script(t *testing.T, text string) (path, dir string) {
	t.Helper()
	dir = t.TempDir()
	path = filepath.Join(dir, "script")
	if err := os.WriteFile(path, []byte("#!/bin/sh\ncd "+dir+"\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	return path, dir
}

// eventually waits until the condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	tick, end := time.NewTicker(10*time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("%s: not within 30 s", what)
		}
	}
}

func content(path string) string {
	b, _ := os.ReadFile(path)
	return strings.TrimSpace(string(b))
}

func alive(pid string) bool {
	n, err := strconv.Atoi(pid)
	if err != nil || syscall.Kill(n, 0) != nil {
		return false
	}
	stat := content("/proc/" + pid + "/stat") // a child that nobody waited for is not alive
	return runtime.GOOS != "linux" || !strings.Contains(stat, ") Z ")
}

func listening(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	conn, err := net.DialTimeout("tcp", u.Host, time.Second)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

func TestExitCodeOfTheCommandIsOurs(t *testing.T) {
	t.Parallel()
	for want, command := range map[int][]string{0: {"true"}, 1: {"false"}, 7: {"sh", "-c", "exit 7"}, 128 + 9: {"sh", "-c", "kill -9 $$"}} {
		if code, err := run(false, false, command, nil); code != want || err != nil {
			t.Errorf("%v: %d, %v; want %d", command, code, err, want)
		}
	}
	if code, err := run(false, false, []string{"/there/is/none"}, nil); code == 0 || err == nil {
		t.Errorf("a command that cannot start: %d, %v", code, err)
	}
}

// A signal reaches the command and what it started; it may end in its own way, and nothing
// of it is left.
func TestSignalsReachTheCommand(t *testing.T) {
	t.Parallel()
	path, dir := script(t, "sleep 300 &\necho $! > child\ntrap 'exit 9' TERM\necho yes > ready\nwait\n")
	signals := make(chan os.Signal, 1)
	go func() {
		eventually(t, "the command starts", func() bool { return content(dir+"/ready") == "yes" })
		signals <- syscall.SIGTERM
	}()
	if code, err := run(false, false, []string{path}, signals); code != 9 || err != nil {
		t.Errorf("%d, %v; want 9", code, err)
	}
	eventually(t, "the command's child ends", func() bool { return !alive(content(dir + "/child")) })
}

func TestSecondSignalEndsAStubbornCommand(t *testing.T) {
	t.Parallel()
	path, dir := script(t, "trap '' TERM INT\necho yes > ready\nwhile :; do sleep 1; done\n")
	signals := make(chan os.Signal, 2)
	go func() {
		eventually(t, "the command starts", func() bool { return content(dir+"/ready") == "yes" })
		signals <- syscall.SIGINT
		signals <- syscall.SIGINT
	}()
	if code, _ := run(false, false, []string{path}, signals); code != 128+9 {
		t.Errorf("%d; want %d", code, 128+9)
	}
}

// A server is there while the command runs, and neither it nor its files afterwards: not
// when the command ends, not when it is interrupted.
func TestServerComesAndGoes(t *testing.T) {
	t.Parallel()
	for name, interrupted := range map[string]bool{"ended": false, "interrupted": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path, dir := script(t, "echo $UPRIGHT_TEST_POSTGRES > address\nwhile [ ! -e go ]; do sleep 0.1; done\n")
			cmd := program(t, "--postgres -- "+path)
			tmp := strings.TrimPrefix(cmd.Env[len(cmd.Env)-1], "TMPDIR=")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the server starts", func() bool { return listening(content(dir + "/address")) })
			if interrupted {
				_ = cmd.Process.Signal(os.Interrupt)
			} else if err := os.WriteFile(dir+"/go", nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); (err != nil) != interrupted {
				t.Errorf("testenv: %v", err)
			}
			if listening(content(dir + "/address")) {
				t.Error("the server is still there")
			}
			if left, _ := filepath.Glob(tmp + "/*"); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// Even a testenv that is killed takes its server with it.
func TestServerDiesWithUs(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Log("only Linux can do that")
		return
	}
	path, dir := script(t, "echo $$ > pid\necho $UPRIGHT_TEST_POSTGRES > address\nsleep 300\n")
	cmd := program(t, "--postgres -- "+path)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server starts", func() bool { return listening(content(dir + "/address")) })
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	eventually(t, "the server ends", func() bool { return !listening(content(dir + "/address")) })
	if pid, err := strconv.Atoi(content(dir + "/pid")); err == nil {
		_ = syscall.Kill(-pid, syscall.SIGKILL) // nobody is left to do it
	}
}

func TestAddressFromTheEnvironmentWins(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	given := "postgres://" + l.Addr().String() + "/x"
	t.Setenv(postgresVariable, given)
	t.Setenv(chromiumVariable, "/bin/sh")
	address, stop, err := findPostgres()
	if err != nil || address != given {
		t.Fatalf("%q, %v", address, err)
	}
	stop()
	if path, err := findChromium(); err != nil || path != "/bin/sh" {
		t.Errorf("%q, %v", path, err)
	}
	_ = l.Close()
	if _, _, err := findPostgres(); err == nil || !strings.Contains(err.Error(), postgresVariable) {
		t.Errorf("an address where nobody listens: %v", err)
	}
	t.Setenv(chromiumVariable, "/there/is/none")
	if _, err := findChromium(); err == nil || !strings.Contains(err.Error(), chromiumVariable) {
		t.Errorf("a browser that is not there: %v", err)
	}
}

// What is missing is installed, as root, with one command that is also what a person would
// be told to run.
func TestInstallRunsOneCommandOrNamesIt(t *testing.T) {
	apt, dir := script(t, `echo "$DEBIAN_FRONTEND $@" >> log; [ ! -e broken ]`+"\n")
	if err := os.Rename(apt, dir+"/apt-get"); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":/bin:/usr/bin")
	t.Setenv("DEBIAN_FRONTEND", "")
	const command = "apt-get -o Acquire::Retries=5 update && DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=5 install -y --no-install-recommends some-package"
	err := install("Something", "some-package")
	if os.Getuid() != 0 {
		if err == nil || !strings.Contains(err.Error(), "sudo sh -c '"+command+"'") {
			t.Errorf("as a plain user: %v", err)
		}
		return
	}
	if want := "-o Acquire::Retries=5 update\nnoninteractive -o Acquire::Retries=5 install -y --no-install-recommends some-package"; err != nil || content(dir+"/log") != want {
		t.Errorf("%v; ran %q, want %q", err, content(dir+"/log"), want)
	}
	if err := os.WriteFile(dir+"/broken", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := install("Something", "some-package"); err == nil || !strings.Contains(err.Error(), command) {
		t.Errorf("an installation that fails: %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	if err := install("Something", "some-package"); err == nil || !strings.Contains(err.Error(), "not Debian") {
		t.Errorf("without apt-get: %v", err)
	}
}
