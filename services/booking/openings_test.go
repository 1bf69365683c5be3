package booking_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// find lists openings of Monday to Tuesday as reception.
func (w *world) find(change func(*bookingv1.ListOpeningsRequest)) *bookingv1.ListOpeningsResponse {
	w.t.Helper()
	r := &bookingv1.ListOpeningsRequest{AppointmentTypeId: w.physio, StartDate: "2026-11-23", EndDate: "2026-11-24", PageSize: 1000}
	if change != nil {
		change(r)
	}
	got, err := w.openings.ListOpenings(w.reception(), r)
	if err != nil {
		w.t.Fatal(err)
	}
	return got
}

func key(practitioner string, start time.Time) string {
	return practitioner + " " + start.UTC().Format(time.RFC3339)
}

// expand turns groups into the same keys.
func expand(t *testing.T, groups []*bookingv1.OpeningGroup) (keys []string) {
	t.Helper()
	for _, g := range groups {
		base, err := time.Parse(time.RFC3339, g.GetBaseTime())
		if err != nil || base.Format(time.DateOnly) != g.GetLocalDate() {
			t.Fatalf("group %v: %v", g, err)
		}
		for _, m := range g.GetOffsetMinutes() {
			keys = append(keys, key(g.GetPractitionerId(), base.Add(time.Duration(m)*time.Minute)))
		}
	}
	return keys
}

// TestOpeningsAreWhatCanBeBooked fills a diary at random with bookings, holds, moves, cancels,
// leave and closures, and then compares openings with the explanation of every start on the
// grid: what is offered can be booked, what can be booked is offered.
func TestOpeningsAreWhatCanBeBooked(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		rng := rand.New(rand.NewPCG(3, 14))
		long := w.newType(&bookingv1.AppointmentType{
			DisplayName: "Long", Kind: "TREATMENT", Discipline: "PHYSIOTHERAPY", DurationMinutes: 45, RoomCapabilities: []string{"TABLE"},
			EquipmentCapabilities: []string{"LASER"}, BufferBeforeMinutes: 5, BufferAfterMinutes: 10, RecoveryMinutes: 20, StaffNoticeMinutes: 60,
		})
		class := w.class(2)
		staff := []string{ana, ben, carl}
		for i := range 30 {
			r := w.ask(at(9, 5*rng.IntN(96)).Add(time.Duration(rng.IntN(2)) * 24 * time.Hour))
			r.PractitionerId, r.PatientId = staff[rng.IntN(3)], fmt.Sprint("pat_", rng.IntN(6))
			switch rng.IntN(3) {
			case 0:
				r.AppointmentTypeId = long
			case 1:
				r.AppointmentTypeId = class
				r.StartTime = timestamppb.New(at(9+rng.IntN(8), 0))
			}
			got, err := w.appointments.CreateAppointment(w.reception(), r)
			if err == nil && i%4 == 0 {
				if _, err := w.cancel(got.GetAppointment().GetAppointmentId()); err != nil {
					t.Fatal(err)
				}
			}
			w.find(nil) // memory is in use while the diary changes
		}
		hold := w.holdAt(at(16, 0))
		hold.PatientId = "pat_3"
		if _, err := w.holds.CreateHold(w.colleague(), hold); err != nil {
			t.Log("held:", err)
		}
		for _, e := range []*bookingv1.ShiftException{
			{SubjectId: ana, ReasonCode: "LEAVE", StartLocal: "2026-11-24T12:00", EndLocal: "2026-11-24T14:30"},
			{SubjectId: "room_1", ReasonCode: "OUT_OF_SERVICE", StartLocal: "2026-11-23T09:00", EndLocal: "2026-11-23T12:00"},
			{ReasonCode: "HOLIDAY", StartLocal: "2026-11-24T16:00", EndLocal: "2026-11-24T18:00"},
		} {
			if _, err := w.shifts.CreateShiftException(w.admin(), &bookingv1.CreateShiftExceptionRequest{ShiftException: e}); err != nil {
				t.Fatal(err)
			}
		}
		for typ, step := range map[string]int{w.physio: 30, long: 15, class: 60} {
			w.compare(typ, step, staff)
		}
	})
}

