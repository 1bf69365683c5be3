package diary

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/upright-clinic/upright/services/platform/civil"
)

var day1 = civil.MustParse("2027-01-04")

func n(v int) *int { return &v }

// noted is a diary with one pain a day from day1 on; -1 is a day without.
func noted(pains ...int) []Day {
	var days []Day
	for i, p := range pains {
		if p >= 0 {
			days = append(days, Day{Date: day1.AddDays(i), Pain: n(p), PainMax: n(p), Entries: 1})
		}
	}
	return days
}

func codes(found []Finding) string {
	var out []string
	for _, f := range found {
		out = append(out, f.Code)
	}
	return strings.Join(out, " ")
}

// What the diary's rules say about the last day of a diary, in words a clinician can check.
func TestJudge(t *testing.T) {
	t.Parallel()
	roller := func(days []Day, used, sore int) []Day {
		days[used].Done = []Done{{Code: "FOAM_ROLL", Minutes: 10}}
		days[sore].Tags = []string{"SORE_FROM_ROLLER"}
		return days
	}
	injected := func(on int, before *int) []Injection {
		return []Injection{{Date: day1.AddDays(on), PainBefore: before}}
	}
	tagged := func(days []Day, tag string) []Day { days[len(days)-1].Tags = []string{tag}; return days }
	for name, c := range map[string]struct {
		days       []Day
		injections []Injection
		want       string
	}{
		"F083 first rolling yesterday, a point more, sore from the roller: nothing": {roller(noted(4, 4, 5), 1, 2), nil, ""},
		"F083 first rolling yesterday, two points more: expected soreness, no task": {roller(noted(4, 4, 6), 1, 2), nil, "EXPECTED_SORENESS"},
		"F083 on the day of the first rolling as well":                              {roller(noted(4, 4, 6), 2, 2), nil, "EXPECTED_SORENESS"},
		"F083 two days after the first rolling it is worsening":                     {roller(noted(4, 4, 4, 6), 1, 3), nil, "WORSENING"},
		"F083 severe pain is never put down to the roller":                          {roller(noted(4, 4, 8), 1, 2), nil, "SEVERE_AND_WORSENING"},
		"F083 without the word it is worsening":                                     {noted(4, 4, 6), nil, "WORSENING"},
		"F036 three days, each worse":                                               {noted(3, 4, 5), nil, "WORSENING"},
		"F036 two days, each worse by one: not yet":                                 {noted(5, 4, 5), nil, ""},
		"F036 eight and worsening is urgent":                                        {noted(5, 5, 8), nil, "SEVERE_AND_WORSENING"},
		"F036 eight as always is no news":                                           {noted(8, 8, 8), nil, ""},
		"F036 the first entry has nothing to compare with":                          {noted(9), nil, ""},
		"F036 what was noted more than a week ago is not what is usual":             {noted(2, -1, -1, -1, -1, -1, -1, -1, -1, 5), nil, ""},
		"F126 day 1 after an injection, pain unchanged: no task":                    {noted(6, 6), injected(0, n(6)), ""},
		"F127 day 1 after an injection, worse: expected":                            {noted(6, 8), injected(0, n(6)), "EXPECTED_AFTER_INJECTION"},
		"F127 day 3 is the last of the expected":                                    {noted(6, 6, 6, 9), injected(0, n(6)), "EXPECTED_AFTER_INJECTION"},
		"F127 day 3 with fever is urgent all the same":                              {tagged(noted(6, 6, 6, 9), "FEVER"), injected(0, n(6)), "RED_FLAG EXPECTED_AFTER_INJECTION"},
		"F127 from day 4 worsening is urgent (U18)":                                 {noted(6, 6, 6, 6, 9), injected(0, n(6)), "WORSE_AFTER_INJECTION"},
		"F127 from day 4 more than before the injection is urgent, even if slowly":  {noted(6, 6, 6, 6, 7), injected(0, n(6)), "WORSE_AFTER_INJECTION"},
		"F127 six weeks on it is a worsening like others":                           {append(noted(4), Day{Date: day1.AddDays(43), Pain: n(4)}, Day{Date: day1.AddDays(44), Pain: n(6)}), injected(0, n(3)), "WORSENING"},
		"F127 only the last injection before the day counts":                        {noted(6, 6, 6, 6, 9), append(injected(0, n(6)), injected(3, nil)...), "EXPECTED_AFTER_INJECTION"},
		"F127 an injection that is still to come explains nothing":                  {noted(6, 6, 9), injected(5, n(6)), "SEVERE_AND_WORSENING"},
		"F027 numbness is urgent without any pain":                                  {tagged(noted(0), "NUMBNESS"), nil, "RED_FLAG"},
		"F027 weakness is urgent whatever explains the pain":                        {tagged(roller(noted(4, 4, 6), 1, 2), "WEAKNESS"), nil, "RED_FLAG WORSENING"},
		"F171 a day without pain noted says nothing of pain":                        {append(noted(2, 2), Day{Date: day1.AddDays(2), Tags: []string{"WALKED"}}), nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := Standard().Judge(Situation{Days: c.days, Injections: c.injections}, c.days[len(c.days)-1].Date)
			if codes(got) != c.want {
				t.Errorf("got %q, want %q", codes(got), c.want)
			}
			for _, f := range got {
				if f.Rule == "" || f.Action == "" {
					t.Errorf("%v has no rule or action", f)
				}
			}
		})
	}
}

