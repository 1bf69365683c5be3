package plans_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

func TestTemplatesHaveSources(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		got, err := w.plans.ListPlanTemplates(w.reception(), &plansv1.ListPlanTemplatesRequest{})
		if err != nil || len(got.GetTemplates()) < 8 {
			t.Fatalf("%d templates, %v", len(got.GetTemplates()), err)
		}
		for _, template := range got.GetTemplates() {
			for _, c := range template.GetCourses() {
				if len(c.GetSources()) < 5 || c.GetSessions() < c.GetSessionsMin() || c.GetSessions() > c.GetSessionsMax() {
					t.Errorf("%s: %v", template.GetTemplateId(), c)
				}
			}
		}
	})
}

func TestPlanLife(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		r := &plansv1.CreatePlanRequest{PatientId: patient, TemplateId: "physiotherapy", CauseCodes: []string{"POSTURE"}, Note: "canary-note"}
		made, err := w.plans.CreatePlan(with(w.physio(), "r1"), r)
		if err != nil {
			t.Fatal(err)
		}
		p := made.GetPlan()
		again, err := w.plans.CreatePlan(with(w.physio(), "r1"), r)
		if err != nil || again.GetPlan().GetPlanId() != p.GetPlanId() {
			t.Errorf("a retry made %v, %v", again, err)
		}
		changed := proto.CloneOf(r)
		changed.Note = "other"
		_, err = w.plans.CreatePlan(with(w.physio(), "r1"), changed)
		refused(t, err, "REQUEST_ID_REUSED")

		id := p.GetPlanId()
		_, err = w.plans.ActivatePlan(w.physio(), &plansv1.ActivatePlanRequest{PlanId: id})
		refused(t, err, "DECISION_REQUIRED")
		_, err = w.claim(claimOf(p, session(1, "2027-01-05")))
		refused(t, err, "PLAN_NOT_ACTIVE")
		_, err = w.plans.UpdatePlan(w.physio(), &plansv1.UpdatePlanRequest{PlanId: id, Etag: "7", Decision: decided()})
		refused(t, err, "VERSION_MISMATCH")
		up, err := w.plans.UpdatePlan(w.physio(), &plansv1.UpdatePlanRequest{
			PlanId: id, Etag: p.GetEtag(), Decision: decided(), Courses: []*plansv1.CourseSpec{{CourseId: "physiotherapy", Sessions: 12, Weeks: 4}},
		})
		if err != nil || up.GetPlan().GetCourses()[0].GetSessions().GetPlanned() != 12 {
			t.Fatalf("%v, %v", up, err)
		}
		act, err := w.plans.ActivatePlan(w.physio(), &plansv1.ActivatePlanRequest{PlanId: id, Etag: up.GetPlan().GetEtag()})
		if err != nil || act.GetPlan().GetStartDate() != "2027-01-04" || act.GetPlan().GetExpireDate() != "2027-03-29" {
			t.Fatalf("%v, %v", act, err)
		}
		_, err = w.plans.UpdatePlan(w.physio(), &plansv1.UpdatePlanRequest{PlanId: id, Etag: act.GetPlan().GetEtag(), Note: "x"})
		refused(t, err, "PLAN_STATE")
		_, err = w.plans.ActivatePlan(w.physio(), &plansv1.ActivatePlanRequest{PlanId: id})
		refused(t, err, "PLAN_STATE")
	})
}

