package page

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
)

// calendarFile sends one appointment as a file that calendars take (RFC 5545). It has no
// name of a patient in it: calendars are shared.
func (c *call) calendarFile() error {
	got, err := c.clients.appointments.GetAppointment(c.ctx(), &bookingv1.GetAppointmentRequest{AppointmentId: c.path("appointment_id")})
	if err != nil {
		return err
	}
	return c.sendCalendar(got.GetAppointment())
}

// sendCalendar sends an appointment as a file.
func (c *call) sendCalendar(a *bookingv1.Appointment) error {
	clinic, err := c.clinic()
	if err != nil {
		return err
	}
	types, _, err := c.types()
	if err != nil {
		return err
	}
	summary := c.cat.T("calendar.summary", "type", types[a.GetAppointmentTypeId()].GetDisplayName(), "clinic", clinic.GetPublicName())
	body := calendarEvent(a, clinic, summary, c.cat.When(a.GetLocalStart(), a.GetTimeZone()), c.cfg.Clock.Now())
	h := c.w.Header()
	h["Content-Type"] = []string{"text/calendar; charset=utf-8; method=PUBLISH"}
	h["Content-Disposition"] = []string{`attachment; filename="visit.ics"`}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	_, _ = c.w.Write([]byte(body)) // a client that went away is no failure of ours
	return nil
}

// calendarEvent writes a calendar with one event. UID and SEQUENCE stay with the appointment,
// so that a later file replaces an earlier one.
func calendarEvent(a *bookingv1.Appointment, clinic *directoryv1.Clinic, summary, when string, now time.Time) string {
	var b strings.Builder
	line := func(name, value string) { foldLine(&b, name+":"+value) }
	status := "CONFIRMED"
	if a.GetState() == "CANCELLED" {
		status = "CANCELLED"
	}
	line("BEGIN", "VCALENDAR")
	line("VERSION", "2.0")
	line("PRODID", "-//Upright//Visits//EN")
	line("METHOD", "PUBLISH")
	line("BEGIN", "VEVENT")
	line("UID", a.GetAppointmentId()+"@upright")
	line("DTSTAMP", calendarTime(now))
	line("DTSTART", calendarTime(a.GetStartTime().AsTime()))
	line("DTEND", calendarTime(a.GetEndTime().AsTime()))
	if _, err := strconv.ParseUint(a.GetEtag(), 10, 31); err == nil {
		line("SEQUENCE", a.GetEtag())
	}
	line("SUMMARY", calendarText(summary))
	line("DESCRIPTION", calendarText(when))
	if place := clinicPlace(clinic); place != "" && a.GetMode() != "ONLINE" && a.GetMode() != "TELEPHONE" {
		line("LOCATION", calendarText(place))
	}
	if uri := a.GetMeetingUri(); uri != "" {
		line("URL", uri)
	}
	line("STATUS", status)
	line("END", "VEVENT")
	line("END", "VCALENDAR")
	return b.String()
}

// clinicPlace is where a clinic is, on one line.
func clinicPlace(clinic *directoryv1.Clinic) string {
	parts := append([]string{clinic.GetPublicName()}, clinic.GetAddress().GetLines()...)
	if city := strings.TrimSpace(clinic.GetAddress().GetPostalCode() + " " + clinic.GetAddress().GetCity()); city != "" {
		parts = append(parts, city)
	}
	return strings.Join(parts, ", ")
}

// calendarTime writes an instant in UTC.
func calendarTime(t time.Time) string { return t.UTC().Format("20060102T150405Z") }

// calendarText escapes a text value (RFC 5545 section 3.3.11).
func calendarText(s string) string {
	return strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\r\n", `\n`, "\n", `\n`, "\r", `\n`).Replace(s)
}

// foldLine writes a content line, folded so that no line is longer than 75 octets and no
// character is cut in two (section 3.1).
func foldLine(b *strings.Builder, s string) {
	room := 75
	for len(s) > room {
		n := room
		for !utf8.RuneStart(s[n]) {
			n--
		}
		b.WriteString(s[:n] + "\r\n ")
		s, room = s[n:], 74
	}
	b.WriteString(s + "\r\n")
}
