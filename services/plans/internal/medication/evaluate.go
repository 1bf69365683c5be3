package medication

import (
	"slices"
	"strconv"
	"strings"
)

// OfItem gives what the rules say about one medicine of the list: nothing about one that is
// not on it, or not any more.
func (r Rules) OfItem(c Case, itemID string) []Issue {
	it, ok := c.item(itemID)
	if !ok || !it.State.Listed() {
		return nil
	}
	m := r.Recognise(it.Drug, it.Mg)
	var out []Issue
	for _, rule := range r.Rules {
		if rule.Mode == Off {
			continue
		}
		switch rule.Kind {
		case "TOGETHER":
			out = append(out, r.together(rule, c, it, m)...)
		case "DAYS":
			out = append(out, r.daysOfItem(rule, c, it, m)...)
		case "CONFLICT":
			out = append(out, r.conflict(rule, c, it, m)...)
		case "CAUTION":
			out = append(out, r.caution(rule, c, it, m)...)
		case "AGE":
			if age, known := c.Conditions.Age(c.Today); known && age < rule.AdultAge && m.isDrug(rule.Drug) && it.Prescriber == "" {
				out = append(out, rule.issue("AGE", it, nil, "drug", m.Name, "limit", strconv.Itoa(rule.AdultAge)))
			}
		case "PRESCRIBER":
			if it.Prescriber == "" && slices.ContainsFunc(m.Classes, r.needsPrescriber) {
				out = append(out, rule.issue("PRESCRIBER", it, nil, "drug", m.Name))
			}
		case "REVIEW":
			if m.Is(rule.Class) {
				out = append(out, rule.issue("REVIEW", it, nil, "drug", m.Name))
			}
		case "UNKNOWN":
			if !m.Known() {
				out = append(out, rule.issue("UNKNOWN", it, nil, "drug", m.Name))
			}
		}
	}
	return sorted(out)
}

// Of gives what the rules say about every medicine of the list.
func (r Rules) Of(c Case) []Issue {
	var out []Issue
	for _, it := range c.Items {
		out = append(out, r.OfItem(c, it.ID)...)
	}
	return sorted(out)
}

func (r Rules) needsPrescriber(class string) bool {
	found, _ := r.class(class)
	return found.PrescriberNeeded
}

// NeedsPrescriber reports whether a medicine of this name is taken only when somebody has
// prescribed it.
func (r Rules) NeedsPrescriber(m Medicine) bool {
	return slices.ContainsFunc(m.Classes, r.needsPrescriber)
}

// issue makes an issue of a check about a medicine. words are names and values in turns for
// the check's sentences.
func (rule Rule) issue(check string, it Item, codes []string, words ...string) Issue {
	said := rule.Checks[check]
	pairs := make([]string, len(words))
	for i := 0; i+1 < len(words); i += 2 {
		pairs[i], pairs[i+1] = "{"+words[i]+"}", words[i+1]
	}
	replace := strings.NewReplacer(pairs...)
	i := Issue{
		RuleID: rule.ID, Check: check, Code: rule.Code, Mode: rule.Mode, Severity: said.Severity, Source: rule.Source,
		Patient: upperFirst(replace.Replace(said.Patient)), Clinician: upperFirst(replace.Replace(said.Clinician)),
		EvidenceNote: rule.EvidenceNote, Related: rule.Related, ItemID: it.ID, Codes: codes,
	}
	i.Acknowledged = acknowledged(it.Acks, rule.ID, codes)
	i.Blocking = said.Blocks && rule.Mode == Enforce && !i.Acknowledged
	i.Task = said.Task && !i.Acknowledged && (i.Blocking || !said.Blocks)
	return i
}

// upperFirst starts a sentence that a name begins.
func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// acknowledged reports whether everything that the issue is about was acknowledged.
func acknowledged(acks []Ack, ruleID string, codes []string) bool {
	for _, a := range acks {
		if a.RuleID != ruleID {
			continue
		}
		if !slices.ContainsFunc(codes, func(c string) bool { return !slices.Contains(a.Codes, c) }) {
			return true
		}
	}
	return false
}

// others are the other medicines of the list that the patient takes.
func (r Rules) others(c Case, it Item) (items []Item) {
	for _, o := range c.Items {
		if o.ID != it.ID && o.State.Taken() {
			items = append(items, o)
		}
	}
	return items
}

// alsoTaken are the classes that are taken although the list has nothing of them: by doses
// of today or yesterday, and by the intake form where the list has never had one, stopped or
// not: the list is what was said last.
func (r Rules) alsoTaken(c Case) (classes []string) {
	has := func(class string, counts func(State) bool) bool {
		return slices.ContainsFunc(c.Items, func(it Item) bool { return counts(it.State) && r.Recognise(it.Drug, it.Mg).Is(class) })
	}
	add := func(class string) {
		if !slices.Contains(classes, class) {
			classes = append(classes, class)
		}
	}
	for _, d := range c.Doses {
		if d.Date.Before(c.Today.AddDays(-1)) || d.Date.After(c.Today) {
			continue
		}
		for _, class := range r.Recognise(d.Drug, d.Mg).Classes {
			if !has(class, State.Taken) {
				add(class)
			}
		}
	}
	for _, f := range r.FormClasses {
		if c.Conditions.has(f.Question, []string{f.Value}) && !has(f.Class, func(s State) bool { return s != InError && s != Blocked }) {
			add(f.Class)
		}
	}
	return classes
}

