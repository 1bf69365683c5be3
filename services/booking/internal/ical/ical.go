// Package ical writes calendars as RFC 5545 has them, and reads the days off that other
// programs publish in that form.
//
// It knows nothing of appointments. Instants are written in UTC, so that a program with old
// zone data shows the right moment all the same.
package ical

import (
	"bytes"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// ContentType is how a calendar is served.
const ContentType = "text/calendar; charset=utf-8"

// Calendar is a list of events.
type Calendar struct {
	// Name is what programs show for it; empty leaves the name to them.
	Name string
	// Method is what is to be done with it, such as PUBLISH; empty for a feed.
	Method string
	// Refresh is how often a feed is to be read again, in whole minutes; zero for what is kept.
	Refresh time.Duration
	// Events are written in the order given.
	Events []Event
}

// Event is one entry. Empty texts are left out.
type Event struct {
	// UID names the entry for ever, whatever becomes of it.
	UID string
	// Sequence grows with every change.
	Sequence int64
	// Stamp is when the entry was last changed.
	Stamp time.Time
	// Start and End are instants; the end is not included.
	Start, End time.Time
	// Cancelled entries are kept, so that programs take them away.
	Cancelled bool
	// Summary, Location and URL are what is shown.
	Summary, Location, URL string
}

// product names the program that wrote a calendar.
const product = "-//Upright//Upright//EN"

// Encode writes the calendar: CRLF line ends, lines of at most 75 octets.
func (c Calendar) Encode() []byte {
	w := &writer{}
	w.line("BEGIN", "VCALENDAR")
	w.line("VERSION", "2.0")
	w.line("PRODID", product)
	w.line("CALSCALE", "GREGORIAN")
	if c.Method != "" {
		w.line("METHOD", c.Method)
	}
	w.text("X-WR-CALNAME", c.Name)
	if c.Refresh > 0 {
		every := "PT" + strconv.Itoa(int(c.Refresh/time.Minute)) + "M"
		w.line("REFRESH-INTERVAL;VALUE=DURATION", every)
		w.line("X-PUBLISHED-TTL", every)
	}
	for _, e := range c.Events {
		e.write(w)
	}
	w.line("END", "VCALENDAR")
	return w.b.Bytes()
}

func (e Event) write(w *writer) {
	w.line("BEGIN", "VEVENT")
	w.text("UID", e.UID)
	w.line("DTSTAMP", instant(e.Stamp))
	w.line("LAST-MODIFIED", instant(e.Stamp))
	w.line("SEQUENCE", strconv.FormatInt(e.Sequence, 10))
	w.line("DTSTART", instant(e.Start))
	w.line("DTEND", instant(e.End))
	w.text("SUMMARY", e.Summary)
	w.text("LOCATION", e.Location)
	if e.URL != "" {
		w.line("URL;VALUE=URI", plain(e.URL))
	}
	w.line("CLASS", "PRIVATE")
	if e.Cancelled {
		w.line("STATUS", "CANCELLED")
		w.line("TRANSP", "TRANSPARENT")
	} else {
		w.line("STATUS", "CONFIRMED")
		w.line("TRANSP", "OPAQUE")
	}
	w.line("END", "VEVENT")
}

func instant(t time.Time) string { return t.UTC().Format("20060102T150405Z") }

// writer writes folded content lines.
type writer struct{ b bytes.Buffer }

// maxOctets is how long a line may be without its line end (RFC 5545 section 3.1).
const maxOctets = 75

// line writes a property whose value needs no escaping.
func (w *writer) line(name, value string) {
	rest, room := name+":"+value, maxOctets
	for len(rest) > room {
		n := room
		for !utf8.RuneStart(rest[n]) { // a character is never cut in two
			n--
		}
		w.b.WriteString(rest[:n])
		w.b.WriteString("\r\n ")
		rest, room = rest[n:], maxOctets-1
	}
	w.b.WriteString(rest)
	w.b.WriteString("\r\n")
}

// text writes a property of type TEXT, unless it is empty.
func (w *writer) text(name, value string) {
	if value != "" {
		w.line(name, plain(escaper.Replace(value)))
	}
}

// escaper is the escaping of TEXT (section 3.3.11).
var escaper = strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\r\n", `\n`, "\n", `\n`, "\r", `\n`)

// plain drops what no content line may hold: control characters and broken UTF-8.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}
