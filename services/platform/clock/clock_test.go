package clock_test

import (
	"sync"
	"testing"
	"time"

	"github.com/upright-clinic/upright/services/platform/clock"
)

// What the clock says can be stored and read back without a difference: UTC, whole
// microseconds, no monotonic reading.
func TestSystemTellsWhatDatabasesKeep(t *testing.T) {
	t.Parallel()
	now := clock.System.Now()
	if back := time.UnixMicro(now.UnixMicro()).UTC(); now != back {
		t.Errorf("%v becomes %v", now, back)
	}
	if later := clock.System.Now(); later.Before(now) {
		t.Errorf("%v after %v", later, now)
	}
}

func TestFakeMovesOnlyWhenTold(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 29, 1, 59, 59, 123456789, time.FixedZone("", 3600))
	f := clock.NewFake(start)
	want := start.UTC().Truncate(time.Microsecond)
	for range 2 {
		if f.Now() != want {
			t.Errorf("stands at %v, want %v", f.Now(), want)
		}
	}
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() { f.Advance(time.Second) })
	}
	wg.Wait()
	if got := f.Now().Sub(want); got != 100*time.Second {
		t.Errorf("moved on by %v", got)
	}
	f.Set(start)
	if f.Now() != want {
		t.Errorf("set to %v", f.Now())
	}
}
