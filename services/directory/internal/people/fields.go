package people

import (
	"golang.org/x/text/language"

	"github.com/upright-clinic/upright/services/platform/fault"
)

// fields cleans the fields of a record one after the other and keeps the first fault.
type fields struct {
	prefix string
	err    error
}

// check keeps the first fault.
func (f *fields) check(err error) {
	if f.err == nil {
		f.err = err
	}
}

func (f *fields) set(value *string, cleaned string, err error) {
	f.check(err)
	if err == nil {
		*value = cleaned
	}
}

func (f *fields) name(value *string, field string, required bool) {
	cleaned, err := cleanName(f.prefix+field, *value, required)
	f.set(value, cleaned, err)
}

func (f *fields) text(value *string, field string) {
	cleaned, err := CleanText(f.prefix+field, *value)
	f.set(value, cleaned, err)
}

func (f *fields) phone(value *string, field string) {
	cleaned, err := CleanPhone(f.prefix+field, *value)
	f.set(value, cleaned, err)
}

func (f *fields) email(value *string, field string) {
	cleaned, err := CleanEmail(f.prefix+field, *value)
	f.set(value, cleaned, err)
}

// language wants a BCP 47 tag or nothing, and stores it in its canonical form.
func (f *fields) language(value *string, field string) {
	if *value == "" {
		return
	}
	tag, err := language.Parse(*value)
	if err != nil || tag == language.Und {
		f.check(fault.Invalid(f.prefix+field, "must be a language tag such as en or de-AT"))
		return
	}
	*value = tag.String()
}

func (f *fields) address(a *Address, field string) {
	lines := a.Lines[:0:0]
	for _, line := range a.Lines {
		f.text(&line, field+"lines")
		if line != "" {
			lines = append(lines, line)
		}
	}
	a.Lines = lines
	f.text(&a.PostalCode, field+"postal_code")
	f.text(&a.City, field+"city")
	f.text(&a.Region, field+"region")
	f.text(&a.Country, field+"country")
}
