package schedule

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/upright-clinic/upright/services/platform/civil"
)

func day(text string) civil.Date {
	d, err := civil.Parse(text)
	if err != nil {
		panic(err)
	}
	return d
}

// TestHabitOf reads habits as a receptionist would.
func TestHabitOf(t *testing.T) {
	t.Parallel()
	tuesday, thursday := Weekdays(0).On(time.Tuesday), Weekdays(0).On(time.Thursday)
	for name, c := range map[string]struct {
		visits []Past
		want   Habit
	}{
		"nobody came before": {nil, Habit{Minute: -1}},
		"once":               {[]Past{{"ana", day("2026-11-17"), 600}}, Habit{"ana", tuesday, 600}},
		"twice a week, once moved": {[]Past{
			{"ana", day("2026-11-03"), 960},
			{"ana", day("2026-11-05"), 960},
			{"ana", day("2026-11-10"), 960},
			{"ana", day("2026-11-13"), 540},
			{"ana", day("2026-11-12"), 975},
			{"ben", day("2026-11-17"), 960},
		}, Habit{"ben", tuesday | thursday, 960}},
	} {
		if diff := cmp.Diff(c.want, HabitOf(c.visits)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestSuggest: the usual practitioner, weekday and hour come first, and the soonest is there.
func TestSuggest(t *testing.T) {
	t.Parallel()
	monday := day("2026-11-23")
	at := func(d civil.Date, minute int, who string) Candidate {
		return Candidate{Start: Slot(monday.DaysUntil(d)*288 + minute/5), PractitionerID: who, Date: d, Minute: minute}
	}
	var all []Candidate
	for d := monday; !d.After(monday.AddDays(10)); d = d.AddDays(1) {
		for _, minute := range []int{540, 600, 960, 990} {
			all = append(all, at(d, minute, "ana"), at(d, minute, "ben"))
		}
	}
	got := Suggest(Habit{"ana", Weekdays(0).On(time.Tuesday), 970}, monday, all, 3)
	want := []Suggestion{
		{at(day("2026-11-24"), 960, "ana"), []string{LastPractitioner, UsualWeekday, UsualTime, Packs}},
		{at(day("2026-11-24"), 990, "ana"), []string{LastPractitioner, UsualWeekday, UsualTime, Packs}},
		{at(monday, 540, "ana"), []string{LastPractitioner, Soonest, Packs}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := Suggest(Habit{Minute: -1}, monday, all, 1); len(got) != 1 || got[0].Start != all[0].Start {
		t.Errorf("without a habit %v", got)
	}
}

// TestSuggestHolds: whatever the candidates, as many as can be are given, each is one of them
// and given once, and the soonest is among them.
func TestSuggestHolds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		from := day("2026-11-23")
		all := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) Candidate {
			d, m := rapid.IntRange(0, 6).Draw(t, "day"), 5*rapid.IntRange(96, 200).Draw(t, "minute")
			return Candidate{
				Start: Slot(d*288 + m/5), Date: from.AddDays(d), Minute: m, PractitionerID: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "who"),
				Costly: rapid.Bool().Draw(t, "costly"),
			}
		}), 0, 30, func(c Candidate) [2]any { return [2]any{c.Start, c.PractitionerID} }).Draw(t, "candidates")
		n := rapid.IntRange(1, 6).Draw(t, "n")
		h := Habit{PractitionerID: "a", Weekdays: Weekdays(rapid.IntRange(0, 127).Draw(t, "weekdays")), Minute: 600}
		got := Suggest(h, from, all, n)
		if len(all) > 0 && len(got) == 0 || len(got) > n {
			t.Fatalf("%d of %d", len(got), len(all))
		}
		first := false
		for i, s := range got {
			first = first || slices.Contains(s.Reasons, Soonest)
			if !slices.Contains(all, s.Candidate) || slices.ContainsFunc(got[:i], func(o Suggestion) bool { return o.Candidate == s.Candidate }) {
				t.Fatalf("%v of %v", got, all)
			}
		}
		if len(got) > 0 && !first {
			t.Fatalf("the soonest is missing in %v", got)
		}
	})
}
