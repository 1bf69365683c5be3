package booking_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// The tests here are the rows of the clinical reference that concern booking, by their ids.

func injectionType() *bookingv1.AppointmentType {
	return &bookingv1.AppointmentType{
		DisplayName: "Facet-joint injection", Kind: "INJECTION", Discipline: "FACET_JOINT_INJECTION", DurationMinutes: 30,
		OtherDurationsMinutes: []int32{20}, RecoveryMinutes: 30, RoomCapabilities: []string{"FLUOROSCOPY"},
	}
}

// TestF121: an injection needs a clinician and the fluoroscopy room at the same time.
func TestF121(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.run()
		typ := w.newType(injectionType())
		inj := w.planned(at(10, 0))
		inj.AppointmentTypeId, inj.PractitionerId = typ, drX
		if got := w.book(inj); got.GetRoomId() != "room_x" {
			t.Errorf("in room %s", got.GetRoomId())
		}
		openings := func() int {
			got := w.find(func(r *bookingv1.ListOpeningsRequest) {
				r.AppointmentTypeId, r.PatientId, r.PlanId = typ, "pat_two", "pln_2"
			})
			return len(got.GetOpenings())
		}
		before := openings()
		if before == 0 {
			t.Fatal("no openings")
		}
		other := w.ask(at(14, 0)) // somebody else is in that room
		other.RoomId = "room_x"
		w.book(other)
		inj.StartTime, inj.PatientId, inj.PlanId = timestamppb.New(at(14, 0)), "pat_two", "pln_2"
		_, err := w.appointments.CreateAppointment(w.reception(), inj)
		refused(t, err, "NO_ROOM")
		if after := openings(); after >= before {
			t.Errorf("%d openings, %d before the room was taken", after, before)
		}
		w.dir.mu.Lock()
		w.dir.rooms[2] = &directoryv1.Room{RoomId: "room_x", LocationId: place, Capabilities: []string{"TABLE"}, Active: proto.Bool(true), Etag: "2"}
		w.dir.mu.Unlock()
		w.dir.tell(t, &directoryv1.ResourceChanged{ClinicId: clinic, ResourceId: "room_x"})
		waitFor(t, "room without fluoroscopy: no openings", func() bool { return openings() == 0 })
	})
}

// TestF123: an injection takes 20 to 30 minutes and has a recovery time, in which patient and
// room are taken and the physician is not.
func TestF123(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		for minutes, ok := range map[int32]bool{15: false, 20: true, 25: true, 30: true, 35: false} {
			typ := injectionType()
			typ.DurationMinutes, typ.OtherDurationsMinutes = minutes, nil
			_, err := w.types.CreateAppointmentType(w.admin(), &bookingv1.CreateAppointmentTypeRequest{AppointmentType: typ})
			if ok != (err == nil) {
				t.Errorf("%d minutes: %v", minutes, err)
			}
			if !ok {
				onField(t, err, "appointment_type.duration_minutes")
			}
		}
		bare := injectionType()
		bare.RecoveryMinutes = 0
		_, err := w.types.CreateAppointmentType(w.admin(), &bookingv1.CreateAppointmentTypeRequest{AppointmentType: bare})
		onField(t, err, "appointment_type.recovery_minutes")
		r := w.planned(at(10, 0))
		r.AppointmentTypeId, r.PractitionerId = w.newType(injectionType()), drX
		id := w.book(r).GetAppointmentId()
		for resource, end := range map[string]time.Time{drX: at(10, 30), "room_x": at(11, 0), patient: at(11, 0)} {
			if n := w.rows(`select count(*) from claims where holder_id = $1 and resource_id = $2 and ends_at = $3`, id, resource, end.UnixMicro()); n != 1 {
				t.Errorf("%s is not taken until %s", resource, end)
			}
		}
	})
}

// TestF125: plans refuses the fourth within six months, booking says so with the next date;
// without a plan no injection is booked at all, whatever the override.
func TestF125(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		typ := w.newType(injectionType())
		r := w.planned(at(10, 0))
		r.AppointmentTypeId, r.PractitionerId = typ, drX
		w.plans.on = func(in *plansv1.ClaimSessionsRequest) error {
			if s := in.GetSessions()[0]; s.GetLocalDate() < "2026-11-24" {
				return fault.New(fault.FailedPrecondition, "INJECTION_LIMIT", "Three within six months.").With("next_eligible_date", "2026-11-24")
			}
			return nil
		}
		_, err := w.appointments.CreateAppointment(w.reception(), r)
		if f := refused(t, err, "INJECTION_LIMIT"); f.Facts["next_eligible_date"] != "2026-11-24" {
			t.Errorf("facts %v", f.Facts)
		}
		r.StartTime = timestamppb.New(at(10, 0).Add(24 * time.Hour))
		w.book(r)
		r.PlanId, r.StartTime, r.Override = "", timestamppb.New(at(14, 0)), &bookingv1.Override{Reason: "it is urgent"}
		_, err = w.appointments.CreateAppointment(w.reception(), r)
		refused(t, err, "PLAN_REQUIRED")
	})
}

