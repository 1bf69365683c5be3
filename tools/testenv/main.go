// Command testenv gives a command what the tests need, and says what it did:
//
//	testenv --postgres --chromium -- go test work
//
// PostgreSQL and Chromium are taken from an address given in the environment
// (UPRIGHT_TEST_POSTGRES, UPRIGHT_TEST_CHROMIUM), else from what is installed, else, when it
// runs as root, installed from Debian's packages. When none of that is possible it ends with
// 1 and the one command to run: it never lets tests pass without what they need. A server
// that it started is stopped and removed with the command. Temporary files are kept in memory
// where there is plenty; TMPDIR says otherwise.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
)

// The environment variables that tests read.
const (
	postgresVariable = "UPRIGHT_TEST_POSTGRES"
	chromiumVariable = "UPRIGHT_TEST_CHROMIUM"
)

func main() {
	needs := flag.NewFlagSet("testenv", flag.ContinueOnError)
	postgres := needs.Bool("postgres", false, "the command needs PostgreSQL")
	chromium := needs.Bool("chromium", false, "the command needs Chromium")
	needs.Usage = func() {
		fmt.Fprintln(needs.Output(), "usage: testenv [--postgres] [--chromium] -- command arguments")
		needs.PrintDefaults()
	}
	if err := needs.Parse(os.Args[1:]); err != nil {
		os.Exit(2)
	}
	if needs.NArg() == 0 {
		needs.Usage()
		os.Exit(2)
	}
	// A server dies with the thread that started it (see dieWithUs): keep that one.
	runtime.LockOSThread()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	code, err := run(*postgres, *chromium, needs.Args(), signals)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testenv:", err)
	}
	os.Exit(code)
}

// run provides what is needed, runs the command, and gives its exit code: 128 and the
// signal's number when one ended it, as a shell does.
func run(postgres, chromium bool, command []string, signals <-chan os.Signal) (code int, err error) {
	env, remove, err := inMemory(os.Environ())
	if err != nil {
		return 1, err
	}
	defer remove()
	if chromium {
		path, err := findChromium()
		if err != nil {
			return 1, err
		}
		env = append(env, chromiumVariable+"="+path)
	}
	if postgres {
		address, stop, err := findPostgres()
		if err != nil {
			return 1, err
		}
		defer stop()
		env = append(env, postgresVariable+"="+address)
	}
	select {
	case s := <-signals:
		return 128 + int(s.(syscall.Signal)), errors.New("interrupted")
	default:
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	// A group of its own: a signal then reaches `go test` and the tests that it started
	// alike, once each, whether it came from a terminal or from kill.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return 1, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	// What the command leaves behind would hold on to the server that goes away.
	defer signalGroup(cmd, syscall.SIGKILL)
	return await(cmd, ended, signals)
}

// inMemory has the command keep its temporary files in memory, where there is room and nobody
// has said where they go. What Go builds stays where it was: some systems run no programs from
// there.
func inMemory(env []string) (changed []string, remove func(), err error) {
	base := memoryFolder()
	if base == "" || os.Getenv("TMPDIR") != "" {
		return env, func() {}, nil
	}
	dir, err := os.MkdirTemp(base, "upright-test-")
	if err != nil {
		return nil, nil, err
	}
	say("the tests' files are kept in memory, in %s", dir)
	if os.Getenv("GOTMPDIR") == "" {
		env = append(env, "GOTMPDIR="+os.TempDir())
	}
	return append(env, "TMPDIR="+dir), func() { _ = os.RemoveAll(dir) }, nil
}

// await passes signals on until the command ends; a second one ends it by force.
func await(cmd *exec.Cmd, ended <-chan error, signals <-chan os.Signal) (code int, err error) {
	for again := false; ; again = true {
		select {
		case s := <-signals:
			if again {
				s = syscall.SIGKILL
			}
			signalGroup(cmd, s.(syscall.Signal))
		case err := <-ended:
			return exitCode(err)
		}
	}
}

func exitCode(err error) (int, error) {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		if err != nil {
			return 1, err
		}
		return 0, nil
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return exit.ExitCode(), nil
}

func signalGroup(cmd *exec.Cmd, s syscall.Signal) { _ = syscall.Kill(-cmd.Process.Pid, s) }

// say tells what was needed and done, one line each.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, "testenv: "+format+"\n", args...) }
