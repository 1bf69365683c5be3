package schedule

import (
	"testing"

	"pgregory.net/rapid"
)

// slotSet is what a bitmap means, told without words and shifts.
type slotSet map[Slot]bool

func drawBits(t *rapid.T, label string) (Bits, slotSet) {
	from := Slot(rapid.IntRange(-300, 300).Draw(t, label+" from"))
	b := NewBits(Span{from, from + Slot(rapid.IntRange(0, 400).Draw(t, label+" length"))})
	set := slotSet{}
	for range rapid.IntRange(0, 6).Draw(t, label+" runs") {
		at := from + Slot(rapid.IntRange(-20, 420).Draw(t, label+" at"))
		run := Span{at, at + Slot(rapid.IntRange(-2, 150).Draw(t, label+" run"))}
		on := rapid.Bool().Draw(t, label+" on")
		if on {
			b.Set(run)
		} else {
			b.Clear(run)
		}
		for s := max(run.From, b.Span().From); s < min(run.To, b.Span().To); s++ {
			set[s] = on
		}
	}
	return b, set
}

func compare(t *rapid.T, what string, got Bits, want func(Slot) bool) {
	t.Helper()
	n := 0
	for s := got.Span().From - 3; s < got.Span().To+3; s++ {
		w := want(s) && s >= got.Span().From && s < got.Span().To
		if got.Has(s) != w {
			t.Fatalf("%s: slot %d is %v, want %v", what, s, got.Has(s), w)
		}
		if w {
			n++
		}
	}
	if got.Count() != n {
		t.Fatalf("%s: Count is %d, want %d", what, got.Count(), n)
	}
	i := 0
	for s := range got.Slots() {
		if !want(s) {
			t.Fatalf("%s: Slots yields %d", what, s)
		}
		i++
	}
	if i != n {
		t.Fatalf("%s: Slots yields %d slots, want %d", what, i, n)
	}
}

// TestBits compares every operation with the same one on a set of slots.
func TestBits(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, as := drawBits(t, "a")
		b, bs := drawBits(t, "b")
		compare(t, "set", a, func(s Slot) bool { return as[s] })
		and, andNot, or := a.Clone(), a.Clone(), a.Clone()
		and.And(b)
		andNot.AndNot(b)
		or.Or(b)
		compare(t, "and", and, func(s Slot) bool { return as[s] && bs[s] })
		compare(t, "and not", andNot, func(s Slot) bool { return as[s] && !bs[s] })
		compare(t, "or", or, func(s Slot) bool { return as[s] || bs[s] })

		n := Slot(rapid.IntRange(0, 140).Draw(t, "n"))
		eroded, delayed := a.Clone(), a.Clone()
		eroded.Erode(n)
		delayed.Delay(n)
		compare(t, "erode", eroded, func(s Slot) bool {
			for i := range max(n, 1) {
				if !as[s+i] {
					return false
				}
			}
			return true
		})
		compare(t, "delay", delayed, func(s Slot) bool { return as[s-n] })

		probe := Span{a.Span().From + Slot(rapid.IntRange(-5, 300).Draw(t, "probe")), 0}
		probe.To = probe.From + Slot(rapid.IntRange(0, 90).Draw(t, "probe length"))
		all := true
		for s := probe.From; s < probe.To; s++ {
			all = all && as[s]
		}
		if a.All(probe) != all {
			t.Fatalf("All(%v) is %v, want %v", probe, !all, all)
		}
		next, ok := a.Next(probe.From)
		for s := max(probe.From, a.Span().From); s < a.Span().To; s++ {
			if as[s] {
				if !ok || next != s {
					t.Fatalf("Next(%d) is %d %v, want %d", probe.From, next, ok, s)
				}
				return
			}
		}
		if ok {
			t.Fatalf("Next(%d) is %d, want none", probe.From, next)
		}
	})
}

func TestSpanMinus(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		span := func(label string) Span {
			from := Slot(rapid.IntRange(0, 30).Draw(t, label))
			return Span{from, from + Slot(rapid.IntRange(0, 20).Draw(t, label+" length"))}
		}
		a, b := span("a"), span("b")
		in := func(s Span, x Slot) bool { return s.From <= x && x < s.To }
		overlap := false
		for x := Slot(0); x < 60; x++ {
			left := 0
			for _, part := range a.Minus(b) {
				if in(part, x) {
					left++
				}
			}
			want := 0
			if in(a, x) && !in(b, x) {
				want = 1
			}
			if left != want {
				t.Fatalf("%v minus %v covers slot %d %d times, want %d", a, b, x, left, want)
			}
			overlap = overlap || in(a, x) && in(b, x)
		}
		if a.Overlaps(b) != overlap || b.Overlaps(a) != overlap {
			t.Fatalf("%v overlaps %v: %v, want %v", a, b, a.Overlaps(b), overlap)
		}
	})
}
