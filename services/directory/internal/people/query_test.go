package people

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
)

func dates(texts ...string) (ds []civil.Date) {
	for _, text := range texts {
		ds = append(ds, civil.MustParse(text))
	}
	return ds
}

func TestParseQuery(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text string
		want []Criteria
	}{
		{"Müller Anna", []Criteria{{Names: []string{"muller", "anna"}}}},
		{"  anna   MÜL ", []Criteria{{Names: []string{"anna", "mul"}}}},
		{"Smith-Jones", []Criteria{{Names: []string{"smith", "jones"}}}},
		{"1980-03-07", []Criteria{{BirthDates: dates("1980-03-07")}}},
		{"1980/3/7", []Criteria{{BirthDates: dates("1980-03-07")}}},
		{"7.3.1980", []Criteria{{BirthDates: dates("1980-03-07")}}},
		{"7. 3. 1980", []Criteria{{BirthDates: dates("1980-03-07")}}},
		{"07.03.1980 muster", []Criteria{{Names: []string{"muster"}, BirthDates: dates("1980-03-07")}}},
		{"muster 7 Mar 1980 max", []Criteria{{Names: []string{"muster", "max"}, BirthDates: dates("1980-03-07")}}},
		{"7. März 1980", []Criteria{{BirthDates: dates("1980-03-07")}}},
		{"7-Mar-1980", []Criteria{{BirthDates: dates("1980-03-07")}}},
		{"March 7th, 1980", []Criteria{{BirthDates: dates("1980-03-07")}}},
		{"25/12/1980", []Criteria{{BirthDates: dates("1980-12-25")}}},
		{"12/25/1980", []Criteria{{BirthDates: dates("1980-12-25")}}},
		{"3/7/1980", []Criteria{{BirthDates: dates("1980-07-03", "1980-03-07")}}},
		{"7/7/1980", []Criteria{{BirthDates: dates("1980-07-07")}}},
		{"29.2.2023", []Criteria{{PhoneKey: "3202292"}, {Names: []string{"29", "2", "2023"}}}},
		{"anna 0664 123456", []Criteria{
			{Names: []string{"anna"}, PhoneKey: "65432146"},
			{Names: []string{"anna", "0664", "123456"}},
		}},
		{"+43 664 123456", []Criteria{{PhoneKey: "65432146"}, {Names: []string{"43", "664", "123456"}}}},
		{"123", []Criteria{{Names: []string{"123"}}}},
		{"19800307", []Criteria{{PhoneKey: "70300891"}, {BirthDates: dates("1980-03-07")}, {Names: []string{"19800307"}}}},
		{"a@Example.org", []Criteria{{EmailKey: "a@example.org"}}},
		{"pat_0123", []Criteria{{PatientID: "pat_0123"}}},
	} {
		got, err := ParseQuery("query", test.text)
		if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
			t.Errorf("ParseQuery(%q): %v (-want +got):\n%s", test.text, err, diff)
		}
	}
	for _, text := range []string{"", "  ", "--", "?", "a b c d e f g h i", "\xff"} {
		if _, err := ParseQuery("query", text); !fault.Is(err, "INVALID_ARGUMENT") {
			t.Errorf("ParseQuery(%q) = %v, want INVALID_ARGUMENT", text, err)
		}
	}
}

