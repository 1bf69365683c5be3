package outcome

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
)

var day1 = civil.MustParse("2027-01-04")

func instrument(t testing.TB, id string) Instrument {
	t.Helper()
	i, ok := Standard().Instrument(id)
	if !ok {
		t.Fatalf("there is no %s", id)
	}
	return i
}

// Every instrument that ships may be passed on, or has no wording; and the words of those that
// may not are nowhere in the file.
func TestWhatShipsMayBeRedistributed(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, i := range Standard().Instruments {
		seen[i.ID] = true
		if len(i.Items) > 0 && !i.MayRedistribute {
			t.Errorf("%s may not be redistributed and has %d items", i.ID, len(i.Items))
		}
		if i.Licence == "" {
			t.Errorf("%s has no licence", i.ID)
		}
	}
	for _, id := range []string{"NPRS", "NAMED_ACTIVITY", "PHQ4", "PEG", "START_BACK", "START_MSK", "ODI", "NDI", "OREBRO_SHORT", "PROMIS_PI"} {
		if !seen[id] {
			t.Errorf("%s is missing", id)
		}
	}
}

func TestInstrumentsWithDefects(t *testing.T) {
	t.Parallel()
	good := func() map[string]any {
		var m map[string]any
		if err := json.Unmarshal(standard, &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	of := func(m map[string]any, n int) map[string]any { return m["instruments"].([]any)[n].(map[string]any) }
	for name, c := range map[string]struct {
		change func(m map[string]any)
		want   string
	}{
		"may not be redistributed": {func(m map[string]any) { of(m, 2)["may_redistribute"] = false }, "PHQ4: may not be redistributed"},
		"score entry with wording": {func(m map[string]any) { of(m, 6)["items"] = []any{map[string]any{"id": "a", "text": "b", "max": 5}} }, "ODI: may not be redistributed"},
		"no licence":               {func(m map[string]any) { of(m, 0)["licence"] = "" }, "NPRS: needs its licence"},
		"no source":                {func(m map[string]any) { of(m, 0)["source"] = "" }, "NPRS: needs its licence and the source"},
		"no range":                 {func(m map[string]any) { of(m, 0)["max_score"] = 0 }, "NPRS: the lowest"},
		"gap between bands":        {func(m map[string]any) { of(m, 2)["bands"].([]any)[1].(map[string]any)["min"] = 4 }, "PHQ4: band MILD"},
		"bands end early":          {func(m map[string]any) { of(m, 2)["bands"].([]any)[3].(map[string]any)["max"] = 11 }, "PHQ4: the bands"},
		"labels":                   {func(m map[string]any) { of(m, 2)["items"].([]any)[0].(map[string]any)["labels"] = []string{"a"} }, `PHQ4: item "phq4_1"`},
		"subscale":                 {func(m map[string]any) { of(m, 2)["subscales"].([]any)[0].(map[string]any)["items"] = []string{"x"} }, "PHQ4: subscale anxiety"},
		"scoring":                  {func(m map[string]any) { of(m, 2)["scoring"] = "GUESS" }, `PHQ4: cannot be scored by "GUESS"`},
		"twice":                    {func(m map[string]any) { of(m, 1)["instrument"] = "NPRS" }, "NPRS is there twice"},
		"schedule":                 {func(m map[string]any) { of(m, 0)["schedule_weeks"] = []int{3, 0} }, "NPRS: the schedule"},
		"stop rule, mode":          {func(m map[string]any) { m["stop_rule"].(map[string]any)["mode"] = "perhaps" }, "stop rule: mode"},
		"stop rule, instrument":    {func(m map[string]any) { m["stop_rule"].(map[string]any)["instruments"] = []string{"PHQ4"} }, "stop rule: no meaningful change"},
		"stop rule, unknown":       {func(m map[string]any) { m["stop_rule"].(map[string]any)["instruments"] = []string{"X"} }, "stop rule: there is no"},
		"stop rule, sessions":      {func(m map[string]any) { m["stop_rule"].(map[string]any)["after_sessions"] = 0 }, "stop rule: after_sessions"},
	} {
		m := good()
		c.change(m)
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(text, false); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	licensed := good()
	of(licensed, 6)["items"] = []any{map[string]any{"id": "a", "text": "b", "max": 5}}
	of(licensed, 6)["scoring"] = "SUM"
	text, _ := json.Marshal(licensed)
	if _, err := Parse(text, true); err != nil {
		t.Errorf("a clinic's own licensed pack: %v", err)
	}
	if _, err := Parse(text, false); err == nil {
		t.Error("the same pack may not ship")
	}
}

func phq(a, b, c, d int) Answers {
	return Answers{Items: map[string]int{"phq4_1": a, "phq4_2": b, "phq4_3": c, "phq4_4": d}}
}

func TestPHQ4IsScored(t *testing.T) {
	t.Parallel()
	i := instrument(t, "PHQ4")
	for _, c := range []struct {
		a        Answers
		score    float64
		band     string
		positive string
	}{
		{phq(0, 0, 0, 0), 0, "NONE", ""},
		{phq(1, 1, 0, 0), 2, "NONE", ""},
		{phq(1, 1, 1, 0), 3, "MILD", ""},
		{phq(1, 1, 1, 2), 5, "MILD", "depression"},
		{phq(2, 1, 1, 2), 6, "MODERATE", "anxiety,depression"},
		{phq(3, 3, 1, 1), 8, "MODERATE", "anxiety"},
		{phq(3, 3, 2, 1), 9, "SEVERE", "anxiety,depression"},
		{phq(3, 3, 3, 3), 12, "SEVERE", "anxiety,depression"},
	} {
		r, err := i.Score(c.a)
		if err != nil || r.Score != c.score || r.Band != c.band || strings.Join(r.Positive, ",") != c.positive {
			t.Errorf("%v: %+v, %v; want %v %s %q", c.a.Items, r, err, c.score, c.band, c.positive)
		}
	}
}

func TestAnswersWithDefects(t *testing.T) {
	t.Parallel()
	one, half := 11.0, 3.5
	for name, c := range map[string]struct {
		id    string
		a     Answers
		field string
	}{
		"PHQ-4, one missing":         {"PHQ4", Answers{Items: map[string]int{"phq4_1": 1, "phq4_2": 1, "phq4_3": 1}}, "answers.phq4_4"},
		"PHQ-4, too high":            {"PHQ4", phq(4, 0, 0, 0), "answers.phq4_1"},
		"PHQ-4, negative":            {"PHQ4", phq(0, 0, -1, 0), "answers.phq4_3"},
		"PHQ-4, unknown item":        {"PHQ4", Answers{Items: map[string]int{"phq4_1": 1, "phq4_2": 1, "phq4_3": 1, "phq4_4": 0, "x": 1}}, "answers"},
		"PHQ-4, a score":             {"PHQ4", Answers{Score: &one}, "score"},
		"pain above the scale":       {"NPRS", Answers{Score: &one}, "score"},
		"half a point of pain":       {"NPRS", Answers{Score: &half}, "score"},
		"pain with activities":       {"NPRS", Answers{Activities: []Activity{{"walk", 3}}}, "activities"},
		"no activity":                {"NAMED_ACTIVITY", Answers{}, "activities"},
		"six activities":             {"NAMED_ACTIVITY", Answers{Activities: []Activity{{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}, {"e", 1}, {"f", 1}}}, "activities"},
		"an activity twice":          {"NAMED_ACTIVITY", Answers{Activities: []Activity{{"Walk", 1}, {" walk", 1}}}, "activities.name"},
		"an activity without a name": {"NAMED_ACTIVITY", Answers{Activities: []Activity{{" ", 1}}}, "activities.name"},
		"an activity at eleven":      {"NAMED_ACTIVITY", Answers{Activities: []Activity{{"walk", 11}}}, "activities.score"},
		"ODI without a score":        {"ODI", Answers{}, "score"},
		"NDI above 50":               {"NDI", Answers{Score: ptr(51)}, "score"},
	} {
		_, err := instrument(t, c.id).Score(c.a)
		if f := fault.From(err); err == nil || f.Reason != "INVALID_ARGUMENT" || f.Fields[0].Field != c.field {
			t.Errorf("%s: %v, want the field %s", name, err, c.field)
		}
	}
	_, err := instrument(t, "START_MSK").Score(Answers{Items: map[string]int{"a": 1}})
	if !fault.Is(err, "SCORE_ENTRY_ONLY") {
		t.Errorf("answers to STarT MSK: %v", err)
	}
}

func ptr(f float64) *float64 { return &f }

func TestWhatChangeMatters(t *testing.T) {
	t.Parallel()
	acts := func(scores ...int) Point {
		p := Point{Date: day1}
		total := 0
		for n, s := range scores {
			p.Activities = append(p.Activities, Activity{fmt.Sprint("act ", n), s})
			total += s
		}
		p.Score = float64(total) / float64(len(scores))
		return p
	}
	at := func(score float64) Point { return Point{Date: day1, Score: score} }
	for name, c := range map[string]struct {
		id         string
		first, now Point
		want       string
	}{
		"pain 7 to 5":                          {"NPRS", at(7), at(5), Better},
		"pain 7 to 6":                          {"NPRS", at(7), at(6), NoChange},
		"pain 3 to 2, a third":                 {"NPRS", at(3), at(2), Better},
		"pain 4 to 3, a quarter":               {"NPRS", at(4), at(3), NoChange},
		"pain 5 to 7":                          {"NPRS", at(5), at(7), Worse},
		"pain 0 to 1":                          {"NPRS", at(0), at(1), NoChange},
		"pain 0 to 2":                          {"NPRS", at(0), at(2), Worse},
		"PHQ-4: no change is known to matter":  {"PHQ4", at(9), at(0), NotKnown},
		"three activities, two points of mean": {"NAMED_ACTIVITY", acts(2, 3, 4), acts(4, 5, 6), Better},
		"one activity, two points":             {"NAMED_ACTIVITY", acts(2), acts(4), NoChange},
		"one activity, three points":           {"NAMED_ACTIVITY", acts(2), acts(5), Better},
		"activities worse":                     {"NAMED_ACTIVITY", acts(6, 6), acts(3, 3), Worse},
		"other activities cannot be compared":  {"NAMED_ACTIVITY", Point{Activities: []Activity{{"run", 1}}}, Point{Activities: []Activity{{"swim", 9}}}, NotKnown},
		"ODI 40 to 30":                         {"ODI", at(40), at(30), Better},
		"ODI 40 to 31":                         {"ODI", at(40), at(31), NoChange},
		"ODI 20 to 14, thirty percent":         {"ODI", at(20), at(14), Better},
		"NDI 20 to 15":                         {"NDI", at(20), at(15), Better},
		"NDI 20 to 16":                         {"NDI", at(20), at(16), NoChange},
	} {
		if got := instrument(t, c.id).Compare(c.first, c.now); got.Verdict != c.want {
			t.Errorf("%s: %+v, want %s", name, got, c.want)
		}
	}
	if s, ok := instrument(t, "NPRS").MeaningfulScore(7); !ok || s != 5 {
		t.Errorf("from 7 the change matters at %v, %v", s, ok)
	}
	if s, ok := instrument(t, "NPRS").MeaningfulScore(0); ok {
		t.Errorf("from 0 pain cannot fall to %v", s)
	}
}

func TestScheduleOfAnswers(t *testing.T) {
	t.Parallel()
	due := func(dates ...int) string {
		got := Standard().DueNext(day1, day1.AddDays(7*8), []string{"NPRS"}, func(string) (out []civil.Date) {
			for _, d := range dates {
				out = append(out, day1.AddDays(d))
			}
			return out
		})
		if len(got) == 0 {
			return "nothing"
		}
		return fmt.Sprintf("week %d on day %d", got[0].Week, day1.DaysUntil(got[0].Date))
	}
	for _, c := range []struct {
		answered []int
		want     string
	}{
		{nil, "week 0 on day 0"},
		{[]int{-40}, "week 0 on day 0"},
		{[]int{-3}, "week 3 on day 21"},
		{[]int{0, 13}, "week 3 on day 21"},
		{[]int{0, 14}, "week 6 on day 42"},
		{[]int{0, 21, 42}, "nothing"}, // week 12 is after the plan
	} {
		if got := due(c.answered...); got != c.want {
			t.Errorf("answered on %v: %s, want %s", c.answered, got, c.want)
		}
	}
}

func TestF102StopRule(t *testing.T) {
	t.Parallel()
	at := func(scores ...float64) (list []Point) {
		for _, s := range scores {
			list = append(list, Point{Score: s})
		}
		return list
	}
	for name, c := range map[string]struct {
		sessions int
		points   map[string][]Point
		want     bool
	}{
		"six sessions, pain as before":                     {6, map[string][]Point{"NPRS": at(6, 6)}, true},
		"five sessions":                                    {5, map[string][]Point{"NPRS": at(6, 6)}, false},
		"pain down by two":                                 {6, map[string][]Point{"NPRS": at(6, 4)}, false},
		"pain went down and came back":                     {6, map[string][]Point{"NPRS": at(6, 3, 6)}, true},
		"asked once":                                       {9, map[string][]Point{"NPRS": at(6)}, false},
		"never asked":                                      {9, nil, false},
		"pain as before, but activities better":            {9, map[string][]Point{"NPRS": at(6, 6), "NAMED_ACTIVITY": {{Activities: []Activity{{"walk", 2}}}, {Activities: []Activity{{"walk", 8}}}}}, false},
		"mood alone decides nothing":                       {9, map[string][]Point{"PHQ4": at(6, 6)}, false},
		"worse is no change for the better":                {6, map[string][]Point{"NPRS": at(4, 8)}, true},
		"other activities than before: nothing to compare": {9, map[string][]Point{"NAMED_ACTIVITY": {{Activities: []Activity{{"walk", 2}}}, {Activities: []Activity{{"swim", 2}}}}}, false},
	} {
		if got := Standard().Stalled(c.sessions, c.points); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	off := Standard()
	off.Stop.Mode = "advise"
	if off.Stalled(9, map[string][]Point{"NPRS": at(6, 6)}) {
		t.Error("a rule that only advises stops nothing")
	}
}

// Scores stay in range, have a band wherever there are bands, and comparing is fair: what is
// better one way is worse the other, and no change is none both ways.
func TestScoringProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		i := rapid.SampledFrom(Standard().Instruments).Draw(t, "instrument")
		score := func(name string) float64 {
			var a Answers
			switch i.Scoring {
			case ScoreEntry:
				a.Score = ptr(rapid.Float64Range(i.MinScore, i.MaxScore).Draw(t, name))
			case Activities:
				for n := range rapid.IntRange(1, 5).Draw(t, name) {
					a.Activities = append(a.Activities, Activity{fmt.Sprint(n), rapid.IntRange(0, 10).Draw(t, "score")})
				}
			default:
				a.Items = map[string]int{}
				for _, it := range i.Items {
					a.Items[it.ID] = rapid.IntRange(it.Min, it.Max).Draw(t, name+it.ID)
				}
			}
			r, err := i.Score(a)
			if err != nil {
				t.Fatalf("%s: %v", i.ID, err)
			}
			if r.Score < i.MinScore || r.Score > i.MaxScore || math.IsNaN(r.Score) {
				t.Fatalf("%s: %v is out of range", i.ID, r.Score)
			}
			if len(i.Bands) > 0 && r.Band == "" {
				t.Fatalf("%s: %v has no band", i.ID, r.Score)
			}
			return r.Score
		}
		x, y := Point{Score: score("first")}, Point{Score: score("now")}
		if i.Scoring == Activities {
			return
		}
		there, back := i.Compare(x, y), i.Compare(y, x)
		if there.Improvement != -back.Improvement {
			t.Fatalf("%s: %v one way, %v the other", i.ID, there.Improvement, back.Improvement)
		}
		if there.Verdict == Better && there.Improvement <= 0 || there.Verdict == Worse && there.Improvement >= 0 {
			t.Fatalf("%s: %+v", i.ID, there)
		}
		if i.Compare(x, x).Verdict == Better || i.Compare(x, x).Verdict == Worse {
			t.Fatalf("%s: a score differs from itself", i.ID)
		}
	})
}

// FuzzParse: whatever a pack holds, reading it fails or gives instruments that can be scored.
func FuzzParse(f *testing.F) {
	f.Add(standard)
	f.Add([]byte(`{"instruments": [{"instrument": "A"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Parse(data, false)
		if err != nil {
			return
		}
		for _, i := range s.Instruments {
			if len(i.Items) > 0 && !i.MayRedistribute {
				t.Fatalf("%s may not be redistributed", i.ID)
			}
			_, _ = i.Score(Answers{})
		}
	})
}
