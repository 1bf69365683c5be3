package booking_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
)

// gates that intake may give.
func emergency(version int64) *intakev1.BookingGate {
	return &intakev1.BookingGate{PatientId: patient, Version: version, State: intakev1.BookingGate_STATE_SCREENED, Level: typev1.TriageLevel_TRIAGE_LEVEL_EMERGENCY_NOW}
}

func care(version int64) *intakev1.BookingGate {
	return &intakev1.BookingGate{
		PatientId: patient, Version: version, State: intakev1.BookingGate_STATE_SCREENED, Level: typev1.TriageLevel_TRIAGE_LEVEL_CONSERVATIVE_CARE,
		Allowed:    []*intakev1.GateAllowance{{Kind: typev1.VisitKind_VISIT_KIND_INITIAL_ASSESSMENT}, {Kind: typev1.VisitKind_VISIT_KIND_TREATMENT}},
		Blocked:    []*intakev1.GateBlock{{Discipline: typev1.Discipline_DISCIPLINE_MASSAGE, ContraindicationIds: []string{"X-MAS-1"}}},
		ExpireTime: timestamppb.New(friday.Add(14 * 24 * time.Hour)),
	}
}

// flagsOf reads an appointment's flags.
func (w *world) flagsOf(id string) []string {
	w.t.Helper()
	got, err := w.appointments.GetAppointment(w.reception(), &bookingv1.GetAppointmentRequest{AppointmentId: id})
	if err != nil {
		w.t.Fatal(err)
	}
	return got.GetAppointment().GetFlags()
}

func (w *world) has(id, flag string) bool { return slices.Contains(w.flagsOf(id), flag) }

func TestGateObeyed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		_, err := w.appointments.CreateAppointment(w.patient(), w.ask(at(10, 0)))
		refused(t, err, "GATE_CLOSED")
		w.intake.set(patient, care(1))
		if _, err := w.appointments.CreateAppointment(w.patient(), w.ask(at(10, 0))); err != nil {
			t.Fatal(err)
		}
		massage := w.newType(&bookingv1.AppointmentType{DisplayName: "Massage", Kind: "TREATMENT", Discipline: "MASSAGE", DurationMinutes: 30, PatientBookable: true})
		r := w.ask(at(11, 0))
		r.AppointmentTypeId, r.PractitionerId = massage, ben
		_, err = w.appointments.CreateAppointment(w.patient(), r)
		if f := refused(t, err, "CONTRAINDICATED"); f.Facts["rule_ids"] != "" {
			t.Error("the patient is told the rule")
		}
		_, err = w.appointments.CreateAppointment(w.reception(), r)
		if f := refused(t, err, "CONTRAINDICATED"); f.Facts["rule_ids"] != "X-MAS-1" {
			t.Errorf("facts %v", f.Facts)
		}
		w.intake.set(patient, emergency(2))
		_, err = w.appointments.CreateAppointment(w.reception(), w.ask(at(12, 0)))
		refused(t, err, "GATE_CLOSED")
		w.intake.down = true
		_, err = w.appointments.CreateAppointment(w.reception(), w.ask(at(12, 0)))
		refused(t, err, "UNAVAILABLE")
	})
}

// TestGateMovesUnderway: booking has asked for the gate when the patient is triaged again. The
// deciding transaction sees the newer version and asks once more, with and without a plan.
func TestGateMovesUnderway(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.run()
		w.intake.set(patient, care(1))
		w.book(w.ask(at(9, 0))) // the patient is known from now on
		triaged := func(version int64) {
			w.intake.tell(t, &intakev1.IntakeTriaged{ClinicId: clinic, PatientId: patient, IntakeId: "int_1", GateVersion: version})
			waitFor(t, "heard", func() bool { return w.rows(`select count(*) from patient_gates where version = $1`, version) == 1 })
		}
		// Intake answers an old gate: what a slow answer looks like.
		triaged(2)
		before := w.intake.asked
		_, err := w.appointments.CreateAppointment(w.reception(), w.ask(at(10, 0)))
		refused(t, err, "BUSY")
		if n := w.intake.asked - before; n < 2 {
			t.Errorf("asked %d times", n)
		}
		w.intake.set(patient, care(2))
		w.book(w.ask(at(10, 0)))

		// The gate shuts while plans is asked.
		w.plans.after = func(*plansv1.ClaimSessionsRequest) error {
			w.intake.set(patient, emergency(3))
			triaged(3)
			return nil
		}
		_, err = w.appointments.CreateAppointment(w.reception(), w.planned(at(11, 0)))
		refused(t, err, "GATE_CLOSED")
		w.settled()
	})
}

