package consent

import (
	"strings"
	"testing"
)

// The text that ships is signed by its hash, so this test fails when somebody changes a
// version instead of adding one.
func TestShippedVersionsDoNotChange(t *testing.T) {
	t.Parallel()
	all, err := Shipped()
	if err != nil {
		t.Fatal(err)
	}
	signed := map[string]string{"use-of-answers@1": "78a06037ed50909d48da414242f9f79d757d42b884923f08d99e30c03656c37a"}
	for _, c := range InForce(all) {
		for _, lang := range []string{"en", "es", "hi", "ar"} {
			if _, got := c.In(lang); got != lang {
				t.Errorf("%s has no %s", c.ID, lang)
			}
		}
		text, _ := c.In("xx")
		if want := signed[c.ID+"@1"]; c.Version == 1 && text.Hash() != want {
			t.Errorf("%s@1 is %s now: a changed text is a new version", c.ID, text.Hash())
		}
	}
}

func TestLoadRefusesWhatNobodyCouldSign(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ data, want string }{
		"no JSON":         {`{`, "consents"},
		"unknown field":   {`[{"id":"a","text":"x"}]`, "unknown field"},
		"no id":           {`[{"version":1,"source":"s","texts":{"en":{"title":"T","paragraphs":["p"]}}}]`, "is missing"},
		"no version":      {`[{"id":"a","source":"s","texts":{"en":{"title":"T","paragraphs":["p"]}}}]`, "is missing"},
		"no English":      {`[{"id":"a","version":1,"source":"s","texts":{"es":{"title":"T","paragraphs":["p"]}}}]`, "no English"},
		"empty paragraph": {`[{"id":"a","version":1,"source":"s","texts":{"en":{"title":"T","paragraphs":[""]}}}]`, "texts[en]"},
		"version twice": {`[{"id":"a","version":1,"source":"s","texts":{"en":{"title":"T","paragraphs":["p"]}}},
			{"id":"a","version":1,"source":"s","texts":{"en":{"title":"T","paragraphs":["q"]}}}]`, "there already"},
	} {
		if _, err := Load([]byte(tc.data)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}

func TestNewestVersionIsInForce(t *testing.T) {
	t.Parallel()
	all := []Consent{{ID: "a", Version: 2}, {ID: "b", Version: 1}, {ID: "a", Version: 1}, {ID: "a", Version: 3}}
	got := InForce(all)
	if len(got) != 2 || got[0].ID != "a" || got[0].Version != 3 || got[1].ID != "b" {
		t.Errorf("%v", got)
	}
}
