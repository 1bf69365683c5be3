package people

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/upright-clinic/upright/services/platform/fault"
)

func TestNamesThatAreOne(t *testing.T) {
	t.Parallel()
	for _, same := range [][]string{
		{"Müller", "MÜLLER", "mueller", "Muller", "Mu\u0308ller"},
		{"Straße", "STRASSE", "strasse"},
		{"Sørensen", "Soerensen", "Sorensen"},
		{"O'Brien", "O’Brien", "OBrien", "obrien"},
		{"José", "JOSE", "jose"},
		{"Łukasz", "lukasz"},
		{"Ｔａｎａｋａ", "tanaka"},
		{"Ægir", "aegir"},
		{"Çelik", "celik"},
		{"ΓΙΏΡΓΟΣ", "Γιώργος", "γιωργος"},
		{"Ёлкин", "елкин"},
		{"IŞIK", "ışık", "isik"},
	} {
		for _, name := range same[1:] {
			if Fold(name) != Fold(same[0]) {
				t.Errorf("Fold(%q) = %q and Fold(%q) = %q are not one", name, Fold(name), same[0], Fold(same[0]))
			}
		}
	}
	if Fold("Maier") == Fold("Mayer") {
		t.Error("Maier and Mayer are two names")
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		want []string
	}{
		{"", nil},
		{"  Anna-Maria  van der Berg ", []string{"anna", "maria", "van", "der", "berg"}},
		{"Anna Anna ANNA", []string{"anna"}},
		{"Smith, John (Jr.)", []string{"smith", "john", "jr"}},
		{"李 小龍", []string{"李", "小龍"}},
		{"A-1234/5", []string{"a", "1234", "5"}},
	} {
		if diff := cmp.Diff(test.want, Tokens(test.name)); diff != "" {
			t.Errorf("Tokens(%q) (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestCleanText(t *testing.T) {
	t.Parallel()
	if got, err := CleanText("f", "  a \t b\n c "); err != nil || got != "a b c" {
		t.Errorf("CleanText = %q, %v", got, err)
	}
	for _, bad := range []string{"a\x00b", "a\u202eb", "a\xffb"} {
		if _, err := CleanText("patient.given_name", bad); !fault.Is(err, "INVALID_ARGUMENT") {
			t.Errorf("CleanText(%q) = %v, want INVALID_ARGUMENT", bad, err)
		}
	}
	if _, err := cleanName("f", "---", false); err == nil {
		t.Error("a name without any letter passed")
	}
}

// FuzzFold: whoever types the beginning of a name finds it.
func FuzzFold(f *testing.F) {
	for _, seed := range []string{"Müller", "Mueller", "O'Brien", "İstanbul", "ﬃ", "각", "aeaeae", "ǅ"} {
		f.Add(seed, 3)
	}
	f.Fuzz(func(t *testing.T, name string, n int) {
		if !utf8.ValidString(name) {
			t.Skip("names are valid UTF-8")
		}
		runes := []rune(name)
		if n < 0 || n > len(runes) {
			n = len(runes) / 2
		}
		for n < len(runes) && unicode.Is(unicode.M, runes[n]) {
			n++ // marks belong to the letter before them
		}
		folded, begin := Fold(name), Fold(string(runes[:n]))
		if !strings.HasPrefix(folded, begin) {
			t.Errorf("Fold(%q) = %q does not begin with Fold(%q) = %q", name, folded, string(runes[:n]), begin)
		}
		for _, token := range Tokens(name) {
			if token == "" || strings.ContainsFunc(token, isSeparator) {
				t.Errorf("token %q of %q", token, name)
			}
		}
	})
}
