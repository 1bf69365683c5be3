package waitlist_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/upright-clinic/upright/services/booking/internal/waitlist"
)

var monday = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

func TestOrder(t *testing.T) {
	t.Parallel()
	r := waitlist.Default()
	entries := []waitlist.Entry{
		{ID: "first come", Joined: monday},
		{ID: "later", Joined: monday.Add(time.Hour)},
		{ID: "later, in a course", Joined: monday.Add(2 * time.Hour), InCourse: true},
		{ID: "missed one", Joined: monday.Add(-time.Hour), Missed: 1},
		{ID: "urgent", Joined: monday.Add(3 * time.Hour), Urgent: true},
	}
	slices.SortFunc(entries, r.Compare)
	want := []string{"urgent", "later, in a course", "first come", "later", "missed one"}
	for i, e := range entries {
		if e.ID != want[i] {
			t.Errorf("place %d has %s, want %s", i, e.ID, want[i])
		}
	}
}

// TestOrderIsFair: whatever the order in which entries are found, the line is the same, and of
// two that differ in nothing but when they came the first comes first.
func TestOrderIsFair(t *testing.T) {
	t.Parallel()
	r := waitlist.Default()
	rapid.Check(t, func(t *rapid.T) {
		var line []waitlist.Entry
		for i := range rapid.IntRange(2, 12).Draw(t, "entries") {
			line = append(line, waitlist.Entry{
				ID: string(rune('a' + i)), Urgent: rapid.Bool().Draw(t, "urgent"), InCourse: rapid.Bool().Draw(t, "in a course"),
				Missed: rapid.IntRange(0, 2).Draw(t, "missed"), Joined: monday.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "joined")) * time.Hour),
			})
		}
		other := rapid.Permutation(line).Draw(t, "permuted")
		slices.SortFunc(line, r.Compare)
		slices.SortFunc(other, r.Compare)
		if !slices.Equal(line, other) {
			t.Fatalf("%v and %v", line, other)
		}
		for i, a := range line {
			for _, b := range line[i+1:] {
				if a.Urgent == b.Urgent && a.InCourse == b.InCourse && a.Missed == b.Missed && b.Joined.Before(a.Joined) {
					t.Fatalf("%v before %v", a, b)
				}
			}
		}
	})
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	r := waitlist.Default()
	for _, c := range []struct {
		ahead, stands time.Duration // from now to the visit; 0 stands for no offer
	}{
		{48 * time.Hour, 2 * time.Hour},
		{3 * time.Hour, 2 * time.Hour},
		{2 * time.Hour, time.Hour},
		{75 * time.Minute, 15 * time.Minute},
		{74 * time.Minute, 0},
		{-time.Hour, 0},
	} {
		until, ok := r.Deadline(monday, monday.Add(c.ahead))
		if ok != (c.stands > 0) || ok && until.Sub(monday) != c.stands {
			t.Errorf("visit in %s: until %s %v, want %s", c.ahead, until.Sub(monday), ok, c.stands)
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`{`, `{"order": {"value": ["WEALTH"]}}`, `{"order": {"value": ["JOINED"]}, "offer_minutes": {"value": 0}}`} {
		if _, err := waitlist.Parse([]byte(text)); err == nil {
			t.Errorf("%s is a rule", text)
		}
	}
}
