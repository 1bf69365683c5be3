package people

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/upright-clinic/upright/services/platform/fault"
)

// maxNameTokens bounds the words of one record's names, so that nobody stores a thousand.
const maxNameTokens = 24

// plainLetters are letters that no decomposition takes apart, with what people type instead.
var plainLetters = map[rune]string{
	'ß': "ss", 'æ': "ae", 'œ': "oe", 'ø': "o", 'ł': "l", 'đ': "d", 'ð': "d", 'þ': "th", 'ħ': "h", 'ŧ': "t", 'ŋ': "n",
}

// Fold brings a name to the form it is compared in: without case, accents, apostrophes or
// width, and with an e after a, o or u left out, so that Müller, Mueller and MULLER are one.
// It keeps beginnings: if s begins with t then Fold(s) begins with Fold(t).
func Fold(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	last := rune(0)
	write := func(r rune) {
		if r == 'e' && (last == 'a' || last == 'o' || last == 'u') {
			last = r
			return
		}
		last = r
		b.WriteRune(r)
	}
	for _, r := range norm.NFKD.String(s) {
		r = unicode.ToLower(unicode.ToUpper(r))
		switch plain, ok := plainLetters[r]; {
		case unicode.Is(unicode.M, r), isApostrophe(r):
		case ok:
			for _, r := range plain {
				write(r)
			}
		default:
			write(r)
		}
	}
	return b.String()
}

// isApostrophe reports whether r stands inside a word, as in O'Brien.
func isApostrophe(r rune) bool {
	return r == '\'' || r == '’' || r == '‘' || r == 'ʼ' || r == '`' || r == '´'
}

// Tokens gives the folded words of names, each once, in order of appearance. Whatever is
// neither letter nor digit separates words.
func Tokens(names ...string) []string {
	var tokens []string
	for _, name := range names {
		for _, word := range strings.FieldsFunc(Fold(name), isSeparator) {
			if !slices.Contains(tokens, word) {
				tokens = append(tokens, word)
			}
		}
	}
	return tokens
}

func isSeparator(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }

// SortKey is what lists are ordered by: the folded words with one space between.
func SortKey(name string) string {
	return strings.Join(strings.FieldsFunc(Fold(name), isSeparator), " ")
}

// CleanText trims a text and makes every run of white space one space, in the composed form
// of Unicode. Text with control characters or broken encoding is INVALID_ARGUMENT on field.
func CleanText(field, s string) (string, error) {
	if strings.ContainsFunc(s, func(r rune) bool {
		return r == unicode.ReplacementChar || unicode.IsControl(r) && !unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) && r != '\u200c' && r != '\u200d'
	}) {
		return "", fault.Invalid(field, "must not contain control characters")
	}
	return norm.NFC.String(strings.Join(strings.Fields(s), " ")), nil
}

// cleanName is CleanText for a name of a person or a place: when there is anything, there is
// a letter or a digit in it.
func cleanName(field, s string, required bool) (string, error) {
	name, err := CleanText(field, s)
	if err != nil {
		return "", err
	}
	if name == "" && required {
		return "", fault.Invalid(field, "must be given")
	}
	if name != "" && !strings.ContainsFunc(name, func(r rune) bool { return !isSeparator(r) }) {
		return "", fault.Invalid(field, "must contain a letter")
	}
	return name, nil
}
