package booking_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	arran "github.com/arran4/golang-ical"
	emersion "github.com/emersion/go-ical"
)

// entry is an event of a calendar as a foreign parser reads it.
type entry struct {
	UID       string    `json:"uid"`
	Sequence  int       `json:"sequence"`
	Start     time.Time `json:"start"`
	End       time.Time `json:"end"`
	Cancelled bool      `json:"cancelled"`
	Summary   string    `json:"summary"`
}

// referees reads a calendar with four parsers that others wrote, two in Go and two from npm.
func referees(t testing.TB, content []byte) map[string][]entry {
	t.Helper()
	read := map[string][]entry{}
	if err := json.Unmarshal(npm(t, content), &read); err != nil {
		t.Fatal(err)
	}
	read["golang-ical"], read["go-ical"] = byArran(t, content), byEmersion(t, content)
	for _, list := range read {
		slices.SortFunc(list, func(a, b entry) int { return cmp.Compare(a.UID, b.UID) })
	}
	return read
}

// installed is where parsers has put them; TestMain takes it away.
var installed string

// parsers is a folder with the parsers from npm, installed once, when they are first asked for.
var parsers = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "upright-parsers-")
	if err != nil {
		return "", err
	}
	installed = dir
	for _, name := range []string{"package.json", "package-lock.json", "parse.mjs"} {
		data, err := os.ReadFile(filepath.Join("testdata", "npm", name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), data, 0o600)
		}
		if err != nil {
			return dir, err
		}
	}
	again, err := filepath.Abs("../../.ci/retry") // a registry may have a bad moment
	if err != nil {
		return dir, err
	}
	cmd := exec.Command(again, "npm", "ci", "--no-audit", "--no-fund", "--loglevel=error", "--ignore-scripts") //nolint:gosec // our own script
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return dir, &exec.Error{Name: "npm ci in services/booking/testdata/npm; it needs Node 20 or later: " + string(out), Err: err}
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if installed != "" {
		_ = os.RemoveAll(installed) // below the system's folder for temporary files
	}
	os.Exit(code)
}

func npm(t testing.TB, content []byte) []byte {
	t.Helper()
	dir, err := parsers()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", filepath.Join(dir, "parse.mjs"))
	cmd.Stdin = bytes.NewReader(content)
	var failed bytes.Buffer
	cmd.Stderr = &failed
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("node parse.mjs: %v: %s", err, &failed)
	}
	return out
}

func byArran(t testing.TB, content []byte) (list []entry) {
	t.Helper()
	cal, err := arran.ParseCalendar(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range cal.Events() {
		start, err := e.GetStartAt()
		if err != nil {
			t.Fatal(err)
		}
		end, err := e.GetEndAt()
		if err != nil {
			t.Fatal(err)
		}
		text := func(p arran.ComponentProperty) string {
			if got := e.GetProperty(p); got != nil {
				return got.Value
			}
			return ""
		}
		n, err := strconv.Atoi(text(arran.ComponentPropertySequence))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, entry{
			UID: e.Id(), Sequence: n, Start: start, End: end, Cancelled: text(arran.ComponentPropertyStatus) == "CANCELLED",
			Summary: text(arran.ComponentPropertySummary),
		})
	}
	return list
}

func byEmersion(t testing.TB, content []byte) (list []entry) {
	t.Helper()
	cal, err := emersion.NewDecoder(bytes.NewReader(content)).Decode()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range cal.Events() {
		start, err := e.DateTimeStart(time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		end, err := e.DateTimeEnd(time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		text := func(name string) string {
			s, err := e.Props.Text(name)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		n, err := e.Props.Get("SEQUENCE").Int()
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, entry{
			UID: text("UID"), Sequence: n, Start: start, End: end, Cancelled: e.Props.Get("STATUS").Value == "CANCELLED", Summary: text("SUMMARY"),
		})
	}
	return list
}
