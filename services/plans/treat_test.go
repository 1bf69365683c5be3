package plans_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/plans"
	"github.com/upright-clinic/upright/services/platform/clock"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// treatRows are all facts of clinical reference 1 that are about treatment plans.
var treatRows = strings.Fields(`F008 F010 F012 F013 F107 F108 F111 F112 F120 F121 F122 F124 F125 F126 F127 F128 F129 F130 F131 F132
	F140 F141 F142 F143 F144 F145 F150 F151 F152 F153 F154 F156 F160 F161 F170 F180 F181 F182`)

// treatElsewhere are those whose behaviour another part has, and which.
var treatElsewhere = map[string]string{
	"F008": "intake: suggestions", "F012": "intake: grade and suggestions", "F130": "intake: suggestions", "F140": "intake: suggestions",
	"F150": "intake: suggestions", "F160": "intake: suggestions", "F170": "intake: suggestions",
	"F107": "plans: examinations", "F108": "plans: examinations", "F132": "plans: session notes", "F156": "plans: session notes",
	"F151": "plans: home programme", "F111": "plans: surgery gate, and intake: X-MANIP-6", "F112": "plans: surgery gate",
}

// TestTreatRows tells the service each fact in the words of its acceptance.
func TestTreatRows(t *testing.T) {
	t.Parallel()
	for _, d := range []sqldb.Dialect{sqldb.SQLite, sqldb.Postgres} {
		t.Run(string(d), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, d, start, plans.Config{})
			w.run()
			rows := w.treatPlans()
			for id, f := range w.treatInjections() {
				rows[id] = f
			}
			for _, id := range treatRows {
				f, here := rows[id]
				if _, elsewhere := treatElsewhere[id]; here == elsewhere {
					t.Errorf("%s is here %v, elsewhere %v", id, here, elsewhere)
				}
				if here {
					t.Run(id, func(t *testing.T) {
						w.t = t
						f(t, "pat_"+strings.ToLower(id))
					})
				}
			}
		})
	}
}

// draft makes a draft as a physiotherapist, or as a physician when it has an injection.
func (w *world) draft(patientID, template string, change func(*plansv1.CreatePlanRequest)) (*plansv1.Plan, error) {
	r := &plansv1.CreatePlanRequest{PatientId: patientID, TemplateId: template, CauseCodes: []string{"NONSPECIFIC"}, Decision: decided()}
	if change != nil {
		change(r)
	}
	got, err := w.plans.CreatePlan(w.physician(), r)
	return got.GetPlan(), err
}

func (w *world) activate(p *plansv1.Plan) error {
	return errOf(w.plans.ActivatePlan(w.physician(), &plansv1.ActivatePlanRequest{PlanId: p.GetPlanId()}))
}

// own are sessions of a patient of the table: their ids are in no other row.
func own(patientID string, n int, date string) *plansv1.SessionClaim {
	s := session(n, date)
	s.EntitlementId += patientID
	s.AppointmentId += patientID
	return s
}

type row = func(t *testing.T, patientID string)