// Closing or pausing flags what is booked; what was only held then is flagged once booked.
func TestCloseAndPauseFlagBookings(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		p := w.active(patient, "acupuncture")
		r := claimOf(p, session(1, "2027-01-05"), session(2, "2027-01-12"))
		if _, err := w.claim(r); err != nil {
			t.Fatal(err)
		}
		w.booking.book(fact(r, r.GetSessions()[0]))
		w.heard(w.booking.producer)
		if _, err := w.plans.PausePlan(w.physio(), &plansv1.PausePlanRequest{PlanId: p.GetPlanId()}); err != nil {
			t.Fatal(err)
		}
		_, err := w.claim(claimOf(p, session(3, "2027-01-19")))
		refused(t, err, "PLAN_NOT_ACTIVE")
		if open := w.open(patient); len(open) != 1 || open[0].GetRule() != "PLAN_PAUSED" || open[0].GetAppointments()[0].GetAppointmentId() != "apt_1" {
			t.Errorf("issues %v", open)
		}
		if _, err := w.plans.ResumePlan(w.physio(), &plansv1.ResumePlanRequest{PlanId: p.GetPlanId()}); err != nil || len(w.open(patient)) != 0 {
			t.Errorf("%v, issues %v", err, w.open(patient))
		}
		closed, err := w.plans.ClosePlan(w.physio(), &plansv1.ClosePlanRequest{PlanId: p.GetPlanId(), ReasonCode: "DISCHARGED"})
		if err != nil || closed.GetPlan().GetState() != "CLOSED" || len(closed.GetPlan().GetOpenIssueIds()) != 1 {
			t.Fatalf("%v, %v", closed, err)
		}
		w.booking.book(fact(r, r.GetSessions()[1]))
		w.heard(w.booking.producer)
		open := w.open(patient)
		if len(open) != 2 || open[1].GetRule() != "PLAN_CLOSED" || open[1].GetAppointments()[0].GetAppointmentId() != "apt_2" {
			t.Errorf("issues %v", open)
		}
		decide := &plansv1.ResolveIssueRequest{IssueId: open[1].GetIssueId(), Resolution: "BOOKINGS_CANCELLED", Reason: "told the patient", Etag: open[1].GetEtag()}
		if got, err := w.issues.ResolveIssue(w.physio(), decide); err != nil || got.GetIssue().GetState() != "RESOLVED" || len(w.open(patient)) != 1 {
			t.Errorf("%v, %v", got, err)
		}
		decide.Etag = ""
		_, err = w.issues.ResolveIssue(w.physio(), decide)
		refused(t, err, "ISSUE_CLOSED")
	})
}

// F143: after the third treatment a review is due; with it the course goes on, and only a
// review adds a sixth.
func TestReviewOfChiropractic(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		made, err := w.plans.CreatePlan(w.physician(), &plansv1.CreatePlanRequest{PatientId: patient, TemplateId: "chiropractic", CauseCodes: []string{"POSTURE"}, Decision: decided()})
		if err != nil {
			t.Fatal(err)
		}
		act, err := w.plans.ActivatePlan(w.physician(), &plansv1.ActivatePlanRequest{PlanId: made.GetPlan().GetPlanId()})
		if err != nil {
			t.Fatal(err)
		}
		p := act.GetPlan()
		for n, d := range []string{"2027-01-04", "2027-01-06", "2027-01-08"} {
			r := claimOf(p, session(n, d))
			w.granted(p, r.GetSessions()[0])
			w.booking.book(fact(r, r.GetSessions()[0]))
			w.booking.complete(fact(r, r.GetSessions()[0]))
		}
		w.heard(w.booking.producer)
		_, err = w.claim(claimOf(p, session(4, "2027-01-11")))
		refused(t, err, "REVIEW_DUE")
		if open := w.open(patient); len(open) != 1 || open[0].GetRule() != "REVIEW_DUE" || !w.plan(p.GetPlanId()).GetCourses()[0].GetReviewDue() {
			t.Errorf("issues %v", open)
		}
		review := &plansv1.RecordReviewRequest{PlanId: p.GetPlanId(), Outcome: "EXTEND", AdditionalSessions: 1, Note: "better"}
		_, err = w.plans.RecordReview(w.physio(), review)
		refused(t, err, "PROFESSION_REQUIRED")
		bad := proto.CloneOf(review)
		bad.Outcome = "CONTINUE"
		_, err = w.plans.RecordReview(w.physician(), bad)
		refused(t, err, "INVALID_ARGUMENT")
		got, err := w.plans.RecordReview(w.physician(), review)
		if err != nil || got.GetPlan().GetCourses()[0].GetSessions().GetLeft() != 3 || got.GetPlan().GetReviews()[0].GetAtSessions() != 3 {
			t.Fatalf("%v, %v", got, err)
		}
		w.granted(p, session(4, "2027-01-11"), session(5, "2027-01-13"), session(6, "2027-01-15"))
		if open := w.open(patient); len(open) != 0 {
			t.Errorf("issues after the review: %v", open)
		}
	})
}

