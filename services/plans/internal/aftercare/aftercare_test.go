package aftercare

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/upright-clinic/upright/services/platform/civil"
)

var injected = civil.MustParse("2027-01-04")

func on(day, pain int) Entry { return Entry{Date: injected.AddDays(day), Pain: pain} }

func TestRelief(t *testing.T) {
	t.Parallel()
	r := Standard()
	var weeks []Entry
	for day := 4; day <= 60; day++ {
		weeks = append(weeks, on(day, 3))
	}
	for name, c := range map[string]struct {
		before  int
		entries []Entry
		until   civil.Date
		want    Relief
	}{
		"F124 pain 8 before, 3 on days 4 to 60": {8, weeks, civil.Date{}, Relief{
			Days: 57, First: injected.AddDays(4), FirstDay: 4, Last: injected.AddDays(60), Ongoing: true, Recorded: 57,
		}},
		"F129 relief on day 0 is the anaesthetic's": {8, []Entry{on(0, 2), on(1, 7), on(4, 3)}, civil.Date{}, Relief{
			Days: 1, First: injected.AddDays(4), FirstDay: 4, Last: injected.AddDays(4), Ongoing: true, Anaesthetic: true, Recorded: 2,
		}},
		"half is relief, a little less is not": {8, []Entry{on(2, 4), on(3, 5)}, civil.Date{}, Relief{
			Days: 1, First: injected.AddDays(2), FirstDay: 2, Last: injected.AddDays(2), Recorded: 2,
		}},
		"a day counts by its worst entry":  {8, []Entry{on(2, 1), on(2, 7)}, civil.Date{}, Relief{Recorded: 1}},
		"before the injection":             {8, []Entry{on(-1, 0)}, civil.Date{}, Relief{}},
		"from the next injection on":       {8, []Entry{on(3, 2), on(40, 2)}, injected.AddDays(40), Relief{Days: 1, First: injected.AddDays(3), FirstDay: 3, Last: injected.AddDays(3), Ongoing: true, Recorded: 1}},
		"no pain before, nothing to count": {0, []Entry{on(3, 0)}, civil.Date{}, Relief{Recorded: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, r.ReliefOf(injected, c.until, c.before, c.entries)); diff != "" {
				t.Errorf("relief (-want +got)\n%s", diff)
			}
		})
	}
}

// The order of entries is irrelevant, days of relief are days with entries, and more pain
// never makes more relief.
func TestReliefProperties(t *testing.T) {
	t.Parallel()
	r := Standard()
	rapid.Check(t, func(t *rapid.T) {
		entries := rapid.SliceOf(rapid.Custom(func(t *rapid.T) Entry {
			return on(rapid.IntRange(-3, 90).Draw(t, "day"), rapid.IntRange(0, 10).Draw(t, "pain"))
		})).Draw(t, "entries")
		before := rapid.IntRange(0, 10).Draw(t, "before")
		got := r.ReliefOf(injected, civil.Date{}, before, entries)
		turned := slices.Clone(entries)
		slices.Reverse(turned)
		if other := r.ReliefOf(injected, civil.Date{}, before, turned); other != got {
			t.Fatalf("in the other order %v, not %v", other, got)
		}
		if got.Days > got.Recorded || (got.Days > 0) == got.First.IsZero() || got.Days > 0 && got.FirstDay < 1 {
			t.Fatalf("%+v", got)
		}
		if len(entries) == 0 {
			return
		}
		i := rapid.IntRange(0, len(entries)-1).Draw(t, "i")
		entries[i].Pain = 10
		if more := r.ReliefOf(injected, civil.Date{}, before, entries); more.Days > got.Days {
			t.Fatalf("more pain, %d days of relief instead of %d", more.Days, got.Days)
		}
	})
}

