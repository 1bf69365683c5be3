package booking_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// holidays is a file as authorities publish it.
func holidays(events ...string) string {
	b := "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//Government//Holidays//EN\n"
	for _, e := range events {
		b += "BEGIN:VEVENT\nDTSTAMP:20260101T000000Z\n" + e + "\nEND:VEVENT\n"
	}
	return strings.ReplaceAll(b+"END:VCALENDAR\n", "\n", "\r\n")
}

// TestImportHolidays: a dry run changes nothing and says all; what is imported is closed, once,
// however often the file comes; what the file moves or cancels follows; what a person took back
// stays taken back.
func TestImportHolidays(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		hit := w.book(w.ask(at(10, 0))).GetAppointmentId()
		run := func(dry bool, events ...string) (string, *bookingv1.ImportHolidaysResponse) {
			t.Helper()
			got, err := w.shifts.ImportHolidays(w.admin(), &bookingv1.ImportHolidaysRequest{Content: holidays(events...), DryRun: dry})
			if err != nil {
				t.Fatal(err)
			}
			var lines []string
			for _, e := range got.GetEntries() {
				line := e.GetUid() + " " + e.GetAction()
				if e.GetReason() != "" {
					line += " " + e.GetReason()
				}
				if e.GetAppointmentsHit() > 0 {
					line += " hits"
				}
				lines = append(lines, line)
			}
			return strings.Join(lines, "; "), got
		}
		expect := func(got, want string) {
			t.Helper()
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		}
		monday, xmas := "UID:mon\nSUMMARY:Penance\nDTSTART;VALUE=DATE:20261123", "UID:xmas\nDTSTART;VALUE=DATE:20261225\nDTEND;VALUE=DATE:20261227"
		open := func(day string) int {
			return len(w.find(func(r *bookingv1.ListOpeningsRequest) { r.StartDate, r.EndDate, r.PractitionerId = day, day, ben }).GetOpenings())
		}

		lines, dry := run(true, monday, xmas, "DTSTART;VALUE=DATE:20261224")
		expect(lines, "mon CREATED hits; xmas CREATED;  SKIPPED NO_UID")
		if dry.GetCreated() != 2 || dry.GetSkipped() != 1 || open("2026-11-23") != 16 || w.rows(`select count(*) from shift_exceptions`) != 0 || w.has(hit, "OUTSIDE_SHIFT") {
			t.Errorf("a dry run does something: %v", dry)
		}
		lines, done := run(false, monday, xmas)
		expect(lines, "mon CREATED hits; xmas CREATED")
		if open("2026-11-23") != 0 || open("2026-12-25") != 0 || !w.has(hit, "OUTSIDE_SHIFT") || done.GetEntries()[0].GetSummary() != "Penance" {
			t.Errorf("imported: %v", done)
		}
		lines, again := run(false, monday, xmas, xmas)
		expect(lines, "mon UNCHANGED hits; xmas UNCHANGED; xmas SKIPPED DUPLICATE")
		if again.GetUnchanged() != 2 || w.rows(`select count(*) from shift_exceptions`) != 2 || again.GetEntries()[0].GetShiftExceptionId() != done.GetEntries()[0].GetShiftExceptionId() {
			t.Errorf("again: %v", again)
		}
		tuesday := strings.Replace(monday, "20261123", "20261124", 1)
		lines, _ = run(false, tuesday, "STATUS:CANCELLED\n"+xmas)
		expect(lines, "mon UPDATED; xmas REMOVED")
		if open("2026-11-23") != 16 || open("2026-11-24") != 0 || open("2026-12-25") != 16 || w.has(hit, "OUTSIDE_SHIFT") {
			t.Error("what the file changed did not follow")
		}
		lines, _ = run(false, tuesday, "STATUS:CANCELLED\n"+xmas)
		expect(lines, "mon UNCHANGED; xmas SKIPPED CANCELLED")
		list, err := w.shifts.ListShiftExceptions(w.admin(), &bookingv1.ListShiftExceptionsRequest{StartDate: "2026-11-24", EndDate: "2026-11-24"})
		if err != nil || len(list.GetShiftExceptions()) != 1 || list.GetShiftExceptions()[0].GetReasonCode() != "HOLIDAY" {
			t.Fatal(list, err)
		}
		_, err = w.shifts.DeleteShiftException(w.admin(), &bookingv1.DeleteShiftExceptionRequest{ShiftExceptionId: list.GetShiftExceptions()[0].GetShiftExceptionId()})
		if err != nil {
			t.Fatal(err)
		}
		lines, _ = run(false, tuesday)
		expect(lines, "mon SKIPPED DELETED_BY_HAND")

		retry := with(w.admin(), "retry")
		for i := range 2 {
			got, err := w.shifts.ImportHolidays(retry, &bookingv1.ImportHolidaysRequest{Content: holidays(xmas), LocationId: place})
			if err != nil || i == 0 && got.GetCreated() != 1 || i == 1 && got.GetUnchanged() != 1 {
				t.Errorf("try %d: %v %v", i, got, err)
			}
		}
		if n := w.rows(`select count(*) from shift_exceptions where subject_id = $1`, place); n != 1 {
			t.Errorf("%d closures of the location", n)
		}
	})
}

// TestBadImport: each field wrong in turn.
func TestBadImport(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqldb.SQLite)
	ask := func(change func(*bookingv1.ImportHolidaysRequest)) error {
		r := &bookingv1.ImportHolidaysRequest{Content: holidays("UID:a\nDTSTART;VALUE=DATE:20261225")}
		change(r)
		_, err := w.shifts.ImportHolidays(w.admin(), r)
		return err
	}
	onField(t, ask(func(r *bookingv1.ImportHolidaysRequest) { r.Content = "" }), "content")
	onField(t, ask(func(r *bookingv1.ImportHolidaysRequest) { r.Content = "Merry Christmas" }), "content")
	onField(t, ask(func(r *bookingv1.ImportHolidaysRequest) { r.Content = "0;0=" }), "content")
	onField(t, ask(func(r *bookingv1.ImportHolidaysRequest) { r.Content = strings.Repeat("x", 600_000) }), "content")
	onField(t, ask(func(r *bookingv1.ImportHolidaysRequest) { r.StartDate = "2026-02-30" }), "start_date")
	onField(t, ask(func(r *bookingv1.ImportHolidaysRequest) { r.EndDate = "2020-01-01" }), "end_date")
	onField(t, ask(func(r *bookingv1.ImportHolidaysRequest) { r.EndDate = "2099-01-01" }), "end_date")
	refused(t, ask(func(r *bookingv1.ImportHolidaysRequest) { r.LocationId = "loc_x" }), "NOT_FOUND")
}
