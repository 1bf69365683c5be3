package people

import (
	_ "embed"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/upright-clinic/upright/services/platform/fault"
)

// Lengths of passwords in characters. OWASP ASVS 5.0.0, 6.2.1 asks for 8 at least and advises
// 15, 6.2.9 for room up to 64; staff reach charts, so they need more than patients.
const (
	MinStaffPassword   = 12
	MinPatientPassword = 10
	maxPassword        = 128
)

// minDistinct is how many different characters a password has at least.
const minDistinct = 5

//go:embed common_passwords.txt
var commonPasswordsFile string

// commonPasswords are words that passwords are made of too often, folded, without digits.
var commonPasswords = sync.OnceValue(func() map[string]bool {
	words := map[string]bool{}
	for line := range strings.Lines(commonPasswordsFile) {
		if word := strings.TrimSpace(line); word != "" && !strings.HasPrefix(word, "#") {
			words[Fold(word)] = true
		}
	}
	return words
})

// lookalikes are characters that people write for letters.
var lookalikes = strings.NewReplacer("0", "o", "1", "i", "3", "e", "4", "a", "5", "s", "7", "t", "8", "b", "@", "a", "$", "s", "!", "i", "€", "e")

// NormalizePassword gives the bytes that are hashed: the password in Unicode's form NFKC, so
// that it is the same from every keyboard (RFC 8265 has the same step; it changes no ASCII).
func NormalizePassword(password string) string { return norm.NFKC.String(password) }

// CheckPassword refuses a password that is too short or too long, that others would try
// first, or that is made of what everybody knows of the person: InvalidArgument with reason
// PASSWORD_WEAK on field. The known words are names, the local part of the address, the
// clinic's name. It asks for no digits and no punctuation: length is what counts (OWASP ASVS
// 5.0.0, 6.2.5).
func CheckPassword(field, password string, minLength int, known ...string) error {
	password = NormalizePassword(password)
	weak := func(why string) error {
		return fault.New(fault.InvalidArgument, "PASSWORD_WEAK", why).OnField(field, why)
	}
	switch n := utf8.RuneCountInString(password); {
	case !utf8.ValidString(password):
		return weak("The password must be text.")
	case n < minLength:
		return weak("The password must have at least " + strconv.Itoa(minLength) + " characters.")
	case n > maxPassword:
		return weak("The password must not have more than 128 characters.")
	}
	lower := strings.ToLower(password)
	if distinct([]rune(lower)) < minDistinct {
		return weak("The password repeats too few characters.")
	}
	if isSequence([]rune(lower)) {
		return weak("The password is a row of the keyboard or the alphabet.")
	}
	stem := passwordStem(lower)
	if commonPasswords()[stem] || isRepetition(stem) {
		return weak("The password is among the first that others try.")
	}
	for _, word := range Tokens(known...) {
		if utf8.RuneCountInString(word) >= 4 && strings.Contains(Fold(lower), word) && utf8.RuneCountInString(stem)-utf8.RuneCountInString(word) < 6 {
			return weak("The password contains your name, your address or the clinic's name and little else.")
		}
	}
	return nil
}

// passwordStem leaves out what people add to a word to make it a password: digits and
// punctuation at both ends, capitals, and letters written as digits.
func passwordStem(lower string) string {
	trimmed := strings.TrimFunc(lower, func(r rune) bool { return !unicode.IsLetter(r) && r != '@' && r != '$' })
	if trimmed == "" {
		return lower
	}
	word := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			return r
		}
		return -1
	}, lookalikes.Replace(trimmed))
	return Fold(word)
}

// isRepetition reports whether a word is a common one, or any short one, said several times.
func isRepetition(word string) bool {
	for size := 1; size <= len(word)/2; size++ {
		if len(word)%size == 0 && strings.Repeat(word[:size], len(word)/size) == word && (size <= 4 || commonPasswords()[word[:size]]) {
			return true
		}
	}
	return false
}

// sequences are rows that fingers walk along.
var sequences = []string{
	"0123456789012345678901234567890123456789", "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz",
	"qwertyuiopasdfghjklzxcvbnm", "qwertzuiopasdfghjklyxcvbnm", "azertyuiopqsdfghjklmwxcvbn", "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
	"1q2w3e4r5t6y7u8i9o0p", "!@#$%^&*()_+",
}

// isSequence reports whether a password runs along one row, forwards or backwards, but for
// two characters.
func isSequence(lower []rune) bool {
	for _, row := range sequences {
		letters := []rune(row)
		for range 2 {
			if longestRun(lower, letters) >= len(lower)-2 {
				return true
			}
			slices.Reverse(letters)
		}
	}
	return false
}

// longestRun is the length of the longest part of s that is part of row.
func longestRun(s, row []rune) int {
	longest := 0
	for i := range s {
		for j := range row {
			n := 0
			for i+n < len(s) && j+n < len(row) && s[i+n] == row[j+n] {
				n++
			}
			longest = max(longest, n)
		}
	}
	return longest
}

// distinct counts the different characters.
func distinct(s []rune) int {
	seen := map[rune]bool{}
	for _, r := range s {
		seen[r] = true
	}
	return len(seen)
}
