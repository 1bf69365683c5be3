package words

import (
	"strconv"
	"strings"
	"time"

	"github.com/upright-clinic/upright/services/platform/civil"
)

// Date writes a civil date in full, such as "Tuesday 24 November 2026".
func (c *Catalog) Date(d civil.Date) string {
	if d.IsZero() {
		return ""
	}
	return c.T("format.date", "weekday", c.T("weekday."+strconv.Itoa(int(d.Weekday()))),
		"day", d.Day, "month", c.T("month."+strconv.Itoa(int(d.Month))), "year", d.Year)
}

// ShortDate writes a civil date without the weekday, such as "24 November 2026".
func (c *Catalog) ShortDate(d civil.Date) string {
	if d.IsZero() {
		return ""
	}
	return c.T("format.date_short", "day", d.Day, "month", c.T("month."+strconv.Itoa(int(d.Month))), "year", d.Year)
}

// DateText is [Catalog.ShortDate] for the YYYY-MM-DD of a message; any other text comes
// back as it is.
func (c *Catalog) DateText(s string) string {
	d, err := civil.Parse(s)
	if err != nil {
		return s
	}
	return c.ShortDate(d)
}

// Clock writes the time of day of "YYYY-MM-DDTHH:MM" or "HH:MM".
func (c *Catalog) Clock(local string) string {
	if _, after, ok := strings.Cut(local, "T"); ok {
		local = after
	}
	t, err := time.Parse("15:04", local[:min(len(local), 5)])
	if err != nil {
		return local
	}
	return t.Format(c.T("format.clock"))
}

// When writes the date and time of "YYYY-MM-DDTHH:MM" with the zone in words, so that
// nobody has to guess whose clock is meant.
func (c *Catalog) When(local, zone string) string {
	date, _, _ := strings.Cut(local, "T")
	d, err := civil.Parse(date)
	if err != nil {
		return local
	}
	return c.T("format.when", "date", c.Date(d), "time", c.Clock(local), "zone", c.Zone(zone))
}

// Zone says an IANA zone in words: "America/Vancouver" is "Vancouver time".
func (c *Catalog) Zone(iana string) string {
	if iana == "" || iana == "UTC" {
		return "UTC"
	}
	city := strings.ReplaceAll(iana[strings.LastIndexByte(iana, '/')+1:], "_", " ")
	return c.T("format.zone", "city", city)
}
