package failpoint_test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/upright-clinic/upright/services/platform/failpoint"
)

// TestMain comes to a failpoint, and says so when it got past it, when this is a child.
func TestMain(m *testing.M) {
	if os.Getenv("FAILPOINT_TEST_CHILD") == "" {
		os.Exit(m.Run())
	}
	defer os.Stdout.WriteString(" deferred")
	failpoint.Hit("one.other")
	_, _ = os.Stdout.WriteString("before")
	failpoint.Hit("one.named")
	_, _ = os.Stdout.WriteString(" after")
}

// A named point ends the process as a power cut would; without a name, or with another one,
// nothing happens.
func TestKillsAtTheNamedPointOnly(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"one.named": "before", "": "before after deferred", "one.nam": "before after deferred"} {
		child := exec.CommandContext(t.Context(), os.Args[0]) //nolint:gosec // itself
		child.Env = append(os.Environ(), "FAILPOINT_TEST_CHILD=1", failpoint.Variable+"="+name)
		out, err := child.Output()
		if got := strings.TrimSpace(string(out)); got != want {
			t.Errorf("%q: printed %q, want %q", name, got, want)
		}
		var exit *exec.ExitError
		killed := errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
		if killed != (name == "one.named") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestArmedInTheProcess(t *testing.T) {
	t.Parallel()
	var hits atomic.Int64
	failpoint.Arm("armed.here", func() { hits.Add(1) })
	failpoint.Hit("armed.here")
	failpoint.Hit("armed.elsewhere")
	failpoint.Arm("armed.here", nil)
	failpoint.Hit("armed.here")
	if hits.Load() != 1 {
		t.Errorf("%d hits, want 1", hits.Load())
	}
}

// What every booking pays for being testable.
func BenchmarkHit(b *testing.B) {
	for b.Loop() {
		failpoint.Hit("bench.nobody_listens")
	}
}