// What intake knows guards activation and claims, and flags what is booked when it changes.
func TestContraindications(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		acu := func(codes ...string) []*intakev1.GateBlock {
			return []*intakev1.GateBlock{{Discipline: typev1.Discipline_DISCIPLINE_ACUPUNCTURE, ContraindicationIds: codes}}
		}
		p := w.active(patient, "acupuncture")
		r := claimOf(p, session(1, "2027-01-05"), session(2, "2027-01-12"))
		if _, err := w.claim(r); err != nil {
			t.Fatal(err)
		}
		if w.intake.asked != 1 {
			t.Errorf("intake was asked %d times, want once", w.intake.asked)
		}
		w.booking.book(fact(r, r.GetSessions()[0]))
		w.heard(w.booking.producer)

		w.intake.set(t, &intakev1.BookingGate{PatientId: patient, Version: 2, Blocked: acu("X-ACU-1")})
		w.heard(w.intake.producer)
		_, err := w.claim(claimOf(p, session(3, "2027-01-19")))
		if f := refused(t, err, "CONTRAINDICATED"); f.Facts["blocking"] != "X-ACU-1" {
			t.Errorf("facts %v", f.Facts)
		}
		open := w.open(patient)
		if len(open) != 1 || open[0].GetRule() != "CONTRAINDICATED" || len(open[0].GetAppointments()) != 2 || open[0].GetCodes()[0] != "X-ACU-1" {
			t.Fatalf("issues %v", open)
		}
		w.intake.set(t, &intakev1.BookingGate{PatientId: patient, Version: 3, Blocked: acu("X-ACU-1")})
		w.heard(w.intake.producer)
		if n := len(w.open(patient)); n != 1 {
			t.Errorf("the same fact again: %d issues", n)
		}
		w.intake.set(t, &intakev1.BookingGate{PatientId: patient, Version: 4, ReleaseNeeded: acu("X-ACU-2")})
		w.heard(w.intake.producer)
		_, err = w.claim(claimOf(p, session(3, "2027-01-19")))
		refused(t, err, "RELEASE_NEEDED")
		w.intake.set(t, &intakev1.BookingGate{PatientId: patient, Version: 5})
		w.heard(w.intake.producer)
		w.granted(p, session(3, "2027-01-19"))

		w.intake.set(t, &intakev1.BookingGate{PatientId: "pat_blocked", Version: 1, Blocked: acu("X-ACU-4")})
		made, err := w.plans.CreatePlan(w.physician(), &plansv1.CreatePlanRequest{PatientId: "pat_blocked", TemplateId: "acupuncture", CauseCodes: []string{"OA"}, Decision: decided()})
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.plans.ActivatePlan(w.physician(), &plansv1.ActivatePlanRequest{PlanId: made.GetPlan().GetPlanId()})
		refused(t, err, "CONTRAINDICATED")
	})
}

func TestProfessionOfThePractitioner(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		p := w.active(patient, "physiotherapy")
		r := claimOf(p, session(1, "2027-01-05"))
		r.PractitionerId = masseur
		_, err := w.claim(r)
		refused(t, err, "WRONG_PROFESSION")
		r.Discipline = typev1.Discipline_DISCIPLINE_MASSAGE
		_, err = w.claim(r)
		refused(t, err, "WRONG_DISCIPLINE")
		r.Discipline, r.PractitionerId = typev1.Discipline_DISCIPLINE_PHYSIOTHERAPY, "prac_ghost"
		if _, err = w.claim(r); !fault.IsKind(err, fault.NotFound) {
			t.Errorf("an unknown practitioner: %v", err)
		}
		r.PractitionerId = physioA
		if _, err := w.claim(r); err != nil {
			t.Error(err)
		}
	})
}
