package words_test

import (
	"maps"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/upright-clinic/upright/gateway/internal/words"
	"github.com/upright-clinic/upright/services/platform/civil"
)

const (
	english = `{"_lang":"en","_dir":"ltr","_name":"English","hello":"Hello {name}","left#one":"{n} session left","left#other":"{n} sessions left"}`
	arabic  = `{"_lang":"ar","_dir":"rtl","_name":"العربية","hello":"{name} مرحبا","left#zero":"{n} صفر","left#one":"{n} واحد","left#two":"{n} اثنان","left#few":"{n} قليل","left#many":"{n} كثير","left#other":"{n} آخر"}`
)

func files(texts map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, text := range texts {
		fsys[name+".json"] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

func TestT(t *testing.T) {
	t.Parallel()
	l, err := words.Load(files(map[string]string{"en": english, "ar": arabic}))
	if err != nil {
		t.Fatal(err)
	}
	en, ar := l.Match(""), l.Match("ar-EG, en;q=0.5")
	for _, tc := range []struct {
		c    *words.Catalog
		key  string
		args []any
		want string
	}{
		{en, "hello", []any{"name", "you"}, "Hello you"},
		{en, "left", []any{"n", 1}, "1 session left"},
		{en, "left", []any{"n", int32(0)}, "0 sessions left"},
		{en, "gone", nil, "[gone]"},
		{ar, "left", []any{"n", 2}, "2 اثنان"},
		{ar, "left", []any{"n", 5}, "5 قليل"},
		{ar, "left", []any{"n", 100}, "100 آخر"},
	} {
		if got := tc.c.T(tc.key, tc.args...); got != tc.want {
			t.Errorf("%s %s %v: %q, want %q", tc.c.Lang, tc.key, tc.args, got, tc.want)
		}
	}
	if ar.Dir != "rtl" || ar.Name != "العربية" {
		t.Errorf("ar: %s %s", ar.Dir, ar.Name)
	}
}

func TestMatch(t *testing.T) {
	t.Parallel()
	l, err := words.Load(files(map[string]string{"en": english, "ar": arabic}))
	if err != nil {
		t.Fatal(err)
	}
	for header, want := range map[string]string{
		"": "en", "fr": "en", "ar": "ar", "ar-SA;q=0.9, en-GB;q=0.8": "ar", "en-CA, ar;q=0.1": "en",
		"not a header at all; q=x": "en", strings.Repeat("ar,", 200): "en",
	} {
		if got := l.Match(header).Lang; got != want {
			t.Errorf("%.40q: %s, want %s", header, got, want)
		}
	}
}

func TestLoadRefusesWhatIsNotComplete(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ en, ar, want string }{
		"no source":         {"", arabic, "no en.json"},
		"missing key":       {english, strings.Replace(arabic, `"hello":"{name} مرحبا",`, "", 1), "hello"},
		"other placeholder": {english, strings.Replace(arabic, "{name}", "{nom}", 1), "hello"},
		"more keys":         {english, strings.Replace(arabic, `"hello"`, `"extra":"x","hello"`, 1), "extra"},
		"other language":    {english, strings.Replace(arabic, `"_lang":"ar"`, `"_lang":"fa"`, 1), "_lang"},
		"no direction":      {english, strings.Replace(arabic, `"_dir":"rtl"`, `"_dir":""`, 1), "_dir"},
		"no JSON":           {english, "{", "ar.json"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			texts := map[string]string{"ar": tc.ar}
			if tc.en != "" {
				texts["en"] = tc.en
			}
			if _, err := words.Load(files(texts)); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Load: %v, want %q", err, tc.want)
			}
		})
	}
}

func TestTopics(t *testing.T) {
	t.Parallel()
	texts := map[string]string{
		"en": english, "en/book": `{"book":"Book"}`, "ar": arabic, "ar/book": `{"book":"احجز"}`, "staff/day": `{"day":"The day"}`,
	}
	l, err := words.Load(files(texts))
	if err != nil {
		t.Fatal(err)
	}
	ar := l.Match("ar")
	if got := ar.T("book") + ", " + ar.T("day"); got != "احجز, The day" || !ar.Has("day") {
		t.Errorf("words of topics: %q", got)
	}
	for name, text := range map[string]string{"en/again": `{"book":"x"}`, "staff/again": `{"hello":"x"}`, "staff/bad": `[`} {
		broken := maps.Clone(texts)
		broken[name] = text
		if _, err := words.Load(files(broken)); err == nil {
			t.Errorf("%s: loaded", name)
		}
	}
}

func TestTopicIsBorrowedAsAWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	texts := map[string]string{"en": english, "en/book": `{"book":"Book","pay":"Pay"}`, "en/old": `{"old":"Old"}`, "ar": arabic, "ar/old": `{"old":"قديم"}`}
	l, err := words.Load(files(texts))
	if err != nil {
		t.Fatal(err)
	}
	ar := l.Match("ar")
	if got := ar.T("book") + ar.T("old"); got != "Bookقديم" || len(ar.Borrowed) != 1 || ar.Borrowed[0] != "book.json" {
		t.Errorf("%q, borrowed %v", got, ar.Borrowed)
	}
	texts["ar/book"] = `{"book":"احجز"}`
	if _, err := words.Load(files(texts)); err == nil || !strings.Contains(err.Error(), "pay") {
		t.Errorf("half a topic: %v", err)
	}
}

func TestMatchAmong(t *testing.T) {
	t.Parallel()
	l, err := words.Load(files(map[string]string{"en": english, "ar": arabic}))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		header string
		codes  []string
		want   string
	}{
		{"ar", []string{"en", "ar"}, "ar"}, {"ar", []string{"en"}, "en"}, {"ar", nil, "en"}, {"", []string{"ar"}, "en"}, {"ar-EG,en;q=0.1", []string{"ar"}, "ar"}, {"fr", []string{"ar"}, "en"},
	} {
		if got := l.MatchAmong(tc.header, tc.codes).Lang; got != tc.want {
			t.Errorf("%q among %v: %s, want %s", tc.header, tc.codes, got, tc.want)
		}
	}
}

func TestDates(t *testing.T) {
	t.Parallel()
	l, err := words.Load(files(map[string]string{"en": `{"_lang":"en","_dir":"ltr","_name":"English",
		"format.date":"{weekday} {day} {month} {year}","format.date_short":"{day} {month} {year}","format.clock":"3:04 pm",
		"format.when":"{date}, {time} ({zone})","format.zone":"{city} time","weekday.2":"Tuesday","month.11":"November"}`}))
	if err != nil {
		t.Fatal(err)
	}
	c := l.Match("")
	for got, want := range map[string]string{
		c.When("2026-11-24T15:30", "America/Vancouver"): "Tuesday 24 November 2026, 3:30 pm (Vancouver time)",
		c.When("2026-11-24T00:00", "UTC"):               "Tuesday 24 November 2026, 12:00 am (UTC)",
		c.When("soon", "UTC"):                           "soon",
		c.Zone("America/Argentina/Buenos_Aires"):        "Buenos Aires time",
		c.Date(civil.Date{}):                            "",
		c.ShortDate(civil.MustParse("2026-11-24")):      "24 November 2026",
		c.DateText("2026-11-24"):                        "24 November 2026",
		c.DateText(""):                                  "",
		c.Clock("09:05"):                                "9:05 am",
		c.Clock("9"):                                    "9",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
