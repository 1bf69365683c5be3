package booking_test

import (
	"testing"
	"time"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
)

// messages are an appointment's messages, the newest first, as "KIND STATE".
func (w *world) messages(id string) (list []string) {
	w.t.Helper()
	got, err := bookingv1.NewOutgoingServiceClient(w.served.Conn()).ListOutgoingMessages(w.reception(), &bookingv1.ListOutgoingMessagesRequest{AppointmentId: id})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, m := range got.GetMessages() {
		list = append(list, m.GetKind()+" "+m.GetState())
	}
	return list
}

// awaitMessage waits until the newest message is as wanted.
func (w *world) awaitMessage(id, want string) {
	w.t.Helper()
	waitFor(w.t, want, func() bool { list := w.messages(id); return len(list) > 0 && list[0] == want })
}

// TestNoMessageBeforeTheGraceIsOver: a cancel that is undone is never told; one that stands is
// told when it cannot be undone any more, and a restart forgets neither.
func TestNoMessageBeforeTheGraceIsOver(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		stop := w.run()
		undone, stands := w.book(w.ask(at(10, 0))).GetAppointmentId(), ""
		r := w.ask(at(12, 0))
		r.PatientId = "pat_two"
		stands = w.book(r).GetAppointmentId()
		w.free(undone)
		w.free(stands)
		w.awaitMessage(undone, "APPOINTMENT_CANCELLED WAITING")
		w.awaitMessage(stands, "APPOINTMENT_CANCELLED WAITING")
		w.clock.Advance(3 * time.Minute)
		if _, err := w.undo(undone); err != nil {
			t.Fatal(err)
		}
		w.awaitMessage(undone, "APPOINTMENT_CANCELLED DROPPED")
		stop()
		w.clock.Advance(time.Hour)
		w.start()
		w.run()
		w.awaitMessage(stands, "APPOINTMENT_CANCELLED READY")
		if got := w.messages(undone); len(got) != 1 || got[0] != "APPOINTMENT_CANCELLED DROPPED" {
			t.Errorf("the patient would be told %v", got)
		}
	})
}

// TestOutcomeMissing: an appointment that has passed is asked about, until somebody says what
// became of it.
func TestOutcomeMissing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		apt := w.book(w.ask(at(10, 0)))
		w.clock.Advance(at(10, 59).Sub(friday))
		if err := w.svc.AskForOutcomes(t.Context()); err != nil {
			t.Fatal(err)
		}
		if w.sheet()[0].GetNeedsReview() {
			t.Error("asked too early")
		}
		w.clock.Advance(2 * time.Minute)
		for range 2 { // a second round changes nothing
			if err := w.svc.AskForOutcomes(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		got := w.sheet()[0]
		if !got.GetNeedsReview() || got.GetEtag() != "2" {
			t.Fatalf("not asked, or twice: %v", got)
		}
		if _, err := w.appointments.MarkNoShow(w.reception(), &bookingv1.MarkNoShowRequest{AppointmentId: apt.GetAppointmentId()}); err != nil {
			t.Fatal(err)
		}
		if got := w.sheet()[0]; got.GetNeedsReview() {
			t.Errorf("still asked: %v", got)
		}
	})
}