func FuzzParseQuery(f *testing.F) {
	for _, seed := range []string{"Müller 7.3.1980", "3/7/1980", "+43 (664) 1", "pat_", "31 dec 1999", "1-1-1", "....", "a@", "0000"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ways, err := ParseQuery("query", text)
		if err != nil {
			if !fault.Is(err, "INVALID_ARGUMENT") {
				t.Errorf("ParseQuery(%q) = %v", text, err)
			}
			return
		}
		if len(ways) == 0 || len(ways) > 3 {
			t.Errorf("ParseQuery(%q) has %d ways", text, len(ways))
		}
		for _, way := range ways {
			if way.IsZero() {
				t.Errorf("ParseQuery(%q) finds everybody", text)
			}
			for _, name := range way.Names {
				if name == "" || !utf8.ValidString(name) {
					t.Errorf("ParseQuery(%q) looks for the name %q", text, name)
				}
			}
			for _, d := range way.BirthDates {
				if _, err := civil.Parse(d.String()); err != nil || d.Year < earliestBirthYear || d.Year > latestBirthYear {
					t.Errorf("ParseQuery(%q) looks for the date %s", text, d)
				}
			}
			if strings.Trim(way.PhoneKey, "0123456789") != "" || way.PhoneKey != "" && len(way.PhoneKey) < minSearchDigits {
				t.Errorf("ParseQuery(%q) looks for the digits %q", text, way.PhoneKey)
			}
		}
	})
}

func TestPhone(t *testing.T) {
	t.Parallel()
	stored := ReversedDigits("+43 (664) 123 45-67")
	for _, text := range []string{"0664 1234567", "+43 664 1234567", "0043 664 1234567", "4567", "34567"} {
		if key := PhoneSearchKey(text); key == "" || !strings.HasPrefix(stored, key) {
			t.Errorf("%q does not find the number", text)
		}
	}
	for _, text := range []string{"0664 1234568", "1234"} {
		if strings.HasPrefix(stored, PhoneSearchKey(text)) {
			t.Errorf("%q finds another number", text)
		}
	}
	if PhoneSearchKey("567") != "" || PhoneSearchKey("0000000") != "" {
		t.Error("three digits, or zeros, look for somebody")
	}
	for _, good := range []string{"", "123456", "+43 664 123 45 67", "(01) 234-567.8", "01 234 567 x12"} {
		if _, err := CleanPhone("phone", good); err != nil {
			t.Errorf("CleanPhone(%q) = %v", good, err)
		}
	}
	for _, bad := range []string{"12345", "call me", "1+234567", "123456789012345678901", "123456\xff"} {
		if _, err := CleanPhone("phone", bad); !fault.Is(err, "INVALID_ARGUMENT") {
			t.Errorf("CleanPhone(%q) = %v, want INVALID_ARGUMENT", bad, err)
		}
	}
}

func FuzzPhone(f *testing.F) {
	f.Add("+43 664 1234567", 6)
	f.Fuzz(func(t *testing.T, number string, n int) {
		phone, err := CleanPhone("phone", number)
		if err != nil || phone == "" {
			return
		}
		digits := Digits(phone)
		if again, err := CleanPhone("phone", phone); again != phone || err != nil {
			t.Errorf("CleanPhone is not stable on %q", phone)
		}
		n = min(max(n, 0), len(digits))
		if key := PhoneSearchKey(digits[len(digits)-n:]); !strings.HasPrefix(ReversedDigits(phone), key) {
			t.Errorf("the last %d digits do not find %q", n, phone)
		}
	})
}

func TestCleanEmail(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"a@b.org", " first.last+tag@sub.example.org ", "ü@exämple.org", "o'neil@demo.clinic"} {
		if _, err := CleanEmail("email", good); err != nil {
			t.Errorf("CleanEmail(%q) = %v", good, err)
		}
	}
	for _, bad := range []string{
		"a", "@b.org", "a@", "a@b", "a@b@c.org", "a b@c.org", "a@b..org", "a@-b.org", "a@b.org\nBcc: x@y.org", "<a@b.org>",
		strings.Repeat("a", 65) + "@b.org", "a@" + strings.Repeat("b", 64) + ".org", "a@b.org\x00",
	} {
		if _, err := CleanEmail("email", bad); !fault.Is(err, "INVALID_ARGUMENT") {
			t.Errorf("CleanEmail(%q) = %v, want INVALID_ARGUMENT", bad, err)
		}
	}
	if EmailKey(" Anna@EXAMPLE.org ") != "anna@example.org" {
		t.Error("case tells addresses apart")
	}
}
