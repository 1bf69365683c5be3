package booking_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/rpc/rpctest"
)

// fillMonday books every half hour of Ana's Monday and returns the appointment at ten.
func (w *world) fillMonday() (atTen string) {
	w.t.Helper()
	for half := range 16 {
		r := w.ask(at(9, half*30))
		r.PatientId = fmt.Sprint("pat_full", half)
		if apt := w.book(r); half == 2 {
			atTen = apt.GetAppointmentId()
		}
	}
	return atTen
}

// waiting is a wish for Ana's Monday.
func (w *world) waiting(patientID string) *bookingv1.CreateWaitlistEntryRequest {
	return &bookingv1.CreateWaitlistEntryRequest{
		PatientId: patientID, AppointmentTypeId: w.physio, PractitionerId: ana, StartDate: "2026-11-23", EndDate: "2026-11-23",
	}
}

func (w *world) wait(r *bookingv1.CreateWaitlistEntryRequest) string {
	w.t.Helper()
	got, err := w.waits.CreateWaitlistEntry(w.reception(), r)
	if err != nil {
		w.t.Fatalf("wait: %v %v", err, fault.From(err).Facts)
	}
	return got.GetWaitlistEntry().GetWaitlistEntryId()
}

// openOffers are the clinic's open offers.
func (w *world) openOffers() []*bookingv1.WaitlistOffer {
	w.t.Helper()
	got, err := w.waits.ListWaitlistOffers(w.reception(), &bookingv1.ListWaitlistOffersRequest{})
	if err != nil {
		w.t.Fatal(err)
	}
	return got.GetOffers()
}

// offerFor waits for the patient's offer.
func (w *world) offerFor(patientID string) (offer *bookingv1.WaitlistOffer) {
	w.t.Helper()
	waitFor(w.t, "offer for "+patientID, func() bool {
		for _, o := range w.openOffers() {
			if o.GetPatientId() == patientID {
				offer = o
				return true
			}
		}
		return false
	})
	return offer
}

// free cancels an appointment and must succeed.
func (w *world) free(id string) {
	w.t.Helper()
	if _, err := w.cancel(id); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) accept(ctx context.Context, offerID string) (*bookingv1.Appointment, error) {
	got, err := w.waits.AcceptWaitlistOffer(ctx, &bookingv1.AcceptWaitlistOfferRequest{OfferId: offerID})
	return got.GetAppointment(), err
}

// TestWaitlist goes through a waitlist's life: a cancel frees a time, the first in line has it
// held for them alone, lets it pass, and the next takes it.
func TestWaitlist(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.run()
		atTen := w.fillMonday()
		first := w.wait(w.waiting("pat_w1"))
		w.clock.Advance(time.Minute)
		w.wait(w.waiting("pat_w2"))
		w.free(atTen)
		offer := w.offerFor("pat_w1")
		if !offer.GetStartTime().AsTime().Equal(at(10, 0)) || offer.GetLocalStart() != "2026-11-23T10:00" || len(w.openOffers()) != 1 {
			t.Fatalf("offered %v", w.openOffers())
		}
		other := w.ask(at(10, 0))
		other.PatientId = "pat_else"
		_, err := w.appointments.CreateAppointment(w.reception(), other)
		if f := refused(t, err, "SLOT_TAKEN"); f.Facts["held"] != "true" {
			t.Errorf("an offer is no hold: %v", f.Facts)
		}
		w.clock.Advance(3 * time.Hour)
		second := w.offerFor("pat_w2")
		_, err = w.accept(w.reception(), offer.GetOfferId())
		if f := refused(t, err, "OFFER_GONE"); f.Facts["state"] != "EXPIRED" {
			t.Errorf("facts %v", f.Facts)
		}
		apt, err := w.accept(w.reception(), second.GetOfferId())
		if err != nil {
			t.Fatalf("accept: %v %v", err, fault.From(err).Facts)
		}
		if apt.GetPatientId() != "pat_w2" || !apt.GetStartTime().AsTime().Equal(at(10, 0)) {
			t.Errorf("booked %v", apt)
		}
		if again, err := w.accept(w.reception(), second.GetOfferId()); err != nil || again.GetAppointmentId() != apt.GetAppointmentId() {
			t.Errorf("accepted again: %v %v", again, err)
		}
		list, err := w.waits.ListWaitlistEntries(w.reception(), &bookingv1.ListWaitlistEntriesRequest{})
		if err != nil || len(list.GetWaitlistEntries()) != 1 {
			t.Fatalf("still waiting: %v %v", list, err)
		}
		if e := list.GetWaitlistEntries()[0]; e.GetWaitlistEntryId() != first || e.GetState() != "WAITING" || e.GetMissedOffers() != 1 {
			t.Errorf("the first in line: %v", e)
		}
	})
}