// TestGateFlagsWhatIsBooked: a new result marks what is booked already, and a better one clears
// the mark.
func TestGateFlagsWhatIsBooked(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.run()
		id := w.book(w.ask(at(10, 0))).GetAppointmentId()
		w.intake.set(patient, emergency(1))
		w.intake.tell(t, &intakev1.IntakeTriaged{ClinicId: clinic, PatientId: patient, GateVersion: 1})
		waitFor(t, "flag", func() bool { return slices.Equal(w.flagsOf(id), []string{"GATE_CLOSED"}) })
		if n := w.rows(`select count(*) from appointments where needs_review`); n != 1 {
			t.Errorf("%d need review", n)
		}
		w.intake.set(patient, care(2))
		w.intake.tell(t, &intakev1.TriageOverridden{ClinicId: clinic, PatientId: patient, GateVersion: 2})
		waitFor(t, "cleared", func() bool { return len(w.flagsOf(id)) == 0 })
		flagged := 0
		for _, name := range names(w.events()) {
			if name == "AppointmentFlagged" {
				flagged++
			}
		}
		if flagged != 2 {
			t.Errorf("%d events of flags", flagged)
		}
	})
}

func TestPlanEventsFlag(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.run()
		id := w.book(w.planned(at(10, 0))).GetAppointmentId()
		w.plans.tell(t, &plansv1.PlanActivated{ClinicId: clinic, PatientId: patient, PlanId: "pln_1", Version: 1})
		w.plans.tell(t, &plansv1.IssueRaised{
			ClinicId: clinic, PatientId: patient, IssueId: "iss_1", Rule: "INJECTION_LIMIT", AppointmentIds: []string{id, "apt_gone"}, NextEligibleDates: []string{"2027-02-01"},
		})
		waitFor(t, "issue", func() bool { return w.has(id, "INJECTION_LIMIT") })
		got, err := w.appointments.GetAppointment(w.reception(), &bookingv1.GetAppointmentRequest{AppointmentId: id})
		if err != nil || got.GetAppointment().GetNextEligibleDate() != "2027-02-01" || !got.GetAppointment().GetNeedsReview() {
			t.Errorf("appointment %v %v", got, err)
		}
		w.plans.tell(t, &plansv1.PlanClosed{ClinicId: clinic, PatientId: patient, PlanId: "pln_1", Version: 2})
		waitFor(t, "closed", func() bool { return w.has(id, "PLAN_CLOSED") })
		w.plans.tell(t, &plansv1.IssueResolved{ClinicId: clinic, PatientId: patient, IssueId: "iss_1", Rule: "INJECTION_LIMIT", AppointmentIds: []string{id, "apt_gone"}})
		waitFor(t, "resolved", func() bool { return !w.has(id, "INJECTION_LIMIT") && w.has(id, "PLAN_CLOSED") })
	})
}

// TestAnIssueOutlivesTheGate: what an issue of the plan says of a session stays until the issue
// is decided, whatever the gate says meanwhile of the same rule.
func TestAnIssueOutlivesTheGate(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.run()
		id := w.book(w.planned(at(10, 0))).GetAppointmentId()
		issue := func(rule string) *plansv1.IssueRaised {
			return &plansv1.IssueRaised{ClinicId: clinic, PatientId: patient, IssueId: "iss_" + rule, Rule: rule, AppointmentIds: []string{id}}
		}
		w.plans.tell(t, issue("RELEASE_NEEDED"))
		waitFor(t, "issue", func() bool { return w.has(id, "PLAN_RELEASE_NEEDED") })
		w.intake.set(patient, emergency(1))
		w.intake.tell(t, &intakev1.IntakeTriaged{ClinicId: clinic, PatientId: patient, GateVersion: 1})
		waitFor(t, "the gate closes", func() bool { return w.has(id, "GATE_CLOSED") && w.has(id, "PLAN_RELEASE_NEEDED") })
		w.intake.set(patient, care(2))
		w.intake.tell(t, &intakev1.TriageOverridden{ClinicId: clinic, PatientId: patient, GateVersion: 2})
		waitFor(t, "the gate opens", func() bool { return !w.has(id, "GATE_CLOSED") })
		if !w.has(id, "PLAN_RELEASE_NEEDED") {
			t.Error("the gate took the issue's flag")
		}
		w.plans.tell(t, &plansv1.IssueResolved{ClinicId: clinic, PatientId: patient, IssueId: "iss_RELEASE_NEEDED", Rule: "RELEASE_NEEDED", AppointmentIds: []string{id}})
		waitFor(t, "resolved", func() bool { return len(w.flagsOf(id)) == 0 })
	})
}

