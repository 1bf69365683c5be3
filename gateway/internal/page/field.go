package page

import (
	"fmt"
	"strconv"

	"github.com/upright-clinic/upright/services/platform/civil"
)

// Field is one question of a form, as the template "field" shows it.
type Field struct {
	// Kind is an input's type, or "textarea", "select", "radio", "checks" or "date3": a
	// date in three boxes, which everybody can type and no calendar gets in the way of.
	Kind string
	// Name is the name and the id.
	Name string
	// Label is the question, Hint a line below it, Error what is wrong.
	Label, Hint, Error string
	// Value is what is there, Values are the chosen ones of several.
	Value  string
	Values []string
	// Options of a choice.
	Options []Option
	// Autocomplete is the token that lets browsers fill it in (WCAG 1.3.5).
	Autocomplete string
	// InputMode picks the keyboard of a phone.
	InputMode string
	// Optional is said beside the label; everything else is needed.
	Optional bool
	// Short is for a few characters.
	Short bool
	// Min and Max bound a date or a number, where the browser can help.
	Min, Max string
}

// Option is one answer of a choice.
type Option struct {
	Value, Label, Hint string
	Checked            bool
	// Heading starts a group of options.
	Heading string
}

// Parts are the three boxes of a date.
func (f Field) Parts() []Field {
	auto := func(part string) string {
		if f.Autocomplete == "" {
			return ""
		}
		return f.Autocomplete + "-" + part
	}
	year, month, day := "", "", ""
	if len(f.Values) == 3 {
		year, month, day = f.Values[0], f.Values[1], f.Values[2]
	}
	return []Field{
		{Name: f.Name + "_day", Value: day, Autocomplete: auto("day"), Label: "date.day"},
		{Name: f.Name + "_month", Value: month, Autocomplete: auto("month"), Label: "date.month"},
		{Name: f.Name + "_year", Value: year, Autocomplete: auto("year"), Label: "date.year"},
	}
}

// Described is the value of aria-describedby.
func (f Field) Described() string {
	s := ""
	if f.Hint != "" {
		s = f.Name + "-hint"
	}
	if f.Error != "" {
		s += " " + f.Name + "-error"
	}
	return s
}

// Has reports whether an option is chosen.
func (f Field) Has(value string) bool {
	if f.Value == value && value != "" {
		return true
	}
	for _, v := range f.Values {
		if v == value {
			return true
		}
	}
	return false
}

// input makes a field whose texts are key, key_hint, and that keeps what was typed.
func (c *call) input(w *wrongs, kind, name, key string) Field {
	return Field{
		Kind: kind, Name: name, Label: c.cat.T(key), Hint: c.cat.Or(key+"_hint", ""),
		Error: w.of(name), Value: c.form(name), Values: c.forms(name),
	}
}

// date3 reads a date in three boxes. It notes what is wrong with it, and returns "" then.
func (c *call) date3(w *wrongs, name, missing string) string {
	d, m, y := c.form(name+"_day"), c.form(name+"_month"), c.form(name+"_year")
	if d == "" && m == "" && y == "" {
		w.field(name, c.cat.T(missing))
		return ""
	}
	day, errDay := strconv.Atoi(d)
	month, errMonth := strconv.Atoi(m)
	year, errYear := strconv.Atoi(y)
	parsed, err := civil.Parse(fmt.Sprintf("%04d-%02d-%02d", year, month, day))
	if errDay != nil || errMonth != nil || errYear != nil || err != nil {
		w.field(name, c.cat.T("error.date"))
		return ""
	}
	return parsed.String()
}

// date3Values are the three boxes as they were typed.
func (c *call) date3Values(name string) []string {
	return []string{c.form(name + "_year"), c.form(name + "_month"), c.form(name + "_day")}
}
