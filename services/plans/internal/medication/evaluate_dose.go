package medication

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/upright-clinic/upright/services/platform/civil"
)

// OfDose gives what the rules say about one dose that was taken. Doses that somebody
// prescribed follow the prescription, not the package.
func (r Rules) OfDose(c Case, doseID string) []Issue {
	at := slices.IndexFunc(c.Doses, func(d Dose) bool { return d.ID == doseID })
	if at < 0 {
		return nil
	}
	d := c.Doses[at]
	m := r.Recognise(d.Drug, d.Mg)
	it, _ := c.item(d.ItemID)
	var out []Issue
	for _, rule := range r.Rules {
		if rule.Mode == Off {
			continue
		}
		switch rule.Kind {
		case "DAYS":
			if m.Is(rule.Class) {
				days := r.daysOf(c, func(m Medicine) bool { return m.Is(rule.Class) })
				out = append(out, rule.dayIssue(runAround(days, d.Date), it)...)
			}
		case "TOGETHER":
			out = append(out, r.togetherDose(rule, c, d, m, it)...)
		case "DOSE":
			if m.isDrug(rule.Drug) && len(m.Drugs) == 1 && it.Prescriber == "" {
				out = append(out, r.dose(rule, c, d, m)...)
			}
		case "LABEL":
			if it.Prescriber == "" {
				out = append(out, r.labelled(rule, c, d, m)...)
			}
		case "FOOD":
			out = append(out, food(rule, c, d, m)...)
		}
	}
	for i := range out {
		out[i].DoseID = d.ID
	}
	return sorted(out)
}

// togetherDose finds what must not be taken with the dose: medicines of the list, and doses
// of the same day.
func (r Rules) togetherDose(rule Rule, c Case, d Dose, m Medicine, it Item) (out []Issue) {
	var said []string
	add := func(other Medicine, acks []Ack) {
		if rule.clash(m.Classes, other.Classes) && !slices.Contains(said, other.Name) {
			said = append(said, other.Name)
			i := it
			i.ID = d.ItemID
			out = append(out, rule.togetherIssue(i, m.Name, other.Name, other.Name, acks))
		}
	}
	for _, o := range c.Items {
		if o.State.Taken() && o.ID != d.ItemID {
			add(r.Recognise(o.Drug, o.Mg), o.Acks)
		}
	}
	for _, o := range c.Doses {
		if o.Date == d.Date { // the dose itself too: both may be in one tablet
			add(r.Recognise(o.Drug, o.Mg), nil)
		}
	}
	return out
}

// same are the doses of the same drugs, the dose itself included.
func (r Rules) same(c Case, m Medicine) (list []Dose) {
	for _, d := range c.Doses {
		if r.Recognise(d.Drug, d.Mg).Name == m.Name {
			list = append(list, d)
		}
	}
	return list
}

// tooSoon reports whether another dose of the list is nearer than the hours, before or after.
func tooSoon(list []Dose, d Dose, hours int) bool {
	return slices.ContainsFunc(list, func(o Dose) bool {
		return o.ID != d.ID && o.At.Sub(d.At).Abs() < time.Duration(hours)*time.Hour
	})
}

// within24h is the most that was taken within any 24 hours to which the dose belongs.
func within24h(list []Dose, d Dose) float64 {
	const day = 24 * time.Hour
	most := 0.0
	for _, end := range list {
		if end.At.Before(d.At) || end.At.Sub(d.At) >= day {
			continue
		}
		sum := 0.0
		for _, o := range list {
			if !o.At.After(end.At) && end.At.Sub(o.At) < day {
				sum += o.Mg
			}
		}
		most = max(most, sum)
	}
	return most
}

// mg writes a number of milligrams.
func mg(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

// dose checks a dose against the limits of the rule's own drug.
func (r Rules) dose(rule Rule, c Case, d Dose, m Medicine) (out []Issue) {
	it, list := Item{ID: d.ItemID}, r.same(c, m)
	if d.Mg > 0 && (d.Mg < rule.SingleMinMg || d.Mg > rule.SingleMaxMg) {
		out = append(out, rule.issue("SINGLE", it, nil, "drug", m.Name, "mg", mg(d.Mg)))
	}
	if tooSoon(list, d, rule.IntervalHours) {
		out = append(out, rule.issue("INTERVAL", it, nil, "drug", m.Name, "hours", strconv.Itoa(rule.IntervalHours)))
	}
	if sum := within24h(list, d); sum > rule.DayMaxMg {
		out = append(out, rule.issue("DAY", it, nil, "drug", m.Name, "mg", mg(sum), "limit", mg(rule.DayMaxMg)))
	}
	return out
}

// labelled checks a dose against the label of its product, which is then the source.
func (r Rules) labelled(rule Rule, c Case, d Dose, m Medicine) (out []Issue) {
	label := m.label()
	if label == nil {
		return nil
	}
	it, list := Item{ID: d.ItemID}, r.same(c, m)
	if label.MaxSingleMg > 0 && d.Mg > label.MaxSingleMg {
		out = append(out, rule.issue("LABEL_SINGLE", it, nil, "drug", m.Name, "mg", mg(d.Mg), "limit", mg(label.MaxSingleMg)))
	}
	if sum := within24h(list, d); label.MaxDayMg > 0 && sum > label.MaxDayMg {
		out = append(out, rule.issue("LABEL_DAY", it, nil, "drug", m.Name, "mg", mg(sum), "limit", mg(label.MaxDayMg)))
	}
	if label.MinIntervalHours > 0 && tooSoon(list, d, label.MinIntervalHours) {
		out = append(out, rule.issue("LABEL_INTERVAL", it, nil, "drug", m.Name, "hours", strconv.Itoa(label.MinIntervalHours)))
	}
	run := runAround(r.daysOf(c, func(o Medicine) bool { return o.Name == m.Name }), d.Date)
	if label.MaxDays > 0 && run.Days > label.MaxDays && !r.countsDays(m) {
		out = append(out, rule.issue("LABEL_DAYS", it, nil, "drug", m.Name, "days", strconv.Itoa(run.Days), "limit", strconv.Itoa(label.MaxDays)))
	}
	for i := range out {
		out[i].Source = label.Source
	}
	return out
}

// countsDays reports whether a rule about days in a row speaks for the medicine already.
func (r Rules) countsDays(m Medicine) bool {
	return slices.ContainsFunc(r.Rules, func(rule Rule) bool { return rule.Kind == "DAYS" && rule.Mode != Off && m.Is(rule.Class) })
}

// food reminds of food, and tells a clinician when it is forgotten often.
func food(rule Rule, c Case, d Dose, m Medicine) []Issue {
	if d.Food != EmptyStomach {
		return nil
	}
	var dates []civil.Date
	for _, o := range c.Doses {
		if o.Food == EmptyStomach {
			dates = append(dates, o.Date)
		}
	}
	out := []Issue{rule.issue("FOOD", Item{ID: d.ItemID}, nil, "drug", m.Name)}
	if n := mostWithin(dates, d.Date, rule.WithinDays); n >= rule.TaskAt {
		year, week := d.Date.ISOWeek() // one task a week
		about := []string{fmt.Sprintf("%04d-W%02d", year, week)}
		out = append(out, rule.issue("OFTEN", Item{ID: d.ItemID}, about, "drug", m.Name, "days", strconv.Itoa(n)))
	}
	return out
}
