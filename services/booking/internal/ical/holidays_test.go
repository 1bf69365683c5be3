package ical

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/upright-clinic/upright/services/platform/civil"
)

func date(t testing.TB, text string) civil.Date {
	t.Helper()
	d, err := civil.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// file makes a calendar of events, each given by its lines.
func file(events ...string) []byte {
	b := "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Test//EN\r\n"
	for _, e := range events {
		b += "BEGIN:VEVENT\r\nDTSTAMP:20260101T000000Z\r\n" + strings.ReplaceAll(e, "\n", "\r\n") + "\r\nEND:VEVENT\r\n"
	}
	return []byte(b + "END:VCALENDAR\r\n")
}

// brief is a holiday on one line.
func brief(h Holiday) string {
	s := fmt.Sprintf("%s %s", h.UID, h.Problem)
	if !h.Start.Date.IsZero() {
		s = fmt.Sprintf("%s %s %s %s", h.UID, h.Start, h.End, h.Problem)
	}
	s = strings.TrimSpace(s)
	if h.Cancelled {
		s += " cancelled"
	}
	return strings.TrimSpace(s)
}

// TestHolidays reads what authorities and calendar programs publish.
func TestHolidays(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		event string
		want  []string
	}{
		"a day":                    {"UID:a\nDTSTART;VALUE=DATE:20261225\nDTEND;VALUE=DATE:20261226", []string{"a 2026-12-25T00:00 2026-12-26T00:00"}},
		"a day without an end":     {"UID:a\nDTSTART;VALUE=DATE:20261225", []string{"a 2026-12-25T00:00 2026-12-26T00:00"}},
		"days over a clock change": {"UID:a\nDTSTART;VALUE=DATE:20270327\nDTEND;VALUE=DATE:20270330", []string{"a 2027-03-27T00:00 2027-03-30T00:00"}},
		"a half day with a zone":   {"UID:a\nDTSTART;TZID=Europe/London:20261224T130000\nDTEND;TZID=Europe/London:20261224T170000", []string{"a 2026-12-24T14:00 2026-12-24T18:00"}},
		"floating time":            {"UID:a\nDTSTART:20261224T130000\nDURATION:PT4H", []string{"a 2026-12-24T13:00 2026-12-24T17:00"}},
		"an instant, rounded out":  {"UID:a\nDTSTART:20261224T120300Z\nDTEND:20261224T225801Z", []string{"a 2026-12-24T13:00 2026-12-25T00:00"}},
		"every year": {"UID:a\nDTSTART;VALUE=DATE:19710101\nRRULE:FREQ=YEARLY", []string{
			"a#2027-01-01 2027-01-01T00:00 2027-01-02T00:00", "a#2028-01-01 2028-01-01T00:00 2028-01-02T00:00",
		}},
		"the last Monday of August": {"UID:a\nDTSTART;VALUE=DATE:20000828\nRRULE:FREQ=YEARLY;BYMONTH=8;BYDAY=-1MO", []string{
			"a#2027-08-30 2027-08-30T00:00 2027-08-31T00:00", "a#2028-08-28 2028-08-28T00:00 2028-08-29T00:00",
		}},
		"not this year":       {"UID:a\nDTSTART;VALUE=DATE:20200101\nRRULE:FREQ=YEARLY\nEXDATE;VALUE=DATE:20270101", []string{"a#2028-01-01 2028-01-01T00:00 2028-01-02T00:00"}},
		"cancelled":           {"UID:a\nSTATUS:CANCELLED\nDTSTART;VALUE=DATE:20261225", []string{"a 2026-12-25T00:00 2026-12-26T00:00 cancelled"}},
		"long ago":            {"UID:a\nDTSTART;VALUE=DATE:20201225", []string{"a 2020-12-25T00:00 2020-12-26T00:00 OUTSIDE_DATES"}},
		"no uid":              {"DTSTART;VALUE=DATE:20261225", []string{"NO_UID"}},
		"no start":            {"UID:a\nSUMMARY:Some day", []string{"a NO_START"}},
		"no such day":         {"UID:a\nDTSTART;VALUE=DATE:20261301", []string{"a BAD_TIME"}},
		"no such zone":        {"UID:a\nDTSTART;TZID=Europe/Atlantis:20261224T130000\nDURATION:PT4H", []string{"a BAD_TIME"}},
		"ends before":         {"UID:a\nDTSTART;VALUE=DATE:20261225\nDTEND;VALUE=DATE:20261224", []string{"a 2026-12-25T00:00 2026-12-24T00:00 BAD_TIME"}},
		"a year long":         {"UID:a\nDTSTART;VALUE=DATE:20270101\nDTEND;VALUE=DATE:20280101", []string{"a 2027-01-01T00:00 2028-01-01T00:00 TOO_LONG"}},
		"every second":        {"UID:a\nDTSTART:20261224T130000Z\nDURATION:PT1S\nRRULE:FREQ=SECONDLY", []string{"a BAD_RULE"}},
		"every second, hid":   {"UID:a\nDTSTART:20261224T130000Z\nDURATION:PT1S\nRRULE:FREQ=DAILY;BYHOUR=1,2;BYMINUTE=3", []string{"a BAD_RULE"}},
		"a rule that is none": {"UID:a\nDTSTART;VALUE=DATE:20261224\nRRULE:FREQ=SOMETIMES", []string{"a BAD_RULE"}},
	} {
		got, err := Holidays(file(c.event), berlin, date(t, "2026-11-01"), date(t, "2028-10-31"))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var lines []string
		for _, h := range got {
			lines = append(lines, brief(h))
		}
		if diff := cmp.Diff(c.want, lines); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	moved, err := Holidays(file("UID:a\nDTSTART;VALUE=DATE:20200101\nRRULE:FREQ=YEARLY\nSUMMARY:New Year",
		"UID:a\nRECURRENCE-ID;VALUE=DATE:20280101\nDTSTART;VALUE=DATE:20280103\nSUMMARY:Substitute day"), berlin, date(t, "2026-11-01"), date(t, "2028-10-31"))
	if err != nil || len(moved) != 2 || brief(moved[1]) != "a#2028-01-01 2028-01-03T00:00 2028-01-04T00:00" || moved[1].Summary != "Substitute day" {
		t.Errorf("a moved occurrence: %v %v", moved, err)
	}
	for name, content := range map[string]string{"nothing": "", "words": "Merry Christmas", "half": string(file("UID:a"))[:60], "a card": "BEGIN:VCARD\r\nEND:VCARD\r\n"} {
		if _, err := Holidays([]byte(content), berlin, date(t, "2026-11-01"), date(t, "2028-10-31")); !errors.Is(err, ErrNotCalendar) {
			t.Errorf("%s: %v", name, err)
		}
	}
	many := strings.Repeat("UID:a\nDTSTART;VALUE=DATE:20260101\nRRULE:FREQ=DAILY\x00", 4)
	_, err = Holidays(file(strings.Split(strings.TrimSuffix(many, "\x00"), "\x00")...), berlin, date(t, "2026-11-01"), date(t, "2028-10-31"))
	if !errors.Is(err, ErrTooMany) {
		t.Errorf("every day, four times: %v", err)
	}
}

// FuzzHolidays: no file makes the reader panic, and what it takes has a time that can be used.
func FuzzHolidays(f *testing.F) {
	f.Add(file("UID:a\nDTSTART;VALUE=DATE:20261225\nRRULE:FREQ=YEARLY\nEXDATE;VALUE=DATE:20270101"))
	f.Add(file("UID:a\nDTSTART;TZID=Europe/London:20261224T130000\nDURATION:PT4H", "UID:a\nRECURRENCE-ID:20261224T130000Z\nDTSTART:20261224T130000Z"))
	from, to := date(f, "2026-11-01"), date(f, "2028-10-31")
	f.Fuzz(func(t *testing.T, content []byte) {
		list, err := Holidays(content, time.UTC, from, to)
		if err != nil {
			return
		}
		for _, h := range list {
			if h.Problem == "" && (h.UID == "" || h.Start.String() >= h.End.String() || h.Start.Minute%5 != 0 || h.End.Minute%5 != 0) {
				t.Errorf("%+v", h)
			}
		}
	})
}
