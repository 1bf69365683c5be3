package telemetry

import (
	"net/netip"
	"regexp"
	"strings"
	"unicode"
)

// What may hold a value inside the text of an error: whatever is quoted, in whatever way,
// mail addresses, and runs of digits long enough for a telephone or record number that are
// not part of an identifier such as "pat_0190…".
var (
	quoted  = regexp.MustCompile("(?s)\"(?:[^\"\\\\]|\\\\.)*\"|`[^`]*`|'[^'\\n]*'|«[^»]*»|“[^”]*”")
	mail    = regexp.MustCompile(`[^\s@<>]+@[^\s@<>]+\.[^\s@<>]+`)
	numbers = regexp.MustCompile(`(^|[^\w.-])[+(]{0,2}\d(?:[ ()./-]{0,2}\d){6,}`)
)

// Scrub takes values out of the text of an error that may come from a driver or a parser,
// which like to quote what they were given. What a sentence says stays, what it says it
// about goes. It is a second line of defence: our own errors carry ids and codes only.
func Scrub(text string) string {
	text = quoted.ReplaceAllString(text, redacted)
	text = mail.ReplaceAllString(text, redacted)
	return numbers.ReplaceAllStringFunc(text, func(match string) string {
		start := strings.IndexFunc(match, func(r rune) bool { return r == '+' || r == '(' || unicode.IsDigit(r) })
		if _, err := netip.ParseAddr(match[start:]); err == nil {
			return match
		}
		return match[:start] + redacted
	})
}
