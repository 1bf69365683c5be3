package main

import (
	"strings"
	"testing"
)

func TestExitCodeOfTheCommandIsOurs(t *testing.T) {
	t.Parallel()
	for want, command := range map[int][]string{0: {"true"}, 1: {"false"}, 7: {"sh", "-c", "exit 7"}} {
		if code, err := run(false, false, command); code != want || err != nil {
			t.Errorf("%v: %d, %v; want %d", command, code, err, want)
		}
	}
	if code, err := run(false, false, []string{"/there/is/none"}); code == 0 || err == nil {
		t.Errorf("a command that cannot start: %d, %v", code, err)
	}
}

func TestAddressFromTheEnvironmentWins(t *testing.T) {
	t.Setenv(postgresVariable, "postgres://elsewhere/x")
	t.Setenv(chromiumVariable, "/opt/browser")
	address, stop, err := findPostgres()
	if err != nil || address != "postgres://elsewhere/x" {
		t.Fatalf("%q, %v", address, err)
	}
	stop()
	if path, err := findChromium(); err != nil || path != "/opt/browser" {
		t.Errorf("%q, %v", path, err)
	}
}

func TestServerStartsAndLeavesNothing(t *testing.T) {
	bin, err := postgresBinaries()
	if err != nil {
		t.Fatal(err)
	}
	s := &postgres{bin: bin}
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(s.address(), "127.0.0.1") {
		t.Errorf("address %q is not on loopback", s.address())
	}
	dir := s.dir
	s.stop()
	if code, _ := run(false, false, []string{"test", "-e", dir}); code == 0 {
		t.Errorf("%s is still there", dir)
	}
}