//nolint:funlen // a table
func (w *world) treatPlans() map[string]row {
	invalid := func(t *testing.T, err error, field string) {
		t.Helper()
		if f := refused(t, err, "INVALID_ARGUMENT"); !strings.HasPrefix(f.Fields[0].Field, field) {
			t.Errorf("fields %v, want %s", f.Fields, field)
		}
	}
	return map[string]row{
		"F013": func(t *testing.T, id string) {
			p, err := w.draft(id, "physiotherapy", func(r *plansv1.CreatePlanRequest) { r.CauseCodes = nil })
			if err != nil {
				t.Fatal(err)
			}
			if f := refused(t, w.activate(p), "CAUSE_REQUIRED"); f.Kind != fault.FailedPrecondition {
				t.Errorf("kind %v", f.Kind)
			}
			if p, err = w.draft(id, "physiotherapy", nil); err != nil || w.activate(p) != nil {
				t.Errorf("NONSPECIFIC is not enough: %v", err)
			}
		},
		"F131": func(t *testing.T, id string) {
			p := w.active(id, "massage")
			s := own(id, 1, "2027-01-05")
			s.DurationMinutes = 60
			if f := refused(t, errOf(w.claim(claimOf(p, s))), "SESSION_LENGTH"); f.Facts["minutes"] != "30" || f.Kind != fault.FailedPrecondition {
				t.Errorf("facts %v", f.Facts)
			}
			s.DurationMinutes = 30
			w.granted(p, s)
			later := own(id, 2, "2027-01-12")
			later.DurationMinutes = 60
			w.granted(p, later)
		},
		"F141": func(t *testing.T, id string) {
			p, err := w.draft(id, "chiropractic", nil)
			if err != nil || w.activate(p) != nil {
				t.Fatal(err)
			}
			texts := w.plan(p.GetPlanId()).GetCourses()[0].GetInformation()
			if !slices.ContainsFunc(texts, func(i *plansv1.CourseInformation) bool { return strings.Contains(i.GetText(), "popping sound") }) {
				t.Errorf("texts %v", texts)
			}
		},
		"F142": func(t *testing.T, id string) {
			p, err := w.draft(id, "physiotherapy", func(r *plansv1.CreatePlanRequest) {
				r.Courses = []*plansv1.CourseSpec{{CourseId: "physiotherapy", Procedures: []string{"TRACTION"}}}
			})
			if err != nil || w.activate(p) != nil {
				t.Fatal(err)
			}
			if got := w.plan(p.GetPlanId()).GetCourses()[0].GetProcedures(); len(got) != 1 || !strings.Contains(got[0].GetEvidenceNote(), "NG59") {
				t.Errorf("clinicians see %v", got)
			}
			seen, err := w.plans.GetPlan(w.reception(), &plansv1.GetPlanRequest{PlanId: p.GetPlanId()})
			if err != nil || seen.GetPlan().GetCourses()[0].GetProcedures()[0].GetEvidenceNote() != "" {
				t.Errorf("reception sees %v, %v", seen, err)
			}
		},
		"F143": func(t *testing.T, id string) {
			p, err := w.draft(id, "chiropractic", func(r *plansv1.CreatePlanRequest) { r.StartDate = "2026-01-01"; r.ExpireDate = "2027-12-31" })
			if err != nil || w.activate(p) != nil {
				t.Fatal(err)
			}
			for n := range 5 {
				if n == 3 { // the review after the third lets the course go on to its end
					if _, err := w.plans.RecordReview(w.physician(), &plansv1.RecordReviewRequest{PlanId: p.GetPlanId(), Outcome: "CONTINUE"}); err != nil {
						t.Fatal(err)
					}
				}
				r := claimOf(p, own(id, n, fmt.Sprintf("2026-11-%02d", 2+2*n)))
				w.granted(p, r.GetSessions()[0])
				w.booking.book(fact(r, r.GetSessions()[0]))
				w.booking.complete(fact(r, r.GetSessions()[0]))
				w.heard(w.booking.producer)
			}
			sixth := claimOf(p, own(id, 6, "2027-01-05"))
			if f := fault.From(errOf(w.claim(sixth))); f.Kind != fault.FailedPrecondition || f.Reason != "PLAN_LIMIT" {
				t.Errorf("the sixth: %v", f)
			}
			if _, err := w.plans.RecordReview(w.physician(), &plansv1.RecordReviewRequest{PlanId: p.GetPlanId(), Outcome: "EXTEND", AdditionalSessions: 1}); err != nil {
				t.Fatal(err)
			}
			w.granted(p, sixth.GetSessions()[0])
		},
		"F144": func(t *testing.T, id string) {
			_, err := w.draft(id, "", func(r *plansv1.CreatePlanRequest) { r.Courses = []*plansv1.CourseSpec{{Discipline: "CHIROPRACTIC"}} })
			invalid(t, err, "goals")
			_, err = w.draft(id, "", func(r *plansv1.CreatePlanRequest) {
				r.Courses = []*plansv1.CourseSpec{{Discipline: "CHIROPRACTIC"}}
				r.Goals = []*plansv1.Goal{{Code: "MOBILITY"}, {Code: "STRAIN"}}
			})
			if err != nil {
				t.Errorf("with goals: %v", err)
			}
		},
		"F145": func(t *testing.T, id string) {
			_, err := w.draft(id, "chiropractic", func(r *plansv1.CreatePlanRequest) { r.CauseCodes = []string{"TUMOUR"} })
			invalid(t, err, "cause_codes")
			for _, cause := range []string{"POSTURE", "ALIGNMENT"} {
				if _, err := w.draft(id, "chiropractic", func(r *plansv1.CreatePlanRequest) { r.CauseCodes = []string{cause} }); err != nil {
					t.Errorf("%s: %v", cause, err)
				}
			}
		},
		"F152": func(t *testing.T, id string) {
			p := w.active(id, "physiotherapy")
			w.granted(p, own(id, 1, "2027-01-04"), own(id, 2, "2027-01-06"), own(id, 3, "2027-01-08"))
			fourth := claimOf(p, own(id, 4, "2027-01-10")) // Sunday of the same ISO week
			if f := refused(t, errOf(w.claim(fourth)), "PLAN_FREQUENCY"); f.Facts["next_eligible_date"] != "2027-01-11" || f.Facts["rule"] != "PER_WEEK_MAX" {
				t.Errorf("facts %v", f.Facts)
			}
			w.granted(p, own(id, 5, "2027-01-11"), own(id, 6, "2027-01-25"), own(id, 7, "2027-01-27"))
			if got := w.plan(p.GetPlanId()).GetCourses()[0].GetThinWeeks(); !slices.Equal(got, []string{"2027-W02", "2027-W03"}) {
				t.Errorf("weeks with fewer than two: %v", got)
			}
		},
		"F153": func(t *testing.T, id string) {
			_, err := w.draft(id, "", func(r *plansv1.CreatePlanRequest) {
				r.Courses = []*plansv1.CourseSpec{{Discipline: "PHYSIOTHERAPY", Weeks: 10}}
			})
			invalid(t, err, "courses[0].weeks")
			for _, n := range []int32{7, 25} {
				_, err = w.draft(id, "physiotherapy", func(r *plansv1.CreatePlanRequest) {
					r.Courses = []*plansv1.CourseSpec{{CourseId: "physiotherapy", Sessions: n}}
				})
				invalid(t, err, "courses[0].sessions")
			}
		},
		"F154": func(t *testing.T, id string) {
			w.intake.set(t, &intakev1.BookingGate{PatientId: id, Version: 1, BlockedModalities: []*intakev1.ModalityBlock{
				{Modality: "ELECTROTHERAPY", ContraindicationIds: []string{"X-ELEC-1"}},
			}})
			p, err := w.draft(id, "physiotherapy", func(r *plansv1.CreatePlanRequest) {
				r.Courses = []*plansv1.CourseSpec{{CourseId: "physiotherapy", Procedures: []string{"EMS"}}}
			})
			if err != nil {
				t.Fatal(err)
			}
			if f := refused(t, w.activate(p), "CONTRAINDICATED"); f.Facts["blocking"] != "X-ELEC-1" {
				t.Errorf("facts %v", f.Facts)
			}
			if plain, err := w.draft(id, "physiotherapy", nil); err != nil || w.activate(plain) != nil {
				t.Errorf("without EMS: %v", err)
			}
		},
		"F161": func(t *testing.T, id string) {
			texts := w.active(id, "acupuncture").GetCourses()[0].GetInformation()
			for _, i := range texts {
				if strings.Contains(i.GetText(), "chi") != (i.GetLabel() == "TRADITIONAL") {
					t.Errorf("text %v", i)
				}
			}
			if len(texts) < 2 {
				t.Errorf("texts %v", texts)
			}
		},
		"F180": func(t *testing.T, id string) {
			p, err := w.draft(id, "facet_joint_injection", func(r *plansv1.CreatePlanRequest) {
				r.CauseCodes, r.Decision.StepUpReason = []string{"FACET"}, ""
			})
			if err != nil {
				t.Fatal(err)
			}
			if f := refused(t, w.activate(p), "STEP_UP_REASON_REQUIRED"); f.Kind != fault.FailedPrecondition || f.Facts["step"] != "INJECTION" {
				t.Errorf("%v, facts %v", f, f.Facts)
			}
		},
		"F181": func(t *testing.T, id string) {
			p, err := w.draft(id, "physiotherapy", func(r *plansv1.CreatePlanRequest) { r.Decision = nil })
			if err != nil {
				t.Fatal(err)
			}
			if f := refused(t, w.activate(p), "DECISION_REQUIRED"); f.Kind != fault.FailedPrecondition {
				t.Errorf("kind %v", f.Kind)
			}
		},
		"F182": func(t *testing.T, id string) {
			made, err := w.plans.CreatePlanTemplate(w.physio(), &plansv1.CreatePlanTemplateRequest{Template: ours()})
			if err != nil {
				t.Fatal(err)
			}
			p, err := w.draft(id, made.GetTemplate().GetTemplateId(), nil)
			if err != nil {
				t.Fatal(err)
			}
			before := w.plan(p.GetPlanId())
			next := ours()
			next.Courses[0].Sessions = 12
			if _, err := w.plans.UpdatePlanTemplate(w.physio(), &plansv1.UpdatePlanTemplateRequest{TemplateId: made.GetTemplate().GetTemplateId(), Etag: "1", Template: next}); err != nil {
				t.Fatal(err)
			}
			if !proto.Equal(before, w.plan(p.GetPlanId())) {
				t.Errorf("the plan changed with its template")
			}
		},
	}
}