// TestWaitlistAcceptRace: 32 accept one offer at once and get one appointment; while others try
// to book the time.
func TestWaitlistAcceptRace(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.run()
		atTen := w.fillMonday()
		w.wait(w.waiting("pat_w1"))
		w.free(atTen)
		offer := w.offerFor("pat_w1")
		ids := make([]string, 64)
		errs := atOnce(64, func(i int) error {
			if i%2 == 1 {
				r := w.ask(at(10, 0))
				r.PatientId = fmt.Sprint("pat_thief", i)
				_, err := w.appointments.CreateAppointment(w.reception(), r)
				return err
			}
			apt, err := w.accept(w.reception(), offer.GetOfferId())
			ids[i] = apt.GetAppointmentId()
			return err
		})
		if got := count(errs); got[""] != 32 || got["SLOT_TAKEN"] != 32 {
			t.Errorf("outcomes %v", got)
		}
		for i := 0; i < len(ids); i += 2 {
			if ids[i] != ids[0] {
				t.Fatalf("appointments %v", ids)
			}
		}
		if n := w.rows(`select count(*) from appointments where starts_at = $1 and state = 'BOOKED'`, at(10, 0).UnixMicro()); n != 1 {
			t.Errorf("%d appointments at ten", n)
		}
	})
}

// TestWaitlistSurvivesRestart: an offer that was made before a restart can be accepted after,
// and one whose time passed while nothing ran is ended, with its event, by whoever comes back.
func TestWaitlistSurvivesRestart(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		stop := w.run()
		atTen := w.fillMonday()
		w.wait(w.waiting("pat_w1"))
		w.free(atTen)
		offer := w.offerFor("pat_w1")
		stop()
		w.clock.Advance(4 * time.Hour)
		w.start()
		w.run()
		waitFor(t, "offer ended", func() bool {
			return w.rows(`select count(*) from waitlist_offers where offer_id = $1 and state = 'EXPIRED'`, offer.GetOfferId()) == 1
		})
		ended := 0
		for _, e := range w.events() {
			if m, ok := e.(*bookingv1.WaitlistOfferEnded); ok && m.GetState() == "EXPIRED" {
				ended++
			}
		}
		if ended != 1 {
			t.Errorf("%d events of its end", ended)
		}
	})
}

// TestWaitlistWishes: who waits for a Tuesday afternoon is not offered a Monday; decline gives
// the time to the next and it is not offered to the same again; a withdrawn entry's time goes on.
func TestWaitlistWishes(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.run()
		atTen := w.fillMonday()
		tuesday := w.waiting("pat_tue")
		tuesday.EndDate, tuesday.Days, tuesday.From, tuesday.To = "2026-11-30", []string{"MONDAY"}, "14:00", "15:00"
		w.wait(tuesday)
		w.wait(w.waiting("pat_w1"))
		w.clock.Advance(time.Minute)
		entry := w.wait(w.waiting("pat_w2"))
		w.free(atTen)
		offer := w.offerFor("pat_w1")
		if o := w.offerFor("pat_tue"); o.GetLocalStart() != "2026-11-30T14:00" {
			t.Errorf("offered %v", o)
		}
		declined, err := w.waits.DeclineWaitlistOffer(w.reception(), &bookingv1.DeclineWaitlistOfferRequest{OfferId: offer.GetOfferId()})
		if err != nil || declined.GetOffer().GetState() != "DECLINED" {
			t.Fatalf("decline: %v %v", declined, err)
		}
		w.offerFor("pat_w2")
		withdrawn, err := w.waits.WithdrawWaitlistEntry(w.reception(), &bookingv1.WithdrawWaitlistEntryRequest{WaitlistEntryId: entry})
		if err != nil || withdrawn.GetWaitlistEntry().GetState() != "WITHDRAWN" {
			t.Fatalf("withdraw: %v %v", withdrawn, err)
		}
		waitFor(t, "time free again", func() bool {
			return w.rows(`select count(*) from claims where resource_id = $1 and starts_at = $2`, ana, at(10, 0).UnixMicro()) == 0
		})
		if _, err := w.accept(w.reception(), offer.GetOfferId()); fault.From(err).Reason != "OFFER_GONE" {
			t.Errorf("accept a declined one: %v", err)
		}
		r := w.ask(at(10, 0))
		r.PatientId = "pat_any"
		w.book(r)
	})
}

// TestWaitlistCourse: who waits for a session of a plan books it as one.
func TestWaitlistCourse(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.run()
		w.plans.plan = twelve()
		atTen := w.fillMonday()
		r := w.waiting(patient)
		r.PlanId = "pln_1"
		w.wait(r)
		w.free(atTen)
		apt, err := w.accept(w.patient(), w.offerFor(patient).GetOfferId())
		if err != nil || apt.GetPlanId() != "pln_1" || apt.GetCourseId() != "crs_1" || len(w.plans.granted()) != 1 {
			t.Fatalf("booked %v %v", apt, err)
		}
		w.settled()
	})
}

