package people

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/upright-clinic/upright/services/platform/fault"
)

// EmailKey is the form in which addresses are compared: composed and without case. Two
// addresses that differ in more than that are different people as far as we know.
func EmailKey(email string) string {
	return strings.ToLower(norm.NFKC.String(strings.TrimSpace(email)))
}

// CleanEmail checks the shape of an electronic mail address and trims it. Whether mail
// arrives there nobody knows before it was sent. INVALID_ARGUMENT on field.
func CleanEmail(field, s string) (string, error) {
	email := norm.NFC.String(strings.TrimSpace(s))
	if email == "" {
		return "", nil
	}
	wrong := fault.Invalid(field, "must be an electronic mail address")
	local, domain, ok := strings.Cut(email, "@")
	if !ok || local == "" || len(local) > 64 || len(email) > 254 || strings.Contains(domain, "@") {
		return "", wrong
	}
	if strings.ContainsFunc(email, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || r == unicode.ReplacementChar || strings.ContainsRune(`<>()[]\,;:"`, r)
	}) {
		return "", wrong
	}
	labels := strings.Split(domain, ".")
	if len(labels) < 2 {
		return "", wrong
	}
	for _, label := range labels {
		if label == "" || len(label) > 63 || strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") {
			return "", wrong
		}
	}
	return email, nil
}
