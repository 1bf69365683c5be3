// Command testenv gives a command what the tests need, and says what it did:
//
//	testenv --postgres --chromium -- go test work
//
// PostgreSQL and Chromium are taken from an address given in the environment
// (UPRIGHT_TEST_POSTGRES, UPRIGHT_TEST_CHROMIUM), else from what is installed, else, when it
// runs as root, installed from Debian's packages. When none of that is possible it ends with
// 1 and the one command to run: it never lets tests pass without what they need. A server
// that it started is stopped and removed with the command.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

// The environment variables that tests read.
const (
	postgresVariable = "UPRIGHT_TEST_POSTGRES"
	chromiumVariable = "UPRIGHT_TEST_CHROMIUM"
)

func main() {
	postgres := flag.Bool("postgres", false, "the command needs PostgreSQL")
	chromium := flag.Bool("chromium", false, "the command needs Chromium")
	flag.Parse()
	if flag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "usage: testenv [--postgres] [--chromium] -- command arguments")
		os.Exit(2)
	}
	code, err := run(*postgres, *chromium, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "testenv:", err)
	}
	os.Exit(code)
}

// run provides what is needed, runs the command, and gives its exit code.
func run(postgres, chromium bool, command []string) (code int, err error) {
	var env []string
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
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	// The terminal's interrupt reaches the command as well; wait for it to end by itself.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if err := cmd.Start(); err != nil {
		return 1, err
	}
	go func() {
		for s := range signals {
			_ = cmd.Process.Signal(s)
		}
	}()
	err = cmd.Wait()
	signal.Stop(signals)
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return max(1, exit.ExitCode()), nil
	case err != nil:
		return 1, err
	}
	return 0, nil
}

// say tells what was needed and done, one line each.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, "testenv: "+format+"\n", args...) }
