package homecare

import (
	"slices"
	"strconv"
	"strings"

	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// Setting is an item as a programme has it. 0 is the library's default.
type Setting struct {
	Code        string `json:"code"`
	Hold        int    `json:"hold_seconds,omitempty"`
	Repetitions int    `json:"repetitions,omitempty"`
	Minutes     int    `json:"minutes,omitempty"`
	PerDay      int    `json:"per_day,omitempty"`
	// Interval is between the starts of two sessions of ice, in minutes.
	Interval int `json:"interval_minutes,omitempty"`
	// Lines replace the library's; safety lines are beside them and stay.
	Lines []string `json:"lines,omitempty"`
	// Safety are the ids of the safety lines that the clinician's form has kept; empty keeps
	// all of them.
	Safety []string   `json:"safety,omitempty"`
	Reason string     `json:"reason,omitempty"` // for a number outside the limits
	End    civil.Date `json:"end_date,omitzero"`
	// WorkFrom and WorkTo are the working time for hourly prompts, in minutes of the day; both
	// 0 is no prompts: they are for those who want them (F050).
	WorkFrom int `json:"work_from,omitempty"`
	WorkTo   int `json:"work_to,omitempty"`
}

// Programme is what a patient does at home.
type Programme struct {
	Items []Setting `json:"items"`
	Start civil.Date
	// WakeFrom and WakeTo are the waking hours, FirstAt when the first day begins, in minutes
	// of the day.
	WakeFrom, WakeTo, FirstAt int
	Circumstances             Circumstances
	// Resolved: a clinician has said that the injury is (F155).
	Resolved bool
}

// Defaults gives an item with the library's numbers.
func (i Item) Defaults() Setting {
	s := Setting{Code: i.Code}
	for _, n := range i.numbers(&s) {
		if n.limits != nil {
			*n.value = n.limits.Default
		}
	}
	return s
}

// numbered is one number of a setting with its limits.
type numbered struct {
	name   string
	value  *int
	limits *Range
}

func (i Item) numbers(s *Setting) []numbered {
	return []numbered{
		{"hold_seconds", &s.Hold, i.Hold},
		{"repetitions", &s.Repetitions, i.Repetitions},
		{"minutes", &s.Minutes, i.Minutes},
		{"per_day", &s.PerDay, i.PerDay},
	}
}

// Complete checks a programme and fills in what was left open; what must always be there is
// added (F048, F049). It fails with INVALID_ARGUMENT for an item that there is not or is there
// twice, a number outside its limits, a safety line that is missing; with BED_REST_FORBIDDEN,
// INJURY_NOT_RESOLVED, CONTRAINDICATED and EXERCISE_NEEDED.
func (l Library) Complete(p Programme, k Known) (Programme, error) {
	if p.WakeFrom == 0 && p.WakeTo == 0 {
		p.WakeFrom, p.WakeTo = 8*60, 22*60
	}
	switch {
	case p.WakeFrom < 0 || p.WakeTo > 24*60 || p.WakeTo-p.WakeFrom < 60:
		return p, fault.Invalid("wake_to", "is at least an hour after waking, on the same day")
	case p.FirstAt < 0 || p.FirstAt >= 24*60:
		return p, fault.Invalid("first_at", "is a time of day")
	}
	items := slices.Clone(p.Items)
	for _, code := range l.Always {
		if !slices.ContainsFunc(items, func(s Setting) bool { return s.Code == code }) {
			items = append([]Setting{{Code: code}}, items...)
		}
	}
	seen := map[string]bool{}
	exercise := false
	for n := range items {
		at := "items[" + strconv.Itoa(n-(len(items)-len(p.Items))) + "]"
		i, err := l.allowed(items[n].Code, at, p, k)
		if err != nil {
			return p, err
		}
		if seen[i.Code] {
			return p, fault.Invalid(at+".code", "is there twice")
		}
		seen[i.Code] = true
		exercise = exercise || i.Kind == Exercise
		if items[n], err = l.complete(i, items[n], at, p); err != nil {
			return p, err
		}
	}
	if p.Circumstances.Physiotherapy && !exercise {
		return p, fault.New(fault.FailedPrecondition, "EXERCISE_NEEDED", "A home programme of physiotherapy has at least one exercise.").With("rule", "F151")
	}
	p.Items = items
	return p, nil
}

// allowed gives the item unless something forbids it.
func (l Library) allowed(code, at string, p Programme, k Known) (Item, error) {
	for _, f := range l.Forbidden {
		if f.Code == code {
			return Item{}, fault.New(fault.InvalidArgument, "BED_REST_FORBIDDEN", f.Message).With("rule", "F048").With("source", f.Source).
				OnField(at+".code", f.Message)
		}
	}
	i, ok := l.Item(code)
	if !ok {
		return Item{}, fault.Invalid(at+".code", "is not in the library")
	}
	if i.Locked && !p.Resolved {
		return Item{}, fault.New(fault.FailedPrecondition, "INJURY_NOT_RESOLVED", "This waits until a clinician has said that the injury is resolved.").
			With("rule", "F155").With("item", code)
	}
	if rules := i.Against(p.Circumstances, k); len(rules) > 0 {
		return Item{}, fault.New(fault.FailedPrecondition, "CONTRAINDICATED", "Something known of the patient speaks against this.").
			With("rule", strings.Join(rules, ",")).With("item", code)
	}
	if i.NeedsSwelling && !p.Circumstances.Swelling {
		return Item{}, fault.New(fault.FailedPrecondition, "NOT_INDICATED", "This is for swelling only.").With("rule", "F062").With("item", code)
	}
	return i, nil
}

// complete fills in and checks the numbers of one item.
func (l Library) complete(i Item, s Setting, at string, p Programme) (Setting, error) {
	for _, n := range i.numbers(&s) {
		switch {
		case n.limits == nil && *n.value != 0:
			return s, fault.Invalid(at+"."+n.name, "is nothing that this item has")
		case n.limits == nil:
		case *n.value == 0:
			*n.value = n.limits.Default
		case *n.value < n.limits.Min || *n.value > n.limits.Max:
			if n.limits.ReasonOutside && s.Reason != "" && *n.value > 0 && *n.value <= 24 {
				continue
			}
			return s, fault.Invalid(at+"."+n.name, "is at least "+strconv.Itoa(n.limits.Min)+" and at most "+strconv.Itoa(n.limits.Max)).
				With("min", strconv.Itoa(n.limits.Min)).With("max", strconv.Itoa(n.limits.Max)).With("item", i.Code)
		}
	}
	if err := i.keepsSafety(s, at); err != nil {
		return s, err
	}
	if i.Days != nil && s.End.IsZero() {
		s.End = p.Start.AddDays(i.Days.Default)
	}
	switch {
	case !s.End.IsZero() && s.End.Before(p.Start):
		return s, fault.Invalid(at+".end_date", "is before the first day")
	case i.Code == Cold && s.Interval == 0:
		s.Interval = l.Ice.IntervalDefault
	case i.Code == Cold && (s.Interval < l.Ice.IntervalMin || s.Interval > l.Ice.IntervalMax):
		return s, fault.Invalid(at+".interval_minutes", "is at least "+strconv.Itoa(l.Ice.IntervalMin)+" and at most "+strconv.Itoa(l.Ice.IntervalMax))
	case i.Code != Cold && s.Interval != 0:
		return s, fault.Invalid(at+".interval_minutes", "is nothing that this item has")
	case !i.Hourly && (s.WorkFrom != 0 || s.WorkTo != 0):
		return s, fault.Invalid(at+".work_from", "is nothing that this item has")
	case s.WorkFrom < 0 || s.WorkTo > 24*60 || s.WorkTo < s.WorkFrom:
		return s, fault.Invalid(at+".work_to", "is after the start of work, on the same day")
	}
	return s, nil
}

// keepsSafety refuses a form that has lost a safety line (F059).
func (i Item) keepsSafety(s Setting, at string) error {
	if len(s.Safety) == 0 && len(s.Lines) == 0 {
		return nil
	}
	for _, line := range i.Safety {
		if len(s.Safety) > 0 && !slices.Contains(s.Safety, line.ID) {
			return fault.New(fault.InvalidArgument, "SAFETY_LINE_REQUIRED", "A safety line cannot be removed.").With("item", i.Code).With("line", line.ID).
				OnField(at+".safety", "the line "+line.ID+" cannot be removed")
		}
	}
	return nil
}
