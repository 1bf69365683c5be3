package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// install installs a package of Debian's as root, or says which command would.
func install(what, name string) error {
	command := "apt-get update && apt-get install -y --no-install-recommends " + name
	if os.Getuid() != 0 {
		return fmt.Errorf("%s is needed and not installed; run: sudo sh -c '%s'", what, command)
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("%s is needed and not installed, and this is not Debian; install it and put it on the PATH", what)
	}
	say("%s is not installed: installing Debian's package %s", what, name)
	for _, args := range [][]string{{"update", "-qq"}, {"install", "-y", "-qq", "--no-install-recommends", name}} {
		cmd := exec.Command("apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s could not be installed (%w); run: %s\n%s", what, err, command, tail(out))
		}
	}
	return nil
}

func tail(out []byte) string { return string(out[max(0, len(out)-2000):]) }

// findChromium gives the path of a browser that the tests can drive.
func findChromium() (string, error) {
	if path := os.Getenv(chromiumVariable); path != "" {
		say("Chromium is %s, as %s says", path, chromiumVariable)
		return path, nil
	}
	if path, err := lookChromium(); err == nil {
		say("Chromium is installed: %s", path)
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

// installPostgres installs the server, but lets Debian make no cluster of its own.
func installPostgres() error {
	if os.Getuid() == 0 {
		const dir = "/etc/postgresql-common/createcluster.d"
		if err := os.MkdirAll(dir, 0o755); err == nil {
			_ = os.WriteFile(filepath.Join(dir, "upright.conf"), []byte("create_main_cluster = false\n"), 0o644)
		}
	}
	name := "postgresql"
	if out, err := exec.Command("apt-cache", "search", "--names-only", "^postgresql-[0-9]+$").Output(); err == nil {
		if fields := strings.Fields(string(out)); len(fields) > 0 {
			name = fields[0]
		}
	}
	return install("PostgreSQL", name)
}
