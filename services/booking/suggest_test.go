package booking_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// starts are the local starts of openings.
func starts(list []*bookingv1.Opening) (out []string) {
	for _, o := range list {
		out = append(out, o.GetLocalStart())
	}
	return out
}

// TestWishes: weekdays and hours narrow the openings, and pages hold them all.
func TestWishes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqldb.SQLite)
	got := w.find(func(r *bookingv1.ListOpeningsRequest) {
		r.EndDate, r.PractitionerId, r.Weekdays = "2026-12-04", ana, []string{"TUESDAY", "THURSDAY"}
		r.FromLocalTime, r.ToLocalTime = "15:45", "17:00"
	})
	want := []string{
		"2026-11-24T16:00", "2026-11-24T16:30", "2026-11-26T16:00", "2026-11-26T16:30",
		"2026-12-01T16:00", "2026-12-01T16:30", "2026-12-03T16:00", "2026-12-03T16:30",
	}
	if diff := cmp.Diff(want, starts(got.GetOpenings())); diff != "" {
		t.Errorf("openings (-want +got):\n%s", diff)
	}
	compact := w.find(func(r *bookingv1.ListOpeningsRequest) {
		r.PractitionerId, r.View, r.ToLocalTime = ana, "COMPACT", "09:30"
	})
	if keys := expand(t, compact.GetGroups()); len(keys) != 2 {
		t.Errorf("compact: %v", keys)
	}
	for name, change := range map[string]func(*bookingv1.ListOpeningsRequest){
		"weekday": func(r *bookingv1.ListOpeningsRequest) { r.Weekdays = []string{"SOMEDAY"} },
		"twice":   func(r *bookingv1.ListOpeningsRequest) { r.Weekdays = []string{"MONDAY", "MONDAY"} },
		"from":    func(r *bookingv1.ListOpeningsRequest) { r.FromLocalTime = "24:00" },
		"to":      func(r *bookingv1.ListOpeningsRequest) { r.ToLocalTime = "noon" },
		"order":   func(r *bookingv1.ListOpeningsRequest) { r.FromLocalTime, r.ToLocalTime = "12:00", "11:00" },
		"packing": func(r *bookingv1.ListOpeningsRequest) { r.Packing = "TIGHT" },
	} {
		r := &bookingv1.ListOpeningsRequest{AppointmentTypeId: w.physio, StartDate: "2026-11-23", EndDate: "2026-11-24"}
		change(r)
		if _, err := w.openings.ListOpenings(w.reception(), r); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

// TestAskPacking is the afternoon of the peer's users: 45 minutes each, three fit between one
// and a quarter past three, and no start that is offered packed makes them two.
func TestAskPacking(t *testing.T) {
	t.Parallel()
	t.Run("ask 51 offered times do not fragment the day", func(t *testing.T) {
		t.Parallel()
		each(t, func(t *testing.T, w *world) {
			w.intake.set(patient, care(1))
			typ := w.newType(&bookingv1.AppointmentType{
				DisplayName: "Long", Kind: "TREATMENT", Discipline: "PHYSIOTHERAPY", DurationMinutes: 45, StartStepMinutes: 15, OfferPacked: true, PatientBookable: true,
			})
			before, after := w.ask(at(9, 0)), w.ask(at(15, 15))
			before.AppointmentTypeId, after.AppointmentTypeId = typ, typ
			before.PatientId, after.PatientId = "pat_two", "pat_two"
			w.book(before)
			w.book(after)
			for minute := 9*60 + 45; minute < 13*60; minute += 45 { // up to 13:30
				r := w.ask(at(0, minute))
				r.AppointmentTypeId, r.PatientId = typ, "pat_two"
				w.book(r)
			}
			ask := &bookingv1.ListOpeningsRequest{
				AppointmentTypeId: typ, StartDate: "2026-11-23", EndDate: "2026-11-23", PractitionerId: ana, PatientId: patient, ToLocalTime: "15:15",
			}
			all, err := w.openings.ListOpenings(w.reception(), ask)
			if err != nil {
				t.Fatal(err)
			}
			packed, err := w.openings.ListOpenings(w.patient(), ask)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"2026-11-23T13:30", "2026-11-23T13:45", "2026-11-23T14:00", "2026-11-23T14:15", "2026-11-23T14:30"}, starts(all.GetOpenings())); diff != "" {
				t.Fatalf("all (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{"2026-11-23T13:30", "2026-11-23T13:45", "2026-11-23T14:15", "2026-11-23T14:30"}, starts(packed.GetOpenings())); diff != "" {
				t.Errorf("packed (-want +got):\n%s", diff)
			}
			for _, o := range all.GetOpenings() {
				if o.GetFragments() != (o.GetLocalStart() == "2026-11-23T14:00") {
					t.Errorf("%s fragments: %v", o.GetLocalStart(), o.GetFragments())
				}
			}
			// Whoever can come at that hour only is offered it all the same, and may book it.
			ask.FromLocalTime, ask.ToLocalTime = "14:00", "14:45"
			only, err := w.openings.ListOpenings(w.patient(), ask)
			if err != nil || len(only.GetOpenings()) != 1 || !only.GetOpenings()[0].GetFragments() {
				t.Fatalf("the only time: %v %v", only, err)
			}
			r := w.ask(at(14, 0))
			r.AppointmentTypeId = typ
			if _, err := w.appointments.CreateAppointment(w.patient(), r); err != nil {
				t.Errorf("packing is advice, not a rule: %v", err)
			}
		})
	})
}

