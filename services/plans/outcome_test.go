package plans_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

func (w *world) outcomes() plansv1.OutcomeServiceClient {
	return plansv1.NewOutcomeServiceClient(w.served.Conn())
}

// answered records an outcome as the patient and must succeed.
func (w *world) answered(r *plansv1.RecordOutcomeRequest) *plansv1.Outcome {
	w.t.Helper()
	got, err := w.outcomes().RecordOutcome(w.patient(), r)
	if err != nil {
		w.t.Fatalf("RecordOutcome: %v", err)
	}
	return got.GetOutcome()
}

func pains(date string, score float64) *plansv1.RecordOutcomeRequest {
	return &plansv1.RecordOutcomeRequest{PatientId: patient, Instrument: "NPRS", LocalDate: date, Score: &score}
}

func phq4(date string, a, b, c, d int32) *plansv1.RecordOutcomeRequest {
	return &plansv1.RecordOutcomeRequest{
		PatientId: patient, Instrument: "PHQ4", LocalDate: date, Answers: map[string]int32{"phq4_1": a, "phq4_2": b, "phq4_3": c, "phq4_4": d},
	}
}

// ask T9: a progress chart with the change that matters, from scored answers.
func TestOutcomesAreScoredAndCharted(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.answered(pains("2026-12-01", 7))
		w.answered(pains("2026-12-15", 6))
		r := pains("2027-01-04", 4)
		r.RequestId = "o1"
		last := w.answered(r)
		if again := w.answered(r); again.GetOutcomeId() != last.GetOutcomeId() {
			t.Error("a retry made another outcome")
		}
		want := &plansv1.OutcomeChange{Baseline: 7, BaselineDate: "2026-12-01", Improvement: 3, ImprovementPercent: 42.86, Verdict: "BETTER"}
		if !proto.Equal(last.GetChange(), want) || last.GetBand() != "MODERATE" || last.GetAnsweredBy() != "PATIENT" {
			t.Errorf("%v", last)
		}
		chart, err := w.outcomes().GetOutcomeChart(w.physio(), &plansv1.GetOutcomeChartRequest{PatientId: patient, Instrument: "NPRS"})
		if err != nil || len(chart.GetPoints()) != 3 || chart.GetMeaningfulScore() != 5 || !proto.Equal(chart.GetChange(), want) {
			t.Errorf("%v, %v", chart, err)
		}
		mood := w.answered(phq4("2027-01-04", 3, 2, 1, 1))
		if mood.GetScore() != 7 || mood.GetBand() != "MODERATE" || mood.GetSubscales()["anxiety"] != 5 || strings.Join(mood.GetPositive(), ",") != "anxiety" {
			t.Errorf("PHQ-4 %v", mood)
		}
		w.answered(phq4("2027-01-04", 3, 3, 3, 0)) // R13: severe
		refs, err := w.refs().ListReferrals(w.physician(), &plansv1.ListReferralsRequest{PatientId: patient})
		if err != nil || len(refs.GetReferrals()) != 1 || refs.GetReferrals()[0].GetTarget() != "MENTAL_HEALTH" {
			t.Errorf("R13: referrals %v, %v", refs, err)
		}
		list, err := w.outcomes().ListOutcomes(w.patient(), &plansv1.ListOutcomesRequest{PatientId: patient, Instrument: "NPRS", PageSize: 2})
		if err != nil || len(list.GetOutcomes()) != 2 || list.GetOutcomes()[0].GetScore() != 4 {
			t.Fatalf("%v, %v", list, err)
		}
		rest, err := w.outcomes().ListOutcomes(w.patient(), &plansv1.ListOutcomesRequest{PatientId: patient, Instrument: "NPRS", PageSize: 2, PageToken: list.GetNextPageToken()})
		if err != nil || len(rest.GetOutcomes()) != 1 || rest.GetNextPageToken() != "" {
			t.Errorf("%v, %v", rest, err)
		}
		// What was entered in error counts no more: the next one is the baseline.
		first := rest.GetOutcomes()[0]
		void := &plansv1.VoidOutcomeRequest{PatientId: patient, OutcomeId: first.GetOutcomeId(), Etag: "9", Reason: "typed wrong"}
		_, err = w.outcomes().VoidOutcome(w.physio(), void)
		refused(t, err, "VERSION_MISMATCH")
		void.Etag = first.GetEtag()
		got, err := w.outcomes().VoidOutcome(w.physio(), void)
		if o := got.GetOutcome(); err != nil || !o.GetEnteredInError() || o.GetVoidReason() != "typed wrong" || o.GetVoidedBy() == "" || o.GetVoidTime() == nil {
			t.Errorf("%v, %v", got, err)
		}
		void.Etag, void.Reason = got.GetOutcome().GetEtag(), "another reason" // the first one stands
		_, err = w.outcomes().VoidOutcome(w.physio(), void)
		refused(t, err, "ALREADY_IN_ERROR")
		seen, err := w.outcomes().ListOutcomes(w.patient(), &plansv1.ListOutcomesRequest{PatientId: patient, Instrument: "NPRS"})
		if o := seen.GetOutcomes()[2]; err != nil || len(seen.GetOutcomes()) != 3 || o.GetOutcomeId() != first.GetOutcomeId() || !o.GetEnteredInError() || o.GetVoidReason() != "" {
			t.Errorf("the patient sees %v, %v", seen, err)
		}
		_, err = w.outcomes().VoidOutcome(w.patient(), void)
		refused(t, err, "ACCESS_DENIED")
		chart, err = w.outcomes().GetOutcomeChart(w.patient(), &plansv1.GetOutcomeChartRequest{PatientId: patient, Instrument: "NPRS"})
		if err != nil || len(chart.GetPoints()) != 2 || chart.GetChange().GetBaseline() != 6 {
			t.Errorf("%v, %v", chart, err)
		}
	})
}

