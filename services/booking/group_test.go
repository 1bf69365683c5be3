package booking_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// class makes a type that so many share.
func (w *world) class(capacity int32) string {
	return w.newType(&bookingv1.AppointmentType{
		DisplayName: "Back class", Kind: "TREATMENT", Discipline: "PHYSIOTHERAPY", DurationMinutes: 60, RoomCapabilities: []string{"TABLE"},
		EquipmentCapabilities: []string{"LASER"}, Capacity: capacity, PatientBookable: true,
	})
}

// seat asks for a seat for a patient.
func (w *world) seat(class, patientID string, start time.Time) *bookingv1.CreateAppointmentRequest {
	r := w.ask(start)
	r.AppointmentTypeId, r.PatientId = class, patientID
	return r
}

// seats are what openings say of a start with Ana, -1 when it is not offered.
func (w *world) seats(class, patientID string, start time.Time) int {
	w.t.Helper()
	got := w.find(func(r *bookingv1.ListOpeningsRequest) {
		r.AppointmentTypeId, r.PatientId, r.PractitionerId = class, patientID, ana
	})
	for _, o := range got.GetOpenings() {
		if o.GetStartTime().AsTime().Equal(start) {
			return int(o.GetSeatsLeft())
		}
	}
	return -1
}

// TestGroup: patients share practitioner, room and device up to the capacity; openings count the
// seats; the last to leave gives practitioner, room and device back.
func TestGroup(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		class := w.class(3)
		if n := w.seats(class, "pat_1", at(10, 0)); n != 3 {
			t.Errorf("%d seats of a session that has not begun", n)
		}
		var ids []string
		for i := range 3 {
			apt := w.book(w.seat(class, fmt.Sprint("pat_", i), at(10, 0)))
			ids = append(ids, apt.GetAppointmentId())
			if apt.GetRoomId() == "" || len(apt.GetEquipmentIds()) != 1 || i > 0 && apt.GetRoomId() != w.sheet()[0].GetRoomId() {
				t.Errorf("seat %d: %v", i, apt)
			}
			if n := w.seats(class, "pat_9", at(10, 0)); n != []int{2, 1, -1}[i] {
				t.Errorf("after %d bookings openings have %d seats", i+1, n)
			}
			if n := w.seats(class, fmt.Sprint("pat_", i), at(10, 0)); n != -1 {
				t.Errorf("offered to who is in it: %d", n)
			}
		}
		_, err := w.appointments.CreateAppointment(w.reception(), w.seat(class, "pat_9", at(10, 0)))
		if f := refused(t, err, "GROUP_FULL"); f.Facts["capacity"] != "3" || f.Facts["next_start_time"] == "" {
			t.Errorf("facts %v", f.Facts)
		}
		_, err = w.appointments.CreateAppointment(w.reception(), w.seat(class, "pat_0", at(10, 0)))
		refused(t, err, "GROUP_FULL")
		one := w.ask(at(10, 30)) // an ordinary session cannot lie over it
		one.PatientId = "pat_9"
		_, err = w.appointments.CreateAppointment(w.reception(), one)
		refused(t, err, "SLOT_TAKEN")
		explained, err := w.openings.ExplainOpening(w.reception(), &bookingv1.ExplainOpeningRequest{
			AppointmentTypeId: class, PractitionerId: ana, PatientId: "pat_9", StartTime: timestamppb.New(at(10, 0)),
		})
		if err != nil || explained.GetBookable() || explained.GetRefusals()[0].GetReason() != "GROUP_FULL" {
			t.Errorf("explained %v %v", explained, err)
		}
		_, secret := w.feed(w.reception(), "PRACTITIONER", ana, false)
		if n := len(w.entries(secret)); n != 3 {
			t.Errorf("%d entries in the practitioner's feed", n)
		}

		if _, err := w.cancel(ids[0]); err != nil {
			t.Fatal(err)
		}
		_, err = w.appointments.CreateAppointment(w.reception(), w.seat(class, "pat_1", at(10, 0)))
		refused(t, err, "PATIENT_BUSY")
		if n := w.seats(class, "pat_9", at(10, 0)); n != 1 {
			t.Errorf("%d seats after a cancel", n)
		}
		moved, err := w.appointments.RescheduleAppointment(w.reception(), &bookingv1.RescheduleAppointmentRequest{AppointmentId: ids[1], StartTime: timestamppb.New(at(14, 0))})
		if err != nil || moved.GetAppointment().GetLocalStart() != "2026-11-23T14:00" || w.seats(class, "pat_9", at(10, 0)) != 2 || w.seats(class, "pat_9", at(14, 0)) != 2 {
			t.Errorf("moved: %v %v", moved, err)
		}
		_, err = w.appointments.RescheduleAppointment(w.reception(), &bookingv1.RescheduleAppointmentRequest{AppointmentId: ids[1], StartTime: timestamppb.New(at(14, 0))})
		refused(t, err, "SAME_SESSION")
		for _, id := range ids[1:] {
			if _, err := w.cancel(id); err != nil {
				t.Fatal(err)
			}
		}
		if n := w.rows(`select count(*) from claims`) + w.rows(`select count(*) from group_sessions`) + w.rows(`select count(*) from group_seats`); n != 0 {
			t.Errorf("%d rows are left", n)
		}
		w.book(one)
		undone, err := w.appointments.UndoCancelAppointment(w.reception(), &bookingv1.UndoCancelAppointmentRequest{AppointmentId: ids[1]})
		if err != nil || w.seats(class, "pat_9", at(14, 0)) != 2 {
			t.Errorf("undone: %v %v", undone, err)
		}
	})
}

