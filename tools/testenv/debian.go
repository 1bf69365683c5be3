package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// install installs a package of Debian's as root, or says which one command would.
func install(what, name string) error {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("%s is needed and not installed, and this is not Debian: install it and put it on the PATH, or give its address in the environment", what)
	}
	command := "apt-get -o Acquire::Retries=5 update && DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=5 install -y --no-install-recommends " + name
	if os.Getuid() != 0 {
		return fmt.Errorf("%s is needed and not installed; run: sudo sh -c '%s'", what, command)
	}
	say("%s is needed and not installed: installing Debian's package %s", what, name)
	cmd := exec.Command("sh", "-c", command)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s could not be installed (%w): %s\nwhen that is mended, run: %s", what, err, tail(out), command)
	}
	return nil
}

func tail(out []byte) string { return string(out[max(0, len(out)-2000):]) }

// findChromium gives the browser that the tests can drive: a path, or whatever address the
// environment gives.
func findChromium() (string, error) {
	if path := os.Getenv(chromiumVariable); path != "" {
		if _, err := exec.LookPath(path); err != nil && !strings.Contains(path, "://") {
			return "", fmt.Errorf("%s names %s, which is no program", chromiumVariable, path)
		}
		say("Chromium is needed: taking %s, as %s says", path, chromiumVariable)
		return path, nil
	}
	if path, err := lookChromium(); err == nil {
		say("Chromium is needed: taking the installed %s", path)
		return path, nil
	}
	if err := install("Chromium", "chromium"); err != nil {
		return "", err
	}
	return lookChromium()
}

func lookChromium() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("no Chromium on the PATH")
}

// postgresBinaries gives the newest folder that has the server and its tools.
func postgresBinaries() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(strings.Split(path, "/")[4])
		return n
	}
	slices.SortFunc(found, func(a, b string) int { return version(a) - version(b) })
	if len(found) > 0 {
		return filepath.Dir(found[len(found)-1]), nil
	}
	path, err := exec.LookPath("initdb")
	if err != nil {
		return "", errors.New("no PostgreSQL server is installed")
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", err
	}
	return filepath.Dir(real), nil
}

// installPostgres installs the server and lets Debian make and start no cluster of its own.
func installPostgres() error {
	if os.Getuid() == 0 {
		const dir = "/etc/postgresql-common/createcluster.d"
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "upright.conf"), []byte("create_main_cluster = false\n"), 0o644); err != nil {
			return err
		}
	}
	return install("PostgreSQL", "postgresql") // depends on the release's version of it
}
