package schedule

import (
	"testing"

	"pgregory.net/rapid"
)

// most is the largest number of visits of the length that fit, tried out one by one.
func most(starts []Slot, length Slot) int {
	best := 0
	for i, s := range starts {
		var rest []Slot
		for _, o := range starts[i+1:] {
			if o >= s+length {
				rest = append(rest, o)
			}
		}
		best = max(best, 1+most(rest, length))
	}
	return best
}

// TestPack: an hour and three quarters hold three sessions of half an hour. A start costs one
// exactly when only two are left with it.
func TestPack(t *testing.T) {
	t.Parallel()
	free, starts := NewBits(Span{0, 64}), NewBits(Span{0, 64})
	free.Set(Span{0, 21})
	for s := Slot(0); s <= 15; s++ { // every five minutes
		starts.Set(Span{s, s + 1})
	}
	costly := Pack(starts, free, Span{0, 6})
	for s, want := range map[Slot]bool{0: false, 3: false, 4: true, 5: true, 6: false, 9: false, 10: true, 12: false, 15: false} {
		if costly.Has(s) != want {
			t.Errorf("a start after %d minutes costs a session: %v, want %v", int(s)*5, !want, want)
		}
	}
}

// TestPackAgainstBruteForce draws diaries: a start is costly exactly when trying out says so,
// each run keeps one that is not, and packing never leaves a run with nothing.
func TestPackAgainstBruteForce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		cover := Span{0, 64}
		free, starts := NewBits(cover), NewBits(cover)
		part := Span{-Slot(rapid.IntRange(0, 1).Draw(t, "before")), Slot(rapid.IntRange(2, 5).Draw(t, "length"))}
		step := Slot(rapid.IntRange(1, 3).Draw(t, "step"))
		for from := Slot(2); from < 40; {
			to := from + Slot(rapid.IntRange(2, 14).Draw(t, "run"))
			free.Set(Span{from, to})
			for s := from; s+part.To <= to; s++ {
				if s%step == 0 && s+part.From >= from && rapid.IntRange(0, 4).Draw(t, "has") > 0 {
					starts.Set(Span{s, s + 1})
				}
			}
			from = to + Slot(rapid.IntRange(1, 4).Draw(t, "busy"))
		}
		costly := Pack(starts, free, part)
		length := part.To - part.From
		for from := Slot(0); from < 64; from++ {
			if !free.Has(from) || free.Has(from-1) {
				continue
			}
			end := freeUntil(free, from)
			var run []Slot
			for s := range starts.Slots() {
				if s+part.From >= from && s+part.From < end {
					run = append(run, s)
				}
			}
			all, kept := most(run, length), 0
			for _, s := range run {
				var before, after []Slot
				for _, o := range run {
					switch {
					case o+length <= s:
						before = append(before, o)
					case o >= s+length:
						after = append(after, o)
					}
				}
				costs := most(before, length)+1+most(after, length) < all
				if costly.Has(s) != costs {
					t.Fatalf("run %d to %d of %v, start %d: costly %v, want %v", from, end, run, s, !costs, costs)
				}
				if !costs {
					kept++
				}
			}
			if len(run) > 0 && kept == 0 {
				t.Fatalf("nothing is left of %v", run)
			}
		}
		wanted := starts.Clone()
		KeepPacked(wanted, costly, free, part)
		only := NewBits(cover)
		for s := range costly.Slots() {
			only.Set(Span{s, s + 1})
		}
		KeepPacked(only, costly, free, part)
		if wanted.Any(cover) && anyOf(wanted, costly) || only.Count() != costly.Count() {
			t.Fatal("packing keeps what costs a session, or takes a patient's only time")
		}
	})
}

func anyOf(a, b Bits) bool {
	c := a.Clone()
	c.And(b)
	return c.Count() > 0
}
