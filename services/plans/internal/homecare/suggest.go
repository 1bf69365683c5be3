package homecare

import (
	"cmp"
	"slices"
	"strconv"
)

// Circumstances are what a home programme depends on.
type Circumstances struct {
	Trigger     string   `json:"trigger,omitempty"`
	Onset       string   `json:"onset,omitempty"`
	Duration    string   `json:"duration,omitempty"`
	Aggravators []string `json:"aggravators,omitempty"`
	Pain        *int     `json:"pain,omitempty"`
	Swelling    bool     `json:"swelling,omitempty"`
	Tender      bool     `json:"tender,omitempty"`
	Recurrent   bool     `json:"recurrent,omitempty"`
	// Physiotherapy: the programme belongs to a course of it (F151).
	Physiotherapy bool `json:"physiotherapy,omitempty"`
}

// chronic is pain of more than twelve weeks, or that keeps coming back.
func (c Circumstances) chronic() bool { return c.Duration == "gt12w" || c.Recurrent }

// Known is what is known of a patient that bears on treatments: answers by question.
type Known map[string][]string

// WithKnown completes what a clinician has not said with what the patient has answered.
func (c Circumstances) WithKnown(k Known) Circumstances {
	first := func(question string) string {
		if v := k[question]; len(v) > 0 {
			return v[0]
		}
		return ""
	}
	c.Trigger = cmp.Or(c.Trigger, first("trigger"))
	c.Onset = cmp.Or(c.Onset, first("onset"))
	c.Duration = cmp.Or(c.Duration, first("duration"))
	if len(c.Aggravators) == 0 {
		c.Aggravators = k["aggravators"]
	}
	c.Tender = c.Tender || first("tender_knots") == "yes"
	c.Recurrent = c.Recurrent || first("recurrent") == "yes"
	if n, err := strconv.Atoi(first("nrs")); c.Pain == nil && err == nil {
		c.Pain = &n
	}
	return c
}

// durations are the answers about how old a pain is, with the least number of days of each.
var durations = []pastDays{{"lt48h", 0}, {"2to14d", 2}, {"2to6w", 14}, {"6to12w", 42}, {"gt12w", 84}}

type pastDays struct {
	answer string
	days   int
}

// Aged gives the answer about how old a pain is that holds so many days after it was given:
// ice helps in the first two days, and a form is often older than that. An answer that is not
// one of the form's stays as it is.
func Aged(duration string, days int) string {
	at := slices.IndexFunc(durations, func(d pastDays) bool { return d.answer == duration })
	if at < 0 {
		return duration
	}
	least := durations[at].days + max(0, days)
	for _, d := range durations {
		if d.days <= least {
			duration = d.answer
		}
	}
	return duration
}

// Against gives the rules that forbid an item for a patient; none when it may be done.
func (i Item) Against(c Circumstances, k Known) []string {
	var rules []string
	for _, n := range i.NotWhen {
		known := slices.DeleteFunc(slices.Clone(k[n.Fact]), func(v string) bool { return v == "none" || v == "" })
		if n.Any && len(known) > 0 || slices.ContainsFunc(known, func(v string) bool { return slices.Contains(n.Values, v) }) {
			rules = append(rules, n.Rule)
		}
	}
	if i.PainBelow > 0 && c.Pain != nil && *c.Pain >= i.PainBelow {
		rules = append(rules, i.PainRule)
	}
	slices.Sort(rules)
	return slices.Compact(rules)
}

// holds reports whether the circumstances are those.
func (w When) holds(c Circumstances) bool {
	among := func(list []string, v string) bool { return len(list) == 0 || slices.Contains(list, v) }
	either := func(list []string) bool {
		return len(list) == 0 || slices.ContainsFunc(c.Aggravators, func(a string) bool { return slices.Contains(list, a) })
	}
	return among(w.Trigger, c.Trigger) && among(w.Onset, c.Onset) && among(w.Duration, c.Duration) && either(w.Aggravators) &&
		(!w.Swelling || c.Swelling) && (!w.Tender || c.Tender) && (!w.Chronic || c.chronic())
}

// Suggestion is an item for a patient, or one that is left out with the rules against it.
type Suggestion struct {
	Item    Item
	Setting Setting
	// Against are the rules that forbid it; it is then no suggestion.
	Against []string
}

// Suggest gives the items for a patient in the order of the library, and those that would be
// suggested but for what is known of the patient.
func (l Library) Suggest(c Circumstances, k Known) (items, left []Suggestion) {
	has := map[string]bool{}
	for _, i := range l.Items {
		wanted := slices.Contains(l.Always, i.Code) || slices.ContainsFunc(i.Suggest, func(w When) bool { return w.holds(c) })
		if !wanted || i.Locked || i.After != "" && !has[i.After] {
			continue
		}
		s := Suggestion{Item: i, Setting: i.Defaults(), Against: i.Against(c, k)}
		if len(s.Against) > 0 {
			left = append(left, s)
			continue
		}
		has[i.Code] = true
		items = append(items, s)
	}
	if c.Physiotherapy && !slices.ContainsFunc(items, func(s Suggestion) bool { return s.Item.Kind == Exercise }) {
		for _, i := range l.Items {
			if i.Kind == Exercise && len(i.Against(c, k)) == 0 {
				return append(items, Suggestion{Item: i, Setting: i.Defaults()}), left
			}
		}
	}
	return items, left
}

// Filter gives the items of a region and with a tag, either of which may be empty, that
// nothing speaks against.
func (l Library) Filter(region, tag string, c Circumstances, k Known) []Item {
	var out []Item
	for _, i := range l.Items {
		if region != "" && !slices.Contains(i.Regions, region) || tag != "" && !slices.Contains(i.Tags, tag) || len(i.Against(c, k)) > 0 {
			continue
		}
		out = append(out, i)
	}
	return out
}

// Advise gives the advice for the questions about sleep that were answered yes (F051).
func (l Library) Advise(yes map[string]bool) []SleepCheck {
	var out []SleepCheck
	for _, s := range l.SleepChecks {
		if yes[s.Question] {
			out = append(out, s)
		}
	}
	return out
}

// Closing gives the items for somebody whose plan has ended well (F052).
func (l Library) Closing() []Item {
	i, ok := l.Item(Lifestyle)
	if !ok {
		return nil
	}
	return []Item{i}
}
