package diary

import (
	"slices"

	"github.com/upright-clinic/upright/services/platform/civil"
)

// Codes of findings.
const (
	RedFlag         = "RED_FLAG"
	Worsening       = "WORSENING"
	SevereWorsening = "SEVERE_AND_WORSENING"
	WorseInjection  = "WORSE_AFTER_INJECTION"
	ExpectedSore    = "EXPECTED_SORENESS"
	ExpectedAfter   = "EXPECTED_AFTER_INJECTION"
	OtherSide       = "OTHER_SIDE"
	ItemComplete    = "ITEM_COMPLETE"
)

// What a finding asks for.
const (
	NoAction = "NONE"
	Review   = "CLINICIAN_REVIEW"
	SameDay  = "URGENT_SAME_DAY"
)

// Finding is something that the rules say about a day.
type Finding struct {
	Code   string `json:"code"`
	Rule   string `json:"rule_id"`
	Action string `json:"action"`
	Item   string `json:"item,omitempty"`
}

// foamRoll and soreFromRoller are the item and the word of F083.
const (
	foamRoll       = "FOAM_ROLL"
	soreFromRoller = "SORE_FROM_ROLLER"
)

// Injection is an injection that bears on how a diary is read.
type Injection struct {
	Date       civil.Date
	PainBefore *int // nil: not recorded
}

// Situation is what decides about one day of a diary.
type Situation struct {
	Days       []Day // oldest first
	Injections []Injection
	// Sided are the items that are done on each side.
	Sided func(code string) bool
}

// Judge gives what the rules say about the date. A red flag is one whatever else explains the
// pain; worsening that is expected, for a day after the first foam rolling (F083) and for
// three days after an injection (F127), asks for nothing; later after an injection it is
// urgent (U18).
func (r Rules) Judge(s Situation, date civil.Date) []Finding {
	i := slices.IndexFunc(s.Days, func(d Day) bool { return d.Date == date })
	if i < 0 {
		return nil
	}
	day := s.Days[i]
	out := s.otherSides(day)
	for _, tag := range r.RedFlags.Value {
		if day.Has(tag) {
			out = append(out, Finding{Code: RedFlag, Rule: "F027", Action: SameDay, Item: tag})
		}
	}
	worse := r.worse(s.Days, i)
	if f, near := r.afterInjection(s, day, worse); near {
		return append(out, f...)
	}
	switch severe := day.Pain != nil && float64(*day.Pain) >= r.SeverePain.Value; {
	case !worse:
	case severe:
		out = append(out, Finding{Code: SevereWorsening, Rule: "F036", Action: SameDay})
	case sore(s.Days, i):
		out = append(out, Finding{Code: ExpectedSore, Rule: "F083", Action: NoAction, Item: foamRoll})
	default:
		out = append(out, Finding{Code: Worsening, Rule: "F036", Action: Review})
	}
	return out
}

// worse reports whether the day's pain is worse than what was usual before it, or the end of
// a run of days each worse than the one before.
func (r Rules) worse(days []Day, i int) bool {
	if days[i].Pain == nil {
		return false
	}
	pain := *days[i].Pain
	var before []float64
	run, last := 1, pain
	running := true
	for j := i - 1; j >= 0; j-- {
		d := days[j]
		if d.Pain == nil {
			continue
		}
		if float64(d.Date.DaysUntil(days[i].Date)) <= r.UsualDays.Value {
			before = append(before, float64(*d.Pain))
		}
		if running = running && *d.Pain < last && d.Date.DaysUntil(days[i].Date) == run; running {
			run, last = run+1, *d.Pain
		}
	}
	if len(before) == 0 {
		return false
	}
	return float64(pain)-mean(before) >= r.WorseningPoints.Value || float64(run) >= r.WorseningRun.Value
}

// sore reports whether the day's pain is put down to the roller, on the day of its first use
// or the day after.
func sore(days []Day, i int) bool {
	if !days[i].Has(soreFromRoller) {
		return false
	}
	for _, d := range days {
		if slices.ContainsFunc(d.Done, func(x Done) bool { return x.Code == foamRoll }) {
			return d.Date.DaysUntil(days[i].Date) <= 1
		}
	}
	return true // the first use was not noted; the soreness says that there was one
}

// afterInjection judges a day that is near the last injection before it.
func (r Rules) afterInjection(s Situation, day Day, worse bool) ([]Finding, bool) {
	var last *Injection
	for _, x := range s.Injections {
		if !day.Date.Before(x.Date) && (last == nil || last.Date.Before(x.Date)) {
			last = &x
		}
	}
	if last == nil || day.Pain == nil {
		return nil, false
	}
	after := float64(last.Date.DaysUntil(day.Date))
	if after > r.WatchDays.Value {
		return nil, false
	}
	worse = worse || last.PainBefore != nil && *day.Pain > *last.PainBefore
	switch {
	case !worse:
		return nil, true
	case after <= r.ExpectedDays.Value:
		return []Finding{{Code: ExpectedAfter, Rule: "F127", Action: NoAction}}, true
	}
	return []Finding{{Code: WorseInjection, Rule: "F127", Action: SameDay}}, true
}

// otherSides finds items that were done on one side only (F068).
func (s Situation) otherSides(day Day) []Finding {
	sides := map[string]map[string]bool{}
	var order []string
	for _, d := range day.Done {
		if d.Side == "" || s.Sided == nil || !s.Sided(d.Code) {
			continue
		}
		if sides[d.Code] == nil {
			sides[d.Code] = map[string]bool{}
			order = append(order, d.Code)
		}
		sides[d.Code][d.Side] = true
	}
	var out []Finding
	for _, code := range order {
		if len(sides[code]) == 1 {
			out = append(out, Finding{Code: OtherSide, Rule: "F068", Action: NoAction, Item: code})
		}
	}
	return out
}

// Relief is how an injection has worked, from the diary (F124, F129).
type Relief struct {
	// Anaesthetic: there was relief on the day itself, which is the anaesthetic's.
	Anaesthetic bool
	// Start is the first later day with relief, the steroid's; zero when there was none.
	Start civil.Date
	// End is the last day of that relief.
	End civil.Date
	// Days are the days from start to end, both counted.
	Days int
}

// Relief gives for how long at least half of the pain before an injection was gone. It ends
// with the first day on which more pain was noted, or the day before the next injection
// (until; zero for none).
func (r Rules) Relief(before int, injected, until civil.Date, days []Day) Relief {
	var out Relief
	if before <= 0 {
		return out
	}
	enough := func(pain int) bool { return float64(before-pain)*100 >= r.ReliefPercent.Value*float64(before) }
	for _, d := range days {
		if d.Pain == nil || d.Date.Before(injected) || !until.IsZero() && !d.Date.Before(until) {
			continue
		}
		switch relieved := enough(*d.Pain); {
		case d.Date == injected:
			out.Anaesthetic = relieved
		case relieved:
			if out.Start.IsZero() {
				out.Start = d.Date
			}
			out.End = d.Date
		case !out.Start.IsZero():
			out.Days = out.Start.DaysUntil(out.End) + 1
			return out
		}
	}
	if !out.Start.IsZero() {
		out.Days = out.Start.DaysUntil(out.End) + 1
	}
	return out
}