// TestSuggest: with the caller on the line nothing but the patient is named; type, plan,
// practitioner, weekday and hour come from what was, and every suggestion can be booked.
func TestSuggest(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.run()
		_, err := w.openings.SuggestOpenings(w.reception(), &bookingv1.SuggestOpeningsRequest{PatientId: patient})
		onField(t, err, "appointment_type_id")
		fresh, err := w.openings.SuggestOpenings(w.reception(), &bookingv1.SuggestOpeningsRequest{PatientId: patient, AppointmentTypeId: w.physio, Count: 1})
		if err != nil || len(fresh.GetSuggestions()) != 1 || fresh.GetSuggestions()[0].GetOpening().GetLocalStart() != "2026-11-20T09:00" {
			t.Fatalf("the soonest of all: %v %v", fresh, err)
		}
		w.plans.tell(t, &plansv1.PlanActivated{ClinicId: clinic, PatientId: patient, PlanId: "pln_1", Version: 1})
		waitFor(t, "plan", func() bool { return w.rows(`select count(*) from plans`) == 1 })
		for i, day := range []int{0, 2, 7, 9} { // Mondays and Wednesdays at three with Ben
			r := w.ask(at(15, 0).Add(time.Duration(day) * 24 * time.Hour))
			r.PractitionerId, r.PlanId, r.CourseId = ben, "pln_1", "crs_1"
			r.RequestId = fmt.Sprint("r", i)
			w.book(r)
		}
		w.clock.Advance(11 * 24 * time.Hour) // Tuesday 1 December
		got, err := w.openings.SuggestOpenings(w.patient(), &bookingv1.SuggestOpeningsRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if got.GetAppointmentTypeId() != w.physio || got.GetPlanId() != "pln_1" || got.GetCourseId() != "crs_1" || got.GetDurationMinutes() != 30 || got.GetMode() != "IN_PERSON" {
			t.Errorf("derived %v", got)
		}
		if len(got.GetSuggestions()) != 3 {
			t.Fatalf("%d suggestions; refused %v", len(got.GetSuggestions()), got.GetRefused())
		}
		best := got.GetSuggestions()[0]
		if best.GetOpening().GetPractitionerId() != ben || best.GetOpening().GetLocalStart() != "2026-12-02T14:00" {
			t.Errorf("best %v", best)
		}
		if diff := cmp.Diff([]string{"LAST_PRACTITIONER", "USUAL_WEEKDAY", "USUAL_TIME", "PACKS"}, best.GetReasons()); diff != "" {
			t.Errorf("reasons (-want +got):\n%s", diff)
		}
		soonest := slices.ContainsFunc(got.GetSuggestions(), func(s *bookingv1.Suggestion) bool { return slices.Contains(s.GetReasons(), "SOONEST") })
		if !soonest {
			t.Errorf("the soonest is missing: %v", got.GetSuggestions())
		}
		for _, s := range got.GetSuggestions() {
			o := s.GetOpening()
			explained, err := w.openings.ExplainOpening(w.patient(), &bookingv1.ExplainOpeningRequest{
				AppointmentTypeId: got.GetAppointmentTypeId(), PractitionerId: o.GetPractitionerId(), StartTime: o.GetStartTime(),
				PatientId: patient, PlanId: got.GetPlanId(), CourseId: got.GetCourseId(),
			})
			if err != nil || !explained.GetBookable() {
				t.Errorf("%v cannot be booked: %v %v", o, explained, err)
			}
		}
		w.plans.tell(t, &plansv1.PlanClosed{ClinicId: clinic, PatientId: patient, PlanId: "pln_1"})
		waitFor(t, "closed", func() bool { return w.rows(`select count(*) from plans where is_closed`) == 1 })
		got, err = w.openings.SuggestOpenings(w.reception(), &bookingv1.SuggestOpeningsRequest{PatientId: patient})
		if err != nil || got.GetPlanId() != "" {
			t.Errorf("a closed plan is suggested: %v %v", got, err)
		}
		_, err = w.openings.SuggestOpenings(w.patient(), &bookingv1.SuggestOpeningsRequest{PatientId: "pat_two"})
		refused(t, err, "NOT_FOUND")
	})
}