// TestGroupRace: 24 ask for six seats at once, and for the first seat of a session that has not
// begun: six have one, in one session.
func TestGroupRace(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		class := w.class(6)
		errs := atOnce(24, func(i int) error {
			_, err := w.appointments.CreateAppointment(w.reception(), w.seat(class, fmt.Sprint("pat_", i), at(10, 0)))
			return err
		})
		if got := count(errs); got[""] != 6 || got["GROUP_FULL"] != 18 {
			t.Errorf("outcomes %v", got)
		}
		if n := w.rows(`select count(*) from group_sessions`); n != 1 {
			t.Errorf("%d sessions", n)
		}
		live := w.live()
		errs = atOnce(12, func(i int) error { // six leave while six others come
			if i < 6 {
				_, err := w.cancel(live[i].GetAppointmentId())
				return err
			}
			_, err := w.appointments.CreateAppointment(w.reception(), w.seat(class, fmt.Sprint("pat_late_", i), at(10, 0)))
			return err
		})
		for reason := range count(errs) {
			if reason != "" && reason != "GROUP_FULL" {
				t.Errorf("outcomes %v", count(errs))
			}
		}
		seats, booked := w.rows(`select count(*) from group_seats`), len(w.live())
		if seats != booked || booked > 6 {
			t.Errorf("%d seats, %d booked", seats, booked)
		}
	})
}

// TestGroupDatabaseRefuses: a seat beyond the capacity, a seat of a session that is not there and
// a second session of the practitioner at that start are refused by the database itself.
func TestGroupDatabaseRefuses(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.book(w.seat(w.class(2), "pat_1", at(10, 0)))
		seat := `insert into group_seats (clinic_id, group_session_id, seat, capacity, holder_id)
			select clinic_id, group_session_id, $1, $2, $3 from group_sessions`
		for name, c := range map[string]struct {
			query string
			args  []any
		}{
			"a third seat":         {seat, []any{3, 2, "apt_x"}},
			"another capacity":     {seat, []any{3, 3, "apt_x"}},
			"a seat that is taken": {seat, []any{1, 2, "apt_x"}},
			"no seat":              {seat, []any{0, 2, "apt_x"}},
			"no session":           {`insert into group_seats (clinic_id, group_session_id, seat, capacity, holder_id) values ($1, 'grp_x', 1, 2, 'apt_x')`, []any{clinic}},
			"a larger session":     {`update group_sessions set capacity = $1`, []any{3}},
			"the same time": {`insert into group_sessions (clinic_id, group_session_id, appointment_type_id, practitioner_id, room_id, equipment_ids, mode,
				starts_at, ends_at, claims_start_at, claims_end_at, capacity)
				select clinic_id, $1, appointment_type_id, practitioner_id, room_id, equipment_ids, mode, starts_at, ends_at, claims_start_at, claims_end_at, capacity
				from group_sessions`, []any{"grp_x"}},
		} {
			err := w.db.Write(t.Context(), func(tx *sqldb.Tx) error {
				_, err := tx.Exec(c.query, c.args...)
				return err
			})
			if err == nil {
				t.Errorf("the database takes %s", name)
			}
		}
	})
}

