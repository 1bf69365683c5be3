package telemetry_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/upright-clinic/upright/services/platform/telemetry"
)

const canary = "Canary-4711"

// patient hides its fields in all the places a struct can have them.
type patient struct {
	Name   telemetry.Sensitive[string]
	phone  telemetry.Sensitive[string]
	Raw    telemetry.Sensitive[[]byte]
	Nested struct {
		answers telemetry.Sensitive[map[string]string]
	}
	List []telemetry.Sensitive[string]
	ByID map[string]telemetry.Sensitive[string]
	ptr  *telemetry.Sensitive[string]
}

func newPatient() patient {
	name := telemetry.Hide(canary)
	p := patient{
		Name: name, phone: name, ptr: &name,
		Raw:  telemetry.Hide([]byte(canary)),
		List: []telemetry.Sensitive[string]{name}, ByID: map[string]telemetry.Sensitive[string]{"pat_1": name},
	}
	p.Nested.answers = telemetry.Hide(map[string]string{"q1": canary})
	return p
}

// shows reports whether a text gives the canary away, plain or as hexadecimal, decimal or
// quoted bytes.
func shows(text string) bool {
	for _, form := range []string{
		canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary), fmt.Sprintf("% x", canary),
		strings.Trim(fmt.Sprintf("%d", []byte(canary)), "[]"), strings.Trim(fmt.Sprintf("%#v", []byte(canary)), "[]byte{}"),
		fmt.Sprintf("%b", []byte(canary)), fmt.Sprintf("%o", []byte(canary)), fmt.Sprintf("%U", []byte(canary)),
	} {
		if strings.Contains(text, strings.Trim(form, "[]")) {
			return true
		}
	}
	return false
}

func TestSensitiveUnderEveryVerb(t *testing.T) {
	t.Parallel()
	if !shows(canary) || !shows(fmt.Sprintf("%x", struct{ s string }{canary})) {
		t.Fatal("the test would not notice the canary")
	}
	p := newPatient()
	values := map[string]any{
		"string": p.Name, "pointer": &p.Name, "bytes": p.Raw, "struct": p, "pointer to struct": &p,
		"slice": p.List, "map": p.ByID, "any": []any{p.Name, p}, "error": fmt.Errorf("patient %v: %w", p, errors.New("x")),
	}
	for name, value := range values {
		for _, flags := range []string{"", "+", "#", "-", " ", "0", "30", ".20", "+#", "# "} {
			for verb := 'A'; verb <= 'z'; verb++ {
				text := fmt.Sprintf("%"+flags+string(verb), value)
				if shows(text) {
					t.Fatalf("%%%s%c of a %s shows %s", flags, verb, name, text)
				}
				// fmt answers %T and %p by itself, %w belongs to Errorf, and %[ is no verb.
				if name == "string" && text != "[redacted]" && !strings.ContainsRune("Tpw[", verb) {
					t.Fatalf("%%%s%c is %s", flags, verb, text)
				}
			}
		}
	}
}

func TestSensitiveInEncodings(t *testing.T) {
	t.Parallel()
	p := newPatient()
	var text bytes.Buffer
	for _, logger := range []*slog.Logger{
		slog.New(slog.NewJSONHandler(&text, nil)), slog.New(slog.NewTextHandler(&text, nil)),
	} {
		logger.Info("m", slog.Any("name", p.Name), slog.Any("patient", p), slog.Any("pointer", &p))
	}
	encoded, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	text.Write(encoded)
	if encoded, err = xml.Marshal(p.List); err != nil {
		t.Fatal(err)
	}
	text.Write(encoded)
	if err := gob.NewEncoder(&text).Encode(p.Name); err == nil {
		t.Error("gob encodes it")
	}
	page := template.Must(template.New("").Parse(`<p title="{{.Name}}">{{.Name}} {{.}}</p><script>var p = {{.}}</script>`))
	if err := page.Execute(&text, p); err != nil {
		t.Fatal(err)
	}
	if shows(text.String()) {
		t.Errorf("the value shows in:\n%s", text.String())
	}
	if !strings.Contains(text.String(), "[redacted]") {
		t.Error("nothing says that something was left out")
	}
}

func TestSensitiveGivesItsValueToWhoAsks(t *testing.T) {
	t.Parallel()
	s := telemetry.Hide(canary)
	if s.Reveal() != canary {
		t.Error("Reveal lost the value")
	}
	var zero telemetry.Sensitive[string]
	if zero.Reveal() != "" || zero.String() != "[redacted]" {
		t.Error("the zero value is not an empty one")
	}
	if !cmp.Equal(s, telemetry.Hide(canary)) || cmp.Equal(s, telemetry.Hide("other")) {
		t.Error("go-cmp does not compare the values")
	}
	var read telemetry.Sensitive[string]
	if err := read.UnmarshalText([]byte(canary)); err != nil || read.Reveal() != canary {
		t.Errorf("from text: %v", err)
	}
	var number telemetry.Sensitive[int]
	if err := number.UnmarshalText([]byte("1")); err == nil {
		t.Error("a number was read from text")
	}
}

func TestScrub(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		`ERROR: invalid input syntax for type bigint: "` + canary + `" (SQLSTATE 22P02)`: `ERROR: invalid input syntax for type bigint: [redacted] (SQLSTATE 22P02)`,
		`parsing time "` + canary + `" as "2006": cannot parse "x\"` + canary + `" as y`: `parsing time [redacted] as [redacted]: cannot parse [redacted] as y`,
		"strconv: `" + canary + "` and '" + canary + "'":                                 "strconv: [redacted] and [redacted]",
		"send to jo.smith@example.org failed":                                            "send to [redacted] failed",
		"call +44 20 7946 0958 or (020)7946-0958 now":                                    "call [redacted] or [redacted] now",
		"dial tcp 192.168.10.25:5432: connection refused":                                "dial tcp 192.168.10.25:5432: connection refused",
		"patient pat_0190f3c2a4b07cc38c5f1f2e3d4c5b6a: version 12 after 1500ms":          "patient pat_0190f3c2a4b07cc38c5f1f2e3d4c5b6a: version 12 after 1500ms",
		"UNIQUE constraint failed: accounts.clinic_id, accounts.email (2067)":            "UNIQUE constraint failed: accounts.clinic_id, accounts.email (2067)",
	}
	for in, want := range tests {
		if diff := cmp.Diff(want, telemetry.Scrub(in)); diff != "" {
			t.Errorf("Scrub(%s) (-want +got):\n%s", in, diff)
		}
	}
}