// clash reports whether the rule speaks against two medicines of these classes together.
func (rule Rule) clash(a, b []string) bool {
	one := func(a, b []string) bool {
		return slices.Contains(a, rule.Class) && slices.ContainsFunc(rule.With, func(w string) bool { return slices.Contains(b, w) })
	}
	return one(a, b) || one(b, a)
}

// togetherIssue says that a medicine is not taken with another. An acknowledgement on either
// side is enough.
func (rule Rule) togetherIssue(it Item, name, code, other string, acks []Ack) Issue {
	i := rule.issue("TOGETHER", it, []string{code}, "drug", name, "other", other)
	if acknowledged(acks, rule.ID, []string{name}) {
		i.Acknowledged, i.Blocking, i.Task = true, false, false
	}
	return i
}

// together finds the medicines that must not be taken with one another.
func (r Rules) together(rule Rule, c Case, it Item, m Medicine) (out []Issue) {
	if rule.clash(m.Classes, m.Classes) { // both in one tablet
		out = append(out, rule.togetherIssue(it, m.Name, m.Name, m.Name, nil))
	}
	for _, o := range r.others(c, it) {
		if om := r.Recognise(o.Drug, o.Mg); rule.clash(m.Classes, om.Classes) {
			out = append(out, rule.togetherIssue(it, m.Name, om.Name, om.Name, o.Acks))
		}
	}
	for _, class := range r.alsoTaken(c) {
		if rule.clash(m.Classes, []string{class}) {
			said, _ := r.class(class)
			out = append(out, rule.togetherIssue(it, m.Name, class, said.Title, nil))
		}
	}
	return out
}

// daysOfItem says what day of a run a dose today would be.
func (r Rules) daysOfItem(rule Rule, c Case, it Item, m Medicine) []Issue {
	if !m.Is(rule.Class) {
		return nil
	}
	run := ifTakenToday(r.daysOf(c, func(m Medicine) bool { return m.Is(rule.Class) }), c.Today)
	return rule.dayIssue(run, it)
}

// dayIssue says that a run is long, or too long.
func (rule Rule) dayIssue(run Run, it Item) []Issue {
	check := ""
	switch {
	case run.Days >= rule.BlockFromDay:
		check = "BLOCK"
	case run.Days >= rule.AdviseFromDay:
		check = "ADVISE"
	default:
		return nil
	}
	return []Issue{rule.issue(check, it, []string{run.First.String()}, "days", strconv.Itoa(run.Days), "since", run.First.String())}
}

// conflict finds what is known against a medicine; one issue names all of it.
func (r Rules) conflict(rule Rule, c Case, it Item, m Medicine) []Issue {
	if !m.Is(rule.Class) {
		return nil
	}
	codes, said := r.known(rule, c, it)
	if len(codes) == 0 {
		return nil
	}
	return []Issue{rule.issue("CONFLICT", it, codes, "drug", m.Name, "other", strings.Join(said, ", "))}
}

// known gives the conflicts of the rule that hold for the patient, as codes and in words.
func (r Rules) known(rule Rule, c Case, it Item) (codes, said []string) {
	for _, k := range rule.Conflicts {
		byList := k.Class != "" && slices.ContainsFunc(r.others(c, it), func(o Item) bool { return r.Recognise(o.Drug, o.Mg).Is(k.Class) })
		if byList || c.Conditions.has(k.Question, k.Values) {
			codes = append(codes, k.Question+"."+k.Values[0])
			said = append(said, k.Words)
		}
	}
	return codes, said
}

// caution finds what makes an NSAID riskier without forbidding it.
func (r Rules) caution(rule Rule, c Case, it Item, m Medicine) (out []Issue) {
	if !m.Is(rule.Class) {
		return nil
	}
	if age, known := c.Conditions.Age(c.Today); known && rule.CautionAge > 0 && age >= rule.CautionAge {
		out = append(out, rule.issue("AGED", it, []string{"age"}, "drug", m.Name, "limit", strconv.Itoa(rule.CautionAge)))
	}
	for _, o := range r.others(c, it) {
		if om := r.Recognise(o.Drug, o.Mg); om.Is(rule.Class) {
			out = append(out, rule.issue("ANOTHER", it, []string{om.Name}, "drug", m.Name, "other", om.Name))
		}
	}
	if codes, said := r.known(rule, c, it); len(codes) > 0 {
		out = append(out, rule.issue("CAUTION", it, codes, "drug", m.Name, "other", strings.Join(said, ", ")))
	}
	return out
}