// TestGroupHold: a hold is a seat, taken over by its owner and given back when it has expired.
func TestGroupHold(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		class := w.class(2)
		hold := func(patientID string) *bookingv1.CreateHoldRequest {
			r := w.holdAt(at(10, 0))
			r.AppointmentTypeId, r.PatientId, r.DurationMinutes = class, patientID, 60
			return r
		}
		mine := w.place(hold("pat_1"))
		w.book(w.seat(class, "pat_2", at(10, 0)))
		_, err := w.appointments.CreateAppointment(w.colleague(), w.seat(class, "pat_3", at(10, 0)))
		refused(t, err, "GROUP_FULL")
		if n := w.seats(class, "pat_1", at(10, 0)); n != 1 {
			t.Errorf("the owner sees %d seats", n)
		}
		r := w.seat(class, "pat_1", at(10, 0))
		r.HoldId, r.OwnerToken = mine.GetHoldId(), mine.GetOwnerToken()
		w.book(r)
		if n := w.rows(`select count(*) from group_seats where holder_id like 'apt_%'`); n != 2 || w.rows(`select count(*) from group_seats`) != 2 {
			t.Errorf("%d seats of appointments", n)
		}
		alone := w.place(func() *bookingv1.CreateHoldRequest {
			h := hold("pat_1")
			h.StartTime = timestamppb.New(at(15, 0))
			return h
		}())
		r = w.seat(class, "pat_1", at(15, 0)) // the only seat: the session ends with the hold and begins with the booking
		r.HoldId = alone.GetHoldId()
		w.book(r)
		w.place(func() *bookingv1.CreateHoldRequest {
			h := hold("pat_4")
			h.StartTime = timestamppb.New(at(15, 0))
			return h
		}())
		w.clock.Advance(11 * time.Minute)
		if _, err := w.appointments.CreateAppointment(w.colleague(), w.seat(class, "pat_5", at(15, 0))); err != nil {
			t.Errorf("an expired hold keeps its seat: %v", err)
		}
	})
}

// TestGroupByPlan: a seat under a plan goes through the protocol: refused, it is free again;
// moved, the old one is.
func TestGroupByPlan(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		class := w.class(2)
		r := w.seat(class, patient, at(10, 0))
		r.PlanId = "pln_1"
		w.plans.on = func(*plansv1.ClaimSessionsRequest) error {
			return fault.New(fault.FailedPrecondition, "PLAN_LIMIT", "No sessions are left.")
		}
		_, err := w.appointments.CreateAppointment(w.reception(), r)
		refused(t, err, "PLAN_LIMIT")
		if n := w.rows(`select count(*) from claims`) + w.rows(`select count(*) from group_seats`) + w.rows(`select count(*) from group_sessions`); n != 0 {
			t.Errorf("%d rows are left", n)
		}
		w.plans.on = nil
		apt := w.book(r)
		w.book(w.seat(class, "pat_2", at(10, 0)))
		_, err = w.appointments.RescheduleAppointment(w.reception(), &bookingv1.RescheduleAppointmentRequest{AppointmentId: apt.GetAppointmentId(), StartTime: timestamppb.New(at(13, 0))})
		if err != nil {
			t.Fatal(err)
		}
		if w.rows(`select count(*) from group_seats`) != 2 || w.rows(`select count(*) from group_sessions`) != 2 || w.seats(class, "pat_9", at(10, 0)) != 1 {
			t.Error("the move did not give the old seat back")
		}
		w.plans.on = func(*plansv1.ClaimSessionsRequest) error {
			return fault.New(fault.FailedPrecondition, "PLAN_GAP", "Too close.")
		}
		_, err = w.appointments.RescheduleAppointment(w.reception(), &bookingv1.RescheduleAppointmentRequest{AppointmentId: apt.GetAppointmentId(), StartTime: timestamppb.New(at(10, 0))})
		refused(t, err, "PLAN_GAP")
		if w.seats(class, "pat_9", at(10, 0)) != 1 || w.seats(class, "pat_9", at(13, 0)) != 1 {
			t.Error("a move that was refused changed the seats")
		}
	})
}

// TestBadGroup: what is not for groups, and a type that would turn into one.
func TestBadGroup(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqldb.SQLite)
	for _, kind := range []string{"INITIAL_ASSESSMENT", "TELEPHONE_REVIEW"} {
		_, err := w.types.CreateAppointmentType(w.admin(), &bookingv1.CreateAppointmentTypeRequest{AppointmentType: &bookingv1.AppointmentType{
			DisplayName: "X", Kind: kind, DurationMinutes: 30, Capacity: 4,
		}})
		onField(t, err, "appointment_type.capacity")
	}
	_, err := w.types.CreateAppointmentType(w.admin(), &bookingv1.CreateAppointmentTypeRequest{AppointmentType: &bookingv1.AppointmentType{
		DisplayName: "X", Kind: "TREATMENT", Discipline: "PHYSIOTHERAPY", DurationMinutes: 30, Capacity: 61,
	}})
	onField(t, err, "appointment_type.capacity")
	list, err := w.types.ListAppointmentTypes(w.admin(), &bookingv1.ListAppointmentTypesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(list.GetAppointmentTypes(), func(x *bookingv1.AppointmentType) bool { return strings.HasPrefix(x.GetDisplayName(), "Physio") })
	physio := list.GetAppointmentTypes()[i]
	physio.Capacity = 5
	_, err = w.types.UpdateAppointmentType(w.admin(), &bookingv1.UpdateAppointmentTypeRequest{AppointmentType: physio})
	onField(t, err, "appointment_type.capacity")
}
