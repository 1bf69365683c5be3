package booking_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// try books as reception and returns the reason of a refusal.
func (w *world) try(r *bookingv1.CreateAppointmentRequest) *fault.Error {
	_, err := w.appointments.CreateAppointment(w.reception(), r)
	if err == nil {
		return nil
	}
	return fault.From(err)
}

// other is a booking of physiotherapy for another patient.
func (w *world) other(patientID, practitioner string, start time.Time) *bookingv1.CreateAppointmentRequest {
	r := w.ask(start)
	r.PatientId, r.PractitionerId = patientID, practitioner
	return r
}

// offers reports whether a start is among the openings of a practitioner for a patient.
func (w *world) offers(practitioner, patientID string, start time.Time) bool {
	w.t.Helper()
	got := w.find(func(r *bookingv1.ListOpeningsRequest) { r.PatientId, r.PractitionerId = patientID, practitioner })
	return slices.ContainsFunc(got.GetOpenings(), func(o *bookingv1.Opening) bool { return o.GetStartTime().AsTime().Equal(start) })
}

// asks are what the users of other programs asked for in vain, by the number under which it was
// written down, each as a test of what happens here.
var asks = map[string]func(t *testing.T, w *world){
	"ask 1 ten parallel bookings of one slot make one": func(t *testing.T, w *world) {
		got := count(atOnce(10, func(i int) error {
			_, err := w.appointments.CreateAppointment(w.reception(), w.other(fmt.Sprint("pat_", i), ana, at(10, 0)))
			return err
		}))
		if got[""] != 1 || got["SLOT_TAKEN"] != 9 {
			t.Errorf("outcomes %v", got)
		}
	},
	"ask 2 what is held occupies time": func(t *testing.T, w *world) {
		w.place(w.holdAt(at(10, 0)))
		if f := w.try(w.other("pat_two", ana, at(10, 15))); f == nil || f.Reason != "SLOT_TAKEN" || w.offers(ana, "pat_two", at(10, 0)) {
			t.Errorf("over a hold: %v", f)
		}
	},
	"ask 3 of two that hold one slot only one can confirm": func(t *testing.T, w *world) {
		first := w.holdAt(at(10, 0))
		first.PatientId = "pat_1"
		hold := w.place(first)
		second := w.holdAt(at(10, 0))
		second.PatientId = "pat_2"
		_, err := w.holds.CreateHold(w.colleague(), second)
		refused(t, err, "SLOT_TAKEN")
		r := w.other("pat_1", ana, at(10, 0))
		r.HoldId = hold.GetHoldId()
		w.book(r)
		_, err = w.appointments.CreateAppointment(w.colleague(), w.other("pat_2", ana, at(10, 0)))
		refused(t, err, "SLOT_TAKEN")
	},
	"ask 4 booked out means booked once each": func(t *testing.T, w *world) {
		got := count(atOnce(48, func(i int) error { // sixteen slots of one practitioner, three for each
			_, err := w.appointments.CreateAppointment(w.reception(), w.other(fmt.Sprint("pat_", i), ana, at(9, 30*(i%16))))
			return err
		}))
		if got[""] != 16 || got["SLOT_TAKEN"] != 32 {
			t.Errorf("outcomes %v", got)
		}
	},
	"ask 5 seats of a group are counted": func(t *testing.T, w *world) {
		class := w.class(4)
		got := count(atOnce(16, func(i int) error {
			_, err := w.appointments.CreateAppointment(w.reception(), w.seat(class, fmt.Sprint("pat_", i), at(10, 0)))
			return err
		}))
		if got[""] != 4 || got["GROUP_FULL"] != 12 || w.rows(`select count(*) from group_sessions`) != 1 {
			t.Errorf("outcomes %v", got)
		}
	},
	"ask 6 any free one of a pool is assigned in the booking": func(t *testing.T, w *world) {
		staff := []string{ana, ben, carl}
		got := count(atOnce(3, func(i int) error {
			_, err := w.appointments.CreateAppointment(w.reception(), w.other(fmt.Sprint("pat_", i), staff[i], at(10, 0)))
			return err
		}))
		rooms := map[string]bool{}
		for _, a := range w.live() {
			rooms[a.GetRoomId()] = true
		}
		if got[""] != 3 || len(rooms) != 3 {
			t.Errorf("outcomes %v in rooms %v", got, rooms)
		}
	},
	"ask 7 staff are warned of an overlap": func(t *testing.T, w *world) {
		w.book(w.ask(at(10, 0)))
		if f := w.try(w.other("pat_two", ana, at(10, 15))); f == nil || f.Facts["overridable"] != "true" || f.Facts["conflict_start_time"] == "" {
			t.Errorf("refused %v", f)
		}
	},
	"ask 8 a slot that is booked is not shown": func(t *testing.T, w *world) {
		if !w.offers(ana, "pat_two", at(10, 0)) {
			t.Fatal("not offered before")
		}
		w.book(w.ask(at(10, 0)))
		if w.offers(ana, "pat_two", at(10, 0)) {
			t.Error("offered after")
		}
	},
	"ask 9 nobody is told to wait and try again": func(t *testing.T, w *world) {
		for reason := range count(atOnce(32, func(i int) error {
			_, err := w.appointments.CreateAppointment(w.reception(), w.other(fmt.Sprint("pat_", i), []string{ana, ben, carl}[i%3], at(10, 0)))
			return err
		})) {
			if reason != "" && reason != "SLOT_TAKEN" {
				t.Errorf("somebody was told %s", reason)
			}
		}
	},
	"ask 10 half an hour blocks the next quarter": func(t *testing.T, w *world) {
		w.book(w.ask(at(10, 0)))
		for minute, free := range map[int]bool{9*60 + 30: true, 9*60 + 45: false, 10*60 + 15: false, 10*60 + 30: true} {
			if f := w.try(w.other("pat_"+strconv.Itoa(minute), ana, at(0, minute))); (f == nil) != free {
				t.Errorf("%d minutes: %v", minute, f)
			}
		}
	},
	"ask 11 staff can double-book on purpose, with reason and badge": func(t *testing.T, w *world) {
		w.book(w.ask(at(10, 0)))
		r := w.other("pat_two", ana, at(10, 0))
		r.Override = &bookingv1.Override{Reason: "no"}
		if f := w.try(r); f == nil || f.Reason != "INVALID_ARGUMENT" {
			t.Errorf("without a reason: %v", f)
		}
		r.Override.Reason = "acute, agreed with Ana"
		apt := w.book(r)
		if !slices.Contains(apt.GetFlags(), "OVERRIDDEN") || w.rows(`select count(*) from overlap_overrides where reason like 'acute%'`) == 0 {
			t.Errorf("booked %v", apt)
		}
		r.PatientId = patient
		_, err := w.appointments.CreateAppointment(w.patient(), r)
		refused(t, err, "OVERRIDE_NOT_ALLOWED")
	},
	"ask 12 the API refuses a conflict with a code": func(t *testing.T, w *world) {
		w.book(w.ask(at(10, 0)))
		if f := w.try(w.other("pat_two", ana, at(10, 0))); f == nil || f.Kind != fault.Aborted || f.Reason != "SLOT_TAKEN" {
			t.Errorf("refused %v", f)
		}
	},
	"ask 13 nobody is in two places": func(t *testing.T, w *world) {
		w.book(w.ask(at(10, 0)))
		if f := w.try(w.other(patient, ben, at(10, 15))); f == nil || f.Reason != "PATIENT_BUSY" {
			t.Errorf("refused %v", f)
		}
		if w.offers(ben, patient, at(10, 0)) || !w.offers(ben, "pat_two", at(10, 0)) {
			t.Error("openings are not by patient")
		}
	},
	"ask 14 a refusal names everything in the way": func(t *testing.T, w *world) {
		w.book(w.ask(at(10, 0)))
		w.book(w.other("pat_two", ben, at(10, 0)))
		got, err := w.openings.ExplainOpening(w.reception(), &bookingv1.ExplainOpeningRequest{
			AppointmentTypeId: w.physio, PractitionerId: ana, PatientId: "pat_two", StartTime: timestamppb.New(at(10, 15)), DurationMinutes: 45,
		})
		if err != nil {
			t.Fatal(err)
		}
		var reasons []string
		for _, r := range got.GetRefusals() {
			reasons = append(reasons, r.GetReason())
		}
		slices.Sort(reasons)
		if diff := cmp.Diff([]string{"PATIENT_BUSY", "SLOT_TAKEN", "WRONG_DURATION"}, reasons); diff != "" {
			t.Errorf("refusals (-want +got):\n%s", diff)
		}
	},
	"ask 15 a double click books once": func(t *testing.T, w *world) {
		a, err1 := w.appointments.CreateAppointment(with(w.reception(), "click"), w.ask(at(10, 0)))
		b, err2 := w.appointments.CreateAppointment(with(w.reception(), "click"), w.ask(at(10, 0)))
		if err1 != nil || err2 != nil || a.GetAppointment().GetAppointmentId() != b.GetAppointment().GetAppointmentId() {
			t.Errorf("%v %v, %v %v", a, err1, b, err2)
		}
		_, err := w.appointments.CreateAppointment(with(w.reception(), "click"), w.ask(at(12, 0)))
		refused(t, err, "REQUEST_ID_REUSED")
	},
	"ask 27 what comes after the clocks change can be booked": func(t *testing.T, w *world) {
		for _, day := range []string{"2027-03-26", "2027-03-29", "2027-10-29", "2027-11-01"} { // Friday and Monday around both changes
			got := w.find(func(r *bookingv1.ListOpeningsRequest) { r.StartDate, r.EndDate, r.PractitionerId = day, day, ana })
			if n := len(got.GetOpenings()); n != 16 || got.GetOpenings()[0].GetLocalStart() != day+"T09:00" {
				t.Fatalf("%s: %d openings, the first %v", day, n, got.GetOpenings()[0])
			}
			apt := w.book(w.ask(got.GetOpenings()[0].GetStartTime().AsTime()))
			if apt.GetLocalStart() != day+"T09:00" || apt.GetLocalDate() != day {
				t.Errorf("booked %v", apt)
			}
		}
	},
	"ask 28 the calendar has the hour that was booked": func(t *testing.T, w *world) {
		apt := w.book(w.ask(time.Date(2027, 3, 29, 7, 0, 0, 0, time.UTC))) // nine in the morning, by summer time
		_, secret := w.feed(w.reception(), "PATIENT", patient, false)
		if e := w.entries(secret)[apt.GetAppointmentId()]; !e.Start.Equal(apt.GetStartTime().AsTime()) || apt.GetLocalStart() != "2027-03-29T09:00" {
			t.Errorf("entry %v of %v", e, apt)
		}
	},
	"ask 29 a day is the clinic's day": func(t *testing.T, w *world) {
		late := w.ask(time.Date(2026, 11, 23, 23, 30, 0, 0, time.UTC)) // half past midnight on Tuesday in Berlin
		late.Override = &bookingv1.Override{Reason: "night duty"}
		w.book(late)
		for day, n := range map[string]int{"2026-11-23": 0, "2026-11-24": 1} {
			got, err := w.appointments.ListAppointments(w.reception(), &bookingv1.ListAppointmentsRequest{Date: day})
			if err != nil || len(got.GetAppointments()) != n {
				t.Errorf("%s: %v %v", day, got, err)
			}
		}
	},
	"ask 30 a slot is kept while the form is filled in": func(t *testing.T, w *world) {
		hold := w.place(w.holdAt(at(10, 0)))
		w.clock.Advance(9 * time.Minute)
		if f := w.try(w.other("pat_two", ana, at(10, 0))); f == nil || f.Facts["held"] != "true" {
			t.Errorf("stolen: %v", f)
		}
		r := w.ask(at(10, 0))
		r.HoldId, r.OwnerToken = hold.GetHoldId(), hold.GetOwnerToken()
		w.book(r)
	},
	"ask 31 a hold does not lock its owner out": func(t *testing.T, w *world) {
		w.place(w.holdAt(at(10, 0)))
		if !w.offers(ana, patient, at(10, 0)) {
			t.Error("the owner does not see it any more")
		}
		w.place(w.holdAt(at(10, 0))) // back, and again
		w.book(w.ask(at(10, 0)))
	},
	"ask 32 a hold says how long, is renewed and released": func(t *testing.T, w *world) {
		hold := w.place(w.holdAt(at(10, 0)))
		if left := hold.GetExpireTime().AsTime().Sub(w.clock.Now()); left != 10*time.Minute {
			t.Errorf("held for %v", left)
		}
		w.clock.Advance(5 * time.Minute)
		got, err := w.holds.RenewHold(w.reception(), &bookingv1.RenewHoldRequest{HoldId: hold.GetHoldId()})
		if err != nil || !got.GetHold().GetExpireTime().AsTime().Equal(w.clock.Now().Add(10*time.Minute)) {
			t.Errorf("renewed %v %v", got, err)
		}
		list, err := w.holds.ListHolds(w.reception(), &bookingv1.ListHoldsRequest{Date: "2026-11-23"})
		if err != nil || len(list.GetHolds()) != 1 {
			t.Errorf("staff see %v %v", list, err)
		}
		if _, err := w.holds.DeleteHold(w.reception(), &bookingv1.DeleteHoldRequest{HoldId: hold.GetHoldId()}); err != nil {
			t.Fatal(err)
		}
		w.book(w.other("pat_two", ana, at(10, 0)))
	},
	"ask 33 a cancel frees the slot": func(t *testing.T, w *world) {
		apt := w.book(w.ask(at(10, 0)))
		if _, err := w.cancel(apt.GetAppointmentId()); err != nil {
			t.Fatal(err)
		}
		if !w.offers(ana, "pat_two", at(10, 0)) {
			t.Error("not offered")
		}
		w.book(w.other("pat_two", ana, at(10, 0)))
	},
	"ask 37 rooms are booked with the practitioner": func(t *testing.T, w *world) {
		if apt := w.book(w.ask(at(10, 0))); apt.GetRoomId() == "" || w.rows(`select count(*) from claims where resource_id = $1`, apt.GetRoomId()) != 1 {
			t.Errorf("booked %v", apt)
		}
	},
	"ask 38 no room, no booking": func(t *testing.T, w *world) {
		typ := w.newType(&bookingv1.AppointmentType{
			DisplayName: "Imaging", Kind: "TREATMENT", Discipline: "PHYSIOTHERAPY", DurationMinutes: 30, RoomCapabilities: []string{"FLUOROSCOPY"},
		})
		r := w.other("pat_1", ana, at(10, 0))
		r.AppointmentTypeId = typ
		w.book(r)
		r = w.other("pat_2", ben, at(10, 0))
		r.AppointmentTypeId = typ
		if f := w.try(r); f == nil || f.Reason != "NO_ROOM" || f.Facts["next_start_time"] == "" {
			t.Errorf("refused %v", f)
		}
	},
	"ask 39 equipment is exclusive": func(t *testing.T, w *world) {
		typ := w.newType(&bookingv1.AppointmentType{
			DisplayName: "Laser", Kind: "TREATMENT", Discipline: "PHYSIOTHERAPY", DurationMinutes: 30, EquipmentCapabilities: []string{"LASER"},
		})
		r := w.other("pat_1", ana, at(10, 0))
		r.AppointmentTypeId = typ
		if apt := w.book(r); !slices.Equal(apt.GetEquipmentIds(), []string{"eqp_laser"}) {
			t.Errorf("booked %v", apt)
		}
		r = w.other("pat_2", ben, at(10, 15))
		r.AppointmentTypeId = typ
		if f := w.try(r); f == nil || f.Reason != "NO_EQUIPMENT" {
			t.Errorf("refused %v", f)
		}
	},
	"ask 40 rooms and devices have times of their own": func(t *testing.T, w *world) {
		for _, room := range []string{"room_1", "room_2", "room_x"} {
			_, err := w.shifts.CreateShiftException(w.admin(), &bookingv1.CreateShiftExceptionRequest{ShiftException: &bookingv1.ShiftException{
				SubjectId: room, ReasonCode: "OUT_OF_SERVICE", StartLocal: "2026-11-23T10:00", EndLocal: "2026-11-23T11:00",
			}})
			if err != nil {
				t.Fatal(err)
			}
		}
		if f := w.try(w.ask(at(10, 0))); f == nil || f.Reason != "NO_ROOM" || w.offers(ana, patient, at(10, 30)) || !w.offers(ana, patient, at(11, 0)) {
			t.Errorf("refused %v", f)
		}
	},
	"ask 41 a room is exclusive, whoever treats in it": func(t *testing.T, w *world) {
		r := w.other("pat_1", ana, at(10, 0))
		r.RoomId = "room_1"
		w.book(r)
		r = w.other("pat_2", ben, at(10, 15))
		r.RoomId = "room_1"
		if f := w.try(r); f == nil || f.Reason != "SLOT_TAKEN" || f.Facts["resource_id"] != "room_1" {
			t.Errorf("refused %v", f)
		}
	},
	"ask 42 a patient's move or cancel has its notice, by the clinic's policy": lateChanges,
	"ask 43 staff are exempt from the patients' rules": func(t *testing.T, w *world) {
		w.intake.set(patient, care(1))
		typ := w.newType(&bookingv1.AppointmentType{
			DisplayName: "Strict", Kind: "TREATMENT", Discipline: "PHYSIOTHERAPY", DurationMinutes: 30, PatientBookable: true, PatientNoticeMinutes: 7 * 24 * 60,
		})
		r := w.ask(at(10, 0))
		r.AppointmentTypeId = typ
		_, err := w.appointments.CreateAppointment(w.patient(), r)
		refused(t, err, "NOTICE_TOO_SHORT")
		w.book(r)
	},
	"ask 45 buffers, notice and horizon are the type's": func(t *testing.T, w *world) {
		typ := w.newType(&bookingv1.AppointmentType{
			DisplayName: "Buffered", Kind: "TREATMENT", Discipline: "PHYSIOTHERAPY", DurationMinutes: 30, StartStepMinutes: 15,
			BufferBeforeMinutes: 15, BufferAfterMinutes: 15, StaffNoticeMinutes: 60, StaffHorizonDays: 10,
		})
		book := func(start time.Time) string {
			r := w.ask(start)
			r.AppointmentTypeId = typ
			if f := w.try(r); f != nil {
				return f.Reason
			}
			return ""
		}
		for _, c := range []struct {
			start time.Time
			want  string
		}{
			{friday.Add(30 * time.Minute), "NOTICE_TOO_SHORT"},
			{at(10, 0).Add(14 * 24 * time.Hour), "BEYOND_HORIZON"},
			{at(9, 0), "OUTSIDE_SHIFT"},
			{at(9, 15), ""},
			{at(10, 0), "SLOT_TAKEN"},
			{at(10, 15), ""},
		} {
			if got := book(c.start); got != c.want {
				t.Errorf("%v: %q, want %q", c.start, got, c.want)
			}
		}
	},
	"ask 46 a limit is the person's": func(t *testing.T, w *world) {
		w.plans.on = func(in *plansv1.ClaimSessionsRequest) error {
			if in.GetPatientId() == "pat_1" {
				return fault.New(fault.FailedPrecondition, "PLAN_LIMIT", "No sessions are left.")
			}
			return nil
		}
		for _, c := range []struct{ id, want string }{{"pat_1", "PLAN_LIMIT"}, {"pat_2", ""}} {
			r := w.other(c.id, ana, at(10, 0))
			r.PlanId = "pln_" + c.id
			got := ""
			if f := w.try(r); f != nil {
				got = f.Reason
			}
			if got != c.want {
				t.Errorf("%s: %q, want %q", c.id, got, c.want)
			}
		}
	},
	"ask 47 what a limit refuses is not offered": func(t *testing.T, w *world) {
		w.plans.verdict = func(s *plansv1.SessionClaim) *plansv1.SessionVerdict {
			if s.GetLocalDate() == "2026-11-23" {
				return &plansv1.SessionVerdict{Reason: "PLAN_FREQUENCY", Detail: "Three this week.", NextEligibleDate: "2026-11-24"}
			}
			return &plansv1.SessionVerdict{Allowed: true}
		}
		got := w.find(func(r *bookingv1.ListOpeningsRequest) {
			r.PatientId, r.PlanId, r.PractitionerId = patient, "pln_1", ana
		})
		if len(got.GetOpenings()) != 16 || got.GetOpenings()[0].GetLocalStart() != "2026-11-24T09:00" || got.GetRefused()[0].GetNextEligibleDate() != "2026-11-24" {
			t.Errorf("%d openings, refused %v", len(got.GetOpenings()), got.GetRefused())
		}
	},
	"ask 50 a buffer cannot be got around by asking for the time": func(t *testing.T, w *world) {
		typ := w.newType(&bookingv1.AppointmentType{
			DisplayName: "Buffered", Kind: "TREATMENT", Discipline: "PHYSIOTHERAPY", DurationMinutes: 30, StartStepMinutes: 5, BufferAfterMinutes: 20,
		})
		r := w.ask(at(10, 0))
		r.AppointmentTypeId = typ
		w.book(r)
		for _, minute := range []int{30, 35, 45} {
			if f := w.try(w.other("pat_two", ana, at(10, minute))); f == nil || f.Reason != "SLOT_TAKEN" {
				t.Errorf("%d minutes after ten: %v", minute, f)
			}
		}
		w.book(w.other("pat_two", ana, at(10, 50)))
	},
	"ask 52 never more than the maximum": func(t *testing.T, w *world) {
		class := w.class(2)
		w.book(w.seat(class, "pat_1", at(10, 0)))
		w.book(w.seat(class, "pat_2", at(10, 0)))
		r := w.seat(class, "pat_3", at(10, 0))
		r.Override = &bookingv1.Override{Reason: "one more will fit"}
		if f := w.try(r); f == nil || f.Reason != "GROUP_FULL" || w.rows(`select count(*) from group_seats`) != 2 {
			t.Errorf("a third: %v", f)
		}
	},
}

// TestAsks tries them on both databases.
func TestAsks(t *testing.T) {
	t.Parallel()
	all := maps.Clone(asks)
	maps.Copy(all, laterAsks)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		ask := all[name]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, ask)
		})
	}
}

// TestEveryAsk: each of the fifty-two is a test of this service, or docs/asks.md says where it is.
func TestEveryAsk(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	where := map[int]string{}
	note := func(file string, pattern *regexp.Regexp) {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range pattern.FindAllSubmatch(data, -1) {
			n, err := strconv.Atoi(string(m[1]))
			if err != nil {
				t.Fatal(err)
			}
			where[n] = file
		}
	}
	for _, file := range files {
		note(file, regexp.MustCompile(`(?m)^\s*(?:t\.Run\()?"ask ([0-9]+) `)) // the name of a test, not what one says
	}
	note(filepath.Join("..", "..", "docs", "asks.md"), regexp.MustCompile(`(?m)^\| ([0-9]+) \|`))
	for n := 1; n <= 52; n++ {
		if where[n] == "" {
			t.Errorf("ask %d is nowhere", n)
		}
	}
}
