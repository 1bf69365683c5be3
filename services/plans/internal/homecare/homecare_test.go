package homecare

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/upright-clinic/upright/services/plans/internal/diary"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
)

var day1 = civil.MustParse("2027-01-04")

func n(v int) *int { return &v }

func codes(list []Suggestion) string {
	var out []string
	for _, s := range list {
		out = append(out, s.Item.Code)
	}
	return " " + strings.Join(out, " ") + " "
}

// What is suggested to whom, and what is not.
func TestSuggestions(t *testing.T) {
	t.Parallel()
	raynaud := Known{"cold_intolerance": {"yes"}}
	for name, c := range map[string]struct {
		of        Circumstances
		known     Known
		has, lack string
	}{
		"F045 heavy lifting less than two days ago: rest from it": {Circumstances{Trigger: "heavy_lifting", Duration: "lt48h"}, nil, "REST_FROM_TRIGGER", ""},
		"F046 repetitive work: ergonomics":                        {Circumstances{Onset: "repetitive_work"}, nil, "ERGONOMICS", ""},
		"F047 sport: a sports therapist":                          {Circumstances{Trigger: "sport"}, nil, "SPORTS_THERAPIST", ""},
		"F048 F049 light movement in every programme":             {Circumstances{}, nil, "LIGHT_MOVEMENT", "BED_REST"},
		"F050 desk: posture":                                      {Circumstances{Trigger: "desk_posture"}, nil, "POSTURE ERGONOMICS", ""},
		"F025 pain from sitting: ergonomics":                      {Circumstances{Aggravators: []string{"sitting_desk"}}, nil, "ERGONOMICS", ""},
		"F053 Raynaud's: no cold":                                 {Circumstances{Duration: "lt48h", Swelling: true}, raynaud, "BATH", "COLD COLD_AFTER_BATH"},
		"F053 skin that does not feel: neither cold nor heat":     {Circumstances{Duration: "2to14d", Swelling: true}, Known{"reduced_skin_sensation": {"yes"}}, "", "COLD HEAT BATH COLD_AFTER_BATH"},
		"F053 broken skin: no heat":                               {Circumstances{Duration: "2to14d"}, Known{"skin_problem_at_site": {"yes"}}, "", "HEAT BATH"},
		"F055 less than two days: ice":                            {Circumstances{Duration: "lt48h"}, nil, "COLD", "HEAT"},
		"F055 later no ice by itself, but warmth":                 {Circumstances{Duration: "2to14d"}, nil, "HEAT", "COLD"},
		"F062 swelling: bath, then cold":                          {Circumstances{Swelling: true}, nil, "BATH COLD_AFTER_BATH", ""},
		"F062 no swelling: bath alone":                            {Circumstances{Trigger: "heavy_lifting"}, nil, "BATH", "COLD_AFTER_BATH"},
		"F080 pain 6: the roller":                                 {Circumstances{Duration: "2to14d", Pain: n(6)}, nil, "FOAM_ROLL", ""},
		"F080 pain 8: no roller":                                  {Circumstances{Duration: "2to14d", Pain: n(8)}, nil, "", "FOAM_ROLL"},
		"F080 X-FOAM-1 fragile bones: no roller":                  {Circumstances{Duration: "2to14d"}, Known{"bone_risk": {"osteoporosis"}}, "", "FOAM_ROLL"},
		"F084 knots: the ball":                                    {Circumstances{Tender: true}, nil, "BALL_ROLL", ""},
		"F151 a course of physiotherapy: at least one exercise":   {Circumstances{Physiotherapy: true}, nil, "KNEEL_REACH", ""},
		"F155 nothing to strengthen by itself":                    {Circumstances{Duration: "gt12w"}, nil, "", "SWIMMING ROWING BACK_EXTENSION"},
		"F172 chronic: something against stress":                  {Circumstances{Duration: "gt12w"}, nil, "MEDITATION BREATHING", ""},
		"F172 keeps coming back: the same":                        {Circumstances{Recurrent: true}, nil, "MEDITATION", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			items, left := Standard().Suggest(c.of, c.known)
			got := codes(items)
			for _, code := range strings.Fields(c.has) {
				if !strings.Contains(got, " "+code+" ") {
					t.Errorf("%s is missing in%s", code, got)
				}
			}
			for _, code := range strings.Fields(c.lack) {
				if strings.Contains(got, " "+code+" ") {
					t.Errorf("%s is in%s", code, got)
				}
			}
			for _, s := range left {
				if len(s.Against) == 0 {
					t.Errorf("%s is left out without a rule", s.Item.Code)
				}
			}
		})
	}
	of := Circumstances{}.WithKnown(Known{"trigger": {"sport"}, "duration": {"gt12w"}, "nrs": {"8"}, "tender_knots": {"yes"}})
	if of.Trigger != "sport" || !of.chronic() || *of.Pain != 8 || !of.Tender {
		t.Errorf("what the patient has answered is not used: %+v", of)
	}
}

