package gateway_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/upright-clinic/upright/gateway"
	"github.com/upright-clinic/upright/gateway/web"
)

// pseudo writes the web folder to disk with a language in which every text is in brackets,
// and which is written from right to left.
func pseudo(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, web.Files("")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "dist"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, real := range []string{"es", "hi", "ar"} { // the pseudo-language stands in for them
		if err := errors.Join(os.RemoveAll(filepath.Join(dir, "text", real)), os.RemoveAll(filepath.Join(dir, "text", real+".json"))); err != nil {
			t.Fatal(err)
		}
	}
	texts := map[string]string{}
	for _, pattern := range []string{"text/en.json", "text/en/*.json", "text/staff/*.json"} {
		files, err := fs.Glob(web.Files(""), pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			topic := bracketed(t, file)
			writeJSON(t, filepath.Join(dir, file), topic) // the staff's pages are in English
			if !strings.HasPrefix(file, "text/staff/") {
				maps.Copy(texts, topic)
			}
		}
	}
	texts["_lang"], texts["_dir"], texts["_name"] = "ar", "rtl", "pseudo"
	writeJSON(t, filepath.Join(dir, "text", "ar.json"), texts)
	return dir
}

// bracketed reads a file of texts and puts brackets around each.
func bracketed(t *testing.T, file string) map[string]string {
	t.Helper()
	data, err := fs.ReadFile(web.Files(""), file)
	if err != nil {
		t.Fatal(err)
	}
	var texts map[string]string
	if err := json.Unmarshal(data, &texts); err != nil {
		t.Fatal(err)
	}
	for key, text := range texts {
		if !strings.HasPrefix(key, "_") && !strings.HasPrefix(key, "format.clock") {
			texts[key] = "⟦" + text + "⟧"
		}
	}
	return texts
}

func writeJSON(t *testing.T, file string, content any) {
	t.Helper()
	data, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o600); err != nil { //nolint:gosec // below the test's own folder
		t.Fatal(err)
	}
}

// TestNoTextIsInTheTemplates shows pages in a language in which every text is in brackets:
// what is not in brackets is data, or was forgotten in a template.
func TestNoTextIsInTheTemplates(t *testing.T) {
	t.Parallel()
	dir := pseudo(t)
	w := newWorld(t, func(c *gateway.Config, _ *gateway.Kit) { c.Dev = dir })
	b := w.browser(patient)
	b.post("/intake", url.Values{"patient": {"pat_1"}})
	for token, paths := range map[string][]string{
		"": {"/", "/sign-in", "/c/spine", "/c/spine/register", "/f", "/nowhere"},
		patient: {
			"/me", "/me/check-in", "/me/book", "/me/book/times?patient=pat_1&type=atype_physio", "/me/appointments/apt_1", "/intake", "/intake/int_1/page/now", "/intake/int_1/page/bad", "/intake/int_1/check", "/intake/int_1/who", "/intake/int_1/consent", "/intake/int_1/pictures", "/intake/int_1/saved", "/sign-out",
			"/me/measures", "/me/measures/new?instrument=PHQ4", "/me/measures/new?instrument=NAMED_ACTIVITY", "/me/medicines", "/me/medicines/new", "/me/doses/new",
		},
		reception: {"/staff/day", "/staff/day?view=table", "/staff/book", "/staff/book?patient=pat_1", "/staff/book/times?patient=pat_1&type=atype_physio", "/staff/patients", "/staff/patients/new", "/staff/patients/pat_1", "/staff/appointments/apt_1", "/staff/tasks"},
		clinician: {"/staff/patients/pat_1", "/staff/patients/pat_1/plans/new", "/staff/patients/pat_1/injections/new", "/staff/plans/pln_1", "/staff/tasks"},
	} {
		for _, path := range paths {
			a := w.do("GET", path, token, "", "Accept", "text/html", "Accept-Language", "ar")
			page := parseHTML(t, a.body)
			lang, dir := "ar", "rtl"
			if strings.HasPrefix(path, "/staff") {
				lang, dir = "en", "ltr"
			}
			if html := page.all("html"); len(html) != 1 || html[0].attr("dir") != dir || html[0].attr("lang") != lang || a.header.Get("Content-Language") != lang {
				t.Errorf("%s: not in the language asked for", path)
			}
			for _, text := range plain(page.all("body")[0]) {
				t.Errorf("%s: %q is not in the catalogue", path, text)
			}
		}
	}
}

// data is what the small services say, and what is no word of any language.
var data = []string{
	canary, "English", "pseudo", "Rivera", "Noor Haddad", "Spine & Joint", "Upright", "Dr Ana Lee", "Ben <Okafor>", "First visit", "Physiotherapy course", "Physiotherapy", "Injection", "ana@example.org", "+1 604 555",
	"Emergency", "Crisis line", "Chest pain <b>?", "Hard to breathe?", "How you are right now", "How bad it is", "How bad now?", "Injuries", "Hard thoughts", "Where?", "Were you hurt?", "How many days ago?", "Thoughts?",
	"Your clinic's rule: do not take both.", "Take it with food.", "ibuprofen", "acetaminophen", "naproxen", "MED-01", "&middot;", "Pain, 0 to 10", "Activities that you name",
	"PHQ-4: developed by Drs Robert L. Spitzer and colleagues.", "PHQ-4", "Oswestry Disability Index", "How strong was your pain?",
	"Neck", "Low back", "No pain", "Worst pain", "A little", "No", "Yes", "I am not sure", "X-MANIP-1", "T4-5", "Pain that comes back.", "A question of <b> the clinic's own?",
}

// plain lists the texts of a page that no catalogue had in brackets. Brackets stand around
// whole texts, so what is inside of them is taken out first.
func plain(n *node) (found []string) {
	text := n.text
	for {
		open := strings.LastIndex(text, "⟦")
		if open < 0 {
			break
		}
		end := strings.Index(text[open:], "⟧")
		if end < 0 {
			break
		}
		text = text[:open] + text[open+end+len("⟧"):]
	}
	text = unescape(text)
	for _, known := range data {
		text = strings.ReplaceAll(text, known, "")
	}
	if n.tag != "code" && strings.IndexFunc(strings.NewReplacer(" am", "", " pm", "", " mg", "").Replace(text), unicode.IsLetter) >= 0 {
		found = append(found, strings.Join(strings.Fields(text), " "))
	}
	for _, c := range n.children {
		found = append(found, plain(c)...)
	}
	return found
}

// TestPagesFromDisk changes a template while the program runs.
func TestPagesFromDisk(t *testing.T) {
	t.Parallel()
	dir := pseudo(t)
	w := newWorld(t, func(c *gateway.Config, _ *gateway.Kit) { c.Dev = dir })
	file := filepath.Join(dir, "templates", "page", "home.html")
	if err := os.WriteFile(file, []byte(`{{define "main"}}<p>changed</p>{{end}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	w.do("GET", "/", "", "", "Accept", "text/html").wants(t, 200, "<p>changed</p>")
	if err := os.WriteFile(file, []byte(`{{define "main"}}{{.Broken`), 0o600); err != nil {
		t.Fatal(err)
	}
	if a := w.do("GET", "/", "", "", "Accept", "text/html"); a.status != 500 {
		t.Errorf("a broken template: %d", a.status)
	}
}
