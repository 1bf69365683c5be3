package booking_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// decide sets the clinic's policy.
func (w *world) decide(p *bookingv1.BookingPolicy) {
	w.t.Helper()
	if _, err := w.policies.UpdateBookingPolicy(w.admin(), &bookingv1.UpdateBookingPolicyRequest{BookingPolicy: p}); err != nil {
		w.t.Fatal(err)
	}
}

// strict is a type that patients book and that has a day's notice for changes.
func (w *world) strict() string {
	return w.newType(&bookingv1.AppointmentType{
		DisplayName: "Strict", Kind: "TREATMENT", Discipline: "PHYSIOTHERAPY", DurationMinutes: 30, PatientBookable: true, CancelNoticeMinutes: 24 * 60,
	})
}

// cancelAs and moveAs change an appointment as the patient, or as reception.
func (w *world) cancelAs(staff bool, id string) (*bookingv1.Appointment, error) {
	ctx := w.patient()
	if staff {
		ctx = w.reception()
	}
	got, err := w.appointments.CancelAppointment(ctx, &bookingv1.CancelAppointmentRequest{AppointmentId: id})
	return got.GetAppointment(), err
}

func (w *world) moveAs(staff bool, id string, to time.Time) (*bookingv1.Appointment, error) {
	ctx := w.patient()
	if staff {
		ctx = w.reception()
	}
	got, err := w.appointments.RescheduleAppointment(ctx, &bookingv1.RescheduleAppointmentRequest{AppointmentId: id, StartTime: timestamppb.New(to)})
	return got.GetAppointment(), err
}

// lateChanges: a patient moves and cancels up to the type's notice before the visit and not
// after; then they are told whom to call. Staff may, and it is marked as late. Where the
// clinic's policy says FLAG patients may too.
func lateChanges(t *testing.T, w *world) {
	w.intake.set(patient, care(1))
	strict := w.strict()
	book := func(hour int) string {
		r := w.ask(at(hour, 0))
		r.AppointmentTypeId = strict
		return w.book(r).GetAppointmentId()
	}
	refusedLate := func(err error, until time.Time) {
		t.Helper()
		f := refused(t, err, "LATE_CHANGE")
		if f.Facts["phone"] != frontDesk || f.Facts["change_expire_time"] != until.Format(time.RFC3339) {
			t.Errorf("facts %v", f.Facts)
		}
	}
	ten, eleven, noon, two := book(10), book(11), book(12), book(14)
	deadline := at(10, 0).Add(-24 * time.Hour)
	w.clock.Set(deadline) // to the minute is in time
	if got, err := w.moveAs(false, ten, at(9, 30)); err != nil || slices.Contains(got.GetFlags(), "MOVED_LATE") {
		t.Fatalf("in time: %v %v", got, err)
	}
	w.clock.Advance(2 * time.Hour)
	_, err := w.cancelAs(false, ten)
	refusedLate(err, deadline.Add(3*time.Minute)) // the grace of the move
	_, err = w.moveAs(false, eleven, at(15, 0).Add(48*time.Hour))
	refusedLate(err, at(11, 0).Add(-24*time.Hour))
	if got, err := w.moveAs(true, eleven, at(15, 0)); err != nil || slices.Contains(got.GetFlags(), "MOVED_LATE") {
		t.Errorf("staff move: %v %v", got, err)
	}
	if got, err := w.cancelAs(true, ten); err != nil || !got.GetLateCancel() {
		t.Errorf("staff cancel: late %v, %v", got.GetLateCancel(), err)
	}
	w.decide(&bookingv1.BookingPolicy{LateChange: "FLAG"})
	if got, err := w.cancelAs(false, noon); err != nil || got.GetLateCancel() {
		t.Errorf("cancelled to the minute: late %v %v", got.GetLateCancel(), err)
	}
	w.clock.Advance(3 * time.Hour)
	if got, err := w.moveAs(false, two, at(16, 0)); err != nil || !slices.Contains(got.GetFlags(), "MOVED_LATE") || got.GetNeedsReview() {
		t.Errorf("moved late by policy: %v %v", got, err)
	}
	w.clock.Advance(4 * time.Minute)
	if got, err := w.cancelAs(false, eleven); err != nil || !got.GetLateCancel() {
		t.Errorf("cancelled late by policy: %v %v", got, err)
	}
}