// A pain is as much older as its form is.
func TestAged(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		said string
		days int
		want string
	}{
		{"lt48h", 0, "lt48h"},
		{"lt48h", 1, "lt48h"},
		{"lt48h", 2, "2to14d"},
		{"lt48h", 13, "2to14d"},
		{"lt48h", 14, "2to6w"},
		{"2to14d", 11, "2to14d"},
		{"2to14d", 12, "2to6w"},
		{"2to6w", 27, "2to6w"},
		{"2to6w", 28, "6to12w"},
		{"6to12w", 42, "gt12w"},
		{"gt12w", 400, "gt12w"},
		{"lt48h", -3, "lt48h"},
		{"", 9, ""},
		{"a clinic's own", 90, "a clinic's own"},
	} {
		if got := Aged(c.said, c.days); got != c.want {
			t.Errorf("%q after %d days: %q, want %q", c.said, c.days, got, c.want)
		}
	}
}

func item(t testing.TB, code string) Item {
	t.Helper()
	i, ok := Standard().Item(code)
	if !ok {
		t.Fatalf("there is no %s", code)
	}
	return i
}

// What the library says of each item, as a clinician would check it.
func TestLibrary(t *testing.T) {
	t.Parallel()
	l := Standard()
	limits := func(r *Range) string {
		if r == nil {
			return "none"
		}
		return fmt.Sprintf("%d (%d-%d)", r.Default, r.Min, r.Max)
	}
	for name, c := range map[string]struct{ got, want string }{
		"F039 disclaimer":                     {fmt.Sprint(l.Disclaimer.Version, l.Disclaimer.Text != ""), "1 true"},
		"F046 letter without a diagnosis":     {fmt.Sprint(len(l.Letter.Lines) > 3, strings.Contains(strings.ToLower(strings.Join(l.Letter.Lines, " ")), "pain"), strings.Contains(strings.ToLower(strings.Join(l.Letter.Lines, " ")), "diagnos")), "true false false"},
		"F049 the diary's question":           {item(t, "LIGHT_MOVEMENT").Question, "Did you walk or move gently today?"},
		"F052 lifestyle at the end":           {fmt.Sprint(l.Closing()[0].Code), "LIFESTYLE"},
		"F058 two lines of the ice":           {fmt.Sprint(len(item(t, Cold).Lines)), "2"},
		"F059 towel":                          {item(t, Cold).Safety[0].ID, "TOWEL"},
		"F060 scald warning":                  {item(t, Bath).Safety[0].ID, "NOT_TOO_HOT"},
		"F061 bath of at most 30 minutes":     {limits(item(t, Bath).Minutes), "20 (5-30)"},
		"F062 cold after the bath":            {limits(item(t, ColdAfterBath).Minutes), "15 (5-20)"},
		"F065 stretches three to five a day":  {limits(item(t, "KNEEL_REACH").PerDay), "3 (3-5)"},
		"F066 kneel and reach 30 s":           {limits(item(t, "KNEEL_REACH").Hold), "30 (5-60)"},
		"F068 turn to two sides":              {fmt.Sprint(item(t, "STAND_ROTATE").Sides, l.Sided("STAND_ROTATE")), "true true"},
		"F070 a few seconds":                  {item(t, "THORACIC_EXTENSION").Hold.Words + " " + limits(item(t, "THORACIC_EXTENSION").Hold), "a few seconds 5 (2-15)"},
		"F071 squeeze 10 s, five times":       {limits(item(t, "SCAPULAR_SQUEEZE").Hold) + " " + limits(item(t, "SCAPULAR_SQUEEZE").Repetitions), "10 (5-15) 5 (1-20)"},
		"F072 child's pose at most 60 s":      {limits(item(t, "CHILDS_POSE").Hold), "30 (5-60)"},
		"F073 cat and cow are two phases":     {fmt.Sprint(len(item(t, "CAT_COW").Phases)), "2"},
		"F074 neck each side, at most 30 s":   {fmt.Sprint(item(t, "NECK_STRETCH").Sides, " ", limits(item(t, "NECK_STRETCH").Hold)), "true 30 (5-30)"},
		"F075 doorway: the hold is F065's":    {item(t, "DOORWAY_STRETCH").Hold.Source, "F065"},
		"F081 the T comes first, in words":    {fmt.Sprint(strings.Contains(item(t, "FOAM_ROLL").Lines[0], "make a T"), item(t, "FOAM_ROLL").Picture != ""), "true true"},
		"F082 feet, then roll":                {fmt.Sprint(strings.Contains(item(t, "FOAM_ROLL").Lines[1], "Feet flat"), strings.Contains(item(t, "FOAM_ROLL").Lines[2], "Roll")), "true true"},
		"F083 the roller at least 10 minutes": {limits(item(t, "FOAM_ROLL").Minutes), "10 (10-30)"},
		"F084 the ball 10 to 15 minutes":      {limits(item(t, BallRoll).Minutes) + " " + limits(item(t, BallRoll).PerDay), "10 (10-15) 3 (1-5)"},
		"F129 both reliefs in the after-care": {fmt.Sprint(strings.Contains(l.Aftercare[1].Text, "within hours"), strings.Contains(l.Aftercare[1].Text, "second or third day")), "true true"},
		"F133 water after massage, no toxins": {fmt.Sprintf("%s %d %t", l.Aftercare[0].Discipline, l.Aftercare[0].WithinMinutes, strings.Contains(strings.ToLower(l.Aftercare[0].Text), "toxin")), "MASSAGE 5 false"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.got != c.want {
				t.Errorf("got %q, want %q", c.got, c.want)
			}
		})
	}
	list := func(region, tag string, k Known) (out []string) {
		for _, i := range l.Filter(region, tag, Circumstances{}, k) {
			out = append(out, i.Code)
		}
		return out
	}
	if got := list("UPPER_BACK", "", nil); !slices.Contains(got, "KNEEL_REACH") {
		t.Errorf("F066 for the upper back there is %v", got)
	}
	if got := list("", "YOGA", nil); !slices.Equal(got, []string{"CHILDS_POSE", "CAT_COW"}) {
		t.Errorf("F076 yoga is %v", got)
	}
	for fact, value := range map[string]string{"bone_risk": "osteoporosis", "neck_vascular": "yes", "new_deformity": "unsure"} {
		if got := list("", "", Known{fact: {value}}); slices.Contains(got, "STAND_EXTEND") {
			t.Errorf("F067 with %s there is STAND_EXTEND", fact)
		}
	}
	if got := list("", "", Known{"bone_risk": {"none"}, "neck_vascular": {"no"}}); !slices.Contains(got, "STAND_EXTEND") {
		t.Error("F067 without any of it STAND_EXTEND is missing")
	}
}