// Instruments carry their licence, and the wording of one that may not be passed on is not
// here: clinicians enter its score.
func TestInstrumentsAndScoreEntry(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		got, err := w.outcomes().ListInstruments(w.patient(), &plansv1.ListInstrumentsRequest{})
		if err != nil || len(got.GetInstruments()) != 10 {
			t.Fatalf("%v, %v", got, err)
		}
		for _, i := range got.GetInstruments() {
			if i.GetLicence() == "" || i.GetMayRedistribute() != (len(i.GetItems()) > 0) || i.GetScoreEntry() == i.GetMayRedistribute() {
				t.Errorf("%v", i)
			}
		}
		r := &plansv1.RecordOutcomeRequest{PatientId: patient, Instrument: "NDI", Score: proto.Float64(22)}
		_, err = w.outcomes().RecordOutcome(w.patient(), r)
		if f := refused(t, err, "CLINICIAN_REQUIRED"); f.Kind != fault.PermissionDenied {
			t.Errorf("%s", f.Kind)
		}
		made, err := w.outcomes().RecordOutcome(w.physio(), r)
		if err != nil || made.GetOutcome().GetBand() != "MODERATE" || made.GetOutcome().GetAnsweredBy() != "CLINICIAN" {
			t.Errorf("%v, %v", made, err)
		}
		r.Score, r.Answers = nil, map[string]int32{"a": 1}
		_, err = w.outcomes().RecordOutcome(w.physio(), r)
		refused(t, err, "SCORE_ENTRY_ONLY")
	})
}

func TestOutcomesRefuseWhatCannotBe(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		for name, c := range map[string]struct {
			r     *plansv1.RecordOutcomeRequest
			field string
		}{
			"tomorrow":          {pains("2027-01-05", 3), "local_date"},
			"no such day":       {pains("2027-02-30", 3), "local_date"},
			"pain 11":           {pains("", 11), "score"},
			"half":              {pains("", 3.5), "score"},
			"PHQ-4 item":        {phq4("", 0, 4, 0, 0), "answers.phq4_2"},
			"no instrument":     {&plansv1.RecordOutcomeRequest{PatientId: patient}, "instrument"},
			"no patient":        {&plansv1.RecordOutcomeRequest{Instrument: "NPRS"}, "patient_id"},
			"activity, no name": {&plansv1.RecordOutcomeRequest{PatientId: patient, Instrument: "NAMED_ACTIVITY", Activities: []*plansv1.NamedActivity{{Score: 1}}}, "activities[0].name"},
			"activity at 11":    {&plansv1.RecordOutcomeRequest{PatientId: patient, Instrument: "NAMED_ACTIVITY", Activities: []*plansv1.NamedActivity{{Name: "walk", Score: 11}}}, "activities[0].score"},
		} {
			_, err := w.outcomes().RecordOutcome(w.physio(), c.r)
			if f := refused(t, err, "INVALID_ARGUMENT"); len(f.Fields) == 0 || f.Fields[0].Field != c.field {
				t.Errorf("%s: fields %v, want %s", name, f.Fields, c.field)
			}
		}
		p := w.active("pat_other", "acupuncture")
		for name, change := range map[string]func(*plansv1.RecordOutcomeRequest){
			"instrument":             func(r *plansv1.RecordOutcomeRequest) { r.Instrument = "SF36" },
			"plan":                   func(r *plansv1.RecordOutcomeRequest) { r.PlanId = "pln_x" },
			"another patient's plan": func(r *plansv1.RecordOutcomeRequest) { r.PlanId = p.GetPlanId() },
			"another patient":        func(r *plansv1.RecordOutcomeRequest) { r.PatientId = "pat_other" },
		} {
			r := pains("", 3)
			change(r)
			if _, err := w.outcomes().RecordOutcome(w.patient(), r); !fault.IsKind(err, fault.NotFound) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if n := w.rows(`SELECT count(*) FROM outcomes`); n != 0 {
			t.Errorf("%d outcomes were kept", n)
		}
	})
}