// TestLateCourse: a patient cannot cancel or move a course past the notice of one of its
// sessions; nothing of it changes then.
func TestLateCourse(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.plans.plan = twelve()
		strict := w.strict()
		var ids []string
		for day := range 3 {
			r := w.planned(at(10, 0).Add(time.Duration(day) * 24 * time.Hour))
			r.AppointmentTypeId, r.CourseId = strict, "crs_1"
			ids = append(ids, w.book(r).GetAppointmentId())
		}
		w.clock.Set(at(8, 0))
		_, err := w.courses.CancelCourse(w.patient(), &bookingv1.CancelCourseRequest{AppointmentId: ids[1], Scope: "ALL"})
		if f := refused(t, err, "LATE_CHANGE"); f.Facts["phone"] != frontDesk {
			t.Errorf("facts %v", f.Facts)
		}
		_, err = w.courses.RescheduleCourse(w.patient(), &bookingv1.RescheduleCourseRequest{
			AppointmentId: ids[0], Scope: "ALL", StartTime: timestamppb.New(at(14, 0)),
		})
		refused(t, err, "LATE_CHANGE")
		if n := w.rows(`select count(*) from appointments where state = 'BOOKED' and starts_at = $1`, at(10, 0).UnixMicro()); n != 1 || w.rows(`select count(*) from appointments where state = 'BOOKED'`) != 3 {
			t.Error("something was changed")
		}
		got, err := w.courses.CancelCourse(w.patient(), &bookingv1.CancelCourseRequest{AppointmentId: ids[1], Scope: "FOLLOWING"})
		if err != nil || len(got.GetAppointments()) != 2 {
			t.Errorf("those in time: %v %v", got, err)
		}
		w.settled()
	})
}

// TestChangeGrace: what was booked or moved less than three minutes ago can be taken back
// however soon the visit is; and the patient's page is told until when.
func TestChangeGrace(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.intake.set(patient, care(1))
		r := w.ask(friday.Add(2 * time.Hour))
		r.AppointmentTypeId = w.strict()
		until := func(id string) time.Time {
			got, err := w.appointments.GetAppointment(w.patient(), &bookingv1.GetAppointmentRequest{AppointmentId: id})
			if err != nil {
				t.Fatal(err)
			}
			return got.GetAppointment().GetChangeExpireTime().AsTime()
		}
		first := w.book(r).GetAppointmentId()
		if want := friday.Add(3 * time.Minute); !until(first).Equal(want) {
			t.Errorf("may be changed until %v, want %v", until(first), want)
		}
		w.clock.Advance(3 * time.Minute)
		if got, err := w.cancelAs(false, first); err != nil || got.GetLateCancel() {
			t.Fatalf("within the grace: %v %v", got, err)
		}
		second := w.book(r).GetAppointmentId()
		w.clock.Advance(3*time.Minute + time.Second)
		_, err := w.cancelAs(false, second)
		refused(t, err, "LATE_CHANGE")
		r.StartTime = timestamppb.New(at(10, 0))
		third := w.book(r).GetAppointmentId()
		if want := at(10, 0).Add(-24 * time.Hour); !until(third).Equal(want) {
			t.Errorf("may be changed until %v, want %v", until(third), want)
		}
		w.clock.Advance(time.Hour)
		if _, err := w.moveAs(false, third, friday.Add(4*time.Hour)); err != nil {
			t.Fatal(err)
		}
		if _, err := w.moveAs(false, third, at(10, 0)); err != nil { // back, at once
			t.Errorf("moved back: %v", err)
		}
		w.decide(&bookingv1.BookingPolicy{LateChange: "FLAG"})
		got, err := w.appointments.GetAppointment(w.patient(), &bookingv1.GetAppointmentRequest{AppointmentId: third})
		if err != nil || got.GetAppointment().GetChangeExpireTime() != nil {
			t.Errorf("by a policy that flags: %v %v", got, err)
		}
	})
}