func TestF051SleepCheck(t *testing.T) {
	t.Parallel()
	got := Standard().Advise(map[string]bool{"stomach_sleeper": true, "pillow_thick": false})
	if len(got) != 1 || got[0].AdviceText != "Avoid sleeping on your stomach." || len(Standard().SleepChecks) != 3 {
		t.Errorf("%v", got)
	}
}

// A programme is refused with the field, the rule and the limit.
func TestProgrammesWithDefects(t *testing.T) {
	t.Parallel()
	swollen, hurts := Circumstances{Swelling: true}, Circumstances{Pain: n(8)}
	for name, c := range map[string]struct {
		s      Setting
		of     Circumstances
		known  Known
		reason string
		field  string
	}{
		"F048 bed rest":                           {Setting{Code: "BED_REST"}, Circumstances{}, nil, "BED_REST_FORBIDDEN", "items[0].code"},
		"F053 cold with Raynaud's":                {Setting{Code: "COLD"}, Circumstances{}, Known{"cold_intolerance": {"yes"}}, "CONTRAINDICATED", ""},
		"F056 ice every hour":                     {Setting{Code: "COLD", Interval: 60}, Circumstances{}, nil, "INVALID_ARGUMENT", "items[0].interval_minutes"},
		"F056 ice for half an hour":               {Setting{Code: "COLD", Minutes: 30}, Circumstances{}, nil, "INVALID_ARGUMENT", "items[0].minutes"},
		"F059 the towel line deleted":             {Setting{Code: "COLD", Lines: []string{"Ice."}, Safety: []string{"OTHER"}}, Circumstances{}, nil, "SAFETY_LINE_REQUIRED", "items[0].safety"},
		"F061 bath of 45 minutes":                 {Setting{Code: "BATH", Minutes: 45}, Circumstances{}, nil, "INVALID_ARGUMENT", "items[0].minutes"},
		"F062 cold after the bath, no swelling":   {Setting{Code: "COLD_AFTER_BATH"}, Circumstances{}, nil, "NOT_INDICATED", ""},
		"F065 eight a day without a reason":       {Setting{Code: "KNEEL_REACH", PerDay: 8}, Circumstances{}, nil, "INVALID_ARGUMENT", "items[0].per_day"},
		"F065 once a day without a reason":        {Setting{Code: "KNEEL_REACH", PerDay: 1}, Circumstances{}, nil, "INVALID_ARGUMENT", "items[0].per_day"},
		"F065 a hundred a day has no reason":      {Setting{Code: "KNEEL_REACH", PerDay: 100, Reason: "keen"}, Circumstances{}, nil, "INVALID_ARGUMENT", "items[0].per_day"},
		"F067 arching with osteoporosis":          {Setting{Code: "STAND_EXTEND"}, Circumstances{}, Known{"bone_risk": {"osteoporosis"}}, "CONTRAINDICATED", ""},
		"F072 child's pose for 90 s":              {Setting{Code: "CHILDS_POSE", Hold: 90}, Circumstances{}, nil, "INVALID_ARGUMENT", "items[0].hold_seconds"},
		"F072 a reason does not help":             {Setting{Code: "CHILDS_POSE", Hold: 90, Reason: "supple"}, Circumstances{}, nil, "INVALID_ARGUMENT", "items[0].hold_seconds"},
		"F074 neck for 45 s":                      {Setting{Code: "NECK_STRETCH", Hold: 45}, Circumstances{}, nil, "INVALID_ARGUMENT", "items[0].hold_seconds"},
		"F080 the roller at pain 8":               {Setting{Code: "FOAM_ROLL"}, hurts, nil, "CONTRAINDICATED", ""},
		"F083 the roller for 5 minutes":           {Setting{Code: "FOAM_ROLL", Minutes: 5}, Circumstances{}, nil, "INVALID_ARGUMENT", "items[0].minutes"},
		"F084 the ball for 20 minutes":            {Setting{Code: "BALL_ROLL", Minutes: 20}, swollen, nil, "INVALID_ARGUMENT", "items[0].minutes"},
		"F155 rowing before the injury is healed": {Setting{Code: "ROWING"}, Circumstances{}, nil, "INJURY_NOT_RESOLVED", ""},
		"F151 physiotherapy without an exercise":  {Setting{Code: "HEAT"}, Circumstances{Physiotherapy: true}, nil, "EXERCISE_NEEDED", ""},
		"an item that there is not":               {Setting{Code: "JUMPING"}, Circumstances{}, nil, "INVALID_ARGUMENT", "items[0].code"},
		"a hold of a bath":                        {Setting{Code: "BATH", Hold: 5}, Circumstances{}, nil, "INVALID_ARGUMENT", "items[0].hold_seconds"},
		"over before it starts":                   {Setting{Code: "HEAT", End: day1.AddDays(-1)}, Circumstances{}, nil, "INVALID_ARGUMENT", "items[0].end_date"},
		"prompts of an exercise":                  {Setting{Code: "CAT_COW", WorkFrom: 60, WorkTo: 120}, Circumstances{}, nil, "INVALID_ARGUMENT", "items[0].work_from"},
		"work that ends before it starts":         {Setting{Code: "POSTURE", WorkFrom: 600, WorkTo: 540}, Circumstances{}, nil, "INVALID_ARGUMENT", "items[0].work_to"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Standard().Complete(Programme{Start: day1, Items: []Setting{c.s}, Circumstances: c.of}, c.known)
			f := fault.From(err)
			if err == nil || f.Reason != c.reason || c.field != "" && (len(f.Fields) == 0 || f.Fields[0].Field != c.field) {
				t.Errorf("%v, fields %v; want %s %s", err, f.Fields, c.reason, c.field)
			}
		})
	}
	twice := Programme{Start: day1, Items: []Setting{{Code: "HEAT"}, {Code: "HEAT"}}}
	if _, err := Standard().Complete(twice, nil); fault.From(err).Fields[0].Field != "items[1].code" {
		t.Errorf("an item twice: %v", err)
	}
	asleep := Programme{Start: day1, WakeFrom: 600, WakeTo: 630}
	if _, err := Standard().Complete(asleep, nil); fault.From(err).Fields[0].Field != "wake_to" {
		t.Errorf("half an hour awake: %v", err)
	}
}

