package triage

import (
	"encoding/json"
	"testing"
	"time"
)

func jsonUnmarshal(data []byte, v any) error { return json.Unmarshal(data, v) }

// BenchmarkEvaluate is one evaluation of a complete form: under a millisecond by the
// contract, about 40 µs in fact.
func BenchmarkEvaluate(b *testing.B) {
	set := shipped(b)
	all, _ := readVignettes(b)
	for b.Loop() {
		set.Evaluate(all[0].Answers)
	}
}

// BenchmarkLoad is the cost of a process start: reading, checking and compiling the form.
func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		if _, err := Load(uprightIntakeV1); err != nil {
			b.Fatal(err)
		}
	}
}

// The bound of the contract, with room for a busy machine.
func TestEvaluateTakesUnderAMillisecond(t *testing.T) {
	set := shipped(t)
	all, _ := readVignettes(t)
	best := time.Hour
	for range 20 {
		r := testing.Benchmark(func(b *testing.B) {
			for range b.N {
				set.Evaluate(all[0].Answers)
			}
		})
		best = min(best, time.Duration(r.NsPerOp()))
		if best < time.Millisecond {
			return
		}
	}
	t.Errorf("one evaluation takes %v", best)
}
