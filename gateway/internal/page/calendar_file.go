package page

import (
	"strconv"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
)

// calendarFile sends the appointment of the address as a file that calendars take.
func (c *call) calendarFile() error { return c.sendCalendar(c.path("appointment_id")) }

// sendCalendar sends one appointment as a file. Booking writes it, as it writes the feeds: a
// later file or feed replaces what a calendar has of an earlier one.
func (c *call) sendCalendar(appointmentID string) error {
	got, err := c.clients.calendars.GetAppointmentCalendar(c.ctx(), &bookingv1.GetAppointmentCalendarRequest{AppointmentId: appointmentID})
	if err != nil {
		return err
	}
	h := c.w.Header()
	h["Content-Type"] = []string{"text/calendar; charset=utf-8; method=PUBLISH"}
	h["Content-Disposition"] = []string{`attachment; filename="visit.ics"`}
	h["Content-Length"] = []string{strconv.Itoa(len(got.GetContent()))}
	_, _ = c.w.Write([]byte(got.GetContent())) //nolint:gosec // a calendar file, which no browser shows; a client that went away is no failure of ours
	return nil
}