// TestBookingPolicy: the usual values first, then what the clinic decides, field by field, and
// each field wrong in turn.
func TestBookingPolicy(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		get := func() *bookingv1.BookingPolicy {
			got, err := w.policies.GetBookingPolicy(w.reception(), &bookingv1.GetBookingPolicyRequest{})
			if err != nil {
				t.Fatal(err)
			}
			return got.GetBookingPolicy()
		}
		usual := &bookingv1.BookingPolicy{
			LateChange: "REFUSE", WaitlistOrder: []string{"PRIORITY", "MISSED", "IN_COURSE", "JOINED"}, OfferMinutes: 120, OfferNoticeMinutes: 60,
			MostMissedOffers: 3, Etag: get().GetEtag(),
		}
		if diff := cmp.Diff(usual, get(), protocmp.Transform()); diff != "" {
			t.Errorf("usual (-want +got):\n%s", diff)
		}
		update := func(p *bookingv1.BookingPolicy, mask ...string) error {
			_, err := w.policies.UpdateBookingPolicy(w.admin(), &bookingv1.UpdateBookingPolicyRequest{
				BookingPolicy: p, UpdateMask: &fieldmaskpb.FieldMask{Paths: mask},
			})
			return err
		}
		if err := update(&bookingv1.BookingPolicy{WaitlistOrder: []string{"JOINED"}, OfferMinutes: 30, Etag: usual.GetEtag()}); err != nil {
			t.Fatal(err)
		}
		if err := update(&bookingv1.BookingPolicy{LateChange: "FLAG"}, "late_change"); err != nil {
			t.Fatal(err)
		}
		want := &bookingv1.BookingPolicy{
			LateChange: "FLAG", WaitlistOrder: []string{"JOINED"}, OfferMinutes: 30, OfferNoticeMinutes: 60, MostMissedOffers: 3, Etag: get().GetEtag(),
		}
		if diff := cmp.Diff(want, get(), protocmp.Transform()); diff != "" {
			t.Errorf("decided (-want +got):\n%s", diff)
		}
		refused(t, update(&bookingv1.BookingPolicy{Etag: usual.GetEtag()}), "VERSION_MISMATCH")
		for field, p := range map[string]*bookingv1.BookingPolicy{
			"late_change":          {LateChange: "FINE"},
			"waitlist_order[0]":    {WaitlistOrder: []string{"WEALTH"}},
			"waitlist_order":       {WaitlistOrder: []string{"JOINED", "JOINED"}},
			"offer_minutes":        {OfferMinutes: -1},
			"offer_notice_minutes": {OfferNoticeMinutes: 10081},
			"most_missed_offers":   {MostMissedOffers: 101},
		} {
			onField(t, update(p), "booking_policy."+field)
		}
		onField(t, update(&bookingv1.BookingPolicy{}, "colour"), "update_mask")
		if diff := cmp.Diff(want, get(), protocmp.Transform()); diff != "" {
			t.Errorf("after bad input (-want +got):\n%s", diff)
		}
		if n := w.rows(`select count(*) from audit_log where action = 'booking_policy.update'`); n != 2 {
			t.Errorf("%d audit rows, want 2", n)
		}
	})
}