// A plan says when to ask again.
func TestOutcomeSchedule(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		made, err := w.plans.CreatePlan(w.physio(), &plansv1.CreatePlanRequest{PatientId: patient, TemplateId: "physiotherapy", CauseCodes: []string{"OA"}, Decision: decided()})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.plans.ActivatePlan(w.physio(), &plansv1.ActivatePlanRequest{PlanId: made.GetPlan().GetPlanId()}); err != nil {
			t.Fatal(err)
		}
		due := func() (out []string) {
			got, err := w.outcomes().ListDueOutcomes(w.patient(), &plansv1.ListDueOutcomesRequest{PatientId: patient})
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range got.GetDue() {
				out = append(out, fmt.Sprint(d.GetInstrument(), " week ", d.GetWeek(), " ", d.GetDueDate(), " ", d.GetDue()))
			}
			return out
		}
		want := []string{"NPRS week 0 2027-01-04 true", "NAMED_ACTIVITY week 0 2027-01-04 true", "PHQ4 week 0 2027-01-04 true"}
		if diff := cmp.Diff(want, due()); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		w.answered(pains("", 6))
		w.answered(phq4("", 0, 0, 0, 0))
		want = []string{"NAMED_ACTIVITY week 0 2027-01-04 true", "NPRS week 3 2027-01-25 false", "PHQ4 week 6 2027-02-15 false"}
		if diff := cmp.Diff(want, due()); diff != "" {
			t.Errorf("after two answers (-want +got)\n%s", diff)
		}
	})
}

// F102, ask T15: six sessions that have changed nothing ask for a review before the next
// claim; with the review it goes on, and with a change that matters it was never asked.
func TestF102StopRuleBeforeTheNextClaim(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		p := w.active(patient, "physiotherapy")
		deliver := func(from, to int) {
			for i := from; i <= to; i++ {
				r := claimOf(p, session(i, daysAfter("2026-12-05", 3*i)))
				if _, err := w.claim(r); err != nil {
					t.Fatalf("session %d: %v %v", i, err, fault.From(err).Facts)
				}
				w.booking.complete(fact(r, r.GetSessions()[0]))
				w.heard(w.booking.producer)
			}
		}
		w.answered(pains("2026-12-01", 6)) // before the plan's own first day would count too
		deliver(1, 5)
		w.answered(pains("2026-12-22", 6))
		deliver(6, 6)
		next := claimOf(p, session(7, "2026-12-27"))
		_, err := w.claim(next)
		if f := refused(t, err, "REVIEW_DUE"); f.Facts["rule"] != "NO_MEANINGFUL_CHANGE" || f.Facts["delivered"] != "6" {
			t.Errorf("facts %v", f.Facts)
		}
		if open := w.open(patient); len(open) != 1 || open[0].GetRule() != "REVIEW_DUE" || !w.plan(p.GetPlanId()).GetCourses()[0].GetReviewDue() {
			t.Errorf("issues %v", open)
		}
		course := p.GetCourses()[0].GetCourseId()
		if _, err := w.plans.RecordReview(w.physio(), &plansv1.RecordReviewRequest{PlanId: p.GetPlanId(), CourseId: course, Outcome: "CONTINUE", Etag: w.plan(p.GetPlanId()).GetEtag()}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.claim(next); err != nil {
			t.Errorf("after the review: %v", err)
		}
		if open := w.open(patient); len(open) != 0 {
			t.Errorf("the review has left %v", open)
		}
	})
}
