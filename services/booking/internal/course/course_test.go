package course_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/upright-clinic/upright/services/booking/internal/course"
	"github.com/upright-clinic/upright/services/booking/internal/schedule"
)

const slotsADay = 24 * 12

// start is a start at an hour of a day; weeks have seven days.
func start(day, hour, cost int) course.Start {
	return course.Start{At: schedule.Slot(day*slotsADay + hour*12), Day: day, Week: day / 7, Cost: cost}
}

// problem draws a small problem.
func problem(t *rapid.T) course.Problem {
	p := course.Problem{
		Sessions: rapid.IntRange(1, 6).Draw(t, "sessions"),
		PerWeek:  rapid.IntRange(0, 3).Draw(t, "per week"),
		Gap:      schedule.Slot(rapid.IntRange(0, 80).Draw(t, "gap hours") * 12),
		DayCost:  rapid.IntRange(0, 3).Draw(t, "day cost"),
	}
	for range rapid.IntRange(0, 12).Draw(t, "starts") {
		p.Starts = append(p.Starts, start(rapid.IntRange(0, 27).Draw(t, "day"), rapid.IntRange(8, 17).Draw(t, "hour"), rapid.IntRange(0, 9).Draw(t, "cost")))
	}
	for range rapid.IntRange(0, 2).Draw(t, "taken") {
		s := start(rapid.IntRange(0, 27).Draw(t, "taken day"), rapid.IntRange(8, 17).Draw(t, "taken hour"), 0)
		p.Taken = append(p.Taken, course.Taken{At: s.At, Week: s.Week})
	}
	if pace := rapid.IntRange(0, 5).Draw(t, "pace"); pace > 0 {
		p.Ideal = func(j int) int { return j * pace }
	}
	return p
}

// breaks says which rule a choice breaks, "" for none.
func breaks(p course.Problem, chosen []int) string {
	type one struct {
		at    schedule.Slot
		week  int
		fresh bool
	}
	var all []one
	for _, c := range chosen {
		all = append(all, one{p.Starts[c].At, p.Starts[c].Week, true})
	}
	for _, t := range p.Taken {
		all = append(all, one{t.At, t.Week, false})
	}
	for i, a := range all {
		week := 0
		for j, b := range all {
			if a.week == b.week {
				week++
			}
			if i != j && (a.fresh || b.fresh) && max(a.at-b.at, b.at-a.at) < max(p.Gap, 1) {
				return "gap"
			}
		}
		if a.fresh && p.PerWeek > 0 && week > p.PerWeek {
			return "week"
		}
	}
	return ""
}

func cost(p course.Problem, chosen []int) (sum int) {
	for j, c := range chosen {
		x := p.Starts[c]
		sum += x.Cost
		if p.Ideal != nil {
			off := x.Day - p.Ideal(j)
			sum += p.DayCost * max(off, -off)
		}
	}
	return sum
}

// brute tries every set of starts: how many can be placed, and at what cost.
func brute(p course.Problem) (most, least int) {
	order := make([]int, len(p.Starts))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(p.Starts[a].At - p.Starts[b].At) })
	for set := range 1 << len(order) {
		var chosen []int
		for i, o := range order {
			if set>>i&1 == 1 {
				chosen = append(chosen, o)
			}
		}
		if len(chosen) > p.Sessions || len(chosen) < most || breaks(p, chosen) != "" {
			continue
		}
		if c := cost(p, chosen); len(chosen) > most || c < least {
			most, least = len(chosen), c
		}
	}
	return most, least
}

// TestPlaceAgainstBruteForce: no rule is ever broken, as many sessions are placed as trying
// everything would place, and at the same cost.
func TestPlaceAgainstBruteForce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := problem(t)
		got := course.Place(p)
		if rule := breaks(p, got); rule != "" {
			t.Fatalf("%v breaks %s", got, rule)
		}
		most, least := brute(p)
		if len(got) != most {
			t.Fatalf("%d placed, %d can be", len(got), most)
		}
		if c := cost(p, got); c != least {
			t.Fatalf("costs %d, could cost %d", c, least)
		}
	})
}

// FuzzPlace is the same property for the fuzzer.
func FuzzPlace(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) {
		p := problem(t)
		got := course.Place(p)
		if most, _ := brute(p); len(got) != most || breaks(p, got) != "" {
			t.Fatalf("%v, %d can be placed", got, most)
		}
	}))
}

// diary is every half hour from 9 to 17 on weekdays, with each of the practitioners.
func diary(days int, who []string, liked func(day, hour int) bool) (options []course.Option) {
	for day := range days {
		if day%7 > 4 {
			continue
		}
		for half := range 16 {
			for lane, p := range who {
				minute := 9*60 + half*30
				options = append(options, course.Option{
					At: schedule.Slot(day*slotsADay + minute/5), Day: day, Week: day / 7, Minute: minute, Practitioner: p, Lane: lane,
					Liked: liked == nil || liked(day, minute/60),
				})
			}
		}
	}
	return options
}