// TestWaitlistOrderOfTheClinic: the same people in another order by another rule, in the list
// and in what is offered.
func TestWaitlistOrderOfTheClinic(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.plans.plan = twelve()
		w.fillMonday()
		w.wait(w.waiting("pat_first"))
		w.clock.Advance(time.Minute)
		course := w.waiting(patient)
		course.PlanId = "pln_1"
		w.wait(course)
		w.clock.Advance(time.Minute)
		urgent := w.waiting("pat_urgent")
		urgent.Priority = "URGENT"
		w.wait(urgent)
		line := func() (ids []string) {
			got, err := w.waits.ListWaitlistEntries(w.reception(), &bookingv1.ListWaitlistEntriesRequest{})
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range got.GetWaitlistEntries() {
				ids = append(ids, e.GetPatientId())
			}
			return ids
		}
		if diff := cmp.Diff([]string{"pat_urgent", patient, "pat_first"}, line()); diff != "" {
			t.Errorf("usual order (-want +got):\n%s", diff)
		}
		w.decide(&bookingv1.BookingPolicy{WaitlistOrder: []string{"IN_COURSE"}})
		if diff := cmp.Diff([]string{patient, "pat_first", "pat_urgent"}, line()); diff != "" {
			t.Errorf("courses first (-want +got):\n%s", diff)
		}
		w.decide(&bookingv1.BookingPolicy{WaitlistOrder: []string{"JOINED"}, OfferMinutes: 30, MostMissedOffers: 1})
		if diff := cmp.Diff([]string{"pat_first", patient, "pat_urgent"}, line()); diff != "" {
			t.Errorf("first come, first served (-want +got):\n%s", diff)
		}
		w.run()
		free := w.ask(at(10, 0))
		var atTen string
		for _, a := range w.live() {
			if a.GetStartTime().AsTime().Equal(free.GetStartTime().AsTime()) {
				atTen = a.GetAppointmentId()
			}
		}
		w.free(atTen)
		offer := w.offerFor("pat_first")
		if left := offer.GetExpireTime().AsTime().Sub(offer.GetCreateTime().AsTime()); left != 30*time.Minute {
			t.Errorf("the offer stands %v", left)
		}
		w.clock.Advance(31 * time.Minute)
		w.offerFor(patient)
		if n := w.rows(`select count(*) from waitlist_entries where patient_id = 'pat_first' and state = 'EXPIRED'`); n != 1 {
			t.Error("one missed offer was not the last")
		}
	})
}