func TestProgrammesAreCompleted(t *testing.T) {
	t.Parallel()
	got, err := Standard().Complete(Programme{Start: day1, Resolved: true, Items: []Setting{
		{Code: "KNEEL_REACH", PerDay: 8, Reason: "an athlete"}, {Code: "ROWING"}, {Code: "REST_FROM_TRIGGER"}, {Code: "COLD", Safety: []string{"TOWEL"}},
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got.Items[0].Code != LightMovement {
		t.Errorf("F048 every programme has light movement: %v", got.Items)
	}
	if got.Items[1].PerDay != 8 || got.Items[1].Hold != 30 {
		t.Errorf("F065 eight a day with a reason: %+v", got.Items[1])
	}
	if got.Items[3].End != day1.AddDays(3) {
		t.Errorf("F045 rest ends on %s", got.Items[3].End)
	}
	if got.Items[4].Minutes != 20 || got.Items[4].Interval != 180 {
		t.Errorf("F056 ice %+v", got.Items[4])
	}
}

func noted(pains ...int) (days []diary.Day) {
	for i, p := range pains {
		days = append(days, diary.Day{Date: day1.AddDays(i), Pain: n(p)})
	}
	return days
}

func times(slots []Slot, code string) string {
	var out []string
	for _, s := range slots {
		if s.Code == code {
			out = append(out, fmt.Sprintf("%02d:%02d", s.At/60, s.At%60))
		}
	}
	return strings.Join(out, " ")
}

func TestSchedules(t *testing.T) {
	t.Parallel()
	made, err := Standard().Complete(Programme{Start: day1, WakeFrom: 8 * 60, WakeTo: 22 * 60, Items: []Setting{
		{Code: "COLD", Interval: 180},
		{Code: "BALL_ROLL"},
		{Code: "KNEEL_REACH", PerDay: 4},
		{Code: "POSTURE", WorkFrom: 9 * 60, WorkTo: 17 * 60},
		{Code: "REST_FROM_TRIGGER"},
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	late := made
	late.FirstAt = 15*60 + 30
	asked := made
	asked.Items = slices.Clone(made.Items)
	for i := range asked.Items {
		asked.Items[i].WorkFrom, asked.Items[i].WorkTo = 0, 0
	}
	for name, c := range map[string]struct {
		p    Programme
		day  int
		of   string
		days []diary.Day
		want string
	}{
		"F056 day 1: every three hours from 08:00":             {made, 1, Cold, nil, "08:00 11:00 14:00 17:00 20:00"},
		"F056 day 1, begun at half past three":                 {late, 1, Cold, nil, "15:30 18:30 21:30"},
		"F056 day 2 is as day 1":                               {made, 2, Cold, noted(6, 5), "08:00 11:00 14:00 17:00 20:00"},
		"F057 day 3, pain 6, 5, 3: every six hours":            {made, 3, Cold, noted(6, 5, 3), "08:00 14:00 20:00"},
		"F057 day 3, pain as before: as set":                   {made, 3, Cold, noted(6, 6, 6), "08:00 11:00 14:00 17:00 20:00"},
		"F057 day 3, pain went up in between":                  {made, 3, Cold, noted(6, 7, 3), "08:00 11:00 14:00 17:00 20:00"},
		"F057 pain 1: no more ice":                             {made, 3, Cold, noted(6, 3, 1), ""},
		"F057 day 6 is the last":                               {made, 6, Cold, nil, "08:00 11:00 14:00 17:00 20:00"},
		"F057 from day 7 on none":                              {made, 7, Cold, nil, ""},
		"F084 the ball three times a day":                      {made, 2, BallRoll, noted(5, 1), "08:00 12:40 17:20"},
		"F084 pain 1 and 1: complete":                          {made, 2, BallRoll, noted(1, 1), ""},
		"F084 pain 1, 4, 0 is not two days":                    {made, 3, BallRoll, noted(1, 4, 0), "08:00 12:40 17:20"},
		"F084 complete stays complete":                         {made, 4, BallRoll, noted(1, 1, 5, 5), ""},
		"F065 four times a day":                                {made, 1, "KNEEL_REACH", nil, "08:00 11:30 15:00 18:30"},
		"F050 one prompt an hour from 09:00, none after 17:00": {made, 1, "POSTURE", nil, "09:00 10:00 11:00 12:00 13:00 14:00 15:00 16:00"},
		"F050 who has not asked for prompts gets none":         {asked, 1, "POSTURE", nil, ""},
		"the day before there is nothing":                      {made, 0, Cold, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := times(Standard().Schedule(c.p, day1.AddDays(c.day-1), c.days), c.of); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	if l := Standard(); !l.Runs(made, made.Items[5], day1.AddDays(3), nil) || l.Runs(made, made.Items[5], day1.AddDays(4), nil) {
		t.Error("F045 rest from the trigger ends after day 3")
	}
	for _, s := range Standard().Schedule(made, day1, nil) {
		if s.Code == Cold && s.Minutes != 20 {
			t.Errorf("F056 a session of %d minutes", s.Minutes)
		}
	}
}

// Whatever is set, sessions lie in the waking hours, ice keeps its distance, and more pain
// never means less ice than less pain does on the same day.
func TestScheduleProperties(t *testing.T) {
	t.Parallel()
	l := Standard()
	rapid.Check(t, func(t *rapid.T) {
		p := Programme{Start: day1, WakeFrom: rapid.IntRange(0, 12*60).Draw(t, "wake"), FirstAt: rapid.IntRange(0, 24*60-1).Draw(t, "first")}
		p.WakeTo = rapid.IntRange(p.WakeFrom+60, 24*60).Draw(t, "sleep")
		ice := Setting{Code: Cold, Interval: rapid.IntRange(120, 180).Draw(t, "interval"), Minutes: rapid.IntRange(5, 20).Draw(t, "minutes")}
		stretch := Setting{Code: "CAT_COW", PerDay: rapid.IntRange(3, 5).Draw(t, "times")}
		p.Items = []Setting{ice, stretch, {Code: BallRoll}}
		made, err := l.Complete(p, nil)
		if err != nil {
			t.Fatal(err)
		}
		pains := rapid.SliceOfN(rapid.IntRange(0, 10), 0, 10).Draw(t, "pains")
		date := day1.AddDays(rapid.IntRange(-2, 12).Draw(t, "day"))
		slots := l.Schedule(made, date, noted(pains...))
		last := -1
		for i, s := range slots {
			if i > 0 && slots[i-1].At > s.At {
				t.Fatal("slots are not by time")
			}
			if s.At >= 0 && (s.At < made.WakeFrom || s.At >= made.WakeTo) {
				t.Fatalf("%v is outside the waking hours", s)
			}
			if s.Code != Cold {
				continue
			}
			if s.At+s.Minutes > made.WakeTo || last >= 0 && s.At-last < 120 || s.Minutes > 20 {
				t.Fatalf("ice at %v after %d", s, last)
			}
			last = s.At
		}
		day := day1.DaysUntil(date) + 1
		if last >= 0 && (day < 1 || day > 6) {
			t.Fatalf("ice on day %d", day)
		}
		if len(slots) > 0 && date.Before(day1) {
			t.Fatal("something before the programme starts")
		}
		if again := l.Schedule(made, date, noted(pains...)); !slices.Equal(slots, again) {
			t.Fatal("the same diary gives another schedule")
		}
	})
}

// A clinic may edit the library, but not take out what keeps people safe.
func TestLibraryWithDefects(t *testing.T) {
	t.Parallel()
	of := func(m map[string]any, code string) map[string]any {
		for _, i := range m["items"].([]any) {
			if i := i.(map[string]any); i["code"] == code {
				return i
			}
		}
		t.Fatalf("there is no %s", code)
		return nil
	}
	limits := func(i map[string]any, name string) map[string]any { return i[name].(map[string]any) }
	for name, c := range map[string]struct {
		change func(m map[string]any)
		want   string
	}{
		"F039 no disclaimer":           {func(m map[string]any) { m["disclaimer"] = map[string]any{} }, "disclaimer"},
		"F048 bed rest allowed":        {func(m map[string]any) { m["forbidden"] = []any{} }, "BED_REST"},
		"F048 bed rest as an item":     {func(m map[string]any) { of(m, "HEAT")["code"] = "BED_REST" }, "BED_REST is forbidden"},
		"F049 no light movement":       {func(m map[string]any) { m["always"] = []any{} }, "LIGHT_MOVEMENT"},
		"F059 the towel line deleted":  {func(m map[string]any) { of(m, "COLD")["safety"] = []any{} }, "COLD: the safety line TOWEL cannot be removed (F059)"},
		"F060 no scald warning":        {func(m map[string]any) { of(m, "BATH")["safety"] = of(m, "BATH")["safety"].([]any)[1:] }, "BATH: the safety line NOT_TOO_HOT"},
		"F061 a bath of 45 minutes":    {func(m map[string]any) { limits(of(m, "BATH"), "minutes")["max"] = 45 }, "BATH: at most 30 minutes"},
		"F072 a pose of 90 seconds":    {func(m map[string]any) { limits(of(m, "CHILDS_POSE"), "hold")["max"] = 90 }, "CHILDS_POSE: held at most 60"},
		"F083 a roller of 5 minutes":   {func(m map[string]any) { limits(of(m, "FOAM_ROLL"), "minutes")["min"] = 5 }, "FOAM_ROLL: at least 10"},
		"F155 rowing at once":          {func(m map[string]any) { of(m, "ROWING")["locked"] = false }, "ROWING: strengthening waits"},
		"F056 ice every quarter hour":  {func(m map[string]any) { limits(m, "ice")["interval_min_minutes"] = 15 }, "ice makes no sense"},
		"no source":                    {func(m map[string]any) { of(m, "HEAT")["source"] = "" }, "HEAT: needs code"},
		"a default outside the limits": {func(m map[string]any) { limits(of(m, "HEAT"), "minutes")["default"] = 99 }, "HEAT: minutes"},
		"an item twice":                {func(m map[string]any) { of(m, "HEAT")["code"] = "BATH" }, "BATH is there twice"},
	} {
		var m map[string]any
		if err := json.Unmarshal(standard, &m); err != nil {
			t.Fatal(err)
		}
		c.change(m)
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// FuzzSchedule: no diary and no hours make a schedule that leaves the waking hours.
func FuzzSchedule(f *testing.F) {
	f.Add(480, 1320, 150, 3, []byte{6, 5, 3})
	f.Add(0, 60, 120, 1, []byte{})
	f.Fuzz(func(t *testing.T, wake, sleep, interval, day int, pains []byte) {
		l := Standard()
		made, err := l.Complete(Programme{Start: day1, WakeFrom: wake, WakeTo: sleep, Items: []Setting{{Code: Cold, Interval: interval}}}, nil)
		if err != nil || day < -1000 || day > 1000 {
			return
		}
		var days []diary.Day
		for i, p := range pains {
			days = append(days, diary.Day{Date: day1.AddDays(i % 100), Pain: n(int(p) % 11)})
		}
		for _, s := range l.Schedule(made, day1.AddDays(day), days) {
			if s.At >= 0 && (s.At < made.WakeFrom || s.At+s.Minutes > made.WakeTo) {
				t.Fatalf("%v outside %d to %d", s, made.WakeFrom, made.WakeTo)
			}
		}
	})
}