//nolint:funlen // a table
func (w *world) treatInjections() map[string]row {
	return map[string]row{
		"F010": func(t *testing.T, id string) {
			_, err := w.draft(id, "facet_joint_injection", func(r *plansv1.CreatePlanRequest) { r.CauseCodes = []string{"OA"} })
			if f := refused(t, err, "INVALID_ARGUMENT"); f.Fields[0].Field != "cause_codes" {
				t.Errorf("fields %v", f.Fields)
			}
		},
		"F120": func(t *testing.T, id string) {
			r := &plansv1.CreatePlanRequest{PatientId: id, TemplateId: "facet_joint_injection", CauseCodes: []string{"FACET"}, Decision: decided()}
			if f := refused(t, errOf(w.plans.CreatePlan(w.physio(), r)), "PROFESSION_REQUIRED"); f.Kind != fault.PermissionDenied {
				t.Errorf("kind %v", f.Kind)
			}
			got, err := w.plans.CreatePlan(w.physician(), r)
			if err != nil || !slices.Equal(got.GetPlan().GetMissing(), []string{"indication.pain_score", "indication.duration_weeks"}) {
				t.Errorf("%v, %v", got, err)
			}
			r.Indication = &plansv1.Indication{PainScore: 8, DurationWeeks: 20}
			if got, err = w.plans.CreatePlan(w.physician(), r); err != nil || len(got.GetPlan().GetMissing()) != 0 || got.GetPlan().GetIndication().GetPainScore() != 8 {
				t.Errorf("%v, %v", got, err)
			}
		},
		"F121": func(t *testing.T, id string) {
			r := complete(id, "2027-01-04")
			r.Guidance = "ULTRASOUND"
			if f := refused(t, errOf(w.injections.RecordInjection(w.physician(), r)), "INVALID_ARGUMENT"); f.Fields[0].Field != "guidance" {
				t.Errorf("fields %v", f.Fields)
			}
		},
		"F122": func(t *testing.T, id string) {
			r := complete(id, "2027-01-04")
			r.Drugs = []*plansv1.InjectedDrug{{Drug: "lidocaine", DoseMg: 10, Lot: "L1"}, {Drug: "methylprednisolone", Lot: "M1"}}
			if f := refused(t, errOf(w.injections.RecordInjection(w.physician(), r)), "INVALID_ARGUMENT"); f.Fields[0].Field != "drugs[1].dose_mg" {
				t.Errorf("fields %v", f.Fields)
			}
			r.Drugs[1].DoseMg = 40
			w.recorded(r)
			got, err := w.injections.GetSteroidLedger(w.physician(), &plansv1.GetSteroidLedgerRequest{PatientId: id})
			if err != nil || got.GetTotals()[0].GetMethylprednisoloneMg() != 40 {
				t.Errorf("%v, %v", got, err)
			}
		},
		"F124": func(t *testing.T, id string) {
			due := map[string]string{}
			for _, f := range w.recorded(complete(id, "2027-01-04")).GetFollowUps() {
				due[f.GetCode()] = f.GetDueDate()
			}
			if due["WEEKS_2"] != "2027-01-18" || due["WEEKS_6"] != "2027-02-15" || due["WEEKS_12"] != "2027-03-29" {
				t.Errorf("check-ins %v", due)
			}
		},
		"F125": func(t *testing.T, id string) {
			for _, d := range []string{"2027-01-10", "2027-02-10", "2027-03-10"} {
				w.external(id, d)
			}
			p := w.active(id, "facet_joint_injection")
			if f := refused(t, errOf(w.claim(claimOf(p, own(id, 1, "2027-07-09")))), "INJECTION_LIMIT"); f.Facts["next_eligible_date"] != "2027-07-10" {
				t.Errorf("facts %v", f.Facts)
			}
			w.granted(p, own(id, 2, "2027-07-10"))
		},
		"F126": func(t *testing.T, id string) { w.checkedIn(t, id, "2027-01-03", "HOURS_24", "SAME", "WAIT", "") },
		"F127": func(t *testing.T, id string) {
			w.checkedIn(t, id, "2027-01-01", "HOURS_72", "WORSE", "WAIT", "")
			w.checkedIn(t, id+"_late", "2026-12-29", "DAY_3", "WORSE", "SAME_DAY", "WORSE_AFTER_DAY_3")
		},
		"F128": func(t *testing.T, id string) {
			made := w.recorded(complete(id, "2027-01-04"))
			got, err := w.injections.RecordAdverseEvent(w.physio(), &plansv1.RecordAdverseEventRequest{
				PatientId: id, InjectionId: made.GetInjectionId(), Code: "MUSCLE_ATROPHY", LocalDate: "2027-01-04",
			})
			if err != nil || got.GetInjection().GetAdverseEvents()[0].GetCode() != "MUSCLE_ATROPHY" {
				t.Errorf("%v, %v", got, err)
			}
		},
		"F129": func(t *testing.T, id string) {
			q := complete(id, "2027-01-03")
			q.PainBefore, q.PainAfter = proto.Int32(8), proto.Int32(2)
			made := w.recorded(q)
			got, err := w.injections.GetInjectionRelief(w.physio(), &plansv1.GetInjectionReliefRequest{PatientId: id, InjectionId: made.GetInjectionId()})
			if err != nil || !got.GetAnaestheticRelief() || got.GetReliefDays() != 0 || got.GetFirstReliefDate() != "" {
				t.Errorf("%v, %v", got, err)
			}
			texts := w.active(id, "facet_joint_injection").GetCourses()[0].GetInformation()
			if len(texts) == 0 || !strings.Contains(texts[0].GetText(), "second or third day") {
				t.Errorf("texts %v", texts)
			}
		},
	}
}