// TestOfferWaitlistTime: staff offer a time out of turn, once for a request, the first that
// suits or one that they name; with each field wrong in turn.
func TestOfferWaitlistTime(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		full := w.fillMonday()
		first, second := w.wait(w.waiting("pat_w1")), w.wait(w.waiting("pat_w2"))
		offer := func(id string, change func(*bookingv1.OfferWaitlistTimeRequest)) (*bookingv1.WaitlistOffer, error) {
			r := &bookingv1.OfferWaitlistTimeRequest{WaitlistEntryId: id}
			if change != nil {
				change(r)
			}
			got, err := w.waits.OfferWaitlistTime(with(w.reception(), "offer-"+fmt.Sprint(r)), r)
			return got.GetOffer(), err
		}
		_, err := offer(second, nil)
		refused(t, err, "NO_TIME")
		for name, c := range map[string]struct {
			entry  string
			change func(*bookingv1.OfferWaitlistTimeRequest)
			reason string
		}{
			"no such entry": {"wait_no", nil, "NOT_FOUND"},
			"with nobody":   {second, func(r *bookingv1.OfferWaitlistTimeRequest) { r.StartTime = timestamppb.New(at(10, 0)) }, "INVALID_ARGUMENT"},
			"not on five minutes": {second, func(r *bookingv1.OfferWaitlistTimeRequest) {
				r.StartTime, r.PractitionerId = timestamppb.New(at(10, 1)), ana
			}, "INVALID_ARGUMENT"},
			"no such person": {second, func(r *bookingv1.OfferWaitlistTimeRequest) {
				r.StartTime, r.PractitionerId = timestamppb.New(at(10, 0)), "prac_no"
			}, "NOT_FOUND"},
			"taken": {second, func(r *bookingv1.OfferWaitlistTimeRequest) {
				r.StartTime, r.PractitionerId = timestamppb.New(at(10, 0)), ana
			}, "SLOT_TAKEN"},
			"too soon": {second, func(r *bookingv1.OfferWaitlistTimeRequest) {
				r.StartTime, r.PractitionerId = timestamppb.New(friday.Add(time.Hour)), ana
			}, "TOO_SOON"},
			"at night": {second, func(r *bookingv1.OfferWaitlistTimeRequest) {
				r.StartTime, r.PractitionerId = timestamppb.New(at(22, 0)), ana
			}, "OUTSIDE_SHIFT"},
		} {
			if _, err := offer(c.entry, c.change); fault.From(err).Reason != c.reason {
				t.Errorf("%s: %v, want %s", name, err, c.reason)
			}
		}
		w.free(full)
		made, err := offer(second, func(r *bookingv1.OfferWaitlistTimeRequest) { r.PractitionerId = "" })
		if err == nil { // the first try with this request id was refused, so it may be tried again
			again, err := offer(second, nil)
			if err != nil || again.GetOfferId() != made.GetOfferId() {
				t.Errorf("again: %v %v", again, err)
			}
		}
		if err != nil || made.GetPatientId() != "pat_w2" || !made.GetStartTime().AsTime().Equal(at(10, 0)) || made.GetState() != "OPEN" {
			t.Fatalf("offered %v %v", made, err)
		}
		got, err := w.waits.GetWaitlistOffer(w.reception(), &bookingv1.GetWaitlistOfferRequest{OfferId: made.GetOfferId()})
		if err != nil || !cmp.Equal(made, got.GetOffer(), protocmp.Transform()) {
			t.Errorf("read %v %v", got, err)
		}
		_, err = w.waits.GetWaitlistOffer(w.patient(), &bookingv1.GetWaitlistOfferRequest{OfferId: made.GetOfferId()})
		refused(t, err, "NOT_FOUND")
		_, err = w.waits.OfferWaitlistTime(w.reception(), &bookingv1.OfferWaitlistTimeRequest{WaitlistEntryId: second})
		refused(t, err, "NOT_WAITING")
		named, err := offer(first, func(r *bookingv1.OfferWaitlistTimeRequest) {
			r.StartTime, r.PractitionerId = timestamppb.New(at(9, 0).Add(24*time.Hour)), ben
		})
		if err != nil || named.GetPractitionerId() != ben {
			t.Fatalf("offered %v %v", named, err)
		}
		if apt, err := w.accept(w.reception(), named.GetOfferId()); err != nil || apt.GetPractitionerId() != ben {
			t.Errorf("accepted %v %v", apt, err)
		}
	})
}

// TestWaitlistPriority: staff mark an entry as urgent and it comes first; not of one who does
// not wait any more, nor over somebody else's change.
func TestWaitlistPriority(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.wait(w.waiting("pat_w1"))
		w.clock.Advance(time.Minute)
		id := w.wait(w.waiting("pat_w2"))
		set := func(priority, etag string) (*bookingv1.WaitlistEntry, error) {
			got, err := w.waits.UpdateWaitlistEntry(w.reception(), &bookingv1.UpdateWaitlistEntryRequest{WaitlistEntryId: id, Priority: priority, Etag: etag})
			return got.GetWaitlistEntry(), err
		}
		e, err := set("URGENT", "")
		if err != nil || e.GetPriority() != "URGENT" {
			t.Fatalf("set %v %v", e, err)
		}
		list, err := w.waits.ListWaitlistEntries(w.reception(), &bookingv1.ListWaitlistEntriesRequest{})
		if err != nil || list.GetWaitlistEntries()[0].GetWaitlistEntryId() != id {
			t.Errorf("line %v %v", list, err)
		}
		_, err = set("NORMAL", "1-other")
		refused(t, err, "VERSION_MISMATCH")
		_, err = set("", "")
		onField(t, err, "priority")
		if _, err := w.waits.WithdrawWaitlistEntry(w.reception(), &bookingv1.WithdrawWaitlistEntryRequest{WaitlistEntryId: id}); err != nil {
			t.Fatal(err)
		}
		_, err = set("NORMAL", "")
		refused(t, err, "NOT_WAITING")
	})
}
