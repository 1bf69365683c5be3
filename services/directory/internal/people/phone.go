package people

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/upright-clinic/upright/services/platform/fault"
)

// A telephone number has 6 to 20 digits: E.164 allows 15, and an extension may follow.
const (
	minPhoneDigits = 6
	maxPhoneDigits = 20
)

// suffixDigits is how many last digits are compared, so that +43 664 123456 and 0664 123456
// are one number whichever of the two was stored.
const suffixDigits = 8

// minSearchDigits is the fewest digits by which anybody is looked for.
const minSearchDigits = 4

// Digits gives the digits 0 to 9 of a text, whatever stands between them.
func Digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, norm.NFKC.String(s))
}

// ReversedDigits gives the digits from the last to the first, so that an index finds numbers
// by how they end.
func ReversedDigits(s string) string {
	digits := []byte(Digits(s))
	for i, j := 0, len(digits)-1; i < j; i, j = i+1, j-1 {
		digits[i], digits[j] = digits[j], digits[i]
	}
	return string(digits)
}

// PhoneSearchKey gives what ReversedDigits of a number must begin with to be found by the
// digits of s: their end, without the zeros that stand for a country or a long distance. It
// is empty when too few digits are left to look for anybody.
func PhoneSearchKey(s string) string {
	digits := strings.TrimLeft(Digits(s), "0")
	if len(digits) > suffixDigits {
		digits = digits[len(digits)-suffixDigits:]
	}
	if len(digits) < minSearchDigits {
		return ""
	}
	return ReversedDigits(digits)
}

// CleanPhone checks a telephone number as written and trims it. INVALID_ARGUMENT on field for
// letters other than an x before an extension, and for too few or too many digits.
func CleanPhone(field, s string) (string, error) {
	phone := strings.Join(strings.Fields(norm.NFKC.String(s)), " ")
	if phone == "" {
		return "", nil
	}
	if strings.Trim(phone, "0123456789 +()-./x") != "" || strings.LastIndex(phone, "+") > 0 || !utf8.ValidString(s) {
		return "", fault.Invalid(field, "must be a telephone number: digits, spaces and + ( ) - . /")
	}
	if n := len(Digits(phone)); n < minPhoneDigits || n > maxPhoneDigits {
		return "", fault.Invalid(field, "must have 6 to 20 digits")
	}
	return phone, nil
}
