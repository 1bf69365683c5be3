package people

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// MaxSearchNames is how many words of names a search may have.
const MaxSearchNames = 8

// Criteria is one way to understand what somebody typed into the search box. A record must
// fit all that is set.
type Criteria struct {
	// Names are folded beginnings of words of the record's names or of its external number.
	Names []string
	// BirthDates are the dates of which one must be the birth date.
	BirthDates []civil.Date
	// PhoneKey is what the reversed digits of the telephone number begin with.
	PhoneKey string
	// EmailKey is the whole address in the form it is compared in.
	EmailKey string
	// PatientID is the record's id.
	PatientID string
}

// IsZero reports whether nothing is asked for.
func (c Criteria) IsZero() bool {
	return len(c.Names) == 0 && len(c.BirthDates) == 0 && c.PhoneKey == "" && c.EmailKey == "" && c.PatientID == ""
}

// ParseQuery understands a search text: every way in which it makes sense, of which a record
// needs to fit one. Digits may be the end of a telephone number, an external number, or a
// birth date without separators. INVALID_ARGUMENT on field when nobody could be found by it.
func ParseQuery(field, text string) ([]Criteria, error) {
	if !utf8.ValidString(text) {
		return nil, fault.Invalid(field, "must be text")
	}
	words := strings.Fields(norm.NFKC.String(text))
	if len(words) == 1 && strings.HasPrefix(words[0], "pat_") {
		return []Criteria{{PatientID: words[0]}}, nil
	}
	base := Criteria{}
	base.BirthDates, words = findBirthDate(words)
	var numbers []string
	for _, word := range words {
		switch {
		case strings.Contains(word, "@"):
			base.EmailKey = EmailKey(word)
		case isPhoneWord(word):
			numbers = append(numbers, word)
		default:
			base.Names = append(base.Names, Tokens(word)...)
		}
	}
	ways := understandNumbers(base, numbers)
	if len(ways) == 0 {
		return nil, fault.Invalid(field, "must be parts of a name, a birth date, at least four digits of a telephone number, an address or a number of the patient")
	}
	for _, way := range ways {
		if len(way.Names) > MaxSearchNames {
			return nil, fault.Invalid(field, "must not have more than eight names")
		}
	}
	return ways, nil
}

// understandNumbers adds what the words that are only digits may mean.
func understandNumbers(base Criteria, numbers []string) []Criteria {
	if len(numbers) == 0 {
		if base.IsZero() {
			return nil
		}
		return []Criteria{base}
	}
	var ways []Criteria
	with := func(change func(c *Criteria)) {
		way := base
		way.Names = append([]string(nil), base.Names...)
		change(&way)
		ways = append(ways, way)
	}
	joined := strings.Join(numbers, " ")
	if key := PhoneSearchKey(joined); key != "" {
		with(func(c *Criteria) { c.PhoneKey = key })
	}
	if dates := compactDate(joined); len(dates) > 0 && len(base.BirthDates) == 0 {
		with(func(c *Criteria) { c.BirthDates = dates })
	}
	if tokens := Tokens(numbers...); len(tokens) > 0 {
		with(func(c *Criteria) { c.Names = append(c.Names, tokens...) })
	}
	return ways
}

// isPhoneWord reports whether a word has digits and otherwise only what stands between those
// of a telephone number.
func isPhoneWord(word string) bool {
	return strings.ContainsAny(word, "0123456789") && strings.Trim(word, "0123456789+()-./") == ""
}