func (w *world) compare(typ string, step int, staff []string) {
	w.t.Helper()
	full := w.find(func(r *bookingv1.ListOpeningsRequest) { r.AppointmentTypeId, r.PatientId = typ, "pat_0" })
	offered := map[string]*bookingv1.Opening{}
	for _, o := range full.GetOpenings() {
		offered[key(o.GetPractitionerId(), o.GetStartTime().AsTime())] = o
	}
	compact := w.find(func(r *bookingv1.ListOpeningsRequest) {
		r.AppointmentTypeId, r.PatientId, r.View = typ, "pat_0", "COMPACT"
	})
	groups := expand(w.t.(*testing.T), compact.GetGroups())
	if len(groups) != len(offered) || len(offered) == 0 {
		w.t.Fatalf("%d openings, %d in groups", len(offered), len(groups))
	}
	for _, who := range staff {
		for minute := 0; minute < 2*24*60; minute += step {
			start := at(0, minute)
			got, err := w.openings.ExplainOpening(w.reception(), &bookingv1.ExplainOpeningRequest{
				AppointmentTypeId: typ, PractitionerId: who, PatientId: "pat_0", StartTime: timestamppb.New(start),
			})
			if err != nil {
				w.t.Fatal(err)
			}
			if o := offered[key(who, start)]; got.GetBookable() != (o != nil) {
				w.t.Errorf("%s is offered: %v, but refused by %v", key(who, start), o != nil, got.GetRefusals())
			}
			if !slices.Contains(groups, key(who, start)) && got.GetBookable() {
				w.t.Errorf("%s is not in the groups", key(who, start))
			}
		}
	}
	for k, o := range offered { // the room it names is one that is free
		r := &bookingv1.CreateAppointmentRequest{
			AppointmentTypeId: typ, PatientId: "pat_0", PractitionerId: o.GetPractitionerId(), StartTime: o.GetStartTime(), RoomId: o.GetRoomId(),
		}
		if len(k)%3 == 0 || o.GetRoomId() == "" {
			continue
		}
		apt := w.book(r)
		if _, err := w.cancel(apt.GetAppointmentId()); err != nil {
			w.t.Fatal(err)
		}
		break
	}
}

// TestOwnHoldIsShown: the owner of a hold still sees its time; others do not.
func TestOwnHoldIsShown(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.place(w.holdAt(at(10, 0)))
		shown := func(id string) bool {
			got := w.find(func(r *bookingv1.ListOpeningsRequest) { r.PatientId, r.PractitionerId = id, ana })
			return slices.ContainsFunc(got.GetOpenings(), func(o *bookingv1.Opening) bool { return o.GetStartTime().AsTime().Equal(at(10, 0)) })
		}
		if !shown(patient) {
			t.Error("hidden from its owner")
		}
		if shown("pat_two") {
			t.Error("shown to somebody else")
		}
	})
}

// TestOpeningsPage: pages hold everything once, whatever their size, and are stable while times
// are taken.
func TestOpeningsPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqldb.SQLite)
	all := w.find(nil)
	if len(all.GetOpenings()) != 3*2*16 || all.GetNextPageToken() != "" {
		t.Fatalf("%d openings", len(all.GetOpenings()))
	}
	var keys []string
	for token := ""; ; {
		page := w.find(func(r *bookingv1.ListOpeningsRequest) { r.PageSize, r.PageToken = 7, token })
		for _, o := range page.GetOpenings() {
			keys = append(keys, key(o.GetPractitionerId(), o.GetStartTime().AsTime()))
		}
		if token = page.GetNextPageToken(); token == "" {
			break
		}
	}
	if len(keys) != len(all.GetOpenings()) {
		t.Errorf("%d in pages", len(keys))
	}
	for i, o := range all.GetOpenings() {
		if keys[i] != key(o.GetPractitionerId(), o.GetStartTime().AsTime()) {
			t.Fatalf("opening %d is %s", i, keys[i])
		}
	}
	var grouped []string
	for token := ""; ; {
		page := w.find(func(r *bookingv1.ListOpeningsRequest) { r.View, r.PageSize, r.PageToken = "COMPACT", 4, token })
		grouped = append(grouped, expand(t, page.GetGroups())...)
		if token = page.GetNextPageToken(); token == "" {
			break
		}
	}
	slices.Sort(keys)
	slices.Sort(grouped)
	if !slices.Equal(keys, grouped) {
		t.Error("groups and openings differ")
	}
	morning := w.find(func(r *bookingv1.ListOpeningsRequest) { r.PartOfDay = "MORNING" })
	evening := w.find(func(r *bookingv1.ListOpeningsRequest) { r.PartOfDay = "EVENING" })
	if len(morning.GetOpenings()) != 3*2*6 || len(evening.GetOpenings()) != 0 {
		t.Errorf("%d in the morning, %d in the evening", len(morning.GetOpenings()), len(evening.GetOpenings()))
	}
}