func TestF068OneSideLoggedAsksForTheOther(t *testing.T) {
	t.Parallel()
	sided := func(code string) bool { return code == "STAND_ROTATE" }
	judge := func(done ...Done) []Finding {
		return Standard().Judge(Situation{Days: []Day{{Date: day1, Done: done}}, Sided: sided}, day1)
	}
	if got := judge(Done{Code: "STAND_ROTATE", Side: "LEFT"}); codes(got) != OtherSide || got[0].Item != "STAND_ROTATE" {
		t.Errorf("one side: %v", got)
	}
	if got := judge(Done{Code: "STAND_ROTATE", Side: "LEFT"}, Done{Code: "STAND_ROTATE", Side: "RIGHT"}, Done{Code: "CAT_COW", Side: "LEFT"}); len(got) != 0 {
		t.Errorf("both sides: %v", got)
	}
}

func TestReliefOfAnInjection(t *testing.T) {
	t.Parallel()
	pain := func(pairs ...int) (days []Day) {
		for i := 0; i < len(pairs); i += 2 {
			days = append(days, Day{Date: day1.AddDays(pairs[i]), Pain: n(pairs[i+1])})
		}
		return days
	}
	every := func(from, to, p int) (pairs []int) {
		for d := from; d <= to; d++ {
			pairs = append(pairs, d, p)
		}
		return pairs
	}
	at := func(d int) string { return day1.AddDays(d).String() }
	for name, c := range map[string]struct {
		before int
		until  civil.Date
		days   []Day
		want   string
	}{
		"F124 pain 8 before, 3 on days 4 to 60: relief of 57 days":     {8, civil.Date{}, pain(every(4, 60, 3)...), "false " + at(4) + " 57"},
		"F124 the same, noted now and then":                            {8, civil.Date{}, pain(4, 3, 30, 2, 60, 3, 61, 6), "false " + at(4) + " 57"},
		"F124 half is enough":                                          {8, civil.Date{}, pain(3, 4, 4, 5), "false " + at(3) + " 1"},
		"F124 less than half is no relief":                             {8, civil.Date{}, pain(3, 5, 4, 5), "false  0"},
		"F124 the next injection ends it":                              {8, day1.AddDays(10), pain(every(2, 20, 2)...), "false " + at(2) + " 8"},
		"F129 2 after three hours, 7 on day 1, 3 on day 4: from day 4": {8, civil.Date{}, pain(0, 2, 1, 7, 4, 3), "true " + at(4) + " 1"},
		"F129 relief on the day alone is the anaesthetic's":            {8, civil.Date{}, pain(0, 1, 1, 8), "true  0"},
		"F124 no pain before: nothing to be relieved":                  {0, civil.Date{}, pain(1, 0), "false  0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := Standard().Relief(c.before, day1, c.until, c.days)
			start := ""
			if !r.Start.IsZero() {
				start = r.Start.String()
			}
			if got := fmt.Sprint(r.Anaesthetic, " ", start, " ", r.Days); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// F171: of a day the last pain counts, a correction takes the place of what it names.
func TestDaysAndTrend(t *testing.T) {
	t.Parallel()
	at := func(h int) time.Time { return time.Date(2027, 1, 4, h, 0, 0, 0, time.UTC) }
	entries := []Entry{
		{ID: "c", Date: day1, At: at(20), Pain: n(3), Corrects: "b"},
		{ID: "a", Date: day1, At: at(8), Pain: n(6), Interference: n(5), Tags: []string{"WALKED"}},
		{ID: "b", Date: day1, At: at(19), Pain: n(9)},
		{ID: "d", Date: day1.AddDays(1), At: at(30), Interference: n(2)},
	}
	want := []Day{
		{Date: day1, Pain: n(3), PainMax: n(6), Interference: n(5), Entries: 2, Tags: []string{"WALKED"}},
		{Date: day1.AddDays(1), Interference: n(2), Entries: 1},
	}
	if diff := cmp.Diff(want, Days(entries)); diff != "" {
		t.Errorf("days (-want +got)\n%s", diff)
	}
	for name, c := range map[string]struct {
		days []Day
		want Trend
	}{
		"two days say nothing":        {noted(8, 2), Trend{Unknown, 0, 5, 2}},
		"a point less a day":          {noted(8, 7, 6), Trend{Falling, -7, 7, 3}},
		"a point more a day":          {noted(1, 2, 3, 4), Trend{Rising, 7, 2.5, 4}},
		"the same all the time":       {noted(4, 4, 4), Trend{Steady, 0, 4, 3}},
		"up and down is steady":       {noted(4, 5, 4), Trend{Steady, 0, 4.33, 3}},
		"gaps count as the days do":   {noted(6, -1, -1, 6, -1, -1, -1, 5), Trend{Falling, -1.04, 5.67, 3}},
		"an empty diary says nothing": {nil, Trend{Direction: Unknown}},
	} {
		if got := Standard().Trend(c.days); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

// The order in which entries arrive changes nothing, and Judge invents no urgency: adding a
// red flag never takes a finding that asks for action away.
func TestDiaryProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var entries []Entry
		for i := range rapid.IntRange(1, 20).Draw(t, "entries") {
			e := Entry{ID: fmt.Sprint(i), Date: day1.AddDays(rapid.IntRange(0, 9).Draw(t, "day")), At: time.Unix(int64(rapid.IntRange(0, 5).Draw(t, "at")), 0)}
			if rapid.Bool().Draw(t, "has pain") {
				e.Pain = n(rapid.IntRange(0, 10).Draw(t, "pain"))
			}
			if i > 0 && rapid.IntRange(0, 4).Draw(t, "corrects") == 0 {
				e.Corrects = fmt.Sprint(rapid.IntRange(0, i-1).Draw(t, "which"))
			}
			entries = append(entries, e)
		}
		days := Days(entries)
		shuffled := rapid.Permutation(entries).Draw(t, "order")
		if diff := cmp.Diff(days, Days(shuffled)); diff != "" {
			t.Fatalf("the order of entries matters\n%s", diff)
		}
		total := 0
		for i, d := range days {
			total += d.Entries
			if i > 0 && !days[i-1].Date.Before(d.Date) {
				t.Fatal("days do not ascend")
			}
			if d.Pain != nil && *d.Pain > *d.PainMax {
				t.Fatal("the pain that counts is above the worst")
			}
		}
		if total != len(Counting(entries)) {
			t.Fatalf("%d entries counted of %d", total, len(Counting(entries)))
		}
		if len(days) == 0 {
			return
		}
		last := &days[len(days)-1]
		before := Standard().Judge(Situation{Days: days}, last.Date)
		last.Tags = append(last.Tags, "FEVER")
		after := Standard().Judge(Situation{Days: days}, last.Date)
		for _, f := range before {
			if f.Action != NoAction && !slices.Contains(after, f) {
				t.Fatalf("fever takes %v away", f)
			}
		}
	})
}

func TestRulesWithDefects(t *testing.T) {
	t.Parallel()
	good := string(standard)
	for name, bad := range map[string]string{
		"no source": strings.Replace(good, `"source": "clinic default: the week before is what is usual"`, `"source": ""`, 1),
		"no value":  strings.Replace(good, `"severe_pain": {"value": 8`, `"severe_pain": {"value": 0`, 1),
		"no flags":  strings.Replace(good, `["FEVER", "NUMBNESS", "WEAKNESS"]`, `[]`, 1),
		"version":   strings.Replace(good, `"version": 1`, `"version": 0`, 1),
		"no JSON":   good + "x",
	} {
		if bad == good {
			t.Fatalf("%s: nothing was changed", name)
		}
		if _, err := ParseRules([]byte(bad)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
