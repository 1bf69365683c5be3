package medication

import (
	"slices"
	"strings"
	"unicode"
)

// Medicine is what a name that somebody wrote means.
type Medicine struct {
	// Name is the generic name, or what was written when no drug is known by it.
	Name string
	// Drugs are those that it names: none when it is not known.
	Drugs []Drug
	// Classes are those of the drugs, each once.
	Classes []string
}

// Is reports whether the medicine has the class.
func (m Medicine) Is(class string) bool { return class != "" && slices.Contains(m.Classes, class) }

// isDrug reports whether the drug is what the medicine is, or part of it.
func (m Medicine) isDrug(name string) bool {
	return slices.ContainsFunc(m.Drugs, func(d Drug) bool { return d.Drug == name })
}

// Known reports whether the table has it.
func (m Medicine) Known() bool { return len(m.Drugs) > 0 }

// label gives the limits of the package, where one drug has them.
func (m Medicine) label() *Label {
	if len(m.Drugs) != 1 {
		return nil
	}
	return m.Drugs[0].Label
}

// Recognise finds the drugs that a text names, whatever else it says, such as a strength or
// a form. The longest name wins. A dose that is known can make it another drug: aspirin in a
// small dose is not taken for pain.
func (r Rules) Recognise(text string, mg float64) Medicine {
	said := words(text)
	var m Medicine
	for at := 0; at < len(said); {
		d, n, ok := r.longest(said[at:])
		if !ok {
			at++
			continue
		}
		at += n
		if low := d.LowDose; low != nil && mg > 0 && mg <= low.MaxMg {
			if i := slices.IndexFunc(r.Drugs, func(o Drug) bool { return o.Drug == low.As }); i >= 0 {
				d = r.Drugs[i]
			}
		}
		if m.isDrug(d.Drug) {
			continue
		}
		m.Drugs = append(m.Drugs, d)
		for _, c := range d.Classes {
			if !slices.Contains(m.Classes, c) {
				m.Classes = append(m.Classes, c)
			}
		}
	}
	names := make([]string, len(m.Drugs))
	for i, d := range m.Drugs {
		names[i] = d.Drug
	}
	if m.Name = strings.Join(names, " and "); m.Name == "" {
		m.Name = strings.TrimSpace(text)
	}
	return m
}

// known is a name of a drug, taken apart.
type known struct {
	words []string
	drug  int
}

// indexed prepares the names for Recognise.
func (r Rules) indexed() Rules {
	r.index = map[string][]known{}
	for i, d := range r.Drugs {
		for _, name := range append([]string{d.Drug}, d.Names...) {
			if w := words(name); len(w) > 0 {
				r.index[w[0]] = append(r.index[w[0]], known{w, i})
			}
		}
	}
	return r
}

// longest gives the drug whose name the words start with, the longest name first.
func (r Rules) longest(said []string) (found Drug, n int, ok bool) {
	for _, k := range r.index[said[0]] {
		if len(k.words) > n && len(k.words) <= len(said) && slices.Equal(k.words, said[:len(k.words)]) {
			found, n, ok = r.Drugs[k.drug], len(k.words), true
		}
	}
	return found, n, ok
}

// words takes a text apart, in lower case. A hyphen is part of a word.
func words(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(c rune) bool {
		return !unicode.IsLetter(c) && !unicode.IsDigit(c) && c != '-'
	})
}
