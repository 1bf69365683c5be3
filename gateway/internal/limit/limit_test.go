package limit

import (
	"fmt"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func TestTake(t *testing.T) {
	t.Parallel()
	type step struct {
		after time.Duration // since the step before
		key   string
		ok    bool
		retry time.Duration
	}
	for name, tc := range map[string]struct {
		rate  Rate
		steps []step
	}{
		"steady": {Rate{PerSecond: 2, Burst: 1}, []step{
			{0, "a", true, 0},
			{0, "a", false, 500 * time.Millisecond},
			{0, "b", true, 0},
			{499 * time.Millisecond, "a", false, time.Millisecond},
			{time.Millisecond, "a", true, 0},
		}},
		"burst, then steady": {Rate{PerSecond: 10, Burst: 3}, []step{
			{0, "a", true, 0},
			{0, "a", true, 0},
			{0, "a", true, 0},
			{0, "a", false, 100 * time.Millisecond},
			{100 * time.Millisecond, "a", true, 0},
			{0, "a", false, 100 * time.Millisecond},
			{time.Hour, "a", true, 0}, // the reserve does not grow above the burst
			{0, "a", true, 0},
			{0, "a", true, 0},
			{0, "a", false, 100 * time.Millisecond},
		}},
		"refusals cost nothing": {Rate{PerSecond: 1, Burst: 1}, []step{
			{0, "a", true, 0},
			{0, "a", false, time.Second},
			{0, "a", false, time.Second},
			{time.Second, "a", true, 0},
		}},
		"no limit": {Rate{}, []step{{0, "a", true, 0}, {0, "a", true, 0}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, now := NewBucket(tc.rate), noon
			for i, s := range tc.steps {
				now = now.Add(s.after)
				if ok, retry := b.Take(s.key, now); ok != s.ok || retry != s.retry {
					t.Errorf("step %d: Take = %v, %v; want %v, %v", i, ok, retry, s.ok, s.retry)
				}
			}
		})
	}
}

func TestNilBucketLimitsNothing(t *testing.T) {
	t.Parallel()
	var b *Bucket
	if ok, _ := b.Take("a", noon); !ok {
		t.Error("a missing bucket refuses")
	}
}

func TestFloodOfKeysIsBounded(t *testing.T) {
	t.Parallel()
	b := NewBucket(Rate{PerSecond: 0.001, Burst: 1})
	for i := range 2 * shards * maxKeys {
		b.Take(fmt.Sprint(i), noon)
		if i%1000 == 0 {
			b.Take(fmt.Sprint("late", i), noon.Add(-time.Hour))
		}
	}
	if n := b.size(); n > shards*maxKeys {
		t.Errorf("%d keys", n)
	}
	later := noon.Add(time.Hour)
	for i := range shards * sweepEvery * 2 {
		b.Take(fmt.Sprint("new", i), later.Add(time.Duration(i)*time.Hour))
	}
	if n := b.size(); n > 4*shards*sweepEvery {
		t.Errorf("%d keys remain after all of the old ones ran out", n)
	}
}