// checkedIn records an injection, answers a check-in on 4 January 2027, and checks what the
// patient is told and what a clinician is.
func (w *world) checkedIn(t *testing.T, id, date, code, course, advice, finding string) {
	t.Helper()
	r := answerOf(w.recorded(complete(id, date)), code)
	r.Course, r.Pain = course, proto.Int32(8)
	got, err := w.injections.AnswerInjectionCheckIn(w.physio(), r)
	if err != nil || got.GetAdvice() != advice {
		t.Fatalf("%v, %v", got, err)
	}
	open := w.open(id)
	if finding == "" && len(open) != 0 || finding != "" && (len(open) != 1 || !slices.Contains(open[0].GetCodes(), finding)) {
		t.Errorf("issues %v, want %q", open, finding)
	}
}

// F162: a credential that has expired by the date gives no session.
func TestCredentials(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		p := w.active(patient, "acupuncture")
		r := claimOf(p, session(1, "2027-01-05"))
		r.PractitionerId = needler
		if _, err := w.claim(r); err != nil {
			t.Fatal(err)
		}
		late := claimOf(p, session(2, "2027-02-01"))
		late.PractitionerId = needler
		if f := refused(t, errOf(w.claim(late)), "CREDENTIAL_EXPIRED"); f.Facts["expire_date"] != "2027-01-31" {
			t.Errorf("facts %v", f.Facts)
		}
		none := claimOf(p, session(3, "2027-01-12"))
		none.PractitionerId = physioA
		refused(t, errOf(w.claim(none)), "CREDENTIAL_MISSING")
	})
}

