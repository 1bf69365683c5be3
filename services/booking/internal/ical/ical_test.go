package ical

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	emersion "github.com/emersion/go-ical"
	"pgregory.net/rapid"
)

var start = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

// TestEncode is a calendar as it must be, byte by byte.
func TestEncode(t *testing.T) {
	t.Parallel()
	got := Calendar{Name: "Appointments", Refresh: 15 * time.Minute, Events: []Event{{
		UID: "apt_1@upright", Sequence: 2, Stamp: start.Add(-time.Hour), Start: start.In(time.FixedZone("", 3600)), End: start.Add(30 * time.Minute),
		Summary: `Knees, hips; "stairs" \ backs: ` + strings.Repeat("Füße ", 12), Location: "Mill Lane\nfirst floor", URL: "https://meet.example/a;b,c",
	}, {UID: "apt_2@upright", Stamp: start, Start: start, End: start.Add(time.Hour), Cancelled: true}}}.Encode()
	want := strings.Join([]string{
		"BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Upright//Upright//EN", "CALSCALE:GREGORIAN", "X-WR-CALNAME:Appointments",
		"REFRESH-INTERVAL;VALUE=DURATION:PT15M", "X-PUBLISHED-TTL:PT15M",
		"BEGIN:VEVENT", "UID:apt_1@upright", "DTSTAMP:20261123T080000Z", "LAST-MODIFIED:20261123T080000Z", "SEQUENCE:2", "DTSTART:20261123T090000Z", "DTEND:20261123T093000Z",
		`SUMMARY:Knees\, hips\; "stairs" \\ backs: Füße Füße Füße Füße Füß`, ` e Füße Füße Füße Füße Füße Füße Füße `,
		`LOCATION:Mill Lane\nfirst floor`, "URL;VALUE=URI:https://meet.example/a;b,c", "CLASS:PRIVATE", "STATUS:CONFIRMED", "TRANSP:OPAQUE", "END:VEVENT",
		"BEGIN:VEVENT", "UID:apt_2@upright", "DTSTAMP:20261123T090000Z", "LAST-MODIFIED:20261123T090000Z", "SEQUENCE:0", "DTSTART:20261123T090000Z", "DTEND:20261123T100000Z",
		"CLASS:PRIVATE", "STATUS:CANCELLED", "TRANSP:TRANSPARENT", "END:VEVENT", "END:VCALENDAR", "",
	}, "\r\n")
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestEncodePublished: one entry to keep is published, and nothing reads it again.
func TestEncodePublished(t *testing.T) {
	t.Parallel()
	got := Calendar{Method: "PUBLISH"}.Encode()
	want := strings.Join([]string{"BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Upright//Upright//EN", "CALSCALE:GREGORIAN", "METHOD:PUBLISH", "END:VCALENDAR", ""}, "\r\n")
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestEncodeHolds: whatever the words, lines end with CRLF and have at most 75 octets, no
// character is cut, and a foreign parser reads the words that were meant.
func TestEncodeHolds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		e := Event{UID: "u", Stamp: start, Start: start, End: start.Add(time.Hour)}
		e.Summary = rapid.String().Draw(t, "summary")
		e.Location = rapid.StringMatching(`[a-zß\\;,\n"é:]{0,200}`).Draw(t, "location")
		content := Calendar{Events: []Event{e}}.Encode()
		for _, line := range bytes.SplitAfter(content, []byte("\r\n")) {
			if len(line) == 0 {
				continue
			}
			text, ended := bytes.CutSuffix(line, []byte("\r\n"))
			if !ended || len(text) > maxOctets || bytes.ContainsAny(text, "\r\n") || !utf8.Valid(text) {
				t.Fatalf("line %q", line)
			}
		}
		cal, err := emersion.NewDecoder(bytes.NewReader(content)).Decode()
		if err != nil {
			t.Fatalf("%v in %q", err, content)
		}
		for name, said := range map[string]string{"SUMMARY": e.Summary, "LOCATION": e.Location} {
			meant := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(said)
			got, err := cal.Events()[0].Props.Text(name)
			if err != nil || got != keepBreaks(meant) {
				t.Fatalf("%s %q read as %q: %v", name, said, got, err)
			}
		}
	})
}

// keepBreaks is plain for what has line breaks.
func keepBreaks(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = plain(lines[i])
	}
	return strings.Join(lines, "\n")
}