// TestWaitlistInput: each field wrong in turn; others' entries and offers are not there.
func TestWaitlistInput(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		for name, c := range map[string]struct {
			change func(*bookingv1.CreateWaitlistEntryRequest)
			reason string
		}{
			"type":         {func(r *bookingv1.CreateWaitlistEntryRequest) { r.AppointmentTypeId = "typ_no" }, "NOT_FOUND"},
			"patient":      {func(r *bookingv1.CreateWaitlistEntryRequest) { r.PatientId = "pat_nobody" }, "NOT_FOUND"},
			"practitioner": {func(r *bookingv1.CreateWaitlistEntryRequest) { r.PractitionerId = "prac_no" }, "NOT_FOUND"},
			"location":     {func(r *bookingv1.CreateWaitlistEntryRequest) { r.LocationId = "loc_no" }, "NOT_FOUND"},
			"plan":         {func(r *bookingv1.CreateWaitlistEntryRequest) { r.PlanId = "pln_nobody" }, "NOT_FOUND"},
			"length":       {func(r *bookingv1.CreateWaitlistEntryRequest) { r.DurationMinutes = 35 }, "WRONG_DURATION"},
			"mode":         {func(r *bookingv1.CreateWaitlistEntryRequest) { r.Mode = "ONLINE" }, "WRONG_MODE"},
			"past":         {func(r *bookingv1.CreateWaitlistEntryRequest) { r.StartDate, r.EndDate = "2026-01-01", "2026-01-02" }, "INVALID_ARGUMENT"},
			"backwards":    {func(r *bookingv1.CreateWaitlistEntryRequest) { r.EndDate = "2026-11-22" }, "INVALID_ARGUMENT"},
			"no such day":  {func(r *bookingv1.CreateWaitlistEntryRequest) { r.StartDate = "2026-02-30" }, "INVALID_ARGUMENT"},
			"hours":        {func(r *bookingv1.CreateWaitlistEntryRequest) { r.From, r.To = "14:00", "14:15" }, "INVALID_ARGUMENT"},
			"weekday":      {func(r *bookingv1.CreateWaitlistEntryRequest) { r.Days = []string{"YESTERDAY"} }, "INVALID_ARGUMENT"},
		} {
			r := w.waiting("pat_w1")
			c.change(r)
			_, err := w.waits.CreateWaitlistEntry(w.reception(), r)
			if f := fault.From(err); err == nil || f.Reason != c.reason {
				t.Errorf("%s: %v, want %s", name, err, c.reason)
			}
		}
		id := w.wait(w.waiting("pat_w1"))
		_, err := w.waits.CreateWaitlistEntry(w.reception(), w.waiting("pat_w1"))
		if f := refused(t, err, "ALREADY_WAITING"); f.Facts["waitlist_entry_id"] != id {
			t.Errorf("facts %v", f.Facts)
		}
		_, err = w.waits.CreateWaitlistEntry(w.patient(), w.waiting("pat_w2"))
		refused(t, err, "NOT_FOUND")
		urgent := w.waiting(patient)
		urgent.Priority = "URGENT"
		_, err = w.waits.CreateWaitlistEntry(w.patient(), urgent)
		refused(t, err, "STAFF_ONLY")
		stranger := authn.With(t.Context(), rpctest.Person("cln_b", typev1.Role_ROLE_RECEPTIONIST))
		for name, ctx := range map[string]context.Context{"patient": w.patient(), "other clinic": stranger} {
			if _, err := w.waits.WithdrawWaitlistEntry(ctx, &bookingv1.WithdrawWaitlistEntryRequest{WaitlistEntryId: id}); fault.From(err).Kind != fault.NotFound {
				t.Errorf("%s withdraws: %v", name, err)
			}
		}
		if _, err := w.accept(w.reception(), "off_no"); fault.From(err).Kind != fault.NotFound {
			t.Errorf("accept nothing: %v", err)
		}
	})
}

// TestOfferReplayAfterCrash: the process ends after the booking and before the offer is marked;
// the next look finds that it was accepted.
func TestOfferReplayAfterCrash(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		stop := w.run()
		atTen := w.fillMonday()
		w.wait(w.waiting("pat_w1"))
		w.free(atTen)
		offer := w.offerFor("pat_w1")
		stop()
		// What a crash would leave: the hold is taken over, the offer open.
		hold, err := w.holdToken(offer.GetHoldId())
		if err != nil {
			t.Fatal(err)
		}
		apt := w.book(&bookingv1.CreateAppointmentRequest{
			AppointmentTypeId: w.physio, PatientId: "pat_w1", PractitionerId: ana, StartTime: timestamppb.New(at(10, 0)), HoldId: offer.GetHoldId(), OwnerToken: hold,
		})
		got, err := w.accept(w.reception(), offer.GetOfferId())
		if err != nil || got.GetAppointmentId() != apt.GetAppointmentId() {
			t.Errorf("accepted %v %v", got, err)
		}
		if n := w.rows(`select count(*) from waitlist_entries where state = 'BOOKED' and appointment_id = $1`, apt.GetAppointmentId()); n != 1 {
			t.Error("the entry does not know")
		}
	})
}