// TestTimeOutBeforeAnInjection: what was learnt since the booking stops the needle at the
// start, with the date from which it would be allowed; other care starts without a question.
func TestTimeOutBeforeAnInjection(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		r := w.planned(at(10, 0))
		r.AppointmentTypeId, r.PractitionerId = w.newType(injectionType()), drX
		inj := w.book(r)
		other := w.book(w.planned(at(14, 0)))
		w.clock.Set(at(10, 0))
		var asked *plansv1.SessionClaim
		answer := &plansv1.SessionVerdict{Reason: "INJECTION_LIMIT", Detail: "Three within six months.", NextEligibleDate: "2026-11-24"}
		w.plans.verdict = func(s *plansv1.SessionClaim) *plansv1.SessionVerdict { asked = s; return answer }
		begin := func(id string) error {
			_, err := w.appointments.StartAppointment(w.reception(), &bookingv1.StartAppointmentRequest{AppointmentId: id})
			return err
		}
		if err := begin(other.GetAppointmentId()); err != nil || asked != nil {
			t.Errorf("physiotherapy: %v, asked %v", err, asked)
		}
		if f := refused(t, begin(inj.GetAppointmentId()), "INJECTION_LIMIT"); f.Facts["next_eligible_date"] != "2026-11-24" {
			t.Errorf("facts %v", f.Facts)
		}
		w.plans.mu.Lock()
		own := w.plans.ledger[asked.GetReplacesEntitlementId()]
		w.plans.mu.Unlock()
		if own.GetAppointmentId() != inj.GetAppointmentId() || asked.GetLocalDate() != inj.GetLocalDate() {
			t.Errorf("asked %v about %v, in place of %v", asked, inj, own)
		}
		answer = &plansv1.SessionVerdict{Reason: "PLAN_NOT_ACTIVE", Detail: "The plan is closed."} // flagged, and for people to weigh
		for range 2 {
			if err := begin(inj.GetAppointmentId()); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestF131: the first massage is exactly 30 minutes; later ones 30, 45 or 60. A massage that
// was cancelled or missed was not the first.
func TestF131(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		massage := w.newType(&bookingv1.AppointmentType{
			DisplayName: "Massage", Kind: "TREATMENT", Discipline: "MASSAGE", DurationMinutes: 30, OtherDurationsMinutes: []int32{45, 60},
		})
		ask := func(hour int, minutes int32) *bookingv1.CreateAppointmentRequest {
			r := w.ask(at(hour, 0))
			r.AppointmentTypeId, r.PractitionerId, r.DurationMinutes = massage, ben, minutes
			return r
		}
		_, err := w.appointments.CreateAppointment(w.reception(), ask(12, 60))
		if f := refused(t, err, "FIRST_MASSAGE"); f.Facts["duration_minutes"] != "30" {
			t.Errorf("facts %v", f.Facts)
		}
		found := w.find(func(r *bookingv1.ListOpeningsRequest) {
			r.AppointmentTypeId, r.PatientId, r.DurationMinutes = massage, patient, 60
		})
		if len(found.GetOpenings()) != 0 || found.GetRefused()[0].GetReason() != "FIRST_MASSAGE" {
			t.Errorf("found %v", found)
		}
		first := w.book(ask(12, 30))
		for hour, minutes := range map[int]int32{13: 30, 14: 45, 15: 60} {
			w.book(ask(hour, minutes))
		}
		_, err = w.appointments.CreateAppointment(w.reception(), ask(9, 45)) // before the first
		refused(t, err, "FIRST_MASSAGE")
		_, err = w.appointments.CreateAppointment(w.reception(), ask(16, 50))
		refused(t, err, "WRONG_DURATION")
		if _, err := w.cancel(first.GetAppointmentId()); err != nil {
			t.Fatal(err)
		}
		_, err = w.appointments.CreateAppointment(w.reception(), ask(12, 60))
		refused(t, err, "FIRST_MASSAGE")
	})
}