// Facts change after booking: every session to come that they concern is flagged within a
// second, also one in which only a part of the session is forbidden.
func TestFactsFlagWithinASecond(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		within := func(id string) bool {
			made, err := w.draft(id, "physiotherapy_massage", func(r *plansv1.CreatePlanRequest) {
				r.StartDate, r.ExpireDate = "2027-01-01", "2027-06-30"
				r.Courses = []*plansv1.CourseSpec{{CourseId: "physiotherapy", Procedures: []string{"EMS"}}, {CourseId: "massage"}}
			})
			if err != nil || w.activate(made) != nil {
				t.Fatal(err)
			}
			var sessions []*plansv1.SessionClaim
			for n := range 8 {
				sessions = append(sessions, own(id, n, daysAfter("2027-01-04", 4*n)))
			}
			physio := claimOf(made, sessions...)
			massage := claimOf(made, own(id, 100, "2027-01-05"))
			massage.CourseId, massage.Discipline = made.GetCourses()[1].GetCourseId(), typev1.Discipline_DISCIPLINE_MASSAGE
			for _, r := range []*plansv1.ClaimSessionsRequest{physio, massage} {
				if _, err := w.claim(r); err != nil {
					t.Fatal(err)
				}
				for _, s := range r.GetSessions() {
					w.booking.book(fact(r, s))
				}
			}
			w.heard(w.booking.producer)
			begin := clock.System.Now()
			w.intake.set(t, &intakev1.BookingGate{
				PatientId: id, Version: 1,
				Blocked:           []*intakev1.GateBlock{{Discipline: typev1.Discipline_DISCIPLINE_MASSAGE, ContraindicationIds: []string{"X-MASS-1"}}},
				BlockedModalities: []*intakev1.ModalityBlock{{Modality: "ELECTROTHERAPY", ContraindicationIds: []string{"X-ELEC-1"}}},
			})
			flagged := func() int {
				n := 0
				for _, i := range w.open(id) {
					n += len(i.GetAppointments())
				}
				return n
			}
			w.until("every session is flagged", func() bool { return flagged() == 9 })
			return clock.System.Now().Sub(begin) < time.Second
		}
		for n := range 5 { // a machine that is busy with other tests may need a second try
			if within(fmt.Sprintf("pat_second%d", n)) {
				return
			}
		}
		t.Error("five patients, and never was all flagged within a second")
	})
}
