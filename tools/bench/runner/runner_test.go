package runner

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/upright-clinic/upright/tools/bench/workload"
)

func TestRunIsBoundedInCountAndNumbersRequestsOnce(t *testing.T) {
	var mu sync.Mutex
	seen := map[int]int{}
	r := Run(context.Background(), "t", "op", Limits{Workers: 8, Duration: time.Minute, MaxOps: 100, Warmup: 10}, nil,
		func(_ context.Context, n int) error {
			mu.Lock()
			seen[n]++
			mu.Unlock()
			switch n % 4 {
			case 0:
				return workload.ErrTaken
			case 1:
				return errors.New("broken")
			}
			return nil
		})
	if r.OK+r.Taken+r.Errors != 100 || r.FirstError != "broken" {
		t.Errorf("%+v", r)
	}
	if len(seen) != 110 {
		t.Errorf("%d different numbers, want 110", len(seen))
	}
}

func TestRunIsBoundedInTime(t *testing.T) {
	start := time.Now()
	Run(context.Background(), "t", "op", Limits{Workers: 2, Duration: 50 * time.Millisecond, MaxOps: 1 << 30}, nil,
		func(context.Context, int) error { time.Sleep(time.Millisecond); return nil })
	if d := time.Since(start); d > time.Minute {
		t.Errorf("took %v", d)
	}
}

func TestQuantile(t *testing.T) {
	var ds []time.Duration
	for i := 1; i <= 100; i++ {
		ds = append(ds, time.Duration(i)*time.Millisecond)
	}
	for q, want := range map[float64]float64{.5: 50, .95: 95, .99: 99, 1: 100} {
		if got := quantile(ds, q); got != want {
			t.Errorf("quantile %v: %v, want %v", q, got, want)
		}
	}
	if quantile(nil, .5) != 0 {
		t.Error("quantile of nothing")
	}
}

func TestRaceCountsOutcomes(t *testing.T) {
	var once sync.Once
	r := Race(context.Background(), 64, func(context.Context, int) error {
		err := workload.ErrTaken
		once.Do(func() { err = nil })
		return err
	}, func(context.Context) (int, error) { return 1, nil })
	if r.OK != 1 || r.Taken != 63 || r.Errors != 0 || r.Left != 1 {
		t.Errorf("%+v", r)
	}
}