// TestOpeningsSubtractThePlan: days that the plan refuses are not offered, and why is said with
// the first date that is allowed; a gap that ends during the day cuts the day.
func TestOpeningsSubtractThePlan(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqldb.SQLite)
	w.plans.verdict = func(s *plansv1.SessionClaim) *plansv1.SessionVerdict {
		if s.GetStartTime().AsTime().Before(at(13, 0)) {
			return &plansv1.SessionVerdict{Reason: "PLAN_GAP", Detail: "Too close.", NextEligibleDate: "2026-11-23"}
		}
		return &plansv1.SessionVerdict{Allowed: true}
	}
	got := w.find(func(r *bookingv1.ListOpeningsRequest) {
		r.PatientId, r.PlanId, r.PractitionerId = patient, "pln_1", ana
	})
	if n := len(got.GetOpenings()); n != 8+16 || !got.GetOpenings()[0].GetStartTime().AsTime().Equal(at(13, 0)) {
		t.Errorf("%d openings from %v", n, got.GetOpenings()[0])
	}
	if len(got.GetRefused()) != 1 || got.GetRefused()[0].GetReason() != "PLAN_GAP" || got.GetRefused()[0].GetNextEligibleDate() != "2026-11-23" {
		t.Errorf("refused %v", got.GetRefused())
	}
}

// TestOpeningsAcrossClockChanges searches a week around each change of a year in two zones: all
// starts are wall time of the shift, on the grid, each once.
func TestOpeningsAcrossClockChanges(t *testing.T) {
	t.Parallel()
	for zone, weeks := range map[string][2]string{
		"Europe/Berlin":       {"2027-03-25", "2027-10-28"},
		"America/Vancouver":   {"2027-03-11", "2027-11-04"},
		"Australia/Lord_Howe": {"2027-04-01", "2027-09-30"},
	} {
		t.Run(strings.ReplaceAll(zone, "/", "_"), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, sqldb.SQLite)
			loc, err := time.LoadLocation(zone)
			if err != nil {
				t.Fatal(err)
			}
			berlin, err := time.LoadLocation("Europe/Berlin") // the place, whose days and grid count
			if err != nil {
				t.Fatal(err)
			}
			_, err = w.shifts.CreateShift(w.admin(), &bookingv1.CreateShiftRequest{Shift: &bookingv1.Shift{
				PractitionerId: "prac_new", LocationId: place, TimeZone: zone, StartLocalTime: "00:00", EndLocalTime: "06:00", StartDate: "2027-01-01",
				Weekdays: []string{"MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"},
			}})
			if err != nil {
				t.Fatal(err)
			}
			for i, from := range weeks {
				first, err := time.Parse(time.DateOnly, from)
				if err != nil {
					t.Fatal(err)
				}
				last := first.Add(7 * 24 * time.Hour).Format(time.DateOnly)
				got := w.find(func(r *bookingv1.ListOpeningsRequest) {
					r.PractitionerId, r.StartDate, r.EndDate, r.View = "prac_new", from, last, "COMPACT"
				})
				var want []string
				for d := first.Add(-24 * time.Hour); d.Before(first.Add(9 * 24 * time.Hour)); d = d.Add(24 * time.Hour) {
					// The shift of the day as instants; six hours, but for the days of the change.
					from := time.Date(d.Year(), d.Month(), d.Day(), 0, 0, 0, 0, loc)
					to := time.Date(d.Year(), d.Month(), d.Day(), 6, 0, 0, 0, loc)
					for at := from; !at.Add(30 * time.Minute).After(to); at = at.Add(5 * time.Minute) {
						local := at.In(berlin)
						if day := local.Format(time.DateOnly); local.Minute()%30 == 0 && day >= weeks[i] && day <= last {
							want = append(want, key("prac_new", at))
						}
					}
				}
				keys := slices.Sorted(slices.Values(expand(t, got.GetGroups())))
				if diff := cmp.Diff(slices.Sorted(slices.Values(want)), keys); diff != "" {
					t.Errorf("openings (-want +got):\n%s", diff)
				}
			}
		})
	}
}