// TestSessionsWithdrawn: what a clinician has confirmed is cancelled, once, and only what is
// still to come under the plan.
func TestSessionsWithdrawn(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.run()
		id := w.book(w.planned(at(10, 0))).GetAppointmentId()
		other := w.book(w.ask(at(12, 0))).GetAppointmentId()
		gone := &plansv1.SessionsWithdrawn{ClinicId: clinic, PatientId: patient, PlanId: "pln_1", AppointmentIds: []string{id, other, "apt_gone"}}
		w.plans.tell(t, gone)
		w.plans.tell(t, gone)
		// What is told last is heard last.
		w.plans.tell(t, &plansv1.PlanClosed{ClinicId: clinic, PatientId: patient, PlanId: "pln_1", Version: 2})
		waitFor(t, "heard", func() bool { return w.rows(`select count(*) from plans where is_closed`) == 1 })
		state := func(id string) string {
			got, err := w.appointments.GetAppointment(w.reception(), &bookingv1.GetAppointmentRequest{AppointmentId: id})
			if err != nil {
				t.Fatal(err)
			}
			return got.GetAppointment().GetState() + " " + got.GetAppointment().GetCancelReasonCode()
		}
		if got := state(id); got != "CANCELLED CLINICAL_REASON" {
			t.Errorf("the plan's session is %s", got)
		}
		if got := state(other); got != "BOOKED " {
			t.Errorf("the other appointment is %s", got)
		}
		cancelled := 0
		for _, name := range names(w.events()) {
			if name == "AppointmentCancelled" {
				cancelled++
			}
		}
		if cancelled != 1 {
			t.Errorf("%d events of a cancel, want 1", cancelled)
		}
		w.book(w.ask(at(10, 0))) // its time is free again
	})
}

// TestPlanIsClearance: a plan that came into force after the referral lets its sessions be
// booked; an older one does not.
func TestPlanIsClearance(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.run()
		referral := &intakev1.BookingGate{
			PatientId: patient, Version: 1, State: intakev1.BookingGate_STATE_SCREENED, Level: typev1.TriageLevel_TRIAGE_LEVEL_MEDICAL_REFERRAL,
			Allowed: []*intakev1.GateAllowance{{Kind: typev1.VisitKind_VISIT_KIND_PHYSICIAN_ASSESSMENT}},
		}
		w.intake.set(patient, referral)
		w.intake.tell(t, &intakev1.IntakeTriaged{ClinicId: clinic, PatientId: patient, GateVersion: 1})
		waitFor(t, "heard", func() bool { return w.rows(`select count(*) from patient_gates where version = 1`) == 1 })
		_, err := w.appointments.CreateAppointment(w.reception(), w.planned(at(10, 0)))
		refused(t, err, "GATE_CLOSED")
		w.plans.tell(t, &plansv1.PlanActivated{ClinicId: clinic, PatientId: patient, PlanId: "pln_1", Version: 1})
		waitFor(t, "plan", func() bool { return w.rows(`select count(*) from plans`) == 1 })
		w.book(w.planned(at(10, 0)))
	})
}

// TestMerge: two records turn out to be one person. What overlaps is flagged, not refused; from
// then on the person is busy under either record; taking it back separates them.
func TestMerge(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.run()
		a := w.book(w.ask(at(10, 0))).GetAppointmentId()
		other := w.ask(at(10, 15))
		other.PatientId, other.PractitionerId = "pat_double", ben
		b := w.book(other).GetAppointmentId()
		later := w.ask(at(15, 0))
		later.PatientId, later.PractitionerId = "pat_double", ben
		c := w.book(later).GetAppointmentId()

		w.dir.tell(t, &directoryv1.PatientMerged{ClinicId: clinic, SurvivingPatientId: patient, MergedPatientId: "pat_double"})
		waitFor(t, "merged", func() bool {
			return w.has(b, "PATIENT_BUSY") && w.has(b, "PATIENT_MERGED") && w.has(c, "PATIENT_MERGED")
		})
		if w.has(a, "PATIENT_BUSY") || w.has(c, "PATIENT_BUSY") {
			t.Error("the wrong appointment is flagged")
		}
		again := w.ask(at(15, 15))
		_, err := w.appointments.CreateAppointment(w.reception(), again)
		refused(t, err, "PATIENT_BUSY")
		again.PatientId = "pat_double"
		_, err = w.appointments.CreateAppointment(w.reception(), again)
		refused(t, err, "PATIENT_BUSY")
		list, err := w.appointments.ListAppointments(w.reception(), &bookingv1.ListAppointmentsRequest{PatientId: patient})
		if err != nil || len(list.GetAppointments()) != 3 {
			t.Errorf("the person's appointments: %v %v", list, err)
		}

		w.dir.tell(t, &directoryv1.PatientUnmerged{ClinicId: clinic, SurvivingPatientId: patient, RestoredPatientId: "pat_double"})
		waitFor(t, "unmerged", func() bool { return !w.has(b, "PATIENT_MERGED") && !w.has(b, "PATIENT_BUSY") })
		again.PatientId = patient
		w.book(again)
		if strings.Join(w.flagsOf(c), ",") != "SCREENING_DUE" {
			t.Errorf("flags %v", w.flagsOf(c))
		}
	})
}
