package booking_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

func TestBook(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		got := w.book(w.ask(at(10, 0)))
		if got.GetState() != "BOOKED" || got.GetLocalDate() != "2026-11-23" || got.GetLocalStart() != "2026-11-23T10:00" ||
			got.GetTimeZone() != "Europe/Berlin" || !strings.HasPrefix(got.GetRoomId(), "room_") || got.GetRoomId() == "room_x" ||
			got.GetMode() != "IN_PERSON" || got.GetEtag() != "1" || !slices.Equal(got.GetFlags(), []string{"SCREENING_DUE"}) || got.GetNeedsReview() {
			t.Errorf("booked %v", got)
		}
		if diff := cmp.Diff([]string{"AppointmentBooked"}, names(w.events())); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		if n := w.rows(`select count(*) from claims`); n != 3 {
			t.Errorf("%d claims, want practitioner, room and patient", n)
		}
		if n := w.rows(`select count(*) from audit_log where action = 'appointment.book'`); n != 1 {
			t.Errorf("%d audit rows", n)
		}
		again, err := w.appointments.GetAppointment(w.patient(), &bookingv1.GetAppointmentRequest{AppointmentId: got.GetAppointmentId()})
		if err != nil || again.GetAppointment().GetEtag() != "1" {
			t.Errorf("get: %v %v", again, err)
		}
	})
}

// TestTaken: the same time is refused with what is taken and what would be free; the time right
// after is not.
func TestTaken(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.book(w.ask(at(10, 0)))
		again := w.ask(at(10, 0))
		again.PatientId = "pat_two"
		_, err := w.appointments.CreateAppointment(w.reception(), again)
		f := refused(t, err, "SLOT_TAKEN")
		want := map[string]string{
			"resource_kind": "PRACTITIONER", "resource_id": ana, "overridable": "true",
			"conflict_start_time": at(10, 0).Format(time.RFC3339), "conflict_end_time": at(10, 30).Format(time.RFC3339),
			"next_start_time": at(10, 30).Format(time.RFC3339),
		}
		for k, v := range want {
			if f.Facts[k] != v {
				t.Errorf("fact %s is %q, want %q", k, f.Facts[k], v)
			}
		}
		if f.Kind != fault.Aborted {
			t.Errorf("kind %v", f.Kind)
		}
		for key, value := range f.Facts {
			if strings.Contains(value, patient) {
				t.Errorf("fact %s tells of another patient: %s", key, value)
			}
		}
		again.StartTime = w.ask(at(10, 30)).GetStartTime()
		w.book(again)
		busy := w.ask(at(10, 15))
		busy.PractitionerId = ben
		_, err = w.appointments.CreateAppointment(w.reception(), busy)
		refused(t, err, "PATIENT_BUSY")
	})
}