// TestF162: without an unexpired credential nobody is offered or booked, from the day after its
// last good one.
func TestF162(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		needles := w.newType(&bookingv1.AppointmentType{
			DisplayName: "Acupuncture", Kind: "TREATMENT", Discipline: "ACUPUNCTURE", DurationMinutes: 30, RequiredCredential: "ACUPUNCTURE",
		})
		book := func(day int) error { // Ana's credential is good up to and on 1 December
			r := w.ask(time.Date(2026, 12, day, 9, 0, 0, 0, time.UTC))
			r.AppointmentTypeId = needles
			_, err := w.appointments.CreateAppointment(w.reception(), r)
			return err
		}
		if err := book(1); err != nil {
			t.Error(err)
		}
		if f := refused(t, book(2), "CREDENTIAL_EXPIRED"); f.Facts["expire_date"] != "2026-12-01" {
			t.Errorf("facts %v", f.Facts)
		}
		found := w.find(func(r *bookingv1.ListOpeningsRequest) {
			r.AppointmentTypeId, r.StartDate, r.EndDate = needles, "2026-11-30", "2026-12-04"
		})
		for _, o := range found.GetOpenings() {
			if o.GetLocalStart() >= "2026-12-02" {
				t.Errorf("offered %v", o)
			}
		}
		if len(found.GetOpenings()) != 2*16-1 {
			t.Errorf("%d openings", len(found.GetOpenings()))
		}
		gone := w.find(func(r *bookingv1.ListOpeningsRequest) {
			r.AppointmentTypeId, r.StartDate, r.EndDate = needles, "2026-12-02", "2026-12-04"
		})
		if len(gone.GetOpenings()) != 0 || len(gone.GetRefused()) != 1 || gone.GetRefused()[0].GetReason() != "CREDENTIAL_EXPIRED" {
			t.Errorf("found %v", gone)
		}
	})
}

// TestF162Withdrawn: when a credential ends early, what is booked with it is flagged, and
// cleared when it is renewed.
func TestF162Withdrawn(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.run()
		needles := w.newType(&bookingv1.AppointmentType{
			DisplayName: "Acupuncture", Kind: "TREATMENT", Discipline: "ACUPUNCTURE", DurationMinutes: 30, RequiredCredential: "ACUPUNCTURE",
		})
		r := w.ask(at(10, 0))
		r.AppointmentTypeId = needles
		id := w.book(r).GetAppointmentId()
		renew := func(etag, until string) {
			w.dir.mu.Lock()
			p := proto.CloneOf(w.dir.practitioners[0])
			p.Etag, p.Credentials[0].ExpireDate = etag, until
			w.dir.practitioners[0] = p
			w.dir.mu.Unlock()
			w.dir.tell(t, &directoryv1.CredentialChanged{ClinicId: clinic, PractitionerId: ana, Kind: "ACUPUNCTURE"})
		}
		renew("2", "2026-11-22")
		waitFor(t, "flag", func() bool { return w.has(id, "CREDENTIAL_EXPIRED") })
		renew("3", "2027-11-22")
		waitFor(t, "cleared", func() bool { return !w.has(id, "CREDENTIAL_EXPIRED") })
	})
}

// TestF183: with a SELF_CARE result the patient books physiotherapy online, which takes no room
// and gives a link that nobody can guess.
func TestF183(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		online := w.newType(&bookingv1.AppointmentType{
			DisplayName: "Online physiotherapy", Kind: "TREATMENT", Discipline: "PHYSIOTHERAPY", DurationMinutes: 30, Modes: []string{"ONLINE", "IN_PERSON"},
			PatientBookable: true, MeetingUriPrefix: "https://meet.example/upright-", RoomCapabilities: []string{"TABLE"},
		})
		w.intake.set(patient, &intakev1.BookingGate{
			PatientId: patient, Version: 1, State: intakev1.BookingGate_STATE_SCREENED, Level: typev1.TriageLevel_TRIAGE_LEVEL_SELF_CARE,
			Allowed: []*intakev1.GateAllowance{{
				Kind: typev1.VisitKind_VISIT_KIND_TREATMENT, Disciplines: []typev1.Discipline{typev1.Discipline_DISCIPLINE_PHYSIOTHERAPY},
				Modes: []typev1.VisitMode{typev1.VisitMode_VISIT_MODE_ONLINE},
			}},
		})
		r := w.ask(at(10, 0))
		r.AppointmentTypeId = online
		got, err := w.appointments.CreateAppointment(w.patient(), r)
		if err != nil {
			t.Fatal(err)
		}
		a := got.GetAppointment()
		if a.GetMode() != "ONLINE" || a.GetRoomId() != "" || len(a.GetMeetingUri()) < len("https://meet.example/upright-")+20 {
			t.Errorf("booked %v", a)
		}
		r.Mode, r.StartTime = "IN_PERSON", timestamppb.New(at(11, 0))
		_, err = w.appointments.CreateAppointment(w.patient(), r)
		refused(t, err, "GATE_CLOSED")
	})
}

// onField checks that an error is INVALID_ARGUMENT on exactly the field.
func onField(t testing.TB, err error, field string) {
	t.Helper()
	f := fault.From(err)
	if err == nil || f.Kind != fault.InvalidArgument || len(f.Fields) == 0 || f.Fields[0].Field != field {
		t.Errorf("error %v %v, want INVALID_ARGUMENT on %s", err, f.Fields, field)
	}
}