func TestJudge(t *testing.T) {
	t.Parallel()
	r := Standard()
	for name, c := range map[string]struct {
		a    Answer
		want Finding
	}{
		"F126 day 1, pain unchanged: nothing":       {Answer{Day: 1, Course: Same}, Finding{Advice: Wait}},
		"F127 day 3, worse, no fever: nothing":      {Answer{Day: 3, Course: Worse}, Finding{Advice: Wait}},
		"F127 day 4, worse: today":                  {Answer{Day: 4, Course: Worse}, Finding{Codes: []string{WorseTooLate}, Urgent: true, Advice: SameDay}},
		"F127 day 1, worse with fever: today":       {Answer{Day: 1, Course: Worse, Signs: []string{"FEVER"}}, Finding{Codes: []string{"FEVER"}, Groups: []string{"INFECTION"}, Urgent: true, Advice: SameDay}},
		"F128 new weakness: emergency":              {Answer{Day: 0, Course: Better, Signs: []string{"FEVER", "NEW_WEAKNESS", "NEW_NUMBNESS"}}, Finding{Codes: []string{"FEVER", "NEW_NUMBNESS", "NEW_WEAKNESS"}, Groups: []string{"INFECTION", "NERVE_INJURY"}, Urgent: true, Advice: Emergency}},
		"F124 two weeks without relief: a look":     {Answer{Day: 14, Course: Same}, Finding{Codes: []string{NoRelief}, Advice: AskClinic}},
		"F124 six weeks, better":                    {Answer{Day: 42, Course: Better}, Finding{Advice: AsExpected}},
		"better, with pus: the sign is not excused": {Answer{Day: 2, Course: Better, Signs: []string{"SITE_DISCHARGE"}}, Finding{Codes: []string{"SITE_DISCHARGE"}, Groups: []string{"INFECTION"}, Urgent: true, Advice: SameDay}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := r.Judge(c.a)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("finding (-want +got)\n%s", diff)
			}
		})
	}
	if _, err := r.Judge(Answer{Signs: []string{"GHOST"}}); err == nil {
		t.Error("a sign that is not asked for was taken")
	}
}

// F128: the consent names all four complications; each kind of defect is refused with its
// place.
func TestDefectsAreNamed(t *testing.T) {
	t.Parallel()
	good := string(standard)
	for name, c := range map[string]struct{ old, new, want string }{
		"F128 consent without a complication": {`{"code": "MUSCLE_ATROPHY", "text"`, `{"code": "OTHER", "text"`, "consents[0].complications: MUSCLE_ATROPHY"},
		"consent without words":               {`"text": "Bleeding"}`, `"text": ""}`, "consents[0].complications: BLEEDING"},
		"consent without version":             {`"version": "facet-joint-injection-1"`, `"version": ""`, "consents[0].version"},
		"consent without source":              {`"source": "S4 (F128)",`, `"source": "",`, "consents[0]"},
		"version":                             {`"version": 1,`, `"version": 0,`, "version"},
		"number without source":               {`"source": "clinic default: a check-in`, `"source": "", "x": "`, "x"},
		"no source":                           {`{"value": 50, "source": "S4 (F124), US Medicare coverage: at least half of the pain gone"}`, `{"value": 50, "source": ""}`, "relief_percent.source"},
		"number out of range":                 {`"value": 50`, `"value": 101`, "relief_percent.value"},
		"sign twice":                          {`"code": "STIFF_NECK"`, `"code": "FEVER"`, "signs[3].code"},
		"sign of no complication":             {`"group": "BLEEDING"`, `"group": "BLEED"`, "signs[4].group"},
		"sign with unknown advice":            {`"advice": "EMERGENCY", "text": "A stiff`, `"advice": "LATER", "text": "A stiff`, "signs[3].advice"},
		"sign without words":                  {`"text": "Fever or chills"`, `"text": ""`, "signs[0]"},
		"complications without source":        {`"complications_source": "S4`, `"complications_source": "", "y": "S4`, "y"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changed := strings.Replace(good, c.old, c.new, 1)
			if changed == good {
				t.Fatalf("the data has no %s", c.old)
			}
			if _, err := Parse([]byte(changed)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one that names %s", err, c.want)
			}
		})
	}
	if _, err := Parse([]byte(good + "[]")); err == nil {
		t.Error("text behind the data was taken")
	}
}
