package aftercare

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

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
		"no source":                           {`{"value": 24, "source": "clinic default: a check-in that nobody has answered for a day is looked at"}`, `{"value": 24, "source": ""}`, "overdue_after_hours.source"},
		"number out of range":                 {`"value": 24`, `"value": 0`, "overdue_after_hours.value"},
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