func twelve(options []course.Option) course.Wish {
	return course.Wish{
		Sessions: 12, PerWeek: 2, PerWeekMax: 3, Gap: 12 * 12, EasyGap: 42 * 12, Minute: -1,
		Ideal: func(j int) int { return j * 7 / 2 }, Options: options,
	}
}

func TestArrange(t *testing.T) {
	t.Parallel()
	t.Run("ask 19 twelve sessions, two a week, one practitioner, one time of day", func(t *testing.T) {
		t.Parallel()
		w := twelve(diary(60, []string{"ana", "ben"}, nil))
		got := course.Arrange(w)
		if len(got) != 12 {
			t.Fatalf("%d placed", len(got))
		}
		weeks := map[int]int{}
		for _, p := range got {
			o := w.Options[p.Option]
			weeks[o.Week]++
			if first := w.Options[got[0].Option]; o.Practitioner != first.Practitioner || o.Minute != first.Minute {
				t.Errorf("%+v, the first is %+v", o, first)
			}
			if len(p.Alternatives) == 0 {
				t.Errorf("%+v has no alternatives", o)
			}
		}
		for week, n := range weeks {
			if n != 2 {
				t.Errorf("%d in week %d", n, week)
			}
		}
	})
	t.Run("Tuesdays and Thursdays after 16:00", func(t *testing.T) {
		t.Parallel()
		w := twelve(diary(60, []string{"ana"}, func(day, hour int) bool { return (day%7 == 1 || day%7 == 3) && hour >= 16 }))
		for _, p := range course.Arrange(w) {
			if o := w.Options[p.Option]; !o.Liked {
				t.Errorf("%+v", o)
			}
		}
	})
	t.Run("the time of day that the patient is used to", func(t *testing.T) {
		t.Parallel()
		w := twelve(diary(60, []string{"ana", "ben"}, nil))
		w.Minute = 14*60 + 30
		for _, p := range course.Arrange(w) {
			if o := w.Options[p.Option]; o.Minute != w.Minute {
				t.Errorf("%+v", o)
			}
		}
	})
	t.Run("another practitioner only where the preferred one is away", func(t *testing.T) {
		t.Parallel()
		options := slices.DeleteFunc(diary(60, []string{"ana", "ben"}, nil), func(o course.Option) bool {
			return o.Practitioner == "ana" && o.Day >= 7
		})
		w := twelve(options)
		w.Practitioner = "ana"
		got := course.Arrange(w)
		if len(got) != 12 {
			t.Fatalf("%d placed", len(got))
		}
		for _, p := range got {
			if o := w.Options[p.Option]; (o.Day < 7) != (o.Practitioner == "ana") {
				t.Errorf("%+v", o)
			}
		}
		w.Strict = true
		if got := course.Arrange(w); len(got) != 3 {
			t.Errorf("%d placed with her alone in her one week, want the three that are allowed", len(got))
		}
	})
}

// TestAlternativesFit: whatever session is exchanged for one of its alternatives, the others
// staying, no rule is broken.
func TestAlternativesFit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		all := diary(42, []string{"ana", "ben"}, func(day, _ int) bool { return day%2 == 0 })
		free := rapid.IntRange(1, 9).Draw(t, "of ten free")
		w := course.Wish{
			Sessions: rapid.IntRange(1, 10).Draw(t, "sessions"), PerWeek: rapid.IntRange(1, 3).Draw(t, "per week"),
			Gap: schedule.Slot(rapid.IntRange(1, 60).Draw(t, "gap hours") * 12), Strict: rapid.Bool().Draw(t, "strict"),
			Minute: rapid.SampledFrom([]int{-1, 600}).Draw(t, "minute"),
			Ideal:  func(j int) int { return 3 * j },
		}
		w.PerWeekMax, w.EasyGap = w.PerWeek+rapid.IntRange(0, 2).Draw(t, "more"), w.Gap*2
		pick := rapid.IntRange(0, 9)
		for _, o := range all {
			if pick.Draw(t, "free") < free {
				w.Options = append(w.Options, o)
			}
		}
		p := course.Problem{PerWeek: w.PerWeekMax, Gap: w.Gap}
		for _, o := range w.Options {
			p.Starts = append(p.Starts, course.Start{At: o.At, Week: o.Week})
		}
		placed := course.Arrange(w)
		var chosen []int
		for _, x := range placed {
			chosen = append(chosen, x.Option)
		}
		if rule := breaks(p, chosen); rule != "" {
			t.Fatalf("%v breaks %s", chosen, rule)
		}
		for i, x := range placed {
			for _, other := range x.Alternatives {
				swapped := slices.Clone(chosen)
				swapped[i] = other
				if rule := breaks(p, swapped); rule != "" {
					t.Fatalf("alternative %d of session %d breaks %s", other, i, rule)
				}
			}
		}
	})
}

func BenchmarkArrange(b *testing.B) {
	who := []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}
	w := twelve(diary(91, who, nil))
	for b.Loop() {
		if got := course.Arrange(w); len(got) != 12 {
			b.Fatal(len(got))
		}
	}
}
